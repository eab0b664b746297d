//! The private directory of a running host: one subdirectory per launch, with socket, scratch space and record.
//!
//! Layout: `BASE/<id>.lock`, held by the host with that id for as long as it lives, and `BASE/<id>/<launch>/` with
//! `sock`, `scratch/` and `launch.json`. A lock that can be taken belongs to a host that is gone; the sweep goes by that.
//! Everything here is 0700 and owned by the user. These functions block; they touch few and small files.

use std::ffi::OsStr;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::launch_directory::{LaunchDirectory, check_socket_path, socket_path};
use crate::nonce::Nonce;
use crate::permission::{is_writable_by_others, replaceable_directory};

/// Longest path of a socket in bytes; systems allow 104 to 108 with the final zero, and some libraries less.
pub const SOCKET_PATH_LIMIT: usize = 90;

pub(crate) const LOCK_SUFFIX: &str = "lock";
const XDG_SUBDIRECTORY: &str = "k1s-sync";
const DATA_SUBDIRECTORY: &str = "run";
const PRIVATE: u32 = 0o700;
const ID_LENGTH: usize = 8;
const CLAIM_ATTEMPTS: usize = 8;
/// A launch number with as many digits as any host will reach, for the check of the path's length at the start.
const LONGEST_LAUNCH: u64 = 999_999;

/// Says why there is no private directory; each message names the path and the way out.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeDirectoryError {
    /// The path does not begin at the root.
    #[error("runtime directory {} is not an absolute path; write it out from /", path.display())]
    NotAbsolute {
        /// The path as given.
        path: PathBuf,
    },
    /// The socket's path would not fit into a socket address.
    #[error("socket path {} has {length} bytes, more than {SOCKET_PATH_LIMIT}; set XDG_RUNTIME_DIR or the data directory to a shorter path", path.display())]
    PathTooLong {
        /// The path of a socket below the directory.
        path: PathBuf,
        /// Its length in bytes.
        length: usize,
    },
    /// Other users could replace the directory.
    #[error("{path} is writable by others; run `chmod go-w {path}` or set XDG_RUNTIME_DIR or the data directory to a private one", path = path.display())]
    WritableByOthers {
        /// The directory above that others can write to.
        path: PathBuf,
    },
    /// The directory exists and is not a directory that only this user can enter.
    #[error("{path} must be a directory owned by user {user} with mode 0700; move it away or run `chmod 700 {path}`", path = path.display())]
    NotPrivate {
        /// The path that was found.
        path: PathBuf,
        /// The numeric id of the user the host runs as.
        user: u32,
    },
    /// Every id that was drawn was taken, which only a broken random generator explains.
    #[error("no free name in {} after {CLAIM_ATTEMPTS} attempts", path.display())]
    NoFreeName {
        /// The directory of all hosts.
        path: PathBuf,
    },
    /// The system's random generator cannot be read.
    #[error("cannot draw random numbers")]
    Random(#[source] getrandom::Error),
    /// A file operation failed.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was being done.
        action: &'static str,
        /// The path it was done to.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

impl RuntimeDirectoryError {
    /// What had no room on its disk, if that is why, and what the system said.
    #[must_use]
    pub fn into_full(self) -> Option<(PathBuf, io::Error)> {
        const FULL: [io::ErrorKind; 3] = [
            io::ErrorKind::StorageFull,
            io::ErrorKind::QuotaExceeded,
            io::ErrorKind::ReadOnlyFilesystem,
        ];
        match self {
            Self::Io { path, source, .. } if FULL.contains(&source.kind()) => Some((path, source)),
            Self::Io { .. }
            | Self::NotAbsolute { .. }
            | Self::PathTooLong { .. }
            | Self::WritableByOthers { .. }
            | Self::NotPrivate { .. }
            | Self::NoFreeName { .. }
            | Self::Random(_) => None,
        }
    }
}

pub(crate) fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> RuntimeDirectoryError {
    move |source| RuntimeDirectoryError::Io {
        action,
        path: path.to_owned(),
        source,
    }
}

/// Chooses the base for [`RuntimeDirectory::open`]: below `XDG_RUNTIME_DIR` if that is an absolute directory of this
/// user that others cannot write to, else below the data directory.
#[must_use]
pub fn runtime_base(xdg_runtime_dir: Option<&OsStr>, data_directory: &Path) -> PathBuf {
    let user = rustix::process::geteuid().as_raw();
    let usable = |path: &&Path| {
        let private =
            |metadata: &fs::Metadata| metadata.is_dir() && metadata.uid() == user && !is_writable_by_others(metadata);
        path.is_absolute() && fs::metadata(path).is_ok_and(|metadata| private(&metadata))
    };
    match xdg_runtime_dir.map(Path::new).filter(usable) {
        Some(directory) => directory.join(XDG_SUBDIRECTORY),
        None => data_directory.join(DATA_SUBDIRECTORY),
    }
}

/// The directory of this host, claimed for as long as a clone or a launch inside it lives, then removed.
#[derive(Debug, Clone)]
pub struct RuntimeDirectory {
    claim: Arc<Claim>,
}

/// The hold on one host's directory.
#[derive(Debug)]
pub(crate) struct Claim {
    base: PathBuf,
    directory: PathBuf,
    lock_path: PathBuf,
    next_launch: AtomicU64,
    /// Locked until the process ends or this is dropped.
    _lock: File,
}

impl RuntimeDirectory {
    /// Makes `base` where it is missing, checks that it is private, and claims a new directory inside it. Blocks.
    pub fn open(base: &Path) -> Result<Self, RuntimeDirectoryError> {
        if !base.is_absolute() {
            return Err(RuntimeDirectoryError::NotAbsolute { path: base.to_owned() });
        }
        check_socket_path(&socket_path(&base.join("x".repeat(ID_LENGTH)), LONGEST_LAUNCH))?;
        let builder_error = io_error("make directory", base);
        DirBuilder::new()
            .recursive(true)
            .mode(PRIVATE)
            .create(base)
            .map_err(builder_error)?;
        check_private(base)?;
        for _ in 0..CLAIM_ATTEMPTS {
            let nonce = Nonce::random().map_err(RuntimeDirectoryError::Random)?;
            if let Some(claim) = Claim::try_new(base, &nonce.as_str()[..ID_LENGTH])? {
                return Ok(Self { claim: Arc::new(claim) });
            }
        }
        Err(RuntimeDirectoryError::NoFreeName { path: base.to_owned() })
    }

    /// Shows the directory of this host.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.claim.directory
    }

    /// Shows the directory of all hosts of this user.
    pub(crate) fn base(&self) -> &Path {
        &self.claim.base
    }

    /// Makes the directory of one launch with a new nonce, already on record.
    pub(crate) fn prepare(&self) -> Result<LaunchDirectory, RuntimeDirectoryError> {
        let nonce = Nonce::random().map_err(RuntimeDirectoryError::Random)?;
        let number = self.claim.next_launch.fetch_add(1, Ordering::Relaxed);
        LaunchDirectory::make(Arc::clone(&self.claim), &self.claim.directory, number, nonce)
    }
}

