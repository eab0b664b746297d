//! A source over many runs: waiting, probing, giving up, and never two runs at a time.

use std::time::Duration;

use k1s_sync_engine::backoff::{BASE, CAP, MAX_REQUESTED, STABLE_AFTER};
use k1s_sync_engine::breaker::Circuit;
use k1s_sync_engine::id::{Epoch, Moment};
use k1s_sync_engine::lifecycle::{
    Command, Enablement, FORGIVE_VIOLATIONS_AFTER, Input, Lifecycle, Report, Settings, State, Suspension,
};
use k1s_sync_engine::problem::{Problem, ProblemCode, Retry};
use k1s_sync_engine::session::EndCause;
use proptest::collection::vec;
use proptest::prelude::{Strategy, any};
use proptest::{prop_assert, prop_assert_eq, proptest};

use crate::cast::START;

/// Full jitter at its longest.
const LONG: u64 = u64::MAX;

/// A started source and the time.
struct Stage {
    source: Lifecycle,
    now: Moment,
}

impl Stage {
    fn new() -> Self {
        Self::recalling(0, None)
    }

    /// A source of which an earlier host remembered this.
    fn recalling(violations: u32, quarantined: Option<Problem>) -> Self {
        let mut source = Lifecycle::new(Settings {
            enablement: Enablement::Enabled,
            suspension: Suspension::Active,
            last_epoch: Epoch::new(0),
            stop_within: Duration::from_secs(10),
        });
        source.recall(violations, quarantined);
        source.handle(Input::Start, START, LONG);
        Self { source, now: START }
    }

    /// One run that lasts so long and ends like this; returns the state after it.
    fn run(&mut self, lasts: Duration, cause: EndCause) -> State {
        if let Some(due) = self.source.next_timeout() {
            self.now = due;
            self.source.handle_timeout(due);
        }
        let epoch = self.source.state().epoch().unwrap();
        self.source.handle(Input::Launched { epoch }, self.now, LONG);
        self.now = self.now.plus(lasts);
        self.source.handle(Input::Ended { epoch, cause }, self.now, LONG);
        self.source.state().clone()
    }

    fn fail(&mut self, lasts: Duration, code: ProblemCode) -> State {
        self.run(lasts, EndCause::Ended(Problem::with_source(code, "it failed")))
    }

    fn violate(&mut self, lasts: Duration, code: ProblemCode) -> State {
        self.run(lasts, EndCause::Violation(Problem::with_source(code, "it lied")))
    }

    fn waits(&self) -> Duration {
        self.source.next_timeout().unwrap().since(self.now)
    }

    fn reports_closed_circuit(&mut self) -> bool {
        std::iter::from_fn(|| self.source.next_command())
            .any(|command| command == Command::Report(Report::CircuitClosed))
    }
}

/// Failures that never are the same twice in a row, so that no circuit opens.
const VARIED: [ProblemCode; 2] = [ProblemCode::Unavailable, ProblemCode::Timeout];

#[test]
fn waits_double_up_to_the_cap_and_begin_again_after_a_stable_run() {
    let mut stage = Stage::new();
    let waits: Vec<_> = (0..12)
        .map(|run| {
            stage.fail(Duration::ZERO, VARIED[run % 2]);
            stage.waits().as_secs_f64().mul_add(10.0, 0.5) as u64
        })
        .collect();
    assert_eq!(waits, [2, 4, 8, 16, 32, 64, 128, 256, 512, 600, 600, 600]);
    stage.fail(STABLE_AFTER - Duration::from_millis(1), VARIED[0]);
    assert!(stage.waits() > CAP / 2, "not stable yet");
    stage.fail(STABLE_AFTER, VARIED[1]);
    assert!(stage.waits() <= BASE);
}

