//! Whose requests count.

use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue};
use k1s_getter_address::Secret;
use k1s_getter_webhook::{Hook, Refusal, Sender, Word};
use proptest::prelude::*;

/// The example of GitHub's documentation for validating deliveries: secret, body, signature.
const GITHUB: (&str, &str, &str) = (
    "It's a Secret to Everybody",
    "Hello, World!",
    "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
);
/// By `openssl dgst -sha512 -hmac` of the same.
const SHA512: &str = "11ed355a617e98134e842012a7944ccf59c10256cb182357bd7e3a42013ff07c376f8c14cf5cc1923da20b51d64256b2fb8ebbf100aa67a61326f61fea8111bc";

fn hook(sender: Sender, secrets: &[&str]) -> Hook {
    let secrets: Vec<Secret> = secrets.iter().map(|secret| Secret::new(secret)).collect();
    Hook::new(sender, Arc::new(move || secrets.clone()))
}

fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
    let pairs = pairs.iter().map(|(name, value)| {
        let name: HeaderName = name.parse().unwrap();
        (name, HeaderValue::from_str(value).unwrap())
    });
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        headers.append(name, value);
    }
    headers
}

/// Judges requests with these headers, one in a line, and the example's body.
fn judge(sender: Sender, requests: &[(&str, Result<Word, Refusal>)]) {
    let (secret, body, _) = GITHUB;
    for (request, expected) in requests {
        let pairs: Vec<_> = request.lines().map(|line| line.split_once(": ").unwrap()).collect();
        let found = hook(sender, &[secret]).judge(&headers(&pairs), body.as_bytes());
        assert_eq!(&found, expected, "{sender:?} {request}");
    }
}

#[test]
fn github_signs_with_sha_256() {
    let signed = format!("X-Hub-Signature-256: sha256={}", GITHUB.2);
    let upper = format!("X-Hub-Signature-256: sha256={}", GITHUB.2.to_uppercase());
    judge(
        Sender::GitHub,
        &[
            (&signed, Ok(Word::Look)),
            (&upper, Ok(Word::Look)),
            (&format!("{signed}\nX-GitHub-Event: push"), Ok(Word::Look)),
            (&format!("{signed}\nX-GitHub-Event: ping"), Ok(Word::Ping)),
            (&format!("{signed}\n{signed}"), Err(Refusal::Unsigned)),
            (&format!("X-Hub-Signature-256: {}", GITHUB.2), Err(Refusal::Unsigned)),
            (
                "X-Hub-Signature: sha1=01dc10d0c83e72ed246219cdd91669667fe2ca59",
                Err(Refusal::Unsigned),
            ),
            ("X-Gitlab-Token: It's a Secret to Everybody", Err(Refusal::Unsigned)),
            ("", Err(Refusal::Unsigned)),
        ],
    );
}

#[test]
fn gitlab_shows_the_secret() {
    judge(
        Sender::GitLab,
        &[
            ("X-Gitlab-Token: It's a Secret to Everybody", Ok(Word::Look)),
            ("X-Gitlab-Token: It's a Secret to Everybodi", Err(Refusal::Wrong)),
            ("X-Gitlab-Token: It's a Secret", Err(Refusal::Wrong)),
            ("X-Gitlab-Token: ", Err(Refusal::Wrong)),
        ],
    );
}

#[test]
fn gitea_and_its_kin_sign_with_sha_256() {
    let with = |name: &str| format!("{name}: {}", GITHUB.2);
    judge(
        Sender::Gitea,
        &[
            (&with("X-Gitea-Signature"), Ok(Word::Look)),
            (&with("X-Forgejo-Signature"), Ok(Word::Look)),
            (&with("X-Gogs-Signature"), Ok(Word::Look)),
            (&with("X-Signature"), Err(Refusal::Unsigned)),
            (
                &format!("X-Gitea-Signature: sha256={}", GITHUB.2),
                Err(Refusal::Unsigned),
            ),
        ],
    );
}

#[test]
fn anybody_names_the_hash() {
    judge(
        Sender::Generic,
        &[
            (&format!("X-Signature: sha256={}", GITHUB.2), Ok(Word::Look)),
            (&format!("X-Signature: sha512={SHA512}"), Ok(Word::Look)),
            (&format!("X-Signature: {}", GITHUB.2), Err(Refusal::Unsigned)),
            ("X-Signature: sha256=", Err(Refusal::Wrong)),
            ("X-Signature: sha256=7571", Err(Refusal::Wrong)),
            ("X-Signature: sha256=7", Err(Refusal::Unsigned)),
            (
                "X-Signature: sha1=01dc10d0c83e72ed246219cdd91669667fe2ca59",
                Err(Refusal::Unsigned),
            ),
        ],
    );
}

#[test]
fn another_body_or_secret_counts_for_nothing() {
    let (secret, body, signature) = GITHUB;
    let signed = headers(&[("X-Gitea-Signature", signature)]);
    let judge = |secrets: &[&str], body: &str| hook(Sender::Gitea, secrets).judge(&signed, body.as_bytes());
    assert_eq!(judge(&[secret], "Hello, World?"), Err(Refusal::Wrong));
    assert_eq!(judge(&[secret], ""), Err(Refusal::Wrong));
    assert_eq!(judge(&["It's a secret to nobody"], body), Err(Refusal::Wrong));
    // While one is exchanged for another.
    assert_eq!(judge(&["It's a secret to nobody", secret], body), Ok(Word::Look));
    assert_eq!(judge(&[], body), Err(Refusal::NoSecret));
    assert_eq!(judge(&["", "too short"], body), Err(Refusal::NoSecret));
}

#[test]
fn a_secret_is_never_printed() {
    assert_eq!(
        format!("{:?}", hook(Sender::GitLab, &["canary-canary-canary"])),
        "Hook(GitLab)"
    );
}

proptest! {
    #[test]
    fn whatever_is_sent_without_the_secret_is_refused(
        name in prop::sample::select(vec!["x-hub-signature-256", "x-gitlab-token", "x-gitea-signature", "x-signature"]),
        value in prop_oneof!["(sha256=|sha512=|)[0-9a-f]{0,130}", "[ -~]{0,80}"],
        body in prop::collection::vec(any::<u8>(), 0..100),
    ) {
        for sender in [Sender::GitHub, Sender::GitLab, Sender::Gitea, Sender::Generic] {
            let judged = hook(sender, &["a secret that nobody guesses"]).judge(&headers(&[(name, value.as_str())]), &body);
            prop_assert!(judged.is_err());
        }
    }
}
