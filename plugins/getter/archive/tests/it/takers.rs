//! What takes entries may leave, pass over or fail at; only a whole archive is `Ok`.

use std::io::Cursor;

use k1s_getter_address::Archive;
use k1s_getter_archive::{ArchiveError, Limit, Limits, read};

use crate::making::{NAME, SINGLES, TAPES, file, packed, taped, zipped};

/// Archives whose damage shows while the content of a file is read.
fn damaged() -> Vec<(Archive, Vec<u8>)> {
    let text: String = (0..400).map(|number| format!("line {number}\n")).collect();
    let cut = |format, whole: &[u8]| {
        let bytes = packed(format, whole);
        (format, bytes[..bytes.len() - 3].to_vec())
    };
    // A bit of the checksum at the end: what decoders compare last, and some of them only once.
    let changed = |format, from_end| {
        let mut bytes = packed(format, text.as_bytes());
        let at = bytes.len() - from_end;
        bytes[at] ^= 1;
        (format, bytes)
    };
    let sums =
        [(Archive::Gz, 8), (Archive::Bz2, 4), (Archive::Xz, 12)].map(|(format, from_end)| changed(format, from_end));
    let singles = SINGLES.map(|format| cut(format, text.as_bytes()));
    let mut zip = zipped(&[(NAME, text.as_bytes())]);
    let central = zip.windows(4).position(|window| window == b"PK\x01\x02").unwrap();
    // Another checksum, in both headers.
    zip[central + 16] ^= 1;
    zip[14] ^= 1;
    let mut tape = taped(&[file(NAME, &text)]);
    tape.truncate(1024);
    singles
        .into_iter()
        .chain(sums)
        .chain([(Archive::Zip, zip), (Archive::Tar, tape)])
        .collect()
}

#[test]
fn a_failure_that_a_taker_passes_over_counts() {
    for (format, bytes) in damaged() {
        let mut failures = 0;
        let done = read(
            format,
            NAME,
            Cursor::new(bytes),
            &Limits::default(),
            &mut |_, content| {
                for _ in 0..3 {
                    failures += usize::from(content.read_to_end(&mut Vec::new()).is_err());
                }
                Ok(())
            },
        );
        assert!(matches!(done, Err(ArchiveError::Damaged(_))), "{format:?}: {done:?}");
        // A tape that is cut within a file ends it; that it does so too early shows behind it.
        let expected = if format == Archive::Tar { 0 } else { 3 };
        assert_eq!(
            failures, expected,
            "{format:?}: what is read after a failure fails, too"
        );
    }
}

#[test]
fn a_limit_that_a_taker_passes_over_counts() {
    let limits = Limits {
        file_bytes: 10,
        ..Limits::default()
    };
    for format in TAPES {
        let bytes = packed(format, &taped(&[file("a", "more than ten bytes")]));
        let done = read(format, NAME, Cursor::new(bytes), &limits, &mut |_, content| {
            assert!(content.read_to_end(&mut Vec::new()).is_err());
            Ok(())
        });
        assert!(
            matches!(done, Err(ArchiveError::Limit(Limit::FileBytes(10)))),
            "{format:?}: {done:?}"
        );
    }
}

#[test]
fn an_empty_buffer_is_no_end() {
    let content = "content ".repeat(100);
    let singles = SINGLES.map(|format| (format, packed(format, content.as_bytes())));
    let tapes = TAPES.map(|format| (format, packed(format, &taped(&[file(NAME, &content)]))));
    let zip = [(Archive::Zip, zipped(&[(NAME, content.as_bytes())]))];
    for (format, bytes) in singles.into_iter().chain(tapes).chain(zip) {
        let mut found = String::new();
        let done = read(
            format,
            NAME,
            Cursor::new(bytes),
            &Limits::default(),
            &mut |_, reader| {
                let mut first = [0; 5];
                assert_eq!(reader.read(&mut [])?, 0);
                reader.read_exact(&mut first)?;
                assert_eq!(reader.read(&mut [])?, 0);
                found = String::from_utf8_lossy(&first).into_owned();
                reader.read_to_string(&mut found)?;
                assert_eq!(reader.read(&mut [])?, 0);
                Ok(())
            },
        );
        assert!(done.is_ok(), "{format:?}: {done:?}");
        assert_eq!(found, content, "{format:?}");
    }
}
