//! The loop of the writer's thread: jobs become transactions, transactions become answers.

use std::sync::Arc;

use k1s_sync_engine::id::Revision;
use tokio::sync::mpsc;

use crate::clock::Clock;
use crate::engine::{Engine, EngineError};
use crate::error::StoreError;
use crate::writer::job::{Completion, Job};
use crate::writer::memory::Memory;
use crate::writer::publisher::Publisher;
use crate::writer::transaction::Transaction;

/// Bytes of rows, or of jobs that write none, after which no further job joins a transaction.
const TRANSACTION_BYTES: usize = 4 * 1024 * 1024;

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
}

impl WriterThread {
    pub(crate) fn new(engine: Arc<dyn Engine>, clock: Arc<dyn Clock>, memory: Memory, publisher: Publisher) -> Self {
        Self {
            engine,
            clock,
            memory,
            publisher,
            doubt: None,
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
        let result = self
            .recover()
            .and_then(|()| self.commit(&mut waiting, queue, &mut completions));
        let durable = result.map_err(|error| {
            self.forget(&error);
            StoreError::from(error)
        });
        completions.extend(waiting.map(Job::undone));
        completions.into_iter().for_each(|complete| complete(durable.clone()));
    }

    /// Does the first job, and those that wait behind it as long as there is room, in one transaction.
    fn commit(
        &mut self,
        first: &mut Option<Job>,
        queue: &mut mpsc::Receiver<Job>,
        completions: &mut Vec<Completion>,
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
                outcome?;
                let has_room = brought.max(transaction.bytes()) < TRANSACTION_BYTES;
                next = if has_room { queue.try_recv().ok() } else { None };
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
    fn forget(&mut self, error: &EngineError) {
        self.memory.end_sessions();
        self.doubt = self.doubt.max(Some(Doubt::after(error)));
        if let Err(error) = self.recover() {
            self.doubt = self.doubt.max(Some(Doubt::after(&error)));
        }
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
