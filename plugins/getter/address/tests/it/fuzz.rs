//! Addresses and files of checksums with changes anywhere: whatever is read is shown and read again as the same, nothing is
//! found that was not said, and nothing else happens.

use std::path::PathBuf;

use k1s_fuzz::{Fuzz, corpus};
use k1s_getter_address::Sums;

use crate::golden::lines;
use crate::roundtrip::check;
use crate::sums;

/// How many addresses are tried; a few seconds' worth.
const ADDRESSES: u32 = 20_000;
/// How many files of checksums are tried.
const SUMS: u32 = 20_000;
/// What means something in an address.
const WORDS: &[&str] = &[
    "/",
    "//",
    "..",
    "/../",
    "?",
    "&",
    "=",
    "#",
    "@",
    ":",
    "::",
    "%",
    "%2e",
    "%2F",
    "%00",
    ".",
    "-",
    "*",
    "[",
    "]",
    "\\",
    "^",
    "~",
    "+",
    " ",
    ";",
    "|",
    "\0",
    "\n",
    "\u{7f}",
    "é",
    "git::",
    "s3::",
    "file://",
    "https://",
    "ssh://",
    "oci://",
    "git@",
    "ref=",
    "depth=",
    "sshkey=",
    "checksum=file:",
    "checksum=sha256:",
    "filename=",
    "archive=",
    "region=",
    "aws_access_key_id=",
    "sig=",
    "[::1]",
    "169.254.169.254",
    "github.com/",
    ".git",
    ".tar.gz",
];
/// What means something in a file of checksums.
const MARKS: &[&str] = &[
    " ", "  ", " *", " ?", "\t", "\r\n", "\n", "(", ") = ", "\\", "\\n", "./", "../", "x.zip", "0x", "af", "SHA256 (",
    "MD5 (", "\u{feff}", "\0",
];

fn kept(directory: &str) -> Vec<Vec<u8>> {
    let directory = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures/corpus")
        .join(directory);
    let read = corpus(&directory).unwrap().into_iter();
    read.map(|(_, bytes)| bytes).collect()
}

fn addresses() -> Vec<Vec<u8>> {
    let picked = include_str!("../../fixtures/corpus/addresses.txt")
        .lines()
        .map(str::to_owned);
    let all = picked.chain(lines().into_iter().map(|line| line.address));
    all.map(String::into_bytes).collect()
}

#[test]
fn changed_addresses_are_read_or_refused() {
    let fuzz = Fuzz {
        name: "addresses",
        corpus: &addresses(),
        words: WORDS,
    };
    fuzz.run(ADDRESSES, |case| drop(check(&String::from_utf8_lossy(&case.bytes))));
}

#[test]
fn changed_files_of_checksums_say_nothing_new() {
    let mut corpus = kept("sums");
    corpus.extend(sums::texts().into_iter().map(String::into_bytes));
    let fuzz = Fuzz {
        name: "files of checksums",
        corpus: &corpus,
        words: MARKS,
    };
    fuzz.run(SUMS, |case| sums::check(&case.bytes));
}

#[test]
fn the_corpus_is_read() {
    for address in include_str!("../../fixtures/corpus/addresses.txt").lines() {
        check(address).unwrap_or_else(|error| panic!("{address}: {error}"));
    }
    let sums = kept("sums");
    assert!(sums.len() >= 7, "{}", sums.len());
    for bytes in sums {
        let read = Sums::parse(&bytes).unwrap();
        read.find("/d/x.zip", "/d/SUMS")
            .unwrap_or_else(|error| panic!("{}: {error}", bytes.escape_ascii()));
        sums::check(&bytes);
    }
}
