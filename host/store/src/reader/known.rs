//! What a source is told that the host holds, page by page, and what is gathered on the way.

use std::ops::ControlFlow;

use k1s_object::{DeclaredKey, Key};
use k1s_sync_engine::id::{ScopeId, SourceName, SourceVersion, TooLong};
use k1s_sync_engine::message::{KnownObject, More};

use super::{Reader, each};
use crate::engine::{EngineError, KeyRange, Read};
use crate::error::StoreError;
use crate::place;
use crate::row::{self, InventoryView, PendingRow, Standing};
use crate::table::Table;
use crate::writer::ScopeRows;

/// Reads what the host holds of a scope: applied declarations, then pending ones, each in the order of its table.
///
/// Each page is read by itself; a row that is written between two of them is in neither, one or both.
#[derive(Debug)]
pub struct KnownScan {
    reader: Reader,
    /// What the places of the scope's rows begin with.
    prefix: Vec<u8>,
    at: Position,
    rows: Option<ScopeRows>,
}

/// Where the next page begins.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Position {
    /// In the applied declarations, after this row.
    Applied(Option<Vec<u8>>),
    /// In the pending declarations, after this row.
    Pending(Option<Vec<u8>>),
    /// Nowhere: everything was read.
    End,
}

/// Some of what the host holds of a scope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownPage {
    /// In the order of the tables.
    pub objects: Vec<KnownObject>,
    /// Whether another page follows.
    pub more: More,
}

impl Reader {
    /// Begins to read what the host holds of a scope.
    #[must_use]
    pub fn known(&self, source: &SourceName, scope: &ScopeId) -> KnownScan {
        KnownScan {
            reader: self.clone(),
            prefix: place::scope(source, scope),
            at: Position::Applied(None),
            rows: None,
        }
    }
}

impl KnownScan {
    /// Gathers, too, what the scope's index is to know.
    #[must_use]
    pub fn gathering_rows(self) -> Self {
        Self {
            rows: Some(ScopeRows::default()),
            ..self
        }
    }

    /// Reads the next page, of at most `limit` objects.
    ///
    /// # Errors
    /// When the engine fails; then nothing was read of this page.
    pub fn page(&mut self, limit: usize) -> Result<KnownPage, StoreError> {
        let reader = self.reader.clone();
        let tables = reader.engine.read()?;
        let mut objects = Vec::new();
        if let Position::Applied(after) = &self.at {
            self.at = self.applied(&*tables, after.clone(), limit, &mut objects)?;
        }
        if let Position::Pending(after) = &self.at
            && objects.len() < limit
        {
            self.at = self.pending(&*tables, after.clone(), limit, &mut objects)?;
        }
        let more = match self.at {
            Position::Applied(_) | Position::Pending(_) => More::Follows,
            Position::End => More::Last,
        };
        Ok(KnownPage { objects, more })
    }

    /// Returns what was gathered for the index; nothing before the last page.
    #[must_use]
    pub fn into_rows(self) -> Option<ScopeRows> {
        self.rows.filter(|_| self.at == Position::End)
    }

    fn applied(
        &mut self,
        tables: &dyn Read,
        after: Option<Vec<u8>>,
        limit: usize,
        objects: &mut Vec<KnownObject>,
    ) -> Result<Position, EngineError> {
        let Self {
            reader, prefix, rows, ..
        } = self;
        let mut next = Position::Pending(None);
        each(tables, Table::Inventory, &range(prefix, after), &mut |place, value| {
            let key = place.get(prefix.len()..).unwrap_or_default();
            let row = row::view(value)?;
            if let Some(rows) = rows {
                rows.take(key, &row, reader.seed);
            }
            objects.extend(declared(key, &row)?);
            if objects.len() < limit {
                return Ok(ControlFlow::Continue(()));
            }
            next = Position::Applied(Some(place.to_vec()));
            Ok(ControlFlow::Break(()))
        })?;
        Ok(next)
    }

    fn pending(
        &self,
        tables: &dyn Read,
        after: Option<Vec<u8>>,
        limit: usize,
        objects: &mut Vec<KnownObject>,
    ) -> Result<Position, EngineError> {
        let mut next = Position::End;
        let range = range(&self.prefix, after);
        each(tables, Table::Pending, &range, &mut |place, value| {
            let row: PendingRow = row::decode(Table::Pending, value)?;
            objects.push(KnownObject {
                key: row.key,
                source_version: row.source_version,
                path: row.provenance.path,
            });
            if objects.len() < limit {
                return Ok(ControlFlow::Continue(()));
            }
            next = Position::Pending(Some(place.to_vec()));
            Ok(ControlFlow::Break(()))
        })?;
        Ok(next)
    }
}

/// What a source is told of an inventory row; nothing of what is merely remembered, which it has to send whole.
fn declared(key: &[u8], row: &InventoryView<'_>) -> Result<Option<KnownObject>, EngineError> {
    if row.standing == Standing::Orphaned {
        return Ok(None);
    }
    let too_long = |error: TooLong| EngineError::Row {
        table: Table::Inventory.name(),
        detail: error.to_string(),
    };
    let Key { group_kind, name, .. } = place::object(Table::Inventory, key)?;
    Ok(Some(KnownObject {
        key: DeclaredKey {
            group_kind,
            namespace: row.declared_namespace.into(),
            name,
        },
        source_version: SourceVersion::new(row.source_version).map_err(too_long)?,
        path: row.path.into(),
    }))
}

/// The rows of a scope that come after one.
fn range(prefix: &[u8], after: Option<Vec<u8>>) -> KeyRange {
    let all = KeyRange::prefix(prefix);
    match after {
        Some(after) => all.after(&after),
        None => all,
    }
}
