//! What users write, and what sources make of it.

use k1s_store::StoreError;
use k1s_store::row::{BaseAt, Mark};
use k1s_store::writer::{EditBody, Precondition};
use k1s_sync_engine::event::Event;
use k1s_sync_engine::id::Revision;
use k1s_sync_engine::policy::{SourcePolicy, Undeclared};
use k1s_sync_engine::problem::ProblemCode;
use k1s_sync_engine::work::Absence;
use serde_json::{Value, json};

use crate::apply::generous;
use crate::documents::{cm, config_map, namespace, ns, seen, upsert, version};
use crate::harness::Harness;

fn declared(value: &str) -> Event {
    version(upsert(config_map("shop/a", value)), &format!("v{value}"))
}

fn edited(harness: &Harness, change: impl FnOnce(&mut Value)) {
    let mut body = harness.body(&cm("shop/a"));
    change(&mut body);
    harness.put(&cm("shop/a"), body);
}

#[test]
fn a_source_wins_the_fields_it_declares_and_leaves_the_others() {
    type Change = fn(&mut Value);
    let declared_field: Change = |body| body["data"]["v"] = "local".into();
    let removed_field: Change = |body| drop(body["data"].as_object_mut().expect("a map").remove("v"));
    let other_field: Change = |body| body["data"]["extra"] = "local".into();
    let both: Change = |body| body["data"] = json!({"v": "local", "extra": "local"});
    for (what, change, source, expected, changes) in [
        ("edited, same", declared_field, "1", json!({"v": "1"}), 1),
        ("removed, same", removed_field, "1", json!({"v": "1"}), 1),
        ("beside, same", other_field, "1", json!({"v": "1", "extra": "local"}), 0),
        ("both, same", both, "1", json!({"v": "1", "extra": "local"}), 1),
        ("edited, changed", declared_field, "2", json!({"v": "2"}), 1),
        (
            "beside, changed",
            other_field,
            "2",
            json!({"v": "2", "extra": "local"}),
            1,
        ),
        ("both, changed", both, "2", json!({"v": "2", "extra": "local"}), 1),
    ] {
        for trusting in [false, true] {
            if trusting && source != "1" {
                continue;
            }
            let harness = Harness::new();
            let session = harness.session("files");
            session.list(vec![declared("1")]);
            edited(&harness, change);
            assert_eq!(harness.row("files", &cm("shop/a")).expect("a row").mark, Mark::Written);
            let revision = harness.revision();
            let event = if trusting {
                seen(&config_map("shop/a", "1"), "v1")
            } else {
                declared(source)
            };
            let tally = session.list(vec![event.clone()]).tally;
            assert_eq!(
                (tally.updated, tally.unchanged),
                (changes, 1 - changes),
                "{what} {trusting}"
            );
            assert_eq!(harness.body(&cm("shop/a"))["data"], expected, "{what} {trusting}");
            assert_eq!(harness.revision(), revision + changes, "{what} {trusting}");
            let row = harness.row("files", &cm("shop/a")).expect("a row");
            assert_eq!(
                (row.mark, row.applied.revision.get()),
                (Mark::Clean, harness.revision()),
                "{what} {trusting}"
            );
            let beside = expected.get("extra").is_some();
            assert_eq!(row.base == BaseAt::Beside, beside, "{what} {trusting}");
            let commits = harness.engine.commits();
            session.list(vec![event]);
            assert_eq!(harness.engine.commits(), commits, "{what} {trusting}: settled");
        }
    }
}

#[test]
fn fields_a_source_declares_no_longer_go_and_local_ones_stay() {
    let harness = Harness::new();
    let session = harness.session("files");
    let mut both = config_map("shop/a", "1");
    both["data"]["second"] = "1".into();
    session.list(vec![upsert(both)]);
    edited(&harness, |body| body["data"]["extra"] = "local".into());
    session.list(vec![declared("1")]);
    assert_eq!(harness.body(&cm("shop/a"))["data"], json!({"v": "1", "extra": "local"}));
    // Back to nothing but the declaration: the base is the object again.
    edited(&harness, |body| {
        drop(body["data"].as_object_mut().expect("a map").remove("extra"))
    });
    session.list(vec![declared("1")]);
    assert_eq!(
        harness.row("files", &cm("shop/a")).expect("a row").base,
        BaseAt::Applied
    );
}

