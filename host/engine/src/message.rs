//! What host and source tell each other within a session, free of any wire format.

use std::time::Duration;

use k1s_object::{KindNames, Timestamp};

use crate::event::Event;
use crate::id::{Generation, ScopeId, Seq, Token};
use crate::problem::{Problem, ProblemCode};

/// Events that are committed all together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Dense from 1 within the session.
    pub seq: Seq,
    /// The scope all events belong to.
    pub scope: ScopeId,
    /// The open listing they belong to; `None` for live changes.
    pub generation: Option<Generation>,
    /// The events in the order sent.
    pub events: Vec<Event>,
    /// Where to go on after this batch.
    pub token: Option<Token>,
    /// Whether deletes of further batches are to be judged with those of this one.
    pub more: More,
    /// Deletes that earlier batches of the same window brought; the session puts them here, a source cannot.
    pub earlier: Vec<Event>,
}

/// Events of one generation, by change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Upsert events.
    pub upserts: u64,
    /// Delete events.
    pub deletes: u64,
    /// Seen events.
    pub seen: u64,
    /// Ignored events.
    pub ignored: u64,
    /// Failed events.
    pub failed: u64,
}

/// What a source says about a listing it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Completeness {
    /// Everything the scope declares was sent.
    Complete,
    /// Something is missing.
    Incomplete(ProblemCode),
}

/// Ends a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotEnd {
    /// The scope.
    pub scope: ScopeId,
    /// The listing.
    pub generation: Generation,
    /// Whether it is whole.
    pub completeness: Completeness,
    /// The source's counts.
    pub counts: Counts,
    /// The source's digest of the listing.
    pub digest: [u8; 32],
    /// Where to go on from here.
    pub token: Option<Token>,
    /// Whether an empty listing is meant.
    pub empty: EmptyListing,
}

/// What an empty listing means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EmptyListing {
    /// Suspicious: nothing is pruned.
    Suspicious,
    /// The source says that the place is empty on purpose.
    Intentional,
}

/// Why a scope is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScopeGone {
    /// The configuration no longer selects it.
    Deselected,
    /// The place no longer serves it.
    Unsupported,
    /// Another scope took over.
    ReplacedBy(ScopeId),
}

/// What the work loop of a source is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activity {
    /// Silence for too long means that it hangs.
    Working,
    /// Nothing to do until something changes.
    Waiting,
}

/// How far a listing is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The scope.
    pub scope: ScopeId,
    /// Steps done.
    pub done: u64,
    /// Steps in all, where known.
    pub total: Option<u64>,
    /// Bytes read.
    pub bytes: u64,
    /// In the source's words.
    pub phase: String,
    /// The place asked to wait until then.
    pub rate_limited_until: Option<Timestamp>,
}

/// A message of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceMessage {
    /// Describes a kind.
    KindInfo(KindNames),
    /// Begins a complete listing.
    SnapshotBegin {
        /// The scope.
        scope: ScopeId,
        /// Larger than every earlier one of the scope in this session.
        generation: Generation,
        /// What makes the place this place.
        root_identity: String,
        /// How many events will come.
        expected: Option<u64>,
    },
    /// Carries events.
    Batch(Batch),
    /// Ends a complete listing.
    SnapshotEnd(SnapshotEnd),
    /// A scope exists no longer.
    ScopeGone {
        /// The scope.
        scope: ScopeId,
        /// Why.
        reason: ScopeGone,
    },
    /// From here on events of the scope are changes.
    Live {
        /// The scope.
        scope: ScopeId,
    },
    /// How far a listing is.
    Progress(Progress),
    /// A sign of life from the work loop.
    Heartbeat {
        /// Grows with work done.
        counter: u64,
        /// What the loop is doing.
        activity: Activity,
    },
    /// Something that went wrong outside any event.
    Problem(Problem),
    /// Everything up to here was sent.
    Drained {
        /// The last batch.
        last: Seq,
    },
}

/// How a session begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// List, then watch.
    Full,
    /// Go on from the tokens.
    Resume,
    /// List once.
    Once,
}

/// An event the host refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Its index in the batch.
    pub event: u32,
    /// Its class.
    pub code: ProblemCode,
    /// For a user.
    pub message: String,
}

/// A message of the host on the session's stream; what it holds is told beside these, from the store's rows as they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostMessage {
    /// Opens the session.
    Begin(Mode),
    /// A stored token.
    Resume {
        /// The scope.
        scope: ScopeId,
        /// As the source gave it.
        token: Token,
    },
    /// Everything of the opening was sent.
    Ready,
    /// Batches up to here are durable.
    Ack(Seq),
    /// Events the host refused.
    Nack {
        /// The batch.
        seq: Seq,
        /// The events.
        refusals: Vec<Refusal>,
    },
}

/// Whether a sequence of messages goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum More {
    /// More follow.
    Follows,
    /// This was the last.
    Last,
}

/// Why the host asks for a listing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyncReason {
    /// A person asked.
    Requested,
    /// The interval passed.
    Interval,
    /// What the source believes to be known is not.
    ForgetKnown,
    /// The host wants to be sure.
    Verify,
}

/// How long a source may work without a sign of life before it counts as hung.
pub const DEFAULT_HUNG_AFTER: Duration = Duration::from_secs(60);
