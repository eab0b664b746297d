//! What the host is told of one address, and when its origin is asked.

use std::hash::{BuildHasher as _, RandomState};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use k1s_source::{Problem, Progress, Retry, SnapshotWriter};

use crate::attention::{Audience, attended};
use crate::bench::{Bench, Holding, News, Turn};
use crate::config::Settings;
use crate::custody::Custody;
use crate::declare::declare;
use crate::origin::{Meter, OriginError};
use crate::pace::{Asker, Pace};
use crate::target::Target;

/// One address and what is known of it.
pub(crate) struct Desk {
    target: Target,
    bench: Custody<Bench>,
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
}

impl Desk {
    /// Opens the cache of an address in `folder`, and begins with what was known before.
    pub(crate) async fn open(target: &Target, settings: &Settings, folder: &Path, turn: Turn) -> Result<Self, Problem> {
        let meter = Arc::new(Meter::default());
        let bench = Bench::open(target, settings, folder, turn, &meter).await?;
        Ok(Self {
            target: target.clone(),
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

    /// Lists the address: asks the origin, if it may be asked now, and declares what is known then.
    pub(crate) async fn list(&mut self, asker: Asker, out: &mut SnapshotWriter<'_>) -> Result<(), Problem> {
        out.root_identity(self.target.identity.as_str())?;
        let (progress, bench) = (self.meter.progress(), &mut self.bench);
        let is_unknown = attended(out, progress, async {
            // An earlier session may have left work that is not done.
            bench.held().await.map(|bench| bench.kept().is_none())
        });
        let is_unknown = is_unknown.await?.map_err(OriginError::from);
        let is_unknown = is_unknown.map_err(|error| error.problem(&self.target.shown()))?;
        if is_unknown && self.trouble.is_none() || self.admits(asker) {
            self.ask(out).await?;
        }
        self.declare(out).await
    }

    /// Declares what is known, and says why it is not newer.
    pub(crate) async fn declare(&mut self, out: &mut SnapshotWriter<'_>) -> Result<(), Problem> {
        let place = self
            .bench
            .held()
            .await
            .ok()
            .and_then(|bench| bench.place().map(str::to_owned));
        out.root_identity(self.target.identity_at(place.as_deref()))?;
        let shown = self.target.shown();
        let declared = declare(&mut self.bench, &shown, out).await?;
        match (&self.trouble, declared) {
            (Some(trouble), Ok(()) | Err(OriginError::Unknown)) => Err(trouble.problem.clone()),
            (Some(_) | None, Err(error)) => Err(error.problem(&shown)),
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
        let holding = self.holding;
        let asking = self.bench.lend(move |bench| Box::pin(bench.refresh(holding)));
        let asked = attended(audience, self.meter.progress(), asking).await?;
        let now = Instant::now();
        match asked.map_err(OriginError::from).flatten() {
            Ok(news) => {
                self.pace.handle_answer(now, chance());
                let had_trouble = self.trouble.take().is_some();
                Ok(if had_trouble { News::Some } else { news })
            }
            Err(error) => {
                self.pace.handle_failure(now, error.retry_after(), chance());
                let problem = error.problem(&self.target.shown()).retry(self.retry(now));
                let gist = problem
                    .message()
                    .chars()
                    .filter(|char| !char.is_ascii_digit())
                    .collect();
                let last = self.trouble.replace(Trouble { problem, gist });
                let is_told = last.is_some_and(|last| self.trouble.as_ref().is_some_and(|now| now.gist == last.gist));
                Ok(if is_told { News::None } else { News::Some })
            }
        }
    }

    /// Tells the host when it is worth listing again.
    fn retry(&self, now: Instant) -> Retry {
        let wait = self.pace.next_timeout().map(|next| next.saturating_duration_since(now));
        wait.filter(|wait| *wait > Duration::ZERO)
            .map_or(Retry::Backoff, Retry::After)
    }
}

impl Meter {
    /// Returns what tells how much was brought from now on.
    fn progress(self: &Arc<Self>) -> impl Fn() -> Progress + use<> {
        let (meter, before) = (Arc::clone(self), self.bytes());
        move || Progress {
            bytes: meter.bytes() - before,
            phase: "fetching".to_owned(),
            ..Progress::default()
        }
    }
}

/// Returns a number from 0 to 1 by chance.
fn chance() -> f64 {
    let drawn = u32::try_from(RandomState::new().hash_one(()) >> 32).unwrap_or(u32::MAX);
    f64::from(drawn) / f64::from(u32::MAX)
}
