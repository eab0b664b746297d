//! Each advisory about archives by its name: the archive as an attacker makes it, and that it is refused as a whole.

use k1s_getter_address::Archive;
use k1s_getter_archive::{ArchiveError, Limit, Limits, PathFault};
use tar::{EntryType, Header};

use crate::making::{NAME, SINGLES, TAPES, contents, file, opened, packed, replaced, sealed, tape, taped, xz, zipped};

fn refused_path(format: Archive, bytes: &[u8], fault: PathFault) {
    let read = opened(format, bytes);
    assert!(
        matches!(&read, Err(ArchiveError::Path(found, _)) if *found == fault),
        "{fault:?}: {read:?}"
    );
}

fn refused_limit(format: Archive, bytes: &[u8], limits: &Limits, limit: Limit) {
    let read = contents(format, bytes, limits);
    assert!(
        matches!(&read, Err(ArchiveError::Limit(found)) if *found == limit),
        "{limit:?}: {:?}",
        read.map(|read| read.len())
    );
}

#[test]
fn a01_zip_slip() {
    for (path, fault) in [
        ("../x", PathFault::Outside),
        ("a/../../x", PathFault::Outside),
        ("a/..", PathFault::Outside),
        ("..\\x", PathFault::Outside),
        ("a\\..\\..\\x", PathFault::Outside),
        ("/abs", PathFault::Absolute),
        ("\\\\host\\share", PathFault::Absolute),
        ("C:\\x", PathFault::Absolute),
        ("c:x", PathFault::Absolute),
        ("a\\b", PathFault::Characters),
        ("a\nb", PathFault::Characters),
        ("a\u{1b}[0m", PathFault::Characters),
        (".", PathFault::Empty),
    ] {
        // The good file before it does not count either.
        refused_path(Archive::Tar, &taped(&[file("good", "x"), file(path, "x")]), fault);
        let plain = "p".repeat(path.len());
        let zip = replaced(
            zipped(&[("good", b"x"), (&plain, b"x")]),
            plain.as_bytes(),
            path.as_bytes(),
        );
        refused_path(Archive::Zip, &zip, fault);
    }
    refused_path(
        Archive::Tar,
        &taped(&[tape(EntryType::GNULongName, "l", "", 0, b"../../x\0"), file("x", "x")]),
        PathFault::Outside,
    );
    refused_path(
        Archive::Tar,
        &taped(&[
            tape(EntryType::XHeader, "l", "", 0, b"16 path=../../x\n"),
            file("x", "x"),
        ]),
        PathFault::Outside,
    );
    refused_path(
        Archive::Tar,
        &taped(&[tape(EntryType::Directory, "../d", "", 0o755, b"")]),
        PathFault::Outside,
    );
    refused_path(
        Archive::Tar,
        &taped(&[
            file(&["a"; 20].join("/"), "x"),
            file(&"n".repeat(100), "x"),
            tape(EntryType::GNULongName, "l", "", 0, &[b'n'; 256]),
            file("x", ""),
        ]),
        PathFault::TooLong,
    );
}

#[test]
fn a02_rustsec_2025_0168_2018_0002_2021_0080_file_below_a_link() {
    let link = || tape(EntryType::Symlink, "d", "/tmp", 0o777, b"");
    refused_path(Archive::Tar, &taped(&[link(), file("d/x", "x")]), PathFault::Below);
    refused_path(
        Archive::Tar,
        &taped(&[link(), tape(EntryType::Directory, "d/e", "", 0o755, b"")]),
        PathFault::Below,
    );
    refused_path(
        Archive::Tar,
        &taped(&[link(), tape(EntryType::Directory, "d", "", 0o755, b"")]),
        PathFault::Twice,
    );
    refused_path(Archive::Tar, &taped(&[file("d/x", "x"), link()]), PathFault::Twice);
    refused_path(
        Archive::Tar,
        &taped(&[file("d", "x"), file("d/x", "x")]),
        PathFault::Below,
    );
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    writer
        .add_symlink("d", "/tmp", zip::write::SimpleFileOptions::default())
        .unwrap();
    writer
        .start_file("d/x", zip::write::SimpleFileOptions::default())
        .unwrap();
    refused_path(Archive::Zip, &writer.finish().unwrap().into_inner(), PathFault::Below);
}

#[test]
fn a04_cve_2026_50163_hard_links_and_devices() {
    for (kind, name) in [
        (EntryType::Link, "hard link"),
        (EntryType::Char, "device"),
        (EntryType::Block, "device"),
        (EntryType::Fifo, "FIFO"),
        (EntryType::GNUSparse, "sparse"),
    ] {
        let read = opened(
            Archive::Tar,
            &taped(&[file("a", "x"), tape(kind, "b", "../../etc/passwd", 0o644, b"")]),
        );
        assert!(
            matches!(&read, Err(ArchiveError::Kind { kind, .. }) if kind.contains(name)),
            "{read:?}"
        );
    }
}

