//! Listings, sessions, scopes and positions: what concludes something, and what does not.

use k1s_store::StoreError;
use k1s_store::row::Standing;
use k1s_sync_engine::id::Generation;
use k1s_sync_engine::message::ScopeGone;
use k1s_sync_engine::policy::SourcePolicy;
use k1s_sync_engine::problem::ProblemCode;
use k1s_sync_engine::work::{Absence, GenerationEnd, Work};

use crate::apply::generous;
use crate::documents::{cm, config_map, invalid, namespace, seen, upsert, version, wd, widget, widgets};
use crate::harness::{Harness, WHOLE, scope, token};

fn events(names: &[&str]) -> Vec<k1s_sync_engine::event::Event> {
    names
        .iter()
        .map(|name| version(upsert(config_map(&format!("shop/{name}"), "1")), "v1"))
        .collect()
}

#[test]
fn an_incomplete_listing_concludes_nothing() {
    let harness = Harness::new();
    let session = harness.session_with("files", generous());
    let mut all = events(&["a", "b"]);
    all.push(upsert(widget("w", "1")));
    session.list(all);
    session.begin(WHOLE);
    session.apply(events(&["a", "new"]));
    let end = GenerationEnd {
        token: Some(token("late")),
        ..session.end_of(WHOLE)
    };
    let problem = k1s_sync_engine::problem::Problem::with_object(ProblemCode::CountMismatch, "two are missing");
    let outcome = k1s_sync_engine::work::Outcome::Incomplete(problem.clone());
    assert_eq!(
        session.end_with(GenerationEnd { outcome, ..end }).absence,
        Absence::Unproven(problem)
    );
    // What it did say is applied; what it did not say stays; where to go on is not known.
    assert!(
        ["a", "b", "new"]
            .iter()
            .all(|name| harness.get(&cm(&format!("shop/{name}"))).is_some())
    );
    assert_eq!(harness.pending("files").len(), 1);
    assert_eq!(harness.session("files").opening.scopes[&scope(WHOLE)].token, None);
}

#[test]
fn an_end_without_its_beginning_concludes_nothing() {
    let unproven =
        |absence: Absence| matches!(absence, Absence::Unproven(problem) if problem.code == ProblemCode::Partial);
    let harness = Harness::new();
    let session = harness.session_with("files", generous());
    session.list(events(&["a", "b"]));
    assert!(unproven(session.end().absence), "never begun");
    session.begin(WHOLE);
    let other = GenerationEnd {
        generation: Generation::new(99),
        ..session.end_of(WHOLE)
    };
    assert!(unproven(session.end_with(other).absence), "another generation");
    session.begin(WHOLE);
    let session = harness.session_with("files", generous());
    assert!(unproven(session.end().absence), "begun by a session that is gone");
    session.begin(WHOLE);
    harness.reopen();
    let session = harness.session_with("files", generous());
    assert!(unproven(session.end().absence), "begun before the host died");
    assert!(harness.get(&cm("shop/a")).is_some());
}

#[test]
fn a_second_beginning_forgets_the_first() {
    let harness = Harness::new();
    let session = harness.session_with("files", generous());
    session.list(events(&["a", "b"]));
    session.begin(WHOLE);
    session.apply(events(&["a"]));
    session.begin(WHOLE);
    session.apply(events(&["b"]));
    assert_eq!(session.end().absence, Absence::Pruned(1));
    assert_eq!(harness.get(&cm("shop/a")), None);
}

#[test]
fn an_older_launch_cannot_write() {
    let harness = Harness::new();
    let old = harness.session("files");
    old.list(events(&["a"]));
    old.begin(WHOLE);
    let epoch = harness.raise("files").expect("raised");
    assert!(epoch > old.epoch);
    let refused = old.submit(old.batch(WHOLE, events(&["b"]), None));
    assert!(matches!(refused, Err(StoreError::NoSession(_))), "{refused:?}");
    let new = harness
        .session_of("files", epoch, SourcePolicy::default())
        .expect("opened");
    for work in [
        old.batch(WHOLE, events(&["b"]), None),
        Work::EndGeneration(old.end_of(WHOLE)),
    ] {
        let refused = old.submit(work);
        assert!(matches!(refused, Err(StoreError::NoSession(_))), "{refused:?}");
    }
    let reopened = harness.session_of("files", old.epoch, SourcePolicy::default());
    assert!(matches!(reopened, Err(StoreError::NoSession(_))));
    // Its end is not that of the new session.
    old.close();
    assert_eq!(new.apply(events(&["b"])).tally.created, 1);
    assert_eq!(harness.reader().epoch(&new.source).expect("readable"), epoch);
    let (source, last) = (new.source.clone(), new.epoch);
    new.close();
    let late = harness.wait(async {
        let batch = Work::ScopeGone {
            scope: scope(WHOLE),
            reason: ScopeGone::Deselected,
        };
        harness
            .writer()
            .submit(source, last, batch)
            .await
            .expect("queued")
            .redeem()
            .await
    });
    assert!(matches!(late, Err(StoreError::NoSession(_))), "{late:?}");
}

