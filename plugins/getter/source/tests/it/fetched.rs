//! What is fetched, and where it is put.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use crate::making::{Room, entry, expected, file, gz, tar};

#[test]
fn a_folder_is_brought_whole_without_links() {
    let room = Room::new();
    room.write("src/a.yaml", "a");
    room.write("src/.hidden/b.txt", "b");
    let program = room.write("src/run.sh", "c");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o4777)).unwrap();
    symlink("a.yaml", room.path("src/link")).unwrap();
    let output = room.fetch("./src");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("link: a link, which is not made"), "{said}");
    fs::remove_dir_all(room.path("out")).unwrap();
    let files = room.fetched("./src");
    assert_eq!(
        files,
        expected(&[("a.yaml", "a"), (".hidden/b.txt", "b"), ("run.sh", "c")])
    );
    let mode = |name: &str| fs::metadata(room.path(name)).unwrap().permissions().mode() & 0o7777;
    // What a umask takes away it may.
    assert_eq!((mode("out/run.sh") | 0o22, mode("out/a.yaml") | 0o22), (0o777, 0o666));
}

#[test]
fn a_folder_is_not_fetched_into_itself() {
    let room = Room::new();
    room.write("a.yaml", "a");
    for address in [".", "./.", "..//"] {
        let output = room.fetch(address);
        assert_eq!(output.status.code(), Some(2), "{address}");
        assert!(!room.path("out").exists(), "{address}");
    }
    let refused = room.refused(".");
    assert!(refused.contains("lies in the folder that is fetched"), "{refused}");
}

#[test]
fn archives_files_and_parts_of_them_are_taken_as_the_address_says() {
    let room = Room::new();
    let archive = tar(&[file("top-1/a.yaml", "a"), file("top-1/sub/b.yaml", "b")]);
    room.write("x.tar.gz", gz(&archive));
    room.write("named", gz(&archive));
    room.write("one.yaml.gz", gz(b"one"));
    for (address, files) in [
        ("./x.tar.gz", &[("top-1/a.yaml", "a"), ("top-1/sub/b.yaml", "b")][..]),
        ("./x.tar.gz//top-1", &[("a.yaml", "a"), ("sub/b.yaml", "b")]),
        ("./x.tar.gz//top-*/sub", &[("b.yaml", "b")]),
        ("./named?archive=tar.gz//top-1/sub", &[("b.yaml", "b")]),
        ("./one.yaml.gz", &[("one.yaml", "one")]),
        ("./one.yaml.gz?filename=two.yaml", &[("two.yaml", "one")]),
    ] {
        let address = match address.split_once("?archive=tar.gz//") {
            Some((path, subdir)) => format!("{path}//{subdir}?archive=tar.gz"),
            None => address.to_owned(),
        };
        assert_eq!(room.fetched(&address), expected(files), "{address}");
        fs::remove_dir_all(room.path("out")).unwrap();
    }
    let raw = room.fetch("./x.tar.gz?archive=false");
    assert!(raw.status.success());
    assert_eq!(
        fs::read(room.path("out/x.tar.gz")).unwrap(),
        fs::read(room.path("x.tar.gz")).unwrap()
    );
}

#[test]
fn a_checksum_is_of_the_file_as_it_came() {
    let room = Room::new();
    room.write("a.yaml", "a\n");
    let sum = "87428fc522803d31065e7bce3cf03fe475096631e5e07bbd7a0fde60c4cf25c7";
    room.write("sums/SHA256SUMS", format!("{sum}  ../a.yaml\n"));
    for address in [
        format!("./a.yaml?checksum=sha256:{sum}"),
        "./a.yaml?checksum=file:./sums/SHA256SUMS".to_owned(),
    ] {
        assert_eq!(room.fetched(&address), expected(&[("a.yaml", "a\n")]), "{address}");
        fs::remove_dir_all(room.path("out")).unwrap();
    }
    let said = room.refused("./a.yaml?checksum=md5:00000000000000000000000000000000");
    assert!(
        said.contains("the checksum is md5:60b725f10c9c85c70d97880dfe8191b3, not md5:0000"),
        "{said}"
    );
    room.write("sums/SHA256SUMS", format!("{sum}  other.yaml\n"));
    let said = room.refused("./a.yaml?checksum=file:./sums/SHA256SUMS");
    assert!(said.contains("has none for `a.yaml`") && !said.contains(sum), "{said}");
}

/// P11, G05: what is there is never written into, and nothing is put through a link.
#[test]
fn p11_a_directory_with_anything_in_it_is_refused() {
    let room = Room::new();
    room.write("src/a.yaml", "a");
    room.write("out/.git/config", "planted");
    assert!(room.refused("./src").contains("there is something already"));
    assert_eq!(fs::read_to_string(room.path("out/.git/config")).unwrap(), "planted");
    fs::remove_dir_all(room.path("out")).unwrap();
    fs::create_dir(room.path("elsewhere")).unwrap();
    symlink("elsewhere", room.path("out")).unwrap();
    assert!(room.refused("./src").contains("there is something already"));
    fs::remove_file(room.path("out")).unwrap();
    fs::create_dir(room.path("out")).unwrap();
    assert_eq!(room.fetched("./src"), expected(&[("a.yaml", "a")]));
}

#[test]
fn what_is_not_supported_is_said() {
    let room = Room::new();
    assert!(
        room.refused("hg::ssh://hg@h.org/r")
            .contains("is not supported in this version")
    );
    assert!(room.refused("http://h.org/a.yaml").contains("name `http` in `allow`"));
    let links = tar(&[entry(tar::EntryType::Symlink, "sub", "/etc", "")]);
    room.write("x.tar", links);
    assert!(
        room.refused("./x.tar//sub")
            .contains("is a link, which is never followed")
    );
}
