//! Every state of a source against every input: what is listed happens, and nothing else changes anything.

use std::collections::BTreeMap;
use std::time::Duration;

use k1s_sync_engine::id::Epoch;
use k1s_sync_engine::lifecycle::{Command, Enablement, Input, Lifecycle, Report, Settings, State, Suspension};
use k1s_sync_engine::problem::{Problem, ProblemCode};
use k1s_sync_engine::session::EndCause;

use crate::cast::{START, after};

/// Full jitter at its longest.
const LONG: u64 = u64::MAX;

fn problem(code: ProblemCode) -> Problem {
    Problem::with_source(code, "it failed")
}

/// The inputs by name, all of them about this run.
fn inputs(epoch: Epoch) -> BTreeMap<&'static str, Input> {
    let ended = |cause| Input::Ended { epoch, cause };
    let failed = |code| Input::LaunchFailed {
        epoch,
        problem: problem(code),
    };
    let within = Duration::from_secs(2);
    BTreeMap::from([
        ("start", Input::Start),
        ("stop", Input::Stop { within }),
        ("suspend", Input::Suspend),
        ("resume", Input::Resume),
        ("configure", Input::Configured(Enablement::Enabled)),
        ("disable", Input::Configured(Enablement::Disabled)),
        (
            "store lost",
            Input::StoreLost {
                cause: problem(ProblemCode::Unavailable),
            },
        ),
        ("store back", Input::StoreBack),
        ("numbered", Input::Numbered { epoch }),
        ("launched", Input::Launched { epoch }),
        ("launch failed", failed(ProblemCode::StartTimeout)),
        ("launch failed: CONFIG_INVALID", failed(ProblemCode::ConfigInvalid)),
        ("launch failed: CHECKSUM", failed(ProblemCode::Checksum)),
        ("drained", ended(EndCause::Drained)),
        ("finished", ended(EndCause::Finished)),
        ("hung", ended(EndCause::Hung(problem(ProblemCode::Hung)))),
        (
            "violation",
            ended(EndCause::Violation(problem(ProblemCode::HashMismatch))),
        ),
        (
            "ended: CONFIG_INVALID",
            ended(EndCause::Ended(problem(ProblemCode::ConfigInvalid))),
        ),
        (
            "of another run: launched",
            Input::Launched {
                epoch: Epoch::new(epoch.get() + 1),
            },
        ),
        (
            "of another run: ended",
            Input::Ended {
                epoch: Epoch::new(epoch.get() + 1),
                cause: EndCause::Drained,
            },
        ),
        (
            "of another run: launch failed",
            Input::LaunchFailed {
                epoch: Epoch::new(epoch.get() + 1),
                problem: problem(ProblemCode::Checksum),
            },
        ),
    ])
}

fn source(enablement: Enablement, suspension: Suspension) -> Lifecycle {
    Lifecycle::new(Settings {
        enablement,
        suspension,
        last_epoch: Epoch::new(6),
        stop_within: Duration::from_secs(10),
    })
}

/// A started source to which these inputs happened, one after the other, each due timeout between them done.
fn history(names: &[&str]) -> Lifecycle {
    let mut source = source(Enablement::Enabled, Suspension::Active);
    source.handle(Input::Start, START, LONG);
    for name in names {
        if let Some(due) = source.next_timeout() {
            source.handle_timeout(due);
        }
        let epoch = source.state().epoch().unwrap_or(Epoch::new(6));
        source.handle(inputs(epoch)[name].clone(), START, LONG);
    }
    while source.next_command().is_some() {}
    source
}

fn with(enablement: Enablement, suspension: Suspension) -> Lifecycle {
    let mut source = source(enablement, suspension);
    source.handle(Input::Start, START, LONG);
    while source.next_command().is_some() {}
    source
}

