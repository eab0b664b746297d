//! Long work, during which the host is told that it goes on, and which is waited for as long as it shows a sign of life.

use std::time::Duration;

use k1s_source::{Changes, Known, Problem, Progress, SnapshotWriter};
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::bench::Holding;
use crate::origin::Meter;

/// How often the host is told.
const TOLD_EVERY: Duration = Duration::from_millis(500);
/// How long work that a session left behind is waited for without a sign of life.
pub(crate) const FOR_EARLIER: Duration = Duration::from_mins(1);
/// How long work is waited for without a sign of life: longer than anything that is asked of a network takes.
pub(crate) const FOR_OWN: Duration = Duration::from_mins(15);

/// Work is not done, and nobody waits for it any more; it has what it took along.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("earlier work on it is not done and shows no sign of life; does the disk or server that it waits for answer?")]
pub(crate) struct Silent;

/// By what work is known to go on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Vigil<'a> {
    /// What the work counts in.
    pub(crate) meter: &'a Meter,
    /// What it is called.
    pub(crate) phase: &'static str,
    /// How long it may count nothing.
    pub(crate) patience: Duration,
}

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

/// Does the work, and tells the audience how far it is. The inner error says that the work is given up on; the outer one that
/// the session is over. Both drop the work.
pub(crate) async fn attended<T>(
    audience: &mut impl Audience,
    vigil: Vigil<'_>,
    work: impl Future<Output = T>,
) -> Result<Result<T, Silent>, Problem> {
    let Vigil { meter, phase, patience } = vigil;
    let (before, mut steps, mut heard) = (meter.bytes(), meter.steps(), Instant::now());
    let mut ticks = interval(TOLD_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // The first is at once; most work is done before the second.
    ticks.tick().await;
    tokio::pin!(work);
    loop {
        tokio::select! {
            done = &mut work => return Ok(Ok(done)),
            _ = ticks.tick() => {}
        }
        if meter.steps() != steps {
            (steps, heard) = (meter.steps(), Instant::now());
        } else if heard.elapsed() >= patience {
            return Ok(Err(Silent));
        }
        let progress = Progress {
            bytes: meter.bytes() - before,
            phase: phase.to_owned(),
            ..Progress::default()
        };
        audience.progress(progress).await?;
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::future::pending;

    use super::*;

    /// Counts what it is told.
    #[derive(Debug, Default)]
    pub(crate) struct Told(pub(crate) usize);

    impl Audience for Told {
        fn holding(&self) -> Holding {
            Holding::Nothing
        }

        async fn progress(&mut self, _progress: Progress) -> Result<(), Problem> {
            self.0 += 1;
            Ok(())
        }
    }

    #[tokio::test(start_paused = true)]
    async fn work_is_waited_for_as_long_as_it_shows_a_sign_of_life() {
        let (meter, mut told) = (Meter::default(), Told::default());
        let vigil = Vigil {
            meter: &meter,
            phase: "testing",
            patience: FOR_EARLIER,
        };
        let began = Instant::now();
        let work = async {
            for _ in 0..3 {
                tokio::time::sleep(FOR_EARLIER * 9 / 10).await;
                meter.step();
            }
            pending::<()>().await;
        };
        let waited = attended(&mut told, vigil, work).await.unwrap();
        assert_eq!(waited, Err(Silent));
        let took = began.elapsed();
        let least = FOR_EARLIER * 37 / 10;
        assert!((least..=least + 2 * TOLD_EVERY).contains(&took), "{took:?}");
        assert!(told.0 > 400, "{told:?}");
        assert_eq!(attended(&mut told, vigil, async { 1 }).await.unwrap(), Ok(1));
    }
}
