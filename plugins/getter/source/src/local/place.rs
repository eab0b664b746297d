//! The place on this machine that an address names, and how it is opened.

use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Component, Path, PathBuf};

use k1s_manifests::{Beneath, OpenError, RelPath, Special};
use rustix::fs::{CWD, Mode, OFlags, Stat, fstat, fstatfs, openat};

use super::LocalError;

/// What file systems call themselves that have no files of anyone's: proc and sysfs (statfs(2)).
const KERNELS_OWN: [i64; 2] = [0x9fa0, 0x6265_6572];

/// A place on this machine.
#[derive(Clone, Debug)]
pub(super) struct Place {
    path: PathBuf,
    root: Option<PathBuf>,
}

/// What lies at a place.
pub(super) enum Opened {
    File(File, Stat),
    Folder(Folder),
}

/// A folder that was opened; everything below it is opened through it.
#[derive(Debug)]
pub(super) struct Folder {
    fd: OwnedFd,
    beneath: Beneath,
}

impl Place {
    pub(super) fn new(path: &Path, root: Option<&Path>) -> Self {
        Self {
            path: path.to_owned(),
            root: root.map(Path::to_owned),
        }
    }

    /// Returns another place under the same rules.
    pub(super) fn beside(&self, path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            root: self.root.clone(),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Opens what is there now.
    pub(super) fn open(&self) -> Result<Opened, LocalError> {
        let (top, below) = match &self.root {
            // The way to it is the user's own word, links included.
            None => {
                let real = fs::canonicalize(&self.path).map_err(fault)?;
                (PathBuf::from("/"), relative(&real, Path::new("/")))
            }
            Some(root) => (root.clone(), relative(&self.path, root)),
        };
        let below = below.ok_or_else(|| LocalError::Outside { root: top.clone() })?;
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let top = openat(CWD, &top, flags, Mode::empty()).map_err(|errno| fault(errno.into()))?;
        let beneath = Beneath::detect(top.as_fd());
        let opened = match beneath.open_file(top.as_fd(), &below) {
            Ok((file, stat)) => Opened::File(file, stat),
            Err(OpenError::NotAFile {
                kind: Special::Directory,
            }) => {
                let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOCTTY;
                let fd = beneath.open(top.as_fd(), &below, flags)?;
                Opened::Folder(Folder { fd, beneath })
            }
            Err(error) => return Err(error.into()),
        };
        is_not_the_kernels(opened.fd())?;
        Ok(opened)
    }
}

impl Opened {
    fn fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::File(file, _) => file.as_fd(),
            Self::Folder(folder) => folder.fd.as_fd(),
        }
    }
}

impl Folder {
    /// Opens a directory below the folder for listing.
    pub(super) fn open(&self, path: &RelPath) -> Result<OwnedFd, OpenError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOCTTY;
        self.beneath.open(self.fd.as_fd(), path, flags)
    }

    /// Opens a regular file below the folder.
    pub(super) fn open_file(&self, path: &RelPath) -> Result<(File, Stat), OpenError> {
        self.beneath.open_file(self.fd.as_fd(), path)
    }

    /// Confirms that the place still leads to this folder.
    pub(super) fn confirm(&self, place: &Place) -> Result<(), LocalError> {
        let identity = |fd: BorrowedFd<'_>| fstat(fd).map(|stat| (stat.st_dev, stat.st_ino));
        let now = place.open().map_err(|_gone| LocalError::Replaced)?;
        match (identity(self.fd.as_fd()), identity(now.fd())) {
            (Ok(then), Ok(now)) if then == now => Ok(()),
            (Ok(_) | Err(_), Ok(_) | Err(_)) => Err(LocalError::Replaced),
        }
    }
}

/// Returns a path below another, without `.`; `None` if it does not lie there, or is not UTF-8.
fn relative(path: &Path, top: &Path) -> Option<RelPath> {
    let below = path.strip_prefix(top).ok()?;
    let parts: Option<Vec<&str>> = below
        .components()
        .map(|part| match part {
            Component::Normal(name) => name.to_str(),
            Component::Prefix(_) | Component::RootDir | Component::CurDir | Component::ParentDir => None,
        })
        .collect();
    RelPath::new(&parts?.join("/"))
}

fn is_not_the_kernels(fd: BorrowedFd<'_>) -> Result<(), LocalError> {
    let found = fstatfs(fd).map_err(|errno| LocalError::Io(errno.into()))?;
    if KERNELS_OWN
        .iter()
        .any(|own| i128::from(*own) == i128::from(found.f_type))
    {
        return Err(LocalError::Kernel);
    }
    Ok(())
}

fn fault(error: io::Error) -> LocalError {
    if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) {
        LocalError::Missing
    } else if error.kind() == io::ErrorKind::PermissionDenied {
        LocalError::Open(OpenError::Denied)
    } else {
        LocalError::Io(error)
    }
}
