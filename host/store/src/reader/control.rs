//! What a person is shown of sources and prunes.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use k1s_object::{Key, Timestamp};
use k1s_sync_engine::event::Provenance;
use k1s_sync_engine::guard::ShrinkWindow;
use k1s_sync_engine::id::{ScopeId, SourceName};
use k1s_sync_engine::work::{HeldPruneId, HoldReason};

use super::{Reader, each};
use crate::command::{CommandError, PruneRef};
use crate::engine::{KeyRange, Read};
use crate::error::StoreError;
use crate::place;
use crate::row::{self, HeldRow, InventoryRow, Owner, ScopeRow, SourceRow, TombstoneRow, Uid};
use crate::status::StatusRow;
use crate::table::Table;

/// A set of deletes, held or done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prune {
    /// Names it.
    pub id: HeldPruneId,
    /// The source and scope whose objects these are.
    pub owner: Owner,
    /// Whether it happened.
    pub state: PruneState,
    /// How many objects.
    pub objects: u64,
}

/// Whether a prune happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PruneState {
    /// It waits for a person, or for the reason to go away.
    Held {
        /// Which guard.
        reason: HoldReason,
        /// Since when this list is held.
        since: Timestamp,
    },
    /// It can be undone for 24 h after this time.
    Done {
        /// When.
        at: Timestamp,
    },
}

/// One object of a prune.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrunedObject {
    /// The object.
    pub key: Key,
    /// Its identity then.
    pub uid: Uid,
    /// Where its source had read it; absent when the source forgot it since.
    pub provenance: Option<Provenance>,
}

/// What the store remembers of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFacts {
    /// Its name.
    pub name: SourceName,
    /// Launches and switches.
    pub row: SourceRow,
    /// How it fares.
    pub status: StatusRow,
    /// Objects it owns.
    pub objects: u64,
    /// Declarations that wait.
    pub pending: u64,
    /// What is held of it.
    pub held: Vec<Prune>,
    /// What each scope says the place is, where a listing of it was whole.
    pub roots: BTreeMap<ScopeId, String>,
}

impl Reader {
    /// What is remembered of a source's launches and switches; `None` for one that never ran.
    ///
    /// # Errors
    /// When the engine fails.
    pub fn source(&self, name: &SourceName) -> Result<Option<SourceRow>, StoreError> {
        let bytes = self.engine.read()?.get(Table::Sources, &place::source(name))?;
        Ok(bytes.map(|bytes| row::decode(Table::Sources, &bytes)).transpose()?)
    }

    /// Everything a person is shown of a source.
    ///
    /// # Errors
    /// [`CommandError::UnknownSource`], or when the engine fails.
    pub fn source_facts(&self, name: &SourceName) -> Result<SourceFacts, StoreError> {
        let Some(row) = self.source(name)? else {
            return Err(CommandError::unknown_source(name, self.sources()?).into());
        };
        let place = place::source(name);
        let (status, objects) = {
            let tables = self.engine.read()?;
            let status: Option<StatusRow> = tables
                .get(Table::Status, &place)?
                .map(|bytes| row::decode(Table::Status, &bytes))
                .transpose()?;
            let window: Option<ShrinkWindow> = tables
                .get(Table::Shrink, &place::shrink(name, None))?
                .map(|bytes| row::decode(Table::Shrink, &bytes))
                .transpose()?;
            (status.unwrap_or_default(), window.map_or(0, |window| window.count()))
        };
        let mut pending = 0;
        self.pending(name, &mut |_, _| pending += 1)?;
        Ok(SourceFacts {
            name: name.clone(),
            row,
            status,
            objects,
            pending,
            held: self.held_prunes(Some(name))?,
            roots: self.roots(name)?,
        })
    }

