//! What becomes of a row its source gives up: the object is deleted, handed over, or left as an orphan.

use k1s_object::Key;
use k1s_sync_engine::decide::{Action, LocalState, SourceState as Declared, decide};
use k1s_sync_engine::event::Verdict;
use k1s_sync_engine::id::SourceVersion;

use crate::engine::EngineError;
use crate::place;
use crate::row::{Author, BaseAt, Cause, CurrentRow, InventoryRow, Live, Owner, Standing, TombstoneRow};
use crate::table::Table;
use crate::writer::application::Application;
use crate::writer::prune::{Candidate, Prune, Word};

/// Who takes over an object that its owner gives up.
pub(crate) struct Heir {
    owner: Owner,
    declared_namespace: Box<str>,
}

impl Application<'_, '_> {
    /// Deletes one object and keeps a tombstone, or hands it over where somebody else declares it. Returns how many
    /// objects were deleted.
    pub(crate) fn remove(&mut self, candidate: Candidate, prune: &Prune) -> Result<u64, EngineError> {
        let Some(live) = self.own_live(&candidate)? else {
            self.forget(candidate)?;
            return Ok(0);
        };
        if let Some(heir) = self.heir(&candidate)? {
            self.transfer(&candidate, live, heir)?;
            return Ok(0);
        }
        let policy = &self.source.policy;
        let action = decide(policy.conflict, policy.adoption, Declared::Gone, LocalState::Untouched);
        if action == Action::Prune {
            self.delete_with_tombstone(candidate, &live, prune)?;
            Ok(1)
        } else {
            self.forget(candidate)?;
            Ok(0)
        }
    }

    /// Forgets a row that has no object: a user deleted it, or made another one in its place. Nothing goes by that.
    pub(crate) fn forget(&mut self, candidate: Candidate) -> Result<(), EngineError> {
        self.give_up(&candidate.key)?;
        self.forget_row(&candidate)?;
        self.transaction.given_up(&self.source.name, &candidate.key.group_kind);
        self.report(Some(candidate.key), Verdict::Unchanged, &candidate.row.provenance);
        Ok(())
    }

    /// Gives up an object without touching it; its base is remembered for the day it is declared again.
    pub(crate) fn orphan(&mut self, candidate: Candidate) -> Result<(), EngineError> {
        let Candidate { key, row } = candidate;
        self.transaction.given_up(&self.source.name, &key.group_kind);
        self.give_up(&key)?;
        self.release(&key)?;
        let row = InventoryRow {
            standing: Standing::Orphaned,
            ..row
        };
        self.transaction.put(Table::Inventory, &self.place(&key), &row)
    }

    /// The object of a candidate, if it is still the one its source made.
    pub(crate) fn own_live(&self, candidate: &Candidate) -> Result<Option<Live>, EngineError> {
        let current = self.transaction.current(&candidate.key)?;
        let mine = current.filter(|current| current.owner == Some(self.owner()));
        let live = mine.and_then(|current| current.live);
        Ok(live.filter(|live| live.uid == candidate.row.applied.uid))
    }

    /// Of those who declare the object and wait for it: this scope itself, by another form of the key, or else the first
    /// by source, scope and declared key.
    pub(crate) fn heir(&self, candidate: &Candidate) -> Result<Option<Heir>, EngineError> {
        let (mut own, mut first) = (None, None);
        for heir in self.claimants(&candidate.key)? {
            if heir.owner != self.owner() {
                first.get_or_insert(heir);
            } else if heir.declared_namespace != candidate.row.declared_namespace {
                own.get_or_insert(heir);
            }
        }
        Ok(own.or(first))
    }

    fn claimants(&self, key: &Key) -> Result<Vec<Heir>, EngineError> {
        let prefix = place::cause(&Cause::Object(key.clone()));
        let waiting = self.transaction.keys_after(Table::PendingByCause, &prefix)?;
        let heir = |rest: &Vec<u8>| {
            let (source, scope, key) = place::split_waiting(rest)?;
            Some(Heir {
                owner: Owner { source, scope },
                declared_namespace: key.namespace,
            })
        };
        Ok(waiting.iter().filter_map(heir).collect())
    }

    /// Lets go of a row where no object goes by that, so that no guard has a say: there is none of ours, or the same scope
    /// declares it by another form of its key. Gives the candidate back otherwise.
    pub(crate) fn let_go(&mut self, candidate: Candidate) -> Result<Option<Candidate>, EngineError> {
        let Some(live) = self.own_live(&candidate)? else {
            self.forget(candidate)?;
            return Ok(None);
        };
        let me = self.owner();
        match self.heir(&candidate)?.filter(|heir| heir.owner == me) {
            Some(heir) => self.transfer(&candidate, live, heir).map(|()| None),
            None => Ok(Some(candidate)),
        }
    }

