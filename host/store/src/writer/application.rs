//! One source's work on one scope, within a transaction.
//!
//! This file holds what every kind of work needs: who works on what, which rows belong to a key, and what counts as
//! touched. What becomes of a declaration is in `upsert.rs`, of one that has to wait in `pending.rs`, of absence and
//! deletes in `prune.rs`.

use bytes::Bytes;
use k1s_object::{ContentHash, DeclaredKey, Document, Key, KindScope};
use k1s_sync_engine::event::{Provenance, SyncEvent, Verdict};
use k1s_sync_engine::id::{ScopeId, SourceVersion};
use k1s_sync_engine::inventory::{KeyHash, Presence, Word};
use k1s_sync_engine::work::Receipt;

use crate::engine::EngineError;
use crate::place;
use crate::row::{InventoryRow, Owner};
use crate::table::Table;
use crate::writer::prune::Candidate;
use crate::writer::source::{Said, ScopeState, SourceState};
use crate::writer::transaction::Transaction;
use crate::writer::world::World;

/// What a source declares about one object.
#[derive(Clone, Debug)]
pub(crate) struct Declaration {
    pub(crate) key: DeclaredKey,
    pub(crate) object: Bytes,
    /// What was read of the object ahead.
    pub(crate) document: Option<Document>,
    pub(crate) content_hash: ContentHash,
    pub(crate) source_version: SourceVersion,
    pub(crate) provenance: Provenance,
}

/// Why the host looks at a declaration now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Occasion {
    /// The source sent it, so an open listing has it.
    Sent,
    /// What it waited for may be there; that says nothing about what the source declares by now.
    Arrival,
}

/// A source's work on one scope within a transaction.
pub(crate) struct Application<'a, 't> {
    pub(crate) transaction: &'a mut Transaction<'t>,
    pub(crate) world: &'a mut World,
    pub(crate) source: &'a mut SourceState,
    pub(crate) scope: ScopeId,
    pub(crate) occasion: Occasion,
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

    /// The index's hash of an inventory row.
    pub(crate) fn hash(&self, key: &Key) -> KeyHash {
        self.world.row_hash(key)
    }

    /// The index's hash of a pending row.
    pub(crate) fn pending_hash(&self, declared: &DeclaredKey) -> KeyHash {
        self.world.pending_hash(declared)
    }

    /// Where the rows of a key are, in every table that goes by source, scope and key.
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

    /// What a declaration says, with or without its object.
    pub(crate) fn said<'s>(&'s self, declaration: &'s Declaration, transform: u64) -> Said<'s> {
        Said::sent(declaration, transform, &self.source.policy)
    }

    /// Touches the row of a key if the index knows that it says just this, so that nothing else follows; says whether it
    /// does.
    pub(crate) fn touch_known(&mut self, key: &Key, declared: &DeclaredKey, word: Word) -> Result<bool, EngineError> {
        self.forget_rewritten();
        if self.scope_state().pending > 0 {
            let pending = self.pending_hash(declared);
            if self.scope_state().index.presence(pending) == Presence::Indexed {
                return Ok(false);
            }
        }
        let (row, occasion) = (self.hash(key), self.occasion);
        let index = &mut self.scope_state().index;
        match occasion {
            Occasion::Sent if index.touch_if_says(row, word) => self.release(key).map(|()| true),
            Occasion::Sent => Ok(false),
            Occasion::Arrival => Ok(index.says(row, word)),
        }
    }

    /// Notes that the row of a key is as its source left it, and says what this declaration says.
    pub(crate) fn note_said(&mut self, key: &Key, declaration: &Declaration, transform: u64) {
        self.forget_rewritten();
        let words = self.said(declaration, transform).words(self.world);
        let row = self.hash(key);
        self.scope_state().index.note(row, words);
    }

    /// Makes the index forget what rows said that were written in this transaction.
    fn forget_rewritten(&mut self) {
        let places = self.transaction.take_rewritten();
        if places.is_empty() {
            return;
        }
        let mut others = Vec::new();
        for place in places {
            match place::split_inventory(&place) {
                Some((source, scope, key)) if source == self.source.name.as_str() => {
                    let key = self.world.encoded_row_hash(key);
                    self.source.unnote(&scope, key);
                }
                Some(_) | None => others.push(place),
            }
        }
        self.transaction.give_back_rewritten(others);
    }

    /// The key a declaration means; `None` while its kind is not known.
    pub(crate) fn resolved(&self, declared: &DeclaredKey) -> Option<Key> {
        let scope = self.world.scope_of(&declared.group_kind)?;
        Some(self.resolved_as(declared, scope))
    }

    pub(crate) fn resolved_as(&self, declared: &DeclaredKey, scope: KindScope) -> Key {
        let policy = &self.source.policy;
        let key = declared.resolve(scope, &policy.default_namespace);
        if policy.namespace_by_declared.is_empty() || key.namespace.is_empty() {
            return key;
        }
        Key {
            namespace: policy.namespace(&key.namespace).into(),
            ..key
        }
    }

    /// The keys a declaration may have had a row under: a kind that is not known now may have been once.
    pub(crate) fn possible_keys(&self, declared: &DeclaredKey) -> Vec<Key> {
        match self.resolved(declared) {
            Some(key) => vec![key],
            None => [KindScope::Namespaced, KindScope::Cluster]
                .map(|scope| self.resolved_as(declared, scope))
                .into(),
        }
    }

    /// Makes sure the index knows a row. When the source sent it, counts it as present in the open listing, and takes it
    /// out of the held prune.
    pub(crate) fn touch(&mut self, key: &Key) -> Result<(), EngineError> {
        let hash = self.hash(key);
        self.touch_hash(hash);
        match self.occasion {
            Occasion::Sent => self.release(key),
            Occasion::Arrival => Ok(()),
        }
    }

    pub(crate) fn touch_hash(&mut self, hash: KeyHash) {
        let occasion = self.occasion;
        let index = &mut self.scope_state().index;
        match occasion {
            Occasion::Sent => index.touch(hash),
            Occasion::Arrival => index.insert(hash),
        }
    }

    /// The row that an earlier declaration of the same key made; not one that another form of the key made.
    pub(crate) fn declared_row(&mut self, declared: &DeclaredKey) -> Result<Option<Candidate>, EngineError> {
        for key in self.possible_keys(declared) {
            let row = self.row(&key)?;
            if let Some(row) = row.filter(|row| row.declared_namespace == declared.namespace) {
                return Ok(Some(Candidate { key, row }));
            }
        }
        Ok(None)
    }

    /// Touches the row that an earlier declaration of the same key made.
    pub(crate) fn touch_declared_row(&mut self, declared: &DeclaredKey) -> Result<(), EngineError> {
        match self.declared_row(declared)? {
            Some(Candidate { key, .. }) => self.touch(&key),
            None => Ok(()),
        }
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
