//! A person's commands: approving and undoing prunes, switching sources off and on, beginning anew; and what the store
//! remembers of how a source fares.

use std::time::Duration;

use k1s_object::Key;
use k1s_store::StoreError;
use k1s_store::command::{Approved, Command, CommandError, CommandOutcome, PruneRef, Switched, Undone};
use k1s_store::reader::{Prune, PruneState};
use k1s_store::row::Standing;
use k1s_store::status::{FailureRow, OffenceRow, PassRow, Standstill, StatusNote};
use k1s_sync_engine::event::{Event, Provenance, Tally};
use k1s_sync_engine::problem::{Problem, ProblemCode};
use k1s_sync_engine::work::{Absence, HeldPruneId, HoldReason};
use serde_json::json;

use crate::documents::{annotated, cm, config_map, delete, namespace, ns, upsert, version};
use crate::harness::{Harness, Session, WHOLE, source};

/// As many objects as the guard of these tests looks at.
pub(crate) const OBJECTS: usize = 50;

impl Harness {
    pub(crate) fn command(&self, command: Command) -> Result<CommandOutcome, StoreError> {
        self.wait(self.writer().command(command, "alice".into()))
    }

    pub(crate) fn refusal(&self, command: Command) -> CommandError {
        match self.command(command) {
            Err(StoreError::Command(error)) => error,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn approve(&self, id: &HeldPruneId) -> Approved {
        match self.command(Command::ApprovePrune {
            prune: id.clone().into(),
        }) {
            Ok(CommandOutcome::Approved(approved)) => approved,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn undo(&self, id: &HeldPruneId) -> Undone {
        match self.command(Command::UndoPrune {
            prune: id.clone().into(),
        }) {
            Ok(CommandOutcome::Undone(undone)) => undone,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn prunes(&self) -> Vec<Prune> {
        self.reader().prunes(None).expect("readable")
    }

    fn note(&self, note: StatusNote) {
        self.wait(self.writer().note(source("files"), note)).expect("noted");
    }

    pub(crate) fn objects(&self, numbers: std::ops::Range<usize>) -> usize {
        numbers.filter(|number| self.get(&object(*number)).is_some()).count()
    }
}

pub(crate) fn path(number: usize) -> String {
    format!("shop/m-{number:02}")
}

pub(crate) fn object(number: usize) -> Key {
    cm(&path(number))
}

pub(crate) fn declared(numbers: impl IntoIterator<Item = usize>) -> Vec<Event> {
    let event = |number| version(upsert(config_map(&path(number), "1")), "v1");
    numbers.into_iter().map(event).collect()
}

/// Lists everything, then all but the first `missing`; the rest is held.
pub(crate) fn hold<'h>(harness: &'h Harness, missing: usize) -> (Session<'h>, HeldPruneId) {
    let session = harness.session("files");
    session.list(declared(0..OBJECTS));
    let Absence::Held { id, .. } = session.list(declared(missing..OBJECTS)).absence else {
        panic!("nothing is held");
    };
    (session, id)
}

#[test]
fn an_approval_deletes_exactly_what_is_held() {
    for with_session in [true, false] {
        let harness = Harness::new();
        let (session, id) = hold(&harness, 16);
        let live = if with_session {
            Some(session)
        } else {
            session.close();
            None
        };
        let approved = harness.approve(&id);
        assert_eq!((approved.deleted, approved.released, approved.kept.len()), (16, 0, 0));
        assert_eq!((harness.objects(0..16), harness.objects(16..OBJECTS)), (0, 34));
        assert!(harness.held("files").is_none());
        // What a person approved is not missed: one more may go within the hour.
        let session = live.unwrap_or_else(|| harness.session("files"));
        assert_eq!(session.list(declared(17..OBJECTS)).absence, Absence::Pruned(1));
        let refused = harness.refusal(Command::ApprovePrune {
            prune: id.clone().into(),
        });
        assert_eq!(refused, CommandError::NotHeld { id });
    }
}

#[test]
fn what_came_back_or_is_another_object_is_not_deleted() {
    let harness = Harness::new();
    let (session, id) = hold(&harness, 16);
    // Declared again, deleted by a user, and replaced by a user.
    session.apply(declared([0]));
    harness.delete(&object(1));
    harness.delete(&object(2));
    harness.put(&object(2), config_map(&path(2), "mine"));
    let approved = harness.approve(&id);
    assert_eq!((approved.deleted, approved.released), (13, 2));
    assert!(harness.get(&object(0)).is_some());
    assert_eq!(harness.value(&object(2)).as_deref(), Some("mine"));
    assert_eq!(harness.undo(&id).restored, 13);
    assert!(harness.get(&object(1)).is_none());
}

#[test]
fn an_object_that_forbids_it_stays_held_and_one_that_asks_goes() {
    let harness = Harness::new();
    let session = harness.session("files");
    let asks = annotated(config_map("shop/asks", "1"), "sync.k1s.io/prune", "confirm");
    let forbids = annotated(config_map("shop/forbids", "1"), "sync.k1s.io/prune", "disabled");
    let rest = || declared([0, 1]);
    session.list([rest(), vec![upsert(asks), upsert(forbids)]].concat());
    let Absence::Held { id, rows: 2, .. } = session.list(rest()).absence else {
        panic!("not held");
    };
    let approved = harness.approve(&id);
    assert_eq!((approved.deleted, approved.kept), (1, vec![cm("shop/forbids")]));
    assert_eq!(harness.held("files").expect("held").1.len(), 1);
}

#[test]
fn an_undo_brings_back_exactly_one_prune_and_nothing_prunes_it_again() {
    let harness = Harness::new();
    let (session, id) = hold(&harness, 16);
    let before = harness.object(&object(3));
    harness.approve(&id);
    session.list(declared(17..OBJECTS));
    let undone = harness.undo(&id);
    assert_eq!((undone.restored, undone.existing.len(), undone.lost.len()), (16, 0, 0));
    let after = harness.object(&object(3));
    assert_eq!(after.body, before.body);
    assert_ne!(after.uid, before.uid);
    assert_eq!(harness.owner(&object(3)), None);
    // The other prune of the same source stays as it is.
    assert!(harness.get(&object(16)).is_none());
    for _ in 0..2 {
        assert_eq!(session.list(declared(17..OBJECTS)).absence, Absence::None);
        assert_eq!(harness.objects(0..16), 16);
    }
    session.close();
    let session = harness.session("files");
    assert_eq!(session.list(declared(17..OBJECTS)).absence, Absence::None);
    assert_eq!(harness.objects(0..16), 16);
    assert!(matches!(
        harness.refusal(Command::UndoPrune { prune: id.into() }),
        CommandError::UnknownPrune { .. }
    ));
}

#[test]
fn a_source_takes_back_what_was_restored_when_it_declares_it_again() {
    let harness = Harness::new();
    let (session, id) = hold(&harness, 16);
    harness.approve(&id);
    harness.undo(&id);
    let revision = harness.revision();
    assert_eq!(harness.standing("files", &object(3)), Some(Standing::Orphaned));
    let listing = session.list(declared(3..OBJECTS));
    assert_eq!((listing.tally.created, listing.tally.unchanged), (0, 47));
    assert_eq!(harness.revision(), revision);
    assert_eq!(harness.owner(&object(3)).as_deref(), Some("files"));
    assert_eq!(harness.standing("files", &object(3)), Some(Standing::Owned));
    // Declared with another value: the source's fields win, what was written beside them survives.
    let mut edited = config_map(&path(0), "1");
    edited["data"]["other"] = json!("mine");
    harness.put(&object(0), edited);
    session.apply(vec![upsert(config_map(&path(0), "2"))]);
    assert_eq!(harness.body(&object(0))["data"], json!({"v": "2", "other": "mine"}));
    assert_eq!(harness.owner(&object(0)).as_deref(), Some("files"));
}

#[test]
fn a_local_change_that_went_down_with_an_object_is_still_one_after_the_undo() {
    let harness = Harness::new();
    let session = harness.session("files");
    session.list(declared(0..3));
    let mut edited = config_map(&path(0), "mine");
    edited["data"]["other"] = json!("kept");
    harness.put(&object(0), edited);
    session.apply(vec![delete(&config_map(&path(0), "1"))]);
    let prunes = harness.prunes();
    let [prune] = prunes.as_slice() else {
        panic!("{prunes:?}")
    };
    assert!(matches!(prune.state, PruneState::Done { .. }));
    assert_eq!(harness.undo(&prune.id).restored, 1);
    assert_eq!(harness.value(&object(0)).as_deref(), Some("mine"));
    session.list(declared(0..3));
    let body = harness.body(&object(0));
    assert_eq!(body["data"], json!({"v": "1", "other": "kept"}));
}

#[test]
fn what_exists_again_is_left_alone_and_a_namespace_comes_back_with_its_contents() {
    let harness = Harness::new();
    let session = harness.session("files");
    let contents = || vec![upsert(config_map("stage/a", "1")), upsert(config_map("stage/b", "1"))];
    session.list([declared(0..20), vec![upsert(namespace("stage"))], contents()].concat());
    assert_eq!(session.list(declared(0..20)).absence, Absence::Pruned(3));
    assert!(harness.get(&ns("stage")).is_none());
    harness.put(&cm("stage/b"), config_map("stage/b", "mine"));
    let id = harness.prunes()[0].id.clone();
    let undone = harness.undo(&id);
    assert_eq!((undone.restored, undone.existing), (2, vec![cm("stage/b")]));
    assert!(harness.get(&ns("stage")).is_some() && harness.get(&cm("stage/a")).is_some());
    assert_eq!(harness.value(&cm("stage/b")).as_deref(), Some("mine"));
    // Once it is gone again, the rest can still be undone.
    harness.delete(&cm("stage/b"));
    assert_eq!(harness.undo(&id).restored, 1);
}

#[test]
fn a_prune_can_be_undone_for_a_day() {
    let harness = Harness::new();
    let session = harness.session("files");
    session.list(declared(0..3));
    session.list(declared(1..3));
    let id = harness.prunes()[0].id.clone();
    harness.pass(Duration::from_secs(24 * 3600 - 1));
    session.list(declared(1..3));
    assert_eq!(harness.prunes().len(), 1);
    harness.pass(Duration::from_secs(1));
    session.list(declared(1..3));
    assert!(harness.prunes().is_empty());
    let commits = harness.engine.commits();
    session.list(declared(1..3));
    assert_eq!(harness.engine.commits(), commits, "nothing is dropped twice");
    assert!(matches!(
        harness.refusal(Command::UndoPrune { prune: id.into() }),
        CommandError::UnknownPrune { .. }
    ));
}

#[test]
fn prunes_and_sources_that_are_not_there_are_refused_with_those_that_are() {
    let harness = Harness::new();
    let (_session, id) = hold(&harness, 16);
    let first_four: PruneRef = id.0[..4].parse().expect("an id");
    let Prune { objects, state, .. } = harness.reader().prune(&first_four).expect("found");
    assert_eq!(objects, 16);
    assert!(matches!(
        state,
        PruneState::Held {
            reason: HoldReason::Guard { shrink: 16, limit: 15 },
            ..
        }
    ));
    let writes = harness.engine.writes();
    assert_eq!(
        harness.refusal(Command::UndoPrune { prune: first_four }),
        CommandError::StillHeld { id: id.clone() }
    );
    let other: PruneRef = "ffff0000".parse().expect("an id");
    assert_eq!(
        harness.refusal(Command::ApprovePrune { prune: other.clone() }),
        CommandError::UnknownPrune {
            prune: other,
            near: vec![id]
        }
    );
    for command in [
        Command::Suspend {
            source: source("filse"),
        },
        Command::Resume {
            source: source("filse"),
        },
        Command::Reset {
            source: source("filse"),
        },
    ] {
        assert_eq!(
            harness.refusal(command).to_string(),
            "no source filse in this store; there are files"
        );
    }
    assert_eq!(harness.engine.writes(), writes);
}

#[test]
fn a_suspension_outlives_the_host_and_ends_the_session() {
    let harness = Harness::new();
    let session = harness.session("files");
    session.list(declared(0..3));
    let (suspend, resume) = (
        || Command::Suspend {
            source: source("files"),
        },
        || Command::Resume {
            source: source("files"),
        },
    );
    assert_eq!(
        harness.command(suspend()).expect("done"),
        CommandOutcome::Switched(Switched::Now)
    );
    let work = session.batch(WHOLE, declared([7]), None);
    assert!(matches!(session.submit(work), Err(StoreError::NoSession(_))));
    let commits = harness.engine.commits();
    assert_eq!(
        harness.command(suspend()).expect("done"),
        CommandOutcome::Switched(Switched::Before)
    );
    assert_eq!(harness.engine.commits(), commits);
    harness.reopen();
    let row = harness
        .reader()
        .source(&source("files"))
        .expect("readable")
        .expect("known");
    assert_eq!(row.suspended.expect("suspended").user.as_ref(), "alice");
    harness.raise("files").expect("raised");
    assert_eq!(
        harness.command(resume()).expect("done"),
        CommandOutcome::Switched(Switched::Now)
    );
    let row = harness
        .reader()
        .source(&source("files"))
        .expect("readable")
        .expect("known");
    assert_eq!(row.suspended, None);
    assert_eq!(row.epoch.get(), 2, "a suspension does not touch the epoch");
}

#[test]
fn a_reset_forgets_where_it_was_and_keeps_what_it_has() {
    let harness = Harness::new();
    let session = harness.session("files");
    session.begin(WHOLE);
    session.apply(declared(0..20));
    session.end();
    let work = session.batch(WHOLE, Vec::new(), Some("position"));
    session.do_work(work);
    // Another place is held, whatever it lists.
    session.begin_at(WHOLE, "elsewhere");
    session.apply(declared(2..20));
    let held = session.end().absence;
    assert!(
        matches!(
            &held,
            Absence::Held {
                reason: HoldReason::RootChanged { .. },
                ..
            }
        ),
        "{held:?}"
    );
    session.close();
    harness.note(StatusNote::Offences(OffenceRow {
        violations: 2,
        ..OffenceRow::default()
    }));
    assert!(harness.reader().offences(&source("files")).expect("readable").is_some());
    let outcome = harness
        .command(Command::Reset {
            source: source("files"),
        })
        .expect("done");
    assert_eq!(outcome, CommandOutcome::Reset { scopes: 1, objects: 20 });
    assert_eq!(harness.reader().offences(&source("files")).expect("readable"), None);
    assert_eq!(harness.objects(0..20), 20);
    assert!(
        harness
            .known("files")
            .iter()
            .all(|known| known.source_version.is_empty())
    );
    let session = harness.session("files");
    assert!(
        session
            .opening
            .scopes
            .values()
            .all(|scope| scope.token.is_none() && scope.root_identity.is_none())
    );
    session.begin_at(WHOLE, "elsewhere");
    let tally = session.apply(declared(2..20)).tally;
    assert_eq!((tally.unchanged, tally.changes()), (18, 0));
    assert_eq!(session.end().absence, Absence::Pruned(2));
}

#[test]
fn a_status_that_says_nothing_new_is_not_written() {
    let harness = Harness::new();
    let session = harness.session("files");
    session.list(declared(0..3));
    let pass = |tally: Tally, seconds: u64| {
        StatusNote::Pass(PassRow {
            tally,
            failures: Vec::new(),
            incomplete: None,
            took: Duration::from_secs(seconds),
            ended: Default::default(),
        })
    };
    let created = Tally {
        created: 3,
        ignored: 1,
        ..Tally::default()
    };
    let unchanged = Tally {
        unchanged: 3,
        ignored: 1,
        ..Tally::default()
    };
    harness.note(pass(created, 1));
    let ended = harness.now();
    harness.pass(Duration::from_secs(60));
    let (commits, revision) = (harness.engine.commits(), harness.revision());
    for seconds in 2..5 {
        session.list(declared(0..3));
        harness.note(pass(unchanged, seconds));
    }
    assert_eq!((harness.engine.commits(), harness.revision()), (commits, revision));
    let facts = harness.reader().source_facts(&source("files")).expect("readable");
    let stored = facts.status.pass.expect("a pass");
    assert_eq!((stored.tally, stored.ended), (created, ended));
    assert_eq!((facts.objects, facts.pending, facts.row.changed), (3, 0, Some(ended)));
    harness.note(pass(Tally { failed: 1, ..unchanged }, 9));
    assert_eq!(harness.engine.commits(), commits + 1);
}

#[test]
fn trouble_is_remembered_since_its_first_failure_and_over_with_a_pass() {
    let harness = Harness::new();
    harness.session("files").close();
    let trouble = || {
        harness
            .reader()
            .source_facts(&source("files"))
            .expect("readable")
            .status
            .trouble
    };
    let since = harness.now();
    let refused = Problem::with_source(ProblemCode::Unavailable, "connection refused");
    harness.note(StatusNote::Trouble(Standstill::Retrying, refused.clone()));
    harness.pass(Duration::from_secs(5));
    let commits = harness.engine.commits();
    harness.note(StatusNote::Trouble(Standstill::Retrying, refused.clone()));
    assert_eq!(harness.engine.commits(), commits);
    harness.note(StatusNote::Trouble(Standstill::CircuitOpen, refused));
    let stored = trouble().expect("in trouble");
    assert_eq!((stored.standstill, stored.since), (Standstill::CircuitOpen, since));
    harness.note(StatusNote::Pass(PassRow {
        tally: Tally {
            failed: 1,
            ..Tally::default()
        },
        failures: vec![FailureRow {
            key: None,
            code: ProblemCode::DataInvalid,
            message: "unreadable".to_owned(),
            provenance: Provenance::default(),
        }],
        incomplete: None,
        took: Duration::ZERO,
        ended: Default::default(),
    }));
    assert_eq!(trouble(), None);
}
