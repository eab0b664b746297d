//! The loop of the writer's thread, and its transactions.

use std::collections::BTreeMap;
use std::sync::Arc;

use k1s_sync_engine::id::{Epoch, Revision, SourceName};
use k1s_sync_engine::policy::SourcePolicy;
use k1s_sync_engine::work::{Receipt, Work};
use tokio::sync::{mpsc, watch};

use crate::clock::Clock;
use crate::engine::{Engine, EngineError};
use crate::error::StoreError;
use crate::place;
use crate::row::{PendingRow, ScopeRow, SourceRow};
use crate::table::Table;
use crate::writer::application::Application;
use crate::writer::job::{Job, Reply};
use crate::writer::source::SourceState;
use crate::writer::transaction::Transaction;
use crate::writer::world::World;
use crate::writer::{Opening, StoredScope, batch, close, edit};

/// Bytes of jobs that share a transaction; measured: larger ones gain nothing.
const TRANSACTION_BYTES: usize = 4 * 1024 * 1024;

/// Answers a job once its transaction is durable, or has failed.
type Completion = Box<dyn FnOnce(Result<(), StoreError>)>;

struct Session {
    epoch: Epoch,
    state: SourceState,
}

pub(crate) struct WriterThread {
    engine: Arc<dyn Engine>,
    clock: Arc<dyn Clock>,
    world: World,
    sessions: BTreeMap<SourceName, Session>,
    publish: watch::Sender<Revision>,
}

impl WriterThread {
    pub(crate) fn new(
        engine: Arc<dyn Engine>,
        clock: Arc<dyn Clock>,
        world: World,
        publish: watch::Sender<Revision>,
    ) -> Self {
        Self {
            engine,
            clock,
            world,
            sessions: BTreeMap::new(),
            publish,
        }
    }

    pub(crate) fn run(&mut self, mut queue: mpsc::Receiver<Job>) {
        while let Some(first) = queue.blocking_recv() {
            let mut size = first.size();
            let mut jobs = vec![first];
            while size < TRANSACTION_BYTES {
                let Ok(next) = queue.try_recv() else { break };
                size += next.size();
                jobs.push(next);
            }
            self.transact(jobs);
        }
    }

    fn transact(&mut self, jobs: Vec<Job>) {
        let engine = Arc::clone(&self.engine);
        let now = self.clock.now();
        let mut waiting = Some(jobs);
        let mut completions: Vec<Completion> = Vec::new();
        let mut reached = *self.publish.borrow();
        let result = engine.write(&mut |tables| {
            let mut transaction = Transaction::begin(tables, now)?;
            for job in waiting.take().unwrap_or_default() {
                completions.push(self.job(&mut transaction, job)?);
            }
            let (finish, revision) = transaction.finish()?;
            reached = revision;
            Ok(finish)
        });
        match result {
            Ok(()) => {
                self.publish
                    .send_if_modified(|published| std::mem::replace(published, reached) != reached);
                completions.into_iter().for_each(|complete| complete(Ok(())));
            }
            Err(error) => {
                let error = StoreError::from(error);
                self.forget();
                completions
                    .into_iter()
                    .for_each(|complete| complete(Err(error.clone())));
            }
        }
    }

    /// After a failure nothing in memory can be trusted.
    fn forget(&mut self) {
        self.sessions.clear();
        let seed = self.world.seed;
        if let Ok(world) = self.engine.read().and_then(|tables| World::load(&*tables, seed)) {
            self.world = world;
        }
    }

    /// Does one job. A job that fails by itself is answered; a failure of the engine ends the transaction.
    fn job(&mut self, transaction: &mut Transaction<'_>, job: Job) -> Result<Completion, EngineError> {
        match job {
            Job::Raise { source, reply } => {
                let epoch = raise_epoch(transaction, &source)?;
                self.sessions.remove(&source);
                Ok(complete(reply, Ok(epoch)))
            }
            Job::Open {
                source,
                epoch,
                policy,
                reply,
            } => {
                let opening = self.open(transaction, source, epoch, policy)?;
                Ok(complete(reply, opening))
            }
            Job::Work {
                source,
                epoch,
                work,
                reply,
            } => {
                let outcome = self.work(transaction, &source, epoch, work)?;
                Ok(complete(reply, outcome))
            }
            Job::Close { source, epoch, reply } => {
                if self.sessions.get(&source).is_some_and(|session| session.epoch == epoch) {
                    self.sessions.remove(&source);
                }
                Ok(complete(reply, Ok(())))
            }
            Job::Edit { edit, reply } => {
                let outcome = edit::apply(transaction, &mut self.world, edit)?;
                self.apply_arrivals(transaction)?;
                Ok(complete(reply, outcome))
            }
        }
    }

