//! Reads: objects here, lists in `list.rs`, changes in `changes.rs`; what the store remembers beside them in
//! `remembered.rs`, and what a person is shown of that in `control.rs`.
//!
//! A reader sees committed transactions only, each of them whole, and what one call returns is of one state of the store.

use std::ops::ControlFlow;
use std::sync::Arc;

use k1s_object::{InstanceId, Key, Timestamp};
use k1s_sync_engine::event::Provenance;
use k1s_sync_engine::id::Revision;
use serde::de::DeserializeOwned;
use tokio::sync::watch;

use crate::engine::{Engine, EngineError, KeyRange, Read};
use crate::error::StoreError;
use crate::health::Health;
use crate::kinds::KindTable;
use crate::meta;
use crate::place;
use crate::row::{self, CurrentRow, InventoryRow, Owner, TombstoneRow, Uid, VersionHead, VersionState};
use crate::table::Table;
use crate::writer::Published;

mod before;
mod changes;
mod control;
mod list;
mod remembered;

pub use changes::{ChangeFilter, Changes};
pub use control::{Prune, PruneState, PrunedObject, SourceFacts};
pub use remembered::{HeldPrune, KnownPosition, KnownRow};

/// An object as readers get it: the body beside what the store adds to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredObject {
    /// Its key.
    pub key: Key,
    /// Its identity.
    pub uid: Uid,
    /// The version it is at; its `resourceVersion`.
    pub revision: Revision,
    /// Raised by each change outside metadata and status.
    pub generation: u64,
    /// When this life of it began.
    pub created: Timestamp,
    /// Canonical JSON, without what the store adds.
    pub body: Vec<u8>,
    /// The source that owns it, with what that last declared.
    pub owned: Option<Owned>,
}

/// What is remembered of an object by the source that owns it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owned {
    /// The source and scope.
    pub owner: Owner,
    /// Its inventory row.
    pub row: InventoryRow,
}

/// One page of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// Objects in the order of their keys.
    pub objects: Vec<StoredObject>,
    /// Where the next page begins; `None` after the last.
    pub next: Option<Key>,
}

/// A change of an object, in the order of revisions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// Its revision.
    pub revision: Revision,
    /// What it says about the object.
    pub head: VersionHead,
    /// The body as of this version; of a deletion, the last one.
    pub body: Vec<u8>,
    /// The source that owns this life of the object now, or pruned it by this version, with what it last declared. Absent
    /// when nobody does, or when that is not remembered any more.
    pub owned: Option<Owned>,
}

/// A handle for reading; cheap to clone, never in the way of the writer.
#[derive(Clone, Debug)]
pub struct Reader {
    engine: Arc<dyn Engine>,
    published: Published,
}

impl Reader {
    pub(crate) fn new(engine: Arc<dyn Engine>, published: Published) -> Self {
        Self { engine, published }
    }

    /// The last published revision.
    #[must_use]
    pub fn revision(&self) -> Revision {
        *self.published.revision.borrow()
    }

    /// Told of each published revision.
    #[must_use]
    pub fn published(&self) -> watch::Receiver<Revision> {
        self.published.revision.clone()
    }

    /// Whether anything can be stored, now.
    #[must_use]
    pub fn health(&self) -> Health {
        self.published.health.borrow().clone()
    }

    /// Told whenever something could not be stored, before those are whose work it was, and when something was again.
    #[must_use]
    pub fn watch_health(&self) -> watch::Receiver<Health> {
        self.published.health.clone()
    }

    /// The identity of the store.
    ///
    /// # Errors
    /// When the engine fails.
    pub fn instance_id(&self) -> Result<Option<InstanceId>, StoreError> {
        Ok(meta::instance_id(&*self.engine.read()?)?)
    }

    pub(crate) fn instance_key(&self) -> Result<Option<meta::InstanceKey>, StoreError> {
        Ok(meta::instance_key(&*self.engine.read()?)?)
    }

    /// The kinds known now.
    #[must_use]
    pub fn kinds(&self) -> KindTable {
        self.published.kinds()
    }