    /// Hands over what somebody waits for, unless the object itself forbids it. Gives the candidate back otherwise.
    pub(crate) fn hand_over(&mut self, candidate: Candidate) -> Result<Option<Candidate>, EngineError> {
        let Some(heir) = self.heir(&candidate)? else {
            return Ok(Some(candidate));
        };
        match self.own_live(&candidate)? {
            Some(live) if !self.is_withheld(&live, Word::Source)? => {
                self.transfer(&candidate, live, heir).map(|()| None)
            }
            Some(_) | None => Ok(Some(candidate)),
        }
    }

    /// Hands an object over in place of deleting it. The heir inherits the base, so that the fields which only the former
    /// owner declared go when the heir's own declaration is applied, which happens next.
    fn transfer(&mut self, candidate: &Candidate, live: Live, heir: Heir) -> Result<(), EngineError> {
        let Candidate { key, row } = candidate;
        let Heir {
            owner,
            declared_namespace,
        } = heir;
        let (from, to) = (self.place(key), place::row(&owner.source, &owner.scope, key));
        let base = self.transaction.get_bytes(Table::Bases, &from)?;
        let selection = if owner.source == self.source.name {
            self.source.policy.selection
        } else {
            self.transaction.stored_selection(&owner)?
        };
        if from != to {
            self.forget_row(candidate)?;
            // Nothing is gone by that.
            self.transaction.given_up(&self.source.name, &key.group_kind);
            let before: Option<InventoryRow> = self.transaction.get(Table::Inventory, &to)?;
            if before.is_none_or(|row| row.standing == Standing::Orphaned) {
                self.transaction.gained(&owner.source, &key.group_kind);
            }
        }
        match base {
            Some(base) => self.transaction.put_bytes(Table::Bases, &to, &base)?,
            None => self.transaction.delete(Table::Bases, &to)?,
        }
        let inherited = InventoryRow {
            declared_namespace,
            // The heir never spoke of this state, and claimed it under its own selection.
            source_version: SourceVersion::default(),
            selection,
            generation: 1,
            last_sync: self.transaction.now(),
            ..row.clone()
        };
        self.transaction.put(Table::Inventory, &to, &inherited)?;
        let current = CurrentRow {
            owner: Some(owner),
            live: Some(live),
        };
        self.transaction.put(Table::Current, &key.encode(), &current)?;
        self.transaction.arrived(Cause::Object(key.clone()));
        self.report(Some(key.clone()), Verdict::Unchanged, &row.provenance);
        Ok(())
    }

    fn delete_with_tombstone(&mut self, candidate: Candidate, live: &Live, prune: &Prune) -> Result<(), EngineError> {
        let base = self.transaction.get_bytes(Table::Bases, &self.place(&candidate.key))?;
        let author = Author::Source(self.source.name.clone());
        let deleted = self
            .transaction
            .delete_object(self.world, &candidate.key, live, author, None)?;
        self.forget_row(&candidate)?;
        let Candidate { key, row } = candidate;
        match prune.word {
            Word::Source => self.transaction.lost(&self.source.name, &key.group_kind),
            Word::Person => self.transaction.given_up(&self.source.name, &key.group_kind),
        }
        let provenance = row.provenance.clone();
        self.transaction.put_tombstone(&TombstoneRow {
            key: key.clone(),
            owner: self.owner(),
            deleted,
            at: self.transaction.now(),
            inventory: row,
            base,
            prune: prune.id.clone(),
        })?;
        self.report(Some(key), Verdict::Deleted, &provenance);
        Ok(())
    }

    /// Gives up a key; whoever waits for it is tried again.
    pub(crate) fn give_up(&mut self, key: &Key) -> Result<(), EngineError> {
        let current = self.transaction.current(key)?;
        let Some(current) = current.filter(|current| current.owner == Some(self.owner())) else {
            return Ok(());
        };
        match current.live {
            None => self.transaction.delete(Table::Current, &key.encode())?,
            Some(_) => {
                let current = CurrentRow { owner: None, ..current };
                self.transaction.put(Table::Current, &key.encode(), &current)?;
            }
        }
        self.transaction.arrived(Cause::Object(key.clone()));
        Ok(())
    }

    /// Gives up the object of a declaration that is dropped, if it is ours without a row: nobody could prune or take it.
    pub(crate) fn give_up_rowless(&mut self, key: &Key) -> Result<(), EngineError> {
        match self.transaction.get_bytes(Table::Inventory, &self.place(key))? {
            Some(_) => Ok(()),
            None => self.give_up(key),
        }
    }

    /// Drops what is remembered of a row.
    pub(crate) fn forget_row(&mut self, candidate: &Candidate) -> Result<(), EngineError> {
        let Candidate { key, row } = candidate;
        self.release(key)?;
        let place = self.place(key);
        self.transaction.delete(Table::Inventory, &place)?;
        if row.base == BaseAt::Beside {
            self.transaction.delete(Table::Bases, &place)?;
        }
        let hash = self.hash(key);
        self.scope_state().index.remove(hash);
        Ok(())
    }
}
