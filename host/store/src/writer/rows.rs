//! The inventory rows of one scope as its index is to know them.
//!
//! They are read once when a session opens: by whoever tells the source what the host holds, who reads them anyway and
//! hands over what was gathered, or else by the writer.

use std::ops::ControlFlow;

use k1s_sync_engine::inventory::{KeyHash, ScopeIndex};

use crate::engine::{EngineError, KeyRange, Read};
use crate::row::{self, InventoryView, Mark, Standing};
use crate::seed::Seed;
use crate::table::Table;
use crate::writer::said::Said;

/// What the index of a scope is to know of its rows: 32 bytes a row and the map's slack.
#[derive(Debug, Default)]
pub struct ScopeRows(ScopeIndex);

impl ScopeRows {
    /// Reads every row whose place begins with `prefix`, the scope's.
    pub(crate) fn read(tables: &dyn Read, prefix: &[u8], seed: Seed) -> Result<Self, EngineError> {
        let (mut rows, mut failure) = (Self::default(), None);
        tables.scan(Table::Inventory, &KeyRange::prefix(prefix), &mut |place, value| {
            match row::view(value) {
                Ok(row) => rows.take(place.get(prefix.len()..).unwrap_or_default(), &row, seed),
                Err(error) => failure = Some(error),
            }
            match failure {
                None => ControlFlow::Continue(()),
                Some(_) => ControlFlow::Break(()),
            }
        })?;
        failure.map_or(Ok(rows), Err)
    }

    /// Takes the row of an encoded key, with what it says where it is as its source left it.
    pub(crate) fn take(&mut self, key: &[u8], row: &InventoryView<'_>, seed: Seed) {
        let is_as_left = row.standing == Standing::Owned && row.mark == Mark::Clean;
        let words = is_as_left.then(|| Said::of_row(row).words(seed));
        self.0.load(KeyHash::of_encoded(key, seed.get()), words);
    }

    pub(crate) fn into_index(self) -> ScopeIndex {
        self.0
    }
}
