//! What a session does when time passes.

use std::collections::BTreeSet;
use std::time::Duration;

use k1s_object::Timestamp;
use k1s_sync_engine::id::Moment;
use k1s_sync_engine::message::{Activity, Mode, Progress, ScopeGone, SourceMessage, SyncReason};
use k1s_sync_engine::problem::{Level, ProblemCode};
use k1s_sync_engine::session::{Command, EndCause, RELIST_INCOMPLETE, Session, Settings};
use k1s_sync_engine::work::Work;

use crate::cast::*;

const HOUR: Duration = Duration::from_secs(3600);

/// Jitter that leaves a spread span as it is.
const EVEN: u64 = 1 << 63;

fn at_interval(mode: Mode) -> Settings {
    Settings {
        interval: Some(HOUR),
        hung_after: None,
        jitter: EVEN,
        ..able(mode)
    }
}

/// Says something, and has all work it leads to committed at that time.
fn say(session: &mut Session, message: SourceMessage, now: Moment) -> Vec<Command> {
    session.handle_message(message, now);
    let found = commands(session);
    for command in &found {
        if let Command::Submit(work) = command {
            session.handle_committed(receipt(work), now);
        }
    }
    found
}

fn asked(session: &mut Session, now: Moment) -> Vec<(String, SyncReason)> {
    session.handle_timeout(now);
    let found = commands(session).into_iter();
    found
        .filter_map(|command| match command {
            Command::RequestSync { scope, reason } => Some((scope.as_str().to_owned(), reason)),
            Command::Submit(_) | Command::Send(_) | Command::Report(_) | Command::End(_) => None,
        })
        .collect()
}

#[test]
fn a_listed_scope_is_listed_again_at_its_interval() {
    let mut session = Session::new(at_interval(Mode::Full), START);
    say(&mut session, begin("s", 1), START);
    say(&mut session, end("s", 1, &[]), after(60));
    let due = after(60).plus(HOUR);
    assert_eq!(session.next_timeout(), Some(due));
    assert_eq!(
        asked(&mut session, due.plus(Duration::ZERO)),
        [("s".to_owned(), SyncReason::Interval)]
    );
    assert_eq!(
        session.next_timeout(),
        Some(due.plus(HOUR)),
        "an unheard request is repeated"
    );
    say(&mut session, begin("s", 2), due);
    assert_eq!(session.next_timeout(), None, "never while a listing is open");
    say(&mut session, end("s", 2, &[]), due.plus(HOUR));
    assert_eq!(session.next_timeout(), Some(due.plus(HOUR).plus(HOUR)));
}

#[test]
fn the_interval_counts_from_the_commit_and_is_spread() {
    for (jitter, expected) in [(0, HOUR * 9 / 10), (EVEN, HOUR)] {
        let mut session = Session::new(
            Settings {
                jitter,
                ..at_interval(Mode::Full)
            },
            START,
        );
        say(&mut session, begin("s", 1), START);
        session.handle_message(end("s", 1, &[]), START);
        assert_eq!(session.next_timeout(), None);
        let found = commands(&mut session);
        let [Command::Submit(work @ Work::EndGeneration(_))] = &found[..] else {
            panic!("{found:?}")
        };
        session.handle_committed(receipt(work), after(7));
        assert_eq!(session.next_timeout(), Some(after(7).plus(expected)));
    }
}

#[test]
fn no_interval_begins_for_a_scope_that_is_listed_again_already_or_gone() {
    let gone = SourceMessage::ScopeGone {
        scope: scope("s"),
        reason: ScopeGone::Unsupported,
    };
    for next in [begin("s", 2), gone] {
        let mut session = Session::new(at_interval(Mode::Full), START);
        for message in [begin("s", 1), end("s", 1, &[]), next] {
            session.handle_message(message, START);
        }
        for command in commands(&mut session) {
            if let Command::Submit(work) = command {
                session.handle_committed(receipt(&work), START);
            }
        }
        assert_eq!(session.next_timeout(), None);
    }
}

#[test]
fn an_unheard_request_is_repeated_for_its_own_reason() {
    let mut session = Session::new(at_interval(Mode::Full), START);
    say(&mut session, begin("s", 1), START);
    say(&mut session, end("s", 1, &[]), START);
    session.handle_sync(&scope("s"), SyncReason::ForgetKnown);
    let due = START.plus(HOUR);
    let twice = [SyncReason::ForgetKnown; 2].map(|reason| ("s".to_owned(), reason));
    assert_eq!(asked(&mut session, due), twice);
}

#[test]
fn a_resumed_scope_is_listed_at_the_interval_too() {
    let settings = Settings {
        resumed: BTreeSet::from([scope("a"), scope("b")]),
        ..at_interval(Mode::Resume)
    };
    let mut session = Session::new(settings, START);
    let due = START.plus(HOUR);
    assert_eq!(session.next_timeout(), Some(due));
    let both = ["a", "b"].map(|id| (id.to_owned(), SyncReason::Interval));
    assert_eq!(asked(&mut session, due), both);
}