#[test]
fn a06_cve_2023_0475_bombs_end_at_the_ratio() {
    let zeros = vec![0; 32 << 20];
    for format in SINGLES {
        refused_limit(format, &packed(format, &zeros), &Limits::default(), Limit::Ratio(250));
    }
    refused_limit(
        Archive::Zip,
        &packed(Archive::Zip, &zeros),
        &Limits::default(),
        Limit::Ratio(250),
    );
    let bomb = taped(&[tape(EntryType::Regular, "a", "", 0o644, &zeros)]);
    for format in TAPES.into_iter().filter(|format| *format != Archive::Tar) {
        refused_limit(format, &packed(format, &bomb), &Limits::default(), Limit::Ratio(250));
    }
}

#[test]
fn a06_limits_of_bytes_and_entries() {
    let limits = Limits {
        total_bytes: 10_000,
        file_bytes: 4_000,
        entries: 5,
        ..Limits::default()
    };
    let small = "x".repeat(3_000);
    for format in TAPES {
        let read = |entries: &[Vec<u8>], limit| refused_limit(format, &packed(format, &taped(entries)), &limits, limit);
        read(
            &[file("a", &small), file("b", &small), file("c", &small)],
            Limit::TotalBytes(10_000),
        );
        read(&[file("a", &"x".repeat(4_001))], Limit::FileBytes(4_000));
        let many: Vec<Vec<u8>> = (0..6).map(|number| file(&number.to_string(), "")).collect();
        read(&many, Limit::Entries(5));
        assert_eq!(
            contents(format, &packed(format, &taped(&many[..5])), &limits)
                .unwrap()
                .len(),
            5
        );
    }
    for format in SINGLES {
        refused_limit(
            format,
            &packed(format, &[b'x'; 4_001]),
            &limits,
            Limit::FileBytes(4_000),
        );
        assert!(contents(format, &packed(format, &[b'x'; 4_000]), &limits).is_ok());
    }
    let small = small.as_bytes();
    refused_limit(
        Archive::Zip,
        &zipped(&[("a", small), ("b", small), ("c", small), ("d", small)]),
        &limits,
        Limit::TotalBytes(10_000),
    );
    refused_limit(
        Archive::Zip,
        &zipped(&[("a", &[b'x'; 4_001])]),
        &limits,
        Limit::FileBytes(4_000),
    );
    refused_limit(
        Archive::Zip,
        &zipped(&["a", "b", "c", "d", "e", "f"].map(|name| (name, &b""[..]))),
        &limits,
        Limit::Entries(5),
    );
}

#[test]
fn a06_bytes_that_nobody_takes_count_too() {
    let limits = Limits {
        file_bytes: 10,
        ..Limits::default()
    };
    let bytes = taped(&[file("a", "more than ten bytes")]);
    let read = k1s_getter_archive::read(Archive::Tar, NAME, std::io::Cursor::new(bytes), &limits, &mut |_, _| {
        Ok(())
    });
    assert!(
        matches!(read, Err(ArchiveError::Limit(Limit::FileBytes(10)))),
        "{read:?}"
    );
}

#[test]
fn a06_depth_and_extended_headers() {
    let deep = ["d"; 40].join("/");
    refused_limit(
        Archive::Tar,
        &taped(&[file(&deep, "")]),
        &Limits {
            depth: 39,
            ..Limits::default()
        },
        Limit::Depth(39),
    );
    for kind in [
        EntryType::XHeader,
        EntryType::XGlobalHeader,
        EntryType::GNULongName,
        EntryType::GNULongLink,
    ] {
        refused_limit(
            Archive::Tar,
            &taped(&[tape(kind, "x", "", 0, &[b'x'; (64 << 10) + 1]), file("a", "")]),
            &Limits::default(),
            Limit::HeaderBytes(64 << 10),
        );
    }
}

/// Returns where a zip's central directory begins.
fn central(bytes: &[u8]) -> usize {
    bytes.windows(4).position(|window| window == b"PK\x01\x02").unwrap()
}

#[test]
fn a07_zip_headers_that_lie() {
    let good = zipped(&[("aaaa", b"content"), ("bbbb", b"content")]);
    let at = central(&good);
    let lie = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = good.clone();
        change(&mut bytes);
        opened(Archive::Zip, &bytes)
    };
    assert!(lie(&|_| {}).is_ok());
    for (name, read) in [
        ("another name in the local header", lie(&|bytes| bytes[30] = b'z')),
        ("another name in the directory", lie(&|bytes| bytes[at + 46] = b'z')),
        (
            "two of one name",
            opened(Archive::Zip, &replaced(good.clone(), b"bbbb", b"aaaa")),
        ),
        ("no size in the directory", lie(&|bytes| bytes[at + 24] = 0)),
        (
            "too large a size in both",
            lie(&|bytes| {
                bytes[at + 24] = 200;
                bytes[22] = 200;
            }),
        ),
        (
            "another checksum in both",
            lie(&|bytes| {
                bytes[at + 16] ^= 1;
                bytes[14] ^= 1;
            }),
        ),
        (
            "an entry that overlaps another",
            lie(&|bytes| {
                let second = at + 46 + 4;
                bytes[second + 42..second + 46].copy_from_slice(&[0; 4]);
            }),
        ),
        (
            "an offset outside",
            lie(&|bytes| bytes[at + 42..at + 46].copy_from_slice(&[0xff; 4])),
        ),
        (
            "more entries than there are",
            lie(&|bytes| {
                let end = bytes.len() - 22;
                bytes[end + 10] = 9;
                bytes[end + 8] = 9;
            }),
        ),
        (
            "fewer entries than there are",
            lie(&|bytes| {
                let end = bytes.len() - 22;
                bytes[end + 10] = 1;
                bytes[end + 8] = 1;
            }),
        ),
    ] {
        assert!(read.is_err(), "{name}: {read:?}");
    }
}

