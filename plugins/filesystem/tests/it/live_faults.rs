//! What cannot be read while it is watched: half-written files, closed ones, a root that goes and comes.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::json;

use crate::host::{Session, User, Watched, count, map};

#[tokio::test]
async fn a_half_written_file_is_not_reported_and_a_broken_one_is() {
    let mut live = Watched::with(json!({"deleteSettle": "500ms"}), &[("a.yaml", &map("a", "1"))]).await;
    live.folder
        .write("a.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ");
    live.folder.write("b.yaml", map("b", "1"));
    // The half file has been looked at by then.
    live.until_said("upsert ConfigMap b").await;
    live.folder.write("a.yaml", map("a", "2"));
    live.until(&["ConfigMap a from a.yaml = 2", "ConfigMap b from b.yaml = 1"])
        .await;
    let said = live.settle().await;
    assert_eq!(count(&said, "failed") + count(&said, "delete"), 0, "{said:?}");

    live.folder.write("a.yaml", format!("{}---\na: [\n", map("c", "1")));
    live.until_said("failed DATA_INVALID a.yaml:").await;
    // What the file declared stays as long as not all of it can be read.
    let lines = live.folder.inventory.lines();
    assert!(lines.contains(&"ConfigMap a from a.yaml = 2".to_owned()), "{lines:?}");
    assert_eq!(count(&live.settle().await, "delete"), 0);
    live.folder.write("a.yaml", map("c", "1"));
    live.until(&["ConfigMap b from b.yaml = 1", "ConfigMap c from a.yaml = 1"])
        .await;
    live.session.stop().await;
}

#[tokio::test]
async fn a_file_that_is_mended_to_what_it_was_is_sent_again() {
    let mut live = Watched::with(json!({}), &[("a.yaml", &map("a", "1"))]).await;
    live.folder.write("a.yaml", "a: [\n");
    live.until_said("failed DATA_INVALID a.yaml:").await;
    live.folder.write("a.yaml", map("a", "1"));
    live.until_said("upsert ConfigMap a a.yaml:1").await;
    live.session.stop().await;
}

#[tokio::test]
async fn a_broken_file_that_vanishes_is_forgotten() {
    let mut live = Watched::with(json!({}), &[("a.yaml", &map("a", "1"))]).await;
    live.folder.write("x.yaml", "a: [\n");
    live.folder.remove("x.yaml");
    live.folder.write("a.yaml", "a: [\n");
    live.until_said("failed DATA_INVALID a.yaml:").await;
    live.folder.remove("a.yaml");
    live.until(&[]).await;
    assert_eq!(count(&live.settle().await, "failed DATA_INVALID x.yaml"), 0);
    live.session.stop().await;
}

#[tokio::test]
async fn closed_files_and_directories_keep_what_they_declared() {
    let files = [("a.yaml", map("a", "1")), ("d/b.yaml", map("b", "1"))];
    let files: Vec<_> = files.iter().map(|(path, text)| (*path, text.as_str())).collect();
    let mut live = Watched::of(User::Unprivileged, json!({}), &files).await;
    let mode =
        |path: &str, mode: u32| fs::set_permissions(live.folder.at(path), fs::Permissions::from_mode(mode)).unwrap();
    mode("a.yaml", 0o000);
    mode("d", 0o000);
    live.until_said("failed PERMISSION a.yaml").await;
    live.until_said("failed PERMISSION d").await;
    assert_eq!(live.folder.inventory.lines().len(), 2);
    assert_eq!(count(&live.settle().await, "delete"), 0);
    fs::write(live.folder.at("a.yaml"), map("a", "2")).unwrap();
    let mode =
        |path: &str, mode: u32| fs::set_permissions(live.folder.at(path), fs::Permissions::from_mode(mode)).unwrap();
    mode("a.yaml", 0o644);
    mode("d", 0o755);
    live.until(&["ConfigMap a from a.yaml = 2", "ConfigMap b from d/b.yaml = 1"])
        .await;
    fs::write(live.folder.at("d/b.yaml"), map("b", "2")).unwrap();
    live.until(&["ConfigMap a from a.yaml = 2", "ConfigMap b from d/b.yaml = 2"])
        .await;
    live.session.stop().await;
}

