//! The root: gone, replaced, marked, or one of several.

use std::fs;

use k1s_source_proto::v1::sync_request::Reason;
use serde_json::json;

use crate::host::{Folder, Inventory, Session, User, map};

#[tokio::test]
async fn a_root_that_is_gone_is_a_problem_and_never_empty() {
    let folder = Folder::new();
    folder.write("root/a.yaml", map("a", "1"));
    let (root, mut inventory) = (folder.at("root"), Inventory::default());
    let scope = root.to_str().unwrap();
    let mut session = Session::open(json!({"path": scope}), &[(scope, &inventory)], User::Own).await;
    inventory.apply(&session.listing().await.1);
    fs::rename(&root, folder.at("elsewhere")).unwrap();
    let listing = session.sync(scope, Reason::Interval).await;
    assert!(!listing.is_complete());
    assert!(
        listing.problems[0].starts_with("ROOT_NOT_FOUND: "),
        "{:?}",
        listing.problems
    );
    assert!(listing.problems[0].contains(scope));
    inventory.apply(&listing);
    assert_eq!(inventory.lines().len(), 1);

    fs::write(&root, "a file").unwrap();
    let listing = session.sync(scope, Reason::Interval).await;
    assert!(
        listing.problems[0].starts_with("ROOT_NOT_FOUND"),
        "{:?}",
        listing.problems
    );
    fs::remove_file(&root).unwrap();
    fs::rename(folder.at("elsewhere"), &root).unwrap();
    let listing = session.sync(scope, Reason::Interval).await;
    assert!(listing.is_complete(), "{:?}", listing.problems);
    session.close().await;
}

#[tokio::test]
async fn an_emptied_root_is_empty() {
    let mut folder = Folder::new();
    folder.write("a.yaml", map("a", "1"));
    folder.sync().await;
    folder.remove("a.yaml");
    let listing = folder.sync().await;
    assert!(listing.is_complete());
    assert_eq!(listing.lines(), [""; 0]);
}

#[tokio::test]
async fn the_identity_is_the_place_and_not_the_inode() {
    let mut folder = Folder::new();
    folder.write("a.yaml", map("a", "1"));
    let first = folder.sync().await.root_identity;
    assert!(first.starts_with(&format!("folder {} on /", folder.scope())), "{first}");
    let path = folder.path().to_owned();
    fs::remove_dir_all(&path).unwrap();
    fs::create_dir(&path).unwrap();
    folder.write("a.yaml", map("a", "1"));
    assert_eq!(folder.sync().await.root_identity, first);

    folder.write(".k1s-root", "the shop\n");
    assert_eq!(folder.sync().await.root_identity, "marker the shop");
    folder.write(".k1s-root", "\n");
    let listing = folder.sync().await;
    assert!(!listing.is_complete());
    assert!(
        listing.problems[0].starts_with("DATA_INVALID"),
        "{:?}",
        listing.problems
    );
    assert_eq!(folder.inventory.lines().len(), 1);
}

#[tokio::test]
async fn each_path_is_a_scope_of_its_own() {
    let (one, two) = (Folder::new(), Folder::new());
    one.write("a.yaml", map("a", "1"));
    two.write("b.yaml", map("b", "1"));
    let config = json!({"path": [one.scope(), two.scope()]});
    let empty = Inventory::default();
    let mut session = Session::open(config, &[(one.scope(), &empty), (two.scope(), &empty)], User::Own).await;
    let mut listings = [session.listing().await, session.listing().await];
    listings.sort_by_key(|(scope, _)| scope != one.scope());
    assert_eq!(listings[0].0, one.scope());
    assert_eq!(listings[0].1.lines(), ["upsert ConfigMap a a.yaml:1"]);
    assert_eq!(listings[1].0, two.scope());
    assert_eq!(listings[1].1.lines(), ["upsert ConfigMap b b.yaml:1"]);

    fs::remove_dir_all(one.path()).unwrap();
    assert!(!session.sync(one.scope(), Reason::Interval).await.is_complete());
    assert!(session.sync(two.scope(), Reason::Interval).await.is_complete());
    session.close().await;
    fs::create_dir(one.path()).unwrap();
}
