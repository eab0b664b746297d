//! Reads: objects, lists, changes; and, in `remembered.rs`, what the store remembers beside them.
//!
//! A reader sees committed transactions only, each of them whole.

use std::ops::ControlFlow;
use std::sync::Arc;

use k1s_object::{GroupKind, InstanceId, Key, Timestamp};
use k1s_sync_engine::event::Provenance;
use k1s_sync_engine::id::Revision;
use tokio::sync::watch;

use crate::engine::{Engine, EngineError, KeyRange, Read};
use crate::error::StoreError;
use crate::kinds::KindTable;
use crate::meta;
use crate::place;
use crate::row::{self, CurrentRow, InventoryRow, Owner, Uid, VersionHead};
use crate::table::Table;
use crate::writer::World;

mod control;
mod remembered;

pub use control::{Prune, PruneState, PrunedObject, SourceFacts};
pub use remembered::HeldPrune;

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
}

/// A handle for reading; cheap to clone, never in the way of the writer.
#[derive(Clone, Debug)]
pub struct Reader {
    engine: Arc<dyn Engine>,
    published: watch::Receiver<Revision>,
}

impl Reader {
    pub(crate) fn new(engine: Arc<dyn Engine>, published: watch::Receiver<Revision>) -> Self {
        Self { engine, published }
    }

    /// The last published revision.
    #[must_use]
    pub fn revision(&self) -> Revision {
        *self.published.borrow()
    }

    /// Told of each published revision.
    #[must_use]
    pub fn published(&self) -> watch::Receiver<Revision> {
        self.published.clone()
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
    ///
    /// # Errors
    /// When the engine fails.
    pub fn kinds(&self) -> Result<KindTable, StoreError> {
        Ok(World::load(&*self.engine.read()?, 0)?.into_kinds())
    }

    /// One object, as it is now.
    ///
    /// # Errors
    /// When the engine fails.
    pub fn get(&self, key: &Key) -> Result<Option<StoredObject>, StoreError> {
        let tables = self.engine.read()?;
        let Some(bytes) = tables.get(Table::Current, &key.encode())? else {
            return Ok(None);
        };
        Ok(stored(&*tables, key.clone(), row::decode(Table::Current, &bytes)?)?)
    }

    /// The objects of a kind, in all namespaces or one, at most `limit` of them, from `from` on.
    ///
    /// # Errors
    /// When the engine fails.
    pub fn list(
        &self,
        group_kind: &GroupKind,
        namespace: Option<&str>,
        from: Option<&Key>,
        limit: usize,
    ) -> Result<Page, StoreError> {
        let tables = self.engine.read()?;
        let mut range = KeyRange::prefix(&Key::prefix(group_kind, namespace));
        if let Some(from) = from {
            range.start = range.start.max(from.encode());
        }
        let mut page = Page::default();
        let mut failure = None;
        tables.scan(
            Table::Current,
            &range,
            &mut |key, value| match listed(&*tables, key, value) {
                Ok(None) => ControlFlow::Continue(()),
                Ok(Some(object)) if page.objects.len() == limit => {
                    page.next = Some(object.key);
                    ControlFlow::Break(())
                }
                Ok(Some(object)) => {
                    page.objects.push(object);
                    ControlFlow::Continue(())
                }
                Err(error) => {
                    failure = Some(error);
                    ControlFlow::Break(())
                }
            },
        )?;
        failure.map_or(Ok(page), |error| Err(error.into()))
    }

    /// Changes after a revision, at most `limit` of them (at least one is asked for). Changes that have left the watch
    /// window are missing where newer ones of their object are kept.
    ///
    /// # Errors
    /// When the engine fails.
    pub fn changes(&self, after: Revision, limit: usize) -> Result<Vec<Version>, StoreError> {
        let tables = self.engine.read()?;
        let range = KeyRange::all().after(&place::version(after));
        let mut versions = Vec::new();
        each(&*tables, Table::Versions, &range, &mut |key, value| {
            let revision = place::revision_at_end(Table::Versions, key)?;
            let (head, body) = row::decode_head(value)?;
            versions.push(Version {
                revision,
                head,
                body: body.to_vec(),
            });
            Ok(if versions.len() < limit {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            })
        })?;
        Ok(versions)
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

fn listed(tables: &dyn Read, key: &[u8], value: &[u8]) -> Result<Option<StoredObject>, EngineError> {
    let key = place::object(Table::Current, key)?;
    stored(tables, key, row::decode(Table::Current, value)?)
}

fn stored(tables: &dyn Read, key: Key, current: CurrentRow) -> Result<Option<StoredObject>, EngineError> {
    let Some(live) = current.live else { return Ok(None) };
    let version = tables
        .get(Table::Versions, &place::version(live.revision))?
        .ok_or_else(|| EngineError::Row {
            table: Table::Versions.name(),
            detail: format!("revision {} is missing", live.revision),
        })?;
    let body = row::decode_head(&version)?.1.to_vec();
    let owned = current
        .owner
        .map(|owner| owned(tables, &key, owner))
        .transpose()?
        .flatten();
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

fn owned(tables: &dyn Read, key: &Key, owner: Owner) -> Result<Option<Owned>, EngineError> {
    let place = place::row(&owner.source, &owner.scope, key);
    let bytes = tables.get(Table::Inventory, &place)?;
    bytes
        .map(|bytes| {
            Ok(Owned {
                owner,
                row: row::decode(Table::Inventory, &bytes)?,
            })
        })
        .transpose()
}

impl StoredObject {
    /// Where its source read it.
    #[must_use]
    pub fn provenance(&self) -> Option<&Provenance> {
        self.owned.as_ref().map(|owned| &owned.row.provenance)
    }
}
