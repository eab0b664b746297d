//! Who owns an object: claims, transfers, adoption.

use k1s_store::Table;
use k1s_store::engine::{Engine as _, Finish};
use k1s_store::row::{CurrentRow, Owner, Standing};
use k1s_sync_engine::decide::Adoption;
use k1s_sync_engine::event::Tally;
use k1s_sync_engine::message::ScopeGone;
use k1s_sync_engine::policy::{PruneMode, SourcePolicy};
use k1s_sync_engine::problem::ProblemCode;
use k1s_sync_engine::work::Absence;
use serde_json::{Value, json};

use crate::apply::generous;
use crate::documents::{annotated, cm, config_map, delete, invalid, seen, upsert, version};
use crate::faulty::rows;
use crate::harness::{Harness, ROOT, WHOLE, scope, source};

fn with_field(value: &str, field: &str) -> Value {
    let mut body = config_map("shop/a", value);
    body["data"][field] = "mine".into();
    body
}

#[test]
fn a_second_source_claims_and_inherits_without_a_gap() {
    for way in ["listing", "delete", "away"] {
        let harness = Harness::new();
        let first = harness.session_with("first", generous());
        let second = harness.session_with("second", generous());
        first.list(vec![version(upsert(with_field("1", "of_first")), "of first")]);
        second.list(vec![upsert(with_field("2", "of_second"))]);
        assert_eq!(
            harness.pending("second"),
            [("ConfigMap shop/a".to_owned(), ProblemCode::OwnershipConflict)]
        );
        assert!(harness.pending_rows("second")[0].message.contains("source first"));
        assert_eq!(harness.value(&cm("shop/a")).as_deref(), Some("1"));
        let uid = harness.object(&cm("shop/a")).uid;
        if way == "away" {
            second.close();
        }
        let commits = harness.engine.commits();
        match way {
            "delete" => drop(first.apply(vec![delete(&config_map("shop/a", "1"))])),
            _ => drop(first.list(vec![])),
        }
        assert_eq!(harness.engine.commits(), commits + 1, "{way}: one transaction");
        assert_eq!(harness.owner(&cm("shop/a")).as_deref(), Some("second"), "{way}");
        if way == "away" {
            let known = harness.known("second");
            assert!(
                known.iter().all(|known| known.source_version.as_str() != "of first"),
                "not its word"
            );
        }
        // What only the former owner declared is gone.
        assert_eq!(
            harness.body(&cm("shop/a"))["data"],
            json!({"v": "2", "of_second": "mine"}),
            "{way}"
        );
        assert_eq!(harness.object(&cm("shop/a")).uid, uid, "{way}");
        assert!(!harness.states(&cm("shop/a")).contains(&"Deleted".to_owned()), "{way}");
        assert_eq!(
            (harness.rows("first").len(), harness.pending("second")),
            (0, vec![]),
            "{way}"
        );
    }
}

#[test]
fn who_inherits_and_no_longer_declares_prunes() {
    let harness = Harness::new();
    let first = harness.session_with("first", generous());
    first.list(vec![upsert(config_map("shop/a", "1"))]);
    harness
        .session_with("second", generous())
        .list(vec![upsert(config_map("shop/a", "2"))]);
    harness.session_with("second", generous()).close();
    first.list(vec![]);
    let second = harness.session_with("second", generous());
    assert_eq!(second.list(vec![]).absence, Absence::Pruned(1));
    assert_eq!(harness.get(&cm("shop/a")), None);
}

/// Sources have selections of their own; also a host that never met the heir applies what that declares.
#[test]
fn an_heir_without_a_session_owns_by_its_own_declaration() {
    let of_selection = |selection| SourcePolicy {
        selection,
        default_namespace: "shop".into(),
        ..generous()
    };
    for restarted in [false, true] {
        let harness = Harness::new();
        let first = harness.session_with("first", of_selection(1));
        first.list(vec![
            upsert(with_field("1", "of_first")),
            upsert(config_map("shop/b", "1")),
        ]);
        let second = harness.session_with("second", of_selection(2));
        second.list(vec![version(upsert(config_map("a", "2")), "word")]);
        second.close();
        let first = if restarted {
            harness.reopen();
            harness.session_with("first", of_selection(1))
        } else {
            first
        };
        first.list(vec![upsert(config_map("shop/b", "1"))]);
        assert_eq!(harness.body(&cm("shop/a"))["data"], json!({"v": "2"}), "{restarted}");
        assert_eq!(harness.pending("second"), [], "{restarted}");
        assert_eq!(harness.get(&cm("default/a")), None, "the object that was claimed");
        let row = harness.row("second", &cm("shop/a")).expect("a row");
        assert_eq!((row.selection, row.source_version.as_str()), (2, "word"), "{restarted}");
        // And everything after is ordinary.
        let second = harness.session_with("second", of_selection(2));
        assert_eq!(second.list(vec![]).absence, Absence::Pruned(1), "{restarted}");
        assert_eq!(harness.get(&cm("shop/a")), None, "{restarted}");
    }
}

