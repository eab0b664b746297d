//! What is good for git is good here, and nothing else, but for what is too weak.

use k1s_getter_signature::{Signers, VerifyError, Weakness};

use crate::fixtures::{Fixture, NOW, bytes, everyone};

/// What git takes and this does not.
const TOO_WEAK: [(&str, Weakness); 4] = [
    ("ssh-rsa-1024", Weakness::Key),
    ("pgp-rsa-1024", Weakness::Key),
    ("pgp-dsa", Weakness::Key),
    ("pgp-sha1", Weakness::Hash),
];

#[test]
fn what_git_calls_good_is_good_here_and_nothing_else() {
    let signers = everyone();
    for fixture in Fixture::all() {
        let name = &fixture.name;
        let Some(signed) = fixture.apart(&fixture.object).unwrap() else {
            assert!(name.starts_with("unsigned"), "{name}");
            continue;
        };
        let verdict = signers.verify(&signed, NOW);
        match TOO_WEAK.iter().find(|(weak, _)| weak == name) {
            Some((_, weakness)) => {
                assert!(fixture.is_good, "{name}");
                assert_eq!(verdict, Err(VerifyError::Weak(*weakness)), "{name}");
            }
            None => assert_eq!(verdict.is_ok(), fixture.is_good, "{name}: {verdict:?}"),
        }
    }
}

#[test]
fn each_refusal_says_why() {
    let signers = everyone();
    for (name, expected) in [
        ("ssh-stranger", "it is signed with a key that is not trusted: SHA256:"),
        (
            "ssh-tag-stranger",
            "it is signed with a key that is not trusted: SHA256:",
        ),
        ("ssh-other", "it is signed with a key that is not trusted: SHA256:"),
        (
            "ssh-late",
            "late@example.org,\"two words@example.org\" signed it when their key was not trusted: it was made before",
        ),
        (
            "ssh-early",
            "early@example.org signed it when their key was not trusted: it was made after",
        ),
        (
            "ssh-rsa-1024",
            "the signature is too weak: its key is DSA, or RSA of fewer than 2048 bits",
        ),
        ("pgp-stranger", "it is signed with a key that is not trusted: "),
        (
            "pgp-expired",
            "pgp-expired <pgp-expired@example.org> signed it when their key was not trusted: the key has expired",
        ),
        (
            "pgp-revoked",
            "pgp-revoked <pgp-revoked@example.org> signed it when their key was not trusted: the key is revoked",
        ),
        (
            "pgp-revoked-sub",
            "pgp-revoked-sub <pgp-revoked-sub@example.org> signed it when their key was not trusted: the subkey is revoked",
        ),
        ("pgp-sha1", "the signature is too weak: it uses a hash that is broken"),
    ] {
        let error = signers
            .verify(&Fixture::named(name).signed(), NOW)
            .unwrap_err()
            .to_string();
        assert!(error.starts_with(expected), "{name}: {error}");
    }
}

#[test]
fn the_signer_is_named() {
    let signers = everyone();
    for (name, signer, fingerprint) in [
        ("ssh-ed25519", "ed25519@example.org", "SHA256:"),
        ("ssh-tag", "ed25519@example.org", "SHA256:"),
        (
            "ssh-late-in-time",
            "late@example.org,\"two words@example.org\"",
            "SHA256:",
        ),
        ("pgp-ed25519", "pgp-ed25519 <pgp-ed25519@example.org>", ""),
        ("pgp-sub", "pgp-sub <pgp-sub@example.org>", ""),
        ("pgp-tag", "pgp-ed25519 <pgp-ed25519@example.org>", ""),
    ] {
        let found = signers.verify(&Fixture::named(name).signed(), NOW).unwrap();
        assert_eq!(found.name, signer, "{name}");
        assert!(
            found.fingerprint.starts_with(fingerprint) && found.fingerprint.len() >= 40,
            "{name}: {found:?}"
        );
    }
}

#[test]
fn a_keyring_that_is_not_armored_is_the_same() {
    let mut signers = Signers::nobody();
    signers.allow_pgp(&bytes("keyring.gpg")).unwrap();
    for fixture in Fixture::all() {
        let Some(signed) = fixture
            .apart(&fixture.object)
            .unwrap()
            .filter(|_| fixture.name.starts_with("pgp-"))
        else {
            continue;
        };
        assert_eq!(
            signers.verify(&signed, NOW),
            everyone().verify(&signed, NOW),
            "{}",
            fixture.name
        );
    }
}

#[test]
fn time_decides_over_openpgp_keys() {
    /// January 2024, within the year of the key that has expired since, and of the other keys before they were made.
    const THEN: i64 = 1_706_788_800;
    let signers = everyone();
    let then = signers.verify(&Fixture::named("pgp-expired").signed(), THEN);
    assert_eq!(then.unwrap().name, "pgp-expired <pgp-expired@example.org>");
    let of_the_future = signers
        .verify(&Fixture::named("pgp-ed25519").signed(), THEN)
        .unwrap_err();
    assert!(of_the_future.to_string().contains("of the future"), "{of_the_future}");
}

#[test]
fn nobody_is_trusted_until_somebody_is() {
    for fixture in Fixture::all() {
        if let Some(signed) = fixture.apart(&fixture.object).unwrap() {
            let verdict = Signers::nobody().verify(&signed, NOW).unwrap_err();
            let refused = matches!(verdict, VerifyError::Untrusted(_) | VerifyError::Weak(_));
            assert!(refused, "{}: {verdict:?}", fixture.name);
        }
    }
}
