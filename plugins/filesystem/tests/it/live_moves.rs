//! What is renamed, replaced or declared twice: the key stays, whoever declares it.

use std::fs;

use k1s_source_proto::v1::sync_request::Reason;
use serde_json::json;

use crate::host::{Watched, count, map};

#[tokio::test]
async fn editors_that_rename_and_write_delete_nothing() {
    let mut live = Watched::with(json!({}), &[("a.yaml", &map("a", "1"))]).await;
    // vim: a probe, the old file aside, the new one written, the old one removed.
    live.folder.write("4913", "");
    live.folder.remove("4913");
    fs::rename(live.folder.at("a.yaml"), live.folder.at("a.yaml~")).unwrap();
    live.folder.write("a.yaml", map("a", "2"));
    live.folder.remove("a.yaml~");
    live.until(&["ConfigMap a from a.yaml = 2"]).await;
    // Atomic saves: written beside and renamed over it, by a name that is selected and by one that is not.
    for (value, beside) in [("3", ".a.yaml.tmp"), ("4", ".a.yaml")] {
        live.folder.write(beside, map("a", value));
        fs::rename(live.folder.at(beside), live.folder.at("a.yaml")).unwrap();
        live.until(&[&format!("ConfigMap a from a.yaml = {value}")]).await;
    }
    assert_eq!(count(&live.settle().await, "delete"), 0);
    live.session.stop().await;
}

#[tokio::test]
async fn a_renamed_file_is_the_same_objects_elsewhere() {
    let mut live = Watched::with(json!({}), &[("b.yaml", &map("b", "1"))]).await;
    for (from, to) in [("b.yaml", "c.yaml"), ("c.yaml", "a.yaml")] {
        fs::rename(live.folder.at(from), live.folder.at(to)).unwrap();
        live.until(&[&format!("ConfigMap b from {to} = 1")]).await;
    }
    assert_eq!(
        live.settle().await,
        ["upsert ConfigMap b c.yaml:1", "upsert ConfigMap b a.yaml:1"]
    );
    live.session.stop().await;
}

#[tokio::test]
async fn directories_move_in_out_and_within() {
    let outside = tempfile::tempdir().unwrap();
    let mut live = Watched::with(
        json!({}),
        &[("x/d/a.yaml", &map("a", "1")), ("x/d/e/b.yaml", &map("b", "1"))],
    )
    .await;
    let outer = outside.path().join("d");
    fs::rename(live.folder.at("x/d"), live.folder.at("y")).unwrap();
    live.until(&["ConfigMap a from y/a.yaml = 1", "ConfigMap b from y/e/b.yaml = 1"])
        .await;
    assert_eq!(count(&live.settle().await, "delete"), 0);
    live.folder.write("y/e/b.yaml", map("b", "2"));
    live.until(&["ConfigMap a from y/a.yaml = 1", "ConfigMap b from y/e/b.yaml = 2"])
        .await;
    fs::rename(live.folder.at("y"), &outer).unwrap();
    live.until(&[]).await;
    fs::write(outer.join("a.yaml"), map("a", "3")).unwrap();
    fs::rename(&outer, live.folder.at("x/back")).unwrap();
    live.until(&[
        "ConfigMap a from x/back/a.yaml = 3",
        "ConfigMap b from x/back/e/b.yaml = 2",
    ])
    .await;
    live.folder.write("x/back/a.yaml", map("a", "4"));
    live.until(&[
        "ConfigMap a from x/back/a.yaml = 4",
        "ConfigMap b from x/back/e/b.yaml = 2",
    ])
    .await;
    live.session.stop().await;
}

