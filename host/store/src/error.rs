//! Why the store could not do as asked.

use std::sync::Arc;

use k1s_object::{InstanceId, Key};
use k1s_sync_engine::id::{Revision, SourceName};
use thiserror::Error;

use crate::command::CommandError;
use crate::engine::EngineError;
use crate::row::Uid;

/// Why the store could not do as asked.
#[derive(Clone, Debug, Error)]
pub enum StoreError {
    /// The storage engine failed; nothing of the transaction was kept.
    #[error("{0}")]
    Engine(#[source] Arc<EngineError>),
    /// The file was written by a newer version.
    #[error("the store has format {found}, this version reads up to {known}: use a newer k1s-sync-host")]
    NewerFormat {
        /// In the file.
        found: u64,
        /// The newest this version knows.
        known: u64,
    },
    /// The store has another identity than asked for.
    #[error("the store belongs to instance {stored}, not {asked}: leave --instance-id out, or use another --data-dir")]
    OtherInstance {
        /// In the file.
        stored: InstanceId,
        /// As asked.
        asked: InstanceId,
    },
    /// Work for a source that has no session.
    #[error("source {0} has no session")]
    NoSession(SourceName),
    /// The configuration of a source names another place than the one that its objects came from.
    #[error("the identity of source {source_name} is {now}, was {before}")]
    IdentityChanged {
        /// The source.
        source_name: SourceName,
        /// As stored: compact JSON.
        before: Box<str>,
        /// As configured: compact JSON.
        now: Box<str>,
    },
    /// A write expected another version of the object.
    #[error("{key} is at revision {found}, not {expected}")]
    Conflict {
        /// The object.
        key: Key,
        /// As stored.
        found: Revision,
        /// As expected.
        expected: Revision,
    },
    /// A write expected another life of the object.
    #[error("{key} has uid {found}, not {expected}")]
    OtherUid {
        /// The object.
        key: Key,
        /// As stored.
        found: Uid,
        /// As expected.
        expected: Uid,
    },
    /// The object is not there.
    #[error("{0} does not exist")]
    NotFound(Key),
    /// What was asked for may have been trimmed: it left the watch window.
    #[error("revision {asked} is too old: the store still knows what changed from revision {oldest} on")]
    TooOld {
        /// As asked.
        asked: Revision,
        /// The oldest revision that could be asked for instead.
        oldest: Revision,
    },
    /// A revision that is not published yet.
    #[error("revision {asked} is not reached yet: the store is at revision {revision}")]
    NotYet {
        /// As asked.
        asked: Revision,
        /// The last one.
        revision: Revision,
    },
    /// A person's command does not fit what is stored.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// The writer ended, because the store was closed.
    #[error("the store is closed")]
    Closed,
}

impl From<EngineError> for StoreError {
    fn from(error: EngineError) -> Self {
        Self::Engine(Arc::new(error))
    }
}
