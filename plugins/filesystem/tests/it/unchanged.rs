//! When a file is read, parsed, or known to be unchanged.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt as _;
use std::time::SystemTime;

use k1s_source_proto::v1::sync_request::Reason;

use crate::host::{Folder, map};

#[tokio::test]
async fn unchanged_files_are_seen_without_reading_them() {
    let mut folder = Folder::new();
    folder.write("many.yaml", format!("{}---\n{}", map("m1", "1"), map("m2", "1")));
    folder.write("one.yaml", map("one", "1"));
    assert_eq!(folder.sync().await.count("upsert"), 3);
    // The true stamp beside a false hash: whoever read the files would send them.
    hold_stamps(&mut folder, |_| "A".repeat(43));
    let held = folder.inventory.clone();
    let second = folder.sync().await;
    assert_eq!(
        second.lines(),
        [
            "seen ConfigMap m1 many.yaml",
            "seen ConfigMap m2 many.yaml",
            "seen ConfigMap one one.yaml"
        ]
    );
    assert_eq!(folder.inventory, held);
}

/// Makes the host hold the stamps that the files have now, as if they had been old enough when they were read, with
/// what `hash` makes of their hashes.
fn hold_stamps(folder: &mut Folder, hash: impl Fn(&str) -> String) {
    let root = folder.path().to_owned();
    folder.inventory.map_versions(|path, version| {
        let of = fs::metadata(root.join(path)).unwrap();
        let modified = of.mtime() * 1_000_000_000 + of.mtime_nsec();
        let changed = of.ctime() * 1_000_000_000 + of.ctime_nsec();
        let (state, place) = version.rsplit_once(' ').unwrap();
        let (_, held) = state.rsplit_once('.').unwrap();
        format!(
            "1.{modified:x}.{changed:x}.{:x}.{:x}.{} {place}",
            of.size(),
            of.ino(),
            hash(held)
        )
    });
}

#[tokio::test]
async fn a_young_file_is_read_again_and_seen_by_its_hash() {
    let mut folder = Folder::new();
    folder.write("a.yaml", map("a", "1"));
    folder.sync().await;
    assert!(
        folder.inventory.versions()[0].starts_with("1.-."),
        "{:?}",
        folder.inventory.versions()
    );
    let listing = folder.sync().await;
    assert_eq!(listing.lines(), ["seen ConfigMap a a.yaml"]);
    folder.write("a.yaml", map("a", "2"));
    folder.sync().await;
    assert_eq!(folder.inventory.lines(), ["ConfigMap a from a.yaml = 2"]);
}

#[tokio::test]
async fn a_touched_file_is_seen_by_its_hash_and_a_changed_one_is_sent() {
    let mut folder = Folder::new();
    folder.write("a.yaml", map("a", "1"));
    folder.write("b.yaml", map("b", "1"));
    folder.sync().await;
    hold_stamps(&mut folder, str::to_owned);
    let file = File::options().append(true).open(folder.at("a.yaml")).unwrap();
    file.set_modified(SystemTime::now()).unwrap();
    // The same size and time of modification: the time of change tells.
    let before = fs::metadata(folder.at("b.yaml")).unwrap().modified().unwrap();
    folder.write("b.yaml", map("b", "2"));
    File::options()
        .append(true)
        .open(folder.at("b.yaml"))
        .unwrap()
        .set_modified(before)
        .unwrap();
    let listing = folder.sync().await;
    assert_eq!(
        listing.lines(),
        ["seen ConfigMap a a.yaml", "upsert ConfigMap b b.yaml:1"]
    );
}

#[tokio::test]
async fn seen_needs_every_document_of_a_path() {
    let mut folder = Folder::new();
    folder.write("many.yaml", format!("{}---\n{}", map("m1", "1"), map("m2", "1")));
    folder.sync().await;
    folder
        .inventory
        .map_versions(|_, version| version.replace(" 2/2", " 2/3"));
    let listing = folder.sync().await;
    assert_eq!(listing.count("upsert"), 2, "{:?}", listing.lines());
    folder.inventory.map_versions(|_, _| "of another plugin".to_owned());
    assert_eq!(folder.sync().await.count("upsert"), 2);
}

#[tokio::test]
async fn a_session_lists_again_by_its_own_memory() {
    let folder = Folder::new();
    folder.write("a.yaml", map("a", "1"));
    folder.write("values.yaml", "replicas: 1\n");
    folder.write("broken.yaml", "a: [\n");
    let mut session = folder.open().await;
    let first = session.listing().await.1;
    assert_eq!(first.count("upsert"), 1);
    let second = session.sync(folder.scope(), Reason::Interval).await;
    let expected = [
        "seen ConfigMap a a.yaml",
        "failed DATA_INVALID broken.yaml:1:5",
        "ignored NOT_AN_OBJECT values.yaml:1",
    ];
    assert_eq!(second.lines(), expected);
    let forgotten = session.sync(folder.scope(), Reason::ForgetKnown).await;
    assert_eq!(forgotten.lines()[0], "upsert ConfigMap a a.yaml:1");
    folder.write("values.yaml", map("v", "1"));
    let third = session.sync(folder.scope(), Reason::Requested).await;
    assert_eq!(third.lines()[2], "upsert ConfigMap v values.yaml:1");
    session.close().await;
}
