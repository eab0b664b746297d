//! What a person is shown of sources and prunes.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use k1s_object::{Key, Timestamp};
use k1s_sync_engine::event::Provenance;
use k1s_sync_engine::guard::ShrinkWindow;
use k1s_sync_engine::id::{ScopeId, SourceName};
use k1s_sync_engine::work::{HeldPruneId, HoldReason};

use super::remembered::sources;
use super::{Reader, each, find};
use crate::command::{CommandError, PruneRef};
use crate::engine::{EngineError, KeyRange, Read};
use crate::error::StoreError;
use crate::place;
use crate::row::{self, HeldRow, InventoryRow, Owner, ScopeRow, SourceRow, TombstoneRow, Uid};
use crate::status::{OffenceRow, StatusRow};
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

    /// How often a source broke the contract, as far as that is not forgiven.
    ///
    /// # Errors
    /// When the engine fails.
    pub fn offences(&self, name: &SourceName) -> Result<Option<OffenceRow>, StoreError> {
        let bytes = self.engine.read()?.get(Table::Offences, &place::source(name))?;
        Ok(bytes.map(|bytes| row::decode(Table::Offences, &bytes)).transpose()?)
    }

    /// Everything a person is shown of a source.
    ///
    /// # Errors
    /// [`CommandError::UnknownSource`], or when the engine fails.
    pub fn source_facts(&self, name: &SourceName) -> Result<SourceFacts, StoreError> {
        let tables = &*self.engine.read()?;
        let place = place::source(name);
        let Some(row) = find(tables, Table::Sources, &place)? else {
            return Err(CommandError::unknown_source(name, sources(tables)?).into());
        };
        let status: Option<StatusRow> = find(tables, Table::Status, &place)?;
        let window: Option<ShrinkWindow> = find(tables, Table::Shrink, &place::shrink(name, None))?;
        Ok(SourceFacts {
            name: name.clone(),
            row,
            status: status.unwrap_or_default(),
            objects: window.map_or(0, |window| window.count()),
            pending: count(tables, Table::Pending, &place)?,
            held: held_prunes(tables, Some(name))?,
            roots: roots(tables, name)?,
        })
    }

    /// The prunes that are held or can be undone, of one source or of all: what is held first, then the latest first.
    ///
    /// # Errors
    /// When the engine fails.
    pub fn prunes(&self, source: Option<&SourceName>) -> Result<Vec<Prune>, StoreError> {
        Ok(prunes(&*self.engine.read()?, source)?)
    }

    /// The prune that a person named.
    ///
    /// # Errors
    /// [`CommandError::UnknownPrune`] and [`CommandError::AmbiguousPrune`], or when the engine fails.
    pub fn prune(&self, prune: &PruneRef) -> Result<Prune, StoreError> {
        Ok(named(prunes(&*self.engine.read()?, None)?, prune)?)
    }

    /// The objects of a prune by their keys: those that it would delete, or, if it was approved meanwhile, those that it
    /// deleted.
    ///
    /// # Errors
    /// [`CommandError::UnknownPrune`] when there is none of this id any more, or when the engine fails.
    pub fn pruned_objects(&self, prune: &Prune) -> Result<Vec<PrunedObject>, StoreError> {
        let tables = &*self.engine.read()?;
        let now = named(prunes(tables, None)?, &prune.id.clone().into())?;
        let mut objects = match now.state {
            PruneState::Held { .. } => held_objects(tables, &now.owner)?,
            PruneState::Done { .. } => deleted_objects(tables, &now.id)?,
        };
        objects.sort_by(|one, other| one.key.cmp(&other.key));
        Ok(objects)
    }
}

fn named(prunes: Vec<Prune>, asked: &PruneRef) -> Result<Prune, CommandError> {
    let id = asked.choose(prunes.iter().map(|prune| prune.id.clone()).collect())?;
    let found = prunes.into_iter().find(|prune| prune.id == id);
    found.ok_or_else(|| CommandError::UnknownPrune {
        prune: asked.clone(),
        near: Vec::new(),
    })
}