#[test]
fn the_fifth_failure_of_one_class_opens_the_circuit_and_a_stable_probe_closes_it() {
    let mut stage = Stage::new();
    for _ in 0..4 {
        let state = stage.fail(Duration::ZERO, ProblemCode::Unavailable);
        assert!(matches!(state, State::Waiting { .. }), "{state:?}");
    }
    let State::CircuitOpen(open) = stage.fail(Duration::ZERO, ProblemCode::Unavailable) else {
        panic!("the circuit is closed")
    };
    assert_eq!((open.since, open.reason.code), (stage.now, ProblemCode::Unavailable));
    assert!(matches!(stage.source.circuit(), Circuit::Open(_)));
    stage.now = open.next_try;
    stage.source.handle_timeout(stage.now);
    assert_eq!(stage.source.circuit(), &Circuit::HalfOpen { since: open.since });
    let State::CircuitOpen(again) = stage.fail(Duration::from_secs(59), ProblemCode::Auth) else {
        panic!("one failed probe is enough")
    };
    assert_eq!((again.since, again.reason.code), (open.since, ProblemCode::Auth));
    assert!(!stage.reports_closed_circuit());
    let state = stage.fail(STABLE_AFTER, ProblemCode::Unavailable);
    assert!(matches!(state, State::Waiting { .. }), "{state:?}");
    assert!(stage.reports_closed_circuit());
    assert!(stage.waits() <= BASE);
}

#[test]
fn three_violations_in_a_row_quarantine_whatever_their_class() {
    let mut stage = Stage::new();
    stage.violate(Duration::ZERO, ProblemCode::ProtocolViolation);
    stage.violate(STABLE_AFTER, ProblemCode::HashMismatch);
    let state = stage.violate(Duration::ZERO, ProblemCode::CountMismatch);
    let State::Quarantined { cause } = state else {
        panic!("{state:?}")
    };
    assert_eq!(cause.code, ProblemCode::CountMismatch);
    assert_eq!(stage.source.next_timeout(), None);
}

#[test]
fn another_failure_between_or_a_long_run_forgives_violations() {
    let code = ProblemCode::ProtocolViolation;
    let mut stage = Stage::new();
    stage.violate(Duration::ZERO, code);
    stage.violate(Duration::ZERO, code);
    stage.fail(Duration::ZERO, ProblemCode::Unavailable);
    for lasts in [Duration::ZERO, Duration::ZERO, FORGIVE_VIOLATIONS_AFTER, Duration::ZERO] {
        let state = stage.violate(lasts, code);
        assert!(matches!(state, State::Waiting { .. }), "{state:?}");
    }
    let state = stage.violate(Duration::ZERO, code);
    assert!(matches!(state, State::Quarantined { .. }), "{state:?}");
}

#[test]
fn another_configuration_forgives_violations() {
    let code = ProblemCode::ProtocolViolation;
    let mut stage = Stage::new();
    for _ in 0..3 {
        stage.violate(Duration::ZERO, code);
        let state = stage.violate(Duration::ZERO, code);
        assert!(matches!(state, State::Waiting { .. }), "{state:?}");
        stage
            .source
            .handle(Input::Configured(Enablement::Enabled), stage.now, LONG);
    }
}

#[test]
fn a_person_who_lifts_the_quarantine_grants_all_tries_again() {
    let code = ProblemCode::ProtocolViolation;
    let mut stage = Stage::new();
    for _ in 0..2 {
        stage.violate(Duration::ZERO, code);
        stage.violate(Duration::ZERO, code);
        let state = stage.violate(Duration::ZERO, code);
        assert!(matches!(state, State::Quarantined { .. }), "{state:?}");
        stage.source.handle(Input::Resume, stage.now, LONG);
    }
}

