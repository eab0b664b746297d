//! Tapes that readers disagree about: where they end, what is a directory, and what extended headers say.

use k1s_getter_address::Archive;
use k1s_getter_archive::ArchiveError;
use tar::{EntryType, Header};

use crate::making::{TAPES, file, opened, packed, sealed, tape, taped};

fn contradicts(bytes: &[u8], what: &str) {
    let read = opened(Archive::Tar, bytes);
    assert!(
        matches!(&read, Err(ArchiveError::Contradiction(found)) if found.contains(what)),
        "{what}: {read:?}"
    );
}

/// Returns one record of PAX.
fn record(key: &str, value: &str) -> String {
    let body = format!(" {key}={value}\n");
    let length = (1..).find(|length: &usize| *length == body.len() + length.to_string().len());
    format!("{}{body}", length.unwrap())
}

fn pax(records: &str) -> Vec<u8> {
    tape(EntryType::XHeader, "x", "", 0, records.as_bytes())
}

fn global(records: &str) -> Vec<u8> {
    tape(EntryType::XGlobalHeader, "g", "", 0, records.as_bytes())
}

fn long_path(path: &str) -> Vec<u8> {
    tape(EntryType::GNULongName, "l", "", 0, path.as_bytes())
}

fn long_link(target: &str) -> Vec<u8> {
    tape(EntryType::GNULongLink, "l", "", 0, target.as_bytes())
}

fn link() -> Vec<u8> {
    tape(EntryType::Symlink, "l", "t", 0o777, b"")
}

/// Returns an entry of tar before there were types.
fn untyped(path: &str, content: &[u8]) -> Vec<u8> {
    let mut header = Header::new_old();
    header.set_mode(0o644);
    header.set_size(content.len() as u64);
    header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
    header.as_old_mut().linkflag = [0];
    sealed(header, content)
}

#[test]
fn a_zeroed_header_between_two_files_does_not_end_a_tape() {
    let hidden = [
        file("a", "1"),
        vec![0; 512],
        file("b", "2")[512..].to_vec(),
        file("c", "3"),
    ];
    let twice = [taped(&[file("a", "1")]), taped(&[file("b", "2")])].concat();
    for bytes in [taped(&hidden), twice] {
        for format in TAPES {
            let read = opened(format, &packed(format, &bytes));
            assert!(
                matches!(&read, Err(ArchiveError::Contradiction(what)) if what.contains("behind its end")),
                "{format:?}: {read:?}"
            );
        }
    }
    let mut one_byte = taped(&[file("a", "1")]);
    one_byte.resize(100 << 10, 0);
    one_byte.push(1);
    contradicts(&one_byte, "behind its end");
}

#[test]
fn zeros_behind_the_end_of_a_tape_are_padding() {
    for padding in [0, 1, 512, 9 << 10, 100 << 10] {
        let mut bytes = taped(&[file("a", "1")]);
        bytes.resize(bytes.len() + padding, 0);
        for format in TAPES {
            let read = opened(format, &packed(format, &bytes)).unwrap();
            assert_eq!(read.len(), 1, "{format:?} {padding}");
        }
    }
}

#[test]
fn directories_and_links_have_no_content() {
    for kind in [EntryType::Directory, EntryType::Symlink] {
        contradicts(&taped(&[tape(kind, "d", "t", 0o755, &[0; 512])]), "content");
        contradicts(&taped(&[tape(kind, "d", "t", 0o755, &file("hidden", "x"))]), "content");
    }
    contradicts(&taped(&[untyped("d/", b"x")]), "content");
}

#[test]
fn a_slash_tells_a_directory_only_where_there_is_no_type() {
    let read = opened(
        Archive::Tar,
        &taped(&[untyped("d/", b""), untyped("d/a", b"x"), untyped("b", b"y")]),
    );
    assert_eq!(
        read.unwrap(),
        [("d/a", "x"), ("b", "y")]
            .map(|(path, content)| (path.to_owned(), content.to_owned()))
            .into()
    );
    contradicts(&taped(&[file("d/", "")]), "named like a directory");
    contradicts(
        &taped(&[pax(&record("path", "d/")), file("d", "")]),
        "named like a directory",
    );
    contradicts(
        &taped(&[tape(EntryType::Symlink, "l/", "t", 0o777, b"")]),
        "named like a directory",
    );
}

