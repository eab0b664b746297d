//! A person's commands, each done whole in the transaction that checked it.

use k1s_sync_engine::id::SourceName;
use k1s_sync_engine::policy::SourcePolicy;
use k1s_sync_engine::work::{HeldPruneId, Receipt};

use crate::command::{Approved, Command, CommandError, CommandOutcome, PruneRef, Switched, Undone};
use crate::engine::EngineError;
use crate::error::StoreError;
use crate::place;
use crate::row::{HeldRow, InventoryRow, Owner, SourceRow, Standing, Suspended};
use crate::table::Table;
use crate::writer::application::{Application, Occasion};
use crate::writer::job::Outcome;
use crate::writer::memory::Memory;
use crate::writer::prune::{Candidate, Prune, Word};
use crate::writer::reset;
use crate::writer::source::SourceState;
use crate::writer::transaction::Transaction;
use crate::writer::undo::Restoration;

/// A prune that a person named.
enum Named {
    /// It is held, in this scope.
    Held(HeldPruneId, Owner),
    /// It happened.
    Happened(HeldPruneId),
}

impl Memory {
    /// Does a command, or says why not.
    pub(crate) fn command(
        &mut self,
        transaction: &mut Transaction<'_>,
        command: Command,
        user: Box<str>,
    ) -> Outcome<CommandOutcome> {
        let outcome = match command {
            Command::ApprovePrune { prune } => match named(transaction, &prune)? {
                Ok(Named::Held(id, owner)) => Ok(CommandOutcome::Approved(self.approve(transaction, id, &owner)?)),
                Ok(Named::Happened(id)) => Err(CommandError::NotHeld { id }),
                Err(error) => Err(error),
            },
            Command::UndoPrune { prune } => match named(transaction, &prune)? {
                Ok(Named::Happened(id)) => self.undo(transaction, id, &prune, &user)?.map(CommandOutcome::Undone),
                Ok(Named::Held(id, _)) => Err(CommandError::StillHeld { id }),
                Err(error) => Err(error),
            },
            Command::Suspend { source } => self.suspend(transaction, source, user)?.map(CommandOutcome::Switched),
            Command::Resume { source } => resume(transaction, source)?.map(CommandOutcome::Switched),
            Command::Reset { source } => self.reset(transaction, &source)?,
            Command::AcceptRoot { source } => reset::accept_root(transaction, &source)?,
        };
        self.apply_arrivals(transaction)?;
        Ok(outcome.map_err(StoreError::Command))
    }

    fn approve(
        &mut self,
        transaction: &mut Transaction<'_>,
        id: HeldPruneId,
        owner: &Owner,
    ) -> Result<Approved, EngineError> {
        self.on_scope(transaction, owner, |application| application.approve(id))
    }

    /// A prune has one source and scope; its tombstones say which.
    fn undo(
        &mut self,
        transaction: &mut Transaction<'_>,
        id: HeldPruneId,
        asked: &PruneRef,
        user: &str,
    ) -> Result<Result<Undone, CommandError>, EngineError> {
        let mut tombstones = transaction.tombstones(&id)?;
        let Some(owner) = tombstones.first().map(|tombstone| tombstone.owner.clone()) else {
            let prune = asked.clone();
            return Ok(Err(CommandError::UnknownPrune {
                prune,
                near: Vec::new(),
            }));
        };
        let undone = Undone {
            id,
            source: owner.source.clone(),
            restored: 0,
            existing: Vec::new(),
            lost: Vec::new(),
        };
        let undone = self.on_scope(transaction, &owner, |application| {
            // What others need comes first.
            tombstones.sort_by_key(|tombstone| application.order(&tombstone.key.group_kind));
            let mut undone = undone;
            for tombstone in tombstones {
                match application.restore(&tombstone, user)? {
                    Restoration::Restored => undone.restored += 1,
                    Restoration::Existing => undone.existing.push(tombstone.key),
                    Restoration::Lost => undone.lost.push(tombstone.key),
                }
            }
            Ok(undone)
        })?;
        Ok(Ok(undone))
    }

    /// Works on a scope, with the memory of its source's session if there is one.
    fn on_scope<T>(
        &mut self,
        transaction: &mut Transaction<'_>,
        owner: &Owner,
        act: impl FnOnce(&mut Application<'_, '_>) -> Result<T, EngineError>,
    ) -> Result<T, EngineError> {
        let mut loaded;
        let source = match self.sessions.get_mut(&owner.source) {
            Some(session) => &mut session.state,
            None => {
                // Nothing here asks a policy: a person's word is above it.
                let (name, policy) = (owner.source.clone(), SourcePolicy::default());
                loaded = SourceState::load(transaction.tables(), name, policy, &self.world)?;
                &mut loaded
            }
        };
        act(&mut Application {
            transaction,
            world: &mut self.world,
            source,
            scope: owner.scope.clone(),
            occasion: Occasion::Arrival,
            receipt: &mut Receipt::default(),
        })
    }

