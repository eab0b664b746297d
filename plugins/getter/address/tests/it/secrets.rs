//! No secret is ever told: not by an address, not by an error about one.

use k1s_getter_address::Address;

use crate::golden::open;

/// A text that is nowhere else.
const CANARY: &str = "c4n4ry";

/// Addresses with a secret at each place where one can be.
const ADDRESSES: [&str; 20] = [
    "https://user:c4n4ry@h/x",
    "https://c4n4ry@h/x",
    "git::https://c4n4ry:x-oauth-basic@h/r?ref=v1",
    "git::ssh://git:c4n4ry@h/r",
    "git::ssh://git@h/r?sshkey=c4n4ryAA",
    "git@h:r?sshkey=c4n4ryAA",
    "s3::https://s3.amazonaws.com/b/k?aws_access_key_id=c4n4ry&aws_access_key_secret=c4n4ry&aws_access_token=c4n4ry",
    "https://acct.blob.core.windows.net/c/x?sv=2020&sig=c4n4ry",
    "azure::https://acct.blob.core.windows.net/c/x?sv=2020&sig=c4n4ry",
    "https://b.s3.amazonaws.com/k?X-Amz-Credential=c4n4ry&X-Amz-Signature=c4n4ry",
    "https://h/x?private_token=c4n4ry",
    "https://h/x?checksum=file:https://c4n4ry@h/SUMS",
    "https://h/x?checksum=file:https://h/SUMS%3Ftoken=c4n4ry",
    "git::https://h/r?c4n4ry=1&token=c4n4ry",
    "hg::https://u:c4n4ry@h/r?rev=1",
    "http::http://u:c4n4ry@h/x",
    "git::http://c4n4ry@h/r//sub?depth=1",
    "git://c4n4ry@h/r",
    "s3::https://minio.example.com/b/k?aws_access_key_id=c4n4ry&aws_access_key_secret=c4n4ry",
    "https://u:c4n4ry%25@h/x",
];

#[test]
fn s01_addresses_and_errors_tell_no_secret() {
    for address in ADDRESSES {
        let parsed = Address::parse(address, &open()).unwrap_or_else(|error| panic!("{error}"));
        let shown = parsed.to_string();
        let debug = format!("{parsed:?}");
        assert!(!shown.contains(CANARY), "{shown}");
        assert!(!debug.contains(CANARY), "{debug}");
    }
}

#[test]
fn s01_errors_tell_no_secret_wherever_an_address_is_broken() {
    let breaks = [
        "%zz",
        " ",
        "\u{7}",
        "#x",
        ";",
        "//..",
        "?archive=zipp",
        "&ref=--x",
        "::",
        "@",
        "[",
        "&sshkey=!",
        "&checksum=zz",
        "\\",
        ":",
        "&region=x/y",
        "&filename=a/b",
    ];
    let mut errors = 0;
    for address in ADDRESSES {
        for at in (0..=address.len()).filter(|at| address.is_char_boundary(*at)) {
            for piece in breaks {
                let broken = format!("{}{piece}{}", &address[..at], &address[at..]);
                let told = match Address::parse(&broken, &open()) {
                    Ok(_) => continue,
                    Err(error) => format!("{error} {error:?}"),
                };
                errors += 1;
                assert!(!told.contains(CANARY), "{broken}: {told}");
            }
        }
    }
    assert!(errors > 2000, "{errors}");
}
