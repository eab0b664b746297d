//! Kinds that are not known yet, no longer, or by another version.

use k1s_sync_engine::event::Tally;
use k1s_sync_engine::problem::ProblemCode;
use k1s_sync_engine::work::{Absence, Work};
use serde_json::json;

use crate::documents::{cm, config_map, crd, delete, upsert, wd, widget, widget_names, widgets};
use crate::harness::{Harness, WHOLE};

#[test]
fn custom_resources_wait_for_their_definition_and_arrive_with_it() {
    let harness = Harness::new();
    let files = harness.session("files");
    let others = harness.session("others");
    files.list(vec![upsert(widget("shop/w", "1"))]);
    assert_eq!(
        harness.pending("files"),
        [("Widget.example.com shop/w".to_owned(), ProblemCode::NoKind)]
    );
    let commits = harness.engine.commits();
    others.apply(vec![upsert(widgets())]);
    assert_eq!(harness.engine.commits(), commits + 1, "one transaction");
    assert_eq!(harness.value(&wd("shop/w")).as_deref(), Some("1"));
    assert_eq!(harness.pending("files"), []);
    // The source whose object it is hears of it with its next receipt.
    let receipt = files.apply(vec![]);
    assert_eq!(receipt.tally.created, 1);
    assert_eq!(files.apply(vec![]).tally, Tally::default());
}

#[test]
fn a_definition_that_comes_while_a_source_is_away_is_found_when_it_returns() {
    let harness = Harness::new();
    harness.session("files").list(vec![upsert(widget("w", "1"))]);
    harness.session("files").close();
    harness.session("others").apply(vec![upsert(widgets())]);
    assert_eq!(harness.get(&wd("default/w")), None);
    let session = harness.session("files");
    assert_eq!(harness.value(&wd("default/w")).as_deref(), Some("1"));
    assert_eq!(session.apply(vec![]).tally.created, 1);
    assert_eq!(harness.pending("files"), []);
}

#[test]
fn an_arrival_says_nothing_about_what_a_listing_has() {
    // Widget w waits. Another source's definition comes while the listing that no longer has w is open.
    let harness = Harness::new();
    let files = harness.session("files");
    let others = harness.session("others");
    files.list(vec![upsert(widget("w", "1")), upsert(config_map("shop/a", "1"))]);
    files.begin(WHOLE);
    files.apply(vec![upsert(config_map("shop/a", "1"))]);
    others.apply(vec![upsert(widgets())]);
    assert!(harness.get(&wd("default/w")).is_some());
    assert_eq!(files.end().absence, Absence::Pruned(1));
    assert_eq!(harness.get(&wd("default/w")), None);

    // The listing had w before the definition came: it stays.
    let harness = Harness::new();
    let files = harness.session("files");
    let others = harness.session("others");
    files.begin(WHOLE);
    files.apply(vec![upsert(widget("w", "1")), upsert(config_map("shop/a", "1"))]);
    others.apply(vec![upsert(widgets())]);
    assert_eq!(files.end().absence, Absence::None);
    assert!(harness.get(&wd("default/w")).is_some());
}

#[test]
fn a_kind_that_loses_its_definition_keeps_its_objects() {
    let harness = Harness::new();
    let session = harness.session("files");
    session.list(vec![
        upsert(widgets()),
        upsert(widget("w", "1")),
        upsert(config_map("shop/a", "1")),
    ]);
    harness.delete(&crd());
    let listing = session.list(vec![upsert(widget("w", "2")), upsert(config_map("shop/a", "1"))]);
    // The definition was deleted locally and is declared no longer: forgotten, nothing to delete.
    assert_eq!((listing.absence, listing.pending), (Absence::None, 1));
    assert_eq!(harness.value(&wd("default/w")).as_deref(), Some("1"));
    // Reported as gone, it goes, known or not.
    session.apply(vec![delete(&widget("w", "2"))]);
    assert_eq!(
        (harness.get(&wd("default/w")), harness.pending("files")),
        (None, vec![])
    );
}

