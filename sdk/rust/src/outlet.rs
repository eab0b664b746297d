//! The way from one scope's loop to the session: a bounded queue of what it says.
//!
//! Events that follow each other travel in one item, for each item wakes the session: the first after a rest goes at
//! once, the others when [`CHUNK_EVENTS`] or [`CHUNK_BYTES`] of them are together, before anything else is said, and
//! whenever the loop waits for something. At most [`QUEUE`] items and [`QUEUE_BYTES`] bytes of events wait; then the loop waits, and so does
//! the author's code behind it. One event larger than that waits for the queue to be empty.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Instant;

use k1s_source_proto::limits::LINGER;
use k1s_source_proto::v1::{self, source_message::Message};
use prost::Message as _;
use prost::bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::task::coop::consume_budget;

use crate::{Code, Problem, Scope};

/// Most items that wait.
pub(crate) const QUEUE: usize = 1024;
/// Most bytes of events that wait.
pub(crate) const QUEUE_BYTES: usize = 2 * 1024 * 1024;
/// Most events in one item.
const CHUNK_EVENTS: usize = 128;
/// How many bytes of events end an item; one larger event may be in it.
const CHUNK_BYTES: usize = 128 * 1024;

/// What a scope's loop says.
#[derive(Debug)]
pub(crate) enum What {
    /// A listing begins.
    Begin(Box<v1::SnapshotBegin>),
    /// Events, inside the open listing if there is one.
    Events(Vec<Measured>),
    /// Deletes that the host judges as one: they share batches with nothing else, but for the token behind them.
    Together {
        deletes: Vec<Measured>,
        token: Option<Bytes>,
    },
    /// The batch ends here and carries this token.
    Token(Bytes),
    /// The listing ends: whole, or without something for the given reason.
    End {
        outcome: Result<(), Code>,
        token: Option<Bytes>,
        empty_is_intentional: bool,
    },
    /// The listing ends without its author's word, if there is one.
    Abandon(Code),
    /// Any other message, after the events before it.
    Message(Message),
    /// The loop has something to do.
    Working,
    /// The loop waits for something to happen.
    Waiting,
}

/// An event and its encoded size in bytes.
#[derive(Debug)]
pub(crate) struct Measured {
    pub(crate) event: v1::Event,
    pub(crate) bytes: usize,
}

/// One thing said, by one scope.
#[derive(Debug)]
pub(crate) struct Item {
    pub(crate) scope: Scope,
    pub(crate) what: What,
    /// Given back when the events have left the queue.
    pub(crate) room: Option<OwnedSemaphorePermit>,
}

/// Events that were said and are not on their way.
#[derive(Debug, Default)]
struct Chunk {
    events: Vec<Measured>,
    bytes: usize,
    /// When the last ones went.
    sent: Option<Instant>,
}

/// One scope's end of the queue.
#[derive(Clone, Debug)]
pub(crate) struct Outlet {
    scope: Scope,
    items: mpsc::Sender<Item>,
    room: Arc<Semaphore>,
    stop: watch::Receiver<bool>,
    /// Shared by the author's code and what flushes behind it, which take turns on one task.
    chunk: Arc<Mutex<Chunk>>,
}

impl Outlet {
    pub(crate) fn new(
        scope: Scope,
        items: mpsc::Sender<Item>,
        room: Arc<Semaphore>,
        stop: watch::Receiver<bool>,
    ) -> Self {
        Self {
            scope,
            items,
            room,
            stop,
            chunk: Arc::default(),
        }
    }

    /// Returns the same way for another scope.
    pub(crate) fn of(&self, scope: Scope) -> Self {
        Self {
            scope,
            chunk: Arc::default(),
            ..self.clone()
        }
    }

    pub(crate) fn scope(&self) -> &Scope {
        &self.scope
    }

    pub(crate) fn is_stopped(&self) -> bool {
        *self.stop.borrow()
    }

    /// Waits until the host asks to stop.
    pub(crate) async fn stopped(&mut self) {
        // The sender lives as long as the session; its end is a stop as well.
        if self.stop.wait_for(|stop| *stop).await.is_err() {
            tracing::debug!("the session ended");
        }
    }

    /// Says something that the author asked for; fails once the host asked to stop.
    pub(crate) async fn say(&self, what: What) -> Result<(), Problem> {
        if self.is_stopped() {
            return Err(Problem::stopped());
        }
        self.close(what).await
    }

    /// Says something that ends what was begun; it may still be said after the host asked to stop.
    pub(crate) async fn close(&self, what: What) -> Result<(), Problem> {
        self.flush().await?;
        let item = Item {
            scope: self.scope.clone(),
            what,
            room: None,
        };
        self.items.send(item).await.map_err(|_| Problem::stopped())
    }

