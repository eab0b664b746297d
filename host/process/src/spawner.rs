//! The one thread that starts children, and the only one that may: Linux kills a child with the thread that started it.
//!
//! A worker of an async runtime may end at any time and would take the children it started with it. This thread ends
//! only when the [`Spawner`] and every [`Child`](crate::Child) are gone. It also reaps children whose handle was dropped.

use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Arc;

use rustix::process::Pid;
use tokio::sync::mpsc::{self, OwnedPermit};
use tokio::sync::{Semaphore, oneshot};
use tokio::task::JoinSet;

use crate::child::Child;
use crate::confinement::{ChildPipes, confined_command};
use crate::custody::{Custody, Remains, Reservation};
use crate::launch_record::RecordedLeader;
use crate::leader::Leader;
use crate::lifeline::Lifeline;
use crate::output::OutputReceiver;
use crate::permission::{PermissionError, check_executable};
use crate::process_table;
use crate::runtime_dir::{RuntimeDirectory, RuntimeDirectoryError};
use crate::spec::LaunchSpec;

/// Most children of one [`Spawner`] at a time; one more is refused.
pub const CHILD_LIMIT: usize = 1024;

/// Each child has a slot for its burial and, for the moment of its start, another one; so nobody waits for a slot.
const QUEUE_LIMIT: usize = 2 * CHILD_LIMIT;

