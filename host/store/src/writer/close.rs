//! The end of a listing: what is absent, and what absence means.

use k1s_object::Key;
use k1s_sync_engine::inventory::{KeyHash, OpenGeneration};
use k1s_sync_engine::message::{EmptyListing, ScopeGone};
use k1s_sync_engine::policy::EmptyRule;
use k1s_sync_engine::problem::{Problem, ProblemCode};
use k1s_sync_engine::work::{Absence, GenerationClosed, GenerationEnd, HoldReason, Outcome, Receipt};

use crate::engine::EngineError;
use crate::place;
use crate::row::{InventoryRow, PendingRow, ScopeRow, Standing};
use crate::table::Table;
use crate::writer::application::Application;
use crate::writer::prune::{Candidate, Trigger};
use crate::writer::source::SourceState;
use crate::writer::transaction::Transaction;
use crate::writer::world::World;

/// Ends a listing and returns its receipt.
pub(crate) fn end_generation(
    transaction: &mut Transaction<'_>,
    world: &mut World,
    source: &mut SourceState,
    end: GenerationEnd,
) -> Result<Receipt, EngineError> {
    let mut receipt = Receipt::default();
    let mut application = Application {
        transaction,
        world,
        source,
        scope: end.scope.clone(),
        receipt: &mut receipt,
    };
    let absence = application.end(&end)?;
    let pending = application.scope_state().pending;
    receipt.closed = Some(GenerationClosed {
        scope: end.scope,
        generation: end.generation,
        absence,
        pending,
    });
    Ok(receipt)
}

/// Gives up a scope: its rows become orphans, or move to the scope that took over.
pub(crate) fn scope_gone(
    transaction: &mut Transaction<'_>,
    world: &mut World,
    source: &mut SourceState,
    scope: k1s_sync_engine::id::ScopeId,
    reason: &ScopeGone,
) -> Result<Receipt, EngineError> {
    let mut receipt = Receipt::default();
    let mut application = Application {
        transaction,
        world,
        source,
        scope: scope.clone(),
        receipt: &mut receipt,
    };
    let rows = application.owned_rows(&mut |_| true)?;
    for candidate in rows {
        match reason {
            ScopeGone::Deselected | ScopeGone::Unsupported => application.orphan(candidate)?,
            ScopeGone::ReplacedBy(successor) => application.hand_over(candidate, successor)?,
        }
    }
    let place = place::scope(&application.source.name, &scope);
    application.transaction.delete(Table::Scopes, &place)?;
    source.forget_scope(&scope);
    Ok(receipt)
}

impl Application<'_, '_> {
    fn end(&mut self, end: &GenerationEnd) -> Result<Absence, EngineError> {
        let Some(open) = self.scope_state().index.end() else {
            return Ok(Absence::Unproven(forgotten()));
        };
        let unproven = match &end.outcome {
            Outcome::Incomplete(problem) => Some(problem.clone()),
            Outcome::Complete if open.generation() != end.generation => Some(forgotten()),
            Outcome::Complete => open.spoiled().cloned(),
        };
        if let Some(problem) = unproven {
            return Ok(Absence::Unproven(problem));
        }
        let before = self.scope_row()?;
        let root_changed = root_changed(&before, &open);
        let absent = self.absent_rows(&open)?;
        self.drop_absent_pending(&open)?;
        let empty = match end.empty {
            EmptyListing::Intentional => EmptyRule::Allow,
            EmptyListing::Suspicious => self.source.policy.empty,
        };
        let root_identity = match &root_changed {
            Some(_) => before.root_identity.clone(),
            None => Some(open.root_identity().to_owned()),
        };
        let absence = self.prune(absent, &Trigger::Absent { root_changed, empty })?;
        let after = ScopeRow {
            token: end.token.clone(),
            root_identity,
            selection: self.source.policy.selection,
        };
        self.put_scope_row(&before, &after)?;
        Ok(absence)
    }

