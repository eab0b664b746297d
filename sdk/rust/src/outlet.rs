//! The way from one scope's loop to the session: a bounded queue of what it says.
//!
//! At most [`QUEUE`] items and [`QUEUE_BYTES`] bytes of events wait there; then the loop waits, and so does the
//! author's code behind it. One event larger than that waits for the queue to be empty.

use std::sync::Arc;

use k1s_source_proto::v1::{self, source_message::Message};
use prost::Message as _;
use prost::bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};

use crate::{Code, Problem, Scope};

/// Most items that wait.
pub(crate) const QUEUE: usize = 1024;
/// Most bytes of events that wait.
pub(crate) const QUEUE_BYTES: usize = 2 * 1024 * 1024;

/// What a scope's loop says.
#[derive(Debug)]
pub(crate) enum What {
    /// A listing begins.
    Begin(Box<v1::SnapshotBegin>),
    /// An event, inside the open listing if there is one.
    Event(Box<v1::Event>),
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

/// One thing said, by one scope.
#[derive(Debug)]
pub(crate) struct Item {
    pub(crate) scope: Scope,
    pub(crate) what: What,
    /// Encoded size of an event in bytes; 0 for everything else.
    pub(crate) bytes: usize,
    /// Given back when the event has left the queue.
    pub(crate) room: Option<OwnedSemaphorePermit>,
}

/// One scope's end of the queue.
#[derive(Clone, Debug)]
pub(crate) struct Outlet {
    scope: Scope,
    items: mpsc::Sender<Item>,
    room: Arc<Semaphore>,
    stop: watch::Receiver<bool>,
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
        self.push(what, 0, None).await
    }

    /// Sends an event; fails once the host asked to stop.
    pub(crate) async fn event(&self, event: v1::Event) -> Result<(), Problem> {
        if self.is_stopped() {
            return Err(Problem::stopped());
        }
        let bytes = event.encoded_len();
        let share = u32::try_from(bytes.min(QUEUE_BYTES)).unwrap_or(u32::MAX);
        let room = Arc::clone(&self.room)
            .acquire_many_owned(share)
            .await
            .map_err(|_| Problem::stopped())?;
        self.push(What::Event(Box::new(event)), bytes, Some(room)).await
    }

    /// Says that there is work, unless the queue is full: then what waits there says it.
    pub(crate) fn hint_working(&self) {
        let item = Item {
            scope: self.scope.clone(),
            what: What::Working,
            bytes: 0,
            room: None,
        };
        if self.items.try_send(item).is_err() {
            tracing::trace!("the queue already says that there is work");
        }
    }

    async fn push(&self, what: What, bytes: usize, room: Option<OwnedSemaphorePermit>) -> Result<(), Problem> {
        let item = Item {
            scope: self.scope.clone(),
            what,
            bytes,
            room,
        };
        self.items.send(item).await.map_err(|_| Problem::stopped())
    }
}