/// A name for a state, and how to get there.
type Beginning = (&'static str, fn() -> Lifecycle);

fn beginnings() -> Vec<Beginning> {
    const FAILED: &str = "launch failed";
    vec![
        ("stopped", || source(Enablement::Enabled, Suspension::Active)),
        ("disabled", || with(Enablement::Disabled, Suspension::Active)),
        ("disabled and suspended", || {
            with(Enablement::Disabled, Suspension::Suspended)
        }),
        ("suspended", || with(Enablement::Enabled, Suspension::Suspended)),
        ("suspended when refused", || {
            history(&["ended: CONFIG_INVALID", "suspend"])
        }),
        ("paused", || history(&["launched", "store lost", "drained"])),
        ("waiting", || history(&[FAILED])),
        ("waiting without a store", || {
            let mut source = history(&[FAILED]);
            source.handle(inputs(Epoch::new(7))["store lost"].clone(), START, LONG);
            source
        }),
        ("circuit open", || history(&[FAILED; 5])),
        ("launching", || history(&[])),
        ("running", || history(&["launched"])),
        ("running after a failure", || history(&[FAILED, "launched"])),
        ("running as a probe", || {
            history(&[FAILED, FAILED, FAILED, FAILED, FAILED, "launched"])
        }),
        ("running after two violations", || {
            history(&["violation", "violation", "launched"])
        }),
        ("stopping to rest", || history(&["launched", "suspend"])),
        ("stopping to begin anew", || history(&["launched", "configure"])),
        ("killing to rest", || history(&["suspend"])),
        ("killing to begin anew", || history(&["configure"])),
        ("killing for want of a store", || history(&["launched", "store lost"])),
        ("quarantined", || history(&["launch failed: CHECKSUM"])),
        ("refused", || history(&["ended: CONFIG_INVALID"])),
        ("finished", || history(&["launched", "finished"])),
    ]
}

/// What happens in each state; an input that is not listed changes nothing.
const TABLE: &str = include_str!("lifecycle_table.txt");

#[test]
fn every_input_in_every_state_does_what_the_table_says() {
    let mut found = String::new();
    for (name, make) in beginnings() {
        found.push_str(&format!("{name}\n"));
        let epoch = make().state().epoch().unwrap_or(Epoch::new(6));
        let due = make().next_timeout();
        let by_input = inputs(epoch).into_iter().map(|(input_name, input)| {
            let mut source = make();
            source.handle(input, after(5), LONG);
            (input_name, make(), source)
        });
        let timeout = due.map(|due| {
            let mut source = make();
            source.handle_timeout(due);
            ("when due", make(), source)
        });
        for (input, before, mut source) in by_input.chain(timeout) {
            let done = effects(&before, &mut source);
            if !done.is_empty() {
                found.push_str(&format!("  {input:<30} {done}\n"));
            }
        }
    }
    assert!(found == TABLE, "the table should read:\n{found}");
}

#[test]
fn nothing_is_done_before_it_is_due() {
    for (name, make) in beginnings() {
        let mut source = make();
        let before = source.state().clone();
        let early = Duration::from_nanos(1);
        if let Some(due) = source.next_timeout() {
            source.handle_timeout(k1s_sync_engine::id::Moment::new(
                due.since(k1s_sync_engine::id::Moment::default()) - early,
            ));
        }
        assert_eq!((source.next_command(), source.state()), (None, &before), "{name}");
    }
}

/// The new state and the effects; checks that a state is reported exactly when it is new.
fn effects(before: &Lifecycle, source: &mut Lifecycle) -> String {
    let mut parts = vec![];
    let mut reported = None;
    while let Some(command) = source.next_command() {
        match command {
            Command::Launch { epoch } => parts.push(format!("launch {epoch}")),
            Command::Stop { deadline, .. } => parts.push(format!("stop in {} s", deadline.since(after(5)).as_secs())),
            Command::Kill { epoch } => parts.push(format!("kill {epoch}")),
            Command::Report(Report::CircuitClosed) => parts.push("circuit closed".to_owned()),
            Command::Report(Report::State(state)) => {
                assert_eq!(reported.replace(state), None, "reported twice");
            }
        }
    }
    let news = (source.state() != before.state()).then(|| source.state().clone());
    assert_eq!(reported, news, "a new state is reported, an old one is not");
    parts.splice(0..0, news.iter().map(describe));
    parts.join(", ")
}

fn describe(state: &State) -> String {
    match state {
        State::Stopped => "Stopped".to_owned(),
        State::Disabled => "Disabled".to_owned(),
        State::Suspended { refused: None } => "Suspended".to_owned(),
        State::Suspended { refused: Some(cause) } => format!("Suspended (refused: {})", cause.code),
        State::Paused { cause } => format!("Paused ({})", cause.code),
        State::Waiting { until, cause } => {
            format!("Waiting ({}, {} ms)", cause.code, until.since(after(5)).as_millis())
        }
        State::CircuitOpen(open) => {
            let wait = open.next_try.since(after(5)).as_secs();
            format!("CircuitOpen ({}, {wait} s)", open.reason.code)
        }
        State::Launching { .. } => "Launching".to_owned(),
        State::Running { .. } => "Running".to_owned(),
        State::Stopping { .. } => "Stopping".to_owned(),
        State::Killing { .. } => "Killing".to_owned(),
        State::Quarantined { cause } => format!("Quarantined ({})", cause.code),
        State::Refused { cause } => format!("Refused ({})", cause.code),
        State::Finished => "Finished".to_owned(),
    }
}
