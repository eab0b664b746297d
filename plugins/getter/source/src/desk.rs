//! What is known of one address, and how more is found out.
//!
//! Invariants:
//! - What was known holds until another whole state is known, across restarts: a failure never makes it less.
//! - A state is published only when every content that is picked of it is on this machine.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher as _, RandomState};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use k1s_manifests::{RULES_BYTES, RelPath};
use k1s_source::{Code, Problem, Progress, Retry, SnapshotWriter};
use tokio::sync::Mutex;
use tokio::task::spawn_blocking;

use crate::attention::{Audience, attended};
use crate::cache::Cache;
use crate::config::Settings;
use crate::content::Content;
use crate::declare::declare;
use crate::kept::Kept;
use crate::origin::{Contents, Looked, Meter, Origin, OriginError};
use crate::origins;
use crate::pace::{Asker, Pace};
use crate::pick::{Picked, ignore_files, pick};
use crate::target::Target;
use crate::tree::Tree;
use crate::wish::Wish;

/// Held by whoever asks an authority: others wait for their turn.
pub(crate) type Turn = Arc<Mutex<()>>;

/// One address and what is known of it.
pub(crate) struct Desk {
    target: Target,
    wish: Wish,
    wish_mark: String,
    origin: Box<dyn Origin>,
    cache: Arc<Cache>,
    meter: Arc<Meter>,
    turn: Turn,
    pace: Pace,
    kept: Option<Kept>,
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

/// Whether there is anything to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum News {
    None,
    Some,
}

impl Desk {
    /// Opens the cache of an address in `folder`, and begins with what was known before.
    pub(crate) async fn open(target: &Target, settings: &Settings, folder: &Path, turn: Turn) -> Result<Self, Problem> {
        let folder = folder.to_owned();
        let opened = spawn_blocking(move || {
            let cache = Cache::open(&folder)?;
            let last = cache.last();
            Ok::<_, OriginError>((Arc::new(cache), last))
        });
        let (cache, last) = opened.await?.map_err(|error| error.problem(&target.shown()))?;
        let meter = Arc::new(Meter::default());
        let origin = origins::open(&target.address, &settings.access, Arc::clone(&cache), &meter);
        let origin = origin.map_err(|error| Problem::new(Code::Unsupported, error.to_string()))?;
        let wish_mark = settings.wish_mark(target);
        Ok(Self {
            wish: settings.wish(target),
            origin,
            cache,
            meter,
            turn,
            pace: Pace::new(settings.interval),
            kept: last.filter(|kept| kept.wish == wish_mark),
            trouble: None,
            target: target.clone(),
            wish_mark,
        })
    }

    /// Returns when the origin is to be asked; none before it was asked once.
    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        self.pace.next_timeout()
    }

    /// Lists the address: asks the origin, if it may be asked now, and declares what is known then.
    pub(crate) async fn list(&mut self, asker: Asker, out: &mut SnapshotWriter<'_>) -> Result<(), Problem> {
        out.root_identity(self.target.identity.as_str())?;
        if self.kept.is_none() && self.trouble.is_none() || self.pace.admits(asker, Instant::now()) {
            self.ask(out).await?;
        }
        self.declare(out).await
    }

    /// Declares what is known, and says why it is not newer.
    pub(crate) async fn declare(&mut self, out: &mut SnapshotWriter<'_>) -> Result<(), Problem> {
        out.root_identity(self.target.identity.as_str())?;
        if let Some(kept) = &self.kept {
            let contents = self.origin.contents();
            let declared = declare(kept, &self.target.shown(), self.wish.file_bytes, contents, out).await?;
            if let Err(error) = declared {
                // The cache lost something: all of it is fetched anew.
                self.kept = None;
                return Err(error.problem(&self.target.shown()));
            }
        }
        self.trouble
            .as_ref()
            .map_or(Ok(()), |trouble| Err(trouble.problem.clone()))
    }

    /// Asks the origin, and tells whether there is anything to say: another state, a failure, or the end of one. A failure
    /// that is as the one before is said once.
    pub(crate) async fn ask(&mut self, audience: &mut impl Audience) -> Result<News, Problem> {
        let meter = Arc::clone(&self.meter);
        let before = meter.bytes();
        let progress = || Progress {
            bytes: meter.bytes() - before,
            phase: "fetching".to_owned(),
            ..Progress::default()
        };
        let asked = attended(audience, progress, self.refresh()).await?;
        let now = Instant::now();
        match asked {
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

    async fn refresh(&mut self) -> Result<News, OriginError> {
        let turn = Arc::clone(&self.turn);
        let _turn = turn.lock().await;
        let last = self.kept.as_ref().map(|kept| &kept.mark);
        let tree = match self.origin.look(last, &self.wish).await? {
            Looked::Same => return Ok(News::None),
            Looked::Other(tree) => tree,
        };
        let picked = self.pick(&tree).await?;
        let kept = Kept::new(
            self.wish_mark.clone(),
            tree.mark,
            tree.revision,
            &picked.root,
            picked.picks,
        );
        self.origin.bring(&kept.contents().cloned().collect()).await?;
        let cache = Arc::clone(&self.cache);
        let (kept, published) = spawn_blocking(move || {
            let published = cache.publish(&kept);
            (kept, published)
        })
        .await?;
        published?;
        let is_news = self.kept.as_ref().is_none_or(|last| !last.declares_as(&kept));
        self.kept = Some(kept);
        Ok(if is_news { News::Some } else { News::None })
    }

    async fn pick(&mut self, tree: &Tree) -> Result<Picked, OriginError> {
        let files: Vec<(RelPath, Content)> = ignore_files(tree)
            .map(|(path, content)| (path.clone(), content.clone()))
            .collect();
        let wanted: BTreeSet<Content> = files.iter().map(|(_, content)| content.clone()).collect();
        self.origin.bring(&wanted).await?;
        let contents = self.origin.contents();
        let ignored = spawn_blocking(move || texts(files, &*contents)).await??;
        pick(tree, &self.wish, &ignored).map_err(OriginError::Pick)
    }
}

fn texts(files: Vec<(RelPath, Content)>, contents: &dyn Contents) -> Result<BTreeMap<RelPath, String>, OriginError> {
    let text = |(path, content): (RelPath, Content)| {
        let unfit = || OriginError::Rules {
            path: path.to_string(),
            most: RULES_BYTES,
        };
        let read = contents.read(&content, RULES_BYTES);
        let bytes = read.map_err(|error| if error.is_too_large() { unfit() } else { error })?;
        let text = String::from_utf8(bytes).map_err(|_| unfit())?;
        Ok((path, text))
    };
    files.into_iter().map(text).collect()
}

/// Returns a number from 0 to 1 by chance.
fn chance() -> f64 {
    let drawn = u32::try_from(RandomState::new().hash_one(()) >> 32).unwrap_or(u32::MAX);
    f64::from(drawn) / f64::from(u32::MAX)
}
