//! Obeys the host while a session lasts: a loop for each scope, orders, pauses, and the stop.
//!
//! The only place that starts tasks: one for each scope, in a set that the session owns and ends.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use k1s_source_proto::v1::{self, begin::Mode, host_message::Message};
use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_stream::StreamExt as _;
use tonic::{Status, Streaming};

use crate::caught::caught;
use crate::discovery::{self, Scopes, WISHES, Wish, give_up};
use crate::opening::{Opened, Told};
use crate::orders::Orders;
use crate::outlet::{self, Item, Outlet, What};
use crate::scribe::{Habits, Scribe};
use crate::session::{Command, Ended, Initialized};
use crate::{Capability, Changes, Gone, Parts, Reason, Scope, Source, list_on_order};

/// Longest time that the scopes' loops get to end by themselves after Stop.
const STOP_GRACE: Duration = Duration::from_secs(1);

/// Why the loop over the host's wishes ended.
enum Leave {
    Cut,
    Stop(Duration),
    /// The place of a source that discovers its scopes cannot be asked, in a session that lists once.
    Failed,
}

/// What the loops of scopes are made of.
struct Cast<S> {
    initialized: Arc<Initialized<S>>,
    mode: Mode,
    /// What the host said of scopes that have no loop yet.
    told_by_scope: BTreeMap<Scope, Told>,
    habits: Habits,
    items: mpsc::Sender<Item>,
    room: Arc<Semaphore>,
    stop: watch::Receiver<bool>,
}

/// Obeys the host while the session lasts.
pub(crate) struct Conductor<S> {
    inbound: Streaming<v1::HostMessage>,
    commands: mpsc::Receiver<Command>,
    paused: watch::Sender<bool>,
    stop: watch::Sender<bool>,
    orders: BTreeMap<Scope, Orders>,
    cast: Cast<S>,
    /// Of the discovering loop; never any where the scopes are fixed.
    wishes: mpsc::Receiver<Wish>,
}

impl<S: Source> Cast<S> {
    fn outlet(&self, scope: Scope) -> Outlet {
        Outlet::new(scope, self.items.clone(), Arc::clone(&self.room), self.stop.clone())
    }

    /// Starts the loop of a scope and returns the host's end of its orders.
    fn start(&mut self, scope: &Scope, loops: &mut JoinSet<()>) -> Orders {
        let Told { known, token } = self.told_by_scope.remove(scope).unwrap_or_default();
        let resumes = self.mode == Mode::Resume && S::CAPABILITIES.contains(&Capability::Resume);
        let (orders, queue) = Orders::open(token.filter(|_| resumes));
        let initialized = Arc::clone(&self.initialized);
        let redactor = Arc::clone(&initialized.redactor);
        let scribe = Scribe::new(
            self.outlet(scope.clone()),
            known,
            initialized.limits,
            self.habits,
            redactor,
        );
        let changes = Changes::new(scribe, queue);
        loops.spawn(run_scope(initialized, scope.clone(), changes, self.habits));
        orders
    }

    /// Says which scopes that the host knows are not configured.
    async fn give_up_unconfigured(&mut self) {
        let configured = &self.initialized.scopes;
        let removed: Vec<Scope> = self
            .told_by_scope
            .extract_if(.., |scope, _| !configured.contains(scope))
            .map(|(scope, _)| scope)
            .collect();
        for scope in removed {
            let outlet = self.outlet(scope.clone());
            let said = give_up(&outlet, &scope, Gone::Deselected).await;
            tracing::debug!(
                delivered = said.is_ok(),
                "the host knows a scope that is not configured"
            );
            // No loop will say that nothing more comes of it.
            if outlet.close(What::Waiting).await.is_err() {
                tracing::debug!("the session is over");
            }
        }
    }
}

