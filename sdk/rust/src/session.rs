//! One session: the opening, a loop for each scope, orders and pauses from the host, and the end.
//!
//! The only place that starts tasks: one for each scope, in a set that the session owns and ends.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use k1s_source_proto::v1::{self, begin::Mode, host_message::Message, source_message};
use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_stream::StreamExt as _;
use tonic::{Status, Streaming};

use crate::batcher::Batcher;
use crate::caught::caught;
use crate::limits::SessionLimits;
use crate::opening::{Opened, Opening, Step, Told};
use crate::orders::Orders;
use crate::outlet::{self, Item, Outlet, What};
use crate::pump::Pump;
use crate::redactor::Redactor;
use crate::scribe::{Habits, Scribe};
use crate::{Capability, Changes, Reason, Scope, Source, list_on_order};

/// Longest time that the scopes' loops get to end by themselves after Stop.
const STOP_GRACE: Duration = Duration::from_secs(1);
/// Most messages made and not yet taken by the connection.
pub(crate) const OUTBOUND: usize = 2;
/// Most calls that wait for the session.
pub(crate) const COMMANDS: usize = 8;

/// A source that was initialized, and what every session of it needs.
#[derive(Debug)]
pub(crate) struct Initialized<S> {
    pub(crate) source: S,
    pub(crate) scopes: Vec<Scope>,
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

/// Why the loop over the host's wishes ended.
enum Leave {
    Cut,
    Stop(Duration),
}

impl<S: Source> Session<S> {
    pub(crate) async fn run(mut self) -> Ended {
        let opened = match self.open().await {
            Ok(Some(opened)) => opened,
            Ok(None) => return self.stopped_early().await,
            Err(status) => {
                self.refuse(status).await;
                return Ended::Cut;
            }
        };
        let Self {
            initialized,
            inbound,
            outbound,
            commands,
        } = self;
        let (items, queue) = mpsc::channel(outlet::QUEUE);
        let (paused, is_paused) = watch::channel(false);
        let (stop, is_stopped) = watch::channel(false);
        let (lasts, ends) = oneshot::channel();
        let batcher = Batcher::new(initialized.limits);
        let pump = Pump {
            items: queue,
            paused: is_paused,
            outbound: outbound.clone(),
            batcher,
        };
        let conduct = async move {
            let mut conductor = Conductor {
                inbound,
                commands,
                paused,
                stop,
                orders: BTreeMap::new(),
            };
            let mut scopes = JoinSet::new();
            conductor
                .start(&initialized, opened, &items, &is_stopped, &mut scopes)
                .await;
            let ended = conductor.run(scopes, outbound).await;
            drop(lasts);
            ended
        };
        let (ended, ()) = tokio::join!(conduct, pump.run(ends));
        ended
    }

