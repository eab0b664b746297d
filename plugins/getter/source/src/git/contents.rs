//! Contents of a repository by the ids of git.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use k1s_getter_git::{self as git, GitError, ObjectError, ObjectId, Objects};

use super::place::Directory;
use super::{GitFault, id};
use crate::cache::CacheError;
use crate::content::Content;
use crate::origin::{Contents, OriginError};

/// Where contents are.
pub(super) enum Store {
    Directory(Arc<Directory>),
    Cache(git::Cache, git::Limits),
    /// Nothing was asked since the start, so that nothing is open.
    Folder(PathBuf, git::Limits),
}

/// Contents by the ids of git, wherever they are.
pub(super) struct Blobs {
    places: Vec<Shelf>,
    /// Where there are more of them, which nobody looked at yet.
    folder: Option<(PathBuf, git::Limits)>,
    /// The place that had the last, which has the next one more often than not.
    last: usize,
}

/// Where contents are, and its objects once something was read.
struct Shelf {
    store: Store,
    objects: Option<Objects>,
}

impl Blobs {
    /// Reads what is in one place.
    pub(super) fn of(store: Store) -> Self {
        let mut blobs = Self {
            places: Vec::new(),
            folder: None,
            last: 0,
        };
        blobs.add(store);
        blobs
    }

    /// Reads what is in another, too.
    pub(super) fn add(&mut self, store: Store) {
        self.places.push(Shelf { store, objects: None });
    }

    /// Reads what is in each folder of one, too.
    pub(super) fn add_all(&mut self, folder: PathBuf, limits: git::Limits) {
        self.folder = Some((folder, limits));
    }

    fn open_all(&mut self) -> Result<(), OriginError> {
        let Some((folder, limits)) = self.folder.take() else {
            return Ok(());
        };
        let unreadable = |source| CacheError::Io {
            path: folder.clone(),
            source,
        };
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(unreadable(error).into()),
        };
        for entry in entries {
            let path = entry.map_err(unreadable)?.path();
            self.add(Store::Folder(path, limits));
        }
        Ok(())
    }
}

impl Shelf {
    /// Reads a content; `None` if it is not here.
    fn read(&mut self, id: &ObjectId, content: &Content, most: u64) -> Result<Option<Vec<u8>>, OriginError> {
        let objects = match &mut self.objects {
            Some(objects) => objects,
            none => none.insert(self.store.open()?),
        };
        let error = match objects.blob(id, most) {
            Ok(bytes) => return Ok(Some(bytes)),
            Err(error) => error,
        };
        Err(match error {
            ObjectError::Missing(_) => return Ok(None),
            ObjectError::TooLarge { .. } => CacheError::TooLarge(most).into(),
            ObjectError::Kind { .. } | ObjectError::Malformed { .. } => CacheError::NoFile(content.clone()).into(),
            error @ ObjectError::Damaged { .. } => match self.store.clear()? {
                Cleared::Yes => CacheError::Lost(content.clone()).into(),
                Cleared::No => GitError::Object(error).into(),
            },
            error @ (ObjectError::Chain(_) | ObjectError::Spent(_)) => GitError::Object(error).into(),
        })
    }
}

impl Store {
    /// Throws away objects that are damaged, so that they are fetched anew; a repository of somebody's is not touched.
    fn clear(&self) -> Result<Cleared, OriginError> {
        match self {
            Self::Directory(_) => return Ok(Cleared::No),
            Self::Cache(cache, _) => cache.clear().map_err(GitError::Cache)?,
            Self::Folder(folder, _) => git::Cache::open(folder)
                .and_then(|cache| cache.clear())
                .map_err(GitError::Cache)?,
        }
        Ok(Cleared::Yes)
    }

    pub(super) fn open(&self) -> Result<Objects, OriginError> {
        match self {
            Self::Directory(directory) => directory
                .open()?
                .objects()
                .map_err(|error| GitFault::Local(error).into()),
            Self::Cache(cache, limits) => cache.objects(limits).map_err(|error| GitError::Cache(error).into()),
            Self::Folder(folder, limits) => {
                let cache = git::Cache::open(folder).map_err(GitError::Cache)?;
                cache.objects(limits).map_err(|error| GitError::Cache(error).into())
            }
        }
    }
}

/// Whether there was anything that is ours to throw away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cleared {
    Yes,
    No,
}

impl Contents for Blobs {
    fn read(&mut self, content: &Content, most: u64) -> Result<Vec<u8>, OriginError> {
        let lost = || OriginError::Cache(CacheError::Lost(content.clone()));
        let id = id(content).ok_or_else(lost)?;
        self.open_all()?;
        for turn in 0..self.places.len() {
            let at = (self.last + turn) % self.places.len();
            if let Some(place) = self.places.get_mut(at)
                && let Some(bytes) = place.read(&id, content, most)?
            {
                self.last = at;
                return Ok(bytes);
            }
        }
        Err(lost())
    }
}
