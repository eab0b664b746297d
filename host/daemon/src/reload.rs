//! The configuration of a host that runs: read again when a file of it changes, or when somebody asks.
//!
//! A thread of its own follows the files and reads them; what it read reaches the host's loop through a channel of one, so
//! that a host which is busy makes it wait, and reads the last state of the files then. What follows from it is not decided
//! here: see [`plan`](crate::config::plan).
//!
//! # Invariants
//! - The files are followed before they are read, so that no change between the two is missed.
//! - What was read is never older than the last change that was noticed.

mod places;

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use k1s_object::InstanceId;
use notify::event::{AccessKind, AccessMode};
use notify::{Config, Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::mpsc;

use self::places::Places;
use crate::cli::RunArguments;
use crate::config::{CommandLineSource, ConfigError, Configuration, Inputs, LogLevel, PluginSearch, load};

/// How long files must be left alone before they are read.
const QUIET: Duration = Duration::from_millis(100);
/// How long changes are waited for, at most, before what is there is read.
const PATIENCE: Duration = Duration::from_secs(1);
/// Nudges that wait: one more would say nothing new.
const NUDGES: usize = 1;

/// What a configuration is read from.
#[derive(Clone, Debug)]
pub(crate) struct Recipe {
    files: Vec<PathBuf>,
    sources: Vec<CommandLineSource>,
    instance_id: Option<InstanceId>,
    log_level: Option<LogLevel>,
    working_directory: PathBuf,
    plugins: PluginSearch,
}

impl Recipe {
    /// Takes what `run` was asked for.
    pub(crate) fn new(arguments: &RunArguments, working_directory: PathBuf, plugins: PluginSearch) -> Self {
        Self {
            files: arguments.config.files.clone(),
            sources: arguments.source.sources.clone(),
            instance_id: arguments.instance_id.clone(),
            log_level: arguments.log_level,
            working_directory,
            plugins,
        }
    }

    /// Reads and checks everything.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub(crate) fn read(&self) -> Result<Configuration, ConfigError> {
        load(&Inputs {
            files: &self.files,
            sources: &self.sources,
            instance_id: self.instance_id.as_ref(),
            log_level: self.log_level,
            working_directory: &self.working_directory,
            plugins: &self.plugins,
        })
    }

    /// The entries of directories on which depends what is read.
    fn places(&self) -> Places {
        let files = self.files.iter().map(|file| self.working_directory.join(file));
        let registries = self.plugins.directories().iter().cloned();
        Places::of(files.chain(registries))
    }
}

/// Why a configuration was read again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Occasion {
    /// Something about its files changed.
    Changed,
    /// Somebody asked.
    Asked,
}

/// A configuration that was read again.
#[derive(Debug)]
pub(crate) struct Reading {
    pub(crate) occasion: Occasion,
    pub(crate) configuration: Result<Configuration, ConfigError>,
}

enum Nudge {
    Read(Occasion),
    End,
}

/// Follows a configuration.
#[derive(Debug)]
pub(crate) struct Reloader {
    nudges: SyncSender<Nudge>,
    readings: mpsc::Receiver<Reading>,
    thread: JoinHandle<()>,
}

impl Reloader {
    /// Begins to follow what a recipe names; the first reading comes at once, for what changed since it was last read.
    ///
    /// # Errors
    /// When the system allows no thread.
    pub(crate) fn start(recipe: Recipe) -> std::io::Result<Self> {
        let (nudges, told) = sync_channel(NUDGES);
        let (reader, readings) = mpsc::channel(1);
        let thread = Thread {
            recipe,
            nudges: nudges.clone(),
            told,
            readings: reader,
            follower: None,
        };
        let thread = std::thread::Builder::new()
            .name("k1s-config".to_owned())
            .spawn(move || thread.run())?;
        Ok(Self {
            nudges,
            readings,
            thread,
        })
    }

    /// Has everything read now.
    pub(crate) fn ask(&self) {
        // A full queue means that it is about to be read.
        drop(self.nudges.try_send(Nudge::Read(Occasion::Asked)));
    }

    /// Waits for the next reading; cancelling it loses nothing.
    pub(crate) async fn next(&mut self) -> Option<Reading> {
        self.readings.recv().await
    }

    /// Ends the thread, and waits for it.
    pub(crate) fn end(mut self) {
        self.readings.close();
        drop(self.nudges.try_send(Nudge::End));
        if self.thread.join().is_err() {
            tracing::error!("the thread that follows the configuration died");
        }
    }
}

