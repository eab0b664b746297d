//! Long work, during which the host is told that it goes on.

use std::time::Duration;

use k1s_source::{Changes, Known, Problem, Progress, SnapshotWriter};
use tokio::time::{MissedTickBehavior, interval};

use crate::bench::Holding;

/// How often the host is told.
const TOLD_EVERY: Duration = Duration::from_millis(500);

/// Who is told how far work is.
pub(crate) trait Audience: Send {
    /// Returns what the host has of the address that the work is on.
    fn holding(&self) -> Holding;

    fn progress(&mut self, progress: Progress) -> impl Future<Output = Result<(), Problem>> + Send;
}

impl Audience for SnapshotWriter<'_> {
    fn holding(&self) -> Holding {
        holding(self.known())
    }

    fn progress(&mut self, progress: Progress) -> impl Future<Output = Result<(), Problem>> + Send {
        SnapshotWriter::progress(self, progress)
    }
}

impl Audience for Changes {
    fn holding(&self) -> Holding {
        holding(self.known())
    }

    fn progress(&mut self, progress: Progress) -> impl Future<Output = Result<(), Problem>> + Send {
        Changes::progress(self, progress)
    }
}

fn holding(known: &Known) -> Holding {
    match known.paths().next() {
        None => Holding::Nothing,
        Some(_) => Holding::Objects,
    }
}

/// Does the work, and tells the audience how far it is; fails when the session is over, which drops the work.
pub(crate) async fn attended<T>(
    audience: &mut impl Audience,
    progress: impl Fn() -> Progress,
    work: impl Future<Output = T>,
) -> Result<T, Problem> {
    let mut ticks = interval(TOLD_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // The first is at once; most work is done before the second.
    ticks.tick().await;
    tokio::pin!(work);
    loop {
        tokio::select! {
            done = &mut work => return Ok(done),
            _ = ticks.tick() => audience.progress(progress()).await?,
        }
    }
}
