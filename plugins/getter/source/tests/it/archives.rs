//! Archives that lead elsewhere or never end: rows A of the table. Each format by itself is tested where it is read; here it
//! is that nothing of such an archive is put anywhere.

use tar::EntryType;

use crate::making::{Room, entry, file, gz, tar};

/// Refuses an archive, whatever good entries stand before the bad one.
fn refused(bad: &[Vec<u8>], said: &str) {
    let room = Room::new();
    let mut entries = vec![file("good.yaml", "good")];
    entries.extend_from_slice(bad);
    room.write("x.tar.gz", gz(&tar(&entries)));
    let refused = room.refused("./x.tar.gz");
    assert!(refused.contains(said), "{said}: {refused}");
}

#[test]
fn a01_entries_never_lead_out() {
    for path in ["../x", "a/../../x", "..\\x"] {
        refused(&[file(path, "x")], "leads outside");
    }
    for path in ["/abs", "C:\\x", "\\x"] {
        refused(&[file(path, "x")], "has an absolute path");
    }
}

#[test]
fn a02_nothing_is_written_through_a_link() {
    let link = entry(EntryType::Symlink, "d", "/tmp", "");
    refused(&[link, file("d/x", "x")], "lies below a file or link");
}

#[test]
fn a04_hard_links_are_refused() {
    refused(&[entry(EntryType::Link, "x", "../../etc/passwd", "")], "a hard link");
}

#[test]
fn a06_a_bomb_ends_at_its_limit() {
    let room = Room::new();
    let bomb = tar(&[file("zeros.yaml", &"\0".repeat(64 << 20))]);
    room.write("x.tar.gz", gz(&bomb));
    let said = room.refused("./x.tar.gz");
    assert!(said.contains("refused at the limit ratio"), "{said}");
}

#[test]
fn a09_a_cut_archive_is_no_smaller_archive() {
    let room = Room::new();
    let whole = gz(&tar(&[file("a.yaml", "a"), file("b.yaml", "b")]));
    for length in [0, 1, whole.len() / 2, whole.len() - 1] {
        room.write("x.tar.gz", &whole[..length]);
        assert!(room.refused("./x.tar.gz").contains("the archive"), "{length} bytes");
    }
    room.write("x.tar.gz", &whole);
    assert_eq!(room.fetched("./x.tar.gz").len(), 2);
}
