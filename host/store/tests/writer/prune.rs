//! Absence and deletes: what goes, what is held, and why.

use std::time::Duration;

use k1s_sync_engine::event::Event;
use k1s_sync_engine::guard::GuardLimit;
use k1s_sync_engine::message::EmptyListing;
use k1s_sync_engine::policy::{EmptyRule, SourcePolicy};
use k1s_sync_engine::work::{Absence, GenerationEnd, HoldReason};
use serde_json::Value;

use crate::apply::generous;
use crate::documents::{
    annotated, cm, config_map, crd, delete, namespace, ns, seen, upsert, version, wd, widget, widgets,
};
use crate::harness::{Harness, Session, WHOLE};

fn numbered(number: u32) -> Value {
    config_map(&format!("shop/n{number}"), "1")
}

fn numbers(range: std::ops::Range<u32>) -> Vec<Event> {
    range.map(|number| upsert(numbered(number))).collect()
}

fn left(harness: &Harness) -> usize {
    (0..200)
        .filter(|number| harness.get(&cm(&format!("shop/n{number}"))).is_some())
        .count()
}

fn guard(shrink: u64, limit: u64) -> HoldReason {
    HoldReason::Guard { shrink, limit }
}

fn reason(absence: &Absence) -> Option<&HoldReason> {
    match absence {
        Absence::Held { reason, .. } => Some(reason),
        Absence::None | Absence::Pruned(_) | Absence::Unproven(_) => None,
    }
}

#[test]
fn absence_up_to_the_guard_is_pruned_and_above_it_held_whole() {
    for (had, left_over, expected) in [
        (40, 30, None),
        (40, 28, None),
        (40, 27, Some(guard(13, 12))),
        (12, 2, None),
        (12, 1, Some(guard(11, 10))),
    ] {
        let harness = Harness::new();
        let session = harness.session("files");
        session.list(numbers(0..had));
        let listing = session.list(numbers(0..left_over));
        assert_eq!(reason(&listing.absence), expected.as_ref(), "{had} {left_over}");
        let stay = if expected.is_some() { had } else { left_over };
        assert_eq!(left(&harness), usize::try_from(stay).expect("few"), "{had} {left_over}");
        if expected.is_none() {
            assert_eq!(
                listing.absence,
                Absence::Pruned(u64::from(had - left_over)),
                "{had} {left_over}"
            );
        }
    }
}