#[test]
fn an_incomplete_listing_is_tried_again_even_without_an_interval() {
    let mut session = Session::new(
        Settings {
            interval: None,
            ..at_interval(Mode::Full)
        },
        START,
    );
    say(&mut session, begin("s", 1), START);
    let problem = complaint(Level::Source, ProblemCode::Unavailable);
    say(&mut session, SourceMessage::Problem(problem), START);
    say(&mut session, end("s", 1, &[]), START);
    let due = START.plus(RELIST_INCOMPLETE);
    assert_eq!(session.next_timeout(), Some(due));
    assert_eq!(asked(&mut session, due), [("s".to_owned(), SyncReason::Verify)]);
    say(&mut session, begin("s", 2), due);
    say(&mut session, end("s", 2, &[]), due);
    assert_eq!(session.next_timeout(), None);
}

#[test]
fn a_session_that_lists_once_lists_nothing_again() {
    let mut session = Session::new(at_interval(Mode::Once), START);
    say(&mut session, begin("s", 1), START);
    say(&mut session, end("s", 1, &[]), START);
    assert_eq!(session.next_timeout(), None);
}

#[test]
fn a_scope_that_is_gone_is_not_listed_again() {
    let mut session = Session::new(at_interval(Mode::Full), START);
    say(&mut session, begin("s", 1), START);
    say(&mut session, end("s", 1, &[]), START);
    let gone = SourceMessage::ScopeGone {
        scope: scope("s"),
        reason: ScopeGone::Unsupported,
    };
    say(&mut session, gone, START);
    assert_eq!(session.next_timeout(), None);
}

#[test]
fn a_silent_source_hangs_and_a_slow_host_does_not_make_it_so() {
    let mut session = Session::new(able(Mode::Full), START);
    session.handle_message(begin("s", 1), START);
    assert_eq!(session.next_timeout(), None, "the host is to move");
    session.handle_timeout(after(1000));
    let work = commands(&mut session);
    let [Command::Submit(work)] = &work[..] else {
        panic!("{work:?}")
    };
    session.handle_committed(receipt(work), after(1000));
    assert_eq!(session.next_timeout(), Some(after(1060)));
    session.handle_timeout(after(1059));
    assert_eq!(commands(&mut session), []);
    session.handle_timeout(after(1060));
    let found = commands(&mut session);
    let [Command::End(EndCause::Hung(problem))] = &found[..] else {
        panic!("{found:?}")
    };
    assert_eq!(problem.code, ProblemCode::Hung);
}

#[test]
fn the_clock_stands_still_until_the_last_work_is_durable() {
    let mut session = Session::new(able(Mode::Full), START);
    session.handle_message(begin("s", 1), START);
    session.handle_message(end("s", 1, &[]), START);
    let work = commands(&mut session);
    for (command, deadline) in work.iter().zip([None, Some(after(70))]) {
        let Command::Submit(work) = command else {
            panic!("{command:?}")
        };
        session.handle_committed(receipt(work), after(10));
        assert_eq!(session.next_timeout(), deadline);
    }
}

#[test]
fn a_waiting_source_does_not_hang() {
    let mut session = Session::new(able(Mode::Full), START);
    let waiting = SourceMessage::Heartbeat {
        counter: 1,
        activity: Activity::Waiting,
    };
    session.handle_message(waiting, START);
    assert_eq!(session.next_timeout(), None);
}

#[test]
fn a_rate_limit_in_wall_time_stops_the_clock_until_then() {
    let settings = able(Mode::Full);
    let until = settings.started_at.plus(Duration::from_secs(300));
    let mut session = Session::new(settings, START);
    let progress = |rate_limited_until| {
        SourceMessage::Progress(Progress {
            scope: scope("s"),
            done: 1,
            total: None,
            bytes: 0,
            phase: "fetching".to_owned(),
            rate_limited_until,
        })
    };
    session.handle_message(progress(Some(until)), after(10));
    assert_eq!(session.next_timeout(), Some(after(360)));
    session.handle_message(progress(None), after(320));
    assert_eq!(session.next_timeout(), Some(after(380)));
    session.handle_message(progress(Some(Timestamp::from_millis(u64::MAX))), after(330));
    session.handle_timeout(after(1_000_000));
    assert!(
        !commands(&mut session)
            .iter()
            .any(|command| matches!(command, Command::End(_)))
    );
}

#[test]
fn a_source_asked_to_stop_has_until_the_deadline_and_no_other_clock() {
    let mut session = Session::new(
        Settings {
            interval: Some(HOUR),
            ..able(Mode::Full)
        },
        START,
    );
    session.handle_stop(after(100));
    session.handle_stop(after(200));
    assert_eq!(session.next_timeout(), Some(after(100)), "no later than first said");
    session.handle_stop(after(80));
    assert_eq!(session.next_timeout(), Some(after(80)));
    session.handle_timeout(after(79));
    assert_eq!(commands(&mut session), []);
    session.handle_timeout(after(80));
    let found = commands(&mut session);
    let [Command::End(EndCause::Ended(problem))] = &found[..] else {
        panic!("{found:?}")
    };
    assert_eq!(problem.code, ProblemCode::Timeout);
}