#[test]
fn a08_cve_2022_30323_password() {
    let bytes = zipped(&[("a", b"x")]);
    let at = central(&bytes);
    let mut encrypted = bytes.clone();
    encrypted[6] |= 1;
    encrypted[at + 8] |= 1;
    let read = opened(Archive::Zip, &encrypted);
    assert!(
        matches!(&read, Err(ArchiveError::Encrypted(name)) if name == "a"),
        "{read:?}"
    );
}

#[test]
fn a07_rustsec_2025_0110_a_size_in_an_extended_header_smuggles_entries() {
    let hidden = file("hidden", "x");
    let bytes = taped(&[
        tape(EntryType::XHeader, "x", "", 0, b"13 size=1024\n"),
        file("a", ""),
        hidden,
    ]);
    let read = opened(Archive::Tar, &bytes);
    assert!(matches!(read, Err(ArchiveError::Contradiction(_))), "{read:?}");
    let same = taped(&[tape(EntryType::XHeader, "x", "", 0, b"10 size=1\n"), file("a", "x")]);
    assert!(opened(Archive::Tar, &same).is_ok());
}

#[test]
fn a07_one_path_twice() {
    refused_path(
        Archive::Tar,
        &taped(&[file("a", "1"), file("./a", "2")]),
        PathFault::Twice,
    );
    assert!(
        opened(
            Archive::Tar,
            &taped(&[
                tape(EntryType::Directory, "d", "", 0o755, b""),
                tape(EntryType::Directory, "d/", "", 0o755, b"")
            ])
        )
        .is_ok()
    );
}

#[test]
fn a10_modes_are_reduced() {
    for (mode, expected) in [
        (0o4755, "*x"),
        (0o2644, "x"),
        (0o1777, "*x"),
        (0o000, "x"),
        (0o777, "*x"),
        (0o644, "x"),
        (0o100, "*x"),
    ] {
        let read = opened(Archive::Tar, &taped(&[tape(EntryType::Regular, "a", "", mode, b"x")])).unwrap();
        assert_eq!(read.get("a").map(String::as_str), Some(expected), "{mode:o}");
    }
}

#[test]
fn a12_memory_of_decoders() {
    let limits = Limits {
        decoder_bytes: 4 << 20,
        ..Limits::default()
    };
    let limit = Limit::DecoderBytes(4 << 20);
    refused_limit(Archive::Xz, &xz(b"small", 64 << 20), &limits, limit);
    assert!(contents(Archive::Xz, &xz(b"small", 1 << 20), &limits).is_ok());
    // The header says 4 GiB, the largest dictionary there is; its checksum is right.
    refused_limit(
        Archive::Xz,
        include_bytes!("../../fixtures/corpus/dictionary.xz"),
        &Limits::default(),
        Limit::DecoderBytes(128 << 20),
    );
    // A window of 2^31 bytes: magic, descriptor without size, window descriptor, and an empty last block.
    let window = [0x28, 0xb5, 0x2f, 0xfd, 0x00, 21 << 3, 0x01, 0x00, 0x00];
    refused_limit(
        Archive::Zst,
        &window,
        &Limits::default(),
        Limit::DecoderBytes(128 << 20),
    );
    // The window of one segment is its content, of which the header says 2^40 bytes.
    let segment = [0x28, 0xb5, 0x2f, 0xfd, 0xe0, 0, 0, 0, 0, 0, 1, 0, 0, 0x01, 0x00, 0x00];
    refused_limit(
        Archive::Zst,
        &segment,
        &Limits::default(),
        Limit::DecoderBytes(128 << 20),
    );
}

#[test]
fn a14_times_are_not_taken_over() {
    for time in [
        *b"00000000000\0",
        *b"77777777777\0",
        *b"\x80\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff",
        *b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfe",
        *b"not a number",
    ] {
        let mut header = Header::new_ustar();
        header.set_size(1);
        header.set_mode(0o644);
        header.set_entry_type(EntryType::Regular);
        header.as_old_mut().name[0] = b'a';
        header.as_old_mut().mtime = time;
        assert!(
            opened(Archive::Tar, &taped(&[sealed(header, b"x")])).is_ok(),
            "{time:?}"
        );
    }
}