    fn open(
        &mut self,
        transaction: &Transaction<'_>,
        source: SourceName,
        epoch: Epoch,
        policy: SourcePolicy,
    ) -> Result<Result<Opening, StoreError>, EngineError> {
        let row: SourceRow = transaction
            .get(Table::Sources, &place::source(&source))?
            .unwrap_or_default();
        if row.epoch != epoch {
            return Ok(Err(StoreError::NoSession(source)));
        }
        let state = SourceState::load(transaction.tables(), source.clone(), policy, self.world.seed)?;
        let mut scopes = BTreeMap::new();
        for scope in state.scopes() {
            let row: ScopeRow = transaction
                .get(Table::Scopes, &place::scope(&source, scope))?
                .unwrap_or_default();
            let token = row.token.filter(|_| row.selection == state.policy.selection);
            scopes.insert(
                scope.clone(),
                StoredScope {
                    token,
                    root_identity: row.root_identity,
                },
            );
        }
        self.sessions.insert(source, Session { epoch, state });
        Ok(Ok(Opening { scopes }))
    }

    fn work(
        &mut self,
        transaction: &mut Transaction<'_>,
        source: &SourceName,
        epoch: Epoch,
        work: Work,
    ) -> Result<Result<Receipt, StoreError>, EngineError> {
        let Some(session) = self.sessions.get_mut(source).filter(|session| session.epoch == epoch) else {
            return Ok(Err(StoreError::NoSession(source.clone())));
        };
        let (world, state) = (&mut self.world, &mut session.state);
        let mut receipt = match work {
            Work::Kind(names) => {
                let place = k1s_object::Key::prefix(&names.group_kind, None);
                if world.scope_of(&names.group_kind) != Some(names.scope) {
                    transaction.put(Table::Kinds, &place, &names)?;
                    let cause = world.describe_kind(names);
                    transaction.arrived(cause);
                }
                Receipt::default()
            }
            Work::BeginGeneration {
                scope,
                generation,
                root_identity,
            } => {
                state.scope(&scope).index.begin(generation, root_identity);
                Receipt::default()
            }
            Work::Apply(batch) => batch::apply(transaction, world, state, batch)?,
            Work::EndGeneration(end) => close::end_generation(transaction, world, state, end)?,
            Work::ScopeGone { scope, reason } => close::scope_gone(transaction, world, state, scope, &reason)?,
        };
        self.apply_arrivals(transaction)?;
        if let Some(session) = self.sessions.get_mut(source) {
            let late = std::mem::take(&mut session.state.late);
            receipt.tally.add(&late.tally);
            receipt.events.extend(late.events);
            if let Some(closed) = &mut receipt.closed {
                closed.pending = session.state.scope(&closed.scope).pending;
            }
        }
        Ok(Ok(receipt))
    }

    /// Tries again what waited for something that is there now, for every source with a session. The others find theirs
    /// when they begin: what is pending is known to them.
    fn apply_arrivals(&mut self, transaction: &mut Transaction<'_>) -> Result<(), EngineError> {
        while let Some(cause) = transaction.take_arrival() {
            for rest in transaction.keys_after(Table::PendingByCause, &place::cause(&cause))? {
                let Some((source, scope, key)) = place::split_waiting(&rest) else {
                    continue;
                };
                let Some(session) = self.sessions.get_mut(&source) else {
                    continue;
                };
                let place = place::row(&source, &scope, &key);
                let Some(row) = transaction.get::<PendingRow>(Table::Pending, &place)? else {
                    continue;
                };
                let mut late = std::mem::take(&mut session.state.late);
                let mut application = Application {
                    transaction,
                    world: &mut self.world,
                    source: &mut session.state,
                    scope,
                    receipt: &mut late,
                };
                let provenance = row.provenance.clone();
                let (key, verdict) = application.retry(row)?;
                application.report(key, verdict, &provenance);
                session.state.late = late;
            }
        }
        Ok(())
    }
}

fn raise_epoch(transaction: &mut Transaction<'_>, source: &SourceName) -> Result<Epoch, EngineError> {
    let place = place::source(source);
    let before: SourceRow = transaction.get(Table::Sources, &place)?.unwrap_or_default();
    let epoch = before.epoch.next();
    transaction.put(Table::Sources, &place, &SourceRow { epoch })?;
    Ok(epoch)
}

fn complete<T: 'static>(reply: Reply<T>, outcome: Result<T, StoreError>) -> Completion {
    Box::new(move |durable| {
        // The asker may have gone; what it asked for is done all the same.
        drop(reply.send(durable.and(outcome)));
    })
}