/// A store of before may hold an owner without a row: dropping its claim frees the object.
#[test]
fn a_claim_that_is_dropped_leaves_no_owner_without_a_row() {
    for way in ["absent", "deleted", "deselected"] {
        let harness = Harness::new();
        let first = harness.session_with("first", generous());
        first.list(vec![upsert(config_map("shop/a", "1"))]);
        let second = harness.session_with("second", generous());
        second.list(vec![upsert(config_map("shop/a", "2"))]);
        let place = cm("shop/a").encode();
        let stored = rows(&*harness.engine)
            .into_iter()
            .find(|(table, key, _)| *table == Table::Current && *key == place);
        let mut current: CurrentRow = postcard::from_bytes(&stored.expect("a row").2).expect("decodes");
        current.owner = Some(Owner {
            source: source("second"),
            scope: scope(WHOLE),
        });
        let bytes = postcard::to_stdvec(&current).expect("encodes");
        harness
            .engine
            .write(&mut |tables| tables.put(Table::Current, &place, &bytes).map(|()| Finish::Commit))
            .expect("written");
        match way {
            "absent" => drop(second.list(vec![])),
            "deleted" => drop(second.apply(vec![delete(&config_map("shop/a", "2"))])),
            _ => drop(second.gone(WHOLE, ScopeGone::Deselected)),
        }
        let third = harness.session("third");
        assert_eq!(third.list(vec![upsert(config_map("shop/a", "1"))]).pending, 0, "{way}");
        assert_eq!(harness.owner(&cm("shop/a")).as_deref(), Some("third"), "{way}");
    }
}

/// Nothing is deleted by a transfer: neither the rule about emptiness nor the guard asks for it, now or later.
#[test]
fn what_is_claimed_moves_whatever_the_guards_say() {
    let harness = Harness::new();
    let first = harness.session("first");
    let moving = || (0..20).map(|n| upsert(config_map(&format!("shop/m{n}"), "1")));
    let staying = |range: std::ops::Range<u32>| range.map(|n| upsert(config_map(&format!("shop/s{n}"), "1")));
    first.list(moving().chain(staying(0..3)).collect());
    let second = harness.session("second");
    second.list(moving().collect());
    assert_eq!(harness.pending("second").len(), 20);

    assert_eq!(
        first.list(staying(0..3).collect()).absence,
        Absence::None,
        "20 of 23 go"
    );
    assert_eq!(harness.owner(&cm("shop/m7")).as_deref(), Some("second"));
    assert_eq!(harness.pending("second"), []);
    // What went is not missed by the guard.
    assert_eq!(first.list(staying(0..1).collect()).absence, Absence::Pruned(2));

    // The last one.
    second.list(moving().chain(staying(0..1)).collect());
    assert_eq!(first.list(vec![]).absence, Absence::None);
    assert_eq!(harness.owner(&cm("shop/s0")).as_deref(), Some("second"));
    assert_eq!((harness.rows("first").len(), harness.held("first")), (0, None));
}

#[test]
fn what_is_claimed_stays_where_nothing_may_follow() {
    let held = annotated(config_map("shop/a", "1"), "sync.k1s.io/prune", "disabled");
    for other_place in [true, false] {
        let harness = Harness::new();
        let first = harness.session_with("first", generous());
        let declared = if other_place {
            config_map("shop/a", "1")
        } else {
            held.clone()
        };
        first.list(vec![upsert(declared)]);
        let second = harness.session("second");
        second.list(vec![upsert(config_map("shop/a", "2"))]);
        first.begin_at(WHOLE, if other_place { "elsewhere" } else { ROOT });
        assert!(
            matches!(first.end().absence, Absence::Held { rows: 1, .. }),
            "{other_place}"
        );
        assert_eq!(harness.owner(&cm("shop/a")).as_deref(), Some("first"), "{other_place}");
    }
}

