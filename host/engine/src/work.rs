//! What a session hands to the writer of the store, and what comes back.

use k1s_object::{Key, KindNames};
use serde::{Deserialize, Serialize};

use crate::event::{SyncEvent, Tally};
use crate::id::{Generation, ScopeId, Seq, Token};
use crate::message::{Batch, EmptyListing, Refusal, ScopeGone};
use crate::problem::Problem;

/// One thing for the writer to do for a source, in the order of the session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Work {
    /// A kind that only the source knows.
    Kind(KindNames),
    /// A listing begins: nothing of the scope is touched yet.
    BeginGeneration {
        /// The scope.
        scope: ScopeId,
        /// The listing.
        generation: Generation,
        /// What the place says it is.
        root_identity: String,
    },
    /// Apply a batch, all of it in one transaction.
    Apply(Batch),
    /// A listing ended: find out what is absent, if it was whole.
    EndGeneration(GenerationEnd),
    /// A scope is gone: its rows become orphans or move.
    ScopeGone {
        /// The scope.
        scope: ScopeId,
        /// Why.
        reason: ScopeGone,
    },
}

/// The end of a listing, judged by the session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GenerationEnd {
    /// The scope.
    pub scope: ScopeId,
    /// The listing.
    pub generation: Generation,
    /// Whether absence means anything.
    pub outcome: Outcome,
    /// Where to go on from here; stored also when a prune is held.
    pub token: Option<Token>,
    /// What an empty listing means.
    pub empty: EmptyListing,
}

/// Whether a listing proved to be whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Same session, dense sequence, equal counts and digest, no problem above object level.
    Complete,
    /// Something is missing; the problem says what.
    Incomplete(Problem),
}

/// What the writer made of one [`Work`], after it is durable and published.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Receipt {
    /// The batch that is durable now, for an `Apply`.
    pub seq: Option<Seq>,
    /// Verdicts, counted.
    pub tally: Tally,
    /// Everything that was not `Unchanged` or `Ignored`, in the order applied.
    pub events: Vec<SyncEvent>,
    /// Events that the host refused and keeps as pending.
    pub refusals: Vec<Refusal>,
    /// The scope in which a `Seen` named a state the host does not hold, so that its listing is incomplete.
    pub unknown_seen: Option<ScopeId>,
    /// What became of the deletes that the source declared, for an `Apply` that has any.
    pub declared: Option<Absence>,
    /// What the end of a listing led to, for an `EndGeneration`.
    pub closed: Option<GenerationClosed>,
}

/// What the end of a listing led to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GenerationClosed {
    /// The scope.
    pub scope: ScopeId,
    /// The listing.
    pub generation: Generation,
    /// What became of the rows that were absent.
    pub absence: Absence,
    /// Pending rows the scope still has.
    pub pending: u64,
}

/// What became of the rows a listing did not touch, or the source declared no longer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Absence {
    /// There were none.
    None,
    /// They were pruned; how many objects went.
    Pruned(u64),
    /// A guard holds them.
    Held {
        /// Names the held prune.
        id: HeldPruneId,
        /// How many rows it holds.
        rows: u64,
        /// Which guard.
        reason: HoldReason,
    },
    /// The listing was incomplete; nothing may be concluded.
    Unproven(Problem),
}

/// Names a held prune by the hash of its list: 16 hexadecimal characters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct HeldPruneId(pub Box<str>);

/// Why deletes are held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum HoldReason {
    /// More would go than the guard allows at once.
    Guard {
        /// Objects within the last hour's peak that would be gone.
        shrink: u64,
        /// How many may go.
        limit: u64,
    },
    /// Everything the source has would go.
    Empty,
    /// The place is not the one the objects came from.
    RootChanged {
        /// As stored.
        stored: String,
        /// As seen.
        seen: String,
    },
    /// A namespace or definition still holds objects that would stay.
    Contents(Key),
    /// The object itself asks for a person's word, or forbids it.
    Annotation(Key),
}
