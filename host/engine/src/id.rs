//! The names and counters of a sync.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use k1s_object::{NameError, validate_label_name};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Longest scope id in bytes.
pub const MAX_SCOPE_BYTES: usize = 256;
/// Longest token in bytes.
pub const MAX_TOKEN_BYTES: usize = 4096;
/// Longest source version in bytes.
pub const MAX_SOURCE_VERSION_BYTES: usize = 128;

/// Names one configured source: a DNS-1123 label.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct SourceName(Arc<str>);

impl SourceName {
    /// Takes a name.
    ///
    /// # Errors
    /// When it is not a DNS-1123 label.
    pub fn new(name: &str) -> Result<Self, NameError> {
        validate_label_name(name)?;
        Ok(Self(name.into()))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for SourceName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for SourceName {
    type Error = NameError;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        Self::new(&name)
    }
}

impl fmt::Display for SourceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A value of a source that is longer than the contract allows.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the {what} has {length} bytes; at most {limit} are allowed")]
pub struct TooLong {
    /// What it is.
    pub what: &'static str,
    /// Its length in bytes.
    pub length: usize,
    /// The limit in bytes.
    pub limit: usize,
}

fn bounded(what: &'static str, length: usize, limit: usize) -> Result<(), TooLong> {
    if length > limit {
        Err(TooLong { what, length, limit })
    } else {
        Ok(())
    }
}

/// Names a part of a source that is complete or incomplete by itself; opaque, at most 256 bytes, empty for a source without parts.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct ScopeId(Arc<str>);

impl ScopeId {
    /// Takes a scope id.
    ///
    /// # Errors
    /// When it is longer than 256 bytes.
    pub fn new(id: &str) -> Result<Self, TooLong> {
        bounded("scope id", id.len(), MAX_SCOPE_BYTES)?;
        Ok(Self(id.into()))
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for ScopeId {
    type Error = TooLong;

    fn try_from(id: String) -> Result<Self, Self::Error> {
        Self::new(&id)
    }
}

impl fmt::Display for ScopeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A source's opaque resume position, at most 4 KiB.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token(Bytes);

impl Token {
    /// Takes a token.
    ///
    /// # Errors
    /// When it is longer than 4 KiB.
    pub fn new(bytes: Bytes) -> Result<Self, TooLong> {
        bounded("token", bytes.len(), MAX_TOKEN_BYTES)?;
        Ok(Self(bytes))
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &Bytes {
        &self.0
    }
}

/// A source's own word for the state of an object, at most 128 bytes; empty when it has none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SourceVersion(Box<str>);

impl SourceVersion {
    /// Takes a source version.
    ///
    /// # Errors
    /// When it is longer than 128 bytes.
    pub fn new(text: impl Into<Box<str>>) -> Result<Self, TooLong> {
        let text = text.into();
        bounded("source version", text.len(), MAX_SOURCE_VERSION_BYTES)?;
        Ok(Self(text))
    }

    /// The version as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<SourceVersion> for String {
    fn from(version: SourceVersion) -> Self {
        version.0.into()
    }
}

macro_rules! counter {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub struct $name(u64);

        impl $name {
            /// Wraps a count.
            #[must_use]
            pub const fn new(count: u64) -> Self {
                Self(count)
            }

            /// The count.
            #[must_use]
            pub const fn get(self) -> u64 {
                self.0
            }

            /// The next one.
            #[must_use]
            pub const fn next(self) -> Self {
                Self(self.0.saturating_add(1))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }
    };
}

counter!(
    /// Counts the complete listings of a scope within one session.
    Generation
);
counter!(
    /// Counts the batches of a session, dense from 1.
    Seq
);
counter!(
    /// Counts the launches of a source; persisted and raised before each, so that no two are alike.
    Epoch
);
counter!(
    /// The store's global version: one for every change of an object.
    Revision
);

/// Monotonic time since some fixed moment of the host; only differences mean anything. Always handed in, never read here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(std::time::Duration);

impl Moment {
    /// The time that lies `since_start` after the host's start.
    #[must_use]
    pub const fn new(since_start: std::time::Duration) -> Self {
        Self(since_start)
    }

    /// The time `span` later.
    #[must_use]
    pub fn plus(self, span: std::time::Duration) -> Self {
        Self(self.0.saturating_add(span))
    }

    /// How long after `earlier` this is; zero when it is not after it.
    #[must_use]
    pub fn since(self, earlier: Self) -> std::time::Duration {
        self.0.saturating_sub(earlier.0)
    }
}