#[test]
fn tokens_belong_to_a_selection() {
    let harness = Harness::new();
    let session = harness.session("files");
    session.begin(WHOLE);
    session.apply(events(&["a"]));
    session.end_with(GenerationEnd {
        token: Some(token("one")),
        ..session.end_of(WHOLE)
    });
    let stored = |policy: SourcePolicy| harness.session_with("files", policy).opening.scopes[&scope(WHOLE)].clone();
    let reselected = || SourcePolicy {
        selection: 1,
        ..SourcePolicy::default()
    };
    assert_eq!(stored(SourcePolicy::default()).token, Some(token("one")));
    assert_eq!(stored(SourcePolicy::default()).root_identity.as_deref(), Some("root"));
    assert_eq!(stored(reselected()).token, None);
    let session = harness.session_with("files", SourcePolicy::default());
    session.do_work(session.batch(WHOLE, vec![], Some("two")));
    let commits = harness.engine.commits();
    session.do_work(session.batch(WHOLE, vec![], Some("two")));
    assert_eq!(harness.engine.commits(), commits, "the same position");
    assert_eq!(stored(SourcePolicy::default()).token, Some(token("two")));
    // A position under another selection replaces it, and with it what is known of the place.
    let session = harness.session_with("files", reselected());
    session.do_work(session.batch(WHOLE, vec![], Some("three")));
    assert_eq!(
        (stored(reselected()).token, stored(reselected()).root_identity),
        (Some(token("three")), None)
    );
    assert_eq!(stored(SourcePolicy::default()).token, None);
}

#[test]
fn a_listing_that_is_held_still_stores_its_token() {
    let harness = Harness::new();
    let session = harness.session("files");
    session.list(events(&["a"]));
    session.begin(WHOLE);
    let end = GenerationEnd {
        token: Some(token("t")),
        ..session.end_of(WHOLE)
    };
    assert!(matches!(session.end_with(end).absence, Absence::Held { .. }));
    assert_eq!(
        harness.session("files").opening.scopes[&scope(WHOLE)].token,
        Some(token("t"))
    );
}

#[test]
fn a_scope_that_is_deselected_leaves_orphans() {
    for reason in [ScopeGone::Deselected, ScopeGone::Unsupported] {
        let harness = Harness::new();
        let session = harness.session("files");
        let mut listed = events(&["a", "b"]);
        listed.push(upsert(widget("w", "1")));
        session.list_in("gone", listed);
        session.list_in("gone", vec![upsert(widget("w", "1"))]);
        assert!(harness.held("files").is_some());
        session.list_in("stays", events(&["c"]));
        session.begin("gone");
        session.gone("gone", reason.clone());
        for name in ["a", "b"] {
            let key = cm(&format!("shop/{name}"));
            assert_eq!(
                (harness.get(&key).is_some(), harness.owner(&key)),
                (true, None),
                "{reason:?}"
            );
        }
        assert_eq!(
            (harness.pending("files"), harness.held("files")),
            (vec![], None),
            "{reason:?}"
        );
        assert!(matches!(
            session.end_with(session.end_of("gone")).absence,
            Absence::Unproven(_)
        ));
        let commits = harness.engine.commits();
        session.gone("gone", reason.clone());
        assert_eq!(harness.engine.commits(), commits, "{reason:?}: nothing left to give up");
        // The scope comes back in the same session, and its objects with it.
        let listing = session.list_in("gone", events(&["a"]));
        assert_eq!(
            (listing.tally.unchanged, listing.absence),
            (1, Absence::None),
            "{reason:?}"
        );
        assert_eq!(harness.owner(&cm("shop/a")).as_deref(), Some("files"), "{reason:?}");
        assert_eq!(
            harness.rows("files")[&("gone".to_owned(), cm("shop/b"))].standing,
            Standing::Orphaned,
            "{reason:?}"
        );
    }
}

