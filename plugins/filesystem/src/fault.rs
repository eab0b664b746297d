//! Why a file or directory cannot be read, in words for a user, and the class the host acts on.

use std::io;

use k1s_manifests::{OpenError, Special};
use k1s_source::{Code, Problem};

use crate::ignored::RulesError;
use crate::listing::MOST_ENTRIES;

/// A file or directory cannot be read: what it last declared stays.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    /// It cannot be opened, or is not what can be read.
    #[error("cannot be read: {0}")]
    Open(#[source] OpenError),
    /// Reading broke off.
    #[error("cannot be read: {0}")]
    Read(#[source] io::Error),
    /// It is larger than is read.
    #[error("larger than maxFileBytes, {limit} bytes")]
    TooLarge {
        /// `maxFileBytes`.
        limit: u64,
    },
    /// It never held still.
    #[error("changes while it is read")]
    Changing,
    /// It is a link out of the root.
    #[error("a link that leads outside the folder, which is never followed")]
    Outside,
    /// It is a link to nothing.
    #[error("a link that leads nowhere")]
    Nowhere,
    /// It is a link, and where it leads cannot be found out.
    #[error("a link that cannot be resolved: {0}")]
    Unresolved(#[source] io::Error),
    /// Its name cannot be said on the wire.
    #[error("its name is not UTF-8")]
    Name,
    /// The directory has more entries than are kept in memory.
    #[error("more than {MOST_ENTRIES} entries in one directory")]
    TooManyEntries,
    /// What the directory leaves out is not known.
    #[error("{0}, so nothing in this folder is read")]
    Rules(#[source] RulesError),
}

impl From<OpenError> for Fault {
    fn from(error: OpenError) -> Self {
        Self::Open(error)
    }
}

impl Fault {
    /// Returns what the host is told.
    pub(crate) fn problem(&self) -> Problem {
        Problem::new(self.code(), self.to_string()).because(self)
    }

    /// Returns the class: by it the host decides when to look again.
    pub(crate) fn code(&self) -> Code {
        match self {
            Self::Open(error) | Self::Rules(RulesError::Open(error)) => code_of_open(error),
            Self::Read(error) | Self::Unresolved(error) | Self::Rules(RulesError::Read(error)) => code_of_io(error),
            Self::TooLarge { .. } | Self::TooManyEntries | Self::Rules(RulesError::TooLarge) => Code::TooLarge,
            Self::Changing => Code::Unavailable,
            Self::Outside => Code::Unsupported,
            Self::Nowhere | Self::Name | Self::Rules(RulesError::Pattern(_)) => Code::DataInvalid,
        }
    }
}

fn code_of_open(error: &OpenError) -> Code {
    match error {
        OpenError::Denied => Code::Permission,
        OpenError::Link | OpenError::PathTooLong => Code::Unsupported,
        OpenError::NotAFile { kind } => match kind {
            Special::Directory
            | Special::Link
            | Special::Fifo
            | Special::Socket
            | Special::Device
            | Special::Unknown => Code::Unsupported,
        },
        OpenError::Missing => Code::Unavailable,
        OpenError::Io(error) => code_of_io(error),
    }
}

fn code_of_io(error: &io::Error) -> Code {
    if error.kind() == io::ErrorKind::PermissionDenied {
        Code::Permission
    } else if error.kind() == io::ErrorKind::InvalidData {
        Code::DataInvalid
    } else {
        Code::Unavailable
    }
}
