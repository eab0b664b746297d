//! One source's declarations, applied within a transaction.
//!
//! This file holds what every kind of event needs: the rows around a key, what counts as touched, and how a refused
//! declaration becomes pending. What becomes of an upsert is in `upsert.rs`, of absence and deletes in `prune.rs`.

use bytes::Bytes;
use k1s_object::{ContentHash, DeclaredKey, Key};
use k1s_sync_engine::event::{Provenance, SyncEvent, Verdict};
use k1s_sync_engine::id::{ScopeId, SourceVersion};
use k1s_sync_engine::inventory::{KeyHash, Presence};
use k1s_sync_engine::problem::{Problem, ProblemCode};
use k1s_sync_engine::work::Receipt;

use crate::engine::EngineError;
use crate::place;
use crate::row::{Cause, InventoryRow, Owner, PendingRow};
use crate::table::Table;
use crate::writer::source::{ScopeState, SourceState};
use crate::writer::transaction::Transaction;
use crate::writer::world::World;

/// What a source declares about one object.
#[derive(Clone, Debug)]
pub(crate) struct Declaration {
    pub(crate) key: DeclaredKey,
    pub(crate) object: Bytes,
    pub(crate) content_hash: ContentHash,
    pub(crate) source_version: SourceVersion,
    pub(crate) provenance: Provenance,
}

/// Why a declaration has to wait.
pub(crate) struct Deferral {
    pub(crate) code: ProblemCode,
    pub(crate) message: String,
    pub(crate) cause: Cause,
}

/// A source's work on one scope within a transaction.
pub(crate) struct Application<'a, 't> {
    pub(crate) transaction: &'a mut Transaction<'t>,
    pub(crate) world: &'a mut World,
    pub(crate) source: &'a mut SourceState,
    pub(crate) scope: ScopeId,
    pub(crate) receipt: &'a mut Receipt,
}

impl Application<'_, '_> {
    pub(crate) fn owner(&self) -> Owner {
        Owner {
            source: self.source.name.clone(),
            scope: self.scope.clone(),
        }
    }

    pub(crate) fn scope_state(&mut self) -> &mut ScopeState {
        self.source.scope(&self.scope)
    }

    pub(crate) fn hash(&self, key: &Key) -> KeyHash {
        KeyHash::of(key, self.world.seed)
    }

    pub(crate) fn place(&self, key: &Key) -> Vec<u8> {
        place::row(&self.source.name, &self.scope, key)
    }

    /// The inventory row of a key; asks the tables only when the index knows the key.
    pub(crate) fn row(&mut self, key: &Key) -> Result<Option<InventoryRow>, EngineError> {
        let hash = self.hash(key);
        match self.scope_state().index.presence(hash) {
            Presence::Absent => Ok(None),
            Presence::Indexed => self.transaction.get(Table::Inventory, &self.place(key)),
        }
    }

    /// Counts a key as present in the open listing, and takes it out of a held prune.
    pub(crate) fn touch(&mut self, key: &Key) -> Result<(), EngineError> {
        let hash = self.hash(key);
        self.scope_state().index.touch(hash);
        self.release(key)
    }

    /// Takes a key out of the scope's held prune, if it is there.
    fn release(&mut self, key: &Key) -> Result<(), EngineError> {
        if self.scope_state().held == 0 {
            return Ok(());
        }
        let place = self.place(key);
        if self.transaction.get_bytes(Table::HeldRows, &place)?.is_some() {
            self.transaction.delete(Table::HeldRows, &place)?;
            self.scope_state().held -= 1;
            self.recount_held()?;
        }
        Ok(())
    }

    /// Keeps a declaration as pending; it counts as touched.
    pub(crate) fn defer(&mut self, declaration: &Declaration, deferral: Deferral) -> Result<Verdict, EngineError> {
        let key = declaration.key.unresolved();
        let place = self.place(&key);
        let before: Option<PendingRow> = self.pending_row(&place)?;
        let same = before.as_ref().is_some_and(|row| {
            row.content_hash == declaration.content_hash
                && row.source_version == declaration.source_version
                && row.provenance == declaration.provenance
                && row.cause == deferral.cause
                && row.message == deferral.message
        });
        if !same {
            self.put_pending(&place, declaration, &deferral, before)?;
        }
        self.touch(&key)?;
        self.touch_row_of(&declaration.key)?;
        Ok(Verdict::Pending(Problem::with_object(deferral.code, deferral.message)))
    }

    fn put_pending(
        &mut self,
        place: &[u8],
        declaration: &Declaration,
        deferral: &Deferral,
        before: Option<PendingRow>,
    ) -> Result<(), EngineError> {
        let key = declaration.key.unresolved();
        match &before {
            Some(row) => {
                let old = place::waiting(&row.cause, &self.source.name, &self.scope, &key);
                self.transaction.delete(Table::PendingByCause, &old)?;
            }
            None => self.scope_state().pending += 1,
        }
        let row = PendingRow {
            key: declaration.key.clone(),
            object: declaration.object.to_vec(),
            content_hash: declaration.content_hash,
            source_version: declaration.source_version.clone(),
            provenance: declaration.provenance.clone(),
            code: deferral.code,
            message: deferral.message.clone(),
            cause: deferral.cause.clone(),
            attempts: before.map_or(1, |row| row.attempts.saturating_add(1)),
        };
        self.transaction.put(Table::Pending, place, &row)?;
        let waiting = place::waiting(&deferral.cause, &self.source.name, &self.scope, &key);
        self.transaction.put_bytes(Table::PendingByCause, &waiting, &[])
    }

    fn pending_row(&mut self, place: &[u8]) -> Result<Option<PendingRow>, EngineError> {
        if self.scope_state().pending == 0 {
            Ok(None)
        } else {
            self.transaction.get(Table::Pending, place)
        }
    }

    /// A pending declaration also keeps the object that an earlier one made.
    fn touch_row_of(&mut self, declared: &DeclaredKey) -> Result<(), EngineError> {
        let Some(scope) = self.world.scope_of(&declared.group_kind) else {
            return Ok(());
        };
        let key = declared.resolve(scope, &self.source.policy.default_namespace);
        let hash = self.hash(&key);
        match self.scope_state().index.presence(hash) {
            Presence::Indexed => self.touch(&key),
            Presence::Absent => Ok(()),
        }
    }

    /// Drops what was pending for a declared key; says whether there was anything.
    pub(crate) fn drop_pending(&mut self, declared: &DeclaredKey) -> Result<bool, EngineError> {
        let key = declared.unresolved();
        let place = self.place(&key);
        let Some(row) = self.pending_row(&place)? else {
            return Ok(false);
        };
        self.transaction.delete(Table::Pending, &place)?;
        let waiting = place::waiting(&row.cause, &self.source.name, &self.scope, &key);
        self.transaction.delete(Table::PendingByCause, &waiting)?;
        let hash = self.hash(&key);
        let has_row = self.transaction.get_bytes(Table::Inventory, &place)?.is_some();
        let state = self.scope_state();
        state.pending -= 1;
        if !has_row {
            state.index.remove(hash);
        }
        Ok(true)
    }

    /// Counts a verdict, and reports it unless it is nothing to speak of.
    pub(crate) fn report(&mut self, key: Option<Key>, verdict: Verdict, provenance: &Provenance) {
        self.receipt.tally.count(&verdict);
        if !matches!(verdict, Verdict::Unchanged | Verdict::Ignored(_)) {
            self.receipt.events.push(SyncEvent {
                key,
                verdict,
                provenance: provenance.clone(),
            });
        }
    }
}
