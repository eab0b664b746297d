//! Why a repository cannot be had.

use std::io;

use crate::cache::CacheError;
use crate::id::ObjectId;
use crate::limits::Limit;
use crate::meter::PackFault;
use crate::objects::ObjectError;
use crate::transport::TransportError;
use crate::tree::TreeError;
use crate::wire::WireError;

/// A repository cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// The server cannot be reached, or whoever reaches it refuses.
    #[error("{0}")]
    Transport(#[from] TransportError),
    /// The server takes longer than it may.
    #[error("the server is given up at the limit {0}")]
    Limit(Limit),
    /// The server's answer is not one that can be used.
    #[error("{0}")]
    Wire(#[from] WireError),
    /// The server's pack is not taken.
    #[error("{0}")]
    Pack(#[from] PackFault),
    /// The repository, or its server, is of a kind that is not supported.
    #[error("{0}")]
    Unsupported(Unsupported),
    /// The server does not hand out an object that was asked for.
    #[error("the server does not have, or not hand out, the object {0}")]
    NotServed(ObjectId),
    /// A tag leads to another commit than the server said.
    #[error("the tag {0} does not lead to the commit that the server names")]
    Misled(ObjectId),
    /// A pack cannot be kept while it comes.
    #[error("a pack cannot be kept while it comes: {0}")]
    Spool(#[source] io::Error),
    /// The cache fails.
    #[error("{0}")]
    Cache(#[from] CacheError),
    /// An object cannot be read.
    #[error("{0}")]
    Object(#[from] ObjectError),
    /// A tree cannot be read.
    #[error("{0}")]
    Tree(#[from] TreeError),
    /// The runtime ends.
    #[error("the work on the cache was given up, because the program ends")]
    Ending,
}

/// What is not supported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unsupported {
    /// The server speaks no version of the protocol that is known.
    #[error("the server is too old: it speaks neither version 2 of git's protocol nor in parts that can be told apart")]
    Version,
    /// The names of objects are not SHA-1.
    #[error("the repository names its objects by SHA-256, which is not supported")]
    Format,
}
