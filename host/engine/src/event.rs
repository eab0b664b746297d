//! What a source reports about one key, and what the host made of it.

use bytes::Bytes;
use k1s_object::{ContentHash, DeclaredKey, Key};
use serde::{Deserialize, Serialize};

use crate::id::SourceVersion;
use crate::problem::{Problem, ProblemCode};

/// Where a source read something.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provenance {
    /// Of the place; holds no credentials.
    pub uri: Box<str>,
    /// Within the place; the unit of pinning.
    pub path: Box<str>,
    /// Of the whole place: a commit, a digest.
    pub revision: Box<str>,
    /// Index of the document within the path, from 0.
    pub document: u32,
    /// From 1; 0 where there are no lines.
    pub line: u32,
    /// From 1; 0 where there are no columns.
    pub column: u32,
}

/// Why a source passed something over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum IgnoredCode {
    /// Neither apiVersion nor kind, or a control file of another tool.
    NotAnObject,
    /// Left out by the source's rules.
    Excluded,
    /// A link that is not followed.
    Link,
    /// Disabled by its own annotation.
    Disabled,
}

/// What a source reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// It declares this object; the hash is the source's claim about the bytes.
    Upsert {
        /// The declared key.
        key: DeclaredKey,
        /// UTF-8 JSON.
        object: Bytes,
        /// SHA-256 of `object`, as the source sent it.
        content_hash: ContentHash,
    },
    /// It no longer declares this key.
    Delete {
        /// The declared key.
        key: DeclaredKey,
    },
    /// Unchanged since the event's source version.
    Seen {
        /// The declared key.
        key: DeclaredKey,
    },
    /// Passed over on purpose.
    Ignored {
        /// The declared key, where there is one.
        key: Option<DeclaredKey>,
        /// Why.
        code: IgnoredCode,
    },
    /// Could not be read or made into an object.
    Failed {
        /// The declared key, where it is known.
        key: Option<DeclaredKey>,
        /// What went wrong.
        problem: Problem,
    },
}

impl Change {
    /// The declared key, where there is one.
    #[must_use]
    pub fn key(&self) -> Option<&DeclaredKey> {
        match self {
            Self::Upsert { key, .. } | Self::Delete { key } | Self::Seen { key } => Some(key),
            Self::Ignored { key, .. } | Self::Failed { key, .. } => key.as_ref(),
        }
    }
}

/// One finding about one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// What it is.
    pub change: Change,
    /// Where it was read.
    pub provenance: Provenance,
    /// The source's word for this state; comes back in `Known`.
    pub source_version: SourceVersion,
}

impl Event {
    /// Bytes the event holds of its source, for limits and flow; keys and provenance count with a flat 256.
    #[must_use]
    pub fn size(&self) -> usize {
        const FLAT: usize = 256;
        match &self.change {
            Change::Upsert { object, .. } => FLAT + object.len(),
            Change::Delete { .. } | Change::Seen { .. } | Change::Ignored { .. } | Change::Failed { .. } => FLAT,
        }
    }
}

/// What the host made of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The object did not exist.
    Created,
    /// The object changed.
    Updated,
    /// Nothing had to be written.
    Unchanged,
    /// The object is gone.
    Deleted,
    /// The source could not read it, or it cannot be kept.
    Error(Problem),
    /// The host could not apply it yet and keeps it as pending.
    Pending(Problem),
    /// The source passed it over.
    Ignored(IgnoredCode),
}

impl Verdict {
    /// The problem's class, for what was not applied.
    #[must_use]
    pub fn error_code(&self) -> Option<ProblemCode> {
        match self {
            Self::Error(problem) | Self::Pending(problem) => Some(problem.code),
            Self::Created | Self::Updated | Self::Unchanged | Self::Deleted | Self::Ignored(_) => None,
        }
    }
}

/// One thing that happened to one key, as users, metrics and watchers are told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncEvent {
    /// The key in the store; absent for a failure without a key.
    pub key: Option<Key>,
    /// What was made of it.
    pub verdict: Verdict,
    /// Where the source read it.
    pub provenance: Provenance,
}

/// How often each verdict was reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Objects that did not exist.
    pub created: u64,
    /// Objects that changed.
    pub updated: u64,
    /// Objects that needed nothing.
    pub unchanged: u64,
    /// Objects that went.
    pub deleted: u64,
    /// What could not be read.
    pub failed: u64,
    /// What the host could not apply when it came; it may have been applied since.
    pub pending: u64,
    /// What the source passed over.
    pub ignored: u64,
}

impl Tally {
    /// Counts one verdict.
    pub fn count(&mut self, verdict: &Verdict) {
        let counter = match verdict {
            Verdict::Created => &mut self.created,
            Verdict::Updated => &mut self.updated,
            Verdict::Unchanged => &mut self.unchanged,
            Verdict::Deleted => &mut self.deleted,
            Verdict::Error(_) => &mut self.failed,
            Verdict::Pending(_) => &mut self.pending,
            Verdict::Ignored(_) => &mut self.ignored,
        };
        *counter += 1;
    }

    /// Adds another tally.
    pub fn add(&mut self, other: &Self) {
        self.created += other.created;
        self.updated += other.updated;
        self.unchanged += other.unchanged;
        self.deleted += other.deleted;
        self.failed += other.failed;
        self.pending += other.pending;
        self.ignored += other.ignored;
    }

    /// Objects written or removed.
    #[must_use]
    pub fn changes(&self) -> u64 {
        self.created + self.updated + self.deleted
    }
}