#[test]
fn a_later_host_goes_on_counting() {
    let code = ProblemCode::ProtocolViolation;
    let mut stage = Stage::new();
    for expected in 1..=2 {
        stage.violate(Duration::ZERO, code);
        assert_eq!(
            (stage.source.violations(), stage.source.quarantined()),
            (expected, None)
        );
    }
    let mut later = Stage::recalling(2, None);
    let state = later.violate(Duration::ZERO, code);
    assert!(matches!(state, State::Quarantined { .. }), "{state:?}");
    let cause = later.source.quarantined().cloned();
    assert_eq!(
        (later.source.violations(), cause.as_ref().map(|cause| cause.code)),
        (3, Some(code))
    );

    let held = || Stage::recalling(3, cause.clone());
    assert!(matches!(held().source.state(), State::Quarantined { .. }));
    for input in [Input::Resume, Input::Configured(Enablement::Enabled)] {
        let mut stage = held();
        stage.source.handle(input.clone(), stage.now, LONG);
        assert!(matches!(stage.source.state(), State::Launching { .. }), "{input:?}");
        assert_eq!((stage.source.violations(), stage.source.quarantined()), (0, None));
    }
    // A host that stops, or a source that is suspended, forgives nothing by that.
    let mut stage = held();
    for (input, runs) in [
        (Input::Stop { within: Duration::ZERO }, false),
        (Input::Start, false),
        (Input::Suspend, false),
        (Input::Resume, true),
    ] {
        assert_eq!(
            (stage.source.violations(), stage.source.quarantined()),
            (3, cause.as_ref()),
            "{input:?}"
        );
        stage.source.handle(input, stage.now, LONG);
        assert_eq!(stage.source.state().epoch().is_some(), runs);
    }
    assert_eq!(stage.source.violations(), 0, "a person wants as many tries as at first");
}

#[test]
fn a_run_that_listed_everything_forgives_however_short_it_was() {
    let mut stage = Stage::new();
    for _ in 0..2 {
        stage.violate(Duration::ZERO, ProblemCode::ProtocolViolation);
    }
    assert_eq!(stage.run(Duration::ZERO, EndCause::Finished), State::Finished);
    assert_eq!((stage.source.violations(), stage.source.quarantined()), (0, None));
}

#[test]
fn a_run_that_lasts_forgives_violations_while_it_lasts() {
    let mut stage = Stage::new();
    stage.violate(Duration::ZERO, ProblemCode::ProtocolViolation);
    let due = stage.source.next_timeout().unwrap();
    stage.source.handle_timeout(due);
    let epoch = stage.source.state().epoch().unwrap();
    stage.source.handle(Input::Launched { epoch }, due, LONG);
    for (after, violations) in [(STABLE_AFTER, 1), (FORGIVE_VIOLATIONS_AFTER, 0)] {
        let at = due.plus(after);
        assert_eq!(stage.source.next_timeout(), Some(at));
        stage.source.handle_timeout(at);
        assert_eq!(stage.source.violations(), violations);
    }
    assert_eq!(stage.source.next_timeout(), None);
}

#[test]
fn what_the_problem_says_would_help_is_waited_for() {
    let hour = Duration::from_secs(3600);
    let minute = Duration::from_secs(60);
    let cases = [
        (Retry::Backoff, Some(Duration::from_millis(199))),
        (Retry::OnContentChange, Some(Duration::from_millis(199))),
        (Retry::After(minute), Some(minute)),
        (Retry::After(hour * 24), Some(MAX_REQUESTED)),
        (Retry::Never, None),
        (Retry::OnConfigChange, None),
    ];
    for (retry, expected) in cases {
        let mut stage = Stage::new();
        let problem = Problem {
            retry,
            ..Problem::with_source(ProblemCode::RateLimited, "slow down")
        };
        let state = stage.run(Duration::ZERO, EndCause::Ended(problem.clone()));
        match expected {
            Some(wait) => assert_eq!(stage.waits().as_millis(), wait.as_millis(), "{retry:?}"),
            None => assert_eq!(state, State::Refused { cause: problem }, "{retry:?}"),
        }
    }
}

#[test]
fn an_open_circuit_waits_as_long_as_the_source_asked_for() {
    let mut stage = Stage::new();
    let hour = Duration::from_secs(3600);
    let problem = Problem {
        retry: Retry::After(hour),
        ..Problem::with_source(ProblemCode::RateLimited, "slow down")
    };
    for _ in 0..5 {
        stage.run(Duration::ZERO, EndCause::Ended(problem.clone()));
    }
    assert!(matches!(stage.source.state(), State::CircuitOpen(_)));
    assert_eq!(stage.waits(), hour);
}

