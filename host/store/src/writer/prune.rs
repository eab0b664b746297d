//! Deletes: which rows may go, and in which order.
//!
//! Why a row may have to stay is in `hold.rs`, what is remembered of that in `held.rs`, what becomes of one that goes in
//! `remove.rs`.

use k1s_crash::{Point, pass_by};
use k1s_object::{GroupKind, Key};
use k1s_sync_engine::order::ApplyOrder;
use k1s_sync_engine::policy::{Departure, EmptyRule, PruneMode};
use k1s_sync_engine::work::{Absence, HeldPruneId, HoldReason};

use crate::engine::EngineError;
use crate::row::InventoryRow;
use crate::writer::application::Application;
use crate::writer::ground::DISOWNED;
use crate::writer::held::{Held, list_id, uid_by_key};

/// An owned row whose object may have to go.
#[derive(Clone)]
pub(crate) struct Candidate {
    pub(crate) key: Key,
    pub(crate) row: InventoryRow,
}

/// A set of deletes that happens.
pub(crate) struct Prune {
    /// Names it.
    pub(crate) id: HeldPruneId,
    pub(crate) word: Word,
}

/// On whose word objects go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Word {
    /// The source's, inside every guard.
    Source,
    /// A person's, who saw the list; what goes is not missed by the guard.
    Person,
}

/// What makes rows candidates.
pub(crate) enum Trigger {
    /// The source said so, key by key.
    Declared,
    /// A complete listing did not have them.
    Absent {
        /// The place is not the one the rows came from.
        root_changed: Option<HoldReason>,
        /// What it means when nothing is left.
        empty: EmptyRule,
        /// What becomes of rows that were claimed under another selection.
        deselected: Departure,
    },
    /// The source is configured no longer, and its objects are to go with it.
    Removed,
}

impl Application<'_, '_> {
    /// Deletes the candidates that may go, holds the others, and records what is held.
    pub(crate) fn prune(&mut self, candidates: Vec<Candidate>, trigger: &Trigger) -> Result<Absence, EngineError> {
        let candidates = self.without_orphans(candidates, trigger)?;
        let candidates = self.without_inherited(candidates, trigger)?;
        if let Some(reason) = self.set_hold(&candidates, trigger)? {
            let held = candidates.into_iter().map(|candidate| Held {
                candidate,
                reason: reason.clone(),
            });
            return self.hold(held.collect(), trigger);
        }
        let (going, held) = self.single_holds(candidates, Word::Source)?;
        let prune = Prune {
            id: list_id(&uid_by_key(&going)),
            word: Word::Source,
        };
        let pruned = self.remove_all(going, &prune)?;
        let absence = self.hold(held, trigger)?;
        Ok(if absence == Absence::None && pruned > 0 {
            Absence::Pruned(pruned)
        } else {
            absence
        })
    }

    /// Deletes objects, what others need last; returns how many were deleted.
    pub(crate) fn remove_all(&mut self, mut going: Vec<Candidate>, prune: &Prune) -> Result<u64, EngineError> {
        going.sort_by_key(|candidate| std::cmp::Reverse(self.order(&candidate.key.group_kind)));
        let mut removed = 0;
        for candidate in going {
            removed += self.remove(candidate, prune)?;
        }
        pass_by(|| (removed > 0).then_some(Point::H9));
        Ok(removed)
    }

    pub(crate) fn order(&self, group_kind: &GroupKind) -> ApplyOrder {
        ApplyOrder::of(group_kind, self.world.scope_of(group_kind))
    }

    /// What is left when rows were let go of by which no object goes, and those that absence cannot speak of, or whose
    /// source prunes nothing, have become orphans.
    fn without_orphans(
        &mut self,
        candidates: Vec<Candidate>,
        trigger: &Trigger,
    ) -> Result<Vec<Candidate>, EngineError> {
        let mut left = Vec::new();
        for candidate in candidates {
            let Some(candidate) = self.let_go(candidate)? else {
                continue;
            };
            let stays = match trigger {
                Trigger::Declared | Trigger::Removed => false,
                Trigger::Absent { deselected, .. } => self.outlives(&candidate.row, *deselected),
            };
            match self.source.policy.prune {
                PruneMode::Enabled if !stays => left.push(candidate),
                PruneMode::Enabled | PruneMode::Disabled => self.orphan(candidate)?,
            }
        }
        Ok(left)
    }

    /// Whether absence leaves the object of a row as it is, because the row was claimed under another selection.
    fn outlives(&self, row: &InventoryRow, deselected: Departure) -> bool {
        row.selection != self.source.policy.selection
            && match deselected {
                Departure::Keep => true,
                Departure::Prune => row.selection == DISOWNED,
            }
    }

    /// What is left when rows that another source or scope waits for were handed over: nothing is deleted by that, so no
    /// guard has a say. From a place that is not the one they came from, nothing follows at all.
    fn without_inherited(
        &mut self,
        candidates: Vec<Candidate>,
        trigger: &Trigger,
    ) -> Result<Vec<Candidate>, EngineError> {
        let is_other_place = match trigger {
            Trigger::Declared | Trigger::Removed => false,
            Trigger::Absent { root_changed, .. } => root_changed.is_some(),
        };
        if is_other_place {
            return Ok(candidates);
        }
        let mut left = Vec::new();
        for candidate in candidates {
            left.extend(self.hand_over(candidate)?);
        }
        Ok(left)
    }
}
