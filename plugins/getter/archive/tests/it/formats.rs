//! Each format, as our writers and the usual programs make it.

use std::path::Path;
use std::process::Command;

use k1s_getter_address::Archive;
use k1s_getter_archive::{ArchiveError, Limits, read};
use tar::EntryType;

use crate::making::{Contents, NAME, SINGLES, TAPES, contents, file, opened, packed, tape, taped, zipped};

fn expected() -> Contents {
    [
        ("a.yaml", "a: 1\n"),
        ("d/run", "*#!\n"),
        ("d/e/long", "x\n"),
        ("d/link", "-> ../a.yaml"),
    ]
    .map(|(path, content)| (path.to_owned(), content.to_owned()))
    .into()
}

#[test]
fn tapes_of_every_compression() {
    let bytes = taped(&[
        tape(
            EntryType::XGlobalHeader,
            "pax_global_header",
            "",
            0,
            b"16 comment=abcd\n",
        ),
        tape(EntryType::Directory, "./", "", 0o755, b""),
        file("./a.yaml", "a: 1\n"),
        tape(EntryType::Directory, "d/", "", 0o755, b""),
        tape(EntryType::Regular, "d/run", "", 0o755, b"#!\n"),
        file("d//e/./long", "x\n"),
        tape(EntryType::Symlink, "d/link", "../a.yaml", 0o777, b""),
    ]);
    for format in TAPES {
        assert_eq!(
            opened(format, &packed(format, &bytes)).unwrap(),
            expected(),
            "{format:?}"
        );
    }
}

#[test]
fn single_files_of_every_compression() {
    let content = "a: 1\n".repeat(100_000);
    for format in SINGLES {
        let read = opened(format, &packed(format, content.as_bytes())).unwrap();
        assert_eq!(read.get(NAME), Some(&content), "{format:?}");
        // What is joined is read to its end, as the usual programs do.
        let twice = [packed(format, b"a"), packed(format, b"b")].concat();
        assert_eq!(
            opened(format, &twice).unwrap().get(NAME).map(String::as_str),
            Some("ab"),
            "{format:?}"
        );
    }
}

#[test]
fn long_names_of_both_kinds() {
    let (path, target) = (["d"; 60].join("/") + "/a.yaml", "t".repeat(200));
    let gnu = taped(&[
        tape(
            EntryType::GNULongName,
            "././@LongLink",
            "",
            0,
            format!("{path}\0").as_bytes(),
        ),
        file("cut", "x"),
        tape(
            EntryType::GNULongLink,
            "././@LongLink",
            "",
            0,
            format!("{target}\0").as_bytes(),
        ),
        tape(EntryType::Symlink, "l", "cut", 0o777, b""),
    ]);
    let record = |key: &str, value: &str| {
        let body = format!(" {key}={value}\n");
        let length = (1..)
            .find(|length: &usize| *length == body.len() + length.to_string().len())
            .unwrap();
        format!("{length}{body}")
    };
    let pax = taped(&[
        tape(EntryType::XHeader, "x", "", 0, record("path", &path).as_bytes()),
        file("cut", "x"),
        tape(
            EntryType::XHeader,
            "x",
            "",
            0,
            (record("linkpath", &target) + &record("size", "0")).as_bytes(),
        ),
        tape(EntryType::Symlink, "l", "cut", 0o777, b""),
    ]);
    for bytes in [gnu, pax] {
        let read = opened(Archive::Tar, &bytes).unwrap();
        assert_eq!(
            read,
            [(path.clone(), "x".to_owned()), ("l".to_owned(), format!("-> {target}"))].into()
        );
    }
}

#[test]
fn a_frame_of_zst_is_as_long_as_its_header_says() {
    // One segment, its length in one byte; a last block of three bytes as they are.
    let frame = |length| [0x28, 0xb5, 0x2f, 0xfd, 0x20, length, 3 << 3 | 1, 0, 0, b'a', b'b', b'c'];
    let read = opened(Archive::Zst, &frame(3)).unwrap();
    assert_eq!(read.get(NAME).map(String::as_str), Some("abc"));
    let twice = [frame(3), frame(3)].concat();
    assert_eq!(
        opened(Archive::Zst, &twice).unwrap().get(NAME).map(String::as_str),
        Some("abcabc")
    );
    for length in [1, 2, 4, 255] {
        for bytes in [frame(length).to_vec(), [frame(3), frame(length)].concat()] {
            let read = opened(Archive::Zst, &bytes);
            assert!(matches!(read, Err(ArchiveError::Damaged(_))), "{length}: {read:?}");
        }
    }
}

