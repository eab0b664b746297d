//! What becomes of positions, inventory and objects when the configuration of a source changes.

use std::collections::BTreeMap;

use k1s_store::StoreError;
use k1s_store::command::Command;
use k1s_store::row::Standing;
use k1s_store::writer::{Knowledge, Leaving, Released};
use k1s_sync_engine::guard::GuardLimit;
use k1s_sync_engine::pattern::Pattern;
use k1s_sync_engine::policy::{Departure, Identity, NameFilter, Program, SourcePolicy};
use k1s_sync_engine::problem::ProblemCode;
use k1s_sync_engine::work::{Absence, GenerationEnd, HoldReason};

use crate::documents::{cm, config_map, upsert};
use crate::harness::{Harness, Session, WHOLE, on_every_engine, scope, source, token};

on_every_engine! {
    what_falls_out_of_a_selection_stays_or_goes_as_configured,
    another_place_under_another_selection_takes_nothing_away,
    what_a_filter_excludes_is_let_go,
    a_mapping_puts_objects_elsewhere,
    two_declarations_that_a_mapping_makes_one_are_told_apart,
    another_major_version_loses_its_token_and_nothing_else,
    another_identity_is_refused_until_a_reset,
    what_was_claimed_under_another_identity_is_never_pruned,
    what_a_removed_source_had_goes_inside_the_guard,
    the_guard_holds_what_a_removed_source_had,
}

fn deny(pattern: &str) -> NameFilter {
    NameFilter {
        allow: Vec::new(),
        deny: vec![Pattern::new(pattern)],
    }
}

fn some(policy: SourcePolicy, names: &[&str]) -> (SourcePolicy, Vec<String>) {
    (
        policy.selecting(7),
        names.iter().map(|name| (*name).to_owned()).collect(),
    )
}

/// Launches a source and lists what it has, with a token at the end.
fn run<'h>(harness: &'h Harness, (policy, names): (SourcePolicy, Vec<String>)) -> (Session<'h>, Absence) {
    let session = harness.session_with("files", policy);
    session.begin(WHOLE);
    session.apply(names.iter().map(|name| upsert(config_map(name, "1"))).collect());
    let end = GenerationEnd {
        token: Some(token("here")),
        ..session.end_of(WHOLE)
    };
    let listing = session.end_with(end);
    (session, listing.absence)
}

fn has_token(session: &Session<'_>) -> bool {
    session.opening.scopes[&scope(WHOLE)].token.is_some()
}

fn standings(harness: &Harness, names: &[&str]) -> Vec<Option<Standing>> {
    names.iter().map(|name| harness.standing("files", &cm(name))).collect()
}

fn exist(harness: &Harness, names: &[&str]) -> Vec<bool> {
    names.iter().map(|name| harness.get(&cm(name)).is_some()).collect()
}

fn what_falls_out_of_a_selection_stays_or_goes_as_configured(harness: &Harness) {
    let of = |fields, deselected| {
        SourcePolicy {
            deselected,
            ..SourcePolicy::default()
        }
        .selecting(fields)
    };
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    run(
        harness,
        (of(1, Departure::Keep), names(&["shop/a", "shop/b", "shop/c"])),
    );
    let (session, _) = run(
        harness,
        (of(1, Departure::Prune), names(&["shop/a", "shop/b", "shop/c"])),
    );
    assert!(has_token(&session), "what becomes of it later selects nothing");
    let (session, absence) = run(harness, (of(2, Departure::Keep), names(&["shop/a", "shop/b"])));
    let stored = &session.opening.scopes[&scope(WHOLE)];
    assert_eq!((stored.token.clone(), stored.knowledge), (None, Knowledge::Outdated));
    assert_eq!(absence, Absence::None);
    assert_eq!(
        standings(harness, &["shop/a", "shop/b", "shop/c"]),
        [Some(Standing::Owned), Some(Standing::Owned), Some(Standing::Orphaned)]
    );
    let (session, absence) = run(harness, (of(3, Departure::Prune), names(&["shop/a"])));
    assert!(!has_token(&session));
    assert_eq!(absence, Absence::Pruned(1));
    assert_eq!(exist(harness, &["shop/a", "shop/b", "shop/c"]), [true, false, true]);
    let (session, _) = run(harness, (of(3, Departure::Prune), names(&["shop/a"])));
    assert!(has_token(&session));
}

fn another_place_under_another_selection_takes_nothing_away(harness: &Harness) {
    let of = |fields| {
        SourcePolicy {
            deselected: Departure::Prune,
            ..SourcePolicy::default()
        }
        .selecting(fields)
    };
    run(harness, (of(1), vec!["shop/a".to_owned(), "shop/b".to_owned()]));
    let session = harness.session_with("files", of(2));
    session.begin_at(WHOLE, "elsewhere");
    session.apply(vec![upsert(config_map("shop/a", "1"))]);
    assert_eq!(session.end().absence, Absence::None);
    assert_eq!(harness.standing("files", &cm("shop/b")), Some(Standing::Orphaned));
}

