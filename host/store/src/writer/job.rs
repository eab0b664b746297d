//! What can be asked of the writer.

use std::sync::Arc;

use k1s_sync_engine::id::{Epoch, SourceName};
use k1s_sync_engine::policy::SourcePolicy;
use k1s_sync_engine::work::Receipt;
use tokio::sync::oneshot;

use crate::command::{Command, CommandOutcome};
use crate::engine::EngineError;
use crate::error::StoreError;
use crate::status::StatusNote;
use crate::writer::release::{Leaving, Step};
use crate::writer::{Edit, Edited, Opening, Submission};

/// Where an answer goes.
pub(crate) type Reply<T> = oneshot::Sender<Result<T, StoreError>>;

/// What a job came to: an answer for its asker, or a failure of the engine that ends the transaction.
pub(crate) type Outcome<T> = Result<Result<T, StoreError>, EngineError>;

/// Answers a job once its transaction is durable, or has failed.
pub(crate) type Completion = Box<dyn FnOnce(Result<(), StoreError>)>;

/// Prepares the answer to a job; a failure of the engine is left for whoever ends the transaction.
pub(crate) fn answer<T: 'static>(reply: Reply<T>, outcome: Outcome<T>) -> (Completion, Result<(), EngineError>) {
    match outcome {
        Ok(outcome) => (complete(reply, outcome), Ok(())),
        Err(error) => (complete(reply, Err(StoreError::Closed)), Err(error)),
    }
}

fn complete<T: 'static>(reply: Reply<T>, outcome: Result<T, StoreError>) -> Completion {
    Box::new(move |durable| {
        // The asker may have gone; what it asked for is done all the same.
        drop(reply.send(durable.and(outcome)));
    })
}

/// One request and where its answer goes.
#[derive(Debug)]
pub(crate) enum Job {
    Raise {
        source: SourceName,
        reply: Reply<Epoch>,
    },
    Open {
        source: SourceName,
        epoch: Epoch,
        policy: SourcePolicy,
        reply: Reply<Opening>,
    },
    Index {
        reply: Reply<()>,
    },
    Work {
        source: SourceName,
        epoch: Epoch,
        submission: Submission,
        reply: Reply<Receipt>,
    },
    Close {
        source: SourceName,
        epoch: Epoch,
        reply: Reply<()>,
    },
    Edit {
        edit: Edit,
        reply: Reply<Edited>,
    },
    Command {
        command: Command,
        user: Box<str>,
        reply: Reply<CommandOutcome>,
    },
    Release {
        leaving: Arc<Leaving>,
        reply: Reply<Step>,
    },
    Note {
        source: SourceName,
        note: StatusNote,
        reply: Reply<()>,
    },
    Probe {
        reply: Reply<()>,
    },
    Lose {
        error: EngineError,
        reply: Reply<()>,
    },
}

impl Job {
    /// The completion of a job that nobody did, because its transaction failed before.
    pub(crate) fn undone(self) -> Completion {
        match self {
            Self::Raise { reply, .. } => complete(reply, Err(StoreError::Closed)),
            Self::Open { reply, .. } => complete(reply, Err(StoreError::Closed)),
            Self::Work { reply, .. } => complete(reply, Err(StoreError::Closed)),
            Self::Close { reply, .. } => complete(reply, Err(StoreError::Closed)),
            Self::Edit { reply, .. } => complete(reply, Err(StoreError::Closed)),
            Self::Command { reply, .. } => complete(reply, Err(StoreError::Closed)),
            Self::Release { reply, .. } => complete(reply, Err(StoreError::Closed)),
            Self::Note { reply, .. } | Self::Probe { reply } | Self::Lose { reply, .. } | Self::Index { reply } => {
                complete(reply, Err(StoreError::Closed))
            }
        }
    }

    /// Whether it asks that storing be proven.
    pub(crate) fn is_probe(&self) -> bool {
        matches!(self, Self::Probe { .. })
    }

    /// Whether the indexes of sessions have to be complete for it.
    pub(crate) fn asks_indexes(&self) -> bool {
        match self {
            Self::Index { .. }
            | Self::Work { .. }
            | Self::Edit { .. }
            | Self::Command { .. }
            | Self::Release { .. } => true,
            Self::Raise { .. }
            | Self::Open { .. }
            | Self::Close { .. }
            | Self::Note { .. }
            | Self::Probe { .. }
            | Self::Lose { .. } => false,
        }
    }

    /// Bytes it brings, roughly.
    pub(crate) fn size(&self) -> usize {
        const FLAT: usize = 4096;
        // Some of what is beside the store, and enough that a proof does not fit into what a file has free inside.
        const BESIDE: usize = 64 * 1024;
        match self {
            Self::Work { submission, .. } => submission.size().max(FLAT),
            Self::Lose { .. } => BESIDE,
            Self::Raise { .. }
            | Self::Open { .. }
            | Self::Index { .. }
            | Self::Close { .. }
            | Self::Edit { .. }
            | Self::Command { .. }
            | Self::Release { .. }
            | Self::Note { .. }
            | Self::Probe { .. } => FLAT,
        }
    }
}
