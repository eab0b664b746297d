//! What the environment says is to happen, and where the process is in it.

use std::env;
use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::process;
use std::sync::{LazyLock, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use rustix::process::{Signal, getpid, kill_process};

use crate::Point;

const CRASH_AT: &str = "K1S_CRASH_AT";
const HOLD_AT: &str = "K1S_HOLD_AT";
/// Longer than a stop needs to reach every thread of a process, on a busy machine.
const STOP_GRACE: Duration = Duration::from_secs(1);
const MARK: &str = "K1S_CRASH_MARK";

static PLAN: LazyLock<Option<Mutex<Plan>>> = LazyLock::new(|| {
    let asked = |variable, signal| env::var(variable).ok().map(|text| (variable, text, signal));
    let (variable, text, signal) = asked(CRASH_AT, Signal::KILL).or_else(|| asked(HOLD_AT, Signal::STOP))?;
    let Some(steps) = steps(&text) else {
        eprintln!("{variable}={text} names no points");
        process::exit(2)
    };
    Some(Mutex::new(Plan {
        steps,
        signal,
        mark: env::var_os(MARK).map(PathBuf::from),
    }))
});

struct Plan {
    /// What is still to be passed, the next last.
    steps: Vec<(String, u32)>,
    signal: Signal,
    mark: Option<PathBuf>,
}

/// Reads `H8,H6:2` as what is to be passed, the first last; `None` unless each part is a name and a count from 1.
fn steps(text: &str) -> Option<Vec<(String, u32)>> {
    let step = |part: &str| {
        let (name, count) = part.split_once(':').unwrap_or((part, "1"));
        let is_name = Point::ALL.iter().any(|point| point.name() == name);
        let count = count.parse().ok().filter(|count| *count > 0)?;
        is_name.then(|| (name.to_owned(), count))
    };
    text.split(',').rev().map(step).collect()
}

/// Goes one step on if `point` is the one that is waited for. Returns whether it was the last.
fn advance(steps: &mut Vec<(String, u32)>, point: Point) -> bool {
    match steps.last_mut() {
        Some((name, count)) if name == point.name() => *count -= 1,
        Some(_) | None => return false,
    }
    steps.pop_if(|(_, count)| *count == 0);
    steps.is_empty()
}

pub(crate) fn pass(point: impl FnOnce() -> Option<Point>, last_words: impl FnOnce()) {
    let Some(plan) = &*PLAN else { return };
    let Some(point) = point() else { return };
    // Held until the signal is sent, so that no other thread gets past a later point.
    let mut plan = plan.lock().unwrap_or_else(PoisonError::into_inner);
    if advance(&mut plan.steps, point) && plan.is_first() {
        last_words();
        plan.act();
    }
}

impl Plan {
    /// Whether no process before this one left its mark; leaves it.
    fn is_first(&self) -> bool {
        let Some(mark) = &self.mark else { return true };
        match OpenOptions::new().write(true).create_new(true).open(mark) {
            Ok(_) => true,
            Err(error) if error.kind() == ErrorKind::AlreadyExists => false,
            Err(error) => {
                eprintln!("{}: {error}", mark.display());
                process::exit(2)
            }
        }
    }

    fn act(&self) {
        if let Err(error) = kill_process(getpid(), self.signal) {
            eprintln!("{:?}: {error}", self.signal);
            process::exit(2)
        }
        // A stop reaches another thread first, now and then; this one must not go on until it is continued.
        thread::sleep(STOP_GRACE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passages_are_counted_and_follow_each_other() {
        use Point::{H3, H6, H8, K1};
        for (text, points, expected) in [
            ("H6", &[H3, H6][..], Some(1)),
            ("H6:2", &[H6, H3, H6, H6], Some(2)),
            ("H8,H6", &[H6, H8, H3, H6], Some(3)),
            ("H3:2,H6:2", &[H6, H3, H6, H3, H6, H6], Some(5)),
            ("K1", &[H3, H6], None),
        ] {
            let mut steps = steps(text).unwrap();
            let acts = points.iter().position(|point| advance(&mut steps, *point));
            assert_eq!(acts, expected, "{text}");
            assert!(expected.is_none() || !advance(&mut steps, K1));
        }
    }

    #[test]
    fn what_names_no_points_is_refused() {
        for text in ["", "H0", "H6:", "H6:0", "H6:-1", "H6,", "h6", "H6 "] {
            assert_eq!(steps(text), None, "{text:?}");
        }
    }
}
