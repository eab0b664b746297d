//! Where the work on one address is done: its origin, its cache, and the last state that was whole.
//!
//! Invariants:
//! - What was known holds until another whole state is known, across restarts: a failure never makes it less.
//! - A state is published only when every content that is picked of it is on this machine, or stands as refused: contents of
//!   git are read before, others were hashed when they came.
//! - What says of which place a state is does not depend on states, and is on the disk before the state.
//! - One work at a time has the bench: what writes the cache is never beside what reads it.

use std::collections::{BTreeSet, VecDeque};
use std::path::Path;
use std::sync::Arc;

use k1s_manifests::RelPath;
use k1s_source::{Code, ObjectLimits, Problem};
use tokio::sync::{Semaphore, watch};
use tokio::task::spawn_blocking;

use crate::cache::Cache;
use crate::config::Settings;
use crate::content::Content;
use crate::declare::{Batch, Unread, parse};
use crate::ignored::texts;
use crate::kept::Kept;
use crate::lock::{LockError, Locked};
use crate::origin::{Contents, Descent, Looked, Meter, Origin, OriginError};
use crate::origins;
use crate::past::Past;
use crate::pick::{Picked, ignore_files, pick};
use crate::target::Target;
use crate::tree::{Mark, Tree};
use crate::weigh::{Scale, weigh};
use crate::wish::Wish;

/// The one permit to ask an authority: others wait for their turn.
pub(crate) type Turn = Arc<Semaphore>;

/// Whether something else is declared than before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum News {
    None,
    Some,
}

/// What the host has of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Holding {
    /// Nothing that could be taken away.
    Nothing,
    /// Objects, which were declared by whoever the address led to then.
    Objects,
}

/// What is known of an address, as it is told while work has the bench.
#[derive(Clone, Debug, Default)]
pub(crate) struct Standing {
    /// The last state that was whole, if nothing else is locked.
    pub(crate) kept: Option<Arc<Kept>>,
    /// The revision by which another place took the place of the first, if one did.
    pub(crate) place: Option<String>,
}

/// Where the work on one address is done.
pub(crate) struct Bench {
    wish: Wish,
    wish_mark: String,
    /// At which revision it has to be.
    locked: Option<Locked>,
    scale: Scale,
    origin: Box<dyn Origin>,
    /// Reads what the last refresh brought; opened with the first reading.
    contents: Option<Box<dyn Contents>>,
    cache: Arc<Cache>,
    turn: Turn,
    kept: Option<Arc<Kept>>,
    /// What is remembered of the place, whatever was wished for.
    past: Option<Past>,
    /// Tells what is known.
    told: watch::Sender<Standing>,
}

impl Bench {
    /// Opens the cache of an address in `folder`, and begins with what was known before. `meter` is told what is brought.
    pub(crate) async fn open(
        target: &Target,
        settings: &Settings,
        folder: &Path,
        turn: Turn,
        meter: &Arc<Meter>,
    ) -> Result<Self, Problem> {
        let folder = folder.to_owned();
        let opened = spawn_blocking(move || {
            let cache = Cache::open(&folder)?;
            let last = cache.last();
            let past = cache.past(last.as_ref());
            Ok::<_, OriginError>((Arc::new(cache), last, past))
        });
        let (cache, last, past) = opened.await?.map_err(|error| error.problem(&target.shown()))?;
        let origin = origins::open(&target.address, &settings.access, Arc::clone(&cache), meter);
        let origin = origin.map_err(|error| Problem::new(Code::Unsupported, error.to_string()))?;
        let wish_mark = settings.wish_mark(target);
        let bench = Self {
            wish: settings.wish(target),
            locked: settings.lock_file.as_deref().map(|path| Locked::new(path, target)),
            scale: settings.scale(),
            origin,
            contents: None,
            cache,
            turn,
            kept: last.filter(|kept| kept.wish == wish_mark).map(Arc::new),
            past,
            wish_mark,
            told: watch::Sender::default(),
        };
        bench.tell();
        Ok(bench)
    }

    /// Returns where it is told what is known, whoever has the bench.
    pub(crate) fn standing(&self) -> watch::Receiver<Standing> {
        self.told.subscribe()
    }

    fn tell(&self) {
        self.told.send_replace(Standing {
            kept: self.kept(),
            place: self.place().map(str::to_owned),
        });
    }

    /// Returns the last state that was whole, if nothing else is locked.
    fn kept(&self) -> Option<Arc<Kept>> {
        let is_allowed = |kept: &&Arc<Kept>| match (&self.locked, &self.wish.pinned) {
            (None, _) => true,
            // What is locked was never read.
            (Some(_), None) => false,
            (Some(_), Some(revision)) => kept.revision == *revision,
        };
        self.kept.as_ref().filter(is_allowed).cloned()
    }

    /// Returns the revision by which another place took the place of the first, if one did.
    fn place(&self) -> Option<&str> {
        self.past.as_ref()?.place.as_deref()
    }

    /// Asks the origin, and publishes what is there if it is another whole state.
    pub(crate) async fn refresh(&mut self, holding: Holding) -> Result<News, OriginError> {
        let refreshed = self.refreshed(holding).await;
        self.tell();
        refreshed
    }

