//! What is remembered of deletes that are held: one list for each scope, named by its hash.

use std::collections::BTreeMap;

use k1s_object::Key;
use k1s_sync_engine::work::{Absence, HeldPruneId, HoldReason};
use sha2::{Digest, Sha256};

use crate::engine::EngineError;
use crate::place;
use crate::row::{HeldRow, Uid};
use crate::table::Table;
use crate::writer::application::Application;
use crate::writer::prune::{Candidate, Trigger};

/// A candidate that stays, and why.
pub(crate) struct Held {
    pub(crate) candidate: Candidate,
    pub(crate) reason: HoldReason,
}

pub(crate) type UidByKey = BTreeMap<Key, Uid>;

impl Application<'_, '_> {
    /// Records what is held: a listing replaces what was held before, declared deletes add to it. Writes nothing when the
    /// list and its reason are as before.
    pub(crate) fn hold(&mut self, held: Vec<Held>, trigger: &Trigger) -> Result<Absence, EngineError> {
        let before = self.held_rows()?;
        let mut after = match trigger {
            Trigger::Declared => before.clone(),
            Trigger::Absent { .. } | Trigger::Removed => UidByKey::new(),
        };
        let reason = held.first().map(|held| held.reason.clone());
        let uid_by_key = held
            .into_iter()
            .map(|held| (held.candidate.key, held.candidate.row.applied.uid));
        after.extend(uid_by_key);
        self.replace_held_rows(&before, &after)?;
        let Some(reason) = reason else {
            if before.len() != after.len() {
                self.recount_held()?;
            }
            return Ok(Absence::None);
        };
        let (id, rows) = (list_id(&after), self.scope_state().held);
        self.put_held(HeldRow {
            id: id.clone(),
            reason: reason.clone(),
            rows,
            since: self.transaction.now(),
        })?;
        Ok(Absence::Held { id, rows, reason })
    }

    /// Takes a key out of the scope's held prune, if it is there.
    pub(crate) fn release(&mut self, key: &Key) -> Result<(), EngineError> {
        if self.scope_state().held == 0 {
            return Ok(());
        }
        let place = self.place(key);
        if self.transaction.get_bytes(Table::HeldRows, &place)?.is_none() {
            return Ok(());
        }
        self.transaction.delete(Table::HeldRows, &place)?;
        self.scope_state().held -= 1;
        self.recount_held()
    }

    pub(crate) fn held_rows(&mut self) -> Result<UidByKey, EngineError> {
        if self.scope_state().held == 0 {
            return Ok(UidByKey::new());
        }
        let place = place::scope(&self.source.name, &self.scope);
        let rows = self
            .transaction
            .rows_where::<Uid>(Table::HeldRows, &place, &mut |_| true)?;
        rows.into_iter()
            .map(|(key, uid)| Ok((place::object(Table::HeldRows, &key)?, uid)))
            .collect()
    }

    fn replace_held_rows(&mut self, before: &UidByKey, after: &UidByKey) -> Result<(), EngineError> {
        for key in before.keys().filter(|key| !after.contains_key(*key)) {
            self.transaction.delete(Table::HeldRows, &self.place(key))?;
        }
        for (key, uid) in after.iter().filter(|(key, uid)| before.get(*key) != Some(uid)) {
            self.transaction.put(Table::HeldRows, &self.place(key), uid)?;
        }
        self.scope_state().held = u64::try_from(after.len()).unwrap_or(u64::MAX);
        Ok(())
    }

    /// Writes the head of the list; what is held as before is held since then.
    fn put_held(&mut self, mut head: HeldRow) -> Result<(), EngineError> {
        let place = place::scope(&self.source.name, &self.scope);
        let before: Option<HeldRow> = self.transaction.get(Table::Held, &place)?;
        if let Some(before) = before.as_ref().filter(|before| before.id == head.id) {
            head.since = before.since;
        }
        if before.as_ref() == Some(&head) {
            return Ok(());
        }
        self.transaction.put(Table::Held, &place, &head)
    }

    /// Names what is left of the list anew, after a part of it was deleted: that goes by the old name from now on.
    pub(crate) fn rename_held(&mut self, reason: HoldReason) -> Result<(), EngineError> {
        let place = place::scope(&self.source.name, &self.scope);
        let id = list_id(&self.held_rows()?);
        match self.transaction.get::<HeldRow>(Table::Held, &place)? {
            Some(head) => self
                .transaction
                .put(Table::Held, &place, &HeldRow { id, reason, ..head }),
            None => Ok(()),
        }
    }

    /// Brings the head up to date after rows were taken out of the list. Its name stays until the next listing.
    fn recount_held(&mut self) -> Result<(), EngineError> {
        let place = place::scope(&self.source.name, &self.scope);
        let rows = self.scope_state().held;
        match self.transaction.get::<HeldRow>(Table::Held, &place)? {
            Some(head) if rows > 0 => self.transaction.put(Table::Held, &place, &HeldRow { rows, ..head }),
            Some(_) => self.transaction.delete(Table::Held, &place),
            None => Ok(()),
        }
    }
}

/// The list that candidates make.
pub(crate) fn uid_by_key(candidates: &[Candidate]) -> UidByKey {
    let entry = |candidate: &Candidate| (candidate.key.clone(), candidate.row.applied.uid);
    candidates.iter().map(entry).collect()
}

/// Names a list: the first 16 hexadecimal characters of SHA-256 over the sorted keys and uids.
pub(crate) fn list_id(uid_by_key: &UidByKey) -> HeldPruneId {
    let mut hash = Sha256::new();
    for (key, uid) in uid_by_key {
        hash.update(key.encode());
        hash.update([0]);
        hash.update(uid.to_string());
    }
    let digest: [u8; 32] = hash.finalize().into();
    let text: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    HeldPruneId(text.into())
}
