//! `run`: the composition root of the daemon.

mod signals;
mod standing;

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use k1s_process::{
    RuntimeDirectory, RuntimeDirectoryError, SpawnError, Spawner, StopBudget, SweepReport, runtime_base,
};
use k1s_store::writer::{Leaving, Released};
use k1s_store::{Reader, Store, StoreError};
use k1s_sync_engine::id::SourceName;
use k1s_sync_engine::lifecycle::State;
use k1s_sync_engine::message::Mode;
use thiserror::Error;

use self::signals::{Signals, Wanted};
use self::standing::{Consequence, Standing, Verdict};
use crate::cli::{ConfigFlags, Outcome, RunArguments, SourceFlags};
use crate::clock::HostClock;
use crate::config::{
    ApiSettings, ConfigError, Configuration, Directories, Inputs, LogLevel, PluginSearch, SourceSettings, load,
};
use crate::console::{Console, described, farewell, line};
use crate::data_directory::{OpenError, Place, make_private};
use crate::keeper::StoreKeeper;
use crate::reload::{Reading, Recipe, Reloader};
use crate::serving::{Door, DoorError, IDENTITY_DIRECTORY, KUBECONFIG_FILE, Serving};
use crate::source::{Ending, Host, What};
use crate::supervisor::{Happening, Supervisor};

