//! The origin that is on this machine: a folder, an archive, or a file.
//!
//! go-getter makes a link to what a path names; here it is read, and never through a link: not in a folder, and where a
//! root is configured not on the way to it either. Only regular files are read, none of the kernel's own (`/proc`, `/sys`).
//!
//! Invariant: what a look returns was there at one time, or says that it may be less than what was; a folder that is replaced
//! while it is read, or in which what decides about other files never holds still, is an error.

mod place;
mod walk;

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use k1s_getter_address::{Archive, Checksum, Digest, Download, Origin as AddressOrigin};
use k1s_getter_archive::Limits;
use k1s_manifests::{OpenError, Stamp};
use k1s_source::Code;
use rustix::fs::{Stat, fstat};
use tokio::task::spawn_blocking;

use crate::cache::Cache;
use crate::config::Access;
use crate::content::Content;
use crate::origin::{Contents, Looked, Meter, Origin, OriginError, Pending};
use crate::sums;
use crate::tree::{Mark, Tree};
use crate::unpack::{Parcel, revision, unpack, verify};
use crate::wish::Wish;

use place::{Opened, Place};
use walk::{Means, Memory};

/// What is on this machine cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LocalError {
    /// It lies outside the root that is configured.
    #[error("it lies outside `localRoot`, {}", root.display())]
    Outside {
        /// The root.
        root: PathBuf,
    },
    /// There is nothing.
    #[error("there is nothing at this path")]
    Missing,
    /// It cannot be opened, or is not what can be read.
    #[error("cannot be read: {0}")]
    Open(#[source] OpenError),
    /// The system refuses.
    #[error("cannot be read")]
    Io(#[source] io::Error),
    /// It is made up by the kernel.
    #[error("it is the kernel's own, and no file of anyone's")]
    Kernel,
    /// It became another while it was read.
    #[error("it was removed or replaced while it was read")]
    Replaced,
    /// It never held still.
    #[error("it changes while it is read")]
    Changing,
    /// Names in it never rested.
    #[error("names in it come and go while it is read; what was found is applied, and nothing is taken for gone")]
    Restless,
    /// It has more files than are read.
    #[error("more than {0} files and directories")]
    TooMany(u64),
    /// It is larger than is read.
    #[error("larger than {0} bytes")]
    TooLarge(u64),
    /// A checksum is expected of a folder.
    #[error("it is a folder, and `checksum`, `archive` and `filename` are for files")]
    NotAFile,
}

/// Makes sure that a folder may be read, for whoever opens it by its path.
///
/// # Errors
/// Fails if there is none, or it lies outside `root`.
#[cfg(feature = "git")]
pub(crate) fn confine(path: &Path, root: Option<&Path>) -> Result<(), LocalError> {
    match Place::new(path, root).open()? {
        Opened::Folder(_) => Ok(()),
        Opened::File(..) => Err(LocalError::Missing),
    }
}

impl LocalError {
    /// Returns the class.
    #[must_use]
    pub(crate) fn code(&self) -> Code {
        match self {
            Self::Missing | Self::Replaced | Self::Open(OpenError::Missing) => Code::RootNotFound,
            Self::Outside { .. } | Self::Open(OpenError::Denied) => Code::Permission,
            Self::Open(OpenError::Link | OpenError::NotAFile { .. } | OpenError::PathTooLong) => Code::Unsupported,
            Self::Kernel | Self::NotAFile => Code::Unsupported,
            Self::Open(OpenError::Io(_)) | Self::Io(_) | Self::Changing | Self::Restless => Code::Unavailable,
            Self::TooMany(_) | Self::TooLarge(_) => Code::TooLarge,
        }
    }
}

impl From<OpenError> for LocalError {
    fn from(error: OpenError) -> Self {
        Self::Open(error)
    }
}

/// What is on this machine.
#[derive(Debug)]
pub(crate) struct Local {
    ground: Arc<Ground>,
    memory: Memory,
    last_file: Option<LastFile>,
}

/// What stays the same from look to look.
#[derive(Debug)]
struct Ground {
    place: Place,
    /// The name that a single file has.
    name: String,
    archive: Archived,
    checksum: Option<Checksum>,
    /// The longest file of an archive or by itself, in bytes.
    download_bytes: u64,
    limits: Limits,
    cache: Arc<Cache>,
    meter: Arc<Meter>,
}

/// How a file is packed, if it is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Archived {
    /// As its name says.
    Maybe(Option<Archive>),
    /// As the address says.
    Said(Option<Archive>),
}

/// A file that was read before: while it has the same stamp, it has the same content.
#[derive(Clone, Copy, Debug)]
struct LastFile {
    stamp: Stamp,
    hash: [u8; 32],
}

impl Local {
    /// Begins with what an address names.
    #[must_use]
    pub(crate) fn new(path: &str, download: &Download, access: &Access, cache: Arc<Cache>, meter: Arc<Meter>) -> Self {
        let Access { local_root, bounds, .. } = access;
        let expected = Archive::of_path(path);
        let archive = if download.archive == expected {
            Archived::Maybe(expected)
        } else {
            Archived::Said(download.archive)
        };
        let last = path.rsplit('/').next().unwrap_or_default().to_owned();
        Self {
            ground: Arc::new(Ground {
                place: Place::new(Path::new(path), local_root.as_deref()),
                name: download.filename.clone().unwrap_or(last),
                archive,
                checksum: download.checksum.clone(),
                download_bytes: bounds.download_bytes,
                limits: bounds.archive,
                cache,
                meter,
            }),
            memory: Memory::default(),
            last_file: None,
        }
    }
}

