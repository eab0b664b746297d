//! The private cache of one address: contents by their names, and the last snapshot that was whole.
//!
//! The directory is this user's alone. A content is written beside and renamed to its name, and its hash is looked at
//! whenever it is read, so what a crash or another program left there is found out. Nothing is kept for ever: what the last
//! snapshot does not name goes when a new one is published.
//!
//! Invariant: a loss of power leaves the last snapshot or the new one, and the contents of that. What comes is in `incoming`;
//! with the new snapshot its contents are synced, few by themselves and many at once, and only then moved to `blobs`; the
//! snapshot is synced and then takes the place of the last; and what nobody names any more goes when that is on the disk.
//!
//! Contents of git are kept by git's own objects and not here.

use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use k1s_source::Code;
use rustix::fs::syncfs;
use sha2::{Digest as _, Sha256};
use tempfile::{Builder, NamedTempFile};

use crate::content::Content;
use crate::kept::{KEPT_BYTES, Kept, KeptError, hexadecimal};
use crate::past::Past;
use crate::tree::{Class, Refusal};

/// Where contents are.
const BLOBS: &str = "blobs";
/// Where contents are that may not be on the disk yet.
const INCOMING: &str = "incoming";
/// The last snapshot.
const SNAPSHOT: &str = "snapshot";
/// What is remembered of the place, whatever becomes of snapshots.
const PAST: &str = "past";
/// The beginning of the names of files that are not finished.
const UNFINISHED: &str = ".unfinished-";
/// The most contents that are synced by themselves. Each costs a turn of the disk; with more of them everything that waits
/// for this file system is written at once.
const SYNCED_SINGLY: usize = 32;
/// How much is copied at once, in bytes.
const CHUNK: usize = 64 << 10;

/// The cache cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CacheError {
    /// The system refuses.
    #[error("the cache {} cannot be used", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Others could change what is in it.
    #[error("the cache {} is not this user's alone; remove it, or set `cacheDir` to another", path.display())]
    NotPrivate {
        /// The directory.
        path: PathBuf,
    },
    /// A content is not there any more, or is another.
    #[error("the content {0} is not in the cache any more")]
    Lost(Content),
    /// A content is larger than is read.
    #[error("larger than {0} bytes")]
    TooLarge(u64),
    /// A content is none of a file.
    #[error("the content {0} is no file, though the directory says that it is one")]
    #[cfg_attr(
        not(any(feature = "git", test)),
        expect(dead_code, reason = "only what lists names of git can be wrong about them")
    )]
    NoFile(Content),
    /// The snapshot cannot be written.
    #[error("the snapshot cannot be written")]
    Snapshot(#[source] KeptError),
}

impl CacheError {
    /// Returns the class.
    #[must_use]
    pub(crate) fn code(&self) -> Code {
        match self {
            Self::Io { .. } | Self::NotPrivate { .. } | Self::Lost(_) => Code::Unavailable,
            Self::TooLarge(_) | Self::Snapshot(KeptError::TooLong { .. }) => Code::TooLarge,
            Self::NoFile(_) => Code::DataInvalid,
            Self::Snapshot(KeptError::Json(_)) => Code::Internal,
        }
    }

    /// Returns what is said of the one file whose content is larger than `limit`, `most` bytes, or no file.
    pub(crate) fn refusal(&self, limit: &str, most: u64) -> Option<Refusal> {
        match self {
            Self::TooLarge(_) => {
                let said = format!("larger than {limit}, {most} bytes");
                Some(Refusal::new(Class::TooLarge, said))
            }
            Self::NoFile(_) => {
                let said = "no file, though the directory says that it is one";
                Some(Refusal::new(Class::Invalid, said))
            }
            Self::Io { .. } | Self::NotPrivate { .. } | Self::Lost(_) | Self::Snapshot(_) => None,
        }
    }
}

/// What became of a content that was to be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Put {
    /// It is there.
    Whole {
        /// Its name.
        content: Content,
        /// How long it is.
        bytes: u64,
    },
    /// It is larger than was wanted, and is not.
    TooLarge,
}

/// The private cache of one address.
#[derive(Debug)]
pub(crate) struct Cache {
    folder: PathBuf,
}

impl Cache {
    /// Opens the cache at a directory, which is made if it is not there.
    ///
    /// # Errors
    /// Fails if the system refuses, or others could write there.
    pub(crate) fn open(folder: &Path) -> Result<Self, CacheError> {
        let cache = Self {
            folder: folder.to_owned(),
        };
        let (blobs, incoming) = (folder.join(BLOBS), folder.join(INCOMING));
        for directory in [&blobs, &incoming] {
            let made = DirBuilder::new().recursive(true).mode(0o700).create(directory);
            made.map_err(io_at(folder))?;
        }
        for directory in [folder, &blobs, &incoming] {
            check_private(directory)?;
        }
        cache.remove_unfinished()?;
        // What had not come to the disk with a snapshot may be cut by now.
        sweep(&incoming, &BTreeSet::new())?;
        Ok(cache)
    }

