//! A09: what is cut, or differs in one bit, is never taken for the whole.

use k1s_getter_address::Archive;

use crate::making::{SINGLES, TAPES, file, opened, packed, taped, zipped};

fn text() -> String {
    (0..400).map(|number| format!("line {number} of some text\n")).collect()
}

/// An archive of each format, and where it may be cut without being another: before the blocks that end a tape.
fn archives() -> Vec<(Archive, Vec<u8>)> {
    let tape = taped(&[file("a", &text()), file("b", &text())]);
    let tapes = TAPES.map(|format| (format, packed(format, &tape)));
    let singles = SINGLES.map(|format| (format, packed(format, text().as_bytes())));
    let zip = [(
        Archive::Zip,
        zipped(&[("a", text().as_bytes()), ("b", text().as_bytes())]),
    )];
    tapes.into_iter().chain(singles).chain(zip).collect()
}

#[test]
fn a09_what_is_cut_is_refused() {
    for (format, bytes) in archives() {
        let whole = opened(format, &bytes).unwrap();
        for end in 0..bytes.len() {
            let read = opened(format, &bytes[..end]);
            match read {
                Err(_) => {}
                // A tape that is not compressed has no other end than its blocks of zeros; the second may be cut.
                Ok(read) => assert!(
                    format == Archive::Tar && end + 512 >= bytes.len() && read == whole,
                    "{format:?} cut at {end} of {}",
                    bytes.len()
                ),
            }
        }
    }
}

#[test]
fn a_bit_that_differs_is_found_or_harmless() {
    for (format, bytes) in archives().into_iter().filter(|(format, _)| *format != Archive::Tar) {
        let whole = opened(format, &bytes).unwrap();
        for at in (0..bytes.len()).step_by(7) {
            let mut changed = bytes.clone();
            changed[at] ^= 1 << (at % 8);
            // Bits without a meaning, such as the time in a header of gzip, may differ; ours writes no checksum for zst.
            if let Ok(read) = opened(format, &changed) {
                assert!(
                    read == whole || matches!(format, Archive::Zst | Archive::TarZst),
                    "{format:?} changed at {at}"
                );
            }
        }
    }
}
