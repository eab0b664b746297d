//! Versions that are kept, and the store's own identity.

use std::time::Duration;

use k1s_object::Key;
use k1s_store::engine::{Engine as _, Finish};
use k1s_store::reader::ChangeFilter;
use k1s_store::row::VersionState;
use k1s_store::{StoreError, Table};
use k1s_sync_engine::id::Revision;
use k1s_sync_engine::policy::{PruneMode, SourcePolicy};
use k1s_sync_engine::work::Absence;
use serde_json::json;

use crate::documents::{cm, config_map, seen, upsert, version};
use crate::harness::Harness;

/// Longer than a watch goes back.
const LONG: Duration = Duration::from_secs(3601);

fn kept(harness: &Harness, key: &Key) -> Vec<String> {
    let of_key = harness.history().into_iter().filter(|version| version.head.key == *key);
    of_key
        .map(|version| {
            let body: serde_json::Value = serde_json::from_slice(&version.body).expect("JSON");
            body["data"]["v"].as_str().expect("a value").to_owned()
        })
        .collect()
}

fn write(harness: &Harness, values: std::ops::Range<u32>) {
    for value in values {
        harness.put(&cm("shop/a"), config_map("shop/a", &value.to_string()));
    }
}

#[test]
fn the_last_ten_versions_are_kept_and_whatever_a_watch_may_ask_for() {
    let harness = Harness::new();
    write(&harness, 0..25);
    assert_eq!(kept(&harness, &cm("shop/a")).len(), 25, "all within the watch window");
    harness.pass(LONG);
    write(&harness, 25..50);
    let left = kept(&harness, &cm("shop/a"));
    let expected: Vec<String> = (24..50).map(|value| value.to_string()).collect();
    assert_eq!(
        left, expected,
        "the new ones are watched, and what they replaced is listed before"
    );
    harness.pass(LONG);
    write(&harness, 50..60);
    let expected: Vec<String> = (49..60).map(|value| value.to_string()).collect();
    assert_eq!(kept(&harness, &cm("shop/a")), expected);
    // Others have their own ten.
    harness.put(&cm("shop/b"), config_map("shop/b", "1"));
    assert_eq!(kept(&harness, &cm("shop/b")), ["1"]);
    assert_eq!(harness.value(&cm("shop/a")).as_deref(), Some("59"));
}

#[test]
fn what_an_owner_applied_outlives_the_limit() {
    let harness = Harness::new();
    let session = harness.session("files");
    session.list(vec![upsert(config_map("shop/a", "declared"))]);
    harness.pass(LONG);
    for value in 0..30 {
        let mut body = config_map("shop/a", "declared");
        body["data"]["extra"] = json!(value.to_string());
        harness.put(&cm("shop/a"), body);
        harness.pass(LONG);
    }
    harness.delete(&cm("shop/a"));
    harness.pass(LONG);
    let history = harness.history();
    let of_key: Vec<_> = history
        .iter()
        .filter(|version| version.head.key == cm("shop/a"))
        .collect();
    assert_eq!(of_key.len(), 11);
    assert_eq!(of_key[0].head.state, VersionState::Created);
    let row = harness.row("files", &cm("shop/a")).expect("a row");
    assert_eq!(row.applied.revision, of_key[0].revision);
    // So that what is there can still be compared with it.
    session.list(vec![version(upsert(config_map("shop/a", "declared")), "again")]);
    assert_eq!(harness.value(&cm("shop/a")).as_deref(), Some("declared"));
}

#[test]
fn an_orphan_s_base_may_be_gone_with_its_history() {
    let harness = Harness::new();
    let policy = SourcePolicy {
        prune: PruneMode::Disabled,
        ..SourcePolicy::default()
    };
    let session = harness.session_with("files", policy);
    session.list(vec![
        upsert(config_map("shop/a", "1")),
        upsert(config_map("shop/b", "1")),
    ]);
    session.list(vec![]);
    harness.pass(LONG);
    write(&harness, 2..20);
    harness.pass(LONG);
    write(&harness, 20..40);
    let listing = session.list(vec![
        upsert(config_map("shop/a", "1")),
        upsert(config_map("shop/b", "1")),
    ]);
    // Nothing to compare it with: a stranger's object.
    assert_eq!((listing.tally.unchanged, listing.tally.pending), (1, 1));
    assert_eq!(harness.value(&cm("shop/a")).as_deref(), Some("39"));
    harness.delete(&cm("shop/a"));
    assert_eq!(harness.owner(&cm("shop/a")).as_deref(), Some("files"));
}

