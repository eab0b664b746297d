//! Files and directories that the process may not read. The plugin runs as a user to whom permissions apply.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use crate::host::{Folder, User, map};

fn set_mode(folder: &Folder, path: &str, mode: u32) {
    fs::set_permissions(folder.at(path), fs::Permissions::from_mode(mode)).unwrap();
}

fn folder() -> Folder {
    let mut folder = Folder::new();
    folder.user = User::Unprivileged;
    for path in ["a.yaml", "sub/b.yaml", "sub/deep/c.yaml", "z.yaml"] {
        folder.write(
            path,
            map(path.trim_end_matches(".yaml").rsplit('/').next().unwrap(), "1"),
        );
    }
    folder
}

const ALL: [&str; 4] = [
    "ConfigMap a from a.yaml = 1",
    "ConfigMap b from sub/b.yaml = 1",
    "ConfigMap c from sub/deep/c.yaml = 1",
    "ConfigMap z from z.yaml = 1",
];

#[tokio::test]
async fn an_unreadable_file_fails_alone_and_keeps_what_it_declared() {
    let mut folder = folder();
    folder.sync().await;
    assert_eq!(folder.inventory.lines(), ALL);
    folder.write("a.yaml", map("a", "2"));
    set_mode(&folder, "a.yaml", 0);
    let listing = folder.sync().await;
    assert!(listing.is_complete());
    assert_eq!(listing.lines()[0], "failed PERMISSION a.yaml");
    assert_eq!(listing.count("failed"), 1);
    assert_eq!(folder.inventory.lines(), ALL);
    set_mode(&folder, "a.yaml", 0o644);
    assert_eq!(folder.sync().await.count("failed"), 0);
    assert_eq!(folder.inventory.lines()[0], "ConfigMap a from a.yaml = 2");
}

#[tokio::test]
async fn an_unreadable_directory_keeps_everything_below_it() {
    let mut folder = folder();
    folder.sync().await;
    for mode in [0, 0o444] {
        set_mode(&folder, "sub", mode);
        let listing = folder.sync().await;
        assert!(listing.is_complete());
        assert_eq!(folder.inventory.lines(), ALL, "mode {mode:o}: {:?}", listing.lines());
        assert!(
            listing.count("failed PERMISSION sub") >= 1,
            "mode {mode:o}: {:?}",
            listing.lines()
        );
    }
    set_mode(&folder, "sub", 0o755);
    assert_eq!(folder.sync().await.count("failed"), 0);
}

#[tokio::test]
async fn an_unreadable_root_is_a_problem_of_its_scope() {
    let mut folder = folder();
    folder.sync().await;
    set_mode(&folder, ".", 0);
    let listing = folder.sync().await;
    assert!(!listing.is_complete());
    assert!(listing.problems[0].starts_with("PERMISSION"), "{:?}", listing.problems);
    set_mode(&folder, ".", 0o755);
    assert_eq!(folder.inventory.lines(), ALL);
}

#[tokio::test]
async fn an_unreadable_k1signore_stops_its_directory() {
    let mut folder = folder();
    folder.write("sub/.k1signore", "nothing\n");
    folder.sync().await;
    set_mode(&folder, "sub/.k1signore", 0);
    let listing = folder.sync().await;
    assert_eq!(listing.count("failed PERMISSION sub"), 1, "{:?}", listing.lines());
    assert_eq!(folder.inventory.lines(), ALL);
}
