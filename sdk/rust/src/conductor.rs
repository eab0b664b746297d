//! Obeys the host while a session lasts: a loop for each scope, orders, pauses, and the stop.
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

use crate::caught::caught;
use crate::opening::{Opened, Told};
use crate::orders::Orders;
use crate::outlet::{self, Item, Outlet, What};
use crate::scribe::{Habits, Scribe};
use crate::session::{Command, Ended, Initialized};
use crate::{Capability, Changes, Reason, Scope, Source, list_on_order};

/// Longest time that the scopes' loops get to end by themselves after Stop.
const STOP_GRACE: Duration = Duration::from_secs(1);

/// Why the loop over the host's wishes ended.
enum Leave {
    Cut,
    Stop(Duration),
}

/// Obeys the host while the session lasts.
pub(crate) struct Conductor {
    inbound: Streaming<v1::HostMessage>,
    commands: mpsc::Receiver<Command>,
    paused: watch::Sender<bool>,
    stop: watch::Sender<bool>,
    orders: BTreeMap<Scope, Orders>,
}

impl Conductor {
    pub(crate) fn new(
        inbound: Streaming<v1::HostMessage>,
        commands: mpsc::Receiver<Command>,
        paused: watch::Sender<bool>,
        stop: watch::Sender<bool>,
    ) -> Self {
        Self {
            inbound,
            commands,
            paused,
            stop,
            orders: BTreeMap::new(),
        }
    }

    /// Starts a loop for each scope, and says which scopes that the host knows are not configured.
    pub(crate) async fn start<S: Source>(
        &mut self,
        initialized: &Arc<Initialized<S>>,
        opened: Opened,
        items: &mpsc::Sender<Item>,
        stop: &watch::Receiver<bool>,
        scopes: &mut JoinSet<()>,
    ) {
        let Opened { mode, told_by_scope } = opened;
        let has = |capability| S::CAPABILITIES.contains(&capability);
        let habits = Habits {
            remembers: has(Capability::Seen) || has(Capability::NeedsKnown),
            sees: has(Capability::Seen),
            watches: has(Capability::Watch) && mode != Mode::Once,
        };
        let room = Arc::new(Semaphore::new(outlet::QUEUE_BYTES));
        let outlet = |scope| Outlet::new(scope, items.clone(), Arc::clone(&room), stop.clone());
        let (configured, removed): (BTreeMap<_, _>, BTreeMap<_, _>) = told_by_scope
            .into_iter()
            .partition(|(scope, _)| initialized.scopes.contains(scope));
        let mut told_by_scope = configured;
        // First, so that a scope which takes over their objects finds them given up.
        for scope in removed.into_keys() {
            give_up(&outlet(scope)).await;
        }
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
    }

    /// Obeys until the end; what then still runs is ended.
    pub(crate) async fn run(
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

/// Says that a scope which the host knows is not configured, and that nothing more comes of it: no loop will say so.
async fn give_up(outlet: &Outlet) {
    let gone = source_message::Message::ScopeGone(v1::ScopeGone {
        scope: outlet.scope().id().to_owned(),
        reason: v1::scope_gone::Reason::Deselected.into(),
        replaced_by: String::new(),
    });
    for what in [What::Message(gone), What::Waiting] {
        let said = outlet.close(what).await;
        tracing::debug!(
            delivered = said.is_ok(),
            "the host knows a scope that is not configured"
        );
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
    let outlet = changes.outlet();
    loop {
        changes.receive().await;
        if !changes.has_next() {
            return;
        }
        let result = if habits.watches {
            outlet.flushing(caught(source.watch(&scope, &mut changes))).await
        } else {
            outlet
                .flushing(caught(list_on_order(source, &scope, &mut changes)))
                .await
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

/// Answers a call whose caller may have left.
pub(crate) fn answer<T>(reply: oneshot::Sender<T>, value: T) {
    if reply.send(value).is_err() {
        tracing::debug!("the host did not wait for the answer");
    }
}