struct Thread {
    recipe: Recipe,
    nudges: SyncSender<Nudge>,
    told: Receiver<Nudge>,
    readings: mpsc::Sender<Reading>,
    follower: Option<Follower>,
}

/// A watch on the places as they were last found.
struct Follower {
    places: Places,
    _watcher: RecommendedWatcher,
}

impl Thread {
    fn run(mut self) {
        let mut occasion = Occasion::Changed;
        loop {
            self.follow();
            let configuration = self.recipe.read();
            let reading = Reading {
                occasion,
                configuration,
            };
            if self.readings.blocking_send(reading).is_err() {
                return;
            }
            occasion = match self.told.recv() {
                Ok(Nudge::Read(Occasion::Changed)) => match self.gather() {
                    Some(occasion) => occasion,
                    None => return,
                },
                Ok(Nudge::Read(Occasion::Asked)) => Occasion::Asked,
                Ok(Nudge::End) | Err(_) => return,
            };
        }
    }

    /// Waits until it is quiet; `None` when the host ends.
    fn gather(&self) -> Option<Occasion> {
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            match self.told.recv_timeout(QUIET) {
                _ if self.readings.is_closed() => return None,
                Ok(Nudge::Read(Occasion::Changed)) => {}
                Ok(Nudge::Read(Occasion::Asked)) => return Some(Occasion::Asked),
                Err(RecvTimeoutError::Timeout) => break,
                Ok(Nudge::End) | Err(RecvTimeoutError::Disconnected) => return None,
            }
        }
        Some(Occasion::Changed)
    }

    /// Watches the places as they are now; where links and directories are as before, the watch that there is goes on.
    fn follow(&mut self) {
        let places = self.recipe.places();
        if self.follower.as_ref().is_some_and(|follower| follower.places == places) {
            return;
        }
        let (nudges, interest) = (self.nudges.clone(), places.clone());
        let handler = move |event: notify::Result<Event>| {
            let matters = match &event {
                Ok(event) => is_change(event) && (event.need_rescan() || interest.concern(&event.paths)),
                // What was missed may be anything.
                Err(_) => true,
            };
            if matters {
                // A full queue means that everything is about to be read.
                drop(nudges.try_send(Nudge::Read(Occasion::Changed)));
            }
        };
        let mut watcher = match RecommendedWatcher::new(handler, Config::default()) {
            Ok(watcher) => watcher,
            Err(error) => return deaf(&error),
        };
        for directory in places.directories() {
            if let Err(error) = watcher.watch(directory, RecursiveMode::NonRecursive) {
                match error.kind {
                    // Of a directory that may not be read, and of one that just went, nothing is heard.
                    notify::ErrorKind::Io(_) | notify::ErrorKind::PathNotFound => {
                        tracing::debug!("{} is not watched: {error}", directory.display());
                    }
                    notify::ErrorKind::Generic(_)
                    | notify::ErrorKind::WatchNotFound
                    | notify::ErrorKind::InvalidConfig(_)
                    | notify::ErrorKind::MaxFilesWatch => deaf(&error),
                }
            }
        }
        self.follower = Some(Follower {
            places,
            _watcher: watcher,
        });
    }
}

fn deaf(error: &notify::Error) {
    tracing::warn!("not every change of the configuration is noticed ({error}); send SIGHUP after one");
}

/// Whether an event may mean other content; that something was read does not.
fn is_change(event: &Event) -> bool {
    match event.kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => true,
        EventKind::Access(_) => false,
        EventKind::Any | EventKind::Create(_) | EventKind::Modify(_) | EventKind::Remove(_) | EventKind::Other => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reading_is_no_change() {
        use notify::event::{CreateKind, ModifyKind, RemoveKind};
        for (kind, expected) in [
            (EventKind::Access(AccessKind::Open(AccessMode::Read)), false),
            (EventKind::Access(AccessKind::Close(AccessMode::Read)), false),
            (EventKind::Access(AccessKind::Close(AccessMode::Write)), true),
            (EventKind::Create(CreateKind::File), true),
            (EventKind::Modify(ModifyKind::Any), true),
            (EventKind::Remove(RemoveKind::File), true),
        ] {
            assert_eq!(is_change(&Event::new(kind)), expected, "{kind:?}");
        }
    }
}
