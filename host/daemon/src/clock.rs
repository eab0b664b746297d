//! The daemon's time and chance, handed to the pure core as values.

use std::time::Duration;

use k1s_object::Timestamp;
use k1s_store::clock::{Clock as _, SystemClock};
use k1s_sync_engine::id::Moment;
use tokio::time::Instant;

/// Measures time since the host's start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HostClock {
    start: Instant,
}

impl HostClock {
    /// Starts to measure.
    pub(crate) fn start() -> Self {
        Self { start: Instant::now() }
    }

    /// The time since the start.
    pub(crate) fn moment(&self) -> Moment {
        Moment::new(self.start.elapsed())
    }

    /// The time of day.
    #[expect(
        clippy::unused_self,
        reason = "time of day and time since the start are asked of one clock"
    )]
    pub(crate) fn timestamp(&self) -> Timestamp {
        SystemClock.now()
    }

    /// Random bits that keep sources and hosts from doing the same at the same time.
    #[expect(clippy::unused_self, reason = "time and chance are asked of one value")]
    pub(crate) fn jitter(&self) -> u64 {
        uuid::Uuid::new_v4().as_u64_pair().0
    }

    /// Waits until a moment, or for ever.
    pub(crate) async fn reach(&self, moment: Option<Moment>) {
        match moment {
            Some(moment) => tokio::time::sleep_until(self.start + moment.since(Moment::new(Duration::ZERO))).await,
            None => std::future::pending().await,
        }
    }
}
