//! Brings the store back after an outage: tries now and then whether anything can be stored.
//!
//! Sources pause by themselves when the store is lost and go on when it is back (`source/actor.rs`); here is only the trying
//! and what a person is told. A store that is damaged is not tried: only a person can mend it.

use std::time::Duration;

use k1s_store::health::{Health, Outage};
use k1s_store::{Store, Writer};
use k1s_sync_engine::backoff::{Backoff, STABLE_AFTER};
use k1s_sync_engine::id::Moment;
use tokio::sync::watch;

use crate::clock::HostClock;

/// The longest time between two tries: what a person frees is to be noticed soon, and a try costs little.
const MAX_WAIT: Duration = Duration::from_secs(10);

/// Something that a person wants to know of the store.
#[derive(Clone, Debug)]
pub(crate) enum StoreNews {
    /// Nothing can be stored.
    Lost(Outage),
    /// Something was stored again.
    Back,
}

/// Tries whether anything can be stored.
#[derive(Debug)]
pub(crate) struct StoreKeeper {
    writer: Writer,
    health: watch::Receiver<Health>,
    clock: HostClock,
    backoff: Backoff,
    /// Since when all is well.
    well_since: Moment,
    outage: Option<Tries>,
}

/// The tries of an outage.
#[derive(Clone, Copy, Debug)]
enum Tries {
    At(Moment),
    /// It is damage.
    Vain,
}

impl StoreKeeper {
    pub(crate) fn new(store: &Store) -> Self {
        let clock = HostClock::start();
        Self {
            writer: store.writer().clone(),
            health: store.reader().watch_health(),
            well_since: clock.moment(),
            clock,
            backoff: Backoff::default(),
            outage: None,
        }
    }

    /// Waits for the next news, and tries meanwhile; cancelling it loses at most one try.
    pub(crate) async fn next(&mut self) -> StoreNews {
        loop {
            let due = match self.outage {
                Some(Tries::At(due)) => Some(due),
                Some(Tries::Vain) | None => None,
            };
            tokio::select! {
                changed = self.health.changed() => {
                    if changed.is_err() {
                        // The store is closed.
                        return std::future::pending().await;
                    }
                    if let Some(news) = self.look() {
                        return news;
                    }
                }
                () = self.clock.reach(due) => {
                    self.outage = Some(Tries::At(self.next_try()));
                    if let Err(error) = self.writer.probe().await {
                        tracing::debug!("still nothing can be stored: {error}");
                    }
                }
            }
        }
    }

    /// Looks at what changed; says what is news.
    fn look(&mut self) -> Option<StoreNews> {
        let outage = self.health.borrow_and_update().outage.clone();
        let before = self.outage;
        let Some(outage) = outage else {
            self.well_since = self.clock.moment();
            return self.outage.take().map(|_| StoreNews::Back);
        };
        if outage.is_damage() {
            self.outage = Some(Tries::Vain);
            return (!matches!(before, Some(Tries::Vain))).then_some(StoreNews::Lost(outage));
        }
        if before.is_some() {
            return None;
        }
        if self.clock.moment().since(self.well_since) >= STABLE_AFTER {
            self.backoff.reset();
        }
        self.outage = Some(Tries::At(self.next_try()));
        Some(StoreNews::Lost(outage))
    }

    fn next_try(&mut self) -> Moment {
        let wait = self.backoff.next_delay(self.clock.jitter()).min(MAX_WAIT);
        self.clock.moment().plus(wait)
    }
}