#[test]
fn zips() {
    let read = opened(Archive::Zip, &zipped(&[("a.yaml", b"a: 1\n"), ("d/b", b"")])).unwrap();
    assert_eq!(
        read,
        [
            ("a.yaml".to_owned(), "a: 1\n".to_owned()),
            ("d/b".to_owned(), String::new())
        ]
        .into()
    );
}

#[test]
fn what_takes_entries_may_leave_bytes_and_fail() {
    let bytes = taped(&[file("a", "aaa"), file("b", "bbb")]);
    let mut seen = Vec::new();
    read(
        Archive::Tar,
        NAME,
        std::io::Cursor::new(&bytes),
        &Limits::default(),
        &mut |entry, _| {
            seen.push(entry.path.to_string());
            Ok(())
        },
    )
    .unwrap();
    assert_eq!(seen, ["a", "b"]);
    let failed = read(
        Archive::Tar,
        NAME,
        std::io::Cursor::new(&bytes),
        &Limits::default(),
        &mut |_, _| Err(std::io::Error::other("disk full")),
    );
    assert!(matches!(failed, Err(ArchiveError::Taker(_))), "{failed:?}");
}

/// Whether a program is there. The formats are tested without them; the programs show that others write the same.
fn has(program: &str) -> bool {
    Command::new(program)
        .arg("--version")
        .output()
        .is_ok_and(|output| output.status.success())
}

fn run(directory: &Path, command: &str) {
    let done = Command::new("sh")
        .args(["-c", command])
        .current_dir(directory)
        .output()
        .unwrap();
    assert!(
        done.status.success(),
        "{command}: {}",
        String::from_utf8_lossy(&done.stderr)
    );
}

#[test]
fn what_the_usual_programs_write() {
    let directory = tempfile::tempdir().unwrap();
    run(
        directory.path(),
        "mkdir -p t/d/e && cd t && printf 'a: 1\\n' > a.yaml && printf '#!\\n' > d/run && chmod 755 d/run && printf 'x\\n' > d/e/long && ln -s ../a.yaml d/link",
    );
    for (program, command, format) in [
        ("tar", "tar -C t -cf o .", Archive::Tar),
        ("tar", "tar -C t --format=pax -cf o a.yaml d", Archive::Tar),
        ("tar", "tar -C t --format=gnu -cf o .", Archive::Tar),
        ("tar", "tar -C t --format=v7 -cf o .", Archive::Tar),
        ("gzip", "tar -C t -czf o .", Archive::TarGz),
        ("bzip2", "tar -C t -cjf o .", Archive::TarBz2),
        ("xz", "tar -C t -cf p . && xz -9 -c p > o", Archive::TarXz),
        (
            "xz",
            "tar -C t -cf p . && xz -C sha256 --block-size=1024 -c p > o",
            Archive::TarXz,
        ),
        ("zstd", "tar -C t -cf p . && zstd -19 -f -q -o o p", Archive::TarZst),
        (
            "zstd",
            "tar -C t -cf p . && zstd --ultra -22 --check -f -q -o o p",
            Archive::TarZst,
        ),
        (
            "zip",
            "rm -f o.zip; cd t && zip -q -y -r ../o.zip . && mv ../o.zip ../o",
            Archive::Zip,
        ),
        (
            "zip",
            "rm -f o.zip; cd t && zip -q -0 -y -r ../o.zip a.yaml d && mv ../o.zip ../o",
            Archive::Zip,
        ),
        (
            "git",
            "cd t && git init -q && git add . && git -c user.name=n -c user.email=e commit -qm m && git archive -o ../o --format=tar.gz HEAD && rm -rf .git",
            Archive::TarGz,
        ),
    ] {
        if !has(program) {
            continue;
        }
        run(directory.path(), command);
        let bytes = std::fs::read(directory.path().join("o")).unwrap();
        assert_eq!(
            contents(format, &bytes, &Limits::default()).unwrap(),
            expected(),
            "{command}"
        );
    }
}