    fn absent_rows(&mut self, open: &OpenGeneration) -> Result<Vec<Candidate>, EngineError> {
        if open.touched() == self.scope_state().index.rows() {
            return Ok(Vec::new());
        }
        let rows = self.untouched(open)?;
        Ok(rows
            .into_iter()
            .filter(|candidate| !open.pins(&candidate.row.provenance.path))
            .collect())
    }

    fn untouched(&mut self, open: &OpenGeneration) -> Result<Vec<Candidate>, EngineError> {
        let (seed, generation) = (self.world.seed, open.generation());
        let prefix = place::scope(&self.source.name, &self.scope);
        let index = &self.source.scope(&self.scope).index;
        let mut wanted =
            |bytes: &[u8]| Key::decode(bytes).is_ok_and(|key| !index.was_touched(KeyHash::of(&key, seed), generation));
        owned(
            self.transaction
                .rows_where::<InventoryRow>(Table::Inventory, &prefix, &mut wanted)?,
        )
    }

    /// The rows of this scope that its source owns.
    fn owned_rows(&self, wanted: &mut dyn FnMut(&[u8]) -> bool) -> Result<Vec<Candidate>, EngineError> {
        let prefix = place::scope(&self.source.name, &self.scope);
        owned(
            self.transaction
                .rows_where::<InventoryRow>(Table::Inventory, &prefix, wanted)?,
        )
    }

    /// Pending declarations that a whole listing did not have were never objects: they go without guard.
    fn drop_absent_pending(&mut self, open: &OpenGeneration) -> Result<(), EngineError> {
        if self.scope_state().pending == 0 {
            return Ok(());
        }
        let prefix = place::scope(&self.source.name, &self.scope);
        let rows = self
            .transaction
            .rows_where::<PendingRow>(Table::Pending, &prefix, &mut |_| true)?;
        for (_, row) in rows {
            let hash = self.hash(&row.key.unresolved());
            let touched = self.scope_state().index.was_touched(hash, open.generation());
            if !touched && !open.pins(&row.provenance.path) {
                self.drop_pending(&row.key)?;
            }
        }
        Ok(())
    }

    /// Moves a row to another scope of the same source.
    fn hand_over(&mut self, candidate: Candidate, successor: &k1s_sync_engine::id::ScopeId) -> Result<(), EngineError> {
        let Candidate { key, row } = candidate;
        let (from, to) = (self.place(&key), place::row(&self.source.name, successor, &key));
        self.transaction.delete(Table::Inventory, &from)?;
        self.transaction.put(Table::Inventory, &to, &row)?;
        if let Some(base) = self.transaction.get_bytes(Table::Bases, &from)? {
            self.transaction.delete(Table::Bases, &from)?;
            self.transaction.put_bytes(Table::Bases, &to, &base)?;
        }
        if let Some(mut current) = self
            .transaction
            .current(&key)?
            .filter(|current| current.owner == Some(self.owner()))
        {
            if let Some(owner) = &mut current.owner {
                owner.scope = successor.clone();
            }
            self.transaction.put(Table::Current, &key.encode(), &current)?;
        }
        let hash = self.hash(&key);
        self.source.scope(successor).index.insert(hash);
        Ok(())
    }
}

fn owned(rows: Vec<(Vec<u8>, InventoryRow)>) -> Result<Vec<Candidate>, EngineError> {
    rows.into_iter()
        .filter(|(_, row)| row.standing == Standing::Owned)
        .map(|(bytes, row)| {
            let key = Key::decode(&bytes).map_err(|error| EngineError::Row {
                table: Table::Inventory.name(),
                detail: error.to_string(),
            })?;
            Ok(Candidate { key, row })
        })
        .collect()
}

fn root_changed(before: &ScopeRow, open: &OpenGeneration) -> Option<HoldReason> {
    let stored = before
        .root_identity
        .as_ref()
        .filter(|stored| stored.as_str() != open.root_identity())?;
    Some(HoldReason::RootChanged {
        stored: stored.clone(),
        seen: open.root_identity().to_owned(),
    })
}

fn forgotten() -> Problem {
    Problem::with_object(ProblemCode::Partial, "the listing was begun by another session")
}
