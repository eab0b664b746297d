//! Whether anything can be stored, and a launch with it, as one source's lifecycle hears of it.

use std::fmt::Display;

use k1s_store::StoreError;
use k1s_store::health::Health;
use k1s_sync_engine::id::Epoch;
use k1s_sync_engine::lifecycle::{Input, Lifecycle};
use k1s_sync_engine::problem::{Problem, ProblemCode};
use tokio::sync::watch;

use super::desk::Owner;

/// Follows the store's health for one source.
#[derive(Debug)]
pub(super) struct Storage {
    health: watch::Receiver<Health>,
    /// The outages that the lifecycle was told of. Each of them ended the session, also one that has passed meanwhile.
    heard: u64,
}

impl Storage {
    pub(super) fn new(health: watch::Receiver<Health>) -> Self {
        Self { health, heard: 0 }
    }

    /// Waits for the next change.
    pub(super) async fn changed(&mut self) {
        if self.health.changed().await.is_err() {
            // The store is closed, and with it goes the host.
            std::future::pending::<()>().await;
        }
    }

    /// Tells the lifecycle what it was not told yet. To be called before it hears of a failed run: a failure of the store is
    /// none of the source.
    pub(super) fn tell(&mut self, lifecycle: &mut Lifecycle, owner: Owner<'_>) {
        let Health { outages, outage } = self.health.borrow_and_update().clone();
        if outages != self.heard {
            self.heard = outages;
            let why = outage.as_ref().map(|outage| outage.reason.to_string());
            let why = why.unwrap_or_else(|| "a transaction failed".to_owned());
            owner.input(
                lifecycle,
                Input::StoreLost {
                    cause: unavailable(&why),
                },
            );
        }
        if outage.is_none() {
            owner.input(lifecycle, Input::StoreBack);
        }
    }

    /// Makes a launch known to the store, and says which one it is; nothing when that could not be stored, which the lifecycle
    /// was told of then.
    pub(super) async fn number(
        &mut self,
        lifecycle: &mut Lifecycle,
        owner: Owner<'_>,
        epoch: Epoch,
    ) -> Result<Option<Epoch>, StoreError> {
        match owner.host.writer.raise_epoch(owner.settings.name.clone()).await {
            Ok(epoch) => {
                owner.input(lifecycle, Input::Numbered { epoch });
                Ok(Some(epoch))
            }
            Err(error @ StoreError::Engine(_)) => {
                self.tell(lifecycle, owner);
                let problem = unavailable(&error);
                owner.input(lifecycle, Input::LaunchFailed { epoch, problem });
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

/// What a source is told of a store that did not do what was asked.
pub(super) fn unavailable(why: &dyn Display) -> Problem {
    Problem::with_source(ProblemCode::Unavailable, format!("the store: {why}"))
}
