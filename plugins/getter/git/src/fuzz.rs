//! Bytes of servers with changes anywhere: they are read within the limits or refused, and what is read is what libgit2 reads.

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::LazyLock;
use std::time::Duration;

use proptest::prelude::*;
use proptest::sample::{Index, select};
use sha1::{Digest as _, Sha1};

use crate::advertised;
use crate::cache::Cache;
use crate::capabilities::Capabilities;
use crate::limits::Limits;
use crate::meter::{Measured, Meter};
use crate::older::Older;
use crate::packet::{self, Packet};
use crate::whole;

/// How many changed packs are tried; some seconds' worth.
const PACKS: u32 = 6_000;
/// How many changed messages are tried.
const MESSAGES: u32 = 20_000;
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
fn corpus(extension: &str) -> Vec<Vec<u8>> {
    let directory = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/corpus");
    let paths = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<PathBuf> = paths
        .filter(|path| path.extension().is_some_and(|found| found == extension))
        .collect();
    paths.sort();
    paths.into_iter().map(|path| fs::read(path).unwrap()).collect()
}

static PACKED: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| corpus("pack"));
static SAID: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| corpus("message"));

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

type Change = (Index, u8, u8);

fn change(bytes: &mut Vec<u8>, changes: &[Change]) {
    for (place, byte, how) in changes {
        let at = place.index(bytes.len() + 1);
        match how {
            0 => bytes.insert(at, *byte),
            1 => bytes.truncate(at),
            2 if at < bytes.len() => drop(bytes.remove(at)),
            _ if at < bytes.len() => {
                bytes[at] = if *how == 3 {
                    bytes[at] ^ (1 << (byte % 8))
                } else {
                    *byte
                }
            }
            _ => bytes.push(*byte),
        }
    }
}

#[test]
fn the_corpus_is_what_it_was() {
    assert!(PACKED.len() >= 4 && SAID.len() >= 3);
    let is_taken = |pack: &[u8], piece| measure(pack, piece).is_some();
    assert!(PACKED.iter().all(|pack| is_taken(pack, 1) && is_taken(pack, 64 << 10)));
    assert!(SAID.iter().map(|message| read(message)).sum::<usize>() == 4);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: PACKS, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn changed_packs_are_measured_alike_in_any_pieces(
        mut pack in select(PACKED.as_slice()),
        changes in prop::collection::vec((any::<Index>(), any::<u8>(), 0_u8..5), 0..4),
        piece in 1_usize..100,
    ) {
        change(&mut pack, &changes);
        // With a sum that is right, so that its reading is tried and not only its sum.
        sum(&mut pack);
        let measured = measure(&pack, 64 << 10);
        prop_assert_eq!(measure(&pack, piece).is_some(), measured.is_some());
        if let Some(measured) = measured {
            let directory = tempfile::tempdir().unwrap();
            let cache = Cache::open(&directory.path().join("cache")).unwrap();
            let (mut spool, mut made) = (cache.spool().unwrap(), cache.spool().unwrap());
            spool.write_all(&pack).unwrap();
            let objects = cache.objects(&LIMITS).unwrap();
            // What has deltas that can be applied is a pack of whole objects, which libgit2 takes.
            if whole::write(&spool, &measured, &objects, &LIMITS, &mut made).is_ok() && !measured.entries.is_empty() {
                cache.take_in(made).unwrap();
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: MESSAGES, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn changed_messages_are_read_or_refused(
        mut message in select(SAID.as_slice()),
        changes in prop::collection::vec((any::<Index>(), any::<u8>(), 0_u8..5), 0..8),
    ) {
        change(&mut message, &changes);
        read(&message);
    }
}
