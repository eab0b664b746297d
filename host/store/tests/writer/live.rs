//! A person's commands while a source is at work: in the middle of a listing, between two, and with work that waits.

use k1s_store::StoreError;
use k1s_store::command::{Command, CommandError, CommandOutcome, Switched};
use k1s_store::reader::PruneState;
use k1s_store::row::Standing;
use k1s_sync_engine::message::EmptyListing;
use k1s_sync_engine::policy::SourcePolicy;
use k1s_sync_engine::work::{Absence, GenerationEnd, HoldReason};

use crate::control::{OBJECTS, declared, hold, object, path};
use crate::documents::{annotated, cm, config_map, seen, upsert};
use crate::harness::{Harness, WHOLE, on_every_engine, source};

on_every_engine! {
    an_approval_within_a_listing_is_the_end_of_it,
    what_is_declared_after_its_approval_is_made_anew,
    what_is_restored_within_a_listing_outlives_it_and_the_next_ones,
    what_is_restored_within_a_listing_is_taken_back_by_its_declaration,
    what_an_approval_left_can_be_undone_at_once,
    the_objects_of_a_prune_are_there_before_and_after_its_approval,
    a_suspension_is_between_two_pieces_of_work,
    a_source_that_was_suspended_after_its_launch_opens_no_session,
    a_reset_within_a_listing_leaves_it_to_the_next_launch,
}

fn suspend(harness: &Harness) -> CommandOutcome {
    harness
        .command(Command::Suspend {
            source: source("files"),
        })
        .expect("done")
}

/// Only what is held goes, whatever the listing has touched so far; its end finds nothing else, nor does the next one.
fn an_approval_within_a_listing_is_the_end_of_it(harness: &Harness) {
    let (session, id) = hold(harness, 16);
    session.begin(WHOLE);
    session.apply(declared(16..30));
    let approved = harness.approve(&id);
    assert_eq!((approved.deleted, approved.kept.len()), (16, 0));
    session.apply(declared(30..OBJECTS));
    assert_eq!(session.end().absence, Absence::None);
    let commits = harness.engine.commits();
    let listing = session.list(declared(16..OBJECTS));
    assert_eq!((listing.absence, listing.tally.unchanged), (Absence::None, 34));
    assert_eq!(harness.engine.commits(), commits);
    assert_eq!((harness.objects(0..16), harness.objects(16..OBJECTS)), (0, 34));
    assert!(harness.held("files").is_none());
    // What is absent next is counted without what a person approved.
    assert_eq!(session.list(declared(20..OBJECTS)).absence, Absence::Pruned(4));
}

fn what_is_declared_after_its_approval_is_made_anew(harness: &Harness) {
    let (session, id) = hold(harness, 16);
    let before = harness.object(&object(3));
    session.begin(WHOLE);
    session.apply(declared(16..30));
    harness.approve(&id);
    // One is declared with all it is, one by a word for a state that is not held any more.
    let receipt = session.apply(declared([3]));
    assert_eq!(receipt.tally.created, 1);
    let receipt = session.apply(vec![seen(&config_map(&path(4), "1"), "v1")]);
    assert!(receipt.unknown_seen.is_some(), "the source has to send it whole");
    session.apply(declared(30..OBJECTS));
    assert!(matches!(session.end().absence, Absence::Unproven(_)));
    assert_eq!(session.list(declared(3..OBJECTS)).absence, Absence::None);
    assert_eq!((harness.objects(0..3), harness.objects(3..OBJECTS)), (0, 47));
    assert_ne!(harness.object(&object(3)).uid, before.uid);
    assert_eq!(harness.owner(&object(3)).as_deref(), Some("files"));
    // What exists again is not brought back over it.
    let undone = harness.undo(&id);
    assert_eq!((undone.restored, undone.existing.len()), (3, 13));
}

