//! The system's notifications of a folder: which of its directories are watched, and what is said about them.
//!
//! A thin shell over `notify`: every directory is watched by itself, and only where a walk comes by, so that what is left
//! out costs nothing. Reading a file is no change. The folder's own parent is watched for the folder being removed or
//! replaced, as far as the system allows.
//!
//! At most [`SIGNALS`] signals wait; further ones are dropped and said to be lost.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use k1s_manifests::RelPath;
use notify::event::{AccessKind, AccessMode, ModifyKind};
use notify::{Config, ErrorKind, Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::mpsc;

/// The most signals that wait.
const SIGNALS: usize = 16 * 1024;

/// What the system says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    /// Something happened to this path, or to what is at it.
    Changed(RelPath),
    /// The root is gone, or is another folder.
    Root,
    /// It is not known what happened.
    Lost,
    /// Not everything can be watched.
    Limited,
}

/// Makes both ends of the way of signals.
pub(crate) fn signals() -> (Sender, Signals) {
    let (sender, queue) = mpsc::channel(SIGNALS);
    let lost = Arc::new(AtomicBool::new(false));
    let sender = Sender {
        queue: sender,
        lost: Arc::clone(&lost),
    };
    (sender, Signals { queue, lost })
}

/// The end that never waits.
#[derive(Clone, Debug)]
pub(crate) struct Sender {
    queue: mpsc::Sender<Signal>,
    lost: Arc<AtomicBool>,
}

impl Sender {
    fn send(&self, signal: Signal) {
        if self.queue.try_send(signal).is_err() {
            self.lost.store(true, Ordering::Release);
        }
    }
}

/// The end that is listened at.
#[derive(Debug)]
pub(crate) struct Signals {
    queue: mpsc::Receiver<Signal>,
    lost: Arc<AtomicBool>,
}

impl Signals {
    /// Waits for a signal. Dropping the wait loses nothing.
    pub(crate) async fn next(&mut self) -> Signal {
        if self.lost.swap(false, Ordering::AcqRel) {
            return Signal::Lost;
        }
        // Whoever listens holds a sender as well, so there is always one.
        self.queue.recv().await.unwrap_or(Signal::Lost)
    }

    /// Returns a signal that waits.
    pub(crate) fn try_next(&mut self) -> Option<Signal> {
        if self.lost.swap(false, Ordering::AcqRel) {
            return Some(Signal::Lost);
        }
        self.queue.try_recv().ok()
    }
}

/// What is watched of one folder.
#[derive(Debug)]
pub(crate) struct Lookout(Option<Open>);

#[derive(Debug)]
struct Open {
    /// The folder without links.
    real: PathBuf,
    signals: Sender,
    watched: Mutex<Watched>,
}

#[derive(Debug)]
struct Watched {
    /// None when the system allows no more.
    watcher: Option<RecommendedWatcher>,
    ways: HashSet<RelPath>,
}

impl Lookout {
    /// Makes one that watches nothing.
    pub(crate) fn blind() -> Self {
        Self(None)
    }

    /// Begins to watch the folder at `path`, so far only for being there; it may wait for the system.
    pub(crate) fn open(path: &Path, signals: &Sender) -> Self {
        let real = path.canonicalize().unwrap_or_else(|_gone| path.to_owned());
        let watcher = watcher(path, &real, signals);
        if watcher.is_none() {
            signals.send(Signal::Limited);
        }
        Self(Some(Open {
            real,
            signals: signals.clone(),
            watched: Mutex::new(Watched {
                watcher,
                ways: HashSet::new(),
            }),
        }))
    }

    /// Watches a directory, given by its path without links. What cannot be watched because it is gone or closed is
    /// found to be so when it is listed.
    pub(crate) fn attend(&self, directory: &RelPath) {
        if let Some(open) = &self.0 {
            open.attend(&mut open.locked(), directory);
        }
    }

    /// Watches a directory that a link leads through. If it was not before, it is said to have changed: it may have
    /// between resolving the link and watching.
    pub(crate) fn attend_way(&self, directory: &RelPath) {
        let Some(open) = &self.0 else { return };
        let mut watched = open.locked();
        open.attend(&mut watched, directory);
        if watched.ways.insert(directory.clone()) {
            open.signals.send(Signal::Changed(directory.clone()));
        }
    }
}

impl Open {
    fn locked(&self) -> MutexGuard<'_, Watched> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn attend(&self, watched: &mut Watched, directory: &RelPath) {
        let Some(watcher) = &mut watched.watcher else { return };
        let path = self.real.join(directory.as_str());
        if let Err(error) = watcher.watch(&path, RecursiveMode::NonRecursive)
            && matches!(error.kind, ErrorKind::MaxFilesWatch)
        {
            // One that sees a part is no better than none: everything is polled then.
            watched.watcher = None;
            self.signals.send(Signal::Limited);
        }
    }
}

