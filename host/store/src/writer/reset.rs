//! What makes a source begin anew: a reset, and a person's word that its place may be another.
//!
//! Inventory and objects stay either way.

use k1s_sync_engine::id::{SourceName, SourceVersion};

use crate::command::{CommandError, CommandOutcome};
use crate::engine::EngineError;
use crate::place;
use crate::row::{InventoryRow, ScopeRow};
use crate::table::Table;
use crate::writer::control::source_row;
use crate::writer::ground;
use crate::writer::memory::Memory;
use crate::writer::transaction::Transaction;

impl Memory {
    /// What its session still wants to write belongs to before.
    pub(crate) fn reset(
        &mut self,
        transaction: &mut Transaction<'_>,
        source: &SourceName,
    ) -> Result<Result<CommandOutcome, CommandError>, EngineError> {
        if let Err(error) = source_row(transaction, source)? {
            return Ok(Err(error));
        }
        self.sessions.remove(source);
        let scopes = forget_positions(transaction, source)?;
        let objects = forget_states(transaction, source)?;
        ground::let_go(transaction, source)?;
        transaction.pardon(source)?;
        Ok(Ok(CommandOutcome::Reset { scopes, objects }))
    }
}

/// Forgets which place each scope of a source read. Where it went on from is forgotten with it: a position in a place that
/// may be another says nothing, and a source that went on from one would not list what is there. A session that is open
/// goes on: the listing it is in, or its next, says which place it is.
pub(crate) fn accept_root(
    transaction: &mut Transaction<'_>,
    source: &SourceName,
) -> Result<Result<CommandOutcome, CommandError>, EngineError> {
    if let Err(error) = source_row(transaction, source)? {
        return Ok(Err(error));
    }
    let prefix = place::source(source);
    let rows: Vec<(Vec<u8>, ScopeRow)> = transaction.rows_where(Table::Scopes, &prefix, &mut |_| true)?;
    let mut scopes = 0;
    for (rest, row) in rows.into_iter().filter(|(_, row)| row.root_identity.is_some()) {
        let after = ScopeRow {
            token: None,
            root_identity: None,
            ..row
        };
        transaction.put(Table::Scopes, &[&prefix, rest.as_slice()].concat(), &after)?;
        scopes += 1;
    }
    Ok(Ok(CommandOutcome::RootAccepted { scopes }))
}

/// Tokens, root identities and the fingerprints they belong to.
fn forget_positions(transaction: &mut Transaction<'_>, source: &SourceName) -> Result<u64, EngineError> {
    let prefix = place::source(source);
    let scopes = transaction.keys_after(Table::Scopes, &prefix)?;
    for scope in &scopes {
        transaction.delete(Table::Scopes, &[&prefix, scope.as_slice()].concat())?;
    }
    Ok(u64::try_from(scopes.len()).unwrap_or(u64::MAX))
}

/// What lets the source leave out an object, and the host leave it unread. The selection stays: whether absence may mean
/// anything for a row still depends on what it was claimed under.
fn forget_states(transaction: &mut Transaction<'_>, source: &SourceName) -> Result<u64, EngineError> {
    let prefix = place::source(source);
    let rows: Vec<(Vec<u8>, InventoryRow)> = transaction.rows_where(Table::Inventory, &prefix, &mut |_| true)?;
    let mut forgotten = 0;
    for (rest, row) in rows {
        let after = InventoryRow {
            source_version: SourceVersion::default(),
            transform: 0,
            ..row.clone()
        };
        if after != row {
            transaction.put(Table::Inventory, &[&prefix, rest.as_slice()].concat(), &after)?;
            forgotten += 1;
        }
    }
    Ok(forgotten)
}