    /// One object, as it is now.
    ///
    /// # Errors
    /// When the engine fails.
    pub fn get(&self, key: &Key) -> Result<Option<StoredObject>, StoreError> {
        let tables = self.engine.read()?;
        match find(&*tables, Table::Current, &key.encode())? {
            Some(current) => Ok(stored(&*tables, key.clone(), current)?),
            None => Ok(None),
        }
    }
}

/// Called for each row of a scan; breaking or failing ends it.
type TryVisit<'a> = dyn FnMut(&[u8], &[u8]) -> Result<ControlFlow<()>, EngineError> + 'a;

fn each(tables: &dyn Read, table: Table, range: &KeyRange, visit: &mut TryVisit<'_>) -> Result<(), EngineError> {
    let mut failure = None;
    tables.scan(table, range, &mut |key, value| {
        visit(key, value).unwrap_or_else(|error| {
            failure = Some(error);
            ControlFlow::Break(())
        })
    })?;
    failure.map_or(Ok(()), Err)
}

/// The object that a row speaks of, if it is there.
fn stored(tables: &dyn Read, key: Key, current: CurrentRow) -> Result<Option<StoredObject>, EngineError> {
    let Some(live) = current.live else { return Ok(None) };
    let body = row::body_of(version(tables, live.revision)?)?;
    let owned = match current.owner {
        Some(owner) => owned(tables, &key, owner)?,
        None => None,
    };
    Ok(Some(StoredObject {
        key,
        uid: live.uid,
        revision: live.revision,
        generation: live.generation,
        created: live.created,
        body,
        owned,
    }))
}

/// The last version up to a revision of the object with an encoded key; costs a step for each older one that is kept.
fn last_version(tables: &dyn Read, key: Vec<u8>, at: Revision) -> Result<Option<Revision>, EngineError> {
    let mut last = None;
    let versions = KeyRange::prefix(&place::versions_of_encoded(key));
    each(tables, Table::VersionsByKey, &versions, &mut |place, _| {
        let revision = place::revision_at_end(Table::VersionsByKey, place)?;
        if revision > at {
            return Ok(ControlFlow::Break(()));
        }
        last = Some(revision);
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(last)
}

/// The row of a version.
fn version(tables: &dyn Read, revision: Revision) -> Result<Vec<u8>, EngineError> {
    let bytes = tables.get(Table::Versions, &place::version(revision))?;
    bytes.ok_or_else(|| EngineError::Row {
        table: Table::Versions.name(),
        detail: format!("revision {revision} is missing"),
    })
}

fn owned(tables: &dyn Read, key: &Key, owner: Owner) -> Result<Option<Owned>, EngineError> {
    let row = find(tables, Table::Inventory, &place::row(&owner.source, &owner.scope, key))?;
    Ok(row.map(|row| Owned { owner, row }))
}

/// What is remembered of the life of an object that one of its versions speaks of: by its owner, or, when that version is
/// how its owner pruned it, with what was pruned.
fn owned_as_of(tables: &dyn Read, revision: Revision, head: &VersionHead) -> Result<Option<Owned>, EngineError> {
    if head.state == VersionState::Deleted {
        let tombstone: Option<TombstoneRow> = find(tables, Table::Tombstones, &place::version(revision))?;
        if let Some(TombstoneRow { owner, inventory, .. }) = tombstone {
            return Ok(Some(Owned { owner, row: inventory }));
        }
    }
    let current: Option<CurrentRow> = find(tables, Table::Current, &head.key.encode())?;
    let Some(CurrentRow {
        owner: Some(owner),
        live,
    }) = current
    else {
        return Ok(None);
    };
    let owned = owned(tables, &head.key, owner)?;
    Ok(owned.filter(|owned| live.map_or(owned.row.applied.uid, |live| live.uid) == head.uid))
}

fn find<T: DeserializeOwned>(tables: &dyn Read, table: Table, key: &[u8]) -> Result<Option<T>, EngineError> {
    let bytes = tables.get(table, key)?;
    bytes.map(|bytes| row::decode(table, &bytes)).transpose()
}

impl StoredObject {
    /// Where its source read it.
    #[must_use]
    pub fn provenance(&self) -> Option<&Provenance> {
        self.owned.as_ref().map(|owned| &owned.row.provenance)
    }
}
