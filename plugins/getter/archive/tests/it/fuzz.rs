//! Archives with changes anywhere: they are read within the limits or refused, whatever they claim to be.

use std::cell::Cell;
use std::io::Cursor;
use std::path::PathBuf;
use std::sync::LazyLock;

use k1s_fuzz::{Case, Fuzz, corpus};
use k1s_getter_address::Archive;
use k1s_getter_archive::{Kind, Limits, read};

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
/// What means something in one format or another.
const WORDS: &[&str] = &[
    "ustar",
    "../",
    "/etc/x",
    "PK\x01\x02",
    "PK\x03\x04",
    "PK\x05\x06",
    "PK\x06\x06",
    "path=../x\n",
    "size=",
    "30 path=",
    "\0",
    "BZh9",
    "././@LongLink",
];
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
    let read = corpus(&directory).unwrap().into_iter();
    read.map(|(path, bytes)| (Archive::of_path(path.to_str().unwrap()), bytes))
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

#[test]
fn changed_archives_are_read_or_refused() {
    let inputs: Vec<Vec<u8>> = CORPUS.iter().map(|(_, bytes)| bytes.clone()).collect();
    let fuzz = Fuzz {
        name: "archives",
        corpus: &inputs,
        words: WORDS,
    };
    fuzz.run(
        CASES,
        |Case {
             from,
             mut bytes,
             mut random,
         }| {
            let format = CORPUS[from].0;
            let other = FORMATS[random.below(FORMATS.len())];
            check(format.filter(|_| !random.once_in(10)).unwrap_or(other), &bytes);
            if format == Some(Archive::Tar) {
                right_sums(&mut bytes);
                check(Archive::Tar, &bytes);
            }
        },
    );
}

/// Tapes have checksums, so that changes seldom get past a header: those are made right again.
fn right_sums(bytes: &mut [u8]) {
    for block in bytes.chunks_exact_mut(512).filter(|block| &block[257..262] == b"ustar") {
        let counted = |(at, byte): (usize, &u8)| if (148..156).contains(&at) { 32 } else { u32::from(*byte) };
        let sum: u32 = block.iter().enumerate().map(counted).sum();
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    }
}
