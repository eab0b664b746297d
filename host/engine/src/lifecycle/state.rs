//! The states of a source, what happens to it and what is to be done about it.

use std::time::Duration;

use crate::breaker::OpenCircuit;
use crate::id::{Epoch, Moment};
use crate::problem::Problem;
use crate::session::EndCause;

/// Whether the configuration enables a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Enablement {
    /// It may run.
    Enabled,
    /// It keeps everything and does not run.
    Disabled,
}

/// Whether a person suspended a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Suspension {
    /// It may run.
    Active,
    /// It does not run until a person resumes it.
    Suspended,
}

/// What a source is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// The host does not run sources, not yet or no more.
    Stopped,
    /// Switched off by its configuration.
    Disabled,
    /// Switched off by a person.
    Suspended {
        /// Why it will be refused when it is resumed, if it was refused before.
        refused: Option<Problem>,
    },
    /// Would run, but nothing can be stored: it goes on when something can be.
    Paused {
        /// What is wrong with the store.
        cause: Problem,
    },
    /// Between a failed run and the next.
    Waiting {
        /// When the next run begins.
        until: Moment,
        /// How the last run failed.
        cause: Problem,
    },
    /// Failed in the same way too often; tried rarely.
    CircuitOpen(OpenCircuit),
    /// The process starts and is asked who it is.
    Launching {
        /// The run.
        epoch: Epoch,
    },
    /// A session is open.
    Running {
        /// The run.
        epoch: Epoch,
        /// When the session was opened.
        since: Moment,
    },
    /// Asked to finish.
    Stopping {
        /// The run.
        epoch: Epoch,
        /// When it will be killed.
        deadline: Moment,
    },
    /// Being killed; over when the process is reaped.
    Killing {
        /// The run.
        epoch: Epoch,
    },
    /// Broke the contract again and again, or is not the pinned program: a person or a new configuration must say go.
    Quarantined {
        /// The last of what it did.
        cause: Problem,
    },
    /// Cannot work as configured; only a new configuration helps.
    Refused {
        /// Why.
        cause: Problem,
    },
    /// Listed everything once, as it was asked to.
    Finished,
}

impl State {
    /// The run that is not over.
    #[must_use]
    pub fn epoch(&self) -> Option<Epoch> {
        match self {
            Self::Launching { epoch }
            | Self::Running { epoch, .. }
            | Self::Stopping { epoch, .. }
            | Self::Killing { epoch } => Some(*epoch),
            Self::Stopped
            | Self::Disabled
            | Self::Suspended { .. }
            | Self::Paused { .. }
            | Self::Waiting { .. }
            | Self::CircuitOpen(_)
            | Self::Quarantined { .. }
            | Self::Refused { .. }
            | Self::Finished => None,
        }
    }

    /// Whether it does not run because it is not to run.
    pub(super) fn is_rest(&self) -> bool {
        matches!(self, Self::Stopped | Self::Disabled | Self::Suspended { .. })
    }

    /// Why it was refused.
    pub(super) fn refusal(&self) -> Option<&Problem> {
        if let Self::Refused { cause } | Self::Suspended { refused: Some(cause) } = self {
            Some(cause)
        } else {
            None
        }
    }

    /// How long its session has been open.
    pub(super) fn lasted(&self, now: Moment) -> Duration {
        if let Self::Running { since, .. } = self {
            now.since(*since)
        } else {
            Duration::ZERO
        }
    }
}

/// Something that happened to a source.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// The host begins to run sources.
    Start,
    /// The host ends; the source may take this long to finish.
    Stop {
        /// From now on.
        within: Duration,
    },
    /// A person suspended it.
    Suspend,
    /// A person lets it go on, or try again at once.
    Resume,
    /// Nothing can be stored any more: what runs is ended, without counting as a failure, and nothing is begun.
    StoreLost {
        /// What is wrong with the store.
        cause: Problem,
    },
    /// Something can be stored again.
    StoreBack,
    /// Its configuration changed: what runs is ended and begun anew, what failed is forgotten.
    Configured(Enablement),
    /// The number that the store gave the launch that goes on; another one than asked for where an earlier number was
    /// not stored.
    Numbered {
        /// The run.
        epoch: Epoch,
    },
    /// The session is open.
    Launched {
        /// The run.
        epoch: Epoch,
    },
    /// No session came about; the process, if there was one, is reaped.
    LaunchFailed {
        /// The run.
        epoch: Epoch,
        /// Why.
        problem: Problem,
    },
    /// The session is over and the process is reaped.
    Ended {
        /// The run.
        epoch: Epoch,
        /// Why.
        cause: EndCause,
    },
}

/// One effect, to be carried out in the order given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Persist the epoch, say by [`Input::Numbered`] which one it is, then launch.
    Launch {
        /// The run, as far as is known.
        epoch: Epoch,
    },
    /// Ask the source to finish by then. May come again with an earlier time.
    Stop {
        /// The run.
        epoch: Epoch,
        /// When it will be killed.
        deadline: Moment,
    },
    /// Kill the process and everything it started.
    Kill {
        /// The run.
        epoch: Epoch,
    },
    /// Tell whoever watches.
    Report(Report),
}

/// A change that users, status and metrics are told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    /// The source is in another state.
    State(State),
    /// A run proved stable, or the configuration changed, and the open circuit closed.
    CircuitClosed,
}
