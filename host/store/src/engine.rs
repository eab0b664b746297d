//! What the store asks of a storage engine: ordered tables of bytes, consistent reads, atomic durable writes.
//!
//! An engine knows nothing of objects. One suite (`tests/engines`) runs on every engine.

use std::ops::{Bound, ControlFlow};
use std::path::PathBuf;

use thiserror::Error;

use crate::table::Table;

mod memory;
mod redb;

pub use memory::MemoryEngine;
pub use redb::{RedbCheck, RedbEngine, RedbOptions};

/// How much one transaction may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransactionLimits {
    /// Puts and deletes.
    pub operations: usize,
    /// Bytes of keys and values.
    pub bytes: usize,
}

impl TransactionLimits {
    /// As much as the machine holds.
    pub const NONE: Self = Self {
        operations: usize::MAX,
        bytes: usize::MAX,
    };
}

/// Keys of a table to visit, in ascending order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRange {
    /// The first key, included.
    pub start: Vec<u8>,
    /// The end, excluded; `None` for the end of the table.
    pub end: Option<Vec<u8>>,
}

impl KeyRange {
    /// Every key.
    #[must_use]
    pub const fn all() -> Self {
        Self {
            start: Vec::new(),
            end: None,
        }
    }

    /// Every key that begins with `prefix`.
    #[must_use]
    pub fn prefix(prefix: &[u8]) -> Self {
        Self {
            start: prefix.to_vec(),
            end: after_prefix(prefix),
        }
    }

    /// The part of this range that comes after `key`.
    #[must_use]
    pub fn after(self, key: &[u8]) -> Self {
        let mut start = key.to_vec();
        start.push(0);
        Self {
            start: start.max(self.start),
            end: self.end,
        }
    }

    /// The part of this range that comes after all of another one.
    #[must_use]
    pub fn behind(self, other: &Self) -> Self {
        match &other.end {
            Some(end) => Self {
                start: end.clone().max(self.start),
                end: self.end,
            },
            // Nothing comes after what has no end.
            None => Self {
                start: self.start,
                end: Some(Vec::new()),
            },
        }
    }

    /// Whether a key lies in this range.
    #[must_use]
    pub fn contains(&self, key: &[u8]) -> bool {
        self.start.as_slice() <= key && self.end.as_deref().is_none_or(|end| key < end)
    }

    /// Both ends; `None` when no key can lie between them.
    fn bounds(&self) -> Option<Bounds<'_>> {
        match &self.end {
            None => Some((Bound::Included(&self.start), Bound::Unbounded)),
            Some(end) if end > &self.start => Some((Bound::Included(&self.start), Bound::Excluded(end))),
            Some(_) => None,
        }
    }
}

/// Both ends of a range, as ordered maps take them.
type Bounds<'r> = (Bound<&'r [u8]>, Bound<&'r [u8]>);

/// The smallest key that is larger than every key with this prefix.
fn after_prefix(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|byte| *byte != u8::MAX)?;
    let mut end = prefix.get(..=last)?.to_vec();
    if let Some(byte) = end.last_mut() {
        *byte += 1;
    }
    Some(end)
}

/// Called for each row of a scan, with key and value; breaking ends the scan.
pub type Visit<'a> = dyn FnMut(&[u8], &[u8]) -> ControlFlow<()> + 'a;

/// Reads that all see one state.
pub trait Read {
    /// The value of a key.
    ///
    /// # Errors
    /// When the engine fails.
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, EngineError>;

    /// Visits the rows of a range in ascending order of their keys.
    ///
    /// # Errors
    /// When the engine fails.
    fn scan(&self, table: Table, range: &KeyRange, visit: &mut Visit<'_>) -> Result<(), EngineError>;
}

/// Reads and writes of one transaction; its reads see its own writes.
pub trait Write: Read {
    /// Sets the value of a key.
    ///
    /// # Errors
    /// When the engine fails.
    fn put(&mut self, table: Table, key: &[u8], value: &[u8]) -> Result<(), EngineError>;

    /// Removes a key, if it is there.
    ///
    /// # Errors
    /// When the engine fails.
    fn delete(&mut self, table: Table, key: &[u8]) -> Result<(), EngineError>;
}

/// What the body of a transaction wants done with its writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finish {
    /// Make them durable and visible, all at once.
    Commit,
    /// Forget them.
    Abort,
}