#[test]
fn claims_are_heard_in_order_and_forgotten_with_their_declaration() {
    let harness = Harness::new();
    let sessions = ["a", "b", "c"].map(|name| harness.session_with(name, generous()));
    for (session, value) in sessions.iter().zip(["1", "2", "3"]) {
        session.list(vec![upsert(config_map("shop/a", value))]);
    }
    let [a, b, c] = &sessions;
    a.list(vec![]);
    assert_eq!(harness.owner(&cm("shop/a")).as_deref(), Some("b"));
    assert!(
        harness.pending_rows("c")[0].message.contains("source b"),
        "{:?}",
        harness.pending_rows("c")
    );
    c.list(vec![]);
    assert_eq!(harness.pending("c"), []);
    b.list(vec![]);
    assert_eq!(harness.get(&cm("shop/a")), None);
}

#[test]
fn a_claim_that_became_invalid_inherits_nothing() {
    let harness = Harness::new();
    let first = harness.session_with("first", generous());
    let second = harness.session_with("second", generous());
    first.list(vec![upsert(config_map("shop/a", "1"))]);
    second.list(vec![upsert(config_map("shop/a", "2"))]);
    second.apply(vec![invalid(&config_map("shop/a", "2"))]);
    first.list(vec![]);
    assert_eq!(harness.get(&cm("shop/a")), None);
    // It never was an object of the second; it becomes one when it is repaired.
    second.apply(vec![upsert(config_map("shop/a", "3"))]);
    assert_eq!(harness.value(&cm("shop/a")).as_deref(), Some("3"));
}

#[test]
fn the_earlier_scope_of_a_source_wins_and_the_later_inherits() {
    let harness = Harness::new();
    let session = harness.session_with("files", generous());
    session.list_in("one", vec![upsert(config_map("shop/a", "1"))]);
    session.list_in("two", vec![upsert(config_map("shop/a", "2"))]);
    assert_eq!(
        harness.pending("files"),
        [("ConfigMap shop/a".to_owned(), ProblemCode::DuplicateKey)]
    );
    assert_eq!(harness.value(&cm("shop/a")).as_deref(), Some("1"));
    session.list_in("one", vec![]);
    assert_eq!(
        (harness.value(&cm("shop/a")).as_deref(), harness.pending("files")),
        (Some("2"), vec![])
    );
    let owner = harness.object(&cm("shop/a")).owned.expect("owned").owner;
    assert_eq!(owner.scope.as_str(), "two");
    session.list_in("two", vec![upsert(config_map("shop/a", "2"))]);
    assert_eq!(session.list_in("two", vec![]).absence, Absence::Pruned(1));
}

#[test]
fn adoption_of_an_object_that_is_in_the_way() {
    let mut with_more = config_map("shop/a", "1");
    with_more["data"]["extra"] = "local".into();
    let different = config_map("shop/a", "local");
    for (adoption, local, adopted) in [
        (Adoption::IfEqual, &with_more, true),
        (Adoption::IfEqual, &different, false),
        (Adoption::IfUnowned, &different, true),
        (Adoption::Always, &different, true),
        (Adoption::Never, &with_more, false),
    ] {
        let harness = Harness::new();
        harness.put(&cm("shop/a"), local.clone());
        let before = harness.object(&cm("shop/a"));
        let policy = SourcePolicy { adoption, ..generous() };
        let session = harness.session_with("files", policy);
        session.list(vec![upsert(config_map("shop/a", "1"))]);
        let what = format!("{adoption:?} {local}");
        assert_eq!(harness.object(&cm("shop/a")).uid, before.uid, "{what}");
        if adopted {
            assert_eq!(
                (
                    harness.owner(&cm("shop/a")).as_deref(),
                    harness.value(&cm("shop/a")).as_deref()
                ),
                (Some("files"), Some("1"))
            );
            assert_eq!(
                harness.body(&cm("shop/a"))["data"].get("extra"),
                local["data"].get("extra"),
                "{what}"
            );
            assert_eq!(session.list(vec![]).absence, Absence::Pruned(1), "{what}");
        } else {
            assert_eq!(harness.object(&cm("shop/a")), before, "{what}");
            assert_eq!(
                harness.pending("files"),
                [("ConfigMap shop/a".to_owned(), ProblemCode::AdoptionConflict)]
            );
            session.list(vec![]);
            assert_eq!(
                (harness.get(&cm("shop/a")), harness.pending("files")),
                (Some(before), vec![]),
                "{what}"
            );
        }
    }
}

#[test]
fn an_obstacle_that_goes_or_becomes_equal_lets_the_declaration_in() {
    for way in ["deleted", "made equal"] {
        let harness = Harness::new();
        harness.put(&cm("shop/a"), config_map("shop/a", "local"));
        harness.session("files").list(vec![upsert(config_map("shop/a", "1"))]);
        assert_eq!(harness.pending("files").len(), 1);
        match way {
            "deleted" => drop(harness.delete(&cm("shop/a"))),
            _ => drop(harness.put(&cm("shop/a"), config_map("shop/a", "1"))),
        }
        assert_eq!(harness.owner(&cm("shop/a")).as_deref(), Some("files"), "{way}");
        assert_eq!(harness.pending("files"), [], "{way}");
    }
}

