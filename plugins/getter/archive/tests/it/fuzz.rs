//! Archives with changes anywhere: they are read within the limits or refused, whatever they claim to be.

use std::cell::Cell;
use std::io::Cursor;
use std::path::PathBuf;
use std::sync::LazyLock;

use k1s_getter_address::Archive;
use k1s_getter_archive::{Kind, Limits, read};
use proptest::prelude::*;
use proptest::sample::{Index, select};

/// How many archives are tried; some seconds' worth.
const CASES: u32 = 6_000;
const LIMITS: Limits = Limits {
    total_bytes: 1 << 20,
    file_bytes: 256 << 10,
    entries: 200,
    ratio: 250,
    depth: 16,
    directory_bytes: 64 << 10,
    decoder_bytes: 8 << 20,
};
const FORMATS: [Archive; 10] = [
    Archive::Bz2,
    Archive::Gz,
    Archive::Xz,
    Archive::Zst,
    Archive::Tar,
    Archive::TarBz2,
    Archive::TarGz,
    Archive::TarXz,
    Archive::TarZst,
    Archive::Zip,
];

/// The committed corpus: small archives by the programs of each format, and hostile ones.
static CORPUS: LazyLock<Vec<(Option<Archive>, Vec<u8>)>> = LazyLock::new(|| {
    let directory = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/corpus");
    let mut paths: Vec<PathBuf> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    paths
        .into_iter()
        .map(|path| (Archive::of_path(path.to_str().unwrap()), std::fs::read(path).unwrap()))
        .collect()
});

/// Reads bytes as an archive and checks what holds for all.
fn check(format: Archive, bytes: &[u8]) -> bool {
    let total = Cell::new(0_u64);
    let mut entries = 0;
    let done = read(format, "one", Cursor::new(bytes), &LIMITS, &mut |entry, content| {
        entries += 1;
        let path = entry.path.as_str();
        assert!(!path.starts_with('/') && !path.contains(['\\', '\0']), "{path:?}");
        assert!(path.split('/').count() <= LIMITS.depth);
        assert!(path.split('/').all(|part| !matches!(part, "" | "." | "..")), "{path:?}");
        let mut bytes = Vec::new();
        content.read_to_end(&mut bytes)?;
        assert!(bytes.len() as u64 <= LIMITS.file_bytes);
        assert!(matches!(entry.kind, Kind::File(_)) || bytes.is_empty());
        total.set(total.get() + bytes.len() as u64);
        Ok(())
    });
    assert!(total.get() <= LIMITS.total_bytes && entries <= LIMITS.entries);
    if let Err(error) = &done {
        assert!(!error.to_string().is_empty());
    }
    done.is_ok()
}

#[test]
fn the_corpus_is_what_it_was() {
    let good = CORPUS
        .iter()
        .filter(|(format, bytes)| format.is_some_and(|format| check(format, bytes)));
    assert!(CORPUS.len() >= 20 && good.count() >= 12, "{} archives", CORPUS.len());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: CASES, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn changed_archives_are_read_or_refused(
        (format, seed) in select(CORPUS.as_slice()),
        other in select(FORMATS.to_vec()),
        changes in prop::collection::vec((any::<Index>(), any::<u8>(), 0_u8..5), 0..8),
        keeps_format in prop::bool::weighted(0.9),
    ) {
        let mut bytes = seed;
        for (place, byte, how) in changes {
            let at = place.index(bytes.len() + 1);
            match how {
                0 => bytes.insert(at, byte),
                1 => bytes.truncate(at),
                2 if at < bytes.len() => drop(bytes.remove(at)),
                _ if at < bytes.len() => bytes[at] = if how == 3 { bytes[at] ^ (1 << (byte % 8)) } else { byte },
                _ => bytes.push(byte),
            }
        }
        check(format.filter(|_| keeps_format).unwrap_or(other), &bytes);
        // Tapes have checksums, so that changes seldom get past a header: those are made right again.
        if format == Some(Archive::Tar) {
            for block in bytes.chunks_exact_mut(512).filter(|block| &block[257..262] == b"ustar") {
                let sum: u32 = block.iter().enumerate().map(|(at, byte)| if (148..156).contains(&at) { 32 } else { u32::from(*byte) }).sum();
                block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
            }
            check(Archive::Tar, &bytes);
        }
    }
}
