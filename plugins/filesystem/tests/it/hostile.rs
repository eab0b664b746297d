//! A folder of good objects among files that are made to break a reader.

use serde_json::json;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::time::{Duration, Instant};

use rustix::fs::{CWD, FileType, Mode, mknodat};

use crate::host::{Folder, map};

const GOOD: usize = 100;
/// The most memory the plugin may have had, in KiB.
const MEMORY: u64 = 256 * 1024;

fn alias_bomb() -> String {
    let mut text = String::from(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: bomb}\na0: &a0 [x, x, x, x, x, x, x, x, x, x]\n",
    );
    for level in 1..12 {
        let before = level - 1;
        let aliases = vec![format!("*a{before}"); 10].join(", ");
        writeln!(text, "a{level}: &a{level} [{aliases}]").unwrap();
    }
    text
}

fn hostile_folder() -> Folder {
    let folder = Folder::new();
    for number in 0..GOOD {
        folder.write(&format!("good/{number:03}.yaml"), map(&format!("good-{number}"), "1"));
    }
    folder.write("bad/alias-bomb.yaml", alias_bomb());
    File::create(folder.at("bad/sparse.yaml"))
        .unwrap()
        .set_len(1 << 30)
        .unwrap();
    mknodat(
        CWD,
        folder.at("bad/fifo.yaml"),
        FileType::Fifo,
        Mode::RUSR | Mode::WUSR,
        0,
    )
    .unwrap();
    symlink("/etc/hostname", folder.at("bad/link.yaml")).unwrap();
    folder.write(
        "bad/utf8.yaml",
        b"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: \xff\xfe\n",
    );
    folder.write(
        "bad/twice.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: twice\n  name: again\n",
    );
    folder.write(
        "bad/deep.yaml",
        format!("a: {}{}\n", "[".repeat(10_000), "]".repeat(10_000)),
    );
    folder.write("bad/dashes.yaml", "---\n".repeat(1_000_000));
    folder.write(
        "bad/nul.yaml",
        b"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\0b\n",
    );
    folder.write("bad/values.yaml", "replicas: 3\n");
    folder
}

#[tokio::test]
async fn good_objects_come_through_and_every_hostile_file_is_named() {
    let folder = hostile_folder();
    let started = Instant::now();
    let mut session = folder.open().await;
    let listing = session.listing().await.1;
    let took = started.elapsed();
    let memory = session.plugin.peak_memory();
    session.close().await;

    assert!(listing.is_complete());
    assert_eq!(listing.count("upsert"), GOOD);
    let mut others: Vec<_> = listing
        .lines()
        .into_iter()
        .filter(|line| !line.starts_with("upsert"))
        .collect();
    others.sort_unstable();
    // Where in an alias bomb, or in a million dashes, the limit is passed is the parser's to say.
    for line in &mut others {
        for path in ["bad/alias-bomb.yaml:", "bad/dashes.yaml:"] {
            if let Some((before, place)) = line.split_once(path) {
                assert!(
                    place
                        .split(':')
                        .all(|number| number.parse::<u32>().is_ok_and(|number| number > 0)),
                    "{line}"
                );
                *line = format!("{before}{path}");
            }
        }
    }
    assert_eq!(
        others,
        [
            "failed DATA_INVALID bad/nul.yaml:4:10",
            "failed DATA_INVALID bad/twice.yaml:5:3",
            "failed DATA_INVALID bad/utf8.yaml:4:9",
            "failed TOO_LARGE bad/alias-bomb.yaml:",
            "failed TOO_LARGE bad/dashes.yaml:",
            "failed TOO_LARGE bad/deep.yaml:1:67",
            "failed TOO_LARGE bad/sparse.yaml",
            "failed UNSUPPORTED bad/fifo.yaml",
            "failed UNSUPPORTED bad/link.yaml",
            "ignored NOT_AN_OBJECT bad/values.yaml:1",
        ]
    );
    assert!(memory <= MEMORY, "{memory} KiB");
    assert!(took <= Duration::from_secs(10), "{took:?}");
}

#[tokio::test]
async fn large_files_in_numbers_do_not_add_up_in_memory() {
    let folder = Folder::new();
    for number in 0..24 {
        let filler = "# filler that is read and not kept\n".repeat(220_000);
        folder.write(
            &format!("{number:02}.yaml"),
            format!("{}{filler}", map(&format!("m{number}"), "1")),
        );
    }
    let mut session = folder.open().await;
    let listing = session.listing().await.1;
    let memory = session.plugin.peak_memory();
    session.close().await;
    assert_eq!(listing.count("upsert"), 24);
    assert!(memory <= MEMORY, "{memory} KiB");
}

#[tokio::test]
async fn links_that_change_under_the_walk_never_lead_outside() {
    let outside = Folder::new();
    outside.write("secret.yaml", map("secret", "1"));
    // The walk is what is raced; a rename in every microsecond would only drown the notifications.
    let mut folder = Folder::with(json!({"watch": false}));
    folder.write("sub/secret.yaml", map("fine", "1"));
    symlink(outside.path(), folder.at("trap")).unwrap();
    let (stop, stopped) = std::sync::mpsc::sync_channel::<()>(1);
    let path = folder.path().to_owned();
    let swapping = std::thread::spawn(move || {
        while stopped.try_recv().is_err() {
            let folder = File::open(&path).unwrap();
            rustix::fs::renameat_with(&folder, "sub", &folder, "trap", rustix::fs::RenameFlags::EXCHANGE).unwrap();
        }
        fs::metadata(&path).unwrap();
    });
    for _ in 0..5 {
        let listing = folder.sync().await;
        assert!(
            !listing.lines().iter().any(|line| line.contains("ConfigMap secret")),
            "{:?}",
            listing.lines()
        );
    }
    stop.send(()).unwrap();
    swapping.join().unwrap();
}
