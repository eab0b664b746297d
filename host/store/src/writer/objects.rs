//! Objects and their versions, as one transaction changes them.

use std::time::Duration;

use k1s_object::{Canonical, Key};
use k1s_sync_engine::event::Provenance;
use k1s_sync_engine::id::Revision;
use serde_json::Value;

use crate::engine::EngineError;
use crate::meta::Dropped;
use crate::place;
use crate::row::{
    self, Author, Cause, CurrentRow, InventoryRow, Live, Origin, Owner, ScopeRow, Uid, VersionHead, VersionState,
};
use crate::table::Table;
use crate::writer::transaction::Transaction;
use crate::writer::world::World;

/// Versions of one object that are kept for history.
const KEPT_VERSIONS: usize = 10;
/// Revisions a watch can go back.
const WATCH_REVISIONS: u64 = 100_000;
/// How far back in time a watch can go.
const WATCH_SPAN: Duration = Duration::from_secs(3600);
/// Old versions of an object looked at for each one that is added: more than one, so that a backlog shrinks.
const TRIMMED_AT_ONCE: usize = 4;

/// One write of an object.
pub(crate) struct ObjectWrite<'a> {
    pub(crate) key: &'a Key,
    pub(crate) body: &'a Canonical,
    pub(crate) owner: Option<Owner>,
    pub(crate) author: Author,
    pub(crate) origin: Origin,
    pub(crate) provenance: Option<Provenance>,
    /// The version that must outlive the history limit: the one the owner applied.
    pub(crate) applied: Option<Revision>,
}

