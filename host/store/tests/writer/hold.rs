//! What else stays: another place, another selection, a person's word, contents.

use k1s_sync_engine::policy::SourcePolicy;
use k1s_sync_engine::work::{Absence, HoldReason};

use crate::apply::generous;
use crate::documents::{annotated, cm, config_map, crd, namespace, ns, seen, upsert, version, wd, widget, widgets};
use crate::harness::{Harness, WHOLE};
use crate::prune::{left, numbered, numbers, reason};
use crate::session::Session;

#[test]
fn another_place_prunes_nothing() {
    let harness = Harness::new();
    let session = harness.session_with("files", generous());
    let mut first = numbers(0..3);
    first.push(upsert(widget("w", "1")));
    session.list(first);
    session.begin_at(WHOLE, "elsewhere");
    session.apply(vec![
        upsert(config_map("shop/n0", "2")),
        upsert(config_map("shop/n9", "1")),
    ]);
    let absence = session.end().absence;
    let expected = HoldReason::RootChanged {
        stored: "root".into(),
        seen: "elsewhere".into(),
    };
    assert_eq!(reason(&absence), Some(&expected));
    // What it declares is applied all the same; what waits is not forgotten.
    assert_eq!(
        (left(&harness), harness.value(&cm("shop/n0")).as_deref()),
        (4, Some("2"))
    );
    assert_eq!(harness.pending("files").len(), 1);
    // Back at the old place everything is as it was.
    assert_eq!(session.list(numbers(0..3)).absence, Absence::Pruned(1));
    assert_eq!((left(&harness), harness.held("files")), (3, None));
}

#[test]
fn where_nothing_is_another_place_is_accepted() {
    let harness = Harness::new();
    let session = harness.session_with("files", generous());
    session.list(vec![]);
    session.begin_at(WHOLE, "mounted");
    session.apply(numbers(0..3));
    session.end();
    session.begin_at(WHOLE, "mounted");
    session.apply(numbers(0..2));
    assert_eq!(session.end().absence, Absence::Pruned(1));
}

#[test]
fn another_selection_orphans_what_it_leaves_out() {
    let reselected = |selection| SourcePolicy {
        selection,
        ..SourcePolicy::default()
    };
    let harness = Harness::new();
    harness.session("files").list(numbers(0..40));
    let session = harness.session_with("files", reselected(1));
    // Another selection means another place, too.
    session.begin_at(WHOLE, "elsewhere");
    session.apply(numbers(0..15));
    assert_eq!(session.end().absence, Absence::None);
    assert_eq!((left(&harness), harness.held("files")), (40, None));
    assert_eq!(harness.owner(&cm("shop/n20")), None);
    // What was given up does not count as gone.
    session.begin_at(WHOLE, "elsewhere");
    session.apply(numbers(0..6));
    assert_eq!(session.end().absence, Absence::Pruned(9));

    // Selected again, they are adopted by their base; absent then, they are pruned.
    let session = harness.session("files");
    assert_eq!(session.list(numbers(0..30)).tally.created, 9);
    assert_eq!(harness.owner(&cm("shop/n20")).as_deref(), Some("files"));
    assert_eq!(session.list(numbers(0..25)).absence, Absence::Pruned(5));
    assert_eq!(harness.get(&cm("shop/n26")), None);
}

#[test]
fn what_is_seen_under_another_selection_is_claimed_under_it() {
    let harness = Harness::new();
    let file = |number: u32| version(upsert(numbered(number)), "v");
    harness.session("files").list(vec![file(0), file(1)]);
    let session = harness.session_with(
        "files",
        SourcePolicy {
            selection: 1,
            ..generous()
        },
    );
    session.list(vec![seen(&numbered(0), "v"), file(1)]);
    assert_eq!(session.list(vec![]).absence, Absence::Pruned(2));
}

