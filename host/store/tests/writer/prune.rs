//! Absence and deletes: what goes, what the guard holds, and what becomes of a held list.

use std::time::Duration;

use k1s_object::DeclaredKey;
use k1s_sync_engine::event::{Change, Event};
use k1s_sync_engine::guard::GuardLimit;
use k1s_sync_engine::message::EmptyListing;
use k1s_sync_engine::policy::{EmptyRule, SourcePolicy};
use k1s_sync_engine::work::{Absence, GenerationEnd, HoldReason};
use serde_json::Value;

use crate::documents::{cm, config_map, delete, seen, upsert, widget};
use crate::harness::{Harness, WHOLE};

pub(crate) fn numbered(number: u32) -> Value {
    config_map(&format!("shop/n{number}"), "1")
}

pub(crate) fn numbers(range: std::ops::Range<u32>) -> Vec<Event> {
    range.map(|number| upsert(numbered(number))).collect()
}

pub(crate) fn left(harness: &Harness) -> usize {
    (0..200)
        .filter(|number| harness.get(&cm(&format!("shop/n{number}"))).is_some())
        .count()
}

fn guard(shrink: u64, limit: u64) -> HoldReason {
    HoldReason::Guard { shrink, limit }
}

pub(crate) fn reason(absence: &Absence) -> Option<&HoldReason> {
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

#[test]
fn deletes_of_a_window_are_judged_as_one() {
    for (had, earlier, with_last, goes) in [
        (40, 10, 2, true),
        (40, 10, 3, false),
        (40, 12, 0, true),
        (40, 13, 0, false),
    ] {
        let harness = Harness::new();
        let session = harness.session("files");
        session.list(numbers(0..had));
        let deletes = |range: std::ops::Range<u32>| range.map(|number| delete(&numbered(number))).collect::<Vec<_>>();
        let receipt = session.window(deletes(0..earlier), deletes(earlier..earlier + with_last));
        let gone = earlier + with_last;
        if goes {
            assert_eq!(receipt.declared, Some(Absence::Pruned(u64::from(gone))));
        } else {
            assert_eq!(
                receipt.declared.as_ref().and_then(reason),
                Some(&guard(u64::from(gone), 12))
            );
        }
        let stay = if goes { had - gone } else { had };
        assert_eq!(left(&harness), usize::try_from(stay).expect("few"));
    }
}

#[test]
fn what_ends_a_window_is_heard_after_its_deletes() {
    let harness = Harness::new();
    let session = harness.session("files");
    session.list(numbers(0..40));
    let receipt = session.window(vec![delete(&numbered(0)), delete(&numbered(1))], numbers(1..2));
    assert_eq!(receipt.declared, Some(Absence::Pruned(1)));
    assert_eq!(left(&harness), 39);
    let broken = Event {
        change: Change::Delete {
            key: DeclaredKey::new("", "ConfigMap", "shop", "n\u{7}"),
        },
        ..delete(&numbered(3))
    };
    let receipt = session.window(vec![broken], vec![delete(&numbered(2))]);
    assert_eq!((receipt.refusals.len(), receipt.tally.failed), (0, 1));
    assert_eq!(left(&harness), 38);
}
