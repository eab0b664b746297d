//! A scope that is gone: its rows become orphans, or move to the scope that took over. Nothing is deleted.

use k1s_object::Key;
use k1s_sync_engine::id::ScopeId;
use k1s_sync_engine::message::ScopeGone;
use k1s_sync_engine::work::Receipt;

use crate::engine::EngineError;
use crate::place;
use crate::row::{Cause, CurrentRow, InventoryRow, Owner, PendingRow, ScopeRow, Standing};
use crate::table::Table;
use crate::writer::application::{Application, Occasion};
use crate::writer::prune::Candidate;
use crate::writer::source::SourceState;
use crate::writer::transaction::Transaction;
use crate::writer::world::World;

/// Gives up a scope.
pub(crate) fn apply(
    transaction: &mut Transaction<'_>,
    world: &mut World,
    source: &mut SourceState,
    scope: ScopeId,
    reason: &ScopeGone,
) -> Result<Receipt, EngineError> {
    let mut receipt = Receipt::default();
    let mut application = Application {
        transaction,
        world,
        source,
        scope,
        occasion: Occasion::Arrival,
        receipt: &mut receipt,
    };
    match reason {
        ScopeGone::Deselected | ScopeGone::Unsupported => application.orphan_scope()?,
        ScopeGone::ReplacedBy(successor) if *successor == application.scope => {}
        ScopeGone::ReplacedBy(successor) => application.move_scope(successor)?,
    }
    Ok(receipt)
}

impl Application<'_, '_> {
    fn orphan_scope(&mut self) -> Result<(), EngineError> {
        for row in self.pending_rows()? {
            self.withdraw(&row.key)?;
        }
        for candidate in self.inventory_rows()? {
            if candidate.row.standing == Standing::Owned {
                self.orphan(candidate)?;
            }
        }
        self.scope_state().index.end();
        self.forget_position()
    }

    fn move_scope(&mut self, successor: &ScopeId) -> Result<(), EngineError> {
        let pending = self.pending_rows()?;
        for row in &pending {
            self.drop_pending(&row.key)?;
        }
        let rows = self.inventory_rows()?;
        for candidate in &rows {
            self.move_row(candidate, successor)?;
        }
        self.forget_position()?;
        let gone = std::mem::replace(&mut self.scope, successor.clone());
        self.source.forget_scope(&gone);
        self.inherit(rows, &pending)
    }

    /// Brings the successor's memory up to date.
    fn inherit(&mut self, rows: Vec<Candidate>, pending: &[PendingRow]) -> Result<(), EngineError> {
        for Candidate { key, .. } in rows {
            self.touch(&key)?;
            self.transaction.arrived(Cause::Object(key));
        }
        for row in pending {
            self.inherit_pending(row)?;
        }
        Ok(())
    }

    /// Moves a row. Where the successor has one of the same key, the one whose scope owns the object stays.
    fn move_row(&mut self, candidate: &Candidate, successor: &ScopeId) -> Result<(), EngineError> {
        let Candidate { key, row } = candidate;
        let (from, to) = (self.place(key), place::row(&self.source.name, successor, key));
        let current = self.transaction.current(key)?;
        let mine = current.filter(|current| current.owner == Some(self.owner()));
        let base = self.transaction.get_bytes(Table::Bases, &from)?;
        let other: Option<InventoryRow> = self.transaction.get(Table::Inventory, &to)?;
        self.release(key)?;
        self.transaction.delete(Table::Inventory, &from)?;
        if base.is_some() {
            self.transaction.delete(Table::Bases, &from)?;
        }
        if let Some(other) = &other {
            let dropped = if mine.is_some() { other } else { row };
            if dropped.standing == Standing::Owned {
                self.transaction.given_up(&self.source.name, &key.group_kind);
            }
            if mine.is_none() {
                return Ok(());
            }
        }
        self.transaction.put(Table::Inventory, &to, row)?;
        match base {
            Some(base) => self.transaction.put_bytes(Table::Bases, &to, &base)?,
            None if other.is_some() => self.transaction.delete(Table::Bases, &to)?,
            None => {}
        }
        match mine {
            Some(current) => self.pass_on(key, current, successor),
            None => Ok(()),
        }
    }

    fn pass_on(&mut self, key: &Key, current: CurrentRow, successor: &ScopeId) -> Result<(), EngineError> {
        let owner = Owner {
            source: self.source.name.clone(),
            scope: successor.clone(),
        };
        let current = CurrentRow {
            owner: Some(owner),
            ..current
        };
        self.transaction.put(Table::Current, &key.encode(), &current)
    }

    /// Forgets where a scope went on from.
    pub(crate) fn forget_token(&mut self) -> Result<(), EngineError> {
        let place = place::scope(&self.source.name, &self.scope);
        match self.transaction.get::<ScopeRow>(Table::Scopes, &place)? {
            Some(row) if row.token.is_some() => {
                let row = ScopeRow { token: None, ..row };
                self.transaction.put(Table::Scopes, &place, &row)
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Forgets where a scope went on from and which place it was.
    pub(crate) fn forget_position(&mut self) -> Result<(), EngineError> {
        let place = place::scope(&self.source.name, &self.scope);
        match self.transaction.get_bytes(Table::Scopes, &place)? {
            Some(_) => self.transaction.delete(Table::Scopes, &place),
            None => Ok(()),
        }
    }
}