fn what_a_filter_excludes_is_let_go(harness: &Harness) {
    let all = ["shop/a", "kept/b"];
    run(harness, some(SourcePolicy::default(), &all));
    let filtered = || SourcePolicy {
        namespaces: deny("shop"),
        ..SourcePolicy::default()
    };
    let revision = harness.revision();
    let (session, absence) = run(harness, some(filtered(), &all));
    assert!(!has_token(&session));
    assert_eq!(absence, Absence::None);
    assert_eq!(
        standings(harness, &all),
        [Some(Standing::Orphaned), Some(Standing::Owned)]
    );
    assert_eq!(harness.revision(), revision, "no object changed");
    assert_eq!(
        harness.pending("files"),
        [("ConfigMap shop/a".to_owned(), ProblemCode::KindNotAllowed)]
    );
    // Allowed again, it is adopted by its base; excluded with prune, it goes.
    run(harness, some(SourcePolicy::default(), &all));
    assert_eq!(standings(harness, &all), [Some(Standing::Owned), Some(Standing::Owned)]);
    assert_eq!(harness.revision(), revision);
    let pruning = SourcePolicy {
        deselected: Departure::Prune,
        ..filtered()
    };
    let (_, absence) = run(harness, some(pruning, &all));
    assert_eq!(absence, Absence::Pruned(1));
    assert_eq!(exist(harness, &all), [false, true]);
}

fn mapped(pairs: &[(&str, &str)]) -> SourcePolicy {
    let namespace_by_declared: BTreeMap<Box<str>, Box<str>> =
        pairs.iter().map(|(from, to)| ((*from).into(), (*to).into())).collect();
    SourcePolicy {
        namespace_by_declared,
        ..SourcePolicy::default()
    }
}

fn a_mapping_puts_objects_elsewhere(harness: &Harness) {
    run(harness, some(SourcePolicy::default(), &["shop/a", "other/b"]));
    let (session, absence) = run(harness, some(mapped(&[("shop", "store")]), &["shop/a", "other/b"]));
    assert!(!has_token(&session));
    assert_eq!(absence, Absence::None);
    assert_eq!(
        standings(harness, &["shop/a", "store/a", "other/b"]),
        [Some(Standing::Orphaned), Some(Standing::Owned), Some(Standing::Owned)]
    );
    assert_eq!(harness.body(&cm("store/a"))["metadata"]["namespace"], "store");
    // Its source knows it by the name that it declares.
    let known: Vec<String> = harness
        .known("files")
        .iter()
        .map(|known| known.key.to_string())
        .collect();
    assert!(known.contains(&"ConfigMap shop/a".to_owned()), "{known:?}");
    let revision = harness.revision();
    let (session, absence) = run(harness, some(mapped(&[("shop", "store")]), &["shop/a", "other/b"]));
    assert!(has_token(&session));
    assert_eq!((absence, harness.revision()), (Absence::None, revision));
}

fn two_declarations_that_a_mapping_makes_one_are_told_apart(harness: &Harness) {
    let both = ["a/x", "b/x"];
    run(harness, some(mapped(&[("a", "b")]), &both));
    assert_eq!(
        harness.pending("files"),
        [("ConfigMap b/x".to_owned(), ProblemCode::DuplicateKey)]
    );
    assert_eq!(
        harness
            .row("files", &cm("b/x"))
            .expect("owned")
            .declared_namespace
            .as_ref(),
        "a"
    );
}

fn another_major_version_loses_its_token_and_nothing_else(harness: &Harness) {
    let of = |name: &str, major| SourcePolicy {
        program: Program {
            name: name.into(),
            major,
        },
        ..SourcePolicy::default()
    };
    run(harness, some(of("p", 1), &["shop/a", "shop/b"]));
    assert!(has_token(&run(harness, some(of("p", 1), &["shop/a", "shop/b"])).0));
    let (session, absence) = run(harness, some(of("p", 2), &["shop/a"]));
    let stored = &session.opening.scopes[&scope(WHOLE)];
    assert_eq!((stored.token.clone(), stored.knowledge), (None, Knowledge::Current));
    assert_eq!(
        absence,
        Absence::Pruned(1),
        "what it says is still said of the same things"
    );
    let (session, _) = run(harness, some(of("q", 2), &[]));
    assert!(!has_token(&session));
    assert_eq!(harness.standing("files", &cm("shop/a")), Some(Standing::Orphaned));
}

