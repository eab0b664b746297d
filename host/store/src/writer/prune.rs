//! Deletes: what may go, what is held, what becomes of it.

use std::collections::{BTreeMap, BTreeSet};

use k1s_object::{ControlAnnotations, GroupKind, Key, PruneRule, Reconcile};
use k1s_sync_engine::decide::{Action, Likeness, LocalState, SourceState as Declared, decide};
use k1s_sync_engine::event::Verdict;
use k1s_sync_engine::guard::Judgement;
use k1s_sync_engine::order::ApplyOrder;
use k1s_sync_engine::policy::{EmptyRule, PruneMode};
use k1s_sync_engine::work::{Absence, HeldPruneId, HoldReason};
use sha2::{Digest, Sha256};

use crate::engine::EngineError;
use crate::place;
use crate::row::{Author, Cause, CurrentRow, HeldRow, InventoryRow, Live, Origin, Owner, Standing, TombstoneRow, Uid};
use crate::table::Table;
use crate::writer::application::Application;
use crate::writer::objects::parse;
use crate::writer::world::{definition_kind, namespace_kind};

/// An owned row whose object may have to go.
#[derive(Clone)]
pub(crate) struct Candidate {
    pub(crate) key: Key,
    pub(crate) row: InventoryRow,
}

/// What makes rows candidates.
pub(crate) enum Trigger {
    /// The source said so, key by key.
    Declared,
    /// A complete listing did not have them.
    Absent {
        /// The place is not the one the rows came from.
        root_changed: Option<HoldReason>,
        /// The source says that an empty listing is meant.
        empty: EmptyRule,
    },
}

struct Held {
    candidate: Candidate,
    reason: HoldReason,
}

impl Application<'_, '_> {
    /// Deletes the candidates that may go, holds the others, and records what is held.
    pub(crate) fn prune(&mut self, candidates: Vec<Candidate>, trigger: &Trigger) -> Result<Absence, EngineError> {
        let mut candidates = self.without_orphans(candidates, trigger)?;
        if let Some(reason) = self.group_hold(&candidates, trigger)? {
            let held = candidates
                .into_iter()
                .map(|candidate| Held {
                    candidate,
                    reason: reason.clone(),
                })
                .collect();
            return self.hold(held, trigger);
        }
        let held = self.individual_holds(&mut candidates)?;
        // What others need goes last.
        candidates.sort_by_key(|candidate| std::cmp::Reverse(self.order(&candidate.key.group_kind)));
        let pruned = u64::try_from(candidates.len()).unwrap_or(u64::MAX);
        for candidate in candidates {
            self.remove(candidate)?;
        }
        match self.hold(held, trigger)? {
            Absence::None if pruned > 0 => Ok(Absence::Pruned(pruned)),
            other => Ok(other),
        }
    }

    fn order(&self, group_kind: &GroupKind) -> ApplyOrder {
        ApplyOrder::of(group_kind, self.world.scope_of(group_kind))
    }

    /// Rows that absence cannot speak of, or whose source prunes nothing, become orphans.
    fn without_orphans(
        &mut self,
        candidates: Vec<Candidate>,
        trigger: &Trigger,
    ) -> Result<Vec<Candidate>, EngineError> {
        let mut left = Vec::new();
        for candidate in candidates {
            let deselected = match trigger {
                Trigger::Declared => false,
                Trigger::Absent { .. } => candidate.row.selection != self.source.policy.selection,
            };
            if deselected || self.source.policy.prune == PruneMode::Disabled {
                self.orphan(candidate)?;
            } else {
                left.push(candidate);
            }
        }
        Ok(left)
    }

    /// Gives up an object without touching it; its base is remembered.
    pub(crate) fn orphan(&mut self, candidate: Candidate) -> Result<(), EngineError> {
        let Candidate { key, row } = candidate;
        let place = self.place(&key);
        self.transaction.lost(&self.source.name, &key.group_kind);
        if let Some(current) = self
            .transaction
            .current(&key)?
            .filter(|current| current.owner == Some(self.owner()))
        {
            let current = CurrentRow { owner: None, ..current };
            match current.live {
                Some(_) => self.transaction.put(Table::Current, &key.encode(), &current)?,
                None => self.transaction.delete(Table::Current, &key.encode())?,
            }
        }
        self.transaction.put(
            Table::Inventory,
            &place,
            &InventoryRow {
                standing: Standing::Orphaned,
                ..row
            },
        )
    }