impl Claim {
    /// Takes one id; `None` if a sweep of another host got hold of the new lock first.
    fn try_new(base: &Path, id: &str) -> Result<Option<Self>, RuntimeDirectoryError> {
        let directory = base.join(id);
        let lock_path = directory.with_extension(LOCK_SUFFIX);
        let opened = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&lock_path);
        let lock = match opened {
            Ok(lock) => lock,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(None),
            Err(error) => return Err(io_error("make lock file", &lock_path)(error)),
        };
        if !try_lock(&lock, &lock_path)? {
            return Ok(None);
        }
        make_private(&directory)?;
        let base = base.to_owned();
        Ok(Some(Self {
            base,
            directory,
            lock_path,
            next_launch: AtomicU64::new(0),
            _lock: lock,
        }))
    }
}

impl Drop for Claim {
    /// Removes the directory if no launch is left in it; what stays is removed by the next sweep.
    fn drop(&mut self) {
        if fs::remove_dir(&self.directory).is_ok() {
            drop(fs::remove_file(&self.lock_path));
        }
    }
}

/// Locks an open lock file without waiting; false if another host holds it or has removed it meanwhile.
pub(crate) fn try_lock(lock: &File, path: &Path) -> Result<bool, RuntimeDirectoryError> {
    match lock.try_lock() {
        Ok(()) => Ok(lock.metadata().map_err(io_error("look at", path))?.nlink() > 0),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(source)) => Err(io_error("lock", path)(source)),
    }
}

pub(crate) fn make_private(path: &Path) -> Result<(), RuntimeDirectoryError> {
    DirBuilder::new()
        .mode(PRIVATE)
        .create(path)
        .map_err(io_error("make directory", path))
}

