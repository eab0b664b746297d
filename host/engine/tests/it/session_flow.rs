//! What follows from the writer's receipts: acknowledgements, being live, the end, and room for more.

use bytes::Bytes;
use k1s_object::ContentHash;
use k1s_sync_engine::event::Change;
use k1s_sync_engine::id::{Generation, Seq};
use k1s_sync_engine::message::{Activity, HostMessage, Mode, Refusal, SourceMessage, SyncReason};
use k1s_sync_engine::problem::{Level, ProblemCode};
use k1s_sync_engine::session::{
    Capability, Command, EndCause, Limits, MAX_UNCOMMITTED, MAX_UNCOMMITTED_BYTES, Report, Session, Settings,
};
use k1s_sync_engine::work::{Receipt, Work};

use crate::cast::*;

/// A session whose submitted work can be committed piece by piece.
struct Stage {
    session: Session,
    submitted: std::collections::VecDeque<Work>,
}

impl Stage {
    fn new(settings: Settings) -> Self {
        Self {
            session: Session::new(settings, START),
            submitted: std::collections::VecDeque::new(),
        }
    }

    fn say(&mut self, message: SourceMessage) -> Vec<Command> {
        self.session.handle_message(message, START);
        self.drain()
    }

    fn commit(&mut self) -> Vec<Command> {
        let receipt = receipt(self.submitted.front().unwrap());
        self.commit_as(receipt)
    }

    fn commit_as(&mut self, receipt: Receipt) -> Vec<Command> {
        self.submitted.pop_front().unwrap();
        self.session.handle_committed(receipt, START);
        self.drain()
    }

    fn commit_all(&mut self) -> Vec<Command> {
        let mut found = vec![];
        while !self.submitted.is_empty() {
            found.extend(self.commit());
        }
        found
    }

    fn drain(&mut self) -> Vec<Command> {
        let mut rest = vec![];
        for command in commands(&mut self.session) {
            match command {
                Command::Submit(work) => self.submitted.push_back(work),
                other => rest.push(other),
            }
        }
        rest
    }
}

fn beat(counter: u64, activity: Activity) -> SourceMessage {
    SourceMessage::Heartbeat { counter, activity }
}

fn one() -> Vec<k1s_sync_engine::event::Event> {
    vec![upsert("a", "{}")]
}

#[test]
fn what_is_durable_is_acknowledged_and_what_was_refused_is_named_first() {
    let mut stage = Stage::new(able(Mode::Full));
    stage.say(begin("s", 1));
    stage.say(listed(1, "s", 1, one()));
    assert_eq!(stage.commit(), [], "a beginning is no batch");
    let refusals = vec![Refusal {
        event: 0,
        code: ProblemCode::NoKind,
        message: "no such kind".to_owned(),
    }];
    let seq = Seq::new(1);
    let answered = stage.commit_as(Receipt {
        seq: Some(seq),
        refusals: refusals.clone(),
        ..Receipt::default()
    });
    let expected = [HostMessage::Nack { seq, refusals }, HostMessage::Ack(seq)];
    assert_eq!(answered, expected.map(Command::Send));
}

#[test]
fn a_source_that_wants_no_acks_gets_none() {
    let mut settings = able(Mode::Full);
    settings.capabilities.remove(&Capability::WantsAcks);
    let mut stage = Stage::new(settings);
    stage.say(begin("s", 1));
    stage.say(listed(1, "s", 1, one()));
    assert_eq!(stage.commit_all(), []);
}

#[test]
fn a_scope_is_live_once_everything_before_is_durable() {
    let mut stage = Stage::new(able(Mode::Full));
    stage.say(begin("s", 1));
    stage.say(end("s", 1, &[]));
    assert_eq!(stage.say(live("s")), []);
    stage.say(changed(1, "s", one()));
    assert_eq!(stage.commit(), []);
    let reports = stage.commit();
    let [
        Command::Report(Report::GenerationClosed(closed)),
        Command::Report(Report::Live(live_scope)),
    ] = &reports[..]
    else {
        panic!("{reports:?}")
    };
    assert_eq!((closed.generation, live_scope), (Generation::new(1), &scope("s")));
    stage.commit_all();
    assert_eq!(stage.say(live("s")), [], "it was live already");
}

#[test]
fn a_scope_is_live_at_once_when_nothing_is_left_to_commit() {
    let mut stage = Stage::new(able(Mode::Full));
    stage.say(begin("s", 1));
    stage.say(end("s", 1, &[]));
    stage.commit_all();
    assert_eq!(stage.say(live("s")), [Command::Report(Report::Live(scope("s")))]);
}

#[test]
fn draining_ends_when_the_last_batch_is_durable_and_acknowledged() {
    let mut stage = Stage::new(able(Mode::Full));
    stage.session.handle_stop(after(10));
    stage.say(begin("s", 1));
    stage.say(listed(1, "s", 1, one()));
    assert_eq!(stage.say(drained(1)), []);
    assert_eq!(stage.session.next_timeout(), None, "the host is to move");
    stage.session.handle_stream_end();
    stage.say(beat(9, Activity::Waiting));
    assert_eq!(stage.commit(), []);
    let ended = [
        Command::Send(HostMessage::Ack(Seq::new(1))),
        Command::End(EndCause::Drained),
    ];
    assert_eq!(stage.commit(), ended);
}

