//! When a listing that somebody waits for is there.

use k1s_sync_engine::id::Generation;
use k1s_sync_engine::message::{Completeness, Mode, SnapshotEnd, SourceMessage, SyncReason};
use k1s_sync_engine::problem::ProblemCode;
use k1s_sync_engine::session::{Command, Demand, Report, Session};
use k1s_sync_engine::work::Work;

use crate::cast::*;

/// Something that happens to a session.
enum Step {
    Demand(u64),
    /// The host asks for a listing for another reason.
    Verify(&'static str),
    Answer(&'static str, u64),
    Say(SourceMessage),
    /// All work that was submitted is durable.
    Commit,
}

use Step::{Answer, Commit, Demand as Wish, Say, Verify};

/// What a session does about demands: `ask SCOPE` and `met NUMBER`.
fn told(session: &mut Session, works: &mut Vec<Work>) -> Vec<String> {
    let mut told = Vec::new();
    for command in commands(session) {
        match command {
            Command::Submit(work) => works.push(work),
            Command::RequestSync { scope, reason } => told.push(format!("ask {} {reason:?}", scope.as_str())),
            Command::Report(Report::Met(Demand(number))) => told.push(format!("met {number}")),
            Command::Send(_) | Command::Report(_) | Command::End(_) => {}
        }
    }
    told
}

fn play(session: &mut Session, steps: Vec<(Step, &[&str])>, name: &str) {
    let mut works = Vec::new();
    for (index, (step, expected)) in steps.into_iter().enumerate() {
        match step {
            Wish(number) => session.handle_demand(Demand(number)),
            Verify(id) => session.handle_sync(&scope(id), SyncReason::Verify),
            Answer(id, generation) => session.handle_sync_answer(&scope(id), Generation::new(generation)),
            Say(message) => session.handle_message(message, START),
            Commit => {
                let durable: Vec<Work> = std::mem::take(&mut works);
                durable
                    .iter()
                    .for_each(|work| session.handle_committed(receipt(work), START));
            }
        }
        assert_eq!(told(session, &mut works), expected, "{name}: step {index}");
    }
}

fn incomplete(id: &str, generation: u64) -> SourceMessage {
    SourceMessage::SnapshotEnd(SnapshotEnd {
        completeness: Completeness::Incomplete(ProblemCode::Partial),
        ..end_of(id, generation, &[])
    })
}

/// A session in which these scopes were listed once.
fn listed_once(ids: &[&str]) -> Session {
    let mut session = Session::new(able(Mode::Full), START);
    for id in ids {
        session.handle_message(begin(id, 1), START);
        session.handle_message(end(id, 1, &[]), START);
    }
    for command in commands(&mut session) {
        if let Command::Submit(work) = command {
            session.handle_committed(receipt(&work), START);
        }
    }
    drop(commands(&mut session));
    session
}

#[test]
fn what_begins_later_and_is_durable_will_do() {
    play(
        &mut listed_once(&["s"]),
        vec![
            (Wish(7), &["ask s Requested"]),
            (Answer("s", 2), &[]),
            (Say(begin("s", 2)), &[]),
            (Say(end("s", 2, &[])), &[]),
            (Commit, &["met 7"]),
        ],
        "in order",
    );
    play(
        &mut listed_once(&["s"]),
        vec![
            (Wish(7), &["ask s Requested"]),
            (Say(begin("s", 2)), &[]),
            (Say(end("s", 2, &[])), &[]),
            (Commit, &[]),
            (Answer("s", 2), &["met 7"]),
        ],
        "the answer comes last",
    );
    play(
        &mut listed_once(&["s"]),
        vec![
            (Wish(7), &["ask s Requested"]),
            (Answer("s", 2), &[]),
            (Say(begin("s", 2)), &[]),
            (Say(incomplete("s", 2)), &[]),
            (Commit, &["met 7"]),
        ],
        "an incomplete listing is one, too",
    );
}

#[test]
fn what_began_before_will_not_do() {
    play(
        &mut listed_once(&["s"]),
        vec![
            (Say(begin("s", 2)), &[]),
            (Wish(7), &["ask s Requested"]),
            (Say(end("s", 2, &[])), &[]),
            (Commit, &[]),
            (Answer("s", 3), &[]),
            (Say(begin("s", 3)), &[]),
            (Say(end("s", 3, &[])), &[]),
            (Commit, &["met 7"]),
        ],
        "an open listing",
    );
    play(
        &mut listed_once(&["s"]),
        vec![
            (Verify("s"), &["ask s Verify"]),
            (Wish(7), &[]),
            (Say(begin("s", 2)), &[]),
            (Answer("s", 2), &["ask s Requested"]),
            (Say(end("s", 2, &[])), &[]),
            (Commit, &[]),
            (Answer("s", 3), &[]),
            (Say(begin("s", 3)), &[]),
            (Say(end("s", 3, &[])), &[]),
            (Commit, &["met 7"]),
        ],
        "a listing that was asked for before",
    );
}

#[test]
fn every_scope_counts_and_one_that_is_gone_does_not() {
    let gone = |id: &str| SourceMessage::ScopeGone {
        scope: scope(id),
        reason: k1s_sync_engine::message::ScopeGone::Deselected,
    };
    play(
        &mut listed_once(&["s", "t"]),
        vec![
            (Wish(7), &["ask s Requested", "ask t Requested"]),
            (Answer("s", 2), &[]),
            (Say(begin("s", 2)), &[]),
            (Say(end("s", 2, &[])), &[]),
            (Commit, &[]),
            (Say(gone("t")), &["met 7"]),
        ],
        "two scopes",
    );
}

#[test]
fn demands_that_come_together_share_a_listing() {
    play(
        &mut listed_once(&["s"]),
        vec![
            (Wish(1), &["ask s Requested"]),
            (Wish(2), &[]),
            (Wish(3), &[]),
            (Answer("s", 2), &[]),
            (Say(begin("s", 2)), &["ask s Requested"]),
            (Say(end("s", 2, &[])), &[]),
            (Commit, &["met 1"]),
            (Answer("s", 3), &[]),
            (Say(begin("s", 3)), &[]),
            (Say(end("s", 3, &[])), &[]),
            (Commit, &["met 2", "met 3"]),
        ],
        "three demands",
    );
}

#[test]
fn a_session_that_knows_nothing_meets_a_demand_with_its_first_listing() {
    play(
        &mut Session::new(able(Mode::Full), START),
        vec![
            (Wish(7), &[]),
            (Say(begin("s", 1)), &[]),
            (Say(begin("t", 1)), &[]),
            (Say(end("s", 1, &[])), &[]),
            (Commit, &[]),
            (Say(end("t", 1, &[])), &[]),
            (Commit, &["met 7"]),
        ],
        "a new session",
    );
    play(
        &mut Session::new(
            k1s_sync_engine::session::Settings {
                resumed: [scope("s")].into(),
                ..able(Mode::Resume)
            },
            START,
        ),
        vec![
            (Wish(7), &["ask s Requested"]),
            (Answer("s", 1), &[]),
            (Say(begin("s", 1)), &[]),
            (Say(end("s", 1, &[])), &[]),
            (Commit, &["met 7"]),
        ],
        "a session that goes on from a token",
    );
}
