//! Brings back what a prune deleted: with a new uid, owned by nobody, and with its base remembered for the day its source
//! declares it again.

use k1s_object::Canonical;
use k1s_sync_engine::id::SourceVersion;

use crate::engine::EngineError;
use crate::row::{Applied, Author, BaseAt, Cause, InventoryRow, Live, Mark, Origin, Standing, TombstoneRow};
use crate::table::Table;
use crate::writer::application::Application;
use crate::writer::objects::ObjectWrite;

/// What became of one tombstone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Restoration {
    /// The object is back.
    Restored,
    /// It exists again, or is owned again.
    Existing,
    /// Its last state is not kept any more.
    Lost,
}

impl Application<'_, '_> {
    /// Brings back the object of a tombstone; the tombstone goes unless the object exists.
    pub(crate) fn restore(&mut self, tombstone: &TombstoneRow, user: &str) -> Result<Restoration, EngineError> {
        let key = &tombstone.key;
        // Also a key that its owner still remembers, because the object was deleted locally, is somebody's.
        if self.transaction.current(key)?.is_some() {
            return Ok(Restoration::Existing);
        }
        if !self.transaction.has_version(tombstone.deleted)? {
            self.transaction.drop_tombstone(tombstone)?;
            return Ok(Restoration::Lost);
        }
        if !key.namespace.is_empty() && !self.world.has_namespace(&key.namespace) {
            self.make_namespace(&key.namespace)?;
        }
        let body = Canonical::from_sorted(self.transaction.body(tombstone.deleted)?);
        let write = ObjectWrite {
            key,
            body: &body,
            owner: None,
            author: Author::Local(user.into()),
            origin: Origin::Written,
            provenance: Some(tombstone.inventory.provenance.clone()),
            applied: Some(tombstone.inventory.applied.revision),
        };
        let live = self.transaction.write_object(self.world, write, None)?;
        self.remember_base(tombstone, &live, &body)?;
        self.transaction.drop_tombstone(tombstone)?;
        self.transaction.arrived(Cause::Object(key.clone()));
        Ok(Restoration::Restored)
    }

    /// Leaves an orphan's row, so that the source takes the object back as its own when it declares it again. A local
    /// change that went down with the object stays one: the row then speaks of the version before it, if that is kept.
    fn remember_base(&mut self, tombstone: &TombstoneRow, live: &Live, body: &Canonical) -> Result<(), EngineError> {
        let before = &tombstone.inventory;
        if !self.transaction.has_version(before.applied.revision)? {
            return Ok(());
        }
        let as_applied = self.transaction.body(before.applied.revision)? == body.bytes();
        let row = InventoryRow {
            applied: Applied {
                revision: if as_applied {
                    live.revision
                } else {
                    before.applied.revision
                },
                uid: live.uid,
            },
            // The source never spoke of this life of the object.
            source_version: SourceVersion::default(),
            standing: Standing::Orphaned,
            mark: Mark::Written,
            ..before.clone()
        };
        let place = self.place(&tombstone.key);
        match (row.base, &tombstone.base) {
            (BaseAt::Beside, Some(base)) => self.transaction.put_bytes(Table::Bases, &place, base)?,
            (BaseAt::Beside, None) => return Ok(()),
            (BaseAt::Applied, _) => {}
        }
        self.transaction.put(Table::Inventory, &place, &row)?;
        let hash = self.hash(&tombstone.key);
        self.scope_state().index.insert(hash);
        Ok(())
    }
}