    fn suspend(
        &mut self,
        transaction: &mut Transaction<'_>,
        source: SourceName,
        user: Box<str>,
    ) -> Result<Result<Switched, CommandError>, EngineError> {
        let row = match source_row(transaction, &source)? {
            Ok(row) if row.suspended.is_some() => return Ok(Ok(Switched::Before)),
            Ok(row) => row,
            Err(error) => return Ok(Err(error)),
        };
        self.sessions.remove(&source);
        let suspended = Some(Suspended {
            since: transaction.now(),
            user,
        });
        transaction.put(Table::Sources, &place::source(&source), &SourceRow { suspended, ..row })?;
        Ok(Ok(Switched::Now))
    }
}

impl Application<'_, '_> {
    /// Deletes what is held, except what is another object by now and what may not go even so.
    fn approve(&mut self, id: HeldPruneId) -> Result<Approved, EngineError> {
        let mut candidates = Vec::new();
        for (key, uid) in self.held_rows()? {
            let row: Option<InventoryRow> = self.transaction.get(Table::Inventory, &self.place(&key))?;
            match row.filter(|row| row.standing == Standing::Owned && row.applied.uid == uid) {
                Some(row) => candidates.push(Candidate { key, row }),
                None => self.release(&key)?,
            }
        }
        let (going, held) = self.single_holds(candidates, Word::Person)?;
        let rows = u64::try_from(going.len()).unwrap_or(u64::MAX);
        let prune = Prune {
            id: id.clone(),
            word: Word::Person,
        };
        for Candidate { key, .. } in &going {
            self.release(key)?;
        }
        let deleted = self.remove_all(going, &prune)?;
        if let (Some(first), 1..) = (held.first(), deleted) {
            self.rename_held(first.reason.clone())?;
        }
        Ok(Approved {
            id,
            source: self.source.name.clone(),
            deleted,
            released: rows - deleted,
            kept: held.into_iter().map(|held| held.candidate.key).collect(),
        })
    }
}

fn resume(
    transaction: &mut Transaction<'_>,
    source: SourceName,
) -> Result<Result<Switched, CommandError>, EngineError> {
    let row = match source_row(transaction, &source)? {
        Ok(row) => row,
        Err(error) => return Ok(Err(error)),
    };
    // Also of a source that is not suspended: it may run again whatever it did.
    transaction.pardon(&source)?;
    if row.suspended.is_none() {
        return Ok(Ok(Switched::Before));
    }
    let row = SourceRow { suspended: None, ..row };
    transaction.put(Table::Sources, &place::source(&source), &row)?;
    Ok(Ok(Switched::Now))
}

pub(crate) fn source_row(
    transaction: &Transaction<'_>,
    source: &SourceName,
) -> Result<Result<SourceRow, CommandError>, EngineError> {
    if let Some(row) = transaction.get(Table::Sources, &place::source(source))? {
        return Ok(Ok(row));
    }
    let keys = transaction.keys_after(Table::Sources, &[])?;
    let known = keys.iter().filter_map(|key| place::source_at(key)).collect();
    Ok(Err(CommandError::unknown_source(source, known)))
}

/// Finds what a person named among what is held and what can be undone.
fn named(transaction: &Transaction<'_>, prune: &PruneRef) -> Result<Result<Named, CommandError>, EngineError> {
    let held = held(transaction)?;
    let mut ids = happened(transaction)?;
    ids.extend(held.iter().map(|(id, _)| id.clone()));
    Ok(prune
        .choose(ids)
        .map(|id| match held.into_iter().find(|(held, _)| *held == id) {
            Some((id, owner)) => Named::Held(id, owner),
            None => Named::Happened(id),
        }))
}

fn held(transaction: &Transaction<'_>) -> Result<Vec<(HeldPruneId, Owner)>, EngineError> {
    let rows: Vec<(Vec<u8>, HeldRow)> = transaction.rows_where(Table::Held, &[], &mut |_| true)?;
    rows.into_iter()
        .map(|(key, head)| {
            let (source, scope) = place::split_source_scope(Table::Held, &key)?;
            Ok((head.id, Owner { source, scope }))
        })
        .collect()
}

/// The ids of the prunes whose tombstones are kept, each once.
fn happened(transaction: &Transaction<'_>) -> Result<Vec<HeldPruneId>, EngineError> {
    let keys = transaction.keys_after(Table::TombstonesByPrune, &[])?;
    let mut ids: Vec<HeldPruneId> = keys.iter().filter_map(|key| place::prune_at(key)).collect();
    ids.dedup();
    Ok(ids)
}
