//! Changes: what a watch is told, from a revision on.
//!
//! How far back that goes is bounded from below by the watch window: every change of the last 100,000 revisions is kept,
//! unless it is more than an hour old. It is not bounded from above: older versions are dropped only when their object is
//! written again, and the last ten of each object never are, so a quiet store can be watched from much further back. The
//! highest revision ever dropped is remembered, and that alone decides what is too old: what is answered is complete.

use std::ops::ControlFlow;

use k1s_object::{GroupKind, Key};
use k1s_sync_engine::id::Revision;

use super::{Reader, Version, each, owned_as_of};
use crate::engine::KeyRange;
use crate::error::StoreError;
use crate::meta;
use crate::place;
use crate::row;
use crate::table::Table;

/// Versions looked at in one call; the rest is left for the next.
const VERSIONS_AT_ONCE: usize = 10_000;
/// Bytes of bodies after which a call returns what it has.
const BYTES_AT_ONCE: usize = 16 * 1024 * 1024;

/// Which objects' changes are wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChangeFilter {
    /// Those of every kind.
    All,
    /// Those of one kind.
    Kind(GroupKind),
    /// Those of one kind in one namespace.
    Namespace(GroupKind, Box<str>),
}

impl ChangeFilter {
    /// Whether changes of this object are wanted.
    #[must_use]
    pub fn wants(&self, key: &Key) -> bool {
        match self {
            Self::All => true,
            Self::Kind(kind) => key.group_kind == *kind,
            Self::Namespace(kind, namespace) => key.group_kind == *kind && key.namespace == *namespace,
        }
    }
}

/// Changes after a revision.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Those that were wanted, in the order of revisions.
    pub versions: Vec<Version>,
    /// Up to here every change was looked at: where the next call goes on from.
    pub reached: Revision,
}

impl Reader {
    /// The changes after a revision that are wanted, at most `limit` of them, of which at least one is asked for. A call
    /// looks at 10,000 changes of all objects at most, and ends early with 16 MiB of bodies; `reached` says how far it came,
    /// also where nothing was wanted. After a revision that is not reached yet, there is nothing.
    ///
    /// # Errors
    /// [`StoreError::TooOld`] when a change after this revision was dropped; else when the engine fails.
    pub fn changes(&self, after: Revision, limit: usize, filter: &ChangeFilter) -> Result<Changes, StoreError> {
        let tables = self.engine.read()?;
        let mut changes = Changes {
            versions: Vec::new(),
            reached: after,
        };
        let oldest = meta::trimmed(&*tables)?;
        if after < oldest {
            return Err(StoreError::TooOld { asked: after, oldest });
        }
        let (mut looked_at, mut bytes) = (0, 0);
        let range = KeyRange::all().after(&place::version(after));
        each(&*tables, Table::Versions, &range, &mut |key, value| {
            let revision = place::revision_at_end(Table::Versions, key)?;
            let (head, body) = row::decode_head(value)?;
            if filter.wants(&head.key) {
                bytes += body.len();
                changes.versions.push(Version {
                    revision,
                    owned: owned_as_of(&*tables, revision, &head)?,
                    head,
                    body: body.to_vec(),
                });
            }
            changes.reached = revision;
            looked_at += 1;
            let is_full = changes.versions.len() >= limit.max(1) || bytes >= BYTES_AT_ONCE;
            Ok(if is_full || looked_at == VERSIONS_AT_ONCE {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            })
        })?;
        Ok(changes)
    }

    /// The oldest revision after which every change is kept.
    ///
    /// # Errors
    /// When the engine fails.
    pub fn oldest_watchable(&self) -> Result<Revision, StoreError> {
        Ok(meta::trimmed(&*self.engine.read()?)?)
    }
}
