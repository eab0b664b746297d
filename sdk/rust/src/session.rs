//! One session: its opening, and the pump and the conductor side by side until its end.

use std::sync::Arc;
use std::time::Duration;

use k1s_crash::{Point, pass};
use k1s_source_proto::v1::{self, source_message};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio_stream::StreamExt as _;
use tonic::{Status, Streaming};

use crate::batcher::Batcher;
use crate::conductor::{Conductor, answer};
use crate::limits::SessionLimits;
use crate::opening::{Opened, Opening, Step};
use crate::outlet;
use crate::pump::Pump;
use crate::redactor::Redactor;
use crate::{Reason, Scope, Source};

/// Most messages made and not yet taken by the connection.
pub(crate) const OUTBOUND: usize = 2;
/// Most calls that wait for the session.
pub(crate) const COMMANDS: usize = 8;

/// A source that was initialized, and what every session of it needs.
#[derive(Debug)]
pub(crate) struct Initialized<S> {
    pub(crate) source: S,
    pub(crate) scopes: Vec<Scope>,
    /// How often it should be listed.
    pub(crate) resync: Option<Duration>,
    pub(crate) redactor: Arc<Redactor>,
    pub(crate) limits: SessionLimits,
}

/// What other calls want of the session.
#[derive(Debug)]
pub(crate) enum Command {
    Sync {
        scope: Scope,
        reason: Reason,
        reply: oneshot::Sender<Result<u64, Status>>,
    },
    Stop {
        deadline: Duration,
        reply: oneshot::Sender<()>,
    },
}

/// One session before it runs.
#[derive(Debug)]
pub(crate) struct Session<S> {
    pub(crate) initialized: Arc<Initialized<S>>,
    pub(crate) inbound: Streaming<v1::HostMessage>,
    pub(crate) outbound: mpsc::Sender<Result<v1::SourceMessage, Status>>,
    pub(crate) commands: mpsc::Receiver<Command>,
}

/// How a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// The connection is gone or the host broke the order; another session may follow.
    Cut,
    /// The host asked to stop.
    Stopped,
}

impl<S: Source> Session<S> {
    pub(crate) async fn run(mut self) -> Ended {
        let mut early = Vec::new();
        let opened = match self.open(&mut early).await {
            Ok(Some(opened)) => opened,
            Ok(None) => return self.stopped_early().await,
            Err(status) => {
                self.refuse(status).await;
                return Ended::Cut;
            }
        };
        pass(Point::K2);
        let Self {
            initialized,
            inbound,
            outbound,
            commands,
        } = self;
        let (items, queue) = mpsc::channel(outlet::QUEUE);
        let (paused, is_paused) = watch::channel(false);
        let (lasts, ends) = oneshot::channel();
        let batcher = Batcher::new(initialized.limits);
        let pump = Pump {
            items: queue,
            paused: is_paused,
            outbound: outbound.clone(),
            batcher,
        };
        let conduct = async move {
            let mut conductor = Conductor::new(inbound, commands, paused, initialized, opened, items);
            let mut scopes = JoinSet::new();
            conductor.start(&mut scopes).await;
            let ended = conductor.run(scopes, outbound, early).await;
            drop(lasts);
            ended
        };
        let (ended, ()) = tokio::join!(conduct, pump.run(ends));
        ended
    }

    /// Returns what the host said until Ready, or nothing when it asked to stop before.
    ///
    /// What it orders travels by another way than Ready and may be here before it: that is kept in `early`, to be done then.
    async fn open(&mut self, early: &mut Vec<Command>) -> Result<Option<Opened>, Status> {
        let mut opening = Opening::New;
        loop {
            tokio::select! {
                message = self.inbound.next() => {
                    let message = message.unwrap_or_else(|| Err(Status::cancelled("the host left")))?;
                    match opening.accept(message)? {
                        Step::Wait(next) => opening = next,
                        Step::Open(opened) => return Ok(Some(opened)),
                    }
                }
                command = self.commands.recv() => match command {
                    Some(order @ Command::Sync { .. }) if early.len() < COMMANDS => early.push(order),
                    Some(Command::Sync { reply, .. }) => {
                        answer(reply, Err(Status::resource_exhausted("too many listings were ordered before Ready")));
                    }
                    Some(Command::Stop { reply, .. }) => {
                        answer(reply, ());
                        return Ok(None);
                    }
                    None => return Err(Status::cancelled("the launch is over")),
                }
            }
        }
    }

    async fn stopped_early(self) -> Ended {
        let drained = source_message::Message::Drained(v1::Drained { last_seq: 0 });
        let message = v1::SourceMessage { message: Some(drained) };
        if self.outbound.send(Ok(message)).await.is_err() {
            tracing::debug!("the host did not wait for the end of the session");
        }
        Ended::Stopped
    }

    async fn refuse(self, status: Status) {
        if self.outbound.send(Err(status)).await.is_err() {
            tracing::debug!("the host closed the session before it began");
        }
    }
}

/// Maps the reason of a call; what a later minor version adds counts as a request.
pub(crate) fn reason_of(request: &v1::SyncRequest) -> Reason {
    match request.reason() {
        v1::sync_request::Reason::Unspecified | v1::sync_request::Reason::Requested => Reason::Requested,
        v1::sync_request::Reason::Interval => Reason::Interval,
        v1::sync_request::Reason::ForgetKnown => Reason::ForgetKnown,
        v1::sync_request::Reason::Verify => Reason::Verify,
    }
}