#[test]
fn the_base_of_a_former_life_may_be_gone_too() {
    for trusting in [false, true] {
        let harness = Harness::new();
        let session = harness.session("files");
        let declared = || version(upsert(config_map("shop/a", "1")), "v1");
        session.list(vec![declared(), upsert(config_map("shop/b", "1"))]);
        harness.delete(&cm("shop/a"));
        harness.pass(LONG);
        write(&harness, 2..20);
        harness.pass(LONG);
        write(&harness, 20..40);
        let event = if trusting {
            seen(&config_map("shop/a", "1"), "v1")
        } else {
            declared()
        };
        let receipt = session.apply(vec![event]);
        assert_eq!(receipt.unknown_seen.is_some(), trusting);
        session.list(vec![declared(), upsert(config_map("shop/b", "1"))]);
        assert_eq!(harness.pending("files").len(), 1);
        assert_eq!(
            (harness.value(&cm("shop/a")).as_deref(), harness.rows("files").len()),
            (Some("39"), 1)
        );
        harness.delete(&cm("shop/a"));
        assert_eq!(harness.value(&cm("shop/a")).as_deref(), Some("1"));
        // The guard's count is that of the rows: one of two may not go alone by silence, both may not either.
        let listing = session.list(vec![]);
        assert!(matches!(listing.absence, Absence::Held { rows: 2, .. }), "{listing:?}");
    }
}

#[test]
fn changes_come_in_order_and_in_pages() {
    let harness = Harness::new();
    write(&harness, 0..7);
    let reader = harness.reader();
    let mut seen = Vec::new();
    let mut after = Revision::default();
    loop {
        let page = reader.changes(after, 3, &ChangeFilter::All).expect("readable");
        let Some(last) = page.versions.last() else { break };
        assert_eq!(last.revision, page.reached);
        after = page.reached;
        seen.push(page.versions.len());
    }
    assert_eq!((seen, after.get()), (vec![3, 3, 1], 7));
}

#[test]
fn lists_come_in_order_and_in_pages() {
    let harness = Harness::new();
    let session = harness.session("files");
    let paths = ["one/a", "one/b", "two/a", "two/b", "two/c"];
    session.list(paths.iter().map(|path| upsert(config_map(path, "1"))).collect());
    harness.delete(&cm("two/b"));
    let kind = cm("a").group_kind;
    let mut from = None;
    let mut names = Vec::new();
    loop {
        let page = harness.reader().list(&kind, None, from.as_ref(), 2).expect("readable");
        names.push(
            page.objects
                .iter()
                .map(|object| object.key.to_string())
                .collect::<Vec<_>>(),
        );
        match page.next {
            Some(next) => from = Some(next),
            None => break,
        }
    }
    assert_eq!(
        names,
        [
            ["ConfigMap one/a", "ConfigMap one/b"],
            ["ConfigMap two/a", "ConfigMap two/c"]
        ]
    );
    let of_one = harness.reader().list(&kind, Some("one"), None, 10).expect("readable");
    assert_eq!((of_one.objects.len(), of_one.next), (2, None));
}

#[test]
fn a_store_keeps_its_identity() {
    let harness = Harness::new();
    assert_eq!(
        harness
            .reader()
            .instance_id()
            .expect("readable")
            .map(|id| id.to_string())
            .as_deref(),
        Some("test-1")
    );
    harness.close();
    let refused = harness.open(Some("other-1"));
    assert!(matches!(refused, Err(StoreError::OtherInstance { .. })), "{refused:?}");
    let commits = harness.engine.commits();
    harness.open(Some("test-1")).expect("its own").close().expect("closes");
    assert_eq!(harness.engine.commits(), commits, "opening writes nothing");
    let fresh = Harness::new();
    fresh.close();
    fresh
        .engine
        .write(&mut |tables| {
            for key in [&b"format"[..], b"instance-id"] {
                tables.delete(Table::Meta, key)?;
            }
            Ok(Finish::Commit)
        })
        .expect("written");
    let asked = fresh.open(Some("asked-1")).expect("opens");
    assert_eq!(asked.instance_id().to_string(), "asked-1");
}

#[test]
fn a_newer_format_is_refused_and_left_alone() {
    let harness = Harness::new();
    harness.close();
    harness
        .engine
        .write(&mut |tables| {
            tables.put(Table::Meta, b"format", &7_u64.to_be_bytes())?;
            Ok(Finish::Commit)
        })
        .expect("written");
    let rows = crate::faulty::rows(&*harness.engine);
    let refused = harness.open(None);
    assert!(
        matches!(refused, Err(StoreError::NewerFormat { found: 7, .. })),
        "{refused:?}"
    );
    assert_eq!(crate::faulty::rows(&*harness.engine), rows);
}
