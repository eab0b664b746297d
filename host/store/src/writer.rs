//! The writer: one thread through which every change of the store goes.
//!
//! Jobs wait in a bounded queue. The thread takes what waits, up to 8 MiB of rows, into one transaction; when that is durable and
//! published, each job gets its answer. A transaction that fails keeps nothing, answers each of its jobs with the reason,
//! and ends every session: what was touched in memory may no longer be true. Memory is loaded again, from storage that is
//! opened anew where it failed, before anything else is done. From then on until a probe was stored, [`Health`] says what is
//! wrong; a store that is damaged stores nothing any more.
//!
//! [`Health`]: crate::health::Health

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;

use k1s_sync_engine::id::{Epoch, ScopeId, SourceName, Token};
use k1s_sync_engine::policy::SourcePolicy;
use k1s_sync_engine::work::Receipt;
use tokio::sync::{mpsc, oneshot};

use crate::clock::Clock;
use crate::command::{Command, CommandOutcome};
use crate::engine::{Engine, EngineError};
use crate::error::StoreError;
use crate::status::StatusNote;

mod ahead;
mod application;
mod arrivals;
mod batch;
mod close;
mod control;
mod edit;
mod ground;
mod held;
mod hold;
mod job;
mod memory;
mod objects;
mod pending;
mod prune;
mod publisher;
mod release;
mod remove;
mod reset;
mod scope_gone;
mod settle;
mod source;
mod status;
mod thread;
mod tombstone;
mod transaction;
mod undo;
mod upsert;
mod world;

pub use ahead::{ReadAhead, Submission};
pub use edit::{Edit, EditBody, Edited, Precondition};
use job::Job;
use memory::Memory;
pub(crate) use publisher::Published;
use publisher::Publisher;
use release::Rest;
pub use release::{Leaving, Released};
use thread::WriterThread;

/// Jobs that may wait; more wait with their senders. What they hold is bounded where it comes from: each session submits at
/// most [`MAX_UNCOMMITTED_BYTES`](k1s_sync_engine::session::MAX_UNCOMMITTED_BYTES) that are not durable yet.
const QUEUE: usize = 256;

/// What a source's session begins from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opening {
    /// What is stored of each scope the source has.
    pub scopes: BTreeMap<ScopeId, StoredScope>,
}

/// What is stored of a scope.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoredScope {
    /// Where to go on; absent when the selection changed since.
    pub token: Option<Token>,
    /// What the place said it is; absent when the selection changed since.
    pub root_identity: Option<String>,
    /// Whether the source may leave out what the host holds.
    pub knowledge: Knowledge,
}

/// Whether what the host holds of a scope is what its source declared under the same selection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Knowledge {
    /// It is.
    #[default]
    Current,
    /// The selection changed since: everything has to be declared anew.
    Outdated,
}

/// A handle on the writer; cheap to clone.
#[derive(Clone, Debug)]
pub struct Writer {
    jobs: mpsc::Sender<Job>,
}

/// The writer's thread; ends when every handle is gone.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) writer: Writer,
    pub(crate) thread: JoinHandle<()>,
    pub(crate) published: Published,
}

impl Writer {
    pub(crate) fn start(engine: Arc<dyn Engine>, clock: Arc<dyn Clock>, seed: u64) -> Result<Running, StoreError> {
        let (memory, revision) = {
            let tables = engine.read()?;
            (Memory::load(&*tables, seed)?, crate::meta::revision(&*tables)?)
        };
        let (publisher, published) = Publisher::new(memory.world.kinds().clone(), revision);
        let (jobs, queue) = mpsc::channel(QUEUE);
        let mut writer = WriterThread::new(engine, clock, memory, publisher);
        let thread = std::thread::Builder::new()
            .name("k1s-writer".to_owned())
            .spawn(move || writer.run(queue))
            .map_err(|source| crate::engine::EngineError::Io {
                path: "k1s-writer".into(),
                source,
            })?;
        Ok(Running {
            writer: Self { jobs },
            thread,
            published,
        })
    }