/// A root below the test's own folder, so that it can go and come.
async fn nested(live: &mut Watched) -> (Session, String) {
    let root = live.folder.at("root");
    let scope = root.to_str().unwrap().to_owned();
    let config = json!({"path": scope, "debounce": "20ms", "deleteSettle": "150ms"});
    let mut session = Session::open(config, &[(&scope, &live.folder.inventory)], User::Own).await;
    let listing = session.listing().await.1;
    live.folder.inventory.apply(&listing);
    (session, scope)
}

#[tokio::test]
async fn a_root_that_goes_is_a_problem_and_is_listed_when_it_comes_back() {
    let mut outer = Watched::with(json!({"watch": false}), &[]).await;
    outer.folder.write("root/a.yaml", map("a", "1"));
    outer.folder.write("root/d/b.yaml", map("b", "1"));
    let (session, scope) = nested(&mut outer).await;
    let idle = std::mem::replace(&mut outer.session, session);
    idle.stop().await;
    fs::rename(&scope, outer.folder.at("aside")).unwrap();
    outer.until_said("ROOT_NOT_FOUND: ").await;
    fs::write(outer.folder.at("aside/a.yaml"), map("a", "2")).unwrap();
    fs::rename(outer.folder.at("aside"), &scope).unwrap();
    outer
        .until(&["ConfigMap a from a.yaml = 2", "ConfigMap b from d/b.yaml = 1"])
        .await;
    assert_eq!(count(&outer.said, "listing complete"), 1, "{:?}", outer.said);
    assert_eq!(count(&outer.said, "delete"), 0);

    // Replaced at once by another folder: listed, and watched from then on.
    outer.folder.write("next/a.yaml", map("a", "3"));
    outer.folder.write("next/d/b.yaml", map("b", "3"));
    fs::rename(&scope, outer.folder.at("aside")).unwrap();
    fs::rename(outer.folder.at("next"), &scope).unwrap();
    outer
        .until(&["ConfigMap a from a.yaml = 3", "ConfigMap b from d/b.yaml = 3"])
        .await;
    outer.folder.write("root/d/b.yaml", map("b", "4"));
    outer
        .until(&["ConfigMap a from a.yaml = 3", "ConfigMap b from d/b.yaml = 4"])
        .await;
    assert_eq!(count(&outer.said, "delete"), 0);
    outer.session.stop().await;
}

#[tokio::test]
async fn a_root_that_becomes_another_place_sends_no_deletes() {
    let mut live = Watched::with(
        json!({"deleteSettle": "300ms"}),
        &[("a.yaml", &map("a", "1")), ("b.yaml", &map("b", "1"))],
    )
    .await;
    live.folder.remove("a.yaml");
    live.folder.write(".k1s-root", "another place\n");
    live.until_said("listing complete").await;
    assert_eq!(count(&live.said, "delete"), 0, "{:?}", live.said);
    live.session.stop().await;
}

#[tokio::test]
async fn where_watches_are_used_up_it_says_so_and_polls() {
    let files: Vec<_> = (0..9)
        .map(|number| (format!("d{number}/a.yaml"), map(&format!("m{number}"), "1")))
        .collect();
    let files: Vec<_> = files
        .iter()
        .map(|(path, text)| (path.as_str(), text.as_str()))
        .collect();
    let mut live = Watched::of(User::FewWatches, json!({}), &files).await;
    live.until_said("UNAVAILABLE: ").await;
    assert!(live.said[0].contains("fs.inotify.max_user_watches"), "{:?}", live.said);
    live.folder.write("d8/a.yaml", map("m8", "2"));
    live.until_said("upsert ConfigMap m8 d8/a.yaml:1").await;
    live.session.stop().await;
}
