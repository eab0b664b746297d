//! Paths that lead elsewhere: rows P of the table.

use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;

use rustix::fs::{CWD, FileType, Mode, mknodat};

use crate::making::{Room, expected, file, tar};

#[test]
fn p01_a_sub_directory_never_leads_out() {
    let room = Room::new();
    room.write("src/a.yaml", "a");
    for address in [
        "./src//../../../../etc/passwd",
        "./src//sub/../../..",
        "./src//%2e%2e/%2e%2e",
        "./src//..%2f..",
        "./src//..\\..",
    ] {
        let said = room.refused(address);
        assert!(said.contains("the sub-directory"), "{address}: {said}");
    }
}

#[test]
fn p02_a_third_slash_is_no_root() {
    let room = Room::new();
    room.write("src/etc/a.yaml", "a");
    assert_eq!(room.fetched("./src///etc"), expected(&[("a.yaml", "a")]));
}

#[test]
fn p05_a_pattern_is_exactly_one_directory() {
    let room = Room::new();
    room.write("src/a/x.yaml", "a");
    room.write("src/b/x.yaml", "b");
    room.write("src/file", "c");
    symlink("/etc", room.path("src/link")).unwrap();
    for (address, said) in [
        ("./src//*", "is ambiguous: `a` and `b` match"),
        ("./src//c*", "does not exist"),
        ("./src//f*", "does not exist"),
        ("./src//l*", "is a link, which is never followed"),
        ("./src//link", "is a link, which is never followed"),
        ("./src//link/ssl", "does not exist"),
        ("./src//[", "the sub-directory"),
    ] {
        let refused = room.refused(address);
        assert!(refused.contains(said), "{address}: {refused}");
    }
    room.write("x.tar", tar(&[file("a/x.yaml", "a"), file("b/x.yaml", "b")]));
    assert!(room.refused("./x.tar//[ab]").contains("is ambiguous"));
}

#[test]
fn p06_a_file_name_is_no_path() {
    let room = Room::new();
    room.write("a.txt", "a");
    for name in [
        "../../../../tmp/bar.txt",
        "%2Fetc%2Fx",
        "..",
        ".",
        "a%00b",
        "a%2Fb",
        "..\\x",
    ] {
        let said = room.refused(&format!("./a.txt?filename={name}"));
        assert!(said.contains("the parameter `filename`"), "{name}: {said}");
    }
}

#[test]
fn p10_only_files_that_are_somebodys_are_read() {
    let room = Room::new();
    mknodat(CWD, room.path("fifo"), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    let _listener = UnixListener::bind(room.path("socket")).unwrap();
    for (address, said) in [
        ("./fifo", "it is a FIFO"),
        ("./socket", "it is a socket"),
        ("/dev/zero", "it is a device"),
        ("/proc/self/environ", "the kernel's own"),
        ("/proc/self", "the kernel's own"),
        ("/sys/kernel", "the kernel's own"),
        ("./none", "there is nothing at this path"),
    ] {
        let refused = room.refused(address);
        assert!(refused.contains(said), "{address}: {refused}");
    }
}

/// In a folder: the whole is refused, because `fetch` is of all or nothing.
#[test]
fn p10_a_fifo_in_a_folder_is_not_waited_for() {
    let room = Room::new();
    room.write("src/a.yaml", "a");
    mknodat(CWD, room.path("src/fifo"), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    assert!(room.refused("./src").contains("fifo: cannot be read: it is a FIFO"));
}

#[test]
fn s03_a_file_of_checksums_is_never_quoted() {
    let room = Room::new();
    room.write("a.txt", "a");
    room.write("secret", "canary:$6$canary\n");
    let said = room.refused("./a.txt?checksum=file:./secret");
    assert!(said.contains("file of checksums") && !said.contains("canary"), "{said}");
    for address in [
        "./a.txt?checksum=file:http://169.254.169.254/",
        "./a.txt?checksum=file:https://h.org/sums",
    ] {
        assert!(room.refused(address).contains("the parameter `checksum`"), "{address}");
    }
}
