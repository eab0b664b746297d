//! The session against the reference model, over random sessions with everything that can happen to one.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use k1s_sync_engine::message::Refusal;
use k1s_sync_engine::problem::ProblemCode;
use k1s_sync_engine::session::{Command, MAX_UNCOMMITTED, Session, Settings};
use k1s_sync_engine::work::{Receipt, Work};
use proptest::collection::vec;
use proptest::prelude::any;
use proptest::strategy::Strategy;
use proptest::test_runner::{Config, TestRunner};

use crate::cast::{START, commands, receipt};
use crate::model::{Model, Shape};
use crate::script::{Actor, Dice, Honesty, Step, Surprise, settings};

/// Sessions of an honest source, and as many of a hostile one.
const CASES: u32 = 10_000;
/// Sessions in which each thing that the test is about has to occur.
const ENOUGH: u32 = 20;
const LONGEST: usize = 48;

/// A session and the work it submitted.
struct Subject {
    session: Session,
    submitted: VecDeque<Work>,
}

impl Subject {
    fn new(settings: &Settings) -> Self {
        Self {
            session: Session::new(settings.clone(), START),
            submitted: VecDeque::new(),
        }
    }

    fn take(&mut self, step: &Step) -> Vec<Command> {
        match step {
            Step::Message(message) => self.session.handle_message(message.clone(), START),
            Step::Commit(surprise) => self.commit(*surprise),
            Step::Sync(scope) => self
                .session
                .handle_sync(scope, k1s_sync_engine::message::SyncReason::Requested),
            Step::Stop => self.session.handle_stop(START),
            Step::StreamEnd => self.session.handle_stream_end(),
        }
        let found = commands(&mut self.session);
        self.submitted.extend(found.iter().filter_map(|command| match command {
            Command::Submit(work) => Some(work.clone()),
            Command::Send(_) | Command::RequestSync { .. } | Command::Report(_) | Command::End(_) => None,
        }));
        found
    }

    fn commit(&mut self, surprise: Surprise) {
        let Some(work) = self.submitted.pop_front() else {
            return;
        };
        let mut receipt = receipt(&work);
        if let Work::Apply(batch) = &work {
            match surprise {
                Surprise::None => {}
                Surprise::UnknownSeen => receipt.unknown_seen = Some(batch.scope.clone()),
                Surprise::Refusal => refuse(&mut receipt),
            }
        }
        self.session.handle_committed(receipt, START);
    }
}

fn refuse(receipt: &mut Receipt) {
    receipt.refusals.push(Refusal {
        event: 0,
        code: ProblemCode::NoKind,
        message: String::new(),
    });
}

/// Plays one session on both; returns everything that was done.
fn compare(settings: &Settings, steps: &[Step]) -> Vec<Shape> {
    let mut subject = Subject::new(settings);
    let mut model = Model::new(settings);
    let mut done = vec![];
    for (number, step) in steps.iter().enumerate() {
        let expected = model.expect(step);
        let found: Vec<_> = subject.take(step).iter().map(Shape::of).collect();
        let agree = found.len() == expected.len() && found.iter().zip(&expected).all(|(a, b)| a.fulfils(b));
        assert!(
            agree,
            "step {number} {step:?}\n   found {found:#?}\nexpected {expected:#?}"
        );
        for shape in &found {
            if let Shape::Sync(scope, _) = shape {
                subject.session.handle_sync_answer(scope, model.answer(scope));
            }
        }
        assert_eq!(model.oldest().is_none(), subject.submitted.is_empty());
        assert!(subject.submitted.len() <= MAX_UNCOMMITTED + 1);
        done.extend(found);
    }
    done
}

fn cases() -> impl Strategy<Value = (Dice, Vec<Dice>)> {
    (any::<Dice>(), vec(any::<Dice>(), 0..LONGEST))
}

fn run(honesty: Honesty) -> BTreeMap<String, u32> {
    let outcomes = RefCell::new(BTreeMap::new());
    let config = Config {
        cases: CASES,
        failure_persistence: None,
        ..Config::default()
    };
    TestRunner::new(config)
        .run(&cases(), |(first, dice)| {
            let settings = settings(first);
            let play = Actor::play(&settings, honesty, &dice);
            let done = compare(&settings, &play.steps);
            let reached: BTreeSet<String> = done.iter().map(name).collect();
            let mishaps = play.mishaps.into_iter().map(str::to_owned);
            for what in mishaps.chain(reached) {
                *outcomes.borrow_mut().entry(what).or_insert(0) += 1;
            }
            Ok(())
        })
        .unwrap();
    outcomes.into_inner()
}

fn name(shape: &Shape) -> String {
    match shape {
        Shape::Close { flaw: None, .. } => "complete".to_owned(),
        Shape::Close { flaw: Some(_), .. } => "incomplete".to_owned(),
        Shape::Violation(codes) => format!("{codes:?}"),
        Shape::Ended(code) => format!("ended {code}"),
        Shape::Work(_) => "work".to_owned(),
        Shape::Ack(_) => "ack".to_owned(),
        Shape::Nack(_) => "nack".to_owned(),
        Shape::Sync(_, reason) => format!("sync {reason:?}"),
        Shape::Live(_) => "live".to_owned(),
        Shape::Progress => "progress".to_owned(),
        Shape::Problem(_) => "problem".to_owned(),
        Shape::Closed(..) => "closed".to_owned(),
        Shape::Drained => "drained".to_owned(),
        Shape::Finished => "finished".to_owned(),
    }
}

/// Fails when the random sessions no longer reach what the test is about.
fn assert_reached(outcomes: &BTreeMap<String, u32>, wanted: &[&str]) {
    for name in wanted {
        let count = outcomes.get(*name).copied().unwrap_or(0);
        assert!(count >= ENOUGH, "{name} in {count} sessions: {outcomes:#?}");
    }
}

const COMMON: [&str; 12] = [
    "complete",
    "incomplete",
    "ack",
    "nack",
    "sync ForgetKnown",
    "sync Requested",
    "live",
    "closed",
    "drained",
    "finished",
    "ended CRASHED",
    "ended PARTIAL",
];

/// What happens to any source.
const MOMENTS: [&str; 8] = [
    "disconnected inside a listing",
    "disconnected between listings",
    "stopped inside a listing",
    "stopped between listings",
    "several listings are open",
    "a window of several batches",
    "more deletes than are judged as one",
    "disconnected inside a window",
];

/// What only a hostile source, or a hostile wire, does.
const MISHAPS: [&str; 8] = [
    "lost",
    "doubled",
    "out of order",
    "late",
    "a count too high",
    "another digest",
    "counts that add up, for other outcomes",
    "something else inside a window",
];

#[test]
fn an_honest_source_is_served_as_the_model_says_and_never_accused() {
    let outcomes = run(Honesty::Honest);
    assert_reached(&outcomes, &COMMON);
    assert_reached(&outcomes, &MOMENTS);
    assert_reached(&outcomes, &["sync Verify"]);
    let accused: Vec<_> = outcomes.keys().filter(|name| name.starts_with('{')).collect();
    assert!(accused.is_empty(), "{accused:?}");
}

#[test]
fn a_hostile_source_is_caught_exactly_where_the_model_says() {
    let outcomes = run(Honesty::Hostile);
    assert_reached(&outcomes, &COMMON);
    assert_reached(&outcomes, &MOMENTS);
    assert_reached(&outcomes, &MISHAPS);
    assert_reached(&outcomes, &["{ProtocolViolation}", "{HashMismatch}", "{CountMismatch}"]);
}
