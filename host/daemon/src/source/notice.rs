//! What a source tells whoever watches the daemon.

use std::time::Duration;

use k1s_sync_engine::event::{SyncEvent, Tally};
use k1s_sync_engine::id::SourceName;
use k1s_sync_engine::lifecycle::State;
use k1s_sync_engine::message::Progress;
use k1s_sync_engine::problem::Problem;
use k1s_sync_engine::work::{Absence, HeldPruneId, HoldReason};

/// Something that happened to a source.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Notice {
    pub(crate) source: SourceName,
    pub(crate) what: What,
}

/// What happened.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum What {
    /// It is in another state.
    State {
        /// The state.
        state: State,
        /// When it is tried again by itself, from now.
        retry_in: Option<Duration>,
    },
    /// Its circuit closed.
    CircuitClosed,
    /// A listing goes on.
    Progress(Progress),
    /// Something went wrong outside any event.
    Problem(Problem),
    /// Something that it sent is durable, so long after it was here.
    Durable {
        /// Reading, waiting and committing.
        lag: Duration,
    },
    /// Objects changed, or could not, outside a listing.
    Events(Vec<SyncEvent>),
    /// Deletes are held, outside a listing.
    Held(Held),
    /// A scope follows its place from here on, and everything before is durable.
    Live,
    /// A request to list, named like this, was handled; what the listing led to was told before.
    Handled(Box<str>),
    /// A listing of everything it has ended, and is durable.
    Pass(PassSummary),
}

/// What a listing of everything a source has led to.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct PassSummary {
    /// Verdicts, counted; `pending` is what still waits.
    pub(crate) tally: Tally,
    /// What could not be read or applied, in order, at most [`super::pass::MAX_FAILURES`].
    pub(crate) failures: Vec<SyncEvent>,
    /// What changed, in order; empty when more did than [`super::pass::MAX_CHANGES`].
    pub(crate) changes: Vec<SyncEvent>,
    /// Held deletes.
    pub(crate) held: Vec<Held>,
    /// Why the listing proves nothing, if so.
    pub(crate) incomplete: Option<Problem>,
    /// How long it took.
    pub(crate) elapsed: Duration,
}

impl PassSummary {
    /// Whether everything the source has was read, and nothing waits for a person. What could not be applied yet may be
    /// by the time every source has ended.
    pub(crate) fn is_clean(&self) -> bool {
        self.tally.failed == 0 && self.held.is_empty() && self.incomplete.is_none()
    }
}

/// Deletes that a guard holds.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Held {
    pub(crate) id: HeldPruneId,
    pub(crate) rows: u64,
    pub(crate) reason: HoldReason,
}

impl Held {
    /// What is held of rows that went.
    pub(crate) fn of(absence: &Absence) -> Option<Self> {
        match absence {
            Absence::Held { id, rows, reason } => Some(Self {
                id: id.clone(),
                rows: *rows,
                reason: reason.clone(),
            }),
            Absence::None | Absence::Pruned(_) | Absence::Unproven(_) => None,
        }
    }
}