fn check_private(base: &Path) -> Result<(), RuntimeDirectoryError> {
    let user = rustix::process::geteuid().as_raw();
    let metadata = fs::symlink_metadata(base).map_err(io_error("look at", base))?;
    if !metadata.is_dir() || metadata.uid() != user || metadata.mode() & 0o777 != PRIVATE {
        return Err(RuntimeDirectoryError::NotPrivate {
            path: base.to_owned(),
            user,
        });
    }
    if let Some(parent) = base.parent() {
        let metadata = fs::metadata(parent).map_err(io_error("look at", parent))?;
        if is_writable_by_others(&metadata) {
            return Err(RuntimeDirectoryError::WritableByOthers {
                path: parent.to_owned(),
            });
        }
    }
    match replaceable_directory(base) {
        Ok(None) => Ok(()),
        Ok(Some(path)) => Err(RuntimeDirectoryError::WritableByOthers { path }),
        Err((path, source)) => Err(RuntimeDirectoryError::Io {
            action: "look at",
            path,
            source,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    fn set_mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn everything_is_private_and_goes_with_its_last_user() {
        let home = tempfile::tempdir().unwrap();
        let base = home.path().join("state/run");
        let directory = RuntimeDirectory::open(&base).unwrap();
        let launch = directory.prepare().unwrap();
        for path in [&base, directory.path(), launch.path(), &launch.scratch()] {
            assert_eq!(fs::metadata(path).unwrap().mode() & 0o7777, 0o700, "{path:?}");
        }
        assert_eq!(launch.socket().parent(), Some(launch.path()));
        drop(directory);
        launch.remove().unwrap();
        assert_eq!(fs::read_dir(&base).unwrap().count(), 0);
    }

    #[test]
    fn launches_share_neither_directory_nor_nonce() {
        let home = tempfile::tempdir().unwrap();
        let directory = RuntimeDirectory::open(&home.path().join("run")).unwrap();
        let (first, second) = (directory.prepare().unwrap(), directory.prepare().unwrap());
        assert_ne!(first.path(), second.path());
        assert_ne!(first.nonce(), second.nonce());
    }

    #[test]
    fn a_long_path_is_refused_before_anything_is_made() {
        let home = tempfile::tempdir().unwrap();
        let base = home.path().join("x".repeat(SOCKET_PATH_LIMIT));
        let error = RuntimeDirectory::open(&base).unwrap_err();
        assert!(matches!(error, RuntimeDirectoryError::PathTooLong { length, .. } if length > SOCKET_PATH_LIMIT));
        assert!(
            error
                .to_string()
                .contains("set XDG_RUNTIME_DIR or the data directory to a shorter path")
        );
        assert!(!base.exists());
    }

    #[test]
    fn a_directory_that_is_not_private_is_refused() {
        let home = tempfile::tempdir().unwrap();
        let base = home.path().join("run");
        fs::create_dir(&base).unwrap();
        set_mode(&base, 0o755);
        let error = RuntimeDirectory::open(&base).unwrap_err();
        assert!(matches!(error, RuntimeDirectoryError::NotPrivate { .. }), "{error}");
        set_mode(&base, 0o700);
        for mode in [0o777, 0o1777] {
            set_mode(home.path(), mode);
            let error = RuntimeDirectory::open(&base).unwrap_err();
            assert!(
                matches!(error, RuntimeDirectoryError::WritableByOthers { .. }),
                "{mode:o}: {error}"
            );
        }
        let relative = RuntimeDirectory::open(Path::new("run")).unwrap_err();
        assert!(
            matches!(relative, RuntimeDirectoryError::NotAbsolute { .. }),
            "{relative}"
        );
    }

    #[test]
    fn the_session_directory_is_used_only_if_it_is_private() {
        let home = tempfile::tempdir().unwrap();
        let (session, data) = (home.path().join("session"), home.path().join("data"));
        fs::create_dir(&session).unwrap();
        let choice = |xdg: Option<&Path>| runtime_base(xdg.map(Path::as_os_str), &data);
        assert_eq!(choice(Some(&session)), session.join("k1s-sync"));
        set_mode(&session, 0o1777);
        for unusable in [
            None,
            Some(session.as_path()),
            Some(Path::new("")),
            Some(Path::new("session")),
            Some(Path::new("/absent")),
        ] {
            assert_eq!(choice(unusable), data.join("run"), "{unusable:?}");
        }
    }
}