fn at_cluster(name: &str, fields: u64) -> SourcePolicy {
    SourcePolicy {
        identity: Identity(format!(r#"{{"/cluster":{name:?}}}"#).into()),
        deselected: Departure::Prune,
        ..SourcePolicy::default()
    }
    .selecting(fields)
}

fn another_identity_is_refused_until_a_reset(harness: &Harness) {
    let names = || vec!["shop/a".to_owned()];
    run(harness, (at_cluster("one", 1), names()));
    for _ in 0..2 {
        let epoch = harness.raise("files").expect("raised");
        let refused = harness
            .session_of("files", epoch, at_cluster("two", 2))
            .err()
            .expect("refused");
        assert!(
            matches!(&refused, StoreError::IdentityChanged { before, now, .. }
                if before.contains("one") && now.contains("two")),
            "{refused}"
        );
    }
    // The place it was is still good, and so is its token.
    assert!(has_token(&run(harness, (at_cluster("one", 1), names())).0));
    harness
        .command(Command::Reset {
            source: source("files"),
        })
        .expect("reset");
    harness.reopen();
    let (session, _) = run(harness, (at_cluster("two", 2), names()));
    assert!(session.opening.scopes.values().all(|stored| stored.token.is_none()));
    let epoch = harness.raise("files").expect("raised");
    assert!(
        harness.session_of("files", epoch, at_cluster("one", 1)).is_err(),
        "it is this place now"
    );
}

fn what_was_claimed_under_another_identity_is_never_pruned(harness: &Harness) {
    run(
        harness,
        (at_cluster("one", 1), vec!["shop/a".to_owned(), "shop/b".to_owned()]),
    );
    harness
        .command(Command::Reset {
            source: source("files"),
        })
        .expect("reset");
    let (_, absence) = run(harness, (at_cluster("two", 2), vec!["shop/a".to_owned()]));
    assert_eq!(absence, Absence::None);
    assert_eq!(
        standings(harness, &["shop/a", "shop/b"]),
        [Some(Standing::Owned), Some(Standing::Orphaned)]
    );
    // A reset of the same place changes nothing of what absence means.
    harness
        .command(Command::Reset {
            source: source("files"),
        })
        .expect("reset");
    let session = harness.session_with(
        "files",
        SourcePolicy {
            empty: k1s_sync_engine::policy::EmptyRule::Allow,
            ..at_cluster("two", 2)
        },
    );
    assert_eq!(session.list(Vec::new()).absence, Absence::Pruned(1));
}

fn leave(harness: &Harness) -> Vec<Released> {
    let leaving = Leaving::AllBut(std::collections::BTreeSet::new());
    harness.wait(harness.writer().release(leaving)).expect("released")
}

fn pruned_when_removed() -> SourcePolicy {
    SourcePolicy {
        removed: Departure::Prune,
        ..SourcePolicy::default()
    }
}

fn what_a_removed_source_had_goes_inside_the_guard(harness: &Harness) {
    run(harness, some(pruned_when_removed(), &["shop/a", "shop/b"]));
    harness.reopen();
    let keeping = Leaving::KeepingAllBut(std::collections::BTreeSet::new());
    assert_eq!(harness.wait(harness.writer().release(keeping)).expect("released"), []);
    assert_eq!(exist(harness, &["shop/a", "shop/b"]), [true, true]);
    let released = leave(harness);
    assert_eq!(
        released
            .iter()
            .map(|one| (one.objects, one.deleted, one.held))
            .collect::<Vec<_>>(),
        [(0, 2, 0)]
    );
    assert_eq!(exist(harness, &["shop/a", "shop/b"]), [false, false]);
    assert_eq!(
        harness.reader().prunes(None).expect("readable").len(),
        1,
        "it can be undone"
    );
    assert_eq!(leave(harness), []);
}

fn the_guard_holds_what_a_removed_source_had(harness: &Harness) {
    let names: Vec<String> = (0..40).map(|number| format!("shop/c{number}")).collect();
    let policy = pruned_when_removed().selecting(7);
    run(harness, (policy.clone(), names.clone()));
    let one = |guard| Leaving::One {
        source: source("files"),
        departure: Departure::Prune,
        guard,
    };
    let release = |leaving| harness.wait(harness.writer().release(leaving)).expect("released");
    let held = release(one(GuardLimit::default()));
    assert_eq!(
        held.iter().map(|one| (one.deleted, one.held)).collect::<Vec<_>>(),
        [(0, 40)]
    );
    let (head, _) = harness.held("files").expect("held");
    assert!(matches!(head.reason, HoldReason::Guard { .. }));
    // A host that starts without it holds the same, and writes nothing for it.
    harness.reopen();
    let commits = harness.engine.commits();
    assert_eq!(leave(harness), []);
    assert_eq!(harness.engine.commits(), commits);
    assert_eq!(harness.held("files").expect("held").0.id, head.id);
    harness
        .command(Command::ApprovePrune {
            prune: head.id.clone().into(),
        })
        .expect("approved");
    assert!(names.iter().all(|name| harness.get(&cm(name)).is_none()));
    leave(harness);
    // Configured again, it begins like any other.
    let (session, _) = run(harness, (policy, names.clone()));
    assert!(session.opening.scopes.values().all(|stored| stored.token.is_none()));
    assert!(names.iter().all(|name| harness.get(&cm(name)).is_some()));
}
