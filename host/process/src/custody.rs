//! Responsibility for one launch that runs: whoever drops it has the group killed, reaped and its directory removed.

use std::fmt;
use std::path::PathBuf;

use rustix::process::Signal;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::mpsc::OwnedPermit;

use crate::exit::ExitStatus;
use crate::launch_directory::LaunchDirectory;
use crate::leader::{ExitWatch, Leader};
use crate::spawner::SpawnerMessage;

/// What is still to be done for a launch: the leader to reap, then the directory to remove.
#[derive(Debug)]
pub(crate) struct Remains {
    leader: Leader,
    directory: LaunchDirectory,
    /// Given back when nothing is left to be done, so that the limit on children counts the unburied too.
    place: OwnedSemaphorePermit,
}

/// What a launch holds of its spawner: its place among the children, and one in the queue for its burial.
#[derive(Debug)]
pub(crate) struct Reservation {
    pub(crate) place: OwnedSemaphorePermit,
    pub(crate) burial: OwnedPermit<SpawnerMessage>,
}

impl Remains {
    /// Waits for the end of a leader that was killed, reaps it and removes its directory.
    pub(crate) async fn bury(self) {
        match ExitWatch::new(&self.leader) {
            Ok(mut watch) => watch.exited(&self.leader).await,
            // Without a watch the leader stays a zombie until the host ends; its directory is the next sweep's.
            Err(_) => return,
        }
        self.leader.reap();
        // What cannot be removed is the next sweep's as well.
        drop(tokio::task::spawn_blocking(move || self.directory.remove()).await);
    }
}

/// Holds the remains of a launch, and a place in the spawner's queue that is kept free for handing them over.
pub(crate) struct Custody {
    remains: Option<Remains>,
    burial: Option<OwnedPermit<SpawnerMessage>>,
}

impl Custody {
    pub(crate) fn new(leader: Leader, directory: LaunchDirectory, reservation: Reservation) -> Self {
        let Reservation { place, burial } = reservation;
        Self {
            remains: Some(Remains {
                leader,
                directory,
                place,
            }),
            burial: Some(burial),
        }
    }

    /// Shows the leader until it is reaped.
    pub(crate) fn leader(&self) -> Option<&Leader> {
        self.remains.as_ref().map(|remains| &remains.leader)
    }

    pub(crate) fn directory(&self) -> Option<&LaunchDirectory> {
        self.remains.as_ref().map(|remains| &remains.directory)
    }

    /// Reaps a leader that has exited, with the rest of its group; the directory is left to the caller. `None` if that
    /// was done before.
    pub(crate) fn reap(&mut self) -> Option<(ExitStatus, LaunchDirectory)> {
        let Remains {
            leader,
            directory,
            place: _place,
        } = self.remains.take()?;
        Some((leader.reap(), directory))
    }
}

impl Drop for Custody {
    fn drop(&mut self) {
        if let (Some(remains), Some(burial)) = (self.remains.take(), self.burial.take()) {
            remains.leader.signal_group(Signal::KILL);
            burial.send(SpawnerMessage::Bury(remains));
        }
    }
}

impl fmt::Debug for Custody {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Custody").field(&self.remains).finish()
    }
}

/// Removes the directory of a launch that is over; returns its path if that fails.
pub(crate) async fn remove_directory(directory: LaunchDirectory) -> Option<PathBuf> {
    let path = directory.path().to_owned();
    match tokio::task::spawn_blocking(move || directory.remove()).await {
        Ok(Ok(())) => None,
        Ok(Err(_)) | Err(_) => Some(path),
    }
}