#[test]
fn an_obstacle_that_stays_is_no_news() {
    let harness = Harness::new();
    harness.put(&cm("shop/a"), config_map("shop/a", "local"));
    let session = harness.session("files");
    session.list(vec![upsert(config_map("shop/a", "1"))]);
    for value in 0..3 {
        harness.put(&cm("shop/a"), config_map("shop/a", &format!("local {value}")));
    }
    let receipt = session.apply(vec![]);
    assert_eq!((receipt.tally, receipt.events), (Tally::default(), vec![]));
}

#[test]
fn what_a_source_stops_pruning_becomes_an_orphan_and_returns_by_its_base() {
    let harness = Harness::new();
    let policy = SourcePolicy {
        prune: PruneMode::Disabled,
        ..SourcePolicy::default()
    };
    let session = harness.session_with("files", policy.clone());
    let declared = || version(upsert(config_map("shop/a", "1")), "v1");
    session.list(vec![declared()]);
    let before = harness.object(&cm("shop/a"));
    session.list(vec![]);
    assert_eq!(
        (harness.owner(&cm("shop/a")), harness.standing("files", &cm("shop/a"))),
        (None, Some(Standing::Orphaned))
    );
    assert_eq!(harness.known("files"), [], "what is merely remembered is not held");
    let commits = harness.engine.commits();
    session.list(vec![]);
    assert_eq!(harness.engine.commits(), commits);

    // Seen is not enough to own it again.
    let receipt = session.apply(vec![seen(&config_map("shop/a", "1"), "v1")]);
    assert!(receipt.unknown_seen.is_some());

    // Edited meanwhile, beside and within what was declared: it is this source's object, so the source wins.
    let mut edited = config_map("shop/a", "local");
    edited["data"]["extra"] = "local".into();
    harness.put(&cm("shop/a"), edited);
    session.list(vec![declared()]);
    let after = harness.object(&cm("shop/a"));
    assert_eq!(
        (after.uid, harness.owner(&cm("shop/a")).as_deref()),
        (before.uid, Some("files"))
    );
    assert_eq!(harness.body(&cm("shop/a"))["data"], json!({"v": "1", "extra": "local"}));

    // An orphan that a user deleted is made anew.
    session.list(vec![]);
    harness.delete(&cm("shop/a"));
    session.list(vec![declared()]);
    assert_ne!(harness.object(&cm("shop/a")).uid, before.uid);
}

#[test]
fn an_orphan_is_free_for_who_claims_it() {
    let harness = Harness::new();
    let policy = SourcePolicy {
        prune: PruneMode::Disabled,
        ..SourcePolicy::default()
    };
    let first = harness.session_with("first", policy);
    first.list(vec![upsert(config_map("shop/a", "1"))]);
    let second = harness.session("second");
    second.list(vec![upsert(config_map("shop/a", "1"))]);
    first.list(vec![]);
    assert_eq!(
        harness.owner(&cm("shop/a")).as_deref(),
        Some("second"),
        "equal, so adopted"
    );
    // The former owner comes back as a claimant.
    first.list(vec![upsert(config_map("shop/a", "1"))]);
    assert_eq!(
        harness.pending("first"),
        [("ConfigMap shop/a".to_owned(), ProblemCode::OwnershipConflict)]
    );
    // And inherits what it once owned.
    second.list(vec![upsert(config_map("shop/b", "1"))]);
    assert_eq!(harness.owner(&cm("shop/a")).as_deref(), Some("first"));
    assert_eq!(harness.standing("first", &cm("shop/a")), Some(Standing::Owned));
}

#[test]
fn a_transfer_within_an_open_listing_of_the_heir() {
    for declares in [true, false] {
        let harness = Harness::new();
        let first = harness.session_with("first", generous());
        let second = harness.session_with("second", generous());
        first.list(vec![upsert(config_map("a", "1"))]);
        second.list(vec![upsert(config_map("a", "2"))]);
        second.begin(WHOLE);
        if declares {
            second.apply(vec![upsert(config_map("a", "2"))]);
        }
        first.list(vec![]);
        assert_eq!(harness.owner(&cm("default/a")).as_deref(), Some("second"));
        second.end();
        assert_eq!(harness.get(&cm("default/a")).is_some(), declares);
    }
}