    /// Makes a file that vanishes unless it is adopted.
    ///
    /// # Errors
    /// Fails if the system refuses.
    pub(crate) fn unfinished(&self) -> Result<NamedTempFile, CacheError> {
        let made = Builder::new().prefix(UNFINISHED).tempfile_in(&self.folder);
        made.map_err(io_at(&self.folder))
    }

    /// Keeps what a reader gives, if it is at most so many bytes.
    ///
    /// # Errors
    /// Fails if the reader does, or the system refuses.
    pub(crate) fn put(&self, reader: &mut dyn Read, most: u64) -> Result<Put, CacheError> {
        let mut file = self.unfinished()?;
        let (mut hasher, mut bytes, mut chunk) = (Sha256::new(), 0_u64, vec![0; CHUNK]);
        loop {
            let read = match reader.read(&mut chunk) {
                Ok(0) => break,
                Ok(read) => chunk.get(..read).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(io_at(&self.folder)(error)),
            };
            bytes = bytes.saturating_add(u64::try_from(read.len()).unwrap_or(u64::MAX));
            if bytes > most {
                return Ok(Put::TooLarge);
            }
            hasher.update(read);
            file.write_all(read).map_err(io_at(&self.folder))?;
        }
        let content = Content::Sha256(hasher.finalize().into());
        self.adopt(file, &content)?;
        Ok(Put::Whole { content, bytes })
    }

    /// Keeps a finished file under its name.
    ///
    /// # Errors
    /// Fails if the system refuses.
    pub(crate) fn adopt(&self, file: NamedTempFile, content: &Content) -> Result<(), CacheError> {
        let [path, settled] = self.paths(content);
        // One that is damaged there goes when it is read.
        if settled.is_file() {
            return Ok(());
        }
        file.persist(&path).map_err(|error| io_at(&path)(error.error))?;
        Ok(())
    }

    /// Returns whether a content is there; whether it is as it was shows when it is read.
    #[must_use]
    pub(crate) fn has(&self, content: &Content) -> bool {
        self.paths(content).iter().any(|path| path.is_file())
    }

    /// Reads a content of at most so many bytes; what is damaged is removed, so that it is fetched again.
    ///
    /// # Errors
    /// Fails if it is not there as it was, or is larger.
    pub(crate) fn read(&self, content: &Content, most: u64) -> Result<Vec<u8>, CacheError> {
        let lost = |_: io::Error| CacheError::Lost(content.clone());
        let [incoming, settled] = self.paths(content);
        let (path, file) = match File::open(&incoming) {
            Ok(file) => (incoming, file),
            Err(_absent) => {
                let file = File::open(&settled).map_err(lost)?;
                (settled, file)
            }
        };
        let mut bytes = Vec::new();
        file.take(most.saturating_add(1))
            .read_to_end(&mut bytes)
            .map_err(lost)?;
        if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > most {
            return Err(CacheError::TooLarge(most));
        }
        if Content::of(&bytes) == *content {
            return Ok(bytes);
        }
        fs::remove_file(&path).map_err(io_at(&path))?;
        Err(CacheError::Lost(content.clone()))
    }

    /// Returns the last snapshot that was whole, if there is one that this version reads.
    #[must_use]
    pub(crate) fn last(&self) -> Option<Kept> {
        Kept::read(File::open(self.folder.join(SNAPSHOT)).ok()?)
    }

    /// Puts a snapshot in the place of the last, and lets go of contents that it does not name.
    ///
    /// # Errors
    /// Fails if the system refuses, or the snapshot is longer than is read; the last one is kept then.
    pub(crate) fn publish(&self, kept: &Kept) -> Result<(), CacheError> {
        self.publish_within(kept, KEPT_BYTES)
    }

    fn publish_within(&self, kept: &Kept, most: usize) -> Result<(), CacheError> {
        let text = kept.text(most).map_err(CacheError::Snapshot)?;
        let names = kept.contents().map(name).collect();
        self.settle(&names)?;
        self.replace(SNAPSHOT, &text)?;
        for directory in [INCOMING, BLOBS] {
            sweep(&self.folder.join(directory), &names)?;
        }
        Ok(())
    }

    /// Returns what is remembered of the place, and what the last snapshot tells of it where nothing is that this version
    /// reads.
    #[must_use]
    pub(crate) fn past(&self, last: Option<&Kept>) -> Option<Past> {
        let file = File::open(self.folder.join(PAST)).ok();
        file.and_then(Past::read).or_else(|| last.map(Past::of))
    }

