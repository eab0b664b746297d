//! The private cache of one address: contents by their names, and the last snapshot that was whole.
//!
//! The directory is this user's alone. A content is written beside and renamed to its name, and its hash is looked at
//! whenever it is read, so what a crash or another program left there is found out. Nothing is kept for ever: what the last
//! snapshot does not name goes when a new one is published.
//!
//! Contents of git are kept by git's own objects and not here.

use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use tempfile::{Builder, NamedTempFile};

use crate::content::Content;
use crate::kept::{Kept, KeptError, hexadecimal};

/// Where contents are.
const BLOBS: &str = "blobs";
/// The last snapshot.
const SNAPSHOT: &str = "snapshot";
/// The beginning of the names of files that are not finished.
const UNFINISHED: &str = ".unfinished-";
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
    /// The snapshot cannot be written.
    #[error("the snapshot cannot be written")]
    Snapshot(#[source] KeptError),
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
        let made = DirBuilder::new().recursive(true).mode(0o700).create(cache.blobs());
        made.map_err(io_at(folder))?;
        for directory in [folder, &cache.blobs()] {
            check_private(directory)?;
        }
        cache.remove_unfinished()?;
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
        let path = self.path(content);
        file.persist(&path).map_err(|error| io_at(&path)(error.error))?;
        Ok(())
    }

    /// Returns whether a content is there; whether it is as it was shows when it is read.
    #[must_use]
    pub(crate) fn has(&self, content: &Content) -> bool {
        self.path(content).is_file()
    }

    /// Reads a content of at most so many bytes.
    ///
    /// # Errors
    /// Fails if it is not there as it was, or is larger.
    pub(crate) fn read(&self, content: &Content, most: u64) -> Result<Vec<u8>, CacheError> {
        let lost = |_: io::Error| CacheError::Lost(content.clone());
        let file = File::open(self.path(content)).map_err(lost)?;
        let mut bytes = Vec::new();
        file.take(most.saturating_add(1))
            .read_to_end(&mut bytes)
            .map_err(lost)?;
        if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > most {
            return Err(CacheError::TooLarge(most));
        }
        if Content::of(&bytes) == *content {
            Ok(bytes)
        } else {
            Err(CacheError::Lost(content.clone()))
        }
    }

    /// Returns the last snapshot that was whole, if there is one that this version reads.
    #[must_use]
    pub(crate) fn last(&self) -> Option<Kept> {
        Kept::read(File::open(self.folder.join(SNAPSHOT)).ok()?)
    }

    /// Puts a snapshot in the place of the last, and lets go of contents that it does not name.
    ///
    /// # Errors
    /// Fails if the system refuses; the last one is kept then.
    pub(crate) fn publish(&self, kept: &Kept) -> Result<(), CacheError> {
        let mut file = self.unfinished()?;
        kept.write(&mut file).map_err(CacheError::Snapshot)?;
        // A snapshot that a crash cut would be read as none, and everything fetched again.
        file.as_file().sync_data().map_err(io_at(&self.folder))?;
        let path = self.folder.join(SNAPSHOT);
        file.persist(&path).map_err(|error| io_at(&path)(error.error))?;
        self.sweep(&kept.contents().map(name).collect())
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

    fn sweep(&self, kept: &BTreeSet<String>) -> Result<(), CacheError> {
        let blobs = self.blobs();
        for entry in fs::read_dir(&blobs).map_err(io_at(&blobs))? {
            let entry = entry.map_err(io_at(&blobs))?;
            let is_kept = entry.file_name().to_str().is_some_and(|name| kept.contains(name));
            if !is_kept {
                fs::remove_file(entry.path()).map_err(io_at(&blobs))?;
            }
        }
        Ok(())
    }

    fn remove_unfinished(&self) -> Result<(), CacheError> {
        for entry in fs::read_dir(&self.folder).map_err(io_at(&self.folder))? {
            let entry = entry.map_err(io_at(&self.folder))?;
            let is_unfinished = entry
                .file_name()
                .to_str()
                .is_some_and(|name| name.starts_with(UNFINISHED));
            if is_unfinished {
                fs::remove_file(entry.path()).map_err(io_at(&self.folder))?;
            }
        }
        Ok(())
    }

    fn blobs(&self) -> PathBuf {
        self.folder.join(BLOBS)
    }

    fn path(&self, content: &Content) -> PathBuf {
        self.blobs().join(name(content))
    }
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
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::kept::tests::kept;

    fn cache() -> (tempfile::TempDir, Cache) {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(&folder.path().join("a/b")).unwrap();
        (folder, cache)
    }

    fn put(cache: &Cache, text: &str) -> Content {
        match cache.put(&mut text.as_bytes(), 100).unwrap() {
            Put::Whole { content, bytes } => {
                assert_eq!(bytes, u64::try_from(text.len()).unwrap());
                content
            }
            Put::TooLarge => panic!("{text} is small"),
        }
    }

    #[test]
    fn contents_are_kept_whole_or_not_at_all() {
        let (_folder, cache) = cache();
        let content = put(&cache, "text");
        assert_eq!(content, Content::of(b"text"));
        assert_eq!(cache.read(&content, 4).unwrap(), b"text");
        assert!(matches!(cache.read(&content, 3), Err(CacheError::TooLarge(3))));
        assert_eq!(cache.put(&mut io::repeat(1), 100).unwrap(), Put::TooLarge);
        assert!(matches!(
            cache.read(&Content::of(b"other"), 9),
            Err(CacheError::Lost(_))
        ));
        fs::write(cache.path(&content), "tampered").unwrap();
        assert!(matches!(cache.read(&content, 9), Err(CacheError::Lost(_))));
    }

    #[test]
    fn what_the_last_snapshot_does_not_name_is_let_go() {
        let (_folder, cache) = cache();
        let (old, new) = (put(&cache, "old"), put(&cache, "new"));
        cache.publish(&kept(&[("a.yaml", old.clone())])).unwrap();
        assert!(cache.has(&old) && !cache.has(&new));
        let new = put(&cache, "new");
        let last = kept(&[("a.yaml", new.clone())]);
        cache.publish(&last).unwrap();
        assert!(!cache.has(&old) && cache.has(&new));
        assert_eq!(cache.last(), Some(last));
    }

    #[test]
    fn what_a_crash_left_is_removed_and_a_cut_snapshot_is_none() {
        let (_folder, cache) = cache();
        cache.publish(&kept(&[])).unwrap();
        let unfinished = cache.unfinished().unwrap().keep().unwrap().1;
        let text = fs::read(cache.folder.join(SNAPSHOT)).unwrap();
        fs::write(cache.folder.join(SNAPSHOT), &text[..text.len() - 1]).unwrap();
        let again = Cache::open(&cache.folder).unwrap();
        assert!(!unfinished.exists());
        assert_eq!(again.last(), None);
    }

    #[test]
    fn a_directory_of_others_is_refused() {
        let (_folder, cache) = cache();
        assert_eq!(fs::metadata(&cache.folder).unwrap().permissions().mode() & 0o777, 0o700);
        fs::set_permissions(&cache.folder, fs::Permissions::from_mode(0o770)).unwrap();
        assert!(matches!(Cache::open(&cache.folder), Err(CacheError::NotPrivate { .. })));
    }
}
