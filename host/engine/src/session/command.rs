//! What a session asks the daemon to do.

use super::demand::Demand;
use crate::id::ScopeId;
use crate::message::{HostMessage, Progress, SyncReason};
use crate::problem::Problem;
use crate::work::{GenerationClosed, Work};

/// One effect of a session, to be carried out in the order given.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Hand this to the writer; its receipt comes back through `handle_committed`, one for each, in this order.
    Submit(Work),
    /// Send this to the source: an `Ack` or a `Nack`.
    Send(HostMessage),
    /// Call `Sync`; its answer comes back through `handle_sync_answer`.
    RequestSync {
        /// The scope.
        scope: ScopeId,
        /// Why.
        reason: SyncReason,
    },
    /// Tell whoever watches.
    Report(Report),
    /// The session is over: read no more of it. Receipts still due may be handed in; they lead to reports only.
    End(EndCause),
}

/// Something about a source that users, status and metrics are told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    /// The scope follows its place from here on, and everything before is durable.
    Live(ScopeId),
    /// How far a listing is, in the source's words.
    Progress(Progress),
    /// Something went wrong outside any event.
    Problem(Problem),
    /// A listing ended and its end is durable.
    GenerationClosed(GenerationClosed),
    /// Of every scope a listing that began after the demand has ended, and its end is durable.
    Met(Demand),
}

/// Why a session is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EndCause {
    /// The source finished what it held, and all of it is durable.
    Drained,
    /// In mode `Once`: every scope is listed, and all of it is durable.
    Finished,
    /// The source broke the contract.
    Violation(Problem),
    /// The source said that it works and then nothing more.
    Hung(Problem),
    /// The stream ended, or the time to drain was over, before the source had drained.
    Ended(Problem),
}
