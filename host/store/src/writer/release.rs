//! Sources that are configured no longer: their objects become orphans, and nothing else of them is in anyone's way.
//!
//! What they last declared is remembered for the day a source of that name declares it again, and so is the epoch of
//! their last launch. Objects are deleted only where the source's configuration said so, and what the guard holds then
//! stays owned by the source, so that a person can settle it.

use std::collections::{BTreeMap, BTreeSet};

use k1s_sync_engine::guard::GuardLimit;
use k1s_sync_engine::id::{ScopeId, SourceName};
use k1s_sync_engine::policy::{Departure, SourcePolicy};
use k1s_sync_engine::work::{Absence, Receipt};

use crate::engine::EngineError;
use crate::place;
use crate::row::{GroundRow, Removal, Standing};
use crate::table::Table;
use crate::writer::application::{Application, Occasion};
use crate::writer::job::Outcome;
use crate::writer::memory::Memory;
use crate::writer::prune::Trigger;
use crate::writer::source::SourceState;
use crate::writer::transaction::Transaction;

/// Rows released in one transaction; others get their turn before the next.
pub(crate) const ROWS_AT_ONCE: usize = 4096;

/// Which sources are released.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Leaving {
    /// All but these; what becomes of the objects of each is what its last session was configured with.
    AllBut(BTreeSet<SourceName>),
    /// All but these of which the objects stay; those of which they are to go are left alone.
    KeepingAllBut(BTreeSet<SourceName>),
    /// One that was configured until now.
    One {
        /// Its name.
        source: SourceName,
        /// What becomes of its objects.
        departure: Departure,
        /// How many of them may be deleted.
        guard: GuardLimit,
    },
}

/// A source that was released, and what of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Released {
    /// The source.
    pub source: SourceName,
    /// Objects that it owned, or keys of deleted ones that it still remembered.
    pub objects: u64,
    /// Declarations that waited, and were dropped.
    pub pending: u64,
    /// Objects that were deleted.
    pub deleted: u64,
    /// Objects that would be deleted if a guard did not hold them.
    pub held: u64,
}

impl Released {
    /// Of a source that had nothing.
    #[must_use]
    pub fn nothing_of(source: SourceName) -> Self {
        Self {
            source,
            objects: 0,
            pending: 0,
            deleted: 0,
            held: 0,
        }
    }
}

/// Adds up what several transactions released.
pub(crate) fn add_up(total: &mut Vec<Released>, step: Vec<Released>) {
    for released in step {
        match total.iter_mut().find(|before| before.source == released.source) {
            Some(before) => {
                before.objects += released.objects;
                before.pending += released.pending;
                before.deleted += released.deleted;
                before.held += released.held;
            }
            None => total.push(released),
        }
    }
}

/// What one transaction released.
#[derive(Debug, Default)]
pub(crate) struct Step {
    pub(crate) released: Vec<Released>,
    pub(crate) rest: Rest,
}

/// Whether another step is needed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Rest {
    /// Nothing is left to release.
    #[default]
    Nothing,
    /// The step was full.
    Some,
}

impl Memory {
    /// Releases sources that are not configured, up to [`ROWS_AT_ONCE`] rows of them.
    pub(crate) fn release(&mut self, transaction: &mut Transaction<'_>, leaving: &Leaving) -> Outcome<Step> {
        let mut step = Step::default();
        let mut room = ROWS_AT_ONCE;
        for (source, policy) in leaving.policies(transaction)? {
            self.sessions.remove(&source);
            self.policies.remove(&source);
            let writes = transaction.writes();
            let released = self.release_source(transaction, &source, policy, &mut room)?;
            if transaction.writes() != writes {
                step.released.push(released);
            }
            if room == 0 {
                step.rest = Rest::Some;
                break;
            }
        }
        self.apply_arrivals(transaction)?;
        Ok(Ok(step))
    }