    /// Raises the epoch of a source before a launch; no session of an earlier launch can write any more.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn raise_epoch(&self, source: SourceName) -> Result<Epoch, StoreError> {
        self.ask(|reply| Job::Raise { source, reply }).await
    }

    /// Opens the session of a launch. What its source owns is not indexed by then: [`index`](Self::index) does that while
    /// the caller does something else, or else the first work.
    ///
    /// # Errors
    /// [`StoreError::NoSession`] when a later launch has begun or the source is suspended; [`StoreError::IdentityChanged`]
    /// when its configuration names another place and no person let go of the one before; else when the store cannot be
    /// read.
    pub async fn open_session(
        &self,
        source: SourceName,
        epoch: Epoch,
        policy: SourcePolicy,
    ) -> Result<Opening, StoreError> {
        self.ask(|reply| Job::Open {
            source,
            epoch,
            policy,
            reply,
        })
        .await
    }

    /// Asks that what the sources of open sessions own be indexed; waits only while the queue is full.
    ///
    /// # Errors
    /// When the store is closed.
    pub async fn index(&self) -> Result<(), StoreError> {
        // Whoever needs an index makes sure of it, so nobody has to know when this is done.
        self.enqueue(|reply| Job::Index { reply }).await.map(drop)
    }

    /// Hands over a session's work, in order; waits only while the queue is full.
    ///
    /// # Errors
    /// When the store is closed.
    pub async fn submit(
        &self,
        source: SourceName,
        epoch: Epoch,
        submission: impl Into<Submission>,
    ) -> Result<Ticket<Receipt>, StoreError> {
        let submission = submission.into();
        self.enqueue(|reply| Job::Work {
            source,
            epoch,
            submission,
            reply,
        })
        .await
    }

    /// Ends a session; listings that were open are forgotten.
    ///
    /// # Errors
    /// When the store is closed.
    pub async fn close_session(&self, source: SourceName, epoch: Epoch) -> Result<(), StoreError> {
        self.ask(|reply| Job::Close { source, epoch, reply }).await
    }

    /// Writes an object for a user of the store.
    ///
    /// # Errors
    /// When a precondition does not hold, or the store cannot be written.
    pub async fn edit(&self, edit: Edit) -> Result<Edited, StoreError> {
        self.ask(|reply| Job::Edit { edit, reply }).await
    }

    /// Does what a person wants done, who is named for the record.
    ///
    /// # Errors
    /// [`StoreError::Command`] when the command does not fit what is stored; else when the store cannot be written.
    pub async fn command(&self, command: Command, user: Box<str>) -> Result<CommandOutcome, StoreError> {
        self.ask(|reply| Job::Command { command, user, reply }).await
    }

    /// Remembers how a source fares, for a host that has stopped; what is no news is not written.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn note(&self, source: SourceName, note: StatusNote) -> Result<(), StoreError> {
        self.ask(|reply| Job::Note { source, note, reply }).await
    }

    /// Finds out whether as much can be stored as could not be, by storing that much for a moment; to be called now and then
    /// during an outage, which this alone ends: [`Health`](crate::health::Health) says whether it did.
    ///
    /// # Errors
    /// When nothing can.
    pub async fn probe(&self) -> Result<(), StoreError> {
        self.ask(|reply| Job::Probe { reply }).await
    }

    /// Tells that something beside the store had no room in its place, which is an outage as if the store itself had none:
    /// sessions end, and only a [`probe`](Self::probe) of some more bytes ends it.
    ///
    /// # Errors
    /// When the writer is gone.
    pub async fn lose(&self, path: PathBuf, source: std::io::Error) -> Result<(), StoreError> {
        let error = EngineError::Io { path, source };
        match self.ask(|reply| Job::Lose { error, reply }).await {
            // So it is told to everyone whose work ends with it.
            Ok(()) | Err(StoreError::Engine(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Releases sources that are not configured, at most 4096 rows in a transaction: their objects become orphans, or are
    /// deleted inside the guard where that was configured (then all of a source in one transaction); their pending
    /// declarations and positions are forgotten, and their sessions end. Returns the sources of which there was anything to
    /// release; a call that finds nothing writes nothing, and one that was cut short is completed by the next.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn release(&self, leaving: Leaving) -> Result<Vec<Released>, StoreError> {
        let leaving = Arc::new(leaving);
        let mut released = Vec::new();
        loop {
            let leaving = Arc::clone(&leaving);
            let step = self.ask(|reply| Job::Release { leaving, reply }).await?;
            release::add_up(&mut released, step.released);
            match step.rest {
                Rest::Some => {}
                Rest::Nothing => return Ok(released),
            }
        }
    }

    async fn ask<T>(&self, job: impl FnOnce(job::Reply<T>) -> Job) -> Result<T, StoreError> {
        self.enqueue(job).await?.redeem().await
    }

    async fn enqueue<T>(&self, job: impl FnOnce(job::Reply<T>) -> Job) -> Result<Ticket<T>, StoreError> {
        let (reply, answer) = oneshot::channel();
        self.jobs.send(job(reply)).await.map_err(|_| StoreError::Closed)?;
        Ok(Ticket(answer))
    }
}

/// Stands for an answer that comes when the work is durable and visible.
#[derive(Debug)]
pub struct Ticket<T>(oneshot::Receiver<Result<T, StoreError>>);

impl<T> Ticket<T> {
    /// Waits for the answer; may be cancelled and called again until it has answered once.
    ///
    /// # Errors
    /// When the work could not be done, or the store was closed.
    pub async fn redeem(&mut self) -> Result<T, StoreError> {
        (&mut self.0).await.map_err(|_| StoreError::Closed)?
    }
}
