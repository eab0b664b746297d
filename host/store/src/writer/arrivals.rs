//! Tries again what had to wait, once what it waited for may be there.
//!
//! A source without a session tries most of it when its next one opens. An object that it was handed over does not wait
//! for that: what it declares of it is applied in the transaction that made it the owner, so that nothing is owned by a
//! source that never spoke of it.

use std::collections::BTreeMap;

use k1s_object::Key;
use k1s_sync_engine::event::Verdict;
use k1s_sync_engine::id::SourceName;
use k1s_sync_engine::policy::SourcePolicy;
use k1s_sync_engine::work::Receipt;

use crate::engine::EngineError;
use crate::place;
use crate::row::{Cause, Owner, PendingRow};
use crate::table::Table;
use crate::writer::application::{Application, Declaration, Occasion};
use crate::writer::memory::Memory;
use crate::writer::source::SourceState;
use crate::writer::transaction::Transaction;
use crate::writer::world::World;

/// Something that waits, and its turn.
struct Turn<'k> {
    /// Who declares it.
    claimant: Owner,
    /// As declared.
    declared: Key,
    /// The object that may have been handed over.
    object: Option<&'k Key>,
}

/// Heirs without a session, each loaded once however much it is handed over.
type StateBySource = BTreeMap<SourceName, SourceState>;

impl Memory {
    /// Tries again what waited for something that is there now, for every source with a session and for every heir. The
    /// others try theirs when their session opens.
    pub(crate) fn apply_arrivals(&mut self, transaction: &mut Transaction<'_>) -> Result<(), EngineError> {
        let mut absent = StateBySource::new();
        while let Some(cause) = transaction.take_arrival() {
            let object = match &cause {
                Cause::Object(object) => Some(object),
                Cause::Kind(_) | Cause::Namespace(_) | Cause::Content => None,
            };
            for rest in transaction.keys_after(Table::PendingByCause, &place::cause(&cause))? {
                let Some((source, scope, declared)) = place::split_waiting(&rest) else {
                    continue;
                };
                let turn = Turn {
                    claimant: Owner { source, scope },
                    declared,
                    object,
                };
                self.take_turn(transaction, &mut absent, turn)?;
            }
        }
        Ok(())
    }

    /// Tries again everything a source declares and the host could not apply: policy, kinds, namespaces and objects may
    /// be others than when it was tried last.
    pub(crate) fn retry_all(
        &mut self,
        transaction: &mut Transaction<'_>,
        source: &SourceName,
    ) -> Result<(), EngineError> {
        let prefix = place::source(source);
        for rest in transaction.keys_after(Table::Pending, &prefix)? {
            let place = [prefix.as_slice(), &rest].concat();
            let (scope, declared) = place::split_row(Table::Pending, source, &place)?;
            let turn = Turn {
                claimant: Owner {
                    source: source.clone(),
                    scope,
                },
                declared,
                object: None,
            };
            self.take_turn(transaction, &mut StateBySource::new(), turn)?;
        }
        self.apply_arrivals(transaction)
    }

    fn take_turn(
        &mut self,
        transaction: &mut Transaction<'_>,
        absent: &mut StateBySource,
        turn: Turn<'_>,
    ) -> Result<(), EngineError> {
        let source = &turn.claimant.source;
        if let Some(session) = self.sessions.get_mut(source) {
            let late = retry(transaction, &mut self.world, &mut session.state, turn)?;
            session.state.put_by(late);
            return Ok(());
        }
        let Some(object) = turn.object else { return Ok(()) };
        if transaction.current(object)?.and_then(|current| current.owner).as_ref() != Some(&turn.claimant) {
            return Ok(());
        }
        let policy = self.policy_of_absent(transaction, &turn.claimant, object)?;
        if !absent.contains_key(source) {
            let state = SourceState::load(transaction.tables(), source.clone(), policy.clone(), &self.world)?;
            absent.insert(source.clone(), state);
        }
        let Some(state) = absent.get_mut(source) else {
            return Ok(());
        };
        state.set_policy(policy);
        // Nobody is there to be told; the note of the change stays.
        drop(retry(transaction, &mut self.world, state, turn)?);
        Ok(())
    }

    /// How a source without a session wants an object treated: as it last said, or else as sources do by default, until
    /// its next session decides anew. The object is the one it claimed, whatever its default namespace.
    fn policy_of_absent(
        &self,
        transaction: &Transaction<'_>,
        claimant: &Owner,
        object: &Key,
    ) -> Result<SourcePolicy, EngineError> {
        if let Some(policy) = self.policies.get(&claimant.source) {
            return Ok(policy.clone());
        }
        Ok(SourcePolicy {
            default_namespace: object.namespace.clone(),
            selection: transaction.stored_selection(claimant)?,
            ..SourcePolicy::default()
        })
    }
}

/// Lets one declaration try again; returns what it came to.
fn retry(
    transaction: &mut Transaction<'_>,
    world: &mut World,
    state: &mut SourceState,
    turn: Turn<'_>,
) -> Result<Receipt, EngineError> {
    let Turn {
        claimant: Owner { source, scope },
        declared,
        object,
    } = turn;
    let mut late = Receipt::default();
    let place = place::row(&source, &scope, &declared);
    let Some(row) = transaction.get::<PendingRow>(Table::Pending, &place)? else {
        return Ok(late);
    };
    let mut application = Application {
        transaction,
        world,
        source: state,
        scope,
        occasion: Occasion::Arrival,
        receipt: &mut late,
    };
    application.retry(row, object)?;
    if late.tally.changes() > 0 {
        transaction.note_change(&source)?;
    }
    Ok(late)
}

impl Application<'_, '_> {
    /// Tries a pending declaration again; what still has to wait is no news.
    fn retry(&mut self, row: PendingRow, handed_over: Option<&Key>) -> Result<(), EngineError> {
        let hash = self.pending_hash(&row.key);
        if self.scope_state().index.is_touched(hash) {
            self.occasion = Occasion::Sent;
        }
        if let Some(object) = handed_over {
            self.index_inherited(object)?;
        }
        let declaration = Declaration::from(row);
        match self.upsert(&declaration)? {
            (_, Verdict::Pending(_)) => Ok(()),
            (key, verdict) => {
                self.report(key, verdict, &declaration.provenance);
                Ok(())
            }
        }
    }

    /// Brings the index up to date with a row that a former owner handed over.
    fn index_inherited(&mut self, object: &Key) -> Result<(), EngineError> {
        if self
            .transaction
            .get_bytes(Table::Inventory, &self.place(object))?
            .is_some()
        {
            let hash = self.hash(object);
            self.scope_state().index.insert(hash);
        }
        Ok(())
    }
}