fn what_is_restored_within_a_listing_outlives_it_and_the_next_ones(harness: &Harness) {
    let (session, id) = hold(harness, 16);
    harness.approve(&id);
    session.begin(WHOLE);
    session.apply(declared(16..30));
    assert_eq!(harness.undo(&id).restored, 16);
    session.apply(declared(30..OBJECTS));
    assert_eq!(session.end().absence, Absence::None);
    for _ in 0..2 {
        let commits = harness.engine.commits();
        assert_eq!(session.list(declared(16..OBJECTS)).absence, Absence::None);
        assert_eq!(harness.engine.commits(), commits);
    }
    assert_eq!(harness.objects(0..OBJECTS), OBJECTS);
    // Neither does another launch delete them, nor a listing that has nothing left but them.
    session.close();
    let session = harness.session("files");
    assert_eq!(session.list(declared(16..OBJECTS)).absence, Absence::None);
    session.begin(WHOLE);
    let end = GenerationEnd {
        empty: EmptyListing::Intentional,
        ..session.end_of(WHOLE)
    };
    let Absence::Held { rows, .. } = session.end_with(end).absence else {
        panic!("not held")
    };
    assert_eq!((rows, harness.objects(0..OBJECTS)), (34, OBJECTS));
}

fn what_is_restored_within_a_listing_is_taken_back_by_its_declaration(harness: &Harness) {
    let (session, id) = hold(harness, 16);
    harness.approve(&id);
    session.begin(WHOLE);
    session.apply(declared(16..30));
    harness.undo(&id);
    let revision = harness.revision();
    session.apply(declared((0..8).chain(30..OBJECTS)));
    assert_eq!(session.end().absence, Absence::None);
    assert_eq!(
        harness.revision(),
        revision,
        "nothing is written over what is as declared"
    );
    assert_eq!(harness.standing("files", &object(3)), Some(Standing::Owned));
    assert_eq!(harness.standing("files", &object(9)), Some(Standing::Orphaned));
    // What it took back is its own to lose.
    assert_eq!(session.list(declared(8..OBJECTS)).absence, Absence::Pruned(8));
    assert_eq!((harness.objects(0..8), harness.objects(8..OBJECTS)), (0, 42));
}

/// What stays held goes by another name, so that the old one is that of what was deleted.
fn what_an_approval_left_can_be_undone_at_once(harness: &Harness) {
    let session = harness.session("files");
    let asks = annotated(config_map("shop/asks", "1"), "sync.k1s.io/prune", "confirm");
    let forbids = annotated(config_map("shop/forbids", "1"), "sync.k1s.io/prune", "disabled");
    session.list([declared([0, 1]), vec![upsert(asks), upsert(forbids)]].concat());
    let Absence::Held { id, rows: 2, .. } = session.list(declared([0, 1])).absence else {
        panic!("not held");
    };
    assert_eq!(harness.approve(&id).deleted, 1);
    let (head, keys) = harness.held("files").expect("held");
    assert_eq!(keys, ["ConfigMap shop/forbids"]);
    assert_eq!(head.reason, HoldReason::Annotation(cm("shop/forbids")));
    assert_ne!(head.id, id);
    assert_eq!(harness.prunes().len(), 2);
    // The next listing says the same, and writes nothing.
    let commits = harness.engine.commits();
    assert_eq!(
        session.list(declared([0, 1])).absence,
        Absence::Held {
            id: head.id,
            rows: 1,
            reason: head.reason
        }
    );
    assert_eq!(harness.engine.commits(), commits);
    assert_eq!(harness.undo(&id).restored, 1);
    assert!(harness.get(&cm("shop/asks")).is_some());
}

fn the_objects_of_a_prune_are_there_before_and_after_its_approval(harness: &Harness) {
    let (_session, id) = hold(harness, 16);
    let reader = harness.reader();
    let prune = reader.prune(&id.clone().into()).expect("held");
    let held = reader.pruned_objects(&prune).expect("readable");
    assert_eq!(held.len(), 16);
    harness.approve(&id);
    assert_eq!(reader.pruned_objects(&prune).expect("readable"), held);
    let prunes = reader.prunes(Some(&source("files"))).expect("readable");
    let [done] = prunes.as_slice() else {
        panic!("{prunes:?}")
    };
    assert!(matches!(done.state, PruneState::Done { .. }));
    assert_eq!((&done.id, done.objects, &done.owner), (&id, 16, &prune.owner));
    harness.undo(&id);
    let gone = reader.pruned_objects(&prune);
    assert!(
        matches!(gone, Err(StoreError::Command(CommandError::UnknownPrune { .. }))),
        "{gone:?}"
    );
}

