//! `run`: the composition root of the daemon.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use k1s_process::{
    RuntimeDirectory, RuntimeDirectoryError, SpawnError, Spawner, StopBudget, SweepReport, runtime_base,
};
use k1s_store::writer::Released;
use k1s_store::{Reader, Store, StoreError};
use k1s_sync_engine::id::SourceName;
use k1s_sync_engine::lifecycle::State;
use k1s_sync_engine::message::Mode;
use thiserror::Error;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::cli::{ConfigFlags, Outcome, RunArguments, SourceFlags};
use crate::clock::HostClock;
use crate::config::{
    ApiSettings, ConfigError, Configuration, Directories, Inputs, LogLevel, PluginSearch, SourceSettings, load,
};
use crate::console::{Console, described, line};
use crate::data_directory::{OpenError, Place, make_private};
use crate::keeper::StoreKeeper;
use crate::output::count;
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
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Runs the daemon until its work is done or it is told to stop.
pub(crate) async fn run(arguments: RunArguments) -> Result<Outcome, RunError> {
    let working_directory = std::env::current_dir().map_err(RunError::WorkingDirectory)?;
    let id = arguments.instance_id.as_ref();
    let configuration = configure(
        &arguments.source,
        &arguments.config,
        id,
        arguments.log_level,
        &working_directory,
    )?;
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
    let sources = configuration.sources;
    release_others(&store, &sources).await?;
    let mut console = Console::new(working_directory).hinting(door.as_ref().map(hint));
    let serving = door.map(|door| Serving::begin(&store, door, &sources)).transpose()?;
    let runtime_directory = Arc::clone(&host.runtime_directory);
    let outcome = supervise(&store, host, sources, mode, serving, &mut console).await;
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

/// Objects of sources that are no longer configured stay, and belong to no source from here on.
async fn release_others(store: &Store, sources: &[SourceSettings]) -> Result<(), StoreError> {
    let configured = sources.iter().map(|source| source.name.clone()).collect();
    for Released { source, objects, .. } in store.writer().release(configured).await? {
        let objects = count(objects);
        line(&format!(
            "source {source}   no longer configured: its {objects} objects stay and belong to no source"
        ));
    }
    Ok(())
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

/// Runs sources over a store until they are done or a signal comes; shows what they say.
pub(crate) async fn supervise(
    store: &Store,
    host: Host,
    sources: Vec<SourceSettings>,
    mode: Mode,
    mut serving: Option<Serving>,
    console: &mut Console,
) -> Result<Outcome, RunError> {
    let mut signals = Signals::watch()?;
    let names: Vec<SourceName> = sources.iter().map(|source| source.name.clone()).collect();
    let mut supervisor = Supervisor::start(&host, sources, mode);
    if let Some(serving) = &mut serving {
        serving.direct(supervisor.orders());
    }
    // The actors hold what they need; the writer must not outlive them for this.
    let budget = host.stop;
    drop(host);
    let mut keeper = StoreKeeper::new(store);
    let mut outcome = Outcome::Done;
    let mut stopping = Stopping::No;
    loop {
        let happening = tokio::select! {
            happening = supervisor.next() => happening,
            () = work(&mut serving) => continue,
            news = keeper.next() => {
                console.store(&news);
                continue;
            }
            () = signals.next() => {
                stopping = Stopping::Asked;
                supervisor.stop(budget.drain);
                serving.iter_mut().for_each(Serving::stop);
                continue;
            }
        };
        match happening {
            Happening::Notice(notice) => {
                console.show(&notice);
                serving.iter_mut().for_each(|serving| serving.note(&notice));
                outcome = outcome.max(judged(&notice.what));
            }
            Happening::Ended(name, Ok(Ending::Stopped)) => {
                if mode == Mode::Once && stopping == Stopping::Asked {
                    line(&format!("source {name}   interrupted before everything was listed"));
                    outcome = outcome.max(Outcome::Partial);
                }
            }
            Happening::Ended(_, Ok(Ending::Finished)) => {}
            Happening::Ended(name, Ok(Ending::GaveUp(problem))) => {
                tracing::debug!(source = %name, "gave up: {}", described(&problem));
                outcome = Outcome::Failed;
            }
            Happening::Ended(_, Err(error)) => return Err(error.into()),
            Happening::Died(error) => {
                tracing::error!("a source's task died: {error}");
                outcome = Outcome::Failed;
            }
            Happening::AllEnded if mode == Mode::Once => return Ok(outcome.max(waiting(store.reader(), &names)?)),
            Happening::AllEnded => break,
        }
    }
    if let Some(serving) = serving {
        serving.end().await;
    }
    Ok(Outcome::Done)
}

/// The API's work, if there is an API; it has no end of its own.
async fn work(serving: &mut Option<Serving>) {
    match serving {
        Some(serving) => serving.work().await,
        None => std::future::pending().await,
    }
}

/// Whether anything a source declares could still not be applied.
fn waiting(reader: &Reader, sources: &[SourceName]) -> Result<Outcome, StoreError> {
    let mut outcome = Outcome::Done;
    for source in sources {
        reader.pending(source, &mut |_, _| outcome = Outcome::Partial)?;
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

/// The signals that mean stop.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl Signals {
    fn watch() -> Result<Self, RunError> {
        let watch = |kind| signal(kind).map_err(RunError::Signals);
        Ok(Self {
            interrupt: watch(SignalKind::interrupt())?,
            terminate: watch(SignalKind::terminate())?,
            hangup: watch(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = self.hangup.recv() => {}
        }
    }
}
