//! Configurations, and what they mean or what is wrong with them.

use super::*;
#[cfg(feature = "git")]
use crate::verify::Mode;

fn check(json: &str) -> Result<Settings, Vec<(String, String)>> {
    let config: Config = serde_json::from_str(json).map_err(|error| vec![(String::new(), error.to_string())])?;
    config.check(Path::new("/base")).map_err(|faults| {
        faults
            .iter()
            .map(|fault| (fault.pointer().to_owned(), fault.summary().to_owned()))
            .collect()
    })
}

#[test]
fn paths_begin_at_the_base_directory() {
    let settings =
        check(r#"{"source": ["./a", "/b/c.tar.gz//sub"], "localRoot": "jail", "cacheDir": "cache"}"#).unwrap();
    let scopes: Vec<_> = settings.targets.iter().map(|target| target.scope.id()).collect();
    assert_eq!(scopes, ["file:///base/a", "file:///b/c.tar.gz//sub"]);
    assert_eq!(settings.access.local_root.as_deref(), Some(Path::new("/base/jail")));
    assert_eq!(settings.cache_dir.as_deref(), Some(Path::new("/base/cache")));
    assert_eq!(settings.interval, Duration::from_mins(1));
}

#[test]
fn faults_name_their_field() {
    for (json, pointer, part) in [
        ("{}", "/source", "no address"),
        (r#"{"source": ["/a", ""]}"#, "/source/1", "empty"),
        (r#"{"source": ["/a", "/a"]}"#, "/source/1", "twice"),
        (r#"{"source": "hg::ssh://hg@h.org/r"}"#, "/source", "not supported"),
        (r#"{"source": "/a//../b"}"#, "/source", "sub-directory"),
        (r#"{"source": "/a", "untrusted": true}"#, "/source", "untrusted"),
        (
            r#"{"source": "/a", "interval": "10ms"}"#,
            "/interval",
            "between 1s and 24h",
        ),
        (r#"{"source": "/a", "include": []}"#, "/include", "no pattern"),
        (r#"{"source": "/a", "exclude": ["a["]}"#, "/exclude/0", "a["),
        (r#"{"source": "/a", "maxFileBytes": 0}"#, "/maxFileBytes", "between"),
        (
            r#"{"source": "/a", "limits": {"ratio": 0}}"#,
            "/limits/ratio",
            "nothing",
        ),
        (r#"{"source": "/a", "allow": ["ftp"]}"#, "", "ftp"),
        (r#"{"source": "/a", "verified": true}"#, "", "unknown field"),
    ] {
        let faults = check(json).unwrap_err();
        let is_named = faults.iter().any(|(at, said)| at == pointer && said.contains(part));
        assert!(is_named, "{json}: {faults:?}");
    }
}

#[cfg(feature = "git")]
#[test]
fn versions_and_signatures_are_of_repositories() {
    let git = r#""source": "git::https://h.org/r.git""#;
    let by_name = r#""source": "git::https://h.org/r.git?ref=v1""#;
    let by_commit = r#""source": "git::https://h.org/r.git?ref=1234567890123456789012345678901234567890""#;
    let keys = r#""allowedSigners": "./signers""#;
    for (source, rest, pointer, part) in [
        (git, r#""semver": "one""#, "/semver", "no comparison"),
        (by_name, r#""semver": "1""#, "/semver", "`ref`"),
        (r#""source": "/a""#, r#""semver": "1""#, "/semver", "only a repository"),
        (git, r#""verify": {"mode": "Tag"}"#, "/verify", "nobody is trusted"),
        (git, r#""verify": {"mode": "HEAD"}"#, "/verify", "nobody is trusted"),
        (git, r#""verify": {}"#, "/verify", "nobody is trusted"),
        (
            r#""source": "/a""#,
            r#""verify": {"keyring": "k"}"#,
            "/verify",
            "only a repository",
        ),
    ] {
        let faults = check(&format!("{{{source}, {rest}}}")).unwrap_err();
        let is_named = faults.iter().any(|(at, said)| at == pointer && said.contains(part));
        assert!(is_named, "{rest}: {faults:?}");
    }
    for (source, mode, is_right) in [
        (git, "HEAD", true),
        (git, "Tag", false),
        (by_commit, "TagAndHEAD", false),
        (by_name, "TagAndHEAD", true),
        (&format!(r#"{git}, "semver": ">=1.2""#), "Tag", true),
    ] {
        let checked = check(&format!(r#"{{{source}, "verify": {{"mode": "{mode}", {keys}}}}}"#));
        assert_eq!(checked.is_ok(), is_right, "{source} {mode}: {checked:?}");
        if let Err(faults) = checked {
            assert_eq!(faults[0].0, "/verify/mode");
        }
    }
    let settings = check(&format!(r#"{{{git}, "verify": {{{keys}}}}}"#)).unwrap();
    let expected = Trust::new(Mode::Head, Some(PathBuf::from("/base/./signers")), None);
    assert_eq!(settings.access.repository.trust, Some(expected));
    let mark = |json: &str| {
        let settings = check(json).unwrap();
        settings.wish_mark(&settings.targets[0])
    };
    let plain = mark(&format!("{{{git}}}"));
    assert_ne!(plain, mark(&format!(r#"{{{git}, "verify": {{{keys}}}}}"#)));
    assert_ne!(plain, mark(&format!(r#"{{{git}, "semver": "1"}}"#)));
}

#[cfg(feature = "net")]
#[test]
fn credentials_are_for_one_server_and_said_in_one_way() {
    let one = r#""source": "https://h.org/a""#;
    for (rest, pointer, part) in [
        (
            r#""credentials": {"token": "t", "netrc": "/n"}"#,
            "/credentials",
            "more than one",
        ),
        (
            r#""credentials": {"password": "p"}"#,
            "/credentials/username",
            "missing",
        ),
        (
            r#""credentials": {"username": "u:p"}"#,
            "/credentials/username",
            "colon",
        ),
        (
            r#""credentials": {"clientCertificate": "c"}"#,
            "/credentials/clientKey",
            "missing",
        ),
        (
            r#""credentials": {"clientKey": "k"}"#,
            "/credentials/clientCertificate",
            "missing",
        ),
        (r#""proxy": "http://u:p@h:1""#, "/proxy", "secrets"),
        (r#""proxy": "ftp://h""#, "/proxy", "proxy"),
    ] {
        let faults = check(&format!("{{{one}, {rest}}}")).unwrap_err();
        let is_named = faults.iter().any(|(at, said)| at == pointer && said.contains(part));
        assert!(is_named, "{rest}: {faults:?}");
    }
    let token = r#""credentials": {"token": "t"}"#;
    assert!(check(&format!("{{{one}, {token}}}")).is_ok());
    let two = r#""source": ["https://h.org/a", "https://i.org/a"]"#;
    let faults = check(&format!("{{{two}, {token}}}")).unwrap_err();
    assert_eq!(faults[0].0, "/credentials");
}

/// The host looks for secrets and paths in the properties themselves.
#[cfg(feature = "net")]
#[test]
fn secrets_and_paths_are_said_where_the_host_looks_for_them() {
    let schema = schemars::SchemaGenerator::default().into_root_schema_for::<Config>();
    for field in ["password", "token", "clientKey"] {
        let pointer = format!("/properties/credentials/properties/{field}/x-k1s-secret");
        assert_eq!(schema.pointer(&pointer), Some(&true.into()), "{field}");
    }
    #[cfg(feature = "webhook")]
    {
        let secret = schema.pointer("/properties/webhook/properties/secret/x-k1s-secret");
        assert_eq!(secret, Some(&true.into()));
        let file = schema.pointer("/properties/webhook/properties/secretFile/x-k1s-path");
        assert!(file.is_some());
    }
    for field in [
        "credentials/properties/netrc",
        "credentials/properties/clientCertificate",
        "verify/properties/allowedSigners",
        "verify/properties/keyring",
        "caFile",
        "cacheDir",
    ] {
        let pointer = format!("/properties/{field}/x-k1s-path");
        assert!(schema.pointer(&pointer).is_some(), "{field}");
    }
}

#[test]
fn s01_a_fault_of_an_address_quotes_nothing_of_it() {
    for address in [
        "https://user:canary@h.org:x/",
        "s3::https://h.org/b?aws_access_key_secret=canary",
        "canary::x",
    ] {
        let faults = check(&format!(r#"{{"source": "{address}"}}"#)).unwrap_err();
        assert!(!format!("{faults:?}").contains("canary"), "{faults:?}");
    }
}

#[test]
fn another_selection_makes_a_snapshot_out_of_date() {
    let mark = |json: &str| {
        let settings = check(json).unwrap();
        settings.wish_mark(&settings.targets[0])
    };
    let base = mark(r#"{"source": "/a"}"#);
    assert_eq!(base, mark(r#"{"source": "/a", "interval": "5s"}"#));
    for other in [
        r#"{"source": "/a", "include": "*.yaml"}"#,
        r#"{"source": "/a", "exclude": "b"}"#,
        r#"{"source": "/a", "maxFileBytes": 5}"#,
        r#"{"source": "/a//b"}"#,
        r#"{"source": "/a?archive=zip"}"#,
    ] {
        assert_ne!(base, mark(other), "{other}");
    }
    // The text of an address leaves its query out, and yet it decides what is there.
    let queried = |query: &str| mark(&format!(r#"{{"source": "https://h.org/raw?{query}"}}"#));
    assert_ne!(queried("file=new.yaml"), queried("file=old.yaml"));
    assert_eq!(queried("file=new.yaml&sig=1"), queried("file=new.yaml&sig=2"));
    let of = |source: &str, user: &str, password: &str| {
        mark(&format!(
            r#"{{"source": "{source}", "credentials": {{"username": "{user}", "password": "{password}"}}}}"#
        ))
    };
    let site = "https://h.org/a";
    assert_ne!(of(site, "ann", "1"), of(site, "bob", "1"));
    assert_eq!(of(site, "ann", "1"), of(site, "ann", "2"));
    // The id of a store's key changes with the key, and what is there does not.
    for store in [
        "s3::https://s3.eu-west-1.amazonaws.com/b/k",
        "azure::https://a.blob.core.windows.net/c/b",
    ] {
        assert_eq!(of(store, "ann", "MQ=="), of(store, "bob", "Mg=="), "{store}");
    }
    let keyed = |id: &str| {
        mark(&format!(
            r#"{{"source": "s3::https://s3.eu-west-1.amazonaws.com/b/k?aws_access_key_id={id}&aws_access_key_secret=1"}}"#
        ))
    };
    assert_eq!(keyed("one"), keyed("two"));
}