/// Says why a child was not started; nothing is left behind.
#[derive(Debug, thiserror::Error)]
pub enum SpawnError {
    /// The program fails a check.
    #[error(transparent)]
    Permission(#[from] PermissionError),
    /// The private directory of the launch cannot be made.
    #[error(transparent)]
    Directory(#[from] RuntimeDirectoryError),
    /// The system refuses to start the program.
    #[error("cannot start {}{}", program.display(), start_hint(source))]
    Start {
        /// The program as given.
        program: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The system has no pipes, threads or event sources left.
    #[error("cannot {action}; the limit on open files or processes may be too low")]
    Resource {
        /// What was being done.
        action: &'static str,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// [`CHILD_LIMIT`] children run already.
    #[error("{CHILD_LIMIT} plugins run already; stop one of them first")]
    TooManyChildren,
    /// The spawning thread has ended, which only a defect in it explains.
    #[error("the thread that starts plugins has ended")]
    ThreadEnded,
}

impl SpawnError {
    /// What had no room on its disk, if that is why, and what the system said.
    #[must_use]
    pub fn into_full(self) -> Option<(PathBuf, io::Error)> {
        match self {
            Self::Directory(error) => error.into_full(),
            Self::Permission(_)
            | Self::Start { .. }
            | Self::Resource { .. }
            | Self::TooManyChildren
            | Self::ThreadEnded => None,
        }
    }
}

fn start_hint(error: &io::Error) -> &'static str {
    match error.raw_os_error() {
        Some(libc::ENOENT) => "; the interpreter or loader it names does not exist",
        Some(libc::EAGAIN) => "; too many processes run already",
        _ => "",
    }
}

/// What the thread is asked for.
#[derive(Debug)]
pub(crate) enum SpawnerMessage {
    /// Start a child.
    Spawn {
        spec: Box<LaunchSpec>,
        directory: RuntimeDirectory,
        reservation: Reservation,
        reply: oneshot::Sender<Result<Newborn, SpawnError>>,
    },
    /// Reap a child that was killed because its handle was dropped.
    Bury(Remains),
}

/// A child that was just started; dropping it kills it.
#[derive(Debug)]
pub(crate) struct Newborn {
    pub(crate) custody: Custody,
    pub(crate) lifeline: Lifeline,
    pub(crate) stdout: OwnedFd,
    pub(crate) stderr: OwnedFd,
}

/// Starts children from a thread of its own; owned by the composition root.
///
/// Dropping it only means that no more children can be started: each living [`Child`] keeps the thread.
#[derive(Debug, Clone)]
pub struct Spawner {
    messages: mpsc::Sender<SpawnerMessage>,
    places: Arc<Semaphore>,
}

impl Spawner {
    /// Starts the thread; fails with [`SpawnError::Resource`] if the system has none left.
    pub fn start() -> Result<Self, SpawnError> {
        let failed = |source| SpawnError::Resource {
            action: "start the thread that starts plugins",
            source,
        };
        let (messages, inbox) = mpsc::channel(QUEUE_LIMIT);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .build()
            .map_err(failed)?;
        let body = move || runtime.block_on(run(inbox));
        std::thread::Builder::new()
            .name("k1s-spawner".to_owned())
            .spawn(body)
            .map_err(failed)?;
        Ok(Self {
            messages,
            places: Arc::new(Semaphore::new(CHILD_LIMIT)),
        })
    }

    /// Starts one child in a new subdirectory of `directory`.
    ///
    /// Cancelling this kills the child if it was started already. Must be called inside a runtime with I/O and time.
    pub async fn spawn(
        &self,
        spec: LaunchSpec,
        directory: &RuntimeDirectory,
    ) -> Result<(Child, OutputReceiver), SpawnError> {
        let place = Arc::clone(&self.places).try_acquire_owned();
        let place = place.map_err(|_| SpawnError::TooManyChildren)?;
        let burial = self.slot().await?;
        let request = self.slot().await?;
        let (reply, answer) = oneshot::channel();
        request.send(SpawnerMessage::Spawn {
            spec: Box::new(spec),
            directory: directory.clone(),
            reservation: Reservation { place, burial },
            reply,
        });
        let newborn = answer.await.map_err(|_| SpawnError::ThreadEnded)??;
        Child::adopt(newborn).map_err(|source| SpawnError::Resource {
            action: "watch the plugin",
            source,
        })
    }

    async fn slot(&self) -> Result<OwnedPermit<SpawnerMessage>, SpawnError> {
        let slot = self.messages.clone().reserve_owned().await;
        slot.map_err(|_| SpawnError::ThreadEnded)
    }
}

/// The body of the thread. It starts children here and nowhere else, and ends with the last sender.
async fn run(mut inbox: mpsc::Receiver<SpawnerMessage>) {
    let mut burials = JoinSet::new();
    loop {
        tokio::select! {
            message = inbox.recv() => match message {
                Some(SpawnerMessage::Spawn { spec, directory, reservation, reply }) => {
                    // Nobody may be waiting any more; the child is then dropped here, which kills it.
                    drop(reply.send(start_child(&spec, &directory, reservation)));
                }
                Some(SpawnerMessage::Bury(remains)) => {
                    burials.spawn(remains.bury());
                }
                None => break,
            },
            Some(_) = burials.join_next() => {}
        }
    }
    while burials.join_next().await.is_some() {}
}

fn start_child(
    spec: &LaunchSpec,
    directory: &RuntimeDirectory,
    reservation: Reservation,
) -> Result<Newborn, SpawnError> {
    check_executable(&spec.program)?;
    let pipe_failed = |source| SpawnError::Resource {
        action: "make a pipe",
        source,
    };
    let (stdin, lifeline) = Lifeline::new().map_err(pipe_failed)?;
    let (stdout, child_stdout) = io::pipe().map_err(pipe_failed)?;
    let (stderr, child_stderr) = io::pipe().map_err(pipe_failed)?;
    let launch = directory.prepare()?;

    let pipes = ChildPipes {
        stdin,
        stdout: child_stdout,
        stderr: child_stderr,
    };
    let mut command = confined_command(spec, &launch, pipes);
    let started = command.spawn();
    // The host's copies of the child's ends go with the command; otherwise the output would never end.
    drop(command);
    let child = match started {
        Ok(child) => child,
        Err(source) => {
            // That the program did not start is what matters; a directory that stays is the next sweep's.
            drop(launch.remove());
            return Err(SpawnError::Start {
                program: spec.program.clone(),
                source,
            });
        }
    };
    let pid = Pid::from_child(&child);
    let start_time = process_table::entry(pid).ok().flatten().map(|entry| entry.start_time);
    let custody = Custody::new(Leader::new(pid, start_time), launch, reservation);
    if let Some(launch) = custody.directory() {
        launch.record(Some(RecordedLeader { pid, start_time }))?;
    }
    Ok(Newborn {
        custody,
        lifeline,
        stdout: stdout.into(),
        stderr: stderr.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Environment, Limits};

    #[tokio::test]
    async fn the_limit_on_children_counts_exactly() {
        let home = tempfile::tempdir().unwrap();
        let directory = RuntimeDirectory::open(&home.path().join("run")).unwrap();
        let spawner = Spawner::start().unwrap();
        let spec = LaunchSpec {
            program: "/bin/sh".into(),
            args: vec!["-c".into(), "read line".into()],
            environment: Environment::default(),
            limits: Limits::default(),
        };
        let others = u32::try_from(CHILD_LIMIT - 1).unwrap();
        let _others = Arc::clone(&spawner.places).try_acquire_many_owned(others).unwrap();
        let (mut last, _output) = spawner.spawn(spec.clone(), &directory).await.unwrap();
        let refused = spawner.spawn(spec.clone(), &directory).await;
        assert!(matches!(refused, Err(SpawnError::TooManyChildren)), "{refused:?}");
        last.close_lifeline();
        last.wait().await;
        spawner.spawn(spec, &directory).await.unwrap();
    }
}
