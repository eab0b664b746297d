//! Why a pack is not taken.

use flate2::DecompressError;

use crate::id::ObjectId;
use crate::limits::Limit;
use crate::varint::TooLong;

/// A pack is not taken.
#[derive(Debug, thiserror::Error)]
pub enum PackFault {
    /// More than a limit.
    #[error("the pack is refused at the limit {0}")]
    Limit(Limit),
    /// It is no pack of version 2.
    #[error("this is no pack of version 2")]
    Head,
    /// An object is of a kind that packs do not have.
    #[error("the pack has an object of the unknown kind {0}")]
    Kind(u8),
    /// A delta names its base, which is not one that the server was told of.
    #[error("the pack has a delta against {0}, which was not there before")]
    Named(ObjectId),
    /// A delta has a base that is not there, or is not the one it was made for.
    #[error("the pack has a delta whose base {0}")]
    Base(&'static str),
    /// A delta is none.
    #[error("the pack has a delta that {0}")]
    Delta(&'static str),
    /// An object is there more than once.
    #[error("the pack has the object {0} twice")]
    Twice(ObjectId),
    /// It is not what its sum says.
    #[error("the pack is damaged: it has another sum than it says")]
    Sum,
    /// A number is longer than any that means something.
    #[error("the pack has a number that is too long")]
    Number,
    /// An object is not as long as it says.
    #[error("an object of the pack says {said} bytes and is {}", if *.is_longer { "longer" } else { "shorter" })]
    Length {
        /// What it says.
        said: u64,
        /// Whether it is longer.
        is_longer: bool,
    },
    /// An object cannot be inflated.
    #[error("an object of the pack cannot be inflated: {0}")]
    Inflate(#[source] DecompressError),
    /// There is something behind its end.
    #[error("there is something behind the pack")]
    Behind,
    /// It ends too early.
    #[error("the pack is cut")]
    Cut,
}

impl From<TooLong> for PackFault {
    fn from(_: TooLong) -> Self {
        Self::Number
    }
}
