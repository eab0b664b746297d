//! Files of known hosts, as they are found.

use super::*;

const ED25519: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl";
const OTHER: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti";
const ECDSA: &str = "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBEmKSENjQEezOmxkZMy7opKgwFB9nkt5YRrYMjNuG5N87uRgg6CLrbo5wAdT/y6v0mKV0U2w0WZ2YB/++Tpockg=";

fn key(text: &str) -> PublicKey {
    PublicKey::from_openssh(text).unwrap()
}

fn peer(host: &str, port: u16) -> Peer {
    Peer::new(host, port).unwrap()
}

/// What a file says of a server that shows a key.
fn judged(text: &str, peer: &Peer, shown: &str) -> &'static str {
    let directory = std::env::temp_dir();
    let host = host(peer);
    let known = Known {
        lines: about(&host, &directory, text),
        host,
        files: vec![directory],
    };
    match known.judge(&key(shown)) {
        Ok(()) => "known",
        Err(KnownHostsError::Unknown { .. }) => "unknown",
        Err(KnownHostsError::Changed { line: 1, .. }) => "changed",
        Err(KnownHostsError::Revoked { line: 2, .. }) => "revoked",
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn lines_are_about_the_servers_that_they_name() {
    let usual = peer("git.example.com", 22);
    let other_port = peer("git.example.com", 2222);
    for (hosts, peer, expected) in [
        ("git.example.com", &usual, "known"),
        ("GIT.example.com", &usual, "known"),
        ("other,git.example.com", &usual, "known"),
        ("*.example.com", &usual, "known"),
        ("g?t.*.com", &usual, "known"),
        ("*.example.com,!git.example.com", &usual, "unknown"),
        ("example.com", &usual, "unknown"),
        ("git.example.com.evil.com", &usual, "unknown"),
        ("xgit.example.com", &usual, "unknown"),
        ("git.example.com", &other_port, "unknown"),
        ("[git.example.com]:2222", &other_port, "known"),
        ("[git.example.com]:2222", &usual, "unknown"),
        ("[*.example.com]:*", &other_port, "known"),
        ("#git.example.com", &usual, "unknown"),
        ("@cert-authority git.example.com", &usual, "unknown"),
        ("192.0.2.7", &self::peer("192.0.2.7", 22), "known"),
        ("2001:db8::7", &self::peer("[2001:db8::7]", 22), "known"),
        ("[2001:db8::7]:2222", &self::peer("[2001:db8::7]", 2222), "known"),
        // `ssh-keygen -H` of `git.example.com`, and of nothing.
        ("|1|b3RoZXItc2FsdC0xMjM0NTY3ODk=|AAAA", &usual, "unknown"),
        ("|1|%%%|AAAA", &usual, "unknown"),
        ("|1|", &usual, "unknown"),
    ] {
        assert_eq!(
            judged(&format!("{hosts} {ED25519} a comment\n"), peer, ED25519),
            expected,
            "{hosts}"
        );
    }
}

#[test]
fn of_several_keys_one_is_enough_and_a_revoked_one_is_none() {
    let server = peer("h", 22);
    for (text, shown, expected) in [
        (format!("h {ECDSA}\nh {ED25519}"), ED25519, "known"),
        (format!("h {ED25519}\nh {OTHER}"), OTHER, "known"),
        (format!("h {OTHER}"), ED25519, "changed"),
        (format!("h {ECDSA}"), ED25519, "changed"),
        (format!("h {ED25519}\n@revoked * {ED25519}"), ED25519, "revoked"),
        (format!("h {ED25519}\n@revoked h {OTHER}"), ED25519, "known"),
        (format!("x {ED25519}\n@revoked h {OTHER}"), ED25519, "unknown"),
        (
            "h ssh-ed25519 AAAA\nh\n\n \nh ssh-ed25519".to_owned(),
            ED25519,
            "unknown",
        ),
    ] {
        assert_eq!(judged(&text, &server, shown), expected, "{text}");
    }
}

#[test]
fn patterns_match_in_bounded_time() {
    for (pattern, text, is_match) in [
        ("", "", true),
        ("*", "", true),
        ("?", "", false),
        ("a*b*c", "axxbxxc", true),
        ("a*b*c", "axxbxx", false),
        ("*?", "a", true),
        ("**", "ab", true),
    ] {
        assert_eq!(matches(pattern, text), is_match, "{pattern} {text}");
    }
    let pattern = "*a".repeat(1_000);
    assert!(!matches(&format!("{pattern}b"), &"a".repeat(10_000)));
}

#[test]
fn kinds_that_a_server_is_known_by_are_asked_for_first() {
    let kinds = |text: &str| {
        let known = Known {
            host: "h".to_owned(),
            files: Vec::new(),
            lines: about("h", Path::new("f"), text),
        };
        let all = russh::Preferred::DEFAULT.key;
        known.algorithms(&all).first().map(ToString::to_string)
    };
    assert_eq!(kinds("").as_deref(), Some("ssh-ed25519"));
    assert_eq!(kinds(&format!("h {ECDSA}")).as_deref(), Some("ecdsa-sha2-nistp256"));
}

#[test]
fn errors_say_what_to_do() {
    let directory = std::env::temp_dir();
    let none = KnownHosts::file(directory.join("there/is/none"));
    assert!(matches!(none.of(&peer("h", 22)), Err(KnownHostsError::File { .. })));
    let known = KnownHosts::of_user(Some(&directory.join("there/is")))
        .of(&peer("h", 2222))
        .unwrap();
    let said = known.judge(&key(ED25519)).unwrap_err().to_string();
    for part in [
        "[h]:2222",
        "ssh-ed25519 SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU",
        "there/is/.ssh/known_hosts",
        ED25519,
        "credentials.knownHosts",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
}