impl Transaction<'_> {
    pub(crate) fn current(&self, key: &Key) -> Result<Option<CurrentRow>, EngineError> {
        self.get(Table::Current, &key.encode())
    }

    /// The body of a version as canonical bytes.
    pub(crate) fn body(&self, revision: Revision) -> Result<Vec<u8>, EngineError> {
        Ok(row::decode_head(&self.version(revision)?)?.1.to_vec())
    }

    fn version(&self, revision: Revision) -> Result<Vec<u8>, EngineError> {
        let bytes = self.get_bytes(Table::Versions, &place::version(revision))?;
        bytes.ok_or_else(|| missing_version(revision))
    }

    /// Whether a version is still kept.
    pub(crate) fn has_version(&self, revision: Revision) -> Result<bool, EngineError> {
        Ok(self.get_bytes(Table::Versions, &place::version(revision))?.is_some())
    }

    /// The version that the owner of an object last applied.
    pub(crate) fn applied_by(&self, owner: &Owner, key: &Key) -> Result<Option<Revision>, EngineError> {
        let place = place::row(&owner.source, &owner.scope, key);
        let row: Option<InventoryRow> = self.get(Table::Inventory, &place)?;
        Ok(row.map(|row| row.applied.revision))
    }

    /// The selection under which a scope last told what it declares; that of no selection where it never did.
    pub(crate) fn stored_selection(&self, owner: &Owner) -> Result<u64, EngineError> {
        let place = place::scope(&owner.source, &owner.scope);
        let row: Option<ScopeRow> = self.get(Table::Scopes, &place)?;
        Ok(row.unwrap_or_default().selection)
    }

    /// Writes an object, new or not; returns what it is now. The caller made sure that the body differs.
    pub(crate) fn write_object(
        &mut self,
        world: &mut World,
        write: ObjectWrite<'_>,
        before: Option<&Live>,
    ) -> Result<Live, EngineError> {
        let generation = match before {
            None => 1,
            Some(live) => live.generation + u64::from(self.spec_changed(live, write.body)?),
        };
        let live = Live {
            revision: self.next_revision(),
            uid: before.map_or_else(Uid::random, |live| live.uid),
            generation,
            created: before.map_or(self.now(), |live| live.created),
            hash: write.body.hash(),
            origin: write.origin,
        };
        let state = if before.is_some() {
            VersionState::Updated
        } else {
            VersionState::Created
        };
        self.put_version(&write, &live, state)?;
        // A life that begins leaves it to the change that ends it: of most objects there is no earlier version.
        if before.is_some() {
            self.trim(write.key, write.applied)?;
        }
        let row = CurrentRow {
            owner: write.owner,
            live: Some(live.clone()),
        };
        self.put(Table::Current, &write.key.encode(), &row)?;
        if let Some(cause) = world.object_written(write.key, write.body.bytes())? {
            self.arrived(cause);
        }
        Ok(live)
    }

    /// Deletes an object; its last state stays as the body of the deleting version. An owner that is named still
    /// remembers the object.
    pub(crate) fn delete_object(
        &mut self,
        world: &mut World,
        key: &Key,
        live: &Live,
        author: Author,
        owner_after: Option<Owner>,
    ) -> Result<Revision, EngineError> {
        let body = Canonical::from_sorted(self.body(live.revision)?);
        let gone = Live {
            revision: self.next_revision(),
            ..live.clone()
        };
        let write = ObjectWrite {
            key,
            body: &body,
            owner: None,
            author,
            origin: live.origin,
            provenance: None,
            applied: None,
        };
        self.put_version(&write, &gone, VersionState::Deleted)?;
        // An undo compares with what the owner applied, so that outlives the owner's claim.
        let owner = self.current(key)?.and_then(|current| current.owner);
        let applied = match &owner {
            Some(owner) => self.applied_by(owner, key)?,
            None => None,
        };
        self.trim(key, applied)?;
        match owner_after {
            None => self.delete(Table::Current, &key.encode())?,
            owner @ Some(_) => self.put(Table::Current, &key.encode(), &CurrentRow { owner, live: None })?,
        }
        world.object_deleted(key);
        self.arrived(Cause::Object(key.clone()));
        Ok(gone.revision)
    }

    fn put_version(&mut self, write: &ObjectWrite<'_>, live: &Live, state: VersionState) -> Result<(), EngineError> {
        let head = VersionHead {
            key: write.key.clone(),
            uid: live.uid,
            generation: live.generation,
            created: live.created,
            written: self.now(),
            state,
            author: write.author.clone(),
            provenance: write.provenance.clone(),
        };
        let bytes = row::encode_version(&head, write.body.bytes())?;
        self.put_bytes(Table::Versions, &place::version(live.revision), &bytes)?;
        self.put_bytes(Table::VersionsByKey, &place::version_of(write.key, live.revision), &[])
    }

    /// Drops the oldest versions, as long as they are neither among the newest, nor what the owner applied, nor seen
    /// through the watch window: a version is seen there until the one that replaced it has left.
    fn trim(&mut self, key: &Key, applied: Option<Revision>) -> Result<(), EngineError> {
        let prefix = place::versions_of(key);
        let oldest = self.first_keys_after(Table::VersionsByKey, &prefix, KEPT_VERSIONS + TRIMMED_AT_ONCE)?;
        let surplus = oldest.len().saturating_sub(KEPT_VERSIONS);
        for (rest, next) in oldest.iter().zip(oldest.iter().skip(1)).take(surplus) {
            let version = place::revision_at_end(Table::VersionsByKey, rest)?;
            let replaced = place::revision_at_end(Table::VersionsByKey, next)?;
            if Some(version) == applied {
                continue;
            }
            if self.is_watched(replaced)? {
                break;
            }
            self.delete(Table::Versions, &place::version(version))?;
            self.delete(Table::VersionsByKey, &place::version_of(key, version))?;
            self.dropped(Dropped { version, replaced });
        }
        Ok(())
    }

    fn is_watched(&self, revision: Revision) -> Result<bool, EngineError> {
        if self.last_revision().get() - revision.get() >= WATCH_REVISIONS {
            return Ok(false);
        }
        let bytes = self.version(revision)?;
        let (head, _) = row::decode_head(&bytes)?;
        Ok(self.now().since(head.written) < WATCH_SPAN)
    }

    fn spec_changed(&self, before: &Live, after: &Canonical) -> Result<bool, EngineError> {
        let (old, new) = (parse(&self.body(before.revision)?)?, parse(after.bytes())?);
        let outside = |value: &Value| {
            let mut fields = value.as_object().cloned().unwrap_or_default();
            fields.remove("metadata");
            fields.remove("status");
            fields
        };
        Ok(outside(&old) != outside(&new))
    }
}

/// Reads a body that the store itself wrote.
pub(crate) fn parse(bytes: &[u8]) -> Result<Value, EngineError> {
    serde_json::from_slice(bytes).map_err(|error| EngineError::Row {
        table: Table::Versions.name(),
        detail: error.to_string(),
    })
}

fn missing_version(revision: Revision) -> EngineError {
    EngineError::Row {
        table: Table::Versions.name(),
        detail: format!("revision {revision} is missing"),
    }
}
