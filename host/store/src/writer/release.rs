//! Sources that are configured no longer: their objects become orphans, and nothing else of them is in anyone's way.
//!
//! What they last declared is remembered for the day a source of that name declares it again, and so is the epoch of
//! their last launch. Nothing is deleted.

use std::collections::BTreeSet;

use k1s_sync_engine::id::{ScopeId, SourceName};
use k1s_sync_engine::policy::SourcePolicy;
use k1s_sync_engine::work::Receipt;

use crate::engine::EngineError;
use crate::place;
use crate::row::Standing;
use crate::table::Table;
use crate::writer::application::{Application, Occasion};
use crate::writer::job::Outcome;
use crate::writer::memory::Memory;
use crate::writer::source::SourceState;
use crate::writer::transaction::Transaction;

/// Rows released in one transaction; others get their turn before the next.
pub(crate) const ROWS_AT_ONCE: usize = 4096;

/// A source that was released, and what of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Released {
    /// The source.
    pub source: SourceName,
    /// Objects that it owned, or keys of deleted ones that it still remembered.
    pub objects: u64,
    /// Declarations that waited, and were dropped.
    pub pending: u64,
}

impl Released {
    fn nothing_of(source: SourceName) -> Self {
        Self {
            source,
            objects: 0,
            pending: 0,
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
    pub(crate) fn release(
        &mut self,
        transaction: &mut Transaction<'_>,
        configured: &BTreeSet<SourceName>,
    ) -> Outcome<Step> {
        let mut step = Step::default();
        let mut room = ROWS_AT_ONCE;
        for source in remembered(transaction)?.difference(configured) {
            self.sessions.remove(source);
            self.policies.remove(source);
            let writes = transaction.writes();
            let released = self.release_source(transaction, source, &mut room)?;
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
        room: &mut usize,
    ) -> Result<Released, EngineError> {
        let mut released = Released::nothing_of(source.clone());
        // Nothing here asks a policy.
        let policy = SourcePolicy::default();
        let mut state = SourceState::load(transaction.tables(), source.clone(), policy, &self.world)?;
        let scopes: Vec<ScopeId> = state.scopes().cloned().collect();
        for scope in scopes {
            let mut application = Application {
                transaction: &mut *transaction,
                world: &mut self.world,
                source: &mut state,
                scope,
                occasion: Occasion::Arrival,
                receipt: &mut Receipt::default(),
            };
            application.release_scope(room, &mut released)?;
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

/// The sources that were ever launched here.
fn remembered(transaction: &Transaction<'_>) -> Result<BTreeSet<SourceName>, EngineError> {
    let keys = transaction.keys_after(Table::Sources, &[])?;
    Ok(keys.iter().filter_map(|key| place::source_at(key)).collect())
}