    /// Whether the whole set is held, and why.
    fn group_hold(&self, candidates: &[Candidate], trigger: &Trigger) -> Result<Option<HoldReason>, EngineError> {
        let removals = u64::try_from(candidates.len()).unwrap_or(u64::MAX);
        if removals == 0 {
            return Ok(None);
        }
        if let Trigger::Absent { root_changed, empty } = trigger {
            if let Some(reason) = root_changed {
                return Ok(Some(reason.clone()));
            }
            if *empty == EmptyRule::Hold && self.transaction.inventory_count(&self.source.name)? <= removals {
                return Ok(Some(HoldReason::Empty));
            }
        }
        let mut removals_by_kind: BTreeMap<&GroupKind, u64> = BTreeMap::new();
        for candidate in candidates {
            *removals_by_kind.entry(&candidate.key.group_kind).or_default() += 1;
        }
        let by_kind = removals_by_kind
            .into_iter()
            .map(|(kind, removals)| (Some(kind), removals));
        for (kind, removals) in std::iter::once((None, removals)).chain(by_kind) {
            match self
                .transaction
                .judge(&self.source.name, kind, removals, self.source.policy.guard)?
            {
                Judgement::Pass => {}
                Judgement::Hold { shrink, limit } => return Ok(Some(HoldReason::Guard { shrink, limit })),
            }
        }
        Ok(None)
    }

    /// Takes out the candidates that are held by themselves.
    fn individual_holds(&mut self, candidates: &mut Vec<Candidate>) -> Result<Vec<Held>, EngineError> {
        let going: BTreeSet<Key> = candidates.iter().map(|candidate| candidate.key.clone()).collect();
        let (mut held, mut left) = (Vec::new(), Vec::new());
        for candidate in std::mem::take(candidates) {
            match self.individual_hold(&candidate, &going)? {
                Some(reason) => held.push(Held { candidate, reason }),
                None => left.push(candidate),
            }
        }
        *candidates = left;
        Ok(held)
    }

    fn individual_hold(&self, candidate: &Candidate, going: &BTreeSet<Key>) -> Result<Option<HoldReason>, EngineError> {
        let Some(live) = self.own_live(candidate)? else {
            return Ok(None);
        };
        let body = parse(&self.transaction.body(live.revision)?)?;
        let control = ControlAnnotations::of(&body);
        if control.prune != PruneRule::Allowed || control.reconcile == Reconcile::Disabled {
            return Ok(Some(HoldReason::Annotation(candidate.key.clone())));
        }
        let stays = self
            .contents(&candidate.key, &body)?
            .into_iter()
            .any(|key| !going.contains(&key));
        Ok(stays.then(|| HoldReason::Contents(candidate.key.clone())))
    }

    /// What a namespace or a definition holds.
    fn contents(&self, key: &Key, body: &serde_json::Value) -> Result<Vec<Key>, EngineError> {
        let prefix = if key.group_kind == definition_kind() {
            let Ok(names) = crate::kinds::definition_names(body) else {
                return Ok(Vec::new());
            };
            Key::prefix(&names.group_kind, None)
        } else if key.group_kind == namespace_kind() {
            Vec::new()
        } else {
            return Ok(Vec::new());
        };
        let mut contents = Vec::new();
        for rest in self.transaction.keys_after(Table::Current, &prefix)? {
            let bytes = [prefix.as_slice(), &rest].concat();
            let inner = Key::decode(&bytes).map_err(|error| EngineError::Row {
                table: Table::Current.name(),
                detail: error.to_string(),
            })?;
            if key.group_kind != namespace_kind() || inner.namespace == key.name {
                contents.push(inner);
            }
        }
        Ok(contents)
    }