#[test]
fn a_mirror_strips_what_is_not_declared_but_not_the_status() {
    let mirror = SourcePolicy {
        undeclared: Undeclared::Strip,
        ..SourcePolicy::default()
    };
    let harness = Harness::new();
    // Fields that survived under another policy go, too.
    harness.session("files").list(vec![declared("1")]);
    edited(&harness, |body| body["data"]["early"] = "local".into());
    harness.session("files").list(vec![declared("1")]);
    let session = harness.session_with("files", mirror);
    let tally = session.list(vec![declared("1")]).tally;
    assert_eq!(
        (tally.updated, harness.body(&cm("shop/a"))["data"].clone()),
        (1, json!({"v": "1"}))
    );
    edited(&harness, |body| body["data"]["extra"] = "local".into());
    assert_eq!(session.list(vec![declared("1")]).tally.updated, 1);
    assert_eq!(harness.body(&cm("shop/a"))["data"], json!({"v": "1"}));
    edited(&harness, |body| body["status"] = json!({"phase": "Ready"}));
    let revision = harness.revision();
    session.list(vec![declared("1")]);
    assert_eq!(harness.revision(), revision);
    session.list(vec![declared("2")]);
    let body = harness.body(&cm("shop/a"));
    assert_eq!(
        (&body["data"], &body["status"]),
        (&json!({"v": "2"}), &json!({"phase": "Ready"}))
    );
    edited(&harness, |body| body["data"]["extra"] = "local".into());
    session.list(vec![seen(&config_map("shop/a", "2"), "v2")]);
    assert_eq!(harness.body(&cm("shop/a"))["data"], json!({"v": "2"}));
}

#[test]
fn what_is_deleted_locally_is_made_anew() {
    for event in [declared("1"), declared("2"), seen(&config_map("shop/a", "1"), "v1")] {
        let harness = Harness::new();
        let session = harness.session("files");
        session.list(vec![declared("1")]);
        let before = harness.object(&cm("shop/a"));
        edited(&harness, |body| body["data"]["extra"] = "local".into());
        harness.delete(&cm("shop/a"));
        assert_eq!(harness.get(&cm("shop/a")), None);
        assert_eq!(session.list(vec![event]).tally.created, 1);
        let after = harness.object(&cm("shop/a"));
        assert_ne!(after.uid, before.uid);
        assert_eq!(after.generation, 1);
        assert_eq!(harness.body(&cm("shop/a"))["data"].get("extra"), None);
        assert_eq!(harness.rows("files").len(), 1);
    }
}

#[test]
fn a_local_delete_also_of_the_namespace_is_repaired() {
    for event in [declared("1"), seen(&config_map("shop/a", "1"), "v1")] {
        let harness = Harness::new();
        let session = harness.session("files");
        session.list(vec![declared("1")]);
        harness.delete(&cm("shop/a"));
        harness.delete(&ns("shop"));
        session.list(vec![event]);
        assert!(harness.get(&cm("shop/a")).is_some() && harness.get(&ns("shop")).is_some());
    }
}

#[test]
fn what_is_deleted_locally_and_declared_no_longer_is_forgotten() {
    let harness = Harness::new();
    let session = harness.session("files");
    session.list(vec![declared("1"), upsert(config_map("shop/b", "1"))]);
    harness.delete(&cm("shop/a"));
    let revision = harness.revision();
    assert_eq!(
        session.list(vec![upsert(config_map("shop/b", "1"))]).absence,
        Absence::None
    );
    assert_eq!((harness.revision(), harness.rows("files").len()), (revision, 1));
}