/// Why the daemon could not start, or could not go on.
#[derive(Debug, Error)]
pub(crate) enum RunError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error("no source is configured: name one with --plugin, or a configuration with -f")]
    NoSource,
    #[error("the working directory cannot be told: {0}")]
    WorkingDirectory(#[source] std::io::Error),
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Api(#[from] DoorError),
    #[error(transparent)]
    RuntimeDirectory(#[from] RuntimeDirectoryError),
    #[error(transparent)]
    Spawner(#[from] SpawnError),
    #[error(transparent)]
    Name(#[from] k1s_object::NameError),
    #[error("signals cannot be watched: {0}")]
    Signals(#[source] std::io::Error),
    #[error("the configuration cannot be followed: {0}")]
    Reloader(#[source] std::io::Error),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Runs the daemon until its work is done or it is told to stop.
pub(crate) async fn run(arguments: RunArguments) -> Result<Outcome, RunError> {
    let working_directory = std::env::current_dir().map_err(RunError::WorkingDirectory)?;
    let plugins = plugin_search(arguments.config.plugins_dir.clone());
    let recipe = Recipe::new(&arguments, working_directory.clone(), plugins);
    let configuration = recipe.read()?;
    if configuration.sources.is_empty() {
        return Err(RunError::NoSource);
    }
    let place = Place::choose(&arguments.store, &directories())?;
    let store = place.take(configuration.instance_id.clone()).await?;
    let mode = if arguments.once { Mode::Once } else { Mode::Full };
    let host = host(&store, place.directory())?;
    let door = match (mode, configuration.options.api) {
        (Mode::Full, ApiSettings::Served { port }) => {
            // What a store in memory is known by must not outlive it.
            let directory = match &place {
                Place::Directory(directory) => directory,
                Place::Memory(_) => host.runtime_directory.path(),
            };
            Some(Door::open(directory, store.instance_id(), port)?)
        }
        (Mode::Full | Mode::Once | Mode::Resume, ApiSettings::Served { .. } | ApiSettings::Off) => None,
    };
    greet(&place.describe(store.reader().revision()), door.as_ref());
    let sources = &configuration.sources;
    for released in store.writer().release(Leaving::KeepingAllBut(names(sources))).await? {
        line(&farewell(&released));
    }
    let mut console = Console::new(working_directory).hinting(door.as_ref().map(hint));
    let serving = door.map(|door| Serving::begin(&store, door, sources)).transpose()?;
    let runtime_directory = Arc::clone(&host.runtime_directory);
    let reloader = match mode {
        Mode::Full | Mode::Resume => Some(Reloader::start(recipe).map_err(RunError::Reloader)?),
        Mode::Once => None,
    };
    let conduct = Conduct {
        mode,
        serving,
        reloader,
    };
    let outcome = supervise(&store, host, configuration, conduct, &mut console).await;
    forget_door(runtime_directory.path());
    drop(runtime_directory);
    let outcome = outcome?;
    store.close()?;
    Ok(outcome)
}

/// Says what runs, and where.
fn greet(store: &str, door: Option<&Door>) {
    let api = door.map(|door| format!(" · api {}", door.url())).unwrap_or_default();
    line(&format!(
        "k1s-sync-host {} · store {store}{api}",
        env!("CARGO_PKG_VERSION")
    ));
    for note in door.iter().flat_map(|door| &door.notes) {
        line(note);
    }
}

/// Removes what a store in memory was known by; the runtime directory goes when it is empty.
fn forget_door(directory: &Path) {
    let removed = [
        std::fs::remove_dir_all(directory.join(IDENTITY_DIRECTORY)),
        std::fs::remove_file(directory.join(KUBECONFIG_FILE)),
    ];
    for error in removed.into_iter().filter_map(Result::err) {
        if error.kind() != std::io::ErrorKind::NotFound {
            tracing::warn!("what the API was known by stays in {}: {error}", directory.display());
        }
    }
}

/// What to do once something is there.
fn hint(door: &Door) -> String {
    format!(
        "Ctrl-C stops · next: kubectl --kubeconfig {} get all -A",
        door.kubeconfig.display()
    )
}

fn names(sources: &[Arc<SourceSettings>]) -> BTreeSet<SourceName> {
    sources.iter().map(|source| source.name.clone()).collect()
}

/// Reads the configuration that flags and environment name.
pub(crate) fn configure(
    sources: &SourceFlags,
    files: &ConfigFlags,
    instance_id: Option<&k1s_object::InstanceId>,
    log_level: Option<LogLevel>,
    working_directory: &Path,
) -> Result<Configuration, ConfigError> {
    load(&Inputs {
        files: &files.files,
        sources: &sources.sources,
        instance_id,
        log_level,
        working_directory,
        plugins: &plugin_search(files.plugins_dir.clone()),
    })
}

/// Where plugins are looked for: the directory asked for first, then the usual ones, then beside the host.
pub(crate) fn plugin_search(asked: Option<PathBuf>) -> PluginSearch {
    let usual = directories().plugin_directories();
    let asked = asked.and_then(|directory| std::path::absolute(directory).ok());
    let beside = std::env::current_exe()
        .ok()
        .and_then(|program| program.parent().map(Path::to_owned));
    PluginSearch::new(asked.into_iter().chain(usual).collect(), beside)
}

/// The directories that the environment tells.
pub(crate) fn directories() -> Directories {
    Directories::from_environment(|name| std::env::var_os(name))
}

/// Whether a signal asked the host to stop.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stopping {
    No,
    Asked,
}

/// How a host conducts itself.
pub(crate) struct Conduct {
    pub(crate) mode: Mode,
    pub(crate) serving: Option<Serving>,
    pub(crate) reloader: Option<Reloader>,
}

/// Runs sources over a store until they are done or a signal comes; shows what they say.
pub(crate) async fn supervise(
    store: &Store,
    host: Host,
    configuration: Configuration,
    conduct: Conduct,
    console: &mut Console,
) -> Result<Outcome, RunError> {
    let mut signals = Signals::watch()?;
    let budget = host.stop;
    let mut keeper = StoreKeeper::new(store);
    let Conduct {
        mode,
        serving,
        mut reloader,
    } = conduct;
    let mut household = Household {
        supervisor: Supervisor::start(host, &configuration.sources, mode),
        standing: Standing::new(configuration),
        serving,
        mode,
        stopping: Stopping::No,
        outcome: Outcome::Done,
    };
    household.direct();
    loop {
        tokio::select! {
            happening = household.supervisor.next() => {
                if household.happened(happening, store, console).await?.is_break() {
                    break;
                }
            }
            () = work(&mut household.serving) => {}
            news = keeper.next() => console.store(&news),
            Some(reading) = reading(&mut reloader) => household.take(reading, console),
            wanted = signals.next() => household.obey(wanted, &mut reloader, budget.drain),
        }
    }
    household.end(store).await
}

/// What a host that runs consists of.
struct Household {
    supervisor: Supervisor,
    standing: Standing,
    serving: Option<Serving>,
    mode: Mode,
    stopping: Stopping,
    /// The worst that came of a source so far.
    outcome: Outcome,
}

impl Household {
    /// Takes what happened to the sources; breaks when there is none left.
    async fn happened(
        &mut self,
        happening: Happening,
        store: &Store,
        console: &mut Console,
    ) -> Result<ControlFlow<()>, RunError> {
        match happening {
            Happening::Notice(notice) => {
                console.show(&notice);
                self.serving.iter_mut().for_each(|serving| serving.note(&notice));
                self.outcome = self.outcome.max(judged(&notice.what));
            }
            Happening::Ended(name, Ok(Ending::Stopped)) => {
                if self.mode == Mode::Once && self.stopping == Stopping::Asked {
                    line(&format!("source {name}   interrupted before everything was listed"));
                    self.outcome = self.outcome.max(Outcome::Partial);
                }
            }
            Happening::Ended(_, Ok(Ending::Removed(released))) => self.bid_farewell(&released, console),
            Happening::Settled => self.release_others(store, console).await,
            Happening::Ended(_, Ok(Ending::Finished)) => {}
            Happening::Ended(name, Ok(Ending::GaveUp(problem))) => {
                tracing::debug!(source = %name, "gave up: {}", described(&problem));
                self.outcome = Outcome::Failed;
            }
            Happening::Ended(_, Err(error)) => return Err(error.into()),
            Happening::Died(error) => {
                tracing::error!("a source's task died: {error}");
                self.outcome = Outcome::Failed;
            }
            Happening::AllEnded => return Ok(ControlFlow::Break(())),
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Ends what is left, and says what came of it all: a host that runs until it is told to stop has done its work by then.
    async fn end(self, store: &Store) -> Result<Outcome, RunError> {
        if self.mode == Mode::Once {
            let sources = &self.standing.configuration().sources;
            return Ok(self.outcome.max(waiting(store.reader(), sources)?));
        }
        if let Some(serving) = self.serving {
            serving.end().await;
        }
        Ok(Outcome::Done)
    }

    /// Takes a configuration that was read again: tells sources what changes for them, and people what came of it.
    fn take(&mut self, reading: Reading, console: &mut Console) {
        let Consequence {
            amendments,
            lines,
            verdict,
        } = self.standing.take(reading);
        console.say(&lines);
        for amendment in &amendments {
            console.forget(amendment.source());
        }
        self.supervisor.amend(amendments);
        if let Some(serving) = &mut self.serving {
            serving.configure(&self.standing.configuration().sources);
            match verdict {
                Verdict::Same => {}
                Verdict::Good => serving.judge(None),
                Verdict::Refused(why) => serving.judge(Some(why)),
            }
        }
        self.direct();
    }

    /// Lets go of what sources have that are configured no longer, and whose objects are to go with them: not before it is
    /// known what the others declare, because nobody may see those gone.
    async fn release_others(&mut self, store: &Store, console: &Console) {
        let sources = &self.standing.configuration().sources;
        let released = match store.writer().release(Leaving::AllBut(names(sources))).await {
            Ok(released) => released,
            Err(error) => {
                tracing::warn!(
                    "what sources have that are configured no longer is let go of by the next host: {error}"
                );
                return;
            }
        };
        let lines: Vec<String> = released.iter().map(farewell).collect();
        console.say(&lines);
        if let Some(serving) = self.serving.as_mut().filter(|_| !released.is_empty()) {
            serving.configure(sources);
        }
    }

    /// Tells what became of a source that has left; one of its name may have begun anew.
    fn bid_farewell(&mut self, released: &Released, console: &Console) {
        console.say(&[farewell(released)]);
        self.direct();
    }

    fn direct(&mut self) {
        if let Some(serving) = &mut self.serving {
            serving.direct(self.supervisor.orders());
        }
    }

    /// Does what a signal asks for; where nothing can be read again, that is the end.
    fn obey(&mut self, wanted: Wanted, reloader: &mut Option<Reloader>, within: Duration) {
        match (wanted, reloader.as_ref()) {
            (Wanted::Reload, Some(reloader)) => reloader.ask(),
            (Wanted::Stop, _) | (Wanted::Reload, None) => {
                self.supervisor.stop(within);
                self.serving.iter_mut().for_each(Serving::stop);
                reloader.take().into_iter().for_each(Reloader::end);
                self.stopping = Stopping::Asked;
            }
        }
    }
}

/// The next configuration that is read, if one is followed.
async fn reading(reloader: &mut Option<Reloader>) -> Option<Reading> {
    match reloader {
        Some(reloader) => reloader.next().await,
        None => std::future::pending().await,
    }
}

/// The API's work, if there is an API; it has no end of its own.
async fn work(serving: &mut Option<Serving>) {
    match serving {
        Some(serving) => serving.work().await,
        None => std::future::pending().await,
    }
}

/// Whether anything a source declares could still not be applied.
fn waiting(reader: &Reader, sources: &[Arc<SourceSettings>]) -> Result<Outcome, StoreError> {
    let mut outcome = Outcome::Done;
    for source in sources {
        reader.pending(&source.name, &mut |_, _| outcome = Outcome::Partial)?;
    }
    Ok(outcome)
}

/// What a notice means for the exit code of a run that ends by itself.
fn judged(what: &What) -> Outcome {
    match what {
        What::Pass(summary) if !summary.is_clean() => Outcome::Partial,
        // It waits for a person.
        What::State {
            state: State::Suspended { .. },
            ..
        } => Outcome::Partial,
        What::Pass(_)
        | What::State { .. }
        | What::CircuitClosed
        | What::Progress(_)
        | What::Problem(_)
        | What::Live
        | What::Handled(_)
        | What::Durable { .. }
        | What::Held(_)
        | What::Events(_) => Outcome::Done,
    }
}

/// What every source of this run shares.
pub(crate) fn host(store: &Store, directory: &Path) -> Result<Host, RunError> {
    make_private(directory)?;
    let base = runtime_base(std::env::var_os("XDG_RUNTIME_DIR").as_deref(), directory);
    let runtime_directory = RuntimeDirectory::open(&base)?;
    report_sweep(&runtime_directory.sweep());
    Ok(Host {
        instance_id: store.instance_id().clone(),
        spawner: Spawner::start()?,
        runtime_directory: Arc::new(runtime_directory),
        data_directory: directory.to_owned(),
        reader: store.reader().clone(),
        writer: store.writer().clone(),
        clock: HostClock::start(),
        stop: StopBudget::default(),
    })
}

fn report_sweep(report: &SweepReport) {
    for killed in &report.killed {
        tracing::warn!("killed a plugin that an earlier host had left: {killed:?}");
    }
    for unswept in &report.unswept {
        tracing::warn!("what an earlier host left could not be removed: {unswept}");
    }
}