/// Makes a watcher, with the folder's parent watched; none if the system allows no more.
fn watcher(path: &Path, real: &Path, signals: &Sender) -> Option<RecommendedWatcher> {
    let folder = Watching {
        configured: path.to_owned(),
        real: real.to_owned(),
    };
    let told = signals.clone();
    let handler = move |event: notify::Result<Event>| {
        let said = event.map_or_else(|_error| vec![Signal::Lost], |event| folder.signals(&event));
        said.into_iter().for_each(|signal| told.send(signal));
    };
    let mut watcher = RecommendedWatcher::new(handler, Config::default()).ok()?;
    for parent in [path.parent(), real.parent()].into_iter().flatten() {
        match watcher.watch(parent, RecursiveMode::NonRecursive) {
            Err(error) if matches!(error.kind, ErrorKind::MaxFilesWatch) => return None,
            // A parent that is closed to us tells nothing; the folder itself does.
            Ok(()) | Err(_) => {}
        }
    }
    Some(watcher)
}

/// The folder that events are about.
#[derive(Debug)]
struct Watching {
    configured: PathBuf,
    real: PathBuf,
}

impl Watching {
    /// Returns what an event means.
    fn signals(&self, event: &Event) -> Vec<Signal> {
        if event.need_rescan() {
            return vec![Signal::Lost];
        }
        if let EventKind::Access(kind) = event.kind
            && kind != AccessKind::Close(AccessMode::Write)
        {
            return Vec::new();
        }
        let moves = event.kind.is_create()
            || event.kind.is_remove()
            || matches!(event.kind, EventKind::Modify(ModifyKind::Name(_)));
        event.paths.iter().filter_map(|path| self.signal(path, moves)).collect()
    }

    fn signal(&self, path: &Path, moves: bool) -> Option<Signal> {
        let is_root = path == self.real || path == self.configured;
        let is_parent = [self.real.parent(), self.configured.parent()].contains(&Some(path));
        if moves && (is_root || is_parent) {
            return Some(Signal::Root);
        }
        let below = path.strip_prefix(&self.real).ok()?;
        Some(Signal::Changed(readable(below)))
    }
}

/// Returns the path, or the nearest directory above whose name is UTF-8.
fn readable(path: &Path) -> RelPath {
    let mut parts = path.ancestors();
    parts
        .find_map(|part| part.to_str().and_then(RelPath::new))
        .unwrap_or_else(RelPath::root)
}

#[cfg(test)]
mod tests {
    use notify::event::{CreateKind, DataChange, Flag, MetadataKind, RemoveKind, RenameMode};

    use super::*;

    #[test]
    fn events_are_changes_losses_or_the_root_itself() {
        let folder = Watching {
            configured: "/srv/current".into(),
            real: "/srv/releases/7".into(),
        };
        let changed = |path: &str| Some(Signal::Changed(RelPath::new(path).unwrap()));
        let data = EventKind::Modify(ModifyKind::Data(DataChange::Any));
        let metadata = EventKind::Modify(ModifyKind::Metadata(MetadataKind::Any));
        let to = EventKind::Modify(ModifyKind::Name(RenameMode::To));
        let gone = EventKind::Remove(RemoveKind::Folder);
        for (kind, path, expected) in [
            (data, "/srv/releases/7/a/b.yaml", changed("a/b.yaml")),
            (metadata, "/srv/releases/7", changed("")),
            (gone, "/srv/releases/7/a", changed("a")),
            (
                EventKind::Access(AccessKind::Open(AccessMode::Any)),
                "/srv/releases/7/a",
                None,
            ),
            (
                EventKind::Access(AccessKind::Close(AccessMode::Write)),
                "/srv/releases/7/a",
                changed("a"),
            ),
            (gone, "/srv/releases/7", Some(Signal::Root)),
            (to, "/srv/current", Some(Signal::Root)),
            (
                EventKind::Create(CreateKind::Folder),
                "/srv/releases/7",
                Some(Signal::Root),
            ),
            (gone, "/srv/releases", Some(Signal::Root)),
            (to, "/srv/other", None),
            (metadata, "/srv", None),
            (data, "/srv/releases/8", None),
        ] {
            let signals = folder.signals(&Event::new(kind).add_path(path.into()));
            assert_eq!(signals.first(), expected.as_ref(), "{kind:?} {path}");
        }
        let overflow = Event::new(EventKind::Other).set_flag(Flag::Rescan);
        assert_eq!(folder.signals(&overflow), [Signal::Lost]);
    }

    #[tokio::test]
    async fn signals_beyond_the_limit_are_said_to_be_lost() {
        let (sender, mut signals) = signals();
        for _ in 0..=SIGNALS {
            sender.send(Signal::Root);
        }
        assert_eq!(signals.next().await, Signal::Lost);
        assert_eq!(signals.next().await, Signal::Root);
        let rest = std::iter::from_fn(|| signals.try_next()).count();
        assert_eq!(rest, SIGNALS - 1);
    }
}