#[test]
fn a_scope_that_is_replaced_moves_everything() {
    let harness = Harness::new();
    let session = harness.session_with("files", generous());
    let mut edited = config_map("shop/a", "1");
    session.list_in(
        "old",
        vec![
            version(upsert(edited.clone()), "v1"),
            upsert(config_map("shop/b", "1")),
            upsert(config_map("shop/twice", "1")),
            upsert(widget("shop/w", "1")),
            upsert(widget("shop/newer", "1")),
        ],
    );
    edited["data"]["extra"] = "local".into();
    harness.put(&cm("shop/a"), edited.clone());
    session.list_in(
        "old",
        vec![
            version(upsert(config_map("shop/a", "1")), "v1"),
            upsert(config_map("shop/b", "1")),
            upsert(config_map("shop/twice", "1")),
            upsert(widget("shop/w", "1")),
            upsert(widget("shop/newer", "1")),
        ],
    );
    session.list_in(
        "new",
        vec![upsert(config_map("shop/twice", "2")), upsert(widget("shop/newer", "2"))],
    );
    assert_eq!(harness.pending("files").len(), 4);
    let revision = harness.revision();
    session.gone("old", ScopeGone::ReplacedBy(scope("new")));
    // The new scope's own word of an object counts at once.
    assert_eq!(harness.value(&cm("shop/twice")).as_deref(), Some("2"));
    assert_eq!(harness.revision(), revision + 1);
    assert!(harness.rows("files").keys().all(|(scope, _)| scope == "new"));
    assert_eq!(harness.rows("files").len(), 3);
    session.apply_in("new", vec![upsert(widgets())]);
    assert_eq!(
        (
            harness.value(&wd("shop/w")).as_deref(),
            harness.value(&wd("shop/newer")).as_deref()
        ),
        (Some("1"), Some("2"))
    );
    // Base and word moved along: it is seen, updated beside the local field, and pruned from there.
    let rest = || {
        vec![
            upsert(config_map("shop/twice", "2")),
            upsert(widget("shop/w", "1")),
            upsert(widget("shop/newer", "2")),
            upsert(widgets()),
        ]
    };
    let mut all = rest();
    all.extend([
        seen(&config_map("shop/a", "1"), "v1"),
        upsert(config_map("shop/b", "1")),
    ]);
    assert_eq!(session.list_in("new", all).absence, Absence::None);
    let mut all = rest();
    all.push(upsert(config_map("shop/a", "2")));
    assert_eq!(session.list_in("new", all).absence, Absence::Pruned(1));
    edited["data"]["v"] = "2".into();
    assert_eq!(harness.body(&cm("shop/a"))["data"], edited["data"]);
    assert!(harness.reader().held(&session.source).expect("readable").is_empty());
    assert!(!harness.session("files").opening.scopes.contains_key(&scope("old")));
}

#[test]
fn what_was_held_in_a_replaced_scope_is_held_no_more() {
    let harness = Harness::new();
    let session = harness.session("files");
    session.list_in("old", events(&["a", "b"]));
    session.list_in("old", vec![]);
    assert_eq!(harness.held("files").map(|(head, _)| head.rows), Some(2));
    session.gone("old", ScopeGone::ReplacedBy(scope("new")));
    assert_eq!(harness.held("files"), None);
    assert_eq!(session.list_in("new", events(&["a", "b"])).tally.unchanged, 2);
}

#[test]
fn a_replacement_that_has_the_object_itself_keeps_its_own() {
    let harness = Harness::new();
    let session = harness.session_with("files", generous());
    session.list_in("old", vec![upsert(config_map("shop/a", "1"))]);
    session.gone("old", ScopeGone::Deselected);
    session.list_in("new", vec![upsert(config_map("shop/a", "1"))]);
    session.gone("old", ScopeGone::ReplacedBy(scope("new")));
    let rows = harness.rows("files");
    let [(place, row)] = &rows.iter().collect::<Vec<_>>()[..] else {
        panic!("{rows:?}")
    };
    assert_eq!((place.0.as_str(), row.standing), ("new", Standing::Owned));
    session.gone("new", ScopeGone::ReplacedBy(scope("new")));
    assert_eq!(harness.rows("files").len(), 1);
    assert_eq!(session.list_in("new", vec![]).absence, Absence::Pruned(1));
}

#[test]
fn a_session_finds_everything_a_former_host_left() {
    let harness = Harness::new();
    let first = harness.session("files");
    first.list(vec![
        upsert(namespace("shop")),
        upsert(config_map("shop/a", "1")),
        invalid(&config_map("shop/b", "1")),
    ]);
    let rows = harness.rows("files");
    harness.reopen();
    assert_eq!((harness.rows("files"), harness.pending("files").len()), (rows, 1));
    let sources = harness.reader().sources().expect("readable");
    assert_eq!(sources, std::slice::from_ref(&first.source));
    let commits = harness.engine.commits();
    let session = harness.session("files");
    session.list(vec![
        upsert(namespace("shop")),
        upsert(config_map("shop/a", "1")),
        invalid(&config_map("shop/b", "1")),
    ]);
    assert_eq!(harness.engine.commits(), commits + 1, "the launch only");
}