#[test]
fn a_stream_that_ends_proves_nothing() {
    for complaints in [vec![], vec![ProblemCode::Auth]] {
        let mut stage = Stage::new(able(Mode::Full));
        stage.say(begin("s", 1));
        stage.say(end("s", 1, &[]));
        for code in &complaints {
            stage.say(SourceMessage::Problem(complaint(Level::Source, *code)));
        }
        stage.session.handle_stream_end();
        let [Command::End(EndCause::Ended(problem))] = &stage.drain()[..] else {
            panic!("no end")
        };
        let expected = complaints.first().copied().unwrap_or(ProblemCode::Crashed);
        assert_eq!(problem.code, expected);
    }
}

#[test]
fn what_a_source_complained_of_before_a_complete_listing_is_settled() {
    let mut stage = Stage::new(able(Mode::Full));
    stage.say(SourceMessage::Problem(complaint(Level::Source, ProblemCode::Auth)));
    stage.say(begin("s", 1));
    stage.say(end("s", 1, &[]));
    stage.session.handle_stream_end();
    let [Command::End(EndCause::Ended(problem))] = &stage.drain()[..] else {
        panic!("no end")
    };
    assert_eq!(problem.code, ProblemCode::Crashed);
}

#[test]
fn a_source_that_drains_unasked_ends_with_what_it_complained_of() {
    let drain = |mode, complaints: &[ProblemCode]| {
        let mut stage = Stage::new(able(mode));
        for code in complaints {
            stage.say(SourceMessage::Problem(complaint(Level::Source, *code)));
        }
        stage.say(drained(0))
    };
    assert_eq!(drain(Mode::Full, &[]), [Command::End(EndCause::Drained)]);
    for (mode, complaints, code) in [
        (Mode::Full, &[ProblemCode::Auth][..], ProblemCode::Auth),
        (Mode::Once, &[ProblemCode::Auth][..], ProblemCode::Auth),
        (Mode::Once, &[][..], ProblemCode::Partial),
    ] {
        let found = drain(mode, complaints);
        let [Command::End(EndCause::Ended(problem))] = &found[..] else {
            panic!("{found:?}")
        };
        assert_eq!(problem.code, code);
    }
}

#[test]
fn once_is_finished_when_the_only_scope_is_listed_and_durable() {
    let mut settings = able(Mode::Once);
    settings.capabilities.remove(&Capability::MultiScope);
    let mut stage = Stage::new(settings);
    assert_eq!(stage.say(beat(1, Activity::Waiting)), []);
    stage.say(begin("s", 1));
    stage.say(listed(1, "s", 1, one()));
    stage.say(end("s", 1, &one()));
    stage.commit();
    stage.commit();
    let found = stage.commit();
    assert!(
        matches!(
            found[..],
            [
                Command::Report(Report::GenerationClosed(_)),
                Command::End(EndCause::Finished)
            ]
        ),
        "{found:?}"
    );
}

#[test]
fn once_over_many_scopes_is_finished_when_the_source_rests_or_drains_after_them() {
    for last_word in [beat(2, Activity::Waiting), drained(0)] {
        let mut stage = Stage::new(able(Mode::Once));
        stage.say(beat(1, Activity::Waiting));
        stage.say(begin("s", 1));
        stage.say(end("s", 1, &[]));
        let mut found = stage.commit_all();
        stage.say(begin("t", 1));
        found.extend(stage.commit_all());
        stage.say(end("t", 1, &[]));
        found.extend(stage.commit_all());
        found.retain(|command| matches!(command, Command::End(_)));
        assert_eq!(found, []);
        assert_eq!(stage.say(last_word), [Command::End(EndCause::Finished)]);
    }
}

#[test]
fn once_is_not_finished_by_resting_within_a_listing() {
    let mut stage = Stage::new(able(Mode::Once));
    stage.say(begin("s", 1));
    stage.commit_all();
    assert_eq!(stage.say(beat(2, Activity::Waiting)), []);
    stage.say(end("s", 1, &[]));
    assert!(stage.commit_all().contains(&Command::End(EndCause::Finished)));
}

fn unknown() -> Receipt {
    Receipt {
        seq: Some(Seq::new(1)),
        unknown_seen: Some(scope("s")),
        ..Receipt::default()
    }
}

fn forget() -> Command {
    Command::RequestSync {
        scope: scope("s"),
        reason: SyncReason::ForgetKnown,
    }
}