#[test]
fn an_object_with_another_uid_is_its_maker_s() {
    let body = config_map("shop/a", "1");
    for (what, event) in [("upsert", declared("1")), ("seen", seen(&body, "v1"))] {
        let harness = Harness::new();
        let session = harness.session_with("files", generous());
        session.list(vec![declared("1"), upsert(config_map("shop/b", "1"))]);
        harness.delete(&cm("shop/a"));
        harness.put(&cm("shop/a"), config_map("shop/a", "local"));
        assert_eq!(harness.owner(&cm("shop/a")), None, "{what}");
        let before = harness.object(&cm("shop/a"));
        session.list(vec![event.clone(), upsert(config_map("shop/b", "1"))]);
        assert_eq!(
            harness.pending("files"),
            [("ConfigMap shop/a".to_owned(), ProblemCode::AdoptionConflict)],
            "{what}"
        );
        assert_eq!(harness.object(&cm("shop/a")), before, "{what}");
        // What waits is whole: it is applied when the obstacle goes.
        harness.delete(&cm("shop/a"));
        assert_eq!(
            (harness.value(&cm("shop/a")).as_deref(), harness.pending("files")),
            (Some("1"), vec![]),
            "{what}"
        );

        // Declared no longer, the user's object stays.
        harness.delete(&cm("shop/a"));
        harness.put(&cm("shop/a"), config_map("shop/a", "local"));
        session.list(vec![upsert(config_map("shop/b", "1"))]);
        assert_eq!(harness.value(&cm("shop/a")).as_deref(), Some("local"), "{what}");
        assert_eq!(harness.rows("files").len(), 1, "{what}");
    }
}

#[test]
fn an_edited_object_is_pruned_and_its_last_state_kept() {
    let harness = Harness::new();
    let session = harness.session_with("files", generous());
    session.list(vec![declared("1")]);
    edited(&harness, |body| body["data"]["v"] = "local".into());
    assert_eq!(session.list(vec![]).absence, Absence::Pruned(1));
    let last = harness.history().pop().expect("a version");
    let body: Value = serde_json::from_slice(&last.body).expect("JSON");
    assert_eq!(body["data"]["v"], "local");
}

#[test]
fn preconditions_of_a_write() {
    let harness = Harness::new();
    let key = cm("shop/a");
    let put = |value: &str| EditBody::Put(config_map("shop/a", value));
    let at = |revision| Precondition {
        revision: Some(revision),
        ..Precondition::default()
    };
    let nothing = harness.edit(&key, put("1"), at(Revision::new(1)));
    assert!(matches!(nothing, Err(StoreError::NotFound(_))), "{nothing:?}");
    assert!(matches!(
        harness.edit(&key, EditBody::Delete, Precondition::default()),
        Err(StoreError::NotFound(_))
    ));
    let first = harness.put(&key, config_map("shop/a", "1"));
    let stale = harness.edit(&key, put("2"), at(Revision::new(99)));
    assert!(
        matches!(stale, Err(StoreError::Conflict { found, .. }) if found == first.revision),
        "{stale:?}"
    );
    let uid = harness.object(&key).uid;
    harness.delete(&key);
    harness.put(&key, config_map("shop/a", "1"));
    let other = harness.edit(
        &key,
        EditBody::Delete,
        Precondition {
            uid: Some(uid),
            ..Precondition::default()
        },
    );
    assert!(
        matches!(other, Err(StoreError::OtherUid { expected, .. }) if expected == uid),
        "{other:?}"
    );
    let (revision, commits) = (harness.object(&key).revision, harness.engine.commits());
    let same = harness.edit(&key, put("1"), at(revision)).expect("nothing to do");
    assert_eq!(
        (same.revision, harness.engine.commits()),
        (revision, commits),
        "a write that changes nothing writes nothing"
    );
}

#[test]
fn a_namespace_that_a_user_makes_is_no_host_made_one() {
    let harness = Harness::new();
    harness.put(&ns("shop"), namespace("shop"));
    let session = harness.session("files");
    let mut labelled = namespace("shop");
    labelled["metadata"]["labels"] = json!({"team": "web"});
    session.list(vec![upsert(labelled), upsert(config_map("shop/a", "1"))]);
    assert_eq!(
        harness.pending("files"),
        [("Namespace shop".to_owned(), ProblemCode::AdoptionConflict)]
    );
}
