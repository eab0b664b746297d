//! What can go wrong with a source, in the words of the contract.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::id::ScopeId;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)+) => {
        /// The class of a problem; the same names as on the wire.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum ProblemCode {
            $($(#[$doc])* #[serde(rename = $text)] $name,)+
        }

        impl ProblemCode {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The code as users see it, for example `DATA_INVALID`.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)+
                }
            }
        }
    };
}

codes! {
    /// The configuration cannot work.
    ConfigInvalid = "CONFIG_INVALID",
    /// The place refuses the credentials.
    Auth = "AUTH",
    /// The place knows us and says no.
    Permission = "PERMISSION",
    /// The place is not there.
    RootNotFound = "ROOT_NOT_FOUND",
    /// The place is another one than before.
    RootChanged = "ROOT_CHANGED",
    /// The place does not answer.
    Unavailable = "UNAVAILABLE",
    /// The place asked to slow down.
    RateLimited = "RATE_LIMITED",
    /// Something took too long.
    Timeout = "TIMEOUT",
    /// The content is not what it must be.
    DataInvalid = "DATA_INVALID",
    /// Two declarations of one key.
    DuplicateKey = "DUPLICATE_KEY",
    /// Over a limit of size.
    TooLarge = "TOO_LARGE",
    /// Not something this version can do.
    Unsupported = "UNSUPPORTED",
    /// Part of the place could not be read.
    Partial = "PARTIAL",
    /// A token is no longer good.
    ResumeRejected = "RESUME_REJECTED",
    /// A fault of the plugin itself.
    Internal = "INTERNAL",
    /// The plugin broke the contract.
    ProtocolViolation = "PROTOCOL_VIOLATION",
    /// The bytes of an object do not have the hash sent with them.
    HashMismatch = "HASH_MISMATCH",
    /// The counts or the digest of a listing differ from what arrived.
    CountMismatch = "COUNT_MISMATCH",
    /// The source may not send this kind.
    KindNotAllowed = "KIND_NOT_ALLOWED",
    /// Another source owns the object.
    OwnershipConflict = "OWNERSHIP_CONFLICT",
    /// An object that no source owns is in the way.
    AdoptionConflict = "ADOPTION_CONFLICT",
    /// The kind of the object is not known.
    NoKind = "NO_KIND",
    /// The namespace of the object does not exist.
    NoNamespace = "NO_NAMESPACE",
    /// No progress for too long.
    Hung = "HUNG",
    /// The process died.
    Crashed = "CRASHED",
    /// The process did not become ready in time.
    StartTimeout = "START_TIMEOUT",
    /// The executable is not the pinned one.
    Checksum = "CHECKSUM",
    /// The process that answered is not the one that was started.
    PeerMismatch = "PEER_MISMATCH",
    /// The configuration names another place than the one that the objects came from.
    IdentityChanged = "IDENTITY_CHANGED",
}

impl fmt::Display for ProblemCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How much a problem concerns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Level {
    /// The whole source.
    Source,
    /// One scope; an open listing of it becomes incomplete.
    Scope(ScopeId),
    /// One object or file.
    Object,
}

/// What could make another attempt succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Retry {
    /// Nothing.
    Never,
    /// Time.
    Backoff,
    /// A given time.
    After(Duration),
    /// Another configuration.
    OnConfigChange,
    /// Other content.
    OnContentChange,
}

/// Something that went wrong, for a person and for the host's decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// Its class.
    pub code: ProblemCode,
    /// How much it concerns.
    pub level: Level,
    /// What could help.
    pub retry: Retry,
    /// One line for a user: what, where, and the way out.
    pub message: String,
    /// More, for logs; may be empty.
    pub detail: String,
}

impl Problem {
    /// A problem with one object that other content would solve.
    #[must_use]
    pub fn with_object(code: ProblemCode, message: impl Into<String>) -> Self {
        Self {
            code,
            level: Level::Object,
            retry: Retry::OnContentChange,
            message: message.into(),
            detail: String::new(),
        }
    }

    /// A problem with the whole source that time may solve.
    #[must_use]
    pub fn with_source(code: ProblemCode, message: impl Into<String>) -> Self {
        Self {
            code,
            level: Level::Source,
            retry: Retry::Backoff,
            message: message.into(),
            detail: String::new(),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}  {}", self.code, self.message)
    }
}
