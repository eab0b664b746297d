//! Where a listing begins and ends: what is absent, what absence means, and from where to go on.

use k1s_object::Key;
use k1s_sync_engine::id::{Generation, ScopeId, Token};
use k1s_sync_engine::inventory::{KeyHash, OpenGeneration, ScopeIndex};
use k1s_sync_engine::message::EmptyListing;
use k1s_sync_engine::policy::{Departure, EmptyRule};
use k1s_sync_engine::problem::{Problem, ProblemCode};
use k1s_sync_engine::work::{Absence, GenerationClosed, GenerationEnd, HoldReason, Outcome, Receipt};

use crate::engine::EngineError;
use crate::place;
use crate::row::{InventoryRow, ScopeRow, Standing};
use crate::table::Table;
use crate::writer::application::{Application, Occasion};
use crate::writer::prune::{Candidate, Trigger};
use crate::writer::source::SourceState;
use crate::writer::transaction::Transaction;
use crate::writer::world::World;

/// Begins a listing; one of the scope that was open is forgotten.
pub(crate) fn begin_generation(
    transaction: &mut Transaction<'_>,
    source: &mut SourceState,
    scope: &ScopeId,
    generation: Generation,
    root_identity: String,
) -> Result<(), EngineError> {
    let place = place::scope(&source.name, scope);
    let index = &mut source.scope(scope).index;
    // Where nothing of ours is, another place has nothing to take away.
    if index.rows() == 0
        && let Some(row) = transaction.get::<ScopeRow>(Table::Scopes, &place)?
        && row
            .root_identity
            .as_ref()
            .is_some_and(|stored| *stored != root_identity)
    {
        let row = ScopeRow {
            root_identity: None,
            ..row
        };
        transaction.put(Table::Scopes, &place, &row)?;
    }
    index.begin(generation, root_identity);
    Ok(())
}

/// Ends a listing and returns its receipt, in which what is pending is yet to be counted.
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
        occasion: Occasion::Sent,
        receipt: &mut receipt,
    };
    let absence = application.end(&end)?;
    receipt.closed = Some(GenerationClosed {
        scope: end.scope,
        generation: end.generation,
        absence,
        pending: 0,
    });
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
        match unproven {
            Some(problem) => Ok(Absence::Unproven(problem)),
            None => self.conclude_listing(end, &open),
        }
    }

    fn conclude_listing(&mut self, end: &GenerationEnd, open: &OpenGeneration) -> Result<Absence, EngineError> {
        let before = self.scope_row()?;
        let selection = self.source.policy.selection;
        let root_changed = root_changed(&before, open, selection);
        let mut absent = self.absent_rows(open)?;
        if before.selection != selection {
            absent.extend(self.excluded_rows(open)?);
        }
        let root_identity = if root_changed.is_some() {
            before.root_identity.clone()
        } else {
            self.drop_absent_pending(open)?;
            Some(open.root_identity().to_owned())
        };
        let empty = match end.empty {
            EmptyListing::Intentional => EmptyRule::Allow,
            EmptyListing::Suspicious => self.source.policy.empty,
        };
        let trigger = Trigger::Absent {
            deselected: self.departure(&before, open),
            root_changed,
            empty,
        };
        let absence = self.prune(absent, &trigger)?;
        let after = ScopeRow {
            token: end.token.clone(),
            root_identity,
            selection,
        };
        self.put_scope_row(&before, &after)?;
        self.transaction.expire_tombstones()?;
        Ok(absence)
    }

    fn absent_rows(&mut self, open: &OpenGeneration) -> Result<Vec<Candidate>, EngineError> {
        if open.touched() == self.scope_state().index.rows() {
            return Ok(Vec::new());
        }
        let mut absent = self.owned_rows(|index, hash, _| !index.was_touched(hash, open.generation()))?;
        absent.retain(|Candidate { row, .. }| !open.pins(&row.provenance.path));
        Ok(absent)
    }

    /// Rows that the listing touched although the source may not have such objects any more: what it says of them is
    /// refused, so that they are its own no longer.
    fn excluded_rows(&mut self, open: &OpenGeneration) -> Result<Vec<Candidate>, EngineError> {
        let policy = &self.source.policy;
        self.owned_rows(|index, hash, key| {
            policy.permits(&key.group_kind, &key.namespace).is_err() && index.was_touched(hash, open.generation())
        })
    }

    /// The rows of owned objects for whose keys `wanted` says so; only those are read, for there may be any number.
    fn owned_rows(&self, wanted: impl Fn(&ScopeIndex, KeyHash, &Key) -> bool) -> Result<Vec<Candidate>, EngineError> {
        let prefix = place::scope(&self.source.name, &self.scope);
        let Some(index) = self.source.index(&self.scope) else {
            return Ok(Vec::new());
        };
        let mut wanted =
            |bytes: &[u8]| Key::decode(bytes).is_ok_and(|key| wanted(index, self.world.row_hash(&key), &key));
        let mut rows = candidates(self.transaction.rows_where(Table::Inventory, &prefix, &mut wanted)?)?;
        rows.retain(|Candidate { row, .. }| row.standing == Standing::Owned);
        Ok(rows)
    }

    /// What becomes of what another selection had; of another place that was seen under it nothing follows.
    fn departure(&self, before: &ScopeRow, open: &OpenGeneration) -> Departure {
        match &before.root_identity {
            Some(stored) if stored != open.root_identity() => Departure::Keep,
            Some(_) | None => self.source.policy.deselected,
        }
    }

    /// Every inventory row of the scope.
    pub(crate) fn inventory_rows(&self) -> Result<Vec<Candidate>, EngineError> {
        let prefix = place::scope(&self.source.name, &self.scope);
        candidates(self.transaction.rows_where(Table::Inventory, &prefix, &mut |_| true)?)
    }

    /// Stores a resume position; the identity of a place that another selection saw says nothing any more.
    pub(crate) fn store_token(&mut self, token: Token) -> Result<(), EngineError> {
        let before = self.scope_row()?;
        let selection = self.source.policy.selection;
        let root_identity = before.root_identity.clone().filter(|_| before.selection == selection);
        let after = ScopeRow {
            token: Some(token),
            root_identity,
            selection,
        };
        self.put_scope_row(&before, &after)
    }

    fn scope_row(&self) -> Result<ScopeRow, EngineError> {
        let place = place::scope(&self.source.name, &self.scope);
        Ok(self.transaction.get(Table::Scopes, &place)?.unwrap_or_default())
    }

    fn put_scope_row(&mut self, before: &ScopeRow, after: &ScopeRow) -> Result<(), EngineError> {
        if before == after {
            return Ok(());
        }
        let place = place::scope(&self.source.name, &self.scope);
        self.transaction.put(Table::Scopes, &place, after)
    }
}

fn candidates(rows: Vec<(Vec<u8>, InventoryRow)>) -> Result<Vec<Candidate>, EngineError> {
    rows.into_iter()
        .map(|(bytes, row)| {
            let key = place::object(Table::Inventory, &bytes)?;
            Ok(Candidate { key, row })
        })
        .collect()
}

fn root_changed(before: &ScopeRow, open: &OpenGeneration, selection: u64) -> Option<HoldReason> {
    let stored = before
        .root_identity
        .as_ref()
        .filter(|_| before.selection == selection)?;
    (stored != open.root_identity()).then(|| HoldReason::RootChanged {
        stored: stored.clone(),
        seen: open.root_identity().to_owned(),
    })
}

fn forgotten() -> Problem {
    Problem::with_object(ProblemCode::Partial, "the listing was begun by another session")
}
