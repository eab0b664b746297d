//! Reading objects.

use std::path::PathBuf;

use git2::{ErrorCode, ObjectType, Odb, Repository};

use crate::commit::{Commit, Tag};
use crate::id::ObjectId;
use crate::limits::Limits;
use crate::pack::Packed;
use crate::size::{Author, SizeError, Sizes, Work};

/// The most tags that lead one to another.
const TAG_CHAIN: usize = 8;

/// Objects of a [`Cache`](crate::Cache), as it was when they were opened, or of a [`Local`](crate::Local) repository. Reading blocks.
pub struct Objects {
    repository: Repository,
    sizes: Sizes,
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
    /// It is larger than was wanted.
    #[error("the object {id}, or what it is made of, has more than {most} bytes")]
    TooLarge {
        /// Its name.
        id: ObjectId,
        /// How many bytes were wanted.
        most: u64,
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
    /// What was read at one look is made of more than is read.
    #[error(
        "its objects are made of too much: more than {0} bytes would be copied to read what is wanted; `git repack -a -d -f` \
             makes them of less"
    )]
    Spent(u64),
    /// Tags lead to tags.
    #[error("the tag {0} leads to more than {TAG_CHAIN} others")]
    Chain(ObjectId),
}

impl Objects {
    pub(crate) fn new(odb: Odb<'_>, directory: PathBuf, limits: &Limits) -> Result<Self, git2::Error> {
        Ok(Self::of(
            Repository::from_odb(odb)?,
            Sizes::new(directory, Author::Us, Work::default()),
            limits,
        ))
    }

    /// Reads the objects of a repository.
    pub(crate) fn of(repository: Repository, sizes: Sizes, limits: &Limits) -> Self {
        // What was checked when it came is checked again when it is read: disks forget.
        git2::opts::strict_hash_verification(true);
        Self {
            repository,
            sizes,
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

    /// Returns the bytes of a file of at most so many, which is found out before it is read.
    ///
    /// # Errors
    /// Fails if it is not there, is none, is larger, or is not what its name says.
    pub fn blob(&self, id: &ObjectId, most: u64) -> Result<Vec<u8>, ObjectError> {
        if self.size(id)? > most {
            return Err(ObjectError::TooLarge { id: *id, most });
        }
        self.bytes(id, ObjectType::Blob)
    }

    /// Returns how large an object is that may be read.
    fn size(&self, id: &ObjectId) -> Result<u64, ObjectError> {
        self.sizes.of(id, &self.limits).map_err(|error| match error {
            SizeError::Missing => ObjectError::Missing(*id),
            SizeError::TooLarge => ObjectError::TooLarge {
                id: *id,
                most: self.limits.object_bytes,
            },
            SizeError::Spent(most) => ObjectError::Spent(most),
            SizeError::Damaged(why) => damaged(id, git2::Error::from_str(why)),
        })
    }

    /// Returns the bytes of an object of some kind.
    pub(crate) fn bytes(&self, id: &ObjectId, wanted: ObjectType) -> Result<Vec<u8>, ObjectError> {
        let (kind, bytes) = self.any(id)?;
        if Packed::of(wanted) != Some(kind) {
            return Err(ObjectError::Kind {
                id: *id,
                wanted: wanted.str(),
            });
        }
        Ok(bytes)
    }

    /// Returns an object, whatever it is.
    pub(crate) fn any(&self, id: &ObjectId) -> Result<(Packed, Vec<u8>), ObjectError> {
        self.size(id)?;
        let odb = self.repository.odb().map_err(|source| damaged(id, source))?;
        let object = odb.read(named(id)?).map_err(|error| failed(id, error))?;
        let kind = Packed::of(object.kind()).ok_or(ObjectError::Missing(*id))?;
        Ok((kind, object.data().to_vec()))
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
