//! What the writer remembers between transactions, and how each job changes store and memory together.

use std::collections::BTreeMap;

use k1s_object::{GroupKind, Key, KindNames};
use k1s_sync_engine::id::{Epoch, SourceName};
use k1s_sync_engine::policy::SourcePolicy;
use k1s_sync_engine::work::{Receipt, Work};

use crate::engine::{EngineError, Read};
use crate::error::StoreError;
use crate::place;
use crate::row::{ScopeRow, SourceRow};
use crate::table::Table;
use crate::writer::job::{Completion, Job, Outcome, answer};
use crate::writer::source::SourceState;
use crate::writer::transaction::Transaction;
use crate::writer::world::World;
use crate::writer::{
    Edit, Edited, Knowledge, Opening, StoredScope, Submission, batch, close, edit, ground, scope_gone,
};

/// The world as of the last transaction, and the sessions that go on.
pub(crate) struct Memory {
    pub(crate) world: World,
    pub(crate) sessions: BTreeMap<SourceName, Session>,
    /// How each source that had a session since the start wants its objects treated.
    pub(crate) policies: BTreeMap<SourceName, SourcePolicy>,
}

pub(crate) struct Session {
    epoch: Epoch,
    pub(crate) state: SourceState,
}

impl Memory {
    /// Loads what the store holds. Hashes of keys depend on `seed`.
    pub(crate) fn load(tables: &dyn Read, seed: u64) -> Result<Self, EngineError> {
        Ok(Self {
            world: World::load(tables, seed)?,
            sessions: BTreeMap::new(),
            policies: BTreeMap::new(),
        })
    }

    /// Loads again what the store holds.
    pub(crate) fn reload(&mut self, tables: &dyn Read) -> Result<(), EngineError> {
        self.world = self.world.reloaded(tables)?;
        Ok(())
    }

    pub(crate) fn end_sessions(&mut self) {
        self.sessions.clear();
    }

    /// Does one job. A job that fails by itself is answered; a failure of the engine ends the transaction.
    pub(crate) fn job(&mut self, transaction: &mut Transaction<'_>, job: Job) -> (Completion, Result<(), EngineError>) {
        if job.asks_indexes()
            && let Err(error) = self.index_sessions(transaction)
        {
            return (job.undone(), Err(error));
        }
        let done = self.done(transaction, job);
        self.unnote_rewritten(transaction);
        done
    }

    /// Completes what sessions know that were opened since.
    fn index_sessions(&mut self, transaction: &Transaction<'_>) -> Result<(), EngineError> {
        let Self { world, sessions, .. } = self;
        let mut sessions = sessions.values_mut();
        sessions.try_for_each(|session| session.state.fill_indexes(transaction.tables(), world))
    }

    /// Makes the indexes of all sessions forget what rows said that were written.
    fn unnote_rewritten(&mut self, transaction: &mut Transaction<'_>) {
        for place in transaction.take_rewritten() {
            let Some((source, scope, key)) = place::split_inventory(&place) else {
                continue;
            };
            if let Some(session) = self.sessions.get_mut(source) {
                session.state.unnote(&scope, self.world.encoded_row_hash(key));
            }
        }
    }

    fn done(&mut self, transaction: &mut Transaction<'_>, job: Job) -> (Completion, Result<(), EngineError>) {
        match job {
            Job::Raise { source, reply } => answer(reply, self.raise(transaction, &source)),
            Job::Open {
                source,
                epoch,
                policy,
                reply,
            } => answer(reply, self.open(transaction, &source, epoch, policy)),
            // Done before this.
            Job::Index { reply } => answer(reply, Ok(Ok(()))),
            Job::Work {
                source,
                epoch,
                submission,
                reply,
            } => answer(reply, self.work(transaction, &source, epoch, submission)),
            Job::Close { source, epoch, reply } => answer(reply, self.close(&source, epoch)),
            Job::Edit { edit, reply } => answer(reply, self.edit(transaction, edit)),
            Job::Release { leaving, reply } => answer(reply, self.release(transaction, &leaving)),
            Job::Note { source, note, reply } => answer(reply, transaction.note(&source, note).map(Ok)),
            // Proven before this transaction began.
            Job::Probe { reply } => answer(reply, Ok(Ok(()))),
            Job::Lose { error, reply } => answer(reply, Err(error)),
            Job::Command { command, user, reply } => answer(reply, self.command(transaction, command, user)),
        }
    }

    fn raise(&mut self, transaction: &mut Transaction<'_>, source: &SourceName) -> Outcome<Epoch> {
        let place = place::source(source);
        let before: SourceRow = transaction.get(Table::Sources, &place)?.unwrap_or_default();
        let epoch = before.epoch.next();
        let launched = transaction.now();
        let after = SourceRow {
            epoch,
            launched,
            ..before
        };
        transaction.put(Table::Sources, &place, &after)?;
        self.sessions.remove(source);
        Ok(Ok(epoch))
    }