impl Origin for Local {
    fn look<'a>(&'a mut self, last: Option<&'a Mark>, wish: &'a Wish) -> Pending<'a, Looked> {
        Box::pin(async move {
            let (ground, wish, last) = (Arc::clone(&self.ground), wish.clone(), last.cloned());
            let (mut memory, mut last_file) = (std::mem::take(&mut self.memory), self.last_file);
            let looking = spawn_blocking(move || {
                let looked = ground.look(last.as_ref(), &wish, &mut memory, &mut last_file);
                (looked, memory, last_file)
            });
            let looked;
            (looked, self.memory, self.last_file) = looking.await?;
            looked
        })
    }

    fn bring<'a>(&'a mut self, _wanted: &'a BTreeSet<Content>) -> Pending<'a, ()> {
        // A look puts all that may be wanted into the cache.
        Box::pin(std::future::ready(Ok(())))
    }

    fn contents(&self) -> Box<dyn Contents> {
        Box::new(Arc::clone(&self.ground.cache))
    }
}

impl Ground {
    fn look(
        &self,
        last: Option<&Mark>,
        wish: &Wish,
        memory: &mut Memory,
        last_file: &mut Option<LastFile>,
    ) -> Result<Looked, OriginError> {
        let tree = match self.place.open()? {
            Opened::Folder(folder) => {
                if self.checksum.is_some() || matches!(self.archive, Archived::Said(Some(_))) {
                    return Err(LocalError::NotAFile.into());
                }
                let tree = walk::tree(&folder, wish, self.means(), memory)?;
                folder.confirm(&self.place)?;
                tree
            }
            Opened::File(file, stat) => {
                let Some(tree) = self.file(file, &stat, last, wish, last_file)? else {
                    return Ok(Looked::Same);
                };
                tree
            }
        };
        Ok(if last == Some(&tree.mark) {
            Looked::Same
        } else {
            Looked::Other(tree)
        })
    }

    fn means(&self) -> Means<'_> {
        Means {
            limits: &self.limits,
            cache: &self.cache,
            meter: &self.meter,
        }
    }

    /// Reads a file; `None` if it is the one that `last` is the mark of.
    fn file(
        &self,
        file: File,
        stat: &Stat,
        last: Option<&Mark>,
        wish: &Wish,
        last_file: &mut Option<LastFile>,
    ) -> Result<Option<Tree>, OriginError> {
        let stamp = Stamp::of(stat);
        let expected = self.expected()?;
        let is_last = |hash: &[u8; 32]| last == Some(&Mark(mark(hash, expected.as_ref())));
        if let Some(known) = last_file.filter(|known| Some(known.stamp) == stamp && is_last(&known.hash)) {
            *last_file = Some(known);
            return Ok(None);
        }
        let now = SystemTime::now();
        let mut copy = self.copy(&file, stat)?;
        let hash = verify(copy.as_file_mut(), expected.as_ref())?;
        *last_file = stamp
            .filter(|stamp| stamp.is_settled(now))
            .map(|stamp| LastFile { stamp, hash });
        if is_last(&hash) {
            return Ok(None);
        }
        let (Archived::Maybe(archive) | Archived::Said(archive)) = self.archive;
        let parcel = Parcel {
            file: copy.reopen().map_err(LocalError::Io)?,
            name: self.name.clone(),
            archive,
        };
        let tree = unpack(parcel, wish, &self.limits, &self.cache)?;
        Ok(Some(Tree {
            revision: revision(&hash),
            mark: Mark(mark(&hash, expected.as_ref())),
            ..tree
        }))
    }

    /// Copies a file to where nobody else writes, if it holds still.
    fn copy(&self, file: &File, before: &Stat) -> Result<tempfile::NamedTempFile, OriginError> {
        let mut copy = self.cache.unfinished()?;
        let mut bounded = file.take(self.download_bytes.saturating_add(1));
        let bytes = io::copy(&mut bounded, &mut copy).map_err(LocalError::Io)?;
        if bytes > self.download_bytes {
            return Err(LocalError::TooLarge(self.download_bytes).into());
        }
        let after = fstat(file).map_err(|errno| LocalError::Io(errno.into()))?;
        if Stamp::of(before) != Stamp::of(&after) || u64::try_from(after.st_size) != Ok(bytes) {
            return Err(LocalError::Changing.into());
        }
        self.meter.add(bytes);
        Ok(copy)
    }

    /// Returns the checksum that the file must have.
    fn expected(&self) -> Result<Option<Digest>, OriginError> {
        let sums = match &self.checksum {
            None => return Ok(None),
            Some(Checksum::Digest(digest)) => return Ok(Some(digest.clone())),
            Some(Checksum::File(sums)) => sums,
        };
        let AddressOrigin::File(path) = &sums.origin else {
            return Err(OriginError::ForeignSums);
        };
        let Opened::File(file, _) = self.place.beside(Path::new(path)).open()? else {
            return Err(LocalError::NotAFile.into());
        };
        let mut bytes = Vec::new();
        // One byte more shows that it is too long.
        let mut bounded = file.take(sums::most().saturating_add(1));
        bounded.read_to_end(&mut bytes).map_err(LocalError::Io)?;
        sums::find(&bytes, &self.place.path().to_string_lossy(), path).map(Some)
    }
}

/// The state of a file is its content, and what was expected of it: with another checksum it is to be verified again.
fn mark(hash: &[u8; 32], expected: Option<&Digest>) -> String {
    match expected {
        Some(digest) => format!("{} {digest}", revision(hash)),
        None => revision(hash),
    }
}