#[test]
fn the_guard_looks_at_each_kind() {
    let harness = Harness::new();
    let session = harness.session("files");
    let secrets = (0..11).map(|number| {
        upsert(serde_json::json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": format!("s{number}"), "namespace": "shop"}}))
    });
    session.list(numbers(0..60).into_iter().chain(secrets).collect());
    // 11 of 71 objects, but every secret there is.
    assert_eq!(reason(&session.list(numbers(0..60)).absence), Some(&guard(11, 10)));
}

#[test]
fn small_prunes_add_up_within_an_hour() {
    let harness = Harness::new();
    let session = harness.session("files");
    session.list(numbers(0..40));
    assert_eq!(session.list(numbers(0..34)).absence, Absence::Pruned(6));
    harness.pass(Duration::from_secs(1800));
    assert_eq!(session.list(numbers(0..28)).absence, Absence::Pruned(6));
    assert_eq!(reason(&session.list(numbers(0..27)).absence), Some(&guard(13, 12)));
    harness.pass(Duration::from_secs(3900));
    assert_eq!(session.list(numbers(0..27)).absence, Absence::Pruned(1));
}

#[test]
fn everything_goes_only_when_that_is_meant() {
    let allow = SourcePolicy {
        empty: EmptyRule::Allow,
        ..SourcePolicy::default()
    };
    for (what, policy, empty, expected) in [
        (
            "by silence",
            SourcePolicy::default(),
            EmptyListing::Suspicious,
            Some(HoldReason::Empty),
        ),
        (
            "by the source's word",
            SourcePolicy::default(),
            EmptyListing::Intentional,
            None,
        ),
        ("by policy", allow, EmptyListing::Suspicious, None),
    ] {
        let harness = Harness::new();
        let session = harness.session_with("files", policy);
        session.list(numbers(0..3));
        session.begin(WHOLE);
        let listing = session.end_with(GenerationEnd {
            empty,
            ..session.end_of(WHOLE)
        });
        assert_eq!(reason(&listing.absence), expected.as_ref(), "{what}");
        assert_eq!(left(&harness), if expected.is_some() { 3 } else { 0 }, "{what}");
    }
}

#[test]
fn emptiness_is_that_of_the_source_not_of_a_scope() {
    let harness = Harness::new();
    let session = harness.session("files");
    session.list_in("one", numbers(0..2));
    session.list_in("two", numbers(2..4));
    assert_eq!(session.list_in("one", vec![]).absence, Absence::Pruned(2));
    assert_eq!(
        reason(&session.list_in("two", vec![]).absence),
        Some(&HoldReason::Empty)
    );
}

#[test]
fn a_held_list_is_stable_until_it_changes() {
    let harness = Harness::new();
    let session = harness.session("files");
    session.list(numbers(0..20));
    session.list(numbers(0..5));
    let (first, keys) = harness.held("files").expect("held");
    assert_eq!((first.rows, keys.len(), first.since), (15, 15, harness.now()));
    harness.pass(Duration::from_secs(60));
    let commits = harness.engine.commits();
    for _ in 0..2 {
        session.list(numbers(0..5));
    }
    assert_eq!(harness.held("files").map(|(head, _)| head), Some(first.clone()));
    assert_eq!(harness.engine.commits(), commits, "an equal pass writes nothing");
    // One more is absent: another list.
    session.list(numbers(0..4));
    let (second, _) = harness.held("files").expect("held");
    assert!(second.id != first.id && second.since == harness.now() && second.rows == 16);
    // What is declared again is not held; the list is the first again, and its keys are all there.
    session.list(numbers(0..5));
    let (third, keys) = harness.held("files").expect("held");
    assert_eq!((third.id, keys.len()), (first.id, 15));
    // A new host goes on with it.
    harness.reopen();
    let session = harness.session("files");
    session.list(numbers(0..20));
    assert_eq!((harness.held("files"), left(&harness)), (None, 20));
}

#[test]
fn a_held_row_is_cancelled_by_the_source_s_later_word() {
    type Word = fn(u32) -> Event;
    let upserted: Word = |number| upsert(numbered(number));
    let changed: Word = |number| upsert(config_map(&format!("shop/n{number}"), "2"));
    let confirmed: Word = |number| seen(&numbered(number), "");
    for word in [upserted, changed, confirmed] {
        let harness = Harness::new();
        let session = harness.session("files");
        session.list(numbers(0..20));
        session.list(numbers(0..5));
        session.apply(vec![word(7)]);
        let (head, keys) = harness.held("files").expect("held");
        assert_eq!((head.rows, keys.contains(&"ConfigMap shop/n7".to_owned())), (14, false));
        // The same list as before has the key again.
        session.list(numbers(0..5));
        let (head, keys) = harness.held("files").expect("held");
        assert_eq!((head.rows, keys.contains(&"ConfigMap shop/n7".to_owned())), (15, true));
        session.apply((5..20).map(word).collect());
        assert_eq!(harness.held("files"), None);
    }
}

#[test]
fn what_fits_later_goes_later() {
    let harness = Harness::new();
    let session = harness.session("files");
    session.list(numbers(0..20));
    session.list(numbers(0..5));
    assert_eq!(session.list(numbers(0..15)).absence, Absence::Pruned(5));
    assert_eq!((harness.held("files"), left(&harness)), (None, 15));
}

#[test]
fn explicit_deletes_are_judged_as_one_set() {
    let deletes = |range: std::ops::Range<u32>| range.map(|number| delete(&numbered(number))).collect::<Vec<_>>();
    let harness = Harness::new();
    let session = harness.session("files");
    session.list(numbers(0..20));
    let receipt = session.apply(deletes(0..11));
    assert_eq!((receipt.tally.deleted, left(&harness)), (0, 20));
    let (head, _) = harness.held("files").expect("held");
    assert_eq!((head.reason, head.rows), (guard(11, 10), 11));
    // A smaller set passes, adds nothing to the list and takes its own out of it.
    let receipt = session.apply(deletes(8..13));
    assert_eq!((receipt.tally.deleted, left(&harness)), (5, 15));
    let (head, keys) = harness.held("files").expect("held");
    assert_eq!((head.rows, keys.len()), (8, 8));
    // A second set that is too large joins the first.
    session.apply(deletes(13..20));
    assert_eq!(harness.held("files").expect("held").0.rows, 15);
    // Everything may go by the source's explicit word, if the guard lets it.
    let harness = Harness::new();
    let session = harness.session("files");
    session.list(numbers(0..3));
    assert_eq!(session.apply(deletes(0..3)).tally.deleted, 3);
    // What is not there is no news.
    assert_eq!(session.apply(deletes(0..3)).tally.unchanged, 3);
}

#[test]
fn deletes_within_a_listing_that_are_held_stay_held_at_its_end() {
    let harness = Harness::new();
    let session = harness.session("files");
    session.list(numbers(0..20));
    session.begin(WHOLE);
    session.apply(
        numbers(11..20)
            .into_iter()
            .chain((0..11).map(|number| delete(&numbered(number))))
            .collect(),
    );
    let (before, _) = harness.held("files").expect("held");
    let commits = harness.engine.commits();
    session.end();
    assert_eq!(harness.held("files").map(|(head, _)| head), Some(before));
    assert_eq!(harness.engine.commits(), commits);
}

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
        let known = harness
            .reader()
            .kinds()
            .expect("readable")
            .get(&wd("w").group_kind)
            .is_some();
        assert_eq!(known, local);
    }
}

#[test]
fn pending_declarations_that_are_absent_go_without_guard() {
    let harness = Harness::new();
    let policy = SourcePolicy {
        guard: GuardLimit { min: 0, percent: 0 },
        ..SourcePolicy::default()
    };
    let session = harness.session_with("files", policy);
    let mut events = numbers(0..2);
    events.extend((0..20).map(|number| upsert(widget(&format!("w{number}"), "1"))));
    assert_eq!(session.list(events).pending, 20);
    let listing = session.list(numbers(0..2));
    assert_eq!((listing.pending, listing.absence), (0, Absence::None));
}
