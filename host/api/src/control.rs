//! What a person wants done, on its way from a request to the host.

use std::future::Future;
use std::pin::Pin;

use k1s_store::StoreError;
use k1s_store::command::{Command, CommandOutcome};
use k1s_sync_engine::id::SourceName;
use thiserror::Error;

/// What a person wants done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// Something the store does; a host that runs tells the source as well.
    Command(Command),
    /// List a source now.
    Sync(SyncOrder),
}

/// List a source now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncOrder {
    /// The source.
    pub source: SourceName,
    /// Names this request; the source's status repeats it in `lastHandledRequestedAt` when a listing that began after
    /// it is durable.
    pub requested_at: Box<str>,
    /// What is thought of a place that is another one than before.
    pub root: RootRule,
}

/// What is thought of a place that is another one than before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RootRule {
    /// Deletes are held.
    #[default]
    Keep,
    /// It is the right one.
    Accept,
}

/// What came of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OrderOutcome {
    /// The store did it.
    Done(CommandOutcome),
    /// The source was told; its status says when it is done.
    Requested,
}

/// Why an order was not carried out.
#[derive(Debug, Error)]
pub enum OrderError {
    /// The store refused or failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Nothing runs that could list.
    #[error("no daemon runs over this store: start k1s-sync-host to sync")]
    NoDaemon,
    /// The source exists, but does not run now.
    #[error("source {source_name} cannot be synced now: {why}")]
    NotRunning {
        /// The source.
        source_name: SourceName,
        /// Its state, and the way out.
        why: String,
    },
    /// The host is on its way out.
    #[error("the host is stopping")]
    Stopping,
}

/// A pending answer to an order.
pub type Answer<'a> = Pin<Box<dyn Future<Output = Result<OrderOutcome, OrderError>> + Send + 'a>>;

/// Carries orders out: the daemon with its sources, or the command line on the file of a host that has stopped.
pub trait Control: Send + Sync + 'static {
    /// Carries out one order, recorded under a user's name.
    fn order(&self, order: Order, user: Box<str>) -> Answer<'_>;
}