#[test]
fn an_unknown_seen_spoils_the_listing_and_asks_once_for_one_without() {
    let mut stage = Stage::new(able(Mode::Full));
    stage.say(begin("s", 1));
    stage.say(listed(1, "s", 1, vec![seen("a")]));
    stage.say(listed(2, "s", 1, vec![seen("b")]));
    stage.commit();
    assert!(stage.commit_as(unknown()).contains(&forget()));
    assert!(!stage.commit_as(unknown()).contains(&forget()), "asked already");
    stage.say(end("s", 1, &[seen("a"), seen("b")]));
    let [Work::EndGeneration(end)] = &stage.submitted.make_contiguous()[..] else {
        panic!("no end")
    };
    assert_eq!(
        end.outcome,
        k1s_sync_engine::work::Outcome::Incomplete(k1s_sync_engine::problem::Problem {
            code: ProblemCode::Partial,
            level: Level::Scope(scope("s")),
            retry: k1s_sync_engine::problem::Retry::Backoff,
            message: "the source left out objects that the host does not hold".to_owned(),
            detail: String::new(),
        })
    );
}

#[test]
fn once_waits_for_the_listing_it_asked_for() {
    let mut settings = able(Mode::Once);
    settings.capabilities.remove(&Capability::MultiScope);
    let mut stage = Stage::new(settings);
    stage.say(begin("s", 1));
    stage.say(listed(1, "s", 1, vec![seen("a")]));
    stage.say(end("s", 1, &[seen("a")]));
    stage.commit();
    assert!(stage.commit_as(unknown()).contains(&forget()));
    assert_eq!(
        stage.commit().len(),
        1,
        "the listing is closed, the session is not over"
    );
    stage.session.handle_sync_answer(&scope("s"), Generation::new(2));
    stage.say(begin("s", 2));
    stage.say(listed(2, "s", 2, one()));
    assert_eq!(stage.commit_all().len(), 1, "an acknowledgement");
    stage.say(end("s", 2, &one()));
    assert!(stage.commit().contains(&Command::End(EndCause::Finished)));
}

#[test]
fn an_answer_that_comes_after_its_listing_is_understood() {
    let mut settings = able(Mode::Once);
    settings.capabilities.remove(&Capability::MultiScope);
    let mut stage = Stage::new(settings);
    stage.say(begin("s", 1));
    stage.session.handle_sync(&scope("s"), SyncReason::Requested);
    stage.say(end("s", 1, &[]));
    stage.say(begin("s", 2));
    stage.say(end("s", 2, &[]));
    assert!(!stage.commit_all().contains(&Command::End(EndCause::Finished)));
    stage.session.handle_sync_answer(&scope("s"), Generation::new(2));
    assert_eq!(stage.drain(), [Command::End(EndCause::Finished)]);
}

#[test]
fn a_request_that_is_under_way_covers_the_next_unless_that_may_not_use_seen() {
    let ask = |stage: &mut Stage, reason| {
        stage.session.handle_sync(&scope("s"), reason);
        stage.drain().len()
    };
    let mut stage = Stage::new(able(Mode::Full));
    assert_eq!(
        ask(&mut stage, SyncReason::Requested),
        0,
        "an unseen scope is listed anyway"
    );
    stage.say(begin("s", 1));
    assert_eq!(
        ask(&mut stage, SyncReason::Requested),
        1,
        "the open listing does not answer"
    );
    assert_eq!(ask(&mut stage, SyncReason::Verify), 0);
    assert_eq!(ask(&mut stage, SyncReason::ForgetKnown), 1);
    assert_eq!(ask(&mut stage, SyncReason::Requested), 0);
    stage.session.handle_sync_answer(&scope("s"), Generation::new(2));
    stage.say(end("s", 1, &[]));
    assert_eq!(ask(&mut stage, SyncReason::Requested), 0);
    stage.say(begin("s", 2));
    assert_eq!(ask(&mut stage, SyncReason::Requested), 1);
}

#[test]
fn no_more_than_so_many_pieces_of_work_are_uncommitted() {
    let mut stage = Stage::new(able(Mode::Full));
    stage.say(begin("s", 1));
    let mut seq = 0;
    while stage.session.wants_messages() {
        seq += 1;
        stage.say(listed(seq, "s", 1, one()));
    }
    assert_eq!(stage.submitted.len(), MAX_UNCOMMITTED);
    stage.commit();
    assert!(stage.session.wants_messages());
}

#[test]
fn no_more_than_so_many_bytes_are_uncommitted_whatever_they_are() {
    const MIB: usize = 1024 * 1024;
    let object = Bytes::from(vec![b'x'; MIB]);
    let large = event(Change::Upsert {
        key: key("a"),
        content_hash: ContentHash::of(&object),
        object,
    });
    let mut wordy = failed("a");
    wordy.provenance.path = "p".repeat(MIB).into();
    let mut complaining = failed("a");
    if let Change::Failed { problem, .. } = &mut complaining.change {
        problem.detail = "d".repeat(MIB);
    }
    for event in [large, wordy, complaining] {
        let mut stage = Stage::new(Settings {
            limits: Limits::default(),
            ..able(Mode::Full)
        });
        stage.say(begin("s", 1));
        let mut seq = 0;
        while stage.session.wants_messages() {
            seq += 1;
            stage.say(listed(seq, "s", 1, vec![event.clone()]));
        }
        assert_eq!(seq as usize, MAX_UNCOMMITTED_BYTES / MIB);
        stage.commit();
        assert!(!stage.session.wants_messages(), "a beginning holds next to nothing");
        stage.commit();
        assert!(stage.session.wants_messages());
    }
}
