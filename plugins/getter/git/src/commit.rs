//! Commits and tags.

use crate::id::ObjectId;
use crate::objects::ObjectError;

/// A commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// Its name.
    pub id: ObjectId,
    /// What it has.
    pub tree: ObjectId,
    /// Who made the change.
    pub author: Person,
    /// Who made the commit.
    pub committer: Person,
    /// The first paragraph of its message, in one line.
    pub subject: String,
    /// Its bytes, to be checked against a signature that is in them; nothing else than these were signed.
    pub raw: Vec<u8>,
}

/// A tag object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag {
    /// Its name.
    pub id: ObjectId,
    /// What it leads to: a commit, or another tag.
    pub target: ObjectId,
    /// What it calls itself, which need not be the name of the reference.
    pub name: String,
    /// Who made it, if it says so.
    pub tagger: Option<Person>,
    /// The first line of its message.
    pub subject: String,
    /// Its bytes, to be checked against a signature that is in them.
    pub raw: Vec<u8>,
}

/// Somebody, at some time, by their own word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// The name; bytes that are not UTF-8 are replaced.
    pub name: String,
    /// The address; bytes that are not UTF-8 are replaced.
    pub email: String,
    /// When: seconds since 1970, in UTC.
    pub seconds: i64,
    /// How far the clock there was ahead of UTC, in minutes.
    pub offset: i32,
}

impl Commit {
    pub(crate) fn read(id: &ObjectId, commit: &git2::Commit<'_>, raw: Vec<u8>) -> Result<Self, ObjectError> {
        Ok(Self {
            id: *id,
            tree: target(id, commit.tree_id())?,
            author: Person::read(&commit.author()),
            committer: Person::read(&commit.committer()),
            subject: commit.summary_bytes().map(text).unwrap_or_default(),
            raw,
        })
    }
}

impl Tag {
    pub(crate) fn read(id: &ObjectId, tag: &git2::Tag<'_>, raw: Vec<u8>) -> Result<Self, ObjectError> {
        let message = tag.message_bytes().unwrap_or_default();
        let first = message.split(|byte| *byte == b'\n').next().unwrap_or_default();
        Ok(Self {
            id: *id,
            target: target(id, tag.target_id())?,
            name: text(tag.name_bytes()),
            tagger: tag.tagger().as_ref().map(Person::read),
            subject: text(first),
            raw,
        })
    }
}

impl Person {
    fn read(signature: &git2::Signature<'_>) -> Self {
        Self {
            name: text(signature.name_bytes()),
            email: text(signature.email_bytes()),
            seconds: signature.when().seconds(),
            offset: signature.when().offset_minutes(),
        }
    }
}

fn target(id: &ObjectId, oid: git2::Oid) -> Result<ObjectId, ObjectError> {
    ObjectId::from_bytes(oid.as_bytes()).ok_or(ObjectError::Kind {
        id: *id,
        wanted: "object named by SHA-1",
    })
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
