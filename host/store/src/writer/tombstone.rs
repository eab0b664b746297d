//! Pruned objects, for as long as they can be brought back.

use std::ops::ControlFlow;
use std::time::Duration;

use k1s_sync_engine::work::HeldPruneId;

use crate::engine::{EngineError, KeyRange};
use crate::place;
use crate::row::{self, TombstoneRow};
use crate::table::Table;
use crate::writer::transaction::Transaction;

/// How long a prune can be undone.
pub(crate) const KEPT: Duration = Duration::from_secs(24 * 3600);
/// Tombstones dropped at once; more wait for the next listing, so that none of them takes long for what others left.
const EXPIRED_AT_ONCE: usize = 1024;

impl Transaction<'_> {
    pub(crate) fn put_tombstone(&mut self, tombstone: &TombstoneRow) -> Result<(), EngineError> {
        self.put(Table::Tombstones, &place::version(tombstone.deleted), tombstone)?;
        let index = place::tombstone_of(&tombstone.prune, tombstone.deleted);
        self.put_bytes(Table::TombstonesByPrune, &index, &[])
    }

    pub(crate) fn drop_tombstone(&mut self, tombstone: &TombstoneRow) -> Result<(), EngineError> {
        self.delete(Table::Tombstones, &place::version(tombstone.deleted))?;
        let index = place::tombstone_of(&tombstone.prune, tombstone.deleted);
        self.delete(Table::TombstonesByPrune, &index)
    }

    /// What a prune deleted, the first first.
    pub(crate) fn tombstones(&self, prune: &HeldPruneId) -> Result<Vec<TombstoneRow>, EngineError> {
        let prefix = place::tombstones_of(prune);
        let mut tombstones = Vec::new();
        for rest in self.keys_after(Table::TombstonesByPrune, &prefix)? {
            let deleted = place::revision_at_end(Table::TombstonesByPrune, &rest)?;
            tombstones.extend(self.get(Table::Tombstones, &place::version(deleted))?);
        }
        Ok(tombstones)
    }

    /// Drops tombstones that are too old, the oldest first, a bounded number of them.
    pub(crate) fn expire_tombstones(&mut self) -> Result<(), EngineError> {
        let now = self.now();
        let (mut expired, mut failure) = (Vec::new(), None);
        self.tables()
            .scan(Table::Tombstones, &KeyRange::all(), &mut |_, value| {
                match row::decode::<TombstoneRow>(Table::Tombstones, value) {
                    Ok(tombstone) if now.since(tombstone.at) >= KEPT => expired.push(tombstone),
                    Ok(_) => return ControlFlow::Break(()),
                    Err(error) => failure = Some(error),
                }
                if failure.is_some() || expired.len() == EXPIRED_AT_ONCE {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(())
                }
            })?;
        failure.map_or(Ok(()), Err)?;
        expired.iter().try_for_each(|tombstone| self.drop_tombstone(tombstone))
    }
}