/// The inputs a daemon could give in this state: launches answered, runs ended, persons and files doing anything.
fn input(dice: u8, epoch: Option<Epoch>) -> Option<Input> {
    let problem = |code| Problem::with_source(code, "");
    let about_run = |epoch| match dice % 5 {
        0 => Input::LaunchFailed {
            epoch,
            problem: problem(ProblemCode::StartTimeout),
        },
        1 => Input::Ended {
            epoch,
            cause: EndCause::Violation(problem(ProblemCode::ProtocolViolation)),
        },
        2 => Input::Ended {
            epoch,
            cause: EndCause::Drained,
        },
        _ => Input::Launched { epoch },
    };
    match dice / 16 {
        13 => Some(Input::StoreLost {
            cause: problem(ProblemCode::Unavailable),
        }),
        14 => Some(Input::StoreBack),
        0 => Some(Input::Start),
        1 => Some(Input::Suspend),
        2 => Some(Input::Resume),
        3 => Some(Input::Configured(Enablement::Enabled)),
        4 if dice.is_multiple_of(2) => Some(Input::Configured(Enablement::Disabled)),
        5 if dice.is_multiple_of(4) => Some(Input::Stop {
            within: Duration::from_secs(u64::from(dice % 8)),
        }),
        6..=12 => epoch.map(about_run),
        _ => None,
    }
}

fn lives() -> impl Strategy<Value = Vec<(u8, u64)>> {
    vec((any::<u8>(), any::<u64>()), 0..80)
}

/// What persons and files want, told apart from what the source does.
struct Wish {
    enabled: bool,
    suspended: bool,
    started: bool,
    stored: bool,
}

impl Wish {
    fn hear(&mut self, input: &Input) {
        match input {
            Input::Start => self.started = true,
            Input::Stop { .. } => self.started = false,
            Input::Suspend => self.suspended = true,
            Input::Resume => self.suspended = false,
            Input::Configured(enablement) => self.enabled = *enablement == Enablement::Enabled,
            Input::StoreLost { .. } => self.stored = false,
            Input::StoreBack => self.stored = true,
            Input::Numbered { .. } | Input::Launched { .. } | Input::LaunchFailed { .. } | Input::Ended { .. } => {}
        }
    }

    fn is_to_run(&self) -> bool {
        self.enabled && self.started && !self.suspended && self.stored
    }
}

proptest! {
    #[test]
    fn runs_never_overlap_and_only_a_wanted_source_is_launched(life in lives()) {
        let mut source = Stage::new().source;
        let mut wish = Wish { enabled: true, suspended: false, started: true, stored: true };
        let (mut now, mut last, mut running) = (START, Epoch::new(0), None);
        for (dice, jitter) in life {
            if let Some(Command::Launch { epoch }) = source.next_command() {
                (running, last) = (Some(epoch), epoch);
            }
            match input(dice, running) {
                Some(input) => {
                    wish.hear(&input);
                    if matches!(input, Input::LaunchFailed { .. } | Input::Ended { .. }) {
                        running = None;
                    }
                    source.handle(input, now, jitter);
                }
                None => {
                    now = source.next_timeout().unwrap_or(now);
                    source.handle_timeout(now);
                }
            }
            prop_assert!(source.next_timeout().is_none_or(|due| due >= now || source.state().epoch().is_some()));
            while let Some(command) = source.next_command() {
                match command {
                    Command::Launch { epoch } => {
                        prop_assert!(running.is_none(), "{epoch} began while {running:?} ran");
                        prop_assert!(epoch > last && wish.is_to_run());
                        (running, last) = (Some(epoch), epoch);
                    }
                    Command::Stop { epoch, .. } | Command::Kill { epoch } => prop_assert_eq!(Some(epoch), running),
                    Command::Report(Report::State(_) | Report::CircuitClosed) => {}
                }
            }
            prop_assert_eq!(source.state().epoch(), running);
        }
    }
}
