//! What the host is told of one address, and when its origin is asked.

use std::hash::{BuildHasher as _, RandomState};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use k1s_source::{Problem, Retry, SnapshotWriter};
use tokio::sync::watch;

use crate::attention::{Audience, FOR_EARLIER, FOR_OWN, Vigil, attended};
use crate::bench::{Bench, Holding, News, Standing, Turn};
use crate::config::Settings;
use crate::custody::Custody;
use crate::declare::{Declared, declare};
use crate::local::LocalError;
use crate::origin::{Meter, OriginError};
use crate::pace::{Asker, Pace};
use crate::target::Target;

/// One address and what is known of it.
pub(crate) struct Desk {
    target: Target,
    bench: Custody<Bench>,
    /// What is known, whoever has the bench.
    standing: watch::Receiver<Standing>,
    meter: Arc<Meter>,
    pace: Pace,
    /// What the host has had since this was opened.
    holding: Holding,
    /// Why nothing newer is known.
    trouble: Option<Trouble>,
}

/// Why nothing newer is known.
#[derive(Clone, Debug)]
struct Trouble {
    problem: Problem,
    /// Its words without numbers: a wait that gets shorter is no other trouble.
    gist: String,
    /// Whether there is work that nobody waits for any more.
    is_silence: bool,
}

impl Desk {
    /// Opens the cache of an address in `folder`, and begins with what was known before.
    pub(crate) async fn open(target: &Target, settings: &Settings, folder: &Path, turn: Turn) -> Result<Self, Problem> {
        let meter = Arc::new(Meter::default());
        let bench = Bench::open(target, settings, folder, turn, &meter).await?;
        Ok(Self {
            target: target.clone(),
            standing: bench.standing(),
            bench: Custody::new(bench),
            meter,
            pace: Pace::new(settings.interval),
            holding: Holding::Nothing,
            trouble: None,
        })
    }

    /// Returns whether nothing can be done here any more.
    pub(crate) fn is_lost(&self) -> bool {
        self.bench.is_lost()
    }

    /// Returns when the origin is to be asked; none before it was asked once.
    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        self.pace.next_timeout()
    }

    /// Returns whether the origin may be asked now.
    pub(crate) fn admits(&self, asker: Asker) -> bool {
        self.pace.admits(asker, Instant::now())
    }

    /// Waits until work that nobody waits for any more is done; for ever where there is none. Can be dropped.
    pub(crate) async fn back(&mut self) {
        if !self.bench.is_away() {
            std::future::pending().await
        }
        // Whether it is lost shows when it is needed.
        drop(self.bench.held().await);
    }

    /// Lists the address: asks the origin, if it may be asked now, and declares what is known then.
    pub(crate) async fn list(&mut self, asker: Asker, out: &mut SnapshotWriter<'_>) -> Result<(), Problem> {
        out.root_identity(self.target.identity.as_str())?;
        match self.earlier(out).await? {
            Ok(()) => {
                let is_unknown = self.standing.borrow().kept.is_none();
                if is_unknown && self.trouble.is_none() || self.admits(asker) {
                    self.ask(out).await?;
                }
            }
            Err(error) => drop(self.fail(&error)),
        }
        self.declare(out).await
    }

    /// Declares what is known, and says why it is not newer.
    pub(crate) async fn declare(&mut self, out: &mut SnapshotWriter<'_>) -> Result<(), Problem> {
        let Standing { kept, place } = self.standing.borrow().clone();
        out.root_identity(self.target.identity_at(place.as_deref()))?;
        let shown = self.target.shown();
        let declared = match &kept {
            Some(kept) => {
                let declared = Declared {
                    kept,
                    bench: &mut self.bench,
                    meter: &self.meter,
                    address: &shown,
                };
                declare(declared, out).await?
            }
            // Nothing that is known is not the same as nothing that is there.
            None => Err(OriginError::Unknown),
        };
        if let Err(error @ OriginError::Silent(_)) = &declared {
            self.fail(error);
        }
        match (&self.trouble, declared) {
            (Some(trouble), Ok(()) | Err(OriginError::Unknown | OriginError::Silent(_))) => {
                Err(trouble.problem.clone())
            }
            (Some(_) | None, Err(error)) => Err(error.problem(&shown)),
            (None, Ok(())) if kept.is_some_and(|kept| !kept.stillness.is_still()) => {
                let problem = OriginError::from(LocalError::Restless).problem(&shown);
                Err(problem.retry(self.retry(Instant::now())))
            }
            (None, Ok(())) => Ok(()),
        }
    }

    /// Asks the origin, and tells whether there is anything to say: another state, a failure, or the end of one. A failure
    /// that is as the one before is said once.
    pub(crate) async fn ask(&mut self, audience: &mut impl Audience) -> Result<News, Problem> {
        // A host that has what is known sent anew says that it has nothing, and has it.
        if audience.holding() == Holding::Objects {
            self.holding = Holding::Objects;
        }
        let asked = match self.earlier(audience).await? {
            Ok(()) => self.refresh(audience).await?,
            Err(error) => Err(error),
        };
        match asked {
            Ok(news) => {
                let is_still = self
                    .standing
                    .borrow()
                    .kept
                    .as_ref()
                    .is_none_or(|kept| kept.stillness.is_still());
                if is_still {
                    self.pace.handle_answer(Instant::now(), chance());
                } else {
                    self.pace.handle_unrest(Instant::now(), chance());
                }
                let had_trouble = self.trouble.take().is_some();
                Ok(if had_trouble { News::Some } else { news })
            }
            Err(error) => Ok(self.fail(&error)),
        }
    }

    /// Waits for work that nobody waited for; not again once that was in vain.
    async fn earlier(&mut self, audience: &mut impl Audience) -> Result<Result<(), OriginError>, Problem> {
        let is_silent = self.trouble.as_ref().is_some_and(|trouble| trouble.is_silence);
        let patience = if is_silent { Duration::ZERO } else { FOR_EARLIER };
        let vigil = Vigil {
            meter: &self.meter,
            phase: "fetching",
            patience,
        };
        let waiting = async { self.bench.held().await.map(drop) };
        Ok(match attended(audience, vigil, waiting).await? {
            Ok(held) => held.map_err(OriginError::from),
            Err(silent) => Err(silent.into()),
        })
    }

    async fn refresh(&mut self, audience: &mut impl Audience) -> Result<Result<News, OriginError>, Problem> {
        let holding = self.holding;
        let vigil = Vigil {
            meter: &self.meter,
            phase: "fetching",
            patience: FOR_OWN,
        };
        let refreshing = self.bench.lend(move |bench| Box::pin(bench.refresh(holding)));
        Ok(match attended(audience, vigil, refreshing).await? {
            Ok(refreshed) => refreshed.map_err(OriginError::from).flatten(),
            Err(silent) => Err(silent.into()),
        })
    }

    /// Notes a failure, and tells whether there is anything to say of it.
    fn fail(&mut self, error: &OriginError) -> News {
        let now = Instant::now();
        self.pace.handle_failure(now, error.retry_after(), chance());
        let problem = error.problem(&self.target.shown()).retry(self.retry(now));
        let gist = problem
            .message()
            .chars()
            .filter(|char| !char.is_ascii_digit())
            .collect();
        let trouble = Trouble {
            problem,
            gist,
            is_silence: matches!(error, OriginError::Silent(_)),
        };
        let is_told = self.trouble.as_ref().is_some_and(|last| last.gist == trouble.gist);
        self.trouble = Some(trouble);
        if is_told { News::None } else { News::Some }
    }

    /// Tells the host when it is worth listing again.
    fn retry(&self, now: Instant) -> Retry {
        let wait = self.pace.next_timeout().map(|next| next.saturating_duration_since(now));
        wait.filter(|wait| *wait > Duration::ZERO)
            .map_or(Retry::Backoff, Retry::After)
    }
}