    fn open(
        &mut self,
        transaction: &mut Transaction<'_>,
        source: &SourceName,
        epoch: Epoch,
        policy: SourcePolicy,
    ) -> Outcome<Opening> {
        let row: SourceRow = transaction
            .get(Table::Sources, &place::source(source))?
            .unwrap_or_default();
        // A person may have suspended it since it was launched.
        if row.epoch != epoch || row.suspended.is_some() {
            return Ok(Err(StoreError::NoSession(source.clone())));
        }
        if let Err(error) = ground::stand(transaction, source, &policy)? {
            return Ok(Err(error));
        }
        self.policies.insert(source.clone(), policy.clone());
        let state = SourceState::outline(transaction.tables(), source.clone(), policy, &self.world)?;
        let has_pending = state.has_pending();
        let mut scopes = BTreeMap::new();
        for scope in state.scopes() {
            let row: Option<ScopeRow> = transaction.get(Table::Scopes, &place::scope(source, scope))?;
            // A first listing that was cut short left no row, and what it left is of this selection.
            let is_outdated = row.as_ref().is_some_and(|row| row.selection != state.policy.selection);
            let row = row.unwrap_or_default();
            let is_of_this_selection = row.selection == state.policy.selection;
            let stored = StoredScope {
                token: row.token.filter(|_| is_of_this_selection),
                root_identity: row.root_identity.filter(|_| is_of_this_selection),
                knowledge: if is_outdated {
                    Knowledge::Outdated
                } else {
                    Knowledge::Current
                },
            };
            scopes.insert(scope.clone(), stored);
        }
        self.sessions.insert(source.clone(), Session { epoch, state });
        if has_pending {
            self.index_sessions(transaction)?;
            self.retry_all(transaction, source)?;
        }
        Ok(Ok(Opening { scopes }))
    }

    fn close(&mut self, source: &SourceName, epoch: Epoch) -> Outcome<()> {
        if self.sessions.get(source).is_some_and(|session| session.epoch == epoch) {
            self.sessions.remove(source);
        }
        Ok(Ok(()))
    }

    fn edit(&mut self, transaction: &mut Transaction<'_>, edit: Edit) -> Outcome<Edited> {
        let outcome = edit::apply(transaction, &mut self.world, edit)?;
        self.apply_arrivals(transaction)?;
        Ok(outcome)
    }

    fn work(
        &mut self,
        transaction: &mut Transaction<'_>,
        source: &SourceName,
        epoch: Epoch,
        submission: Submission,
    ) -> Outcome<Receipt> {
        let Submission { work, documents } = submission;
        let Some(session) = self.sessions.get_mut(source).filter(|session| session.epoch == epoch) else {
            return Ok(Err(StoreError::NoSession(source.clone())));
        };
        let (world, state) = (&mut self.world, &mut session.state);
        let mut receipt = match work {
            Work::Kind(names) => {
                describe_kind(transaction, world, names)?;
                Receipt::default()
            }
            Work::BeginGeneration {
                scope,
                generation,
                root_identity,
            } => {
                close::begin_generation(transaction, state, &scope, generation, root_identity)?;
                Receipt::default()
            }
            Work::Apply(batch) => batch::apply(transaction, world, state, batch, documents)?,
            Work::EndGeneration(end) => close::end_generation(transaction, world, state, end)?,
            Work::ScopeGone { scope, reason } => scope_gone::apply(transaction, world, state, scope, &reason)?,
        };
        if receipt.tally.changes() > 0 {
            transaction.note_change(source)?;
        }
        self.apply_arrivals(transaction)?;
        if let Some(session) = self.sessions.get_mut(source) {
            session.state.complete(&mut receipt);
        }
        Ok(Ok(receipt))
    }
}

/// Keeps what a source says of a kind, unless something that counts for more has described it.
fn describe_kind(transaction: &mut Transaction<'_>, world: &mut World, names: KindNames) -> Result<(), EngineError> {
    // A key of such a kind is refused with its object.
    let GroupKind { group, kind } = &names.group_kind;
    if [group, kind].into_iter().any(|part| part.contains(char::is_control)) {
        return Ok(());
    }
    let place = Key::prefix(&names.group_kind, None);
    let is_news = match transaction.get::<KindNames>(Table::Kinds, &place)? {
        Some(stored) => stored != names,
        None => world.scope_of(&names.group_kind).is_none(),
    };
    if is_news {
        transaction.put(Table::Kinds, &place, &names)?;
        let cause = world.describe_kind(names);
        transaction.arrived(cause);
    }
    Ok(())
}