#[test]
fn kinds_that_a_source_describes_are_remembered() {
    let harness = Harness::new();
    let session = harness.session("cluster");
    session.list(vec![upsert(widget("w", "1"))]);
    session.do_work(Work::Kind(widget_names()));
    assert_eq!(harness.value(&wd("default/w")).as_deref(), Some("1"));
    let commits = harness.engine.commits();
    session.do_work(Work::Kind(widget_names()));
    assert_eq!(harness.engine.commits(), commits, "nothing new");
    harness.reopen();
    assert!(harness.reader().kinds().get(&wd("w").group_kind).is_some());
    let session = harness.session("cluster");
    session.apply(vec![upsert(widget("v", "1"))]);
    assert!(harness.get(&wd("default/v")).is_some());

    // What counts for more is not overruled by a source's word.
    session.apply(vec![upsert(widgets())]);
    let commits = harness.engine.commits();
    let of_built_in = k1s_object::KindNames {
        group_kind: cm("a").group_kind,
        ..widget_names()
    };
    session.do_work(Work::Kind(of_built_in));
    assert_eq!(harness.engine.commits(), commits);
}

#[test]
fn a_definition_that_no_longer_names_its_kind_defines_nothing() {
    let harness = Harness::new();
    let session = harness.session("files");
    session.list(vec![upsert(widgets()), upsert(widget("w", "1"))]);
    let mut broken = widgets();
    broken["spec"]["names"]["kind"] = json!(7);
    session.apply(vec![upsert(broken), upsert(widget("v", "1"))]);
    assert_eq!(
        harness.pending("files"),
        [("Widget.example.com v".to_owned(), ProblemCode::NoKind)]
    );
    session.apply(vec![upsert(widgets())]);
    assert!(harness.get(&wd("default/v")).is_some());
}

#[test]
fn what_arrives_for_a_source_is_its_change_at_once() {
    let harness = Harness::new();
    let files = harness.session("files");
    files.list(vec![upsert(widget("w", "1"))]);
    harness.session("others").apply(vec![upsert(widgets())]);
    // The next receipt tells of it, and writes nothing.
    let commits = harness.engine.commits();
    assert_eq!(files.apply(vec![]).tally.created, 1);
    assert_eq!(harness.engine.commits(), commits);
}

#[test]
fn an_api_version_is_no_part_of_the_key() {
    let harness = Harness::new();
    let session = harness.session("files");
    let deployment = |version: &str, spec: serde_json::Value| {
        json!({"apiVersion": format!("apps/{version}"), "kind": "Deployment", "metadata": {"name": "d", "namespace": "shop"},
            "spec": spec})
    };
    let key = k1s_object::Key::new("apps", "Deployment", "shop", "d");
    session.list(vec![upsert(deployment("v1beta1", json!({"replicas": 1})))]);
    let before = harness.object(&key);
    session.list(vec![upsert(deployment("v1", json!({"replicas": 1, "old": 1})))]);
    let after = harness.object(&key);
    assert_eq!(
        (after.uid, harness.body(&key)["apiVersion"].as_str()),
        (before.uid, Some("apps/v1"))
    );
    assert_eq!(&*after.owned.expect("owned").row.api_version, "apps/v1");

    // Edited across the bump: the declaration's own fields win, the others stay, also those that the old version declared.
    let mut edited = harness.body(&key);
    edited["spec"] = json!({"replicas": 9, "old": 1, "paused": true});
    harness.put(&key, edited);
    session.list(vec![upsert(deployment("v2", json!({"replicas": 2})))]);
    let body = harness.body(&key);
    assert_eq!(
        (&body["apiVersion"], &body["spec"]),
        (&json!("apps/v2"), &json!({"replicas": 2, "old": 1, "paused": true}))
    );
}