/// A storage engine. `write` is called by one thread at a time; reads go on meanwhile.
pub trait Engine: std::fmt::Debug + Send + Sync + 'static {
    /// What one transaction may hold.
    fn limits(&self) -> TransactionLimits;

    /// Opens a consistent read of everything committed so far.
    ///
    /// # Errors
    /// When the engine fails.
    fn read(&self) -> Result<Box<dyn Read + '_>, EngineError>;

    /// Runs `body` in a transaction. When this returns `Ok` and the body said [`Finish::Commit`], its writes are durable;
    /// in every other case none of them is, except that a commit which itself failed with [`EngineError::Io`] may show,
    /// after [`Engine::reopen`], to have become durable whole.
    ///
    /// # Errors
    /// When the engine fails, or with what `body` returned.
    fn write(&self, body: &mut WriteBody<'_>) -> Result<(), EngineError>;

    /// Opens the storage anew after [`EngineError::Io`] or [`EngineError::Closed`]. Reads that were open before are over:
    /// they answer [`EngineError::Closed`] when they need the storage. Called by the thread that writes, outside a
    /// transaction.
    ///
    /// # Errors
    /// When the storage cannot be opened; every call is refused until a later attempt succeeds. A file that has gone is
    /// not made anew.
    fn reopen(&self) -> Result<(), EngineError>;

    /// Rewrites what is stored so that it takes no more room than it needs; nothing reads or writes meanwhile. May take
    /// minutes where there is much. What is stored is the same before, after, and where this is cut short.
    ///
    /// # Errors
    /// When the engine fails; after [`EngineError::Io`] as after a write that failed.
    fn compact(&mut self) -> Result<(), EngineError>;
}

/// The body of a transaction.
pub type WriteBody<'a> = dyn FnMut(&mut dyn Write) -> Result<Finish, EngineError> + 'a;

/// Why a storage engine could not do as asked.
#[derive(Debug, Error)]
pub enum EngineError {
    /// Another process holds the file.
    #[error("{path} is in use by another process")]
    Locked {
        /// The file.
        path: PathBuf,
    },
    /// The file is damaged; it is left as it is.
    #[error("{path} is damaged ({detail}); it is left as it is: restore it from a copy, or move it away to start anew")]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What was found.
        detail: String,
    },
    /// A row does not decode: the file is damaged or was written by something else.
    #[error("a row of table {table} does not decode: {detail}")]
    Row {
        /// The table's name.
        table: &'static str,
        /// What was found.
        detail: String,
    },
    /// An earlier failure closed the storage; [`Engine::reopen`] opens it again.
    #[error("{path} is closed after an earlier failure")]
    Closed {
        /// The file.
        path: PathBuf,
    },
    /// The operating system refused, for example because the disk is full.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
}

impl EngineError {
    /// Whether it may pass by itself: the storage is whole, as far as is known.
    #[must_use]
    pub const fn may_pass(&self) -> bool {
        match self {
            Self::Locked { .. } | Self::Closed { .. } | Self::Io { .. } => true,
            Self::Corrupt { .. } | Self::Row { .. } => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_behind_a_range_begins_where_it_ends() {
        let all = || KeyRange::prefix(b"a");
        let rest = all().behind(&KeyRange::prefix(b"ab"));
        let contains = [&b"a"[..], b"ab", b"ab\xff", b"ac", b"b"].map(|key| rest.contains(key));
        assert_eq!(contains, [false, false, false, true, false]);
        assert_eq!(rest.clone().behind(&KeyRange::prefix(b"a0")), rest);
        for nothing in [all().behind(&KeyRange::all()), all().behind(&all())] {
            assert!(nothing.bounds().is_none(), "{nothing:?}");
        }
    }

    #[test]
    fn a_prefix_covers_exactly_what_begins_with_it() {
        let covers = |prefix: &[u8], key: &[u8]| KeyRange::prefix(prefix).contains(key);
        for (prefix, key, expected) in [
            (&b"a\0"[..], &b"a\0"[..], true),
            (b"a\0", b"a\0b", true),
            (b"a\0", b"a\x01", false),
            (b"a\xff", b"a\xff\xff", true),
            (b"a\xff", b"b", false),
            (b"\xff", b"\xff\xff", true),
            (b"", b"anything", true),
        ] {
            assert_eq!(covers(prefix, key), expected, "{prefix:?} {key:?}");
        }
    }
}
