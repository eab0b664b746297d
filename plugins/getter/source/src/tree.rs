//! What was found at an origin: paths and the names of their contents, before anything is chosen.

use std::collections::{BTreeMap, BTreeSet};

use k1s_manifests::RelPath;
use k1s_source::Code;
use serde::{Deserialize, Serialize};

use crate::content::Content;
use crate::kept::Module;

/// What was found at an origin.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tree {
    /// The state of the whole, for people: a commit, an ETag, a digest.
    pub(crate) revision: String,
    /// By which the origin knows this state again.
    pub(crate) mark: Mark,
    /// Whether all of it was there at one time.
    pub(crate) stillness: Stillness,
    /// What a user asked for is one file, which is taken whatever its name is.
    pub(crate) shape: Shape,
    /// The directories that the sub-directory asked for may mean; without one, none.
    pub(crate) roots: BTreeSet<RelPath>,
    /// What may be wanted, each path once.
    pub(crate) entries: Vec<Entry>,
    /// What comes from other places, by the paths of the directories that it is in.
    pub(crate) modules: BTreeMap<String, Module>,
}

/// Whether what was found was there at one time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) enum Stillness {
    /// It was.
    #[default]
    Still,
    /// Names came, went or moved meanwhile: what was found was there, and what was not may be, too.
    Moving,
}

impl Stillness {
    /// Returns whether it was there at one time.
    #[must_use]
    pub(crate) fn is_still(&self) -> bool {
        *self == Self::Still
    }
}

/// Whether a user named a file or what holds many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Shape {
    /// A folder, an archive, a repository.
    #[default]
    Many,
    /// One file.
    File,
}

/// What an origin remembers of a state, in a text of its own; empty for nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(transparent)]
pub(crate) struct Mark(pub(crate) String);

/// Something at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Where, below the root of what is fetched.
    pub(crate) path: RelPath,
    /// What.
    pub(crate) kind: Kind,
}

/// What lies at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A file.
    File(Blob),
    /// A symbolic link, which is never followed.
    Link,
    /// A repository within a repository, which is never fetched.
    #[cfg_attr(not(feature = "git"), expect(dead_code, reason = "only git has them"))]
    Submodule,
    /// Something that cannot be read, or a directory of which nothing can be.
    Refused(Refusal),
}

/// A file.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) struct Blob {
    /// What is in it.
    pub(crate) content: Content,
    /// How long it is, where that is known.
    pub(crate) bytes: Option<u64>,
    /// Whether it can be executed.
    pub(crate) mode: Mode,
}

/// The mode of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) enum Mode {
    /// 0644
    Plain,
    /// 0755
    Executable,
}

/// Why something cannot be read; what it last declared stays.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) struct Refusal {
    /// The class.
    pub(crate) class: Class,
    /// For people.
    pub(crate) said: String,
}

/// The class of a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) enum Class {
    /// This process may not.
    Permission,
    /// It is larger than is read.
    TooLarge,
    /// It is not what can be read.
    Unsupported,
    /// It cannot be read now.
    Unavailable,
    /// It is not what it must be.
    Invalid,
}

impl Class {
    /// Returns what the host calls it.
    #[must_use]
    pub(crate) fn code(self) -> Code {
        match self {
            Self::Permission => Code::Permission,
            Self::TooLarge => Code::TooLarge,
            Self::Unsupported => Code::Unsupported,
            Self::Unavailable => Code::Unavailable,
            Self::Invalid => Code::DataInvalid,
        }
    }
}

impl Refusal {
    /// Refuses with a class and words for people.
    pub(crate) fn new(class: Class, said: impl Into<String>) -> Self {
        Self {
            class,
            said: said.into(),
        }
    }
}
