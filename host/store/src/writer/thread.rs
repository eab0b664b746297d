//! The loop of the writer's thread: jobs become transactions, transactions become answers.

use std::sync::Arc;
use std::time::Duration;

use k1s_object::Timestamp;
use k1s_sync_engine::id::Revision;
use tokio::sync::mpsc;

use crate::clock::Clock;
use crate::engine::{Engine, EngineError, Finish};
use crate::error::StoreError;
use crate::health::Outage;
use crate::writer::job::{Completion, Job};
use crate::writer::memory::Memory;
use crate::writer::publisher::Publisher;
use crate::writer::transaction::Transaction;

/// Bytes of rows, or of jobs that write none, after which no further job joins a transaction. The larger, the more of its
/// rows share a page; the pages of 8 MiB of rows in any order are just what redb keeps in memory until a commit, half of
/// [`RedbOptions::DEFAULT_CACHE_BYTES`](crate::engine::RedbOptions::DEFAULT_CACHE_BYTES).
const TRANSACTION_BYTES: usize = 8 * 1024 * 1024;

/// The most that is stored for a moment to see whether it can be.
const MAX_PROOF_BYTES: usize = 2 * TRANSACTION_BYTES;
/// How soon after a proof a failure shows that too little was proven.
const PROOF_HOLDS: Duration = Duration::from_secs(60);

/// What a failed transaction leaves in doubt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Doubt {
    /// What is in memory.
    Memory,
    /// The storage, too: it has to be opened anew.
    Storage,
}

impl Doubt {
    fn after(error: &EngineError) -> Self {
        match error {
            EngineError::Io { .. } | EngineError::Closed { .. } => Self::Storage,
            EngineError::Locked { .. } | EngineError::Corrupt { .. } | EngineError::Row { .. } => Self::Memory,
        }
    }
}

pub(crate) struct WriterThread {
    engine: Arc<dyn Engine>,
    clock: Arc<dyn Clock>,
    memory: Memory,
    publisher: Publisher,
    doubt: Option<Doubt>,
    /// Bytes that a probe has to store to end an outage.
    proof: usize,
    /// When a probe did.
    proven: Timestamp,
}

impl WriterThread {
    pub(crate) fn new(engine: Arc<dyn Engine>, clock: Arc<dyn Clock>, memory: Memory, publisher: Publisher) -> Self {
        Self {
            engine,
            clock,
            memory,
            publisher,
            doubt: None,
            proof: 0,
            proven: Timestamp::default(),
        }
    }

    /// Does jobs until every handle on the writer is gone.
    pub(crate) fn run(&mut self, mut queue: mpsc::Receiver<Job>) {
        while let Some(first) = queue.blocking_recv() {
            self.transact(first, &mut queue);
        }
    }

    fn transact(&mut self, first: Job, queue: &mut mpsc::Receiver<Job>) {
        let mut waiting = Some(first);
        let mut completions = Vec::new();
        let durable = self.durable(&mut waiting, queue, &mut completions);
        let durable = durable.map_err(StoreError::Engine);
        completions.extend(waiting.map(Job::undone));
        completions.into_iter().for_each(|complete| complete(durable.clone()));
    }

    /// Commits what jobs do; a store that is damaged is left as it is.
    fn durable(
        &mut self,
        first: &mut Option<Job>,
        queue: &mut mpsc::Receiver<Job>,
        completions: &mut Vec<Completion>,
    ) -> Result<(), Arc<EngineError>> {
        if let Some(outage) = self.publisher.outage().filter(Outage::is_damage) {
            return Err(outage.reason);
        }
        let is_probe = first.as_ref().is_some_and(Job::is_probe);
        let mut size = 0;
        let result = self.recover().and_then(|()| {
            if is_probe {
                self.prove()?;
            }
            self.commit(first, queue, completions, &mut size)
        });
        result.map_err(|error| {
            self.proof = self.next_proof(size);
            self.forget(error)
        })
    }

    /// How much has to be storable after so much was not: more when a proof did not hold.
    fn next_proof(&self, failed: usize) -> usize {
        let before = if self.publisher.outage().is_some() {
            self.proof
        } else if self.clock.now().since(self.proven) < PROOF_HOLDS {
            2 * self.proof
        } else {
            0
        };
        before.max(failed).min(MAX_PROOF_BYTES)
    }

    /// Makes as much durable as could not be made, and takes it away again: what is smaller may fit where work does not.
    fn prove(&mut self) -> Result<(), EngineError> {
        let bytes = vec![0xa5; self.proof];
        self.engine.write(&mut |tables| {
            crate::meta::set_proof(tables, &bytes)?;
            Ok(Finish::Commit)
        })?;
        self.engine.write(&mut |tables| {
            crate::meta::delete_proof(tables)?;
            Ok(Finish::Commit)
        })?;
        self.proven = self.clock.now();
        self.publisher.regain();
        Ok(())
    }

    /// Does the first job, and those that wait behind it as long as there is room, in one transaction; says how large
    /// that became.
    fn commit(
        &mut self,
        first: &mut Option<Job>,
        queue: &mut mpsc::Receiver<Job>,
        completions: &mut Vec<Completion>,
        size: &mut usize,
    ) -> Result<(), EngineError> {
        let now = self.clock.now();
        let mut reached = self.publisher.reached();
        let memory = &mut self.memory;
        self.engine.write(&mut |tables| {
            let mut transaction = Transaction::begin(tables, now)?;
            let mut brought = 0;
            let mut next = first.take();
            while let Some(job) = next {
                brought += job.size();
                let (completion, outcome) = memory.job(&mut transaction, job);
                completions.push(completion);
                *size = brought.max(transaction.bytes());
                outcome?;
                next = if *size < TRANSACTION_BYTES {
                    queue.try_recv().ok()
                } else {
                    None
                };
            }
            let (finish, revision) = transaction.finish()?;
            reached = revision;
            Ok(finish)
        })?;
        self.published(reached);
        Ok(())
    }

    fn published(&self, reached: Revision) {
        self.publisher.publish(self.memory.world.kinds(), reached);
    }

    /// After a failure no session goes on, and nothing in memory can be trusted until it was loaded again. That is tried
    /// at once, so that readers need not wait for the next job, and then before each transaction.
    fn forget(&mut self, error: EngineError) -> Arc<EngineError> {
        self.memory.end_sessions();
        let error = self.lose(error);
        if let Err(error) = self.recover() {
            self.lose(error);
        }
        error
    }

    fn lose(&mut self, error: EngineError) -> Arc<EngineError> {
        self.doubt = self.doubt.max(Some(Doubt::after(&error)));
        let error = Arc::new(error);
        self.publisher.lose(&error, self.clock.now());
        error
    }

    /// Makes memory equal to what is stored; a commit that failed may have become durable all the same.
    fn recover(&mut self) -> Result<(), EngineError> {
        let Some(doubt) = self.doubt else { return Ok(()) };
        if doubt == Doubt::Storage {
            self.engine.reopen()?;
        }
        let revision = {
            let tables = self.engine.read()?;
            self.memory.reload(&*tables)?;
            crate::meta::revision(&*tables)?
        };
        self.doubt = None;
        self.published(revision);
        Ok(())
    }
}