#[tokio::test]
async fn a_key_that_moves_between_files_is_not_deleted() {
    let both = format!("{}---\n{}", map("a", "1"), map("b", "1"));
    let mut live = Watched::with(json!({}), &[("one.yaml", &both), ("two.yaml", &map("c", "1"))]).await;
    live.folder.write("one.yaml", map("b", "1"));
    live.folder
        .write("two.yaml", format!("{}---\n{}", map("c", "1"), map("a", "2")));
    let expected = [
        "ConfigMap a from two.yaml = 2",
        "ConfigMap b from one.yaml = 1",
        "ConfigMap c from two.yaml = 1",
    ];
    live.until(&expected).await;
    // The other way round: declared by both for a while.
    live.folder.write("one.yaml", &both);
    live.until_said("failed DUPLICATE_KEY ConfigMap a one.yaml").await;
    live.folder.write("two.yaml", map("c", "1"));
    live.until(&[
        "ConfigMap a from one.yaml = 1",
        "ConfigMap b from one.yaml = 1",
        "ConfigMap c from two.yaml = 1",
    ])
    .await;
    assert_eq!(count(&live.settle().await, "delete"), 0);
    live.session.stop().await;
}

#[tokio::test]
async fn of_two_declarations_the_applied_one_stays_and_the_other_is_its_heir() {
    let mut live = Watched::with(json!({}), &[("m.yaml", &map("a", "1"))]).await;
    live.folder.write("b.yaml", map("a", "2"));
    live.until_said("failed DUPLICATE_KEY ConfigMap a b.yaml:1").await;
    live.folder.write("m.yaml", map("a", "3"));
    live.until(&["ConfigMap a from m.yaml = 3"]).await;
    live.folder.remove("m.yaml");
    live.until(&["ConfigMap a from b.yaml = 2"]).await;
    live.folder.write("n.yaml", map("a", "4"));
    live.until_said("failed DUPLICATE_KEY ConfigMap a n.yaml:1").await;
    assert_eq!(count(&live.settle().await, "delete"), 0);
    // The listing knows the loser as well.
    let listing = live.sync(Reason::Requested).await;
    assert_eq!(
        listing.count("failed DUPLICATE_KEY ConfigMap a n.yaml:1"),
        1,
        "{:?}",
        listing.lines()
    );
    live.folder.remove("b.yaml");
    live.until(&["ConfigMap a from n.yaml = 4"]).await;
    live.folder.remove("n.yaml");
    live.until(&[]).await;
    live.session.stop().await;
}

#[tokio::test]
async fn a_key_twice_in_one_file_is_the_first() {
    let mut live = Watched::with(json!({}), &[("a.yaml", &map("a", "1"))]).await;
    live.folder
        .write("a.yaml", format!("{}---\n{}", map("a", "2"), map("a", "3")));
    live.until_said("failed DUPLICATE_KEY ConfigMap a a.yaml:8").await;
    assert_eq!(live.folder.inventory.lines(), ["ConfigMap a from a.yaml = 2"]);
    live.session.stop().await;
}

#[tokio::test]
async fn a_checkout_of_another_branch_deletes_only_what_it_lacks() {
    let mut live = Watched::with(json!({}), &[]).await;
    let path = |number: usize| format!("d{}/f{number:03}.yaml", number % 9);
    let key = |number: usize| format!("m{number:03}");
    for number in 0..500 {
        live.folder.write(&path(number), map(&key(number), "1"));
    }
    let line = |number: usize, path: String, value: &str| format!("ConfigMap {} from {path} = {value}", key(number));
    let first: Vec<_> = (0..500).map(|number| line(number, path(number), "1")).collect();
    live.until(&first.iter().map(String::as_str).collect::<Vec<_>>()).await;
    live.settle().await;
    let mut second = Vec::new();
    for number in 0..500 {
        match number % 5 {
            // git removes and writes anew, and does not sort removals first.
            0 if number % 2 == 0 => live.folder.remove(&path(number)),
            0 => {
                live.folder.remove(&path(number));
                let moved = format!("moved/{}", path(number));
                live.folder.write(&moved, map(&key(number), "1"));
                second.push(line(number, moved, "1"));
            }
            1 if number % 2 == 0 => {
                live.folder.remove(&path(number));
                live.folder.write(&path(number), map(&key(number), "2"));
                second.push(line(number, path(number), "2"));
            }
            _ => second.push(line(number, path(number), "1")),
        }
    }
    live.until(&second.iter().map(String::as_str).collect::<Vec<_>>()).await;
    assert_eq!(count(&live.settle().await, "delete"), 50);
    live.session.stop().await;
}