    /// Returns what the host said until Ready, or nothing when it asked to stop before.
    async fn open(&mut self) -> Result<Option<Opened>, Status> {
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
                    Some(Command::Sync { reply, .. }) => {
                        answer(reply, Err(Status::failed_precondition("Ready was not sent yet")));
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

/// Obeys the host while the session lasts.
struct Conductor {
    inbound: Streaming<v1::HostMessage>,
    commands: mpsc::Receiver<Command>,
    paused: watch::Sender<bool>,
    stop: watch::Sender<bool>,
    orders: BTreeMap<Scope, Orders>,
}

impl Conductor {
    async fn start<S: Source>(
        &mut self,
        initialized: &Arc<Initialized<S>>,
        opened: Opened,
        items: &mpsc::Sender<Item>,
        stop: &watch::Receiver<bool>,
        scopes: &mut JoinSet<()>,
    ) {
        let Opened {
            mode,
            mut told_by_scope,
        } = opened;
        let has = |capability| S::CAPABILITIES.contains(&capability);
        let habits = Habits {
            remembers: has(Capability::Seen) || has(Capability::NeedsKnown),
            sees: has(Capability::Seen),
            watches: has(Capability::Watch) && mode != Mode::Once,
        };
        let room = Arc::new(Semaphore::new(outlet::QUEUE_BYTES));
        let outlet = |scope| Outlet::new(scope, items.clone(), Arc::clone(&room), stop.clone());
        for scope in initialized.scopes.iter().cloned() {
            let Told { known, token } = told_by_scope.remove(&scope).unwrap_or_default();
            let token = token.filter(|_| mode == Mode::Resume && has(Capability::Resume));
            let (orders, queue) = Orders::open(token);
            self.orders.insert(scope.clone(), orders);
            let redactor = Arc::clone(&initialized.redactor);
            let scribe = Scribe::new(outlet(scope.clone()), known, initialized.limits, habits, redactor);
            scopes.spawn(run_scope(
                Arc::clone(initialized),
                scope,
                Changes::new(scribe, queue),
                habits,
            ));
        }
        for scope in told_by_scope.into_keys() {
            let gone = v1::ScopeGone {
                scope: scope.id().to_owned(),
                reason: v1::scope_gone::Reason::Deselected.into(),
                replaced_by: String::new(),
            };
            let said = outlet(scope)
                .close(What::Message(source_message::Message::ScopeGone(gone)))
                .await;
            tracing::debug!(
                delivered = said.is_ok(),
                "the host knows a scope that is not configured"
            );
        }
    }

    async fn run(
        mut self,
        mut scopes: JoinSet<()>,
        outbound: mpsc::Sender<Result<v1::SourceMessage, Status>>,
    ) -> Ended {
        match self.obey(&outbound).await {
            Leave::Cut => Ended::Cut,
            Leave::Stop(grace) => {
                self.drain(&mut scopes, grace).await;
                Ended::Stopped
            }
        }
    }

    async fn obey(&mut self, outbound: &mpsc::Sender<Result<v1::SourceMessage, Status>>) -> Leave {
        loop {
            tokio::select! {
                message = self.inbound.next() => match message {
                    Some(Ok(message)) => if let Err(status) = self.hear(message) {
                        if outbound.send(Err(status)).await.is_err() {
                            tracing::debug!("the host closed the session");
                        }
                        return Leave::Cut;
                    },
                    Some(Err(status)) => {
                        tracing::debug!(code = ?status.code(), "the session was cut");
                        return Leave::Cut;
                    }
                    None => return Leave::Cut,
                },
                command = self.commands.recv() => match command {
                    Some(Command::Sync { scope, reason, reply }) => answer(reply, self.order(&scope, reason)),
                    Some(Command::Stop { deadline, reply }) => {
                        self.announce_stop();
                        answer(reply, ());
                        return Leave::Stop(grace(deadline));
                    }
                    None => return Leave::Cut,
                },
                () = outbound.closed() => return Leave::Cut,
            }
        }
    }

    fn hear(&self, message: v1::HostMessage) -> Result<(), Status> {
        match message.message {
            Some(Message::Pause(_)) => {
                self.paused.send_replace(true);
                Ok(())
            }
            Some(Message::Continue(_)) => {
                self.paused.send_replace(false);
                Ok(())
            }
            Some(Message::Nack(nack)) => {
                tracing::debug!(
                    seq = nack.seq,
                    refusals = nack.refusals.len(),
                    "the host keeps events as pending"
                );
                Ok(())
            }
            Some(Message::Ack(_)) | None => Ok(()),
            Some(Message::Begin(_) | Message::Known(_) | Message::Resume(_) | Message::Ready(_)) => Err(
                Status::failed_precondition("Begin, Known, Resume and Ready come before the session is open"),
            ),
        }
    }

    fn order(&mut self, scope: &Scope, reason: Reason) -> Result<u64, Status> {
        match self.orders.get_mut(scope) {
            Some(orders) => Ok(orders.order(reason)),
            None => Err(Status::not_found(format!("there is no scope {:?}", scope.id()))),
        }
    }

    /// From here on the scopes' loops get errors and no orders; a pause would keep back what must be said now.
    fn announce_stop(&self) {
        self.stop.send_replace(true);
        self.paused.send_replace(false);
    }

    async fn drain(&mut self, scopes: &mut JoinSet<()>, grace: Duration) {
        let ended = async { while scopes.join_next().await.is_some() {} };
        if timeout(grace, ended).await.is_err() {
            tracing::warn!(left = scopes.len(), ?grace, "scopes did not stop in time");
        }
        scopes.abort_all();
    }
}

/// Half of what the host gives, for it needs the other half to commit.
fn grace(deadline: Duration) -> Duration {
    if deadline.is_zero() {
        STOP_GRACE
    } else {
        STOP_GRACE.min(deadline / 2)
    }
}

/// Runs one scope until the host asks to stop; after an error or a panic the next order starts its loop again.
async fn run_scope<S: Source>(initialized: Arc<Initialized<S>>, scope: Scope, mut changes: Changes, habits: Habits) {
    let source = &initialized.source;
    loop {
        changes.receive().await;
        if !changes.has_next() {
            return;
        }
        let result = if habits.watches {
            caught(source.watch(&scope, &mut changes)).await
        } else {
            caught(list_on_order(source, &scope, &mut changes)).await
        };
        let problem = match result {
            Ok(Ok(())) => continue,
            Ok(Err(problem)) | Err(problem) => problem,
        };
        if changes.fail(&problem).await.is_err() {
            return;
        }
    }
}

fn answer<T>(reply: oneshot::Sender<T>, value: T) {
    if reply.send(value).is_err() {
        tracing::debug!("the host did not wait for the answer");
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