    /// Sends deletes that the host judges as one, and where to go on behind them; fails once the host asked to stop.
    pub(crate) async fn together(&self, deletes: Vec<v1::Event>, token: Option<Bytes>) -> Result<(), Problem> {
        if self.is_stopped() {
            return Err(Problem::stopped());
        }
        self.flush().await?;
        let measured = |event: v1::Event| Measured {
            bytes: event.encoded_len(),
            event,
        };
        let deletes: Vec<Measured> = deletes.into_iter().map(measured).collect();
        let bytes: usize = deletes.iter().map(|event| event.bytes).sum();
        let share = u32::try_from(bytes.min(QUEUE_BYTES)).unwrap_or(u32::MAX);
        let room = Arc::clone(&self.room).acquire_many_owned(share).await;
        let item = Item {
            scope: self.scope.clone(),
            what: What::Together { deletes, token },
            room: Some(room.map_err(|_| Problem::stopped())?),
        };
        self.items.send(item).await.map_err(|_| Problem::stopped())
    }

    /// Sends an event; fails once the host asked to stop.
    pub(crate) async fn event(&self, event: v1::Event) -> Result<(), Problem> {
        if self.is_stopped() {
            return Err(Problem::stopped());
        }
        // A loop that never has to wait must let others run all the same.
        consume_budget().await;
        let bytes = event.encoded_len();
        if self.chunk().add(Measured { event, bytes }) {
            self.flush().await?;
        }
        Ok(())
    }

    /// Sends the events that are not on their way. They are taken only when there is room for them, so that two that
    /// flush cannot overtake each other.
    pub(crate) async fn flush(&self) -> Result<(), Problem> {
        loop {
            let bytes = self.chunk().bytes;
            if bytes == 0 {
                return Ok(());
            }
            let share = u32::try_from(bytes.min(QUEUE_BYTES)).unwrap_or(u32::MAX);
            let room = Arc::clone(&self.room).acquire_many_owned(share).await;
            let room = room.map_err(|_| Problem::stopped())?;
            let slot = self.items.reserve().await.map_err(|_| Problem::stopped())?;
            if let Some(events) = self.chunk().take(bytes) {
                slot.send(Item {
                    scope: self.scope.clone(),
                    what: What::Events(events),
                    room: Some(room),
                });
                return Ok(());
            }
        }
    }

    /// Runs a loop, and sends what it said whenever it waits, and at its end.
    pub(crate) async fn flushing<T>(&self, work: impl Future<Output = T>) -> T {
        let result = tokio::select! {
            biased;
            result = work => result,
            never = self.keep_flushing() => match never {},
        };
        if self.flush().await.is_err() {
            tracing::debug!("the session is over");
        }
        result
    }

    async fn keep_flushing(&self) -> Infallible {
        loop {
            if self.flush().await.is_err() {
                return std::future::pending().await;
            }
            next_poll().await;
        }
    }

    /// Says that there is work, unless the queue is full: then what waits there says it.
    pub(crate) fn hint_working(&self) {
        let item = Item {
            scope: self.scope.clone(),
            what: What::Working,
            room: None,
        };
        if self.items.try_send(item).is_err() {
            tracing::trace!("the queue already says that there is work");
        }
    }

    fn chunk(&self) -> MutexGuard<'_, Chunk> {
        self.chunk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Chunk {
    /// Adds an event; says whether the chunk is to go now.
    fn add(&mut self, event: Measured) -> bool {
        self.bytes += event.bytes;
        self.events.push(event);
        match self.events.len() {
            1 => self.bytes >= CHUNK_BYTES || self.sent.is_none_or(|sent| sent.elapsed() >= LINGER),
            events => events >= CHUNK_EVENTS || self.bytes >= CHUNK_BYTES,
        }
    }

    /// Takes the events, if they still have so many bytes.
    fn take(&mut self, bytes: usize) -> Option<Vec<Measured>> {
        if self.bytes != bytes {
            return None;
        }
        self.bytes = 0;
        self.sent = Some(Instant::now());
        Some(std::mem::replace(&mut self.events, Vec::with_capacity(CHUNK_EVENTS)))
    }
}

/// Waits until the task is polled again, for whatever reason.
async fn next_poll() {
    let mut polled = false;
    std::future::poll_fn(move |_| match std::mem::replace(&mut polled, true) {
        true => Poll::Ready(()),
        false => Poll::Pending,
    })
    .await;
}
