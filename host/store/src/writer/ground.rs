//! What the inventory and the positions of a source stand on, and what is left of them when that changes.
//!
//! Another program, or another major version of it, cannot be expected to understand a token: it lists anew. Another place
//! is refused until a person has let go of the one before by a reset; then no row of it is ever deleted for its absence.

use k1s_sync_engine::id::SourceName;
use k1s_sync_engine::policy::{Departure, SourcePolicy};

use crate::engine::EngineError;
use crate::error::StoreError;
use crate::place;
use crate::row::{GroundIdentity, GroundRow, InventoryRow, Removal, ScopeRow};
use crate::table::Table;
use crate::writer::transaction::Transaction;

/// The selection of rows that no configuration claims any more; no fingerprint is expected to be zero.
pub(crate) const DISOWNED: u64 = 0;

/// Brings the ground of a source up to date with its policy, or says why it may not run.
pub(crate) fn stand(
    transaction: &mut Transaction<'_>,
    source: &SourceName,
    policy: &SourcePolicy,
) -> Result<Result<(), StoreError>, EngineError> {
    let place = place::source(source);
    let before: Option<GroundRow> = transaction.get(Table::Grounds, &place)?;
    let now = ground_of(policy);
    let identity = &policy.identity.0;
    match before.as_ref().map(|row| &row.identity) {
        Some(GroundIdentity::Held(held)) if held != identity => {
            return Ok(Err(StoreError::IdentityChanged {
                source_name: source.clone(),
                before: held.clone(),
                now: identity.clone(),
            }));
        }
        Some(GroundIdentity::LetGo(former)) if former != identity => disown(transaction, source)?,
        Some(GroundIdentity::Held(_) | GroundIdentity::LetGo(_)) | None => {}
    }
    if let Some(before) = &before
        && (&before.program, before.major) != (&now.program, now.major)
    {
        forget_tokens(transaction, source)?;
    }
    if before.as_ref() != Some(&now) {
        transaction.put(Table::Grounds, &place, &now)?;
    }
    Ok(Ok(()))
}

/// Lets go of the place that a source reads: the next that is configured is accepted.
pub(crate) fn let_go(transaction: &mut Transaction<'_>, source: &SourceName) -> Result<(), EngineError> {
    let place = place::source(source);
    let Some(row) = transaction.get::<GroundRow>(Table::Grounds, &place)? else {
        return Ok(());
    };
    match row.identity {
        GroundIdentity::LetGo(_) => Ok(()),
        GroundIdentity::Held(held) => {
            let identity = GroundIdentity::LetGo(held);
            transaction.put(Table::Grounds, &place, &GroundRow { identity, ..row })
        }
    }
}

fn ground_of(policy: &SourcePolicy) -> GroundRow {
    GroundRow {
        program: policy.program.name.clone(),
        major: policy.program.major,
        identity: GroundIdentity::Held(policy.identity.0.clone()),
        removal: match policy.removed {
            Departure::Keep => Removal::Keep,
            Departure::Prune => Removal::Prune {
                min: policy.guard.min,
                percent: policy.guard.percent,
            },
        },
    }
}

fn disown(transaction: &mut Transaction<'_>, source: &SourceName) -> Result<(), EngineError> {
    let prefix = place::source(source);
    let rows: Vec<(Vec<u8>, InventoryRow)> = transaction.rows_where(Table::Inventory, &prefix, &mut |_| true)?;
    for (rest, row) in rows {
        let selection = DISOWNED;
        let place = [&prefix, rest.as_slice()].concat();
        transaction.put(Table::Inventory, &place, &InventoryRow { selection, ..row })?;
    }
    Ok(())
}

fn forget_tokens(transaction: &mut Transaction<'_>, source: &SourceName) -> Result<(), EngineError> {
    let prefix = place::source(source);
    let rows: Vec<(Vec<u8>, ScopeRow)> = transaction.rows_where(Table::Scopes, &prefix, &mut |_| true)?;
    for (rest, row) in rows.into_iter().filter(|(_, row)| row.token.is_some()) {
        let place = [&prefix, rest.as_slice()].concat();
        transaction.put(Table::Scopes, &place, &ScopeRow { token: None, ..row })?;
    }
    Ok(())
}