    /// The object of a candidate, if it is still the one its source made.
    fn own_live(&self, candidate: &Candidate) -> Result<Option<Live>, EngineError> {
        let current = self.transaction.current(&candidate.key)?;
        let mine = current.filter(|current| current.owner == Some(self.owner()));
        Ok(mine
            .and_then(|current| current.live)
            .filter(|live| live.uid == candidate.row.applied.uid))
    }

    /// Deletes one object and keeps a tombstone, or only forgets the row when there is no object of ours.
    pub(crate) fn remove(&mut self, candidate: Candidate) -> Result<(), EngineError> {
        let live = self.own_live(&candidate)?;
        if let (Some(live), Some(heir)) = (&live, self.heir(&candidate.key)?) {
            return self.transfer(&candidate, live.clone(), heir);
        }
        let local = match &live {
            None => LocalState::Absent,
            Some(live) if live.origin == Origin::HostMade => LocalState::Unowned(Likeness::Equal),
            Some(_) => LocalState::Untouched,
        };
        let policy = &self.source.policy;
        let verdict = match (decide(policy.conflict, policy.adoption, Declared::Gone, local), live) {
            (Action::Prune, Some(live)) => {
                self.delete_with_tombstone(&candidate, &live)?;
                Verdict::Deleted
            }
            _ => {
                self.release_key(&candidate.key)?;
                Verdict::Unchanged
            }
        };
        self.forget_row(&candidate)?;
        let provenance = candidate.row.provenance.clone();
        self.report(Some(candidate.key), verdict, &provenance);
        Ok(())
    }

    /// Who takes over an object that its owner gives up: of those who claim it, the first by name.
    fn heir(&self, key: &Key) -> Result<Option<Owner>, EngineError> {
        let prefix = place::cause(&Cause::Object(key.clone()));
        let waiting = self.transaction.keys_after(Table::PendingByCause, &prefix)?;
        let heirs = waiting.iter().filter_map(|rest| place::split_waiting(rest));
        Ok(heirs
            .map(|(source, scope, _)| Owner { source, scope })
            .find(|heir| *heir != self.owner()))
    }

    /// Hands an object over in place of deleting it; its new owner's declaration is applied next.
    fn transfer(&mut self, candidate: &Candidate, live: Live, heir: Owner) -> Result<(), EngineError> {
        let row = CurrentRow {
            owner: Some(heir),
            live: Some(live),
        };
        self.transaction.put(Table::Current, &candidate.key.encode(), &row)?;
        self.transaction.arrived(Cause::Object(candidate.key.clone()));
        self.forget_row(candidate)?;
        self.report(
            Some(candidate.key.clone()),
            Verdict::Unchanged,
            &candidate.row.provenance,
        );
        Ok(())
    }

    fn delete_with_tombstone(&mut self, candidate: &Candidate, live: &Live) -> Result<(), EngineError> {
        let author = Author::Source(self.source.name.clone());
        let deleted = self
            .transaction
            .delete_object(self.world, &candidate.key, live, author, None)?;
        let tombstone = TombstoneRow {
            key: candidate.key.clone(),
            owner: self.owner(),
            deleted,
            at: self.transaction.now(),
            inventory: candidate.row.clone(),
        };
        self.transaction
            .put(Table::Tombstones, &place::version(deleted), &tombstone)
    }

    /// Gives up a key whose object is not there.
    fn release_key(&mut self, key: &Key) -> Result<(), EngineError> {
        let current = self
            .transaction
            .current(key)?
            .filter(|current| current.owner == Some(self.owner()));
        match current {
            Some(CurrentRow { live: None, .. }) => self.transaction.delete(Table::Current, &key.encode()),
            Some(current) => {
                self.transaction
                    .put(Table::Current, &key.encode(), &CurrentRow { owner: None, ..current })
            }
            None => Ok(()),
        }
    }

    fn forget_row(&mut self, candidate: &Candidate) -> Result<(), EngineError> {
        let place = self.place(&candidate.key);
        self.transaction.delete(Table::Inventory, &place)?;
        if candidate.row.base == crate::row::BaseAt::Beside {
            self.transaction.delete(Table::Bases, &place)?;
        }
        if candidate.row.standing == Standing::Owned {
            self.transaction.lost(&self.source.name, &candidate.key.group_kind);
        }
        let hash = self.hash(&candidate.key);
        self.scope_state().index.remove(hash);
        Ok(())
    }