#[test]
fn annotations_hold_an_object_and_what_it_lies_in() {
    for (name, value) in [
        ("sync.k1s.io/prune", "disabled"),
        ("sync.k1s.io/prune", "confirm"),
        ("sync.k1s.io/reconcile", "disabled"),
    ] {
        let harness = Harness::new();
        let session = harness.session_with("files", generous());
        session.list(vec![
            upsert(namespace("shop")),
            upsert(annotated(config_map("shop/kept", "1"), name, value)),
            upsert(config_map("shop/goes", "1")),
        ]);
        let absence = session.list(vec![]).absence;
        assert_eq!(
            reason(&absence),
            Some(&HoldReason::Annotation(cm("shop/kept"))),
            "{name} {value}"
        );
        assert_eq!(
            harness.held("files").expect("held").1,
            ["ConfigMap shop/kept", "Namespace shop"],
            "{name} {value}"
        );
        assert!(
            harness.get(&ns("shop")).is_some() && harness.get(&cm("shop/kept")).is_some(),
            "{name} {value}"
        );
        assert_eq!(harness.get(&cm("shop/goes")), None, "{name} {value}");
    }
    // The word that counts is on the object, whoever wrote it.
    let harness = Harness::new();
    let session = harness.session_with("files", generous());
    session.list(vec![upsert(config_map("shop/a", "1"))]);
    harness.put(
        &cm("shop/a"),
        annotated(config_map("shop/a", "1"), "sync.k1s.io/prune", "disabled"),
    );
    assert_eq!(
        reason(&session.list(vec![]).absence),
        Some(&HoldReason::Annotation(cm("shop/a")))
    );
}

#[test]
fn a_namespace_goes_only_with_everything_in_it() {
    type Prepare = fn(&Harness, &Session<'_>);
    let nothing: Prepare = |_, _| {};
    let local: Prepare = |harness, _| {
        harness.put(&cm("shop/local"), config_map("shop/local", "1"));
    };
    let of_another: Prepare = |harness, _| {
        drop(
            harness
                .session("others")
                .list(vec![upsert(config_map("shop/other", "1"))]),
        )
    };
    let of_another_deleted: Prepare = |harness, _| {
        harness
            .session("others")
            .list(vec![upsert(config_map("shop/other", "1"))]);
        harness.delete(&cm("shop/other"));
    };
    let claimed: Prepare = |harness, _| drop(harness.session("others").list(vec![upsert(config_map("shop/a", "2"))]));
    let remade: Prepare = |harness, _| {
        harness.delete(&cm("shop/a"));
        harness.put(&cm("shop/a"), config_map("shop/a", "local"));
    };
    let deleted: Prepare = |harness, _| {
        harness.delete(&cm("shop/a"));
    };
    for (what, prepare, held) in [
        ("nothing else", nothing, false),
        ("a local object", local, true),
        ("an object of another source", of_another, true),
        ("what a user deleted of another source", of_another_deleted, false),
        ("an object that another source inherits", claimed, true),
        ("an object that a user made anew", remade, true),
        ("an object that a user deleted", deleted, false),
    ] {
        let harness = Harness::new();
        let session = harness.session_with("files", generous());
        session.list(vec![upsert(namespace("shop")), upsert(config_map("shop/a", "1"))]);
        prepare(&harness, &session);
        let absence = session.list(vec![]).absence;
        let expected = HoldReason::Contents(ns("shop"));
        assert_eq!(reason(&absence), held.then_some(&expected), "{what}");
        assert_eq!(harness.get(&ns("shop")).is_some(), held, "{what}");
    }
}

#[test]
fn a_namespace_that_another_source_claims_is_handed_over_with_its_contents() {
    let harness = Harness::new();
    let files = harness.session_with("files", generous());
    files.list(vec![upsert(namespace("shop")), upsert(config_map("shop/a", "1"))]);
    harness
        .session("others")
        .list(vec![upsert(namespace("shop")), upsert(config_map("shop/b", "1"))]);
    assert_eq!(files.list(vec![]).absence, Absence::Pruned(1));
    assert_eq!(harness.owner(&ns("shop")).as_deref(), Some("others"));
}

#[test]
fn a_definition_goes_only_with_every_object_of_its_kind() {
    for local in [true, false] {
        let harness = Harness::new();
        let session = harness.session_with("files", generous());
        session.list(vec![upsert(widgets()), upsert(widget("w", "1"))]);
        if local {
            harness.put(&wd("default/local"), widget("default/local", "1"));
        }
        let absence = session.list(vec![]).absence;
        assert_eq!(reason(&absence), local.then_some(&HoldReason::Contents(crd())));
        assert_eq!(
            (harness.get(&crd()).is_some(), harness.get(&wd("default/w")).is_some()),
            (local, false)
        );
        let known = harness.reader().kinds().get(&wd("w").group_kind).is_some();
        assert_eq!(known, local);
    }
}
