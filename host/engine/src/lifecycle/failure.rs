//! What follows from a failed run.

use std::time::Duration;

use crate::backoff::{self, Backoff, STABLE_AFTER};
use crate::breaker::{Breaker, Circuit, OpenCircuit};
use crate::id::Moment;
use crate::problem::{Problem, ProblemCode, Retry};

/// Runs in a row that broke the contract until the source is quarantined.
pub const VIOLATIONS_TO_QUARANTINE: u32 = 3;
/// How long a run must last to forgive the violations before it.
pub const FORGIVE_VIOLATIONS_AFTER: Duration = Duration::from_secs(60 * 60);

/// What follows from a failed run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Consequence {
    Wait { until: Moment },
    Open(OpenCircuit),
    Quarantine,
    Refuse,
}

/// What kind of failure a problem is to the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    /// Time may help.
    Passing,
    /// The contract was broken.
    Violation,
    /// The program is not the one that was meant.
    Foreign,
    /// Nothing but another configuration helps.
    Permanent,
}

/// The failures of a source that are not forgotten.
#[derive(Clone, Debug, Default)]
pub(super) struct Failures {
    backoff: Backoff,
    breaker: Breaker,
    violations: u32,
}

impl Failures {
    /// Counts a failed run that lasted so long.
    pub(super) fn count(&mut self, problem: &Problem, lasted: Duration, now: Moment, jitter: u64) -> Consequence {
        if lasted >= FORGIVE_VIOLATIONS_AFTER {
            self.violations = 0;
        }
        match class(problem) {
            Class::Foreign => return Consequence::Quarantine,
            Class::Permanent => return Consequence::Refuse,
            Class::Violation => self.violations += 1,
            Class::Passing => self.violations = 0,
        }
        if self.violations >= VIOLATIONS_TO_QUARANTINE {
            return Consequence::Quarantine;
        }
        match self.breaker.handle_failure(problem, now, jitter) {
            Some(open) => Consequence::Open(open.clone()),
            None => {
                let delay = self.backoff.next_delay(jitter).max(backoff::requested(problem));
                Consequence::Wait { until: now.plus(delay) }
            }
        }
    }

    pub(super) fn circuit(&self) -> &Circuit {
        self.breaker.circuit()
    }

    /// A run begins.
    pub(super) fn handle_try(&mut self) {
        self.breaker.handle_try();
    }

    /// When a run that began then will have proved stable; `None` when nothing is to be forgotten by it.
    pub(super) fn stable_at(&self, since: Moment) -> Option<Moment> {
        let pristine = self.backoff == Backoff::default() && self.breaker == Breaker::default();
        (!pristine).then(|| since.plus(STABLE_AFTER))
    }

    /// A run proved stable; says whether a circuit closed.
    pub(super) fn handle_stable(&mut self) -> bool {
        self.backoff.reset();
        self.breaker.reset()
    }

    /// Violations in a row.
    pub(super) fn violations(&self) -> u32 {
        self.violations
    }

    /// Goes on counting where an earlier host stopped.
    pub(super) fn recall(&mut self, violations: u32) {
        self.violations = violations;
    }

    /// When a run that began then will have lasted long enough for the violations before it to be forgiven.
    pub(super) fn forgiven_at(&self, since: Moment) -> Option<Moment> {
        (self.violations > 0).then(|| since.plus(FORGIVE_VIOLATIONS_AFTER))
    }

    /// The violations are forgiven: a run lasted or did all it was for, or a person wants another try.
    pub(super) fn pardon(&mut self) {
        self.violations = 0;
    }
}

fn class(problem: &Problem) -> Class {
    match problem.code {
        ProblemCode::ProtocolViolation | ProblemCode::HashMismatch | ProblemCode::CountMismatch => Class::Violation,
        ProblemCode::Checksum => Class::Foreign,
        ProblemCode::ConfigInvalid | ProblemCode::IdentityChanged => Class::Permanent,
        ProblemCode::Auth
        | ProblemCode::Permission
        | ProblemCode::RootNotFound
        | ProblemCode::RootChanged
        | ProblemCode::Unavailable
        | ProblemCode::RateLimited
        | ProblemCode::Timeout
        | ProblemCode::DataInvalid
        | ProblemCode::DuplicateKey
        | ProblemCode::TooLarge
        | ProblemCode::Unsupported
        | ProblemCode::Partial
        | ProblemCode::ResumeRejected
        | ProblemCode::Internal
        | ProblemCode::KindNotAllowed
        | ProblemCode::OwnershipConflict
        | ProblemCode::AdoptionConflict
        | ProblemCode::NoKind
        | ProblemCode::NoNamespace
        | ProblemCode::Hung
        | ProblemCode::Crashed
        | ProblemCode::StartTimeout
        | ProblemCode::PeerMismatch => match problem.retry {
            Retry::Never | Retry::OnConfigChange => Class::Permanent,
            Retry::Backoff | Retry::After(_) | Retry::OnContentChange => Class::Passing,
        },
    }
}
