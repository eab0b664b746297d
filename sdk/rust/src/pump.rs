//! Carries what the scopes say to the host, at the host's pace.
//!
//! Invariant: what was taken from a scope before the session ends is sent before `Drained`.

use std::time::Instant;

use k1s_crash::{Point, pass_by};
use k1s_source_proto::v1::{Event, SourceMessage, event::Change, source_message::Message};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::sleep_until;
use tonic::Status;

use crate::batcher::Batcher;
use crate::outlet::Item;

/// Most items taken from the queue at once.
const GULP: usize = 128;

/// Carries items until there are no more scopes, then says `Drained`.
pub(crate) struct Pump {
    pub(crate) items: mpsc::Receiver<Item>,
    pub(crate) paused: watch::Receiver<bool>,
    pub(crate) outbound: mpsc::Sender<Result<SourceMessage, Status>>,
    pub(crate) batcher: Batcher,
}

/// The host no longer listens.
struct Cut;

impl Pump {
    /// Runs until `ends` resolves and everything said before is sent, or until the host is gone.
    pub(crate) async fn run(mut self, ends: oneshot::Receiver<()>) {
        if self.carry(ends).await.is_err() {
            tracing::debug!("the host closed the session");
        }
    }

    async fn carry(&mut self, mut ends: oneshot::Receiver<()>) -> Result<(), Cut> {
        let mut gulp = Vec::with_capacity(GULP);
        let mut lasts = true;
        loop {
            let due = self.batcher.next_due();
            tokio::select! {
                taken = self.items.recv_many(&mut gulp, GULP) => {
                    if taken == 0 {
                        self.batcher.finish(Instant::now());
                        return self.deliver().await;
                    }
                    let now = Instant::now();
                    gulp.drain(..).for_each(|item| self.batcher.accept(item, now));
                }
                () = until(due) => {}
                // A loop that does not stop may hold its end of the queue; it cannot say anything any more.
                _ = &mut ends, if lasts => {
                    lasts = false;
                    self.items.close();
                }
                () = self.outbound.closed() => return Err(Cut),
            }
            self.batcher.tick(Instant::now());
            self.deliver().await?;
        }
    }

    async fn deliver(&mut self) -> Result<(), Cut> {
        for message in self.batcher.take_ready() {
            if matches!(message, Message::Batch(_)) && *self.paused.borrow() {
                let heartbeat = self.batcher.held_up(Instant::now());
                self.send(heartbeat).await?;
                self.paused.wait_for(|paused| !paused).await.map_err(|_| Cut)?;
            }
            self.send(message).await?;
        }
        Ok(())
    }

    async fn send(&self, message: Message) -> Result<(), Cut> {
        pass_by(|| point(&message));
        self.outbound
            .send(Ok(SourceMessage { message: Some(message) }))
            .await
            .map_err(|_| Cut)
    }
}

/// The crash point of a message that is about to be sent.
fn point(message: &Message) -> Option<Point> {
    match message {
        Message::Batch(batch) if batch.events.iter().any(is_delete) => Some(Point::K9),
        Message::Batch(_) => Some(Point::K3),
        Message::SnapshotEnd(_) => Some(Point::K8),
        Message::Drained(_) => Some(Point::K10),
        Message::KindInfo(_)
        | Message::SnapshotBegin(_)
        | Message::ScopeGone(_)
        | Message::Live(_)
        | Message::Progress(_)
        | Message::Heartbeat(_)
        | Message::Redact(_)
        | Message::Log(_)
        | Message::Metric(_)
        | Message::Problem(_) => None,
    }
}

fn is_delete(event: &Event) -> bool {
    matches!(event.change, Some(Change::Delete(_)))
}

async fn until(due: Option<Instant>) {
    match due {
        Some(due) => sleep_until(due.into()).await,
        None => std::future::pending().await,
    }
}
