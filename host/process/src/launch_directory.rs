//! The directory of one launch: its socket, its scratch space and its record.

use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::launch_record::{LaunchRecord, RecordedLeader};
use crate::nonce::Nonce;
use crate::removal::remove_tree;
use crate::runtime_dir::{Claim, RuntimeDirectoryError, SOCKET_PATH_LIMIT, io_error, make_private};

const SOCKET_FILE: &str = "sock";
const SCRATCH_DIRECTORY: &str = "scratch";

/// The directory of one launch; it stays until it is removed, so that a sweep finds what was left.
#[derive(Debug)]
pub(crate) struct LaunchDirectory {
    _claim: Arc<Claim>,
    path: PathBuf,
    socket: PathBuf,
    nonce: Nonce,
}

impl LaunchDirectory {
    /// Makes the directory of launch `number` inside the one of its host, and puts it on record before anything can run.
    pub(crate) fn make(
        claim: Arc<Claim>,
        host: &Path,
        number: u64,
        nonce: Nonce,
    ) -> Result<Self, RuntimeDirectoryError> {
        let socket = socket_path(host, number);
        check_socket_path(&socket)?;
        let path = host.join(number.to_string());
        let launch = Self {
            _claim: claim,
            path,
            socket,
            nonce,
        };
        make_private(&launch.path)?;
        make_private(&launch.scratch())?;
        launch.record(None)?;
        Ok(launch)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn socket(&self) -> &Path {
        &self.socket
    }

    pub(crate) fn scratch(&self) -> PathBuf {
        self.path.join(SCRATCH_DIRECTORY)
    }

    pub(crate) fn nonce(&self) -> &Nonce {
        &self.nonce
    }

    /// Writes down which process was started here.
    pub(crate) fn record(&self, leader: Option<RecordedLeader>) -> Result<(), RuntimeDirectoryError> {
        let record = LaunchRecord {
            nonce: self.nonce.clone(),
            leader,
        };
        record
            .write(&self.path)
            .map_err(io_error("write the record of", &self.path))
    }

    /// Removes the directory with all that is in it; must only be called when nothing of its launch runs any more.
    pub(crate) fn remove(self) -> Result<(), RuntimeDirectoryError> {
        remove_tree(&self.path).map_err(io_error("remove", &self.path))
    }
}

/// Says where the plugin of a launch listens.
pub(crate) fn socket_path(directory: &Path, launch: u64) -> PathBuf {
    directory.join(launch.to_string()).join(SOCKET_FILE)
}

/// Refuses a path that does not fit into a socket address everywhere.
pub(crate) fn check_socket_path(path: &Path) -> Result<(), RuntimeDirectoryError> {
    let length = path.as_os_str().as_bytes().len();
    if length > SOCKET_PATH_LIMIT {
        return Err(RuntimeDirectoryError::PathTooLong {
            path: path.to_owned(),
            length,
        });
    }
    Ok(())
}