/// What was handed over before it is done, what comes after it is refused, and the next launch finds all the rest.
fn a_suspension_is_between_two_pieces_of_work(harness: &Harness) {
    let session = harness.session("files");
    session.list(declared(0..3));
    session.begin(WHOLE);
    let (writer, name, epoch) = (harness.writer(), session.source.clone(), session.epoch);
    let (before, after) = (
        session.batch(WHOLE, declared(3..6), None),
        session.batch(WHOLE, declared(6..9), None),
    );
    harness.wait(async {
        let mut before = writer.submit(name.clone(), epoch, before).await.expect("queued");
        let (switched, refused) = tokio::join!(
            writer.command(Command::Suspend { source: name.clone() }, "alice".into()),
            async {
                writer
                    .submit(name.clone(), epoch, after)
                    .await
                    .expect("queued")
                    .redeem()
                    .await
            }
        );
        assert_eq!(before.redeem().await.expect("done").tally.created, 3);
        assert_eq!(switched.expect("done"), CommandOutcome::Switched(Switched::Now));
        assert!(matches!(refused, Err(StoreError::NoSession(_))), "{refused:?}");
    });
    let end = k1s_sync_engine::work::Work::EndGeneration(session.end_of(WHOLE));
    assert!(matches!(session.submit(end), Err(StoreError::NoSession(_))));
    assert_eq!((harness.objects(0..6), harness.objects(6..9)), (6, 0));
    harness
        .command(Command::Resume {
            source: source("files"),
        })
        .expect("done");
    // The listing that was cut off concluded nothing, so this one finds what it did not say.
    let session = harness.session("files");
    assert_eq!(session.list(declared(1..9)).absence, Absence::Pruned(1));
    assert_eq!((harness.objects(0..1), harness.objects(1..9)), (0, 8));
}

fn a_source_that_was_suspended_after_its_launch_opens_no_session(harness: &Harness) {
    let epoch = harness.raise("files").expect("raised");
    suspend(harness);
    let refused = harness.session_of("files", epoch, SourcePolicy::default());
    assert!(matches!(refused.map(drop), Err(StoreError::NoSession(_))));
    harness
        .command(Command::Resume {
            source: source("files"),
        })
        .expect("done");
    let session = harness
        .session_of("files", epoch, SourcePolicy::default())
        .expect("opens");
    assert_eq!(session.list(declared(0..3)).tally.created, 3);
}

fn a_reset_within_a_listing_leaves_it_to_the_next_launch(harness: &Harness) {
    let session = harness.session("files");
    session.list(declared(0..20));
    session.do_work(session.batch(WHOLE, Vec::new(), Some("position")));
    session.begin(WHOLE);
    session.apply(declared(0..5));
    let outcome = harness
        .command(Command::Reset {
            source: source("files"),
        })
        .expect("done");
    assert_eq!(outcome, CommandOutcome::Reset { scopes: 1, objects: 20 });
    let work = session.batch(WHOLE, declared(5..20), Some("later"));
    assert!(matches!(session.submit(work), Err(StoreError::NoSession(_))));
    session.close();
    let session = harness.session("files");
    assert!(
        session
            .opening
            .scopes
            .values()
            .all(|scope| *scope == Default::default())
    );
    let (revision, listing) = (harness.revision(), session.list(declared(0..20)));
    assert_eq!((listing.absence, listing.tally.unchanged), (Absence::None, 20));
    assert_eq!(harness.revision(), revision);
    assert!(
        harness
            .known("files")
            .iter()
            .all(|known| known.source_version.as_str() == "v1")
    );
}
