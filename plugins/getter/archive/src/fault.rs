//! Why an archive is refused.

use std::io;

use k1s_getter_address::Archive;

use crate::limits::Limit;

/// An archive is refused as a whole; what was handed out of it does not count.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// More than a limit.
    #[error("the archive is refused at the limit {0}")]
    Limit(Limit),
    /// It is cut, or not of its format.
    #[error("the archive is damaged or cut: {0}")]
    Damaged(#[source] io::Error),
    /// It contradicts itself.
    #[error("the archive contradicts itself: {0}")]
    Contradiction(&'static str),
    /// The path of an entry is not one below the root.
    #[error("an entry of the archive {0}: {1:?}")]
    Path(PathFault, String),
    /// An entry is of a kind that no source of manifests needs.
    #[error("an entry of the archive is {kind}, which is refused: {path:?}")]
    Kind {
        /// What it is.
        kind: &'static str,
        /// Where.
        path: String,
    },
    /// An entry is encrypted.
    #[error("an entry of the archive is encrypted: {0:?}")]
    Encrypted(String),
    /// The method of an entry is not known.
    #[error("the archive uses what is not supported: {0}")]
    Unsupported(String),
    /// This program was built without the format.
    #[error("the format {} is not built in", .0.name())]
    NotBuilt(Archive),
    /// Whoever takes the entries failed.
    #[error("an entry could not be taken: {0}")]
    Taker(#[source] io::Error),
}

/// What is wrong with the path of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathFault {
    /// It is absolute, on whatever system.
    #[error("has an absolute path")]
    Absolute,
    /// It has a part `..`.
    #[error("leads outside")]
    Outside,
    /// It has a backslash, a control character, or bytes that are not UTF-8.
    #[error("has a path with characters that it cannot have")]
    Characters,
    /// It, or a part of it, is longer than file systems take.
    #[error("has a path that is too long")]
    TooLong,
    /// It has no name.
    #[error("has no name")]
    Empty,
    /// It was there before.
    #[error("is there twice")]
    Twice,
    /// It is below what is no directory: written by path, it would go through a link.
    #[error("lies below a file or link")]
    Below,
}
