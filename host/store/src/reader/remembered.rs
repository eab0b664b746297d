//! What the store remembers beside objects: of sources, their scopes, and what waits or is held.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use k1s_object::{DeclaredKey, Key};
use k1s_sync_engine::id::{Epoch, ScopeId, SourceName};

use super::{Reader, each};
use crate::engine::{EngineError, KeyRange, Read};
use crate::error::StoreError;
use crate::place;
use crate::row::{self, HeldRow, InventoryRow, PendingRow, SourceRow, Standing, Uid};
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

/// Where a page of what the host holds begins; the default is the beginning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownPosition(Position);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Position {
    /// In the applied declarations, after this row.
    Applied(Option<Vec<u8>>),
    /// In the pending declarations, after this row.
    Pending(Option<Vec<u8>>),
}

impl Default for KnownPosition {
    fn default() -> Self {
        Self(Position::Applied(None))
    }
}

/// What the host holds of one object of a source, as it lies in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownRow<'r> {
    /// Group, kind, namespace and name as the source declared them.
    pub key: [&'r str; 4],
    /// As last sent with the object.
    pub source_version: &'r str,
    /// As last sent with the object.
    pub path: &'r str,
}

/// A page that is being read.
struct Page<'v> {
    room: usize,
    visit: &'v mut dyn FnMut(KnownRow<'_>),
    /// Where the next one begins, once this one is full.
    next: Option<KnownPosition>,
}

impl Page<'_> {
    fn take(&mut self, row: KnownRow<'_>) {
        self.room = self.room.saturating_sub(1);
        (self.visit)(row);
    }

    /// Ends behind a row, if the page is full.
    fn after(&mut self, place: &[u8], position: impl FnOnce(Vec<u8>) -> Position) -> ControlFlow<()> {
        if self.room > 0 {
            return ControlFlow::Continue(());
        }
        self.next = Some(KnownPosition(position(place.to_vec())));
        ControlFlow::Break(())
    }
}

/// Reads an inventory row; `None` for what is merely remembered, which the source has to send whole.
fn applied<'r>(key: &'r [u8], value: &'r [u8]) -> Result<Option<KnownRow<'r>>, EngineError> {
    let row = row::view(value)?;
    if row.standing == Standing::Orphaned {
        return Ok(None);
    }
    let [group, kind, _, name] = place::parts(Table::Inventory, key)?;
    Ok(Some(KnownRow {
        key: [group, kind, row.declared_namespace, name],
        source_version: row.source_version,
        path: row.path,
    }))
}

/// The rows of a scope that come after one.
fn range(prefix: &[u8], after: Option<&[u8]>) -> KeyRange {
    match after {
        Some(after) => KeyRange::prefix(prefix).after(after),
        None => KeyRange::prefix(prefix),
    }
}

impl Reader {
    /// Visits a page of what the host holds of a scope, at most `limit` rows in the order of the tables: applied
    /// declarations, then pending ones. Returns where the next page begins; `None` after the last. Each page is read by
    /// itself; a row that is written between two of them is in neither, one or both.
    ///
    /// # Errors
    /// When the engine fails.
    pub fn known(
        &self,
        source: &SourceName,
        scope: &ScopeId,
        from: KnownPosition,
        limit: usize,
        visit: &mut dyn FnMut(KnownRow<'_>),
    ) -> Result<Option<KnownPosition>, StoreError> {
        let tables = self.engine.read()?;
        let prefix = place::scope(source, scope);
        let mut page = Page {
            room: limit,
            visit,
            next: None,
        };
        let is_pending = match from.0 {
            Position::Applied(after) => {
                let mut visit = |key: &[u8], value: &[u8]| {
                    if let Some(row) = applied(key.get(prefix.len()..).unwrap_or_default(), value)? {
                        page.take(row);
                    }
                    Ok(page.after(key, |place| Position::Applied(Some(place))))
                };
                each(
                    &*tables,
                    Table::Inventory,
                    &range(&prefix, after.as_deref()),
                    &mut visit,
                )?;
                page.next.is_none().then_some(None)
            }
            Position::Pending(after) => Some(after),
        };
        if let Some(after) = is_pending {
            let mut visit = |key: &[u8], value: &[u8]| {
                let row: PendingRow = row::decode(Table::Pending, value)?;
                let DeclaredKey {
                    group_kind,
                    namespace,
                    name,
                } = &row.key;
                page.take(KnownRow {
                    key: [&*group_kind.group, &*group_kind.kind, &**namespace, &**name],
                    source_version: row.source_version.as_str(),
                    path: &row.provenance.path,
                });
                Ok(page.after(key, |place| Position::Pending(Some(place))))
            };
            each(&*tables, Table::Pending, &range(&prefix, after.as_deref()), &mut visit)?;
        }
        Ok(page.next)
    }

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
