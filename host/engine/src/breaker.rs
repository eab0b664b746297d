//! The circuit breaker of a source: after the same failure again and again it is tried rarely, one probe at a time.

use std::time::Duration;

use crate::backoff;
use crate::id::Moment;
use crate::problem::{Problem, ProblemCode};

/// Failures of one class in a row that open the circuit.
pub const OPENS_AFTER: u32 = 5;
/// The longest wait for a probe; the shortest is half of it.
pub const PROBE_AFTER: Duration = Duration::from_secs(60);

/// An open circuit: what a person is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenCircuit {
    /// When it opened; probes that fail do not change it.
    pub since: Moment,
    /// When the next probe is due.
    pub next_try: Moment,
    /// The last failure.
    pub reason: Problem,
}

/// Whether runs are tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Circuit {
    /// As always; counts failures of one class in a row.
    Closed {
        /// The class of the last failure, if there was one since the last success.
        class: Option<ProblemCode>,
        /// Failures of that class in a row.
        failures: u32,
    },
    /// Only when the next probe is due.
    Open(OpenCircuit),
    /// A probe runs; its failure opens the circuit again, whatever its class.
    HalfOpen {
        /// When the circuit opened.
        since: Moment,
    },
}

/// The circuit breaker of one source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breaker {
    circuit: Circuit,
}

impl Default for Breaker {
    fn default() -> Self {
        Self {
            circuit: Circuit::Closed {
                class: None,
                failures: 0,
            },
        }
    }
}

impl Breaker {
    /// What the circuit is.
    #[must_use]
    pub fn circuit(&self) -> &Circuit {
        &self.circuit
    }

    /// A run failed; returns the circuit if it is open now.
    pub fn handle_failure(&mut self, problem: &Problem, now: Moment, jitter: u64) -> Option<&OpenCircuit> {
        let (failures, since) = match &self.circuit {
            Circuit::Closed { class, failures } if *class == Some(problem.code) => (failures + 1, now),
            Circuit::Closed { .. } => (1, now),
            Circuit::Open(OpenCircuit { since, .. }) | Circuit::HalfOpen { since } => (OPENS_AFTER, *since),
        };
        self.circuit = if failures < OPENS_AFTER {
            Circuit::Closed {
                class: Some(problem.code),
                failures,
            }
        } else {
            let half = PROBE_AFTER / 2;
            let wait = half + backoff::portion(half, jitter);
            Circuit::Open(OpenCircuit {
                since,
                next_try: now.plus(wait.max(backoff::requested(problem))),
                reason: problem.clone(),
            })
        };
        match &self.circuit {
            Circuit::Open(open) => Some(open),
            Circuit::Closed { .. } | Circuit::HalfOpen { .. } => None,
        }
    }

    /// A run begins: through an open circuit it is the one probe.
    pub fn handle_try(&mut self) {
        match &self.circuit {
            Circuit::Open(OpenCircuit { since, .. }) => self.circuit = Circuit::HalfOpen { since: *since },
            Circuit::Closed { .. } | Circuit::HalfOpen { .. } => {}
        }
    }

    /// A run proved stable, or there is a reason to begin anew; says whether a circuit that was not closed closed.
    pub fn reset(&mut self) -> bool {
        let closes = match self.circuit {
            Circuit::Closed { .. } => false,
            Circuit::Open(_) | Circuit::HalfOpen { .. } => true,
        };
        *self = Self::default();
        closes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Moment = Moment::new(Duration::from_secs(1000));

    fn fail(breaker: &mut Breaker, code: ProblemCode) -> bool {
        let problem = Problem::with_source(code, "");
        breaker.handle_failure(&problem, START, 0).is_some()
    }

    #[test]
    fn it_opens_at_the_fifth_failure_of_one_class_in_a_row() {
        let (down, auth) = (ProblemCode::Unavailable, ProblemCode::Auth);
        let cases: [(&[ProblemCode], bool); 4] = [
            (&[down, down, down, down], false),
            (&[down, down, down, down, down], true),
            (&[down, down, down, down, auth], false),
            (&[down, auth, auth, auth, auth, auth], true),
        ];
        for (codes, opens) in cases {
            let mut breaker = Breaker::default();
            let states: Vec<_> = codes.iter().map(|code| fail(&mut breaker, *code)).collect();
            assert_eq!(states.last(), Some(&opens), "{codes:?}");
            assert!(!states[..states.len() - 1].contains(&true), "{codes:?}");
        }
    }

    #[test]
    fn the_next_probe_is_due_within_half_and_the_whole_wait() {
        for (jitter, seconds) in [(0, 30), (u64::MAX, 59)] {
            let mut breaker = Breaker::default();
            let problem = Problem::with_source(ProblemCode::Unavailable, "refused");
            let mut open = None;
            for _ in 0..OPENS_AFTER {
                open = breaker.handle_failure(&problem, START, jitter).cloned();
            }
            let open = open.unwrap();
            assert_eq!(open.next_try.since(START).as_secs(), seconds);
            assert_eq!((open.since, open.reason), (START, problem));
        }
    }

    #[test]
    fn one_failed_probe_of_any_class_opens_it_again_and_keeps_its_age() {
        let mut breaker = Breaker::default();
        for _ in 0..OPENS_AFTER {
            fail(&mut breaker, ProblemCode::Unavailable);
        }
        breaker.handle_try();
        assert_eq!(breaker.circuit(), &Circuit::HalfOpen { since: START });
        let later = START.plus(PROBE_AFTER);
        let problem = Problem::with_source(ProblemCode::Auth, "");
        let open = breaker.handle_failure(&problem, later, 0).unwrap();
        assert_eq!((open.since, open.next_try), (START, later.plus(PROBE_AFTER / 2)));
        assert!(breaker.reset());
        assert!(!breaker.reset());
        assert_eq!(breaker, Breaker::default());
    }
}