    async fn refreshed(&mut self, holding: Holding) -> Result<News, OriginError> {
        let turn = Arc::clone(&self.turn);
        // The permit is never closed.
        let _turn = turn.acquire().await;
        // An origin may put away what is open for reading.
        self.contents = None;
        self.pin().await?;
        let last = self.kept.as_ref().map(|kept| &kept.mark);
        let tree = match self.origin.look(last, &self.wish).await? {
            Looked::Same => {
                let same = self.kept.as_ref().map_or("", |kept| &kept.revision);
                self.check(same)?;
                return Ok(News::None);
            }
            Looked::Other(tree) => tree,
        };
        self.check(&tree.revision)?;
        let picked = self.pick(&tree).await?;
        let past = self.judge(&tree.revision, holding).await?;
        let kept = Kept::new(
            self.wish_mark.clone(),
            tree.mark,
            tree.revision,
            &picked.root,
            picked.picks,
        )
        .of_modules(tree.modules)
        .of_stillness(tree.stillness)
        .of_place(past.as_ref().and_then(|past| past.place.clone()));
        self.origin.bring(&kept.contents().cloned().collect()).await?;
        let kept = self.publish(kept, past.clone()).await?;
        let is_news = self.kept.as_ref().is_none_or(|last| !last.declares_as(&kept));
        self.past = past;
        self.kept = Some(Arc::new(kept));
        Ok(if is_news { News::Some } else { News::None })
    }

    /// Looks at which revision the address has to be now. A state of another is told to nobody, and still is what the origin
    /// is asked on condition of.
    async fn pin(&mut self) -> Result<(), OriginError> {
        let Some(locked) = self.locked.clone() else {
            return Ok(());
        };
        let revision = spawn_blocking(move || locked.revision()).await??;
        self.wish.pinned = Some(revision);
        // What is locked no more is not told while the origin is asked for what is.
        self.tell();
        Ok(())
    }

    fn check(&self, found: &str) -> Result<(), LockError> {
        match (&self.locked, &self.wish.pinned) {
            (Some(locked), Some(revision)) => locked.check(revision, found),
            (Some(_) | None, _) => Ok(()),
        }
    }

    /// Judges of which place the state is that was found, and returns what is to be remembered of it; none where places have
    /// no history. Where it should be remembered what the host's objects were taken of, and is not, it is another place until
    /// somebody says that it is not.
    async fn judge(&mut self, found: &str, holding: Holding) -> Result<Option<Past>, OriginError> {
        let taken = self.past.as_ref().map(|past| past.taken.as_str());
        let is_another = match (self.origin.descent(taken).await?, holding) {
            (None, _) => return Ok(None),
            (Some(Descent::Same), _) | (Some(Descent::Unknown), Holding::Nothing) => false,
            (Some(Descent::Another), _) | (Some(Descent::Unknown), Holding::Objects) => true,
        };
        let place = match is_another {
            true => Some(found.to_owned()),
            false => self.place().map(str::to_owned),
        };
        Ok(Some(Past::new(found.to_owned(), place)))
    }

    /// Puts a state in the place of the last, once all that it names was looked at, and what follows from it is remembered.
    async fn publish(&mut self, mut kept: Kept, past: Option<Past>) -> Result<Kept, OriginError> {
        let (cache, last, scale) = (Arc::clone(&self.cache), self.kept.clone(), self.scale);
        let past = past.filter(|past| self.past.as_ref() != Some(past));
        let mut contents = self.origin.contents();
        spawn_blocking(move || {
            weigh(&mut kept.picks, last.as_deref(), scale, &mut *contents)?;
            if let Some(past) = past {
                cache.remember(&past)?;
            }
            cache.publish(&kept)?;
            Ok(kept)
        })
        .await?
    }

    async fn pick(&mut self, tree: &Tree) -> Result<Picked, OriginError> {
        let files: Vec<(RelPath, Content)> = ignore_files(tree)
            .map(|(path, content)| (path.clone(), content.clone()))
            .collect();
        let wanted: BTreeSet<Content> = files.iter().map(|(_, content)| content.clone()).collect();
        self.origin.bring(&wanted).await?;
        let mut contents = self.origin.contents();
        let ignored = spawn_blocking(move || texts(files, &mut *contents)).await??;
        pick(tree, &self.wish, &ignored).map_err(OriginError::Pick)
    }

    /// Reads and parses the next files of a page.
    ///
    /// # Errors
    /// Fails if a content was lost: then the origin is asked for everything anew.
    pub(crate) async fn parse(&mut self, unread: VecDeque<Unread>, limits: ObjectLimits) -> Result<Batch, OriginError> {
        let mut contents = self.contents.take().unwrap_or_else(|| self.origin.contents());
        let most = self.wish.file_bytes;
        let parsing = spawn_blocking(move || {
            let batch = parse(unread, most, &limits, &mut *contents);
            (batch, contents)
        });
        let (batch, contents) = parsing.await?;
        match batch {
            Ok(batch) => {
                self.contents = Some(contents);
                Ok(batch)
            }
            Err(error) => {
                self.doubt().await?;
                Err(error)
            }
        }
    }

    /// Takes what is published for what is known, and nothing for what the origin said of it: all is asked for anew.
    async fn doubt(&mut self) -> Result<(), OriginError> {
        let cache = Arc::clone(&self.cache);
        let last = spawn_blocking(move || cache.last()).await?;
        let last = last.filter(|kept| kept.wish == self.wish_mark);
        let doubted = |mut kept: Kept| {
            kept.mark = Mark::default();
            Arc::new(kept)
        };
        self.kept = last.map(doubted);
        self.tell();
        Ok(())
    }
}

#[cfg(test)]
pub(crate) mod tests;
