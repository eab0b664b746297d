//! Files that say who is trusted.

use k1s_getter_signature::limits::{KEYS, SIGNERS_BYTES};
use k1s_getter_signature::{Signers, SignersError};

use crate::fixtures::{Fixture, NOW, bytes, text};

const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKfCcAqGXD5kTXTzYyhTQjKDmHBRyKF4lQHeNYL4ZJQr";

fn ssh(file: &str) -> Result<(), SignersError> {
    Signers::nobody().allow_ssh(file)
}

#[test]
fn lines_are_read_as_ssh_keygen_reads_them() {
    for line in [
        format!("a@b {KEY}"),
        format!("a@b {KEY} a comment"),
        format!("a@b,c@d  {KEY}"),
        format!("\"a b\" {KEY}"),
        format!("*@b namespaces=\"git\" {KEY}"),
        format!("*@b NameSpaces=git {KEY}"),
        format!("a@b namespaces=\"git,file\",valid-after=\"20200101\",valid-before=\"203001010000Z\" {KEY}"),
        format!("# a comment\n\n \t\na@b\t{KEY}\n"),
        format!("a@b {KEY}\r\n"),
    ] {
        assert_eq!(ssh(&line), Ok(()), "{line}");
    }
}

#[test]
fn a_line_that_cannot_be_read_is_named() {
    for (line, expected) in [
        ("a@b".to_owned(), "a line is `PRINCIPALS [OPTIONS] TYPE KEY [COMMENT]`"),
        (format!("a@b cert-authority {KEY}"), "certificates are not supported"),
        (format!("a@b no-touch {KEY}"), "there is an option that is not known"),
        (format!("a@b namespaces {KEY}"), "there is an option that is not known"),
        (format!("a@b valid-after=soon {KEY}"), "a time is YYYYMMDD"),
        (format!("\"a@b {KEY}"), "a quotation mark is not closed"),
        ("a@b ssh-ed25519 AAAA".to_owned(), "there is no key that can be read"),
        ("a@b ssh-ed25519".to_owned(), "there is no key that can be read"),
    ] {
        let error = ssh(&format!("a@b {KEY}\n{line}\n")).unwrap_err();
        let SignersError::Line { line: 2, fault } = error else {
            panic!("{line}: {error:?}");
        };
        assert!(fault.starts_with(expected), "{line}: {fault}");
        assert!(!error.to_string().contains("AAAAC3"), "{error}");
    }
}

#[test]
fn nothing_of_a_file_counts_when_a_line_cannot_be_read() {
    let mut signers = Signers::nobody();
    let broken = format!("{}nobody", text("allowed_signers"));
    assert!(signers.allow_ssh(&broken).is_err());
    assert!(signers.verify(&Fixture::named("ssh-ed25519").signed(), NOW).is_err());
    let mut broken = bytes("keyring.asc");
    broken.extend_from_slice(b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nxxxx\n");
    assert!(signers.allow_pgp(&broken).is_err());
    assert!(signers.verify(&Fixture::named("pgp-ed25519").signed(), NOW).is_err());
}

#[test]
fn files_have_limits() {
    assert_eq!(
        ssh(&" ".repeat(SIGNERS_BYTES + 1)),
        Err(SignersError::TooLong(SIGNERS_BYTES))
    );
    assert_eq!(ssh("# nobody\n"), Err(SignersError::Empty));
    assert_eq!(
        ssh(&format!("a {KEY}\n").repeat(KEYS + 1)),
        Err(SignersError::TooMany(KEYS))
    );
    let mut signers = Signers::nobody();
    assert_eq!(
        signers.allow_pgp(&vec![b'\n'; SIGNERS_BYTES + 1]),
        Err(SignersError::TooLong(SIGNERS_BYTES))
    );
    assert_eq!(signers.allow_pgp(b"not a keyring"), Err(SignersError::Empty));
    assert!(matches!(
        signers.allow_pgp(&[0xff; 40]),
        Err(SignersError::Keyring(_) | SignersError::Empty)
    ));
}

#[test]
fn keyrings_one_after_the_other_are_one() {
    let keyring = text("keyring.asc");
    let mut signers = Signers::nobody();
    signers.allow_pgp(format!("{keyring}\n{keyring}").as_bytes()).unwrap();
    assert!(signers.verify(&Fixture::named("pgp-sub").signed(), NOW).is_ok());
}