    /// Records what is held; an absence replaces what was held before, a declared delete adds to it.
    fn hold(&mut self, held: Vec<Held>, trigger: &Trigger) -> Result<Absence, EngineError> {
        let place = place::scope(&self.source.name, &self.scope);
        let before: Option<HeldRow> = self.transaction.get(Table::Held, &place)?;
        let mut uid_by_key: BTreeMap<Key, Uid> = match trigger {
            Trigger::Declared => self.held_rows(&place)?,
            Trigger::Absent { .. } => BTreeMap::new(),
        };
        let reason = held.first().map(|held| held.reason.clone());
        uid_by_key.extend(
            held.into_iter()
                .map(|held| (held.candidate.key, held.candidate.row.applied.uid)),
        );
        let id = held_id(&uid_by_key);
        let unchanged = before
            .as_ref()
            .map_or(uid_by_key.is_empty(), |row| row.id == id && !uid_by_key.is_empty());
        let Some(reason) = reason.or_else(|| before.as_ref().map(|row| row.reason.clone())) else {
            return Ok(Absence::None);
        };
        let rows = u64::try_from(uid_by_key.len()).unwrap_or(u64::MAX);
        if !unchanged {
            self.replace_held(
                &place,
                &uid_by_key,
                HeldRow {
                    id: id.clone(),
                    reason: reason.clone(),
                    rows,
                    since: self.transaction.now(),
                },
            )?;
        }
        if rows == 0 {
            Ok(Absence::None)
        } else {
            Ok(Absence::Held { id, rows, reason })
        }
    }

    fn held_rows(&self, place: &[u8]) -> Result<BTreeMap<Key, Uid>, EngineError> {
        let rows = self
            .transaction
            .rows_where::<Uid>(Table::HeldRows, place, &mut |_| true)?;
        rows.into_iter()
            .map(|(key, uid)| {
                let key = Key::decode(&key).map_err(|error| EngineError::Row {
                    table: Table::HeldRows.name(),
                    detail: error.to_string(),
                })?;
                Ok((key, uid))
            })
            .collect()
    }

    fn replace_held(
        &mut self,
        place: &[u8],
        uid_by_key: &BTreeMap<Key, Uid>,
        header: HeldRow,
    ) -> Result<(), EngineError> {
        let before = self.held_rows(place)?;
        for key in before.keys().filter(|key| !uid_by_key.contains_key(*key)) {
            let row = self.place(key);
            self.transaction.delete(Table::HeldRows, &row)?;
        }
        for (key, uid) in uid_by_key.iter().filter(|(key, uid)| before.get(*key) != Some(uid)) {
            let row = self.place(key);
            self.transaction.put(Table::HeldRows, &row, uid)?;
        }
        self.scope_state().held = header.rows;
        if header.rows == 0 {
            self.transaction.delete(Table::Held, place)
        } else {
            self.transaction.put(Table::Held, place, &header)
        }
    }

    /// Brings the head of the held prune up to date after a row was taken out of it.
    pub(crate) fn recount_held(&mut self) -> Result<(), EngineError> {
        let place = place::scope(&self.source.name, &self.scope);
        let rows = self.scope_state().held;
        match self.transaction.get::<HeldRow>(Table::Held, &place)? {
            Some(header) if rows > 0 => self.transaction.put(Table::Held, &place, &HeldRow { rows, ..header }),
            Some(_) => self.transaction.delete(Table::Held, &place),
            None => Ok(()),
        }
    }
}

/// The first 16 hexadecimal characters of SHA-256 over the sorted keys and uids.
fn held_id(uid_by_key: &BTreeMap<Key, Uid>) -> HeldPruneId {
    let mut hash = Sha256::new();
    for (key, uid) in uid_by_key {
        hash.update(key.encode());
        hash.update([0]);
        hash.update(uid.to_string());
    }
    let digest: [u8; 32] = hash.finalize().into();
    HeldPruneId(
        digest
            .iter()
            .take(8)
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>()
            .into(),
    )
}
