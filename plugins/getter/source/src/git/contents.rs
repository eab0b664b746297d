//! Contents of a repository by the ids of git.

use std::path::PathBuf;
use std::sync::Arc;

use k1s_getter_git::{self as git, GitError, ObjectError, Objects};

use super::{Directory, GitFault, id};
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

/// Contents by the ids of git.
pub(super) struct Blobs {
    pub(super) store: Store,
    /// Opened with the first reading.
    pub(super) objects: Option<Objects>,
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

    fn open(&self) -> Result<Objects, OriginError> {
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
        let objects = match &mut self.objects {
            Some(objects) => objects,
            none => none.insert(self.store.open()?),
        };
        objects.blob(&id, most).or_else(|error| match error {
            ObjectError::Missing(_) => Err(lost()),
            ObjectError::TooLarge { .. } => Err(CacheError::TooLarge(most).into()),
            ObjectError::Kind { .. } | ObjectError::Malformed { .. } => Err(CacheError::NoFile(content.clone()).into()),
            error @ ObjectError::Damaged { .. } => Err(match self.store.clear()? {
                Cleared::Yes => lost(),
                Cleared::No => GitError::Object(error).into(),
            }),
            error @ ObjectError::Chain(_) => Err(GitError::Object(error).into()),
        })
    }
}
