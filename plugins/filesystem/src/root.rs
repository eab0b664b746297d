//! A root folder: opened once per listing, and what makes it the same place as last time.
//!
//! Invariant: the identity never depends on an inode or a file-system id, so that a restored backup is the same place
//! and an unmounted disk is another one.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use k1s_manifests::{Beneath, OpenError, RelPath};
use k1s_source::{Code, Problem, Retry};
use rustix::fs::{Mode, OFlags, Stat, fstat, open};
use rustix::io::Errno;

use crate::mount::{self, Mount, MountError};

/// A file in the root whose content is the root's identity.
pub(crate) const MARKER: &str = ".k1s-root";
/// The longest identity that a marker may hold, in bytes.
const MARKER_BYTES: u64 = 256;

/// A root cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RootError {
    /// There is nothing.
    #[error("{} does not exist", path.display())]
    Missing {
        /// The root.
        path: PathBuf,
    },
    /// There is something else.
    #[error("{} is not a folder; name the folder it is in, and the file in `include`", path.display())]
    NotAFolder {
        /// The root.
        path: PathBuf,
    },
    /// There is a folder that is closed to this process, or a marker file in it.
    #[error("{} cannot be read: permission denied", path.display())]
    Denied {
        /// The root, or the file.
        path: PathBuf,
    },
    /// It vanished or became another folder while it was read.
    #[error("{} was removed or replaced while it was read", path.display())]
    Replaced {
        /// The root.
        path: PathBuf,
    },
    /// The marker file cannot serve as identity.
    #[error("{}/{MARKER} {reason}", path.display())]
    Marker {
        /// The root.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The system does not tell what is mounted there.
    #[error("cannot tell on which mount {} lies", path.display())]
    Mount {
        /// The root.
        path: PathBuf,
        /// Why.
        #[source]
        source: MountError,
    },
    /// Any other failure.
    #[error("{} cannot be opened", path.display())]
    Io {
        /// The root.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl RootError {
    /// Returns what the host is told; nothing is known about the content then.
    pub(crate) fn problem(&self) -> Problem {
        Problem::new(self.code(), self.to_string())
            .retry(Retry::Backoff)
            .because(self)
    }

    fn code(&self) -> Code {
        match self {
            Self::Missing { .. } | Self::NotAFolder { .. } | Self::Replaced { .. } => Code::RootNotFound,
            Self::Denied { .. } => Code::Permission,
            Self::Marker { .. } => Code::DataInvalid,
            Self::Mount { .. } | Self::Io { .. } => Code::Unavailable,
        }
    }
}

/// An open root folder.
#[derive(Debug)]
pub(crate) struct Root {
    /// As configured, absolute.
    path: PathBuf,
    /// Without links.
    real: PathBuf,
    folder: OwnedFd,
    beneath: Beneath,
}

impl Root {
    /// Opens the folder at `path`, which may itself be a link.
    pub(crate) fn open(path: &Path) -> Result<Self, RootError> {
        let fault = |errno: Errno| {
            let path = path.to_owned();
            match errno {
                Errno::NOENT => RootError::Missing { path },
                Errno::NOTDIR => RootError::NotAFolder { path },
                Errno::ACCESS | Errno::PERM => RootError::Denied { path },
                errno => RootError::Io {
                    path,
                    source: errno.into(),
                },
            }
        };
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let folder = open(path, flags, Mode::empty()).map_err(fault)?;
        let real = path.canonicalize().map_err(|source| RootError::Io {
            path: path.to_owned(),
            source,
        })?;
        let beneath = Beneath::detect(folder.as_fd());
        Ok(Self {
            path: path.to_owned(),
            real,
            folder,
            beneath,
        })
    }

    /// Returns the path as configured.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the path without links.
    pub(crate) fn real(&self) -> &Path {
        &self.real
    }

    /// Returns the folder, to look up paths in.
    pub(crate) fn folder(&self) -> BorrowedFd<'_> {
        self.folder.as_fd()
    }

    /// Opens what lies at `path` without ever leaving the root or following a link.
    pub(crate) fn open_beneath(&self, path: &RelPath, flags: OFlags) -> Result<OwnedFd, OpenError> {
        self.beneath.open(self.folder(), path, flags)
    }

    /// Opens the regular file at `path`, as [`Root::open_beneath`], and returns its state.
    pub(crate) fn open_file(&self, path: &RelPath) -> Result<(File, Stat), OpenError> {
        self.beneath.open_file(self.folder(), path)
    }

    /// Returns what makes this place this place: the content of `.k1s-root` or, where there is none, the configured
    /// path, its mount point and the type of its file system.
    pub(crate) fn identity(&self) -> Result<String, RootError> {
        if let Some(marker) = self.marker()? {
            return Ok(format!("marker {marker}"));
        }
        let Mount { point, file_system } = mount::of(self.folder.as_raw_fd()).map_err(|source| RootError::Mount {
            path: self.path.clone(),
            source,
        })?;
        Ok(format!("folder {} on {point} type {file_system}", self.path.display()))
    }

    /// Confirms that the configured path still leads to the folder that was opened, and that it has the `identity` it
    /// had.
    pub(crate) fn confirm(&self, identity: &str) -> Result<(), RootError> {
        let replaced = || RootError::Replaced {
            path: self.path.clone(),
        };
        let now = Self::open(&self.path).map_err(|_gone| replaced())?;
        let place = |root: &Self| fstat(&root.folder).map(|stat| (stat.st_dev, stat.st_ino));
        let is_same = match (place(self), place(&now)) {
            (Ok(then), Ok(now)) => then == now,
            (Ok(_) | Err(_), Ok(_) | Err(_)) => false,
        };
        if is_same && now.identity()? == identity {
            Ok(())
        } else {
            Err(replaced())
        }
    }

    fn marker(&self) -> Result<Option<String>, RootError> {
        let fault = |reason: String| RootError::Marker {
            path: self.path.clone(),
            reason,
        };
        let mut file = match self.open_file(&RelPath::root().join(MARKER)) {
            Ok((file, _)) => file.take(MARKER_BYTES + 1),
            Err(OpenError::Missing) => return Ok(None),
            Err(OpenError::Denied) => {
                return Err(RootError::Denied {
                    path: self.path.join(MARKER),
                });
            }
            Err(error) => return Err(fault(format!("cannot be used: {error}"))),
        };
        let mut text = String::new();
        file.read_to_string(&mut text)
            .map_err(|error| fault(format!("cannot be read: {error}")))?;
        match text.trim() {
            "" => Err(fault(
                "is empty; write a name into it that no other folder has".to_owned(),
            )),
            _ if file.limit() == 0 => Err(fault(format!("is longer than {MARKER_BYTES} bytes"))),
            name => Ok(Some(name.to_owned())),
        }
    }
}