    fn roots(&self, name: &SourceName) -> Result<BTreeMap<ScopeId, String>, StoreError> {
        let tables = self.engine.read()?;
        let mut roots = BTreeMap::new();
        let range = KeyRange::prefix(&place::source(name));
        each(&*tables, Table::Scopes, &range, &mut |key, value| {
            let (_, scope) = place::split_source_scope(Table::Scopes, key)?;
            let stored: ScopeRow = row::decode(Table::Scopes, value)?;
            roots.extend(stored.root_identity.map(|root| (scope, root)));
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(roots)
    }

    /// The prunes that are held or can be undone, of one source or of all: what is held first, then by age.
    ///
    /// # Errors
    /// When the engine fails.
    pub fn prunes(&self, source: Option<&SourceName>) -> Result<Vec<Prune>, StoreError> {
        let mut prunes = self.held_prunes(source)?;
        let mut done: BTreeMap<HeldPruneId, Prune> = BTreeMap::new();
        self.tombstones(&mut |tombstone| {
            if source.is_some_and(|source| *source != tombstone.owner.source) {
                return;
            }
            let of_prune = done.entry(tombstone.prune.clone()).or_insert_with(|| Prune {
                id: tombstone.prune,
                owner: tombstone.owner,
                state: PruneState::Done { at: tombstone.at },
                objects: 0,
            });
            of_prune.objects += 1;
        })?;
        let mut done: Vec<Prune> = done.into_values().collect();
        done.sort_by_key(|prune| std::cmp::Reverse(prune.state.since()));
        prunes.extend(done);
        Ok(prunes)
    }

    /// The prune that a person named.
    ///
    /// # Errors
    /// [`CommandError::UnknownPrune`] and [`CommandError::AmbiguousPrune`], or when the engine fails.
    pub fn prune(&self, prune: &PruneRef) -> Result<Prune, StoreError> {
        let prunes = self.prunes(None)?;
        let id = prune
            .choose(prunes.iter().map(|prune| prune.id.clone()).collect())
            .map_err(StoreError::Command)?;
        let found = prunes.into_iter().find(|prune| prune.id == id);
        found.ok_or_else(|| {
            CommandError::UnknownPrune {
                prune: prune.clone(),
                near: Vec::new(),
            }
            .into()
        })
    }

    /// The objects of a prune by their keys.
    ///
    /// # Errors
    /// When the engine fails.
    pub fn pruned_objects(&self, prune: &Prune) -> Result<Vec<PrunedObject>, StoreError> {
        let mut objects = Vec::new();
        match prune.state {
            PruneState::Held { .. } => {
                let tables = self.engine.read()?;
                let range = KeyRange::prefix(&place::scope(&prune.owner.source, &prune.owner.scope));
                each(&*tables, Table::HeldRows, &range, &mut |at, value| {
                    let (_, key) = place::split_row(Table::HeldRows, &prune.owner.source, at)?;
                    let row = tables.get(Table::Inventory, at)?;
                    let row: Option<InventoryRow> = row.map(|row| row::decode(Table::Inventory, &row)).transpose()?;
                    objects.push(PrunedObject {
                        key,
                        uid: row::decode(Table::HeldRows, value)?,
                        provenance: row.map(|row| row.provenance),
                    });
                    Ok(ControlFlow::Continue(()))
                })?;
            }
            PruneState::Done { .. } => self.tombstones(&mut |tombstone| {
                if tombstone.prune == prune.id {
                    objects.push(PrunedObject {
                        key: tombstone.key,
                        uid: tombstone.inventory.applied.uid,
                        provenance: Some(tombstone.inventory.provenance),
                    });
                }
            })?,
        }
        objects.sort_by(|one, other| one.key.cmp(&other.key));
        Ok(objects)
    }

    fn held_prunes(&self, source: Option<&SourceName>) -> Result<Vec<Prune>, StoreError> {
        let tables: Box<dyn Read + '_> = self.engine.read()?;
        let range = source.map_or_else(KeyRange::all, |source| KeyRange::prefix(&place::source(source)));
        let mut prunes = Vec::new();
        each(&*tables, Table::Held, &range, &mut |key, value| {
            let (source, scope) = place::split_source_scope(Table::Held, key)?;
            let HeldRow {
                id,
                reason,
                rows,
                since,
            } = row::decode(Table::Held, value)?;
            prunes.push(Prune {
                id,
                owner: Owner { source, scope },
                state: PruneState::Held { reason, since },
                objects: rows,
            });
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(prunes)
    }

    fn tombstones(&self, visit: &mut dyn FnMut(TombstoneRow)) -> Result<(), StoreError> {
        let tables = self.engine.read()?;
        each(&*tables, Table::Tombstones, &KeyRange::all(), &mut |_, value| {
            visit(row::decode(Table::Tombstones, value)?);
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(())
    }
}

impl PruneState {
    /// Since when it is held, or when it happened.
    #[must_use]
    pub fn since(&self) -> Timestamp {
        match self {
            Self::Held { since, .. } => *since,
            Self::Done { at } => *at,
        }
    }
}