fn roots(tables: &dyn Read, name: &SourceName) -> Result<BTreeMap<ScopeId, String>, EngineError> {
    let mut roots = BTreeMap::new();
    let range = KeyRange::prefix(&place::source(name));
    each(tables, Table::Scopes, &range, &mut |key, value| {
        let (_, scope) = place::split_source_scope(Table::Scopes, key)?;
        let stored: ScopeRow = row::decode(Table::Scopes, value)?;
        roots.extend(stored.root_identity.map(|root| (scope, root)));
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(roots)
}

fn count(tables: &dyn Read, table: Table, prefix: &[u8]) -> Result<u64, EngineError> {
    let mut rows = 0;
    tables.scan(table, &KeyRange::prefix(prefix), &mut |_, _| {
        rows += 1;
        ControlFlow::Continue(())
    })?;
    Ok(rows)
}

fn prunes(tables: &dyn Read, source: Option<&SourceName>) -> Result<Vec<Prune>, EngineError> {
    let mut prunes = held_prunes(tables, source)?;
    let mut done = done_prunes(tables)?;
    done.retain(|prune| source.is_none_or(|source| *source == prune.owner.source));
    done.sort_by_key(|prune| std::cmp::Reverse(prune.state.since()));
    prunes.extend(done);
    Ok(prunes)
}

fn held_prunes(tables: &dyn Read, source: Option<&SourceName>) -> Result<Vec<Prune>, EngineError> {
    let range = source.map_or_else(KeyRange::all, |source| KeyRange::prefix(&place::source(source)));
    let mut prunes = Vec::new();
    each(tables, Table::Held, &range, &mut |key, value| {
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

/// A prune is one scope's and happened at once, so the first of its tombstones speaks for all of them.
fn done_prunes(tables: &dyn Read) -> Result<Vec<Prune>, EngineError> {
    let mut prunes: Vec<Prune> = Vec::new();
    each(tables, Table::TombstonesByPrune, &KeyRange::all(), &mut |key, _| {
        let Some(id) = place::prune_at(key) else {
            return Ok(ControlFlow::Continue(()));
        };
        if let Some(prune) = prunes.last_mut().filter(|prune| prune.id == id) {
            prune.objects += 1;
        } else if let Some(tombstone) = tombstone(tables, key)? {
            prunes.push(Prune {
                id,
                owner: tombstone.owner,
                state: PruneState::Done { at: tombstone.at },
                objects: 1,
            });
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(prunes)
}

/// The tombstone that a key of their index means.
fn tombstone(tables: &dyn Read, index_key: &[u8]) -> Result<Option<TombstoneRow>, EngineError> {
    let deleted = place::revision_at_end(Table::TombstonesByPrune, index_key)?;
    find(tables, Table::Tombstones, &place::version(deleted))
}

fn held_objects(tables: &dyn Read, owner: &Owner) -> Result<Vec<PrunedObject>, EngineError> {
    let mut objects = Vec::new();
    let range = KeyRange::prefix(&place::scope(&owner.source, &owner.scope));
    each(tables, Table::HeldRows, &range, &mut |at, value| {
        let (_, key) = place::split_row(Table::HeldRows, &owner.source, at)?;
        let row: Option<InventoryRow> = find(tables, Table::Inventory, at)?;
        objects.push(PrunedObject {
            key,
            uid: row::decode(Table::HeldRows, value)?,
            provenance: row.map(|row| row.provenance),
        });
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(objects)
}

fn deleted_objects(tables: &dyn Read, prune: &HeldPruneId) -> Result<Vec<PrunedObject>, EngineError> {
    let mut objects = Vec::new();
    let range = KeyRange::prefix(&place::tombstones_of(prune));
    each(tables, Table::TombstonesByPrune, &range, &mut |key, _| {
        objects.extend(tombstone(tables, key)?.map(|tombstone| PrunedObject {
            key: tombstone.key,
            uid: tombstone.inventory.applied.uid,
            provenance: Some(tombstone.inventory.provenance),
        }));
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(objects)
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
