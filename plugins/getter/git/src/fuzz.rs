//! Bytes of servers with changes anywhere: they are read within the limits or refused, and what is read is what libgit2 reads.

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::LazyLock;
use std::time::Duration;

use k1s_fuzz::{Case, Fuzz, corpus};
use sha1::{Digest as _, Sha1};

use crate::advertised;
use crate::cache::Cache;
use crate::capabilities::Capabilities;
use crate::limits::Limits;
use crate::meter::{Measured, Meter};
use crate::modules::Modules;
use crate::older::Older;
use crate::packet::{self, Packet};
use crate::whole;

/// How many changed packs are tried; some seconds' worth.
const PACKS: u32 = 6_000;
/// How many changed messages are tried.
const MESSAGES: u32 = 20_000;
/// How many changed files `.gitmodules` are tried.
const LISTS: u32 = 20_000;
const LIMITS: Limits = Limits {
    reply_bytes: 64 << 10,
    references: 100,
    pack_bytes: 64 << 10,
    objects: 100,
    object_bytes: 64 << 10,
    total_bytes: 256 << 10,
    delta_depth: 10,
    held_bytes: 128 << 10,
    entries: 1_000,
    path_depth: 16,
    path_bytes: 1_000,
    list_bytes: 10_000,
    idle: Duration::from_secs(1),
    total: Duration::from_secs(1),
};

/// The files of the corpus whose names end so.
fn kept(extension: &str) -> Vec<Vec<u8>> {
    let directory = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/corpus");
    let read = corpus(&directory).unwrap().into_iter();
    read.filter(|(path, _)| path.extension().is_some_and(|found| found == extension))
        .map(|(_, bytes)| bytes)
        .collect()
}

/// What means something in a message.
const WORDS: &[&str] = &[
    "0000",
    "0001",
    "0002",
    "0003",
    "0004",
    "0005",
    "fff0",
    "ffff",
    "ERR ",
    "ACK ",
    "NAK",
    "unborn ",
    "symref-target:",
    "peeled:",
    "refs/heads/",
    "refs/tags/v1^{}",
    "HEAD",
    "/../",
    "-",
    "version 2",
    "version 1",
    "object-format=sha256",
    "fetch=shallow filter",
    "capabilities^{}",
    "symref=HEAD:",
    "# service=git-upload-pack",
    "packfile",
    "\0",
    "\n",
];

/// What means something in `.gitmodules`.
const SIGNS: &[&str] = &[
    "[submodule \"x\"]",
    "[submodule.",
    "path = ",
    "url = ",
    "\\",
    "\"",
    "\r\n",
    "#",
    "..",
    "/../",
    "--upload-pack=x",
    ".git",
    "\0",
];

static PACKED: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| kept("pack"));
static SAID: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| kept("message"));
static LISTED: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| kept("modules"));

/// Measures a pack in pieces of some size.
fn measure(pack: &[u8], piece: usize) -> Option<Measured> {
    let mut meter = Meter::new(LIMITS, Box::new(|id| id.as_bytes()[0] < 0x80));
    pack.chunks(piece).try_for_each(|piece| meter.feed(piece)).ok()?;
    meter.finish().ok()
}

/// Gives a pack the sum that it has.
fn sum(pack: &mut [u8]) {
    if let Some((bytes, sum)) = pack.split_last_chunk_mut::<20>() {
        sum.copy_from_slice(&Sha1::digest(bytes));
    }
}

/// Reads packets to the end, and each line as whatever it could be; returns how many references there are.
fn read(mut bytes: &[u8]) -> usize {
    let mut references = 0;
    let mut capabilities = Capabilities::default();
    while let Ok(Some(length)) = packet::length(bytes)
        && length <= bytes.len()
    {
        assert!(length >= 4, "nothing is read without an end");
        if let Packet::Line(line) = packet::packet(&bytes[..length]) {
            assert_eq!(line.len() + 4, length);
            if capabilities.take(packet::trimmed(line)).is_err() {
                capabilities = Capabilities::default();
            }
            let mut older = Older::first(line, &|_| true, &LIMITS).unwrap_or_default();
            if older.take(line, &|_| true, &LIMITS).is_ok() {
                assert!(
                    older
                        .references
                        .iter()
                        .all(|reference| is_plain(reference.name.as_str()))
                );
            }
            if let Ok(Some(reference)) = advertised::parse(line) {
                assert!(is_plain(reference.name.as_str()));
                references += 1;
            }
        }
        bytes = &bytes[length..];
    }
    references
}

fn is_plain(name: &str) -> bool {
    !name.starts_with('-') && !name.contains("..") && !name.chars().any(char::is_control)
}

#[test]
fn the_corpus_is_what_it_was() {
    assert!(PACKED.len() >= 4 && SAID.len() >= 6);
    let is_taken = |pack: &[u8], piece| measure(pack, piece).is_some();
    assert!(PACKED.iter().all(|pack| is_taken(pack, 1) && is_taken(pack, 64 << 10)));
    let places = LISTED.iter().map(|list| Modules::parse(list).unwrap().places().count());
    assert_eq!(places.sum::<usize>(), 3);
    assert_eq!(SAID.iter().map(|message| read(message)).sum::<usize>(), 7);
}

#[test]
fn changed_packs_are_measured_alike_in_any_pieces() {
    let fuzz = Fuzz {
        name: "packs",
        corpus: &PACKED,
        words: &["PACK\0\0\0\u{2}"],
    };
    fuzz.run(
        PACKS,
        |Case {
             bytes: mut pack,
             mut random,
             ..
         }| {
            // With a sum that is right, so that its reading is tried and not only its sum.
            sum(&mut pack);
            let measured = measure(&pack, 64 << 10);
            assert_eq!(measure(&pack, 1 + random.below(100)).is_some(), measured.is_some());
            let Some(measured) = measured else { return };
            let directory = tempfile::tempdir().unwrap();
            let cache = Cache::open(&directory.path().join("cache")).unwrap();
            let (mut spool, mut made) = (cache.spool().unwrap(), cache.spool().unwrap());
            spool.write_all(&pack).unwrap();
            let objects = cache.objects(&LIMITS).unwrap();
            // What has deltas that can be applied is a pack of whole objects, which libgit2 takes.
            if whole::write(&spool, &measured, &objects, &LIMITS, &mut made).is_ok() && !measured.entries.is_empty() {
                cache.take_in(made).unwrap();
            }
        },
    );
}

#[test]
fn changed_messages_are_read_or_refused() {
    let fuzz = Fuzz {
        name: "messages",
        corpus: &SAID,
        words: WORDS,
    };
    fuzz.run(MESSAGES, |case| {
        read(&case.bytes);
    });
}

#[test]
fn changed_lists_of_submodules_lead_nowhere_else() {
    let fuzz = Fuzz {
        name: "modules",
        corpus: &LISTED,
        words: SIGNS,
    };
    fuzz.run(LISTS, |case| {
        let Ok(modules) = Modules::parse(&case.bytes) else {
            return;
        };
        for (path, url) in modules.places() {
            let is_below = path.split('/').all(|part| !matches!(part, "" | "." | ".." | ".git"));
            assert!(
                is_below && !path.starts_with('-') && !path.chars().any(char::is_control),
                "{path:?}"
            );
            assert!(
                !url.is_empty() && !url.starts_with('-') && !url.chars().any(char::is_control),
                "{url:?}"
            );
        }
    });
}
