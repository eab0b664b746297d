//! Files of checksums, and what they are for.

use k1s_getter_address::{Address, Algorithm, Checksum, Digest, SUMS_BYTES, Source, Sums, SumsError, Verifier};
use proptest::prelude::*;
use serde::Deserialize;

use crate::golden::open;

const FIXTURE: &str = include_str!("../../fixtures/checksums.jsonl");
/// Where the files of the fixture are.
const SUMS: &str = "/d/SUMS";
/// How many digests are tried.
const CASES: u32 = 2_000;
const SHA256: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const MD5: &str = "d41d8cd98f00b204e9800998ecf8427e";

#[derive(Deserialize)]
struct Line {
    #[serde(rename = "in")]
    text: String,
    path: String,
    #[serde(default)]
    algorithm: String,
    #[serde(default)]
    digest: String,
}

fn lines() -> Vec<Line> {
    FIXTURE
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// What differs from go-getter on purpose: (name, reason, which lines, what is found instead).
type Deviation = (&'static str, &'static str, fn(&Line) -> bool, Option<Algorithm>);

const DEVIATIONS: &[Deviation] = &[
    (
        "of several algorithms the strongest counts",
        "go-getter takes the first, and whoever can write a file of the same MD5 can hope for it",
        |line| line.text.starts_with(MD5) && line.text.contains(&format!("{SHA256}  x.zip")),
        Some(Algorithm::Sha256),
    ),
    (
        "a byte order mark is none of a checksum's digits",
        "editors write it; go-getter passes over the line",
        |line| line.text.starts_with('\u{feff}'),
        Some(Algorithm::Sha256),
    ),
    (
        "a backslash before a line says that its name is escaped",
        "sha256sum writes it so; go-getter passes over the line",
        |line| line.text.starts_with('\\'),
        Some(Algorithm::Sha256),
    ),
    (
        "a name may have spaces, and a line with more words is not for every file",
        "go-getter takes a line of three or more words for the checksum of anything",
        |line| {
            line.text
                .lines()
                .any(|line| matches!(line.split_whitespace().count(), 3 | 5..) && !line.starts_with("SHA"))
        },
        None,
    ),
    (
        "a line of BSD's has one equals sign",
        "go-getter takes whatever stands there",
        |line| line.text.contains(" == "),
        None,
    ),
];

#[test]
fn files_say_what_go_getter_reads_in_them() {
    let lines = lines();
    assert!(lines.len() > 150);
    let mut uses = [0; DEVIATIONS.len()];
    for line in &lines {
        let sums = Sums::parse(line.text.as_bytes()).unwrap();
        let found = sums.find(&line.path, SUMS).ok().map(ToString::to_string);
        let theirs = (!line.algorithm.is_empty()).then(|| format!("{}:{}", line.algorithm, line.digest));
        if found == theirs {
            continue;
        }
        let deviation = DEVIATIONS.iter().position(|(_, _, covers, _)| covers(line));
        let Some(at) = deviation else {
            panic!("{:?} at {}: {found:?}, not {theirs:?}", line.text, line.path);
        };
        let (name, reason, _, expected) = DEVIATIONS[at];
        let is_expected = found.as_deref().and_then(|found| found.split(':').next()) == expected.map(Algorithm::name);
        assert!(
            is_expected,
            "{:?} at {}: {found:?}; {name}: {reason}",
            line.text, line.path
        );
        uses[at] += 1;
    }
    for ((name, ..), uses) in DEVIATIONS.iter().zip(uses) {
        assert!(uses > 0, "no line deviates any more: {name}");
    }
}

#[test]
fn names_are_compared_as_a_whole() {
    for (name, path, is_found) in [
        ("x.zip", "/d/x.zip", true),
        ("*x.zip", "/d/x.zip", true),
        ("?x.zip", "/d/x.zip", true),
        ("./e/x.zip", "/d/e/x.zip", true),
        ("../x.zip", "/x.zip", true),
        ("/d/x.zip", "/d/x.zip", true),
        ("a b.zip", "/d/a b.zip", true),
        ("e/x.zip", "/d/x.zip", false),
        ("x.zip.sig", "/d/x.zip", false),
        ("X.zip", "/d/x.zip", false),
    ] {
        for line in [
            format!("{SHA256}  {name}\n"),
            format!("SHA256 ({name}) = {SHA256}\n"),
            format!("junk\r\n{SHA256} {name}\r\n"),
        ] {
            let found = Sums::parse(line.as_bytes()).unwrap();
            assert_eq!(found.find(path, SUMS).is_ok(), is_found, "{line:?} {path}");
        }
    }
    let escaped = Sums::parse(format!("\\{SHA256}  a\\\\b\\nc\n").as_bytes()).unwrap();
    assert!(escaped.find("/d/a\\b\nc", SUMS).is_ok());
}

#[test]
fn what_is_not_sure_is_refused() {
    let other = SHA256.replace('e', "f");
    let twice = Sums::parse(format!("{SHA256}  x\n{other}  x\n").as_bytes()).unwrap();
    assert_eq!(
        twice.find("/d/x", SUMS),
        Err(SumsError::Ambiguous {
            name: "x".into(),
            algorithm: Algorithm::Sha256
        })
    );
    assert_eq!(
        Sums::parse(b"").unwrap().find("/d/x", SUMS),
        Err(SumsError::Missing("x".into()))
    );
    assert_eq!(Sums::parse(&[0xff]), Err(SumsError::NotText));
    assert_eq!(Sums::parse(&vec![b'\n'; SUMS_BYTES + 1]), Err(SumsError::TooLarge));
    assert!(Sums::parse(&vec![b'\n'; SUMS_BYTES]).is_ok());
}

#[test]
fn s03_an_error_tells_nothing_of_the_file() {
    let shadow = Sums::parse(b"root:$6$c4n4ry:19000:0:99999:7:::\n").unwrap();
    let error = shadow.find("/d/x", SUMS).unwrap_err();
    assert!(!format!("{error} {error:?} {shadow:?}").contains("c4n4ry"));
}

#[test]
fn bytes_are_verified() {
    for (expected, bytes) in [
        ("md5:900150983cd24fb0d6963f7d28e17f72", "abc"),
        ("sha1:a9993e364706816aba3e25717850c26c9cd0d89d", "abc"),
        (
            "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
            "abc",
        ),
        (
            "sha512:ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
            "abc",
        ),
    ] {
        let Source::Download(download) = Address::parse(&format!("./x?checksum={expected}"), &open())
            .unwrap()
            .source
        else {
            panic!()
        };
        let Some(Checksum::Digest(digest)) = download.checksum else {
            panic!()
        };
        assert_eq!(digest.to_string(), expected);
        let mut whole = Verifier::new(digest.clone());
        bytes.bytes().for_each(|byte| whole.update(&[byte]));
        assert_eq!(whole.finish(), Ok(()));
        let mut cut = Verifier::new(digest.clone());
        cut.update(b"ab");
        let mismatch = cut.finish().unwrap_err();
        assert!(mismatch.expected == digest && mismatch.actual != digest, "{mismatch}");
    }
}

/// The files of the fixture.
pub(crate) fn texts() -> Vec<String> {
    lines().into_iter().map(|line| line.text).collect()
}

/// Reads a file, and checks that whatever is found was in it, beside the name, and is as long as checksums are.
pub(crate) fn check(bytes: &[u8]) {
    let Ok(sums) = Sums::parse(bytes) else { return };
    let Ok(digest) = sums.find("/d/x.zip", SUMS) else {
        return;
    };
    let text = str::from_utf8(bytes).unwrap();
    let shown = digest.to_string();
    let (_, hexadecimal) = shown.split_once(':').unwrap();
    assert_eq!(digest.bytes().len(), digest.algorithm().length());
    let is_all = text.trim_start_matches('\u{feff}').trim().len() == hexadecimal.len();
    let has_it = |line: &str| line.to_lowercase().contains(hexadecimal) && (is_all || line.contains("x.zip"));
    assert!(text.lines().any(has_it), "{shown:?} is not in {text:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: CASES, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn digests_are_read_as_shown(bytes in prop::collection::vec(any::<u8>(), 0..70)) {
        let hexadecimal: String = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
        match Digest::guess(&hexadecimal) {
            Ok(digest) => {
                prop_assert_eq!(digest.bytes(), bytes.as_slice());
                prop_assert_eq!(Digest::of(digest.algorithm(), &hexadecimal), Ok(digest));
            }
            Err(_) => prop_assert!(![16, 20, 32, 64].contains(&bytes.len())),
        }
    }
}
