//! Reading objects.

use git2::{ErrorCode, ObjectType, Odb, OdbObject, Repository};

use crate::commit::{Commit, Tag};
use crate::id::ObjectId;
use crate::limits::Limits;

/// The most tags that lead one to another.
const TAG_CHAIN: usize = 8;

/// Objects of a [`Cache`](crate::Cache), as it was when they were opened, or of a [`Local`](crate::Local) repository. Reading blocks.
pub struct Objects {
    repository: Repository,
    pub(crate) limits: Limits,
}

/// An object cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ObjectError {
    /// It is not there.
    #[error("the object {0} is not there")]
    Missing(ObjectId),
    /// It is of another kind.
    #[error("the object {id} is no {wanted}")]
    Kind {
        /// Its name.
        id: ObjectId,
        /// What it should be.
        wanted: &'static str,
    },
    /// It is not what its name says, or cannot be read.
    #[error("the object {id} is damaged: {source}")]
    Damaged {
        /// Its name.
        id: ObjectId,
        /// Why.
        #[source]
        source: git2::Error,
    },
    /// It is what its name says, and yet nothing that git would make.
    #[error("the object {id} is none that git would make: {source}")]
    Malformed {
        /// Its name.
        id: ObjectId,
        /// Why.
        #[source]
        source: git2::Error,
    },
    /// Tags lead to tags.
    #[error("the tag {0} leads to more than {TAG_CHAIN} others")]
    Chain(ObjectId),
}

impl Objects {
    pub(crate) fn new(odb: Odb<'_>, limits: &Limits) -> Result<Self, git2::Error> {
        Ok(Self::of(Repository::from_odb(odb)?, limits))
    }

    pub(crate) fn of(repository: Repository, limits: &Limits) -> Self {
        // What was checked when it came is checked again when it is read: disks forget.
        git2::opts::strict_hash_verification(true);
        Self {
            repository,
            limits: *limits,
        }
    }

    pub(crate) fn repository(&self) -> &Repository {
        &self.repository
    }

    /// Returns whether an object is there.
    ///
    /// # Errors
    /// Fails if the cache cannot be read.
    pub fn has(&self, id: &ObjectId) -> Result<bool, ObjectError> {
        let odb = self.repository.odb().map_err(|source| damaged(id, source))?;
        Ok(odb.exists(named(id)?))
    }

    /// Returns the bytes of a file.
    ///
    /// # Errors
    /// Fails if it is not there, is none, or is not what its name says.
    pub fn blob(&self, id: &ObjectId) -> Result<Vec<u8>, ObjectError> {
        self.bytes(id, ObjectType::Blob)
    }

    /// Returns the bytes of an object of some kind.
    pub(crate) fn bytes(&self, id: &ObjectId, kind: ObjectType) -> Result<Vec<u8>, ObjectError> {
        let odb = self.repository.odb().map_err(|source| damaged(id, source))?;
        let object = self.read(&odb, id, kind)?;
        Ok(object.data().to_vec())
    }

    /// Returns a commit.
    ///
    /// # Errors
    /// Fails if it is not there, is none, or is not what its name says.
    pub fn commit(&self, id: &ObjectId) -> Result<Commit, ObjectError> {
        let raw = self.bytes(id, ObjectType::Commit)?;
        let commit = self
            .repository
            .find_commit(named(id)?)
            .map_err(|source| malformed(id, source))?;
        Commit::read(id, &commit, raw)
    }

    /// Returns a tag object.
    ///
    /// # Errors
    /// Fails if it is not there, is none, or is not what its name says.
    pub fn tag(&self, id: &ObjectId) -> Result<Tag, ObjectError> {
        let raw = self.bytes(id, ObjectType::Tag)?;
        let tag = self
            .repository
            .find_tag(named(id)?)
            .map_err(|source| malformed(id, source))?;
        Tag::read(id, &tag, raw)
    }

    /// Returns what a tag leads to, or the object itself if it is none.
    pub(crate) fn peel(&self, id: &ObjectId) -> Result<ObjectId, ObjectError> {
        self.peel_through(id, |_| ())
    }

    /// Returns what a tag leads to, or the object itself if it is none, and notes each tag on the way.
    pub(crate) fn peel_through(&self, id: &ObjectId, mut note: impl FnMut(&ObjectId)) -> Result<ObjectId, ObjectError> {
        let mut at = *id;
        for _ in 0..TAG_CHAIN {
            match self.tag(&at) {
                Ok(tag) => {
                    note(&at);
                    at = tag.target;
                }
                Err(ObjectError::Kind { .. }) => return Ok(at),
                Err(error) => return Err(error),
            }
        }
        Err(ObjectError::Chain(*id))
    }

    fn read<'o>(&self, odb: &'o Odb<'_>, id: &ObjectId, wanted: ObjectType) -> Result<OdbObject<'o>, ObjectError> {
        // Without a look at the head before: of a pack that is damaged, git2 cannot tell the kind, and ends the program.
        let object = odb.read(named(id)?).map_err(|error| failed(id, error))?;
        if object.kind() != wanted {
            return Err(ObjectError::Kind {
                id: *id,
                wanted: wanted.str(),
            });
        }
        Ok(object)
    }
}

/// Returns libgit2's form of a name.
pub(crate) fn named(id: &ObjectId) -> Result<git2::Oid, ObjectError> {
    git2::Oid::from_bytes(id.as_bytes()).map_err(|source| damaged(id, source))
}

/// Blames the object, which was read before.
pub(crate) fn malformed(id: &ObjectId, source: git2::Error) -> ObjectError {
    ObjectError::Malformed { id: *id, source }
}

/// Tells apart what is not there and what cannot be read.
fn failed(id: &ObjectId, error: git2::Error) -> ObjectError {
    if error.code() == ErrorCode::NotFound {
        ObjectError::Missing(*id)
    } else {
        damaged(id, error)
    }
}

fn damaged(id: &ObjectId, source: git2::Error) -> ObjectError {
    ObjectError::Damaged { id: *id, source }
}