    fn release_source(
        &mut self,
        transaction: &mut Transaction<'_>,
        source: &SourceName,
        policy: SourcePolicy,
        room: &mut usize,
    ) -> Result<Released, EngineError> {
        let mut released = Released::nothing_of(source.clone());
        let departure = policy.removed;
        let mut state = SourceState::load(transaction.tables(), source.clone(), policy, &self.world)?;
        let scopes: Vec<ScopeId> = state.scopes().cloned().collect();
        for scope in scopes {
            let mut receipt = Receipt::default();
            let mut application = Application {
                transaction: &mut *transaction,
                world: &mut self.world,
                source: &mut state,
                scope,
                occasion: Occasion::Arrival,
                receipt: &mut receipt,
            };
            match departure {
                Departure::Keep => application.release_scope(room, &mut released)?,
                Departure::Prune => application.prune_scope(room, &mut released)?,
            }
            released.deleted += receipt.tally.deleted;
        }
        let is_let_go = *room > 0 && released.held == 0;
        transaction.pardon(source)?;
        if is_let_go && transaction.get_bytes(Table::Grounds, &place::source(source))?.is_some() {
            transaction.delete(Table::Grounds, &place::source(source))?;
        }
        Ok(released)
    }
}

impl Application<'_, '_> {
    /// Releases rows while there is room; the position goes last, with the last of them.
    fn release_scope(&mut self, room: &mut usize, released: &mut Released) -> Result<(), EngineError> {
        for row in self.pending_rows()?.into_iter().take(*room) {
            self.withdraw(&row.key)?;
            *room -= 1;
            released.pending += 1;
        }
        let owned = self
            .inventory_rows()?
            .into_iter()
            .filter(|candidate| candidate.row.standing == Standing::Owned);
        for candidate in owned.take(*room) {
            self.orphan(candidate)?;
            *room -= 1;
            released.objects += 1;
        }
        if *room > 0 {
            for key in self.held_rows()?.into_keys() {
                self.release(&key)?;
            }
            self.forget_position()?;
        }
        Ok(())
    }
}

impl Application<'_, '_> {
    /// Deletes what the guard allows, all in one step, because it judges whole sets; the rest stays held and owned.
    fn prune_scope(&mut self, room: &mut usize, released: &mut Released) -> Result<(), EngineError> {
        for row in self.pending_rows()? {
            self.withdraw(&row.key)?;
            *room = room.saturating_sub(1);
            released.pending += 1;
        }
        let mut candidates = self.inventory_rows()?;
        candidates.retain(|candidate| candidate.row.standing == Standing::Owned);
        *room = room.saturating_sub(candidates.len());
        match self.prune(candidates, &Trigger::Removed)? {
            Absence::Held { rows, .. } => {
                released.held += rows;
                self.forget_token()
            }
            Absence::None | Absence::Pruned(_) | Absence::Unproven(_) => self.forget_position(),
        }
    }
}

impl Leaving {
    /// The sources that are released, and how.
    fn policies(&self, transaction: &Transaction<'_>) -> Result<BTreeMap<SourceName, SourcePolicy>, EngineError> {
        match self {
            Self::One {
                source,
                departure,
                guard,
            } => Ok(BTreeMap::from([(source.clone(), leaving(*departure, *guard))])),
            Self::AllBut(configured) => others(transaction, configured),
            Self::KeepingAllBut(configured) => {
                let mut policies = others(transaction, configured)?;
                policies.retain(|_, policy| policy.removed == Departure::Keep);
                Ok(policies)
            }
        }
    }
}

/// The sources that are not configured, as their last sessions were.
fn others(
    transaction: &Transaction<'_>,
    configured: &BTreeSet<SourceName>,
) -> Result<BTreeMap<SourceName, SourcePolicy>, EngineError> {
    remembered(transaction)?
        .difference(configured)
        .map(|source| Ok((source.clone(), last_policy(transaction, source)?)))
        .collect()
}

/// Of a policy, what a release asks.
fn leaving(removed: Departure, guard: GuardLimit) -> SourcePolicy {
    SourcePolicy {
        removed,
        guard,
        ..SourcePolicy::default()
    }
}

/// What the last session of a source was configured with.
fn last_policy(transaction: &Transaction<'_>, source: &SourceName) -> Result<SourcePolicy, EngineError> {
    let row: Option<GroundRow> = transaction.get(Table::Grounds, &place::source(source))?;
    Ok(match row.map(|row| row.removal) {
        Some(Removal::Prune { min, percent }) => leaving(Departure::Prune, GuardLimit { min, percent }),
        Some(Removal::Keep) | None => SourcePolicy::default(),
    })
}

/// The sources that were ever launched here.
fn remembered(transaction: &Transaction<'_>) -> Result<BTreeSet<SourceName>, EngineError> {
    let keys = transaction.keys_after(Table::Sources, &[])?;
    Ok(keys.iter().filter_map(|key| place::source_at(key)).collect())
}
