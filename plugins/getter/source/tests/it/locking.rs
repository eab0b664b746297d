//! Lock files: what is locked is taken, and nothing else.

use std::fs;

use crate::making::{Room, expected, file, files, gz, said, tar};
use crate::repositories::{address, commit, git, room};

fn lock(room: &Room, sources: &[&str]) -> String {
    let arguments = [&["lock", "getter.lock", "--allow=file"], sources].concat();
    let output = room.run(&arguments);
    assert!(output.status.success(), "{}", said(&output));
    said(&output)
}

/// Fetches what is locked into `out`, which is made anew.
fn locked(room: &Room, source: &str) -> Result<std::collections::BTreeMap<String, String>, String> {
    if room.path("out").exists() {
        fs::remove_dir_all(room.path("out")).unwrap();
    }
    let output = room.run(&["fetch", "--allow=file", "--locked=getter.lock", source, "out"]);
    match output.status.code() {
        Some(0) => Ok(files(&room.path("out"))),
        code => {
            assert_eq!(code, Some(2));
            assert!(!room.path("out").exists());
            Err(said(&output))
        }
    }
}

#[test]
fn a_commit_is_taken_though_its_branch_went_on() {
    let room = room();
    let source = address(&room, "//apps/deep?ref=main");
    let first = git(&room, &["rev-parse", "HEAD"]);
    assert!(lock(&room, &[&source]).contains(&first));
    room.write("made/apps/deep/two.yaml", "changed");
    let second = commit(&room);
    assert_eq!(locked(&room, &source).unwrap(), expected(&[("two.yaml", "two")]));
    let relocked = lock(&room, &[&source]);
    assert!(relocked.contains(&format!("{second}, was {first}")), "{relocked}");
    assert_eq!(locked(&room, &source).unwrap(), expected(&[("two.yaml", "changed")]));
    assert!(lock(&room, &[&source]).contains("as before"));
}

#[test]
fn a_file_that_is_another_is_refused_and_what_is_not_locked_too() {
    let room = Room::new();
    room.write("x.tar.gz", gz(&tar(&[file("a.yaml", "a")])));
    room.write("b.yaml", "b");
    lock(&room, &["./x.tar.gz", "./b.yaml"]);
    assert_eq!(locked(&room, "./x.tar.gz").unwrap(), expected(&[("a.yaml", "a")]));
    room.write("x.tar.gz", gz(&tar(&[file("a.yaml", "other")])));
    let refused = locked(&room, "./x.tar.gz").unwrap_err();
    assert!(
        refused.contains("it is at sha256:") && refused.contains("k1s-sync-getter lock"),
        "{refused}"
    );
    // What else is in the file stays as it is.
    lock(&room, &["./x.tar.gz"]);
    assert!(locked(&room, "./x.tar.gz").is_ok() && locked(&room, "./b.yaml").is_ok());
    room.write("c.yaml", "c");
    assert!(locked(&room, "./c.yaml").unwrap_err().contains("does not have it"));
}

#[test]
fn a_failure_leaves_the_lock_file_and_a_folder_has_no_revision() {
    let room = Room::new();
    room.write("a.yaml", "a");
    lock(&room, &["./a.yaml"]);
    let before = fs::read(room.path("getter.lock")).unwrap();
    room.write("a.yaml", "b");
    room.write("src/a.yaml", "a");
    for (sources, part) in [
        (["./a.yaml", "./none"], "there is nothing at this path"),
        (["./a.yaml", "./src"], "no revision to be locked"),
        (["./a.yaml", "./src//../.."], "the sub-directory"),
    ] {
        let output = room.run(&[&["lock", "getter.lock"], &sources[..]].concat());
        assert_eq!(output.status.code(), Some(2));
        assert!(said(&output).contains(part), "{}", said(&output));
        assert_eq!(fs::read(room.path("getter.lock")).unwrap(), before);
    }
}

/// S01: a secret never stands on a command line, and what stands there instead of its place is not repeated.
#[test]
fn s01_a_secret_on_the_command_line_is_refused_and_not_repeated() {
    let room = Room::new();
    for option in ["--token=canary", "--password=canary"] {
        let output = room.run(&["fetch", option, "https://h.org/a", "out"]);
        assert_eq!(output.status.code(), Some(2));
        assert!(said(&output).contains("@FILE or env:NAME"), "{}", said(&output));
        assert!(!said(&output).contains("canary"), "{}", said(&output));
    }
}