/// Returns a number from 0 to 1 by chance.
fn chance() -> f64 {
    let drawn = u32::try_from(RandomState::new().hash_one(()) >> 32).unwrap_or(u32::MAX);
    f64::from(drawn) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;
    use tokio::time::{Instant, timeout};

    use super::*;
    use crate::attention::tests::Told;
    use crate::bench::tests::gated;

    /// A folder on a server that is gone keeps the work that reads it for hours.
    #[tokio::test(start_paused = true)]
    async fn work_that_hangs_takes_nothing_of_what_is_known_and_is_told() {
        let (open, gate) = oneshot::channel();
        let (_room, bench) = gated(gate);
        let mut desk = Desk::of(bench);
        let mut told = Told::default();
        assert_eq!(desk.ask(&mut told).await.unwrap(), News::Some);
        // The session that asks now is over before there is an answer.
        assert!(timeout(FOR_EARLIER, desk.ask(&mut told)).await.is_err());
        let began = Instant::now();
        assert_eq!(desk.ask(&mut told).await.unwrap(), News::Some);
        let took = began.elapsed();
        assert!((FOR_EARLIER..2 * FOR_EARLIER).contains(&took), "{took:?}");
        let trouble = desk.trouble.clone().unwrap().problem;
        assert_eq!(trouble.code(), k1s_source::Code::Timeout);
        assert!(
            trouble.message().contains("earlier work on it is not done"),
            "{trouble:?}"
        );
        let revision = |desk: &Desk| desk.standing.borrow().kept.as_ref().map(|kept| kept.revision.clone());
        assert_eq!(revision(&desk).as_deref(), Some("one"));
        // It is said once, and nobody waits so long again.
        let began = Instant::now();
        assert_eq!(desk.ask(&mut told).await.unwrap(), News::None);
        assert!(began.elapsed() < FOR_EARLIER);
        assert!(timeout(FOR_OWN, desk.back()).await.is_err(), "it is not back");
        open.send(()).unwrap();
        desk.back().await;
        assert_eq!(revision(&desk).as_deref(), Some("two"));
        assert_eq!(desk.ask(&mut told).await.unwrap(), News::Some, "the end of it is news");
        assert!(desk.trouble.is_none());
    }

    /// Who asks is not kept waiting for ever by the work itself, either.
    #[tokio::test(start_paused = true)]
    async fn ones_own_work_is_given_up_on_at_last() {
        let (_open, gate) = oneshot::channel();
        let (_room, bench) = gated(gate);
        let mut desk = Desk::of(bench);
        let mut told = Told::default();
        desk.ask(&mut told).await.unwrap();
        let began = Instant::now();
        assert_eq!(desk.ask(&mut told).await.unwrap(), News::Some);
        assert!(began.elapsed() >= FOR_OWN && desk.trouble.is_some());
    }

    impl Desk {
        fn of(bench: Bench) -> Self {
            let address = k1s_getter_address::Address::parse("/a", &k1s_getter_address::Policy::default()).unwrap();
            Self {
                target: Target::new(address),
                standing: bench.standing(),
                bench: Custody::new(bench),
                meter: Arc::new(Meter::default()),
                pace: Pace::new(Duration::from_secs(60)),
                holding: Holding::Nothing,
                trouble: None,
            }
        }
    }
}