impl<S: Source> Conductor<S> {
    pub(crate) fn new(
        inbound: Streaming<v1::HostMessage>,
        commands: mpsc::Receiver<Command>,
        paused: watch::Sender<bool>,
        initialized: Arc<Initialized<S>>,
        opened: Opened,
        items: mpsc::Sender<Item>,
    ) -> Self {
        let Opened { mode, told_by_scope } = opened;
        let has = |capability| S::CAPABILITIES.contains(&capability);
        let habits = Habits {
            remembers: has(Capability::Seen) || has(Capability::NeedsKnown),
            sees: has(Capability::Seen),
            watches: has(Capability::Watch) && mode != Mode::Once,
        };
        let (stop, is_stopped) = watch::channel(false);
        Self {
            inbound,
            commands,
            paused,
            stop,
            orders: BTreeMap::new(),
            cast: Cast {
                initialized,
                mode,
                told_by_scope,
                habits,
                items,
                room: Arc::new(Semaphore::new(outlet::QUEUE_BYTES)),
                stop: is_stopped,
            },
            wishes: mpsc::channel(1).1,
        }
    }

    /// Starts a loop for each scope, or the one that discovers them.
    pub(crate) async fn start(&mut self, loops: &mut JoinSet<()>) {
        match S::PARTS {
            Parts::Fixed => {
                // First, so that a scope which takes over their objects finds them given up.
                self.cast.give_up_unconfigured().await;
                for scope in self.cast.initialized.scopes.clone() {
                    let orders = self.cast.start(&scope, loops);
                    self.orders.insert(scope, orders);
                }
            }
            Parts::Discovered => {
                let (wish, wishes) = mpsc::channel(WISHES);
                self.wishes = wishes;
                let told: BTreeSet<Scope> = self.cast.told_by_scope.keys().cloned().collect();
                let initialized = Arc::clone(&self.cast.initialized);
                let redactor = Arc::clone(&initialized.redactor);
                let scopes = Scopes::new(wish, self.cast.outlet(Scope::whole()), redactor, told);
                loops.spawn(discovery::run(initialized, scopes));
            }
        }
    }

    /// Obeys until the end, first what was ordered early; what then still runs is ended.
    pub(crate) async fn run(
        mut self,
        mut scopes: JoinSet<()>,
        outbound: mpsc::Sender<Result<v1::SourceMessage, Status>>,
        early: Vec<Command>,
    ) -> Ended {
        for order in early {
            if let Some(Leave::Stop(grace)) = self.command(order) {
                self.drain(&mut scopes, grace).await;
                return Ended::Stopped;
            }
        }
        match self.obey(&mut scopes, &outbound).await {
            Leave::Cut => Ended::Cut,
            Leave::Stop(grace) => {
                self.drain(&mut scopes, grace).await;
                Ended::Stopped
            }
            Leave::Failed => {
                self.announce_stop();
                self.drain(&mut scopes, STOP_GRACE).await;
                Ended::Stopped
            }
        }
    }

    async fn obey(
        &mut self,
        scopes: &mut JoinSet<()>,
        outbound: &mpsc::Sender<Result<v1::SourceMessage, Status>>,
    ) -> Leave {
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
                command = self.commands.recv() => {
                    let Some(command) = command else { return Leave::Cut };
                    if let Some(leave) = self.command(command) {
                        return leave;
                    }
                },
                Some(wish) = self.wishes.recv() => match wish {
                    Wish::Open(scope) => if !self.orders.contains_key(&scope) {
                        let orders = self.cast.start(&scope, scopes);
                        self.orders.insert(scope, orders);
                    },
                    Wish::Failed if self.cast.mode == Mode::Once => return Leave::Failed,
                    Wish::Failed => {}
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

    /// Obeys; returns how the session ends, if it does.
    fn command(&mut self, command: Command) -> Option<Leave> {
        match command {
            Command::Sync { scope, reason, reply } => {
                answer(reply, self.order(&scope, reason));
                None
            }
            Command::Stop { deadline, reply } => {
                self.announce_stop();
                answer(reply, ());
                Some(Leave::Stop(grace(deadline)))
            }
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