#[test]
fn extended_headers_that_say_the_same_twice_are_refused() {
    let twice = "twice";
    for headers in [
        [pax(&record("comment", "1")), pax(&record("comment", "2"))],
        [long_path("a"), long_path("b")],
        [long_link("a"), long_link("b")],
        [long_path("a"), pax(&record("path", "b"))],
        [pax(&record("path", "b")), long_path("a")],
        [long_link("a"), pax(&record("linkpath", "b"))],
        [pax(&(record("path", "a") + &record("path", "b"))), Vec::new()],
        [pax(&(record("size", "0") + &record("size", "0"))), Vec::new()],
    ] {
        contradicts(&taped(&[headers.concat(), link()]), twice);
    }
    // Of different things each may say one.
    let read = opened(Archive::Tar, &taped(&[long_path("p"), long_link("q"), link()])).unwrap();
    assert_eq!(read.get("p").map(String::as_str), Some("-> q"));
    let read = opened(
        Archive::Tar,
        &taped(&[long_path("p"), pax(&record("linkpath", "q")), link()]),
    );
    assert_eq!(read.unwrap().get("p").map(String::as_str), Some("-> q"));
}

#[test]
fn an_extended_header_belongs_to_the_entry_behind_it() {
    for header in [pax(&record("path", "p")), long_path("p"), long_link("p")] {
        contradicts(&taped(&[file("a", ""), header.clone()]), "of no entry");
        contradicts(
            &taped(&[header, global(&record("comment", "c")), file("a", "")]),
            "of no entry",
        );
    }
}

#[test]
fn a_global_header_says_nothing_of_single_entries() {
    for key in ["path", "linkpath", "size"] {
        contradicts(&taped(&[global(&record(key, "1")), file("a", "")]), "global");
    }
    for header in [
        global(&record("GNU.sparse.major", "1")),
        pax(&record("GNU.sparse.major", "1")),
    ] {
        let read = opened(Archive::Tar, &taped(&[header, file("a", "")]));
        assert!(matches!(&read, Err(ArchiveError::Unsupported(_))), "{read:?}");
    }
}

#[test]
fn a_record_ends_where_its_length_says() {
    // Divided at newlines, this would be a comment and a path.
    let comment = record("comment", "x\n12 path=../y");
    let read = opened(Archive::Tar, &taped(&[pax(&comment), file("a", "x")])).unwrap();
    assert_eq!(read.keys().collect::<Vec<_>>(), ["a"]);
    for broken in [
        "\n",
        "x",
        "5 a=\n\n",
        "+6 a=1\n",
        " a=1\n",
        "0 a=1\n",
        "5 a=1\n",
        "7 a=1\n",
        "6 a=1 ",
        "5 a1\n",
        "5 =1\n",
        "2 ",
        "99999999999999999999999 a=1\n",
    ] {
        let read = opened(Archive::Tar, &taped(&[pax(broken), file("a", "x")]));
        assert!(matches!(&read, Err(ArchiveError::Damaged(_))), "{broken:?}: {read:?}");
        let read = opened(Archive::Tar, &taped(&[global(broken), file("a", "x")]));
        assert!(matches!(&read, Err(ArchiveError::Damaged(_))), "{broken:?}: {read:?}");
    }
    for records in [record("path", ""), record("path", "a\0b"), record("linkpath", "a\0b")] {
        contradicts(&taped(&[pax(&records), link()]), "NUL");
    }
    for size in ["", "+0", "-1", "0x0", "18446744073709551616"] {
        contradicts(&taped(&[pax(&record("size", size)), file("a", "")]), "no number");
    }
}
