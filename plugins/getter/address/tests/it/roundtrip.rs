//! Every address is read without fault, and what is shown of it reads as the same address.

use k1s_getter_address::{Address, AddressError, Policy};
use proptest::prelude::*;

use crate::golden::{lines, open};

/// Reads an address and checks what holds for every text.
pub(crate) fn check(address: &str) -> Result<Address, AddressError> {
    let parsed = Address::parse(address, &open());
    // A policy that permits less never lets more in.
    let closed = Address::parse(address, &Policy::default());
    match &parsed {
        Ok(found) => {
            if let Ok(closed) = closed {
                assert_eq!(*found, closed, "{address}");
            }
            let shown = found.to_string();
            let again = Address::parse(&shown, &open())
                .unwrap_or_else(|error| panic!("{address:?} is shown as {shown:?}: {error}"));
            assert_eq!(again.to_string(), shown, "{address:?}");
            if !shown.contains("redacted") {
                assert_eq!(again, *found, "{address:?} is shown as {shown:?}");
            }
        }
        Err(error) => {
            assert!(closed.is_err(), "{address}");
            assert!(address.get(error.at.clone()).is_some(), "{address:?}: {error:?}");
            assert!(!error.to_string().is_empty());
        }
    }
    parsed
}

#[test]
fn what_is_shown_reads_the_same() {
    let read = lines().iter().filter(|line| check(&line.address).is_ok()).count();
    assert!(read > 900, "{read}");
}

fn piece() -> impl Strategy<Value = String> {
    let known = [
        "git::",
        "hg::",
        "s3::",
        "gcs::",
        "azure::",
        "http::",
        "file::",
        "https://",
        "http://",
        "ssh://",
        "git://",
        "file://",
        "oci://",
        "git@",
        "user:pw@",
        "github.com/",
        "gitlab.com/",
        "s3.amazonaws.com/",
        "b.s3.eu-west-1.amazonaws.com/",
        "www.googleapis.com/storage/v1/",
        "a.blob.core.windows.net/",
        "h",
        ":8080",
        "/",
        "//",
        "a",
        ".git",
        ".tar.gz",
        ".zip",
        "*",
        "[a-c]",
        "?",
        "&",
        "ref=",
        "depth=1",
        "sshkey=AAAA",
        "archive=zip",
        "archive=false",
        "checksum=",
        "md5:",
        "file:",
        "filename=x",
        "rev=1",
        "region=x",
        "version=1",
        "x=y",
        "#1",
        "%20",
        "%2F",
        "%2e",
        "%3F",
        "..",
        ".",
        "./",
        "-",
        "é",
        " ",
        "\\",
        ":latest",
        "@sha256:",
    ];
    prop_oneof![
        8 => prop::sample::select(known.to_vec()).prop_map(str::to_owned),
        1 => "\\PC{0,4}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_text_is_read_or_refused(pieces in prop::collection::vec(piece(), 0..12)) {
        drop(check(&pieces.concat()));
    }
}