    /// Remembers of the place what a snapshot that is published later follows from.
    ///
    /// # Errors
    /// Fails if the system refuses; what was remembered before still is then.
    pub(crate) fn remember(&self, past: &Past) -> Result<(), CacheError> {
        let text = past
            .text()
            .map_err(|error| CacheError::Snapshot(KeptError::Json(error)))?;
        self.replace(PAST, &text)
    }

    /// Puts a text in the place of a file, and waits until it is on the disk.
    fn replace(&self, name: &str, text: &[u8]) -> Result<(), CacheError> {
        let mut file = self.unfinished()?;
        file.write_all(text).map_err(io_at(&self.folder))?;
        file.as_file().sync_all().map_err(io_at(&self.folder))?;
        let path = self.folder.join(name);
        file.persist(&path).map_err(|error| io_at(&path)(error.error))?;
        sync(&self.folder)
    }

    /// Brings contents that came to the disk, and then to where the others are.
    fn settle(&self, names: &BTreeSet<String>) -> Result<(), CacheError> {
        let (incoming, blobs) = (self.folder.join(INCOMING), self.folder.join(BLOBS));
        let mut came = Vec::new();
        for entry in fs::read_dir(&incoming).map_err(io_at(&incoming))? {
            let name = entry.map_err(io_at(&incoming))?.file_name();
            came.extend(name.into_string().ok().filter(|name| names.contains(name)));
        }
        if came.is_empty() {
            return Ok(());
        }
        if came.len() > SYNCED_SINGLY {
            let folder = File::open(&self.folder).map_err(io_at(&self.folder))?;
            syncfs(folder).map_err(|errno| io_at(&self.folder)(errno.into()))?;
        } else {
            for name in &came {
                sync(&incoming.join(name))?;
            }
        }
        for name in &came {
            let to = blobs.join(name);
            fs::rename(incoming.join(name), &to).map_err(io_at(&to))?;
        }
        sync(&blobs)
    }

    /// Returns the directory, for an origin that keeps contents of its own in it.
    #[cfg(feature = "git")]
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Says that the system refused something in the cache.
    #[cfg(feature = "http")]
    pub(crate) fn system(&self, source: io::Error) -> CacheError {
        io_at(&self.folder)(source)
    }

    fn remove_unfinished(&self) -> Result<(), CacheError> {
        for entry in fs::read_dir(&self.folder).map_err(io_at(&self.folder))? {
            let entry = entry.map_err(io_at(&self.folder))?;
            let is_unfinished = entry
                .file_name()
                .to_str()
                .is_some_and(|name| name.starts_with(UNFINISHED));
            if is_unfinished {
                remove(&entry.path())?;
            }
        }
        Ok(())
    }

    /// Returns where a content may be, what came last first.
    fn paths(&self, content: &Content) -> [PathBuf; 2] {
        let name = name(content);
        [INCOMING, BLOBS].map(|directory| self.folder.join(directory).join(&name))
    }
}

/// Removes what is not named.
fn sweep(directory: &Path, names: &BTreeSet<String>) -> Result<(), CacheError> {
    for entry in fs::read_dir(directory).map_err(io_at(directory))? {
        let entry = entry.map_err(io_at(directory))?;
        let is_named = entry.file_name().to_str().is_some_and(|name| names.contains(name));
        if !is_named {
            remove(&entry.path())?;
        }
    }
    Ok(())
}

/// Removes a file, unless somebody did: an opening that nobody waits for any more sweeps beside the next.
fn remove(path: &Path) -> Result<(), CacheError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed.map_err(io_at(path)),
    }
}

/// Waits until a file, or what a directory says, is on the disk.
fn sync(path: &Path) -> Result<(), CacheError> {
    let synced = File::open(path).and_then(|file| file.sync_all());
    synced.map_err(io_at(path))
}

/// Returns the name of a content's file: no two differ by case alone.
fn name(content: &Content) -> String {
    match content {
        Content::Sha256(hash) => hexadecimal(hash),
        Content::Git(oid) => format!("git-{oid}"),
    }
}

fn check_private(directory: &Path) -> Result<(), CacheError> {
    let found = fs::symlink_metadata(directory).map_err(io_at(directory))?;
    let is_ours = found.is_dir() && found.uid() == rustix::process::geteuid().as_raw() && found.mode() & 0o077 == 0;
    if is_ours {
        Ok(())
    } else {
        Err(CacheError::NotPrivate {
            path: directory.to_owned(),
        })
    }
}

fn io_at(path: &Path) -> impl Fn(io::Error) -> CacheError {
    let path = path.to_owned();
    move |source| CacheError::Io {
        path: path.clone(),
        source,
    }
}

#[cfg(test)]
mod tests;
