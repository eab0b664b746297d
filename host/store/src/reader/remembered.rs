//! What the store remembers beside objects: of sources, their scopes, and what waits or is held.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use k1s_object::Key;
use k1s_sync_engine::id::{Epoch, ScopeId, SourceName};

use super::{Reader, each};
use crate::engine::{EngineError, KeyRange, Read};
use crate::error::StoreError;
use crate::place;
use crate::row::{self, HeldRow, InventoryRow, PendingRow, SourceRow, Uid};
use crate::table::Table;

/// Deletes of one scope that a guard holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldPrune {
    /// The scope.
    pub scope: ScopeId,
    /// Name, reason, size and age of the list.
    pub head: HeldRow,
    /// The objects, and which life of each is meant.
    pub uid_by_key: BTreeMap<Key, Uid>,
}

impl Reader {
    /// What a source declares and the host could not apply.
    ///
    /// # Errors
    /// When the engine fails.
    pub fn pending(&self, source: &SourceName, visit: &mut dyn FnMut(ScopeId, PendingRow)) -> Result<(), StoreError> {
        Ok(each_pending(&*self.engine.read()?, source, visit)?)
    }

    /// What is held of a source's deletes, one list for each scope.
    ///
    /// # Errors
    /// When the engine fails.
    pub fn held(&self, source: &SourceName) -> Result<Vec<HeldPrune>, StoreError> {
        let tables = self.engine.read()?;
        let prefix = place::source(source);
        let mut held = Vec::new();
        each(&*tables, Table::Held, &KeyRange::prefix(&prefix), &mut |key, value| {
            let Some((scope, _)) = key.strip_prefix(&*prefix).and_then(place::split_scope) else {
                return Ok(ControlFlow::Continue(()));
            };
            held.push(HeldPrune {
                scope,
                head: row::decode(Table::Held, value)?,
                uid_by_key: BTreeMap::new(),
            });
            Ok(ControlFlow::Continue(()))
        })?;
        for HeldPrune { scope, uid_by_key, .. } in &mut held {
            let rows = KeyRange::prefix(&place::scope(source, scope));
            each(&*tables, Table::HeldRows, &rows, &mut |place, uid| {
                let (_, key) = place::split_row(Table::HeldRows, source, place)?;
                uid_by_key.insert(key, row::decode(Table::HeldRows, uid)?);
                Ok(ControlFlow::Continue(()))
            })?;
        }
        Ok(held)
    }

    /// Visits what is remembered of the objects of a source: scope, key and row, orphans included.
    ///
    /// # Errors
    /// When the engine fails.
    pub fn inventory(
        &self,
        source: &SourceName,
        visit: &mut dyn FnMut(ScopeId, Key, InventoryRow),
    ) -> Result<(), StoreError> {
        let tables = self.engine.read()?;
        each(
            &*tables,
            Table::Inventory,
            &KeyRange::prefix(&place::source(source)),
            &mut |key, value| {
                let (scope, key) = place::split_row(Table::Inventory, source, key)?;
                visit(scope, key, row::decode(Table::Inventory, value)?);
                Ok(ControlFlow::Continue(()))
            },
        )?;
        Ok(())
    }

    /// The last launch of a source.
    ///
    /// # Errors
    /// When the engine fails.
    pub fn epoch(&self, source: &SourceName) -> Result<Epoch, StoreError> {
        let bytes = self.engine.read()?.get(Table::Sources, &place::source(source))?;
        let row: SourceRow = bytes
            .map(|bytes| row::decode(Table::Sources, &bytes))
            .transpose()?
            .unwrap_or_default();
        Ok(row.epoch)
    }

    /// The sources the store remembers.
    ///
    /// # Errors
    /// When the engine fails.
    pub fn sources(&self) -> Result<Vec<SourceName>, StoreError> {
        Ok(sources(&*self.engine.read()?)?)
    }
}

pub(super) fn sources(tables: &dyn Read) -> Result<Vec<SourceName>, EngineError> {
    let mut sources = Vec::new();
    each(tables, Table::Sources, &KeyRange::all(), &mut |key, _| {
        sources.extend(place::source_at(key));
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(sources)
}

fn each_pending(
    tables: &dyn Read,
    source: &SourceName,
    visit: &mut dyn FnMut(ScopeId, PendingRow),
) -> Result<(), EngineError> {
    let range = KeyRange::prefix(&place::source(source));
    each(tables, Table::Pending, &range, &mut |key, value| {
        let (scope, _) = place::split_row(Table::Pending, source, key)?;
        visit(scope, row::decode(Table::Pending, value)?);
        Ok(ControlFlow::Continue(()))
    })
}
