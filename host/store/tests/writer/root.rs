//! A person's word that a source's place is another.

use k1s_store::command::{Command, CommandOutcome};
use k1s_sync_engine::work::{Absence, GenerationEnd, HoldReason};

use crate::control::{OBJECTS, declared};
use crate::harness::{Harness, Session, WHOLE, on_every_engine, source, token};

on_every_engine! {
    another_place_is_accepted_between_two_listings,
    another_place_is_accepted_within_its_listing,
    what_an_accepted_place_has_lost_is_still_guarded,
    an_accepted_place_is_listed_whole_by_the_next_launch,
    a_place_is_accepted_for_one_source,
}

impl Harness {
    fn accept(&self, name: &str) -> u64 {
        match self.command(Command::AcceptRoot { source: source(name) }) {
            Ok(CommandOutcome::RootAccepted { scopes }) => scopes,
            other => panic!("{other:?}"),
        }
    }
}

/// Lists a whole place.
fn list_at(session: &Session<'_>, root: &str, numbers: std::ops::Range<usize>) -> Absence {
    session.begin_at(WHOLE, root);
    session.apply(declared(numbers));
    session.end().absence
}

fn is_elsewhere(absence: &Absence) -> bool {
    matches!(
        absence,
        Absence::Held {
            reason: HoldReason::RootChanged { .. },
            ..
        }
    )
}

fn another_place_is_accepted_between_two_listings(harness: &Harness) {
    let session = harness.session("files");
    list_at(&session, "here", 0..20);
    assert!(is_elsewhere(&list_at(&session, "there", 2..20)));
    assert_eq!(harness.accept("files"), 1);
    assert_eq!(harness.objects(0..20), 20, "nothing goes before the place was listed");
    // A listing that was not whole says nothing of it.
    session.begin_at(WHOLE, "nowhere");
    session.end_incomplete(WHOLE);
    assert_eq!(list_at(&session, "there", 2..20), Absence::Pruned(2));
    assert!(is_elsewhere(&list_at(&session, "here", 4..20)), "it is this place now");
    let roots = harness.reader().source_facts(&source("files")).expect("known").roots;
    assert_eq!(roots.into_values().collect::<Vec<_>>(), ["there"]);
}

fn another_place_is_accepted_within_its_listing(harness: &Harness) {
    let session = harness.session("files");
    list_at(&session, "here", 0..20);
    session.begin_at(WHOLE, "there");
    session.apply(declared(2..10));
    assert_eq!(harness.accept("files"), 1);
    session.apply(declared(10..20));
    assert_eq!(session.end().absence, Absence::Pruned(2));
    // Accepted twice, there is nothing left to accept.
    assert_eq!(harness.accept("files"), 1);
    let commits = harness.engine.commits();
    assert_eq!(harness.accept("files"), 0);
    assert_eq!(harness.engine.commits(), commits);
}

fn what_an_accepted_place_has_lost_is_still_guarded(harness: &Harness) {
    let session = harness.session("files");
    list_at(&session, "here", 0..OBJECTS);
    harness.accept("files");
    let held = list_at(&session, "there", 40..OBJECTS);
    assert!(
        matches!(
            held,
            Absence::Held {
                rows: 40,
                reason: HoldReason::Guard { .. },
                ..
            }
        ),
        "{held:?}"
    );
    harness.accept("files");
    let held = list_at(&session, "nothing", 0..0);
    assert!(
        matches!(
            held,
            Absence::Held {
                rows: 50,
                reason: HoldReason::Empty,
                ..
            }
        ),
        "{held:?}"
    );
    assert_eq!(harness.objects(0..OBJECTS), OBJECTS);
}

/// A position in a place that may be another would let the source go on there without a listing.
fn an_accepted_place_is_listed_whole_by_the_next_launch(harness: &Harness) {
    let session = harness.session("files");
    session.begin_at(WHOLE, "here");
    session.apply(declared(0..20));
    let end = GenerationEnd {
        token: Some(token("position")),
        ..session.end_of(WHOLE)
    };
    session.end_with(end);
    session.close();
    let session = harness.session("files");
    let stored = session.opening.scopes.values().next().expect("a scope");
    assert_eq!(
        (&stored.token, stored.root_identity.as_deref()),
        (&Some(token("position")), Some("here"))
    );
    session.close();
    assert_eq!(harness.accept("files"), 1);
    let session = harness.session("files");
    assert!(
        session
            .opening
            .scopes
            .values()
            .all(|scope| *scope == Default::default())
    );
    assert_eq!(list_at(&session, "there", 2..20), Absence::Pruned(2));
    assert_eq!(harness.known("files").len(), 18);
}

fn a_place_is_accepted_for_one_source(harness: &Harness) {
    let (files, others) = (harness.session("files"), harness.session("others"));
    list_at(&files, "here", 0..20);
    list_at(&others, "here", 20..40);
    harness.accept("files");
    assert!(is_elsewhere(&list_at(&others, "there", 22..40)));
    assert_eq!(list_at(&files, "there", 2..20), Absence::Pruned(2));
    let unknown = Command::AcceptRoot {
        source: source("filse"),
    };
    assert_eq!(
        harness.refusal(unknown).to_string(),
        "no source filse in this store; there are files, others"
    );
}
