//! What a source was told and has not done yet.
//!
//! What a person wants is durable before the source acts on it, and the source goes on meanwhile: a command to the store is
//! one future that the actor waits for beside everything else. Orders are taken one after the other.

use std::collections::VecDeque;
use std::pin::Pin;
use std::time::Duration;

use k1s_api::control::{OrderError, OrderOutcome, RootRule};
use k1s_store::StoreError;
use k1s_store::command::{Command, CommandError, CommandOutcome};
use k1s_sync_engine::lifecycle::{Enablement, Input, Lifecycle, State};
use k1s_sync_engine::session::Demand;
use tokio::sync::{mpsc, watch};

use super::actor::{Host, Station};
use super::order::{Order, Reply, Wish};
use crate::config::{Activation, SourceSettings};
use crate::console::described;

/// Requests to list that may wait for their listing; of more, the next is refused.
pub(super) const MAX_REQUESTS: usize = 64;

type Doing = Pin<Box<dyn Future<Output = Result<CommandOutcome, StoreError>> + Send>>;

/// A command that the store is doing.
struct Deed {
    doing: Doing,
    then: Then,
    reply: Reply,
}

/// What a source does once its command is durable.
#[derive(Clone, Debug, PartialEq)]
enum Then {
    Input(Input),
    Sync(Box<str>),
}

/// A source that is to begin anew; the store forgets while nothing runs.
#[derive(Debug)]
struct Reset {
    user: Box<str>,
    reply: Reply,
}

/// Something that a source was told.
pub(super) enum Told {
    Station(Station),
    Order(Order),
    Done(Result<CommandOutcome, StoreError>),
}

/// What a source was told and has not done yet.
pub(super) struct Desk {
    orders: mpsc::Receiver<Order>,
    /// Absent once whoever could stop the source is gone.
    station: Option<watch::Receiver<Station>>,
    deed: Option<Deed>,
    reset: Option<Reset>,
    requests: Requests,
}

/// Requests to list, numbered in their order, and how to tell a run of them.
#[derive(Debug, Default)]
struct Requests {
    open: VecDeque<(Demand, Box<str>)>,
    last: u64,
    run: Option<mpsc::Sender<Demand>>,
}

/// Whose desk it is.
#[derive(Clone, Copy)]
pub(super) struct Owner<'a> {
    pub(super) host: &'a Host,
    pub(super) settings: &'a SourceSettings,
}

impl Desk {
    pub(super) fn new(orders: mpsc::Receiver<Order>, station: watch::Receiver<Station>) -> Self {
        Self {
            orders,
            station: Some(station),
            deed: None,
            reset: None,
            requests: Requests::default(),
        }
    }

    /// Waits for the next thing; cancelling it loses nothing.
    pub(super) async fn next(&mut self) -> Told {
        tokio::select! {
            biased;
            station = stationed(&mut self.station) => Told::Station(station),
            done = done(&mut self.deed) => Told::Done(done),
            Some(order) = self.orders.recv(), if self.deed.is_none() => Told::Order(order),
        }
    }

    /// Waits for another word of what the source is for.
    pub(super) async fn station(&mut self) -> Station {
        stationed(&mut self.station).await
    }

    /// Waits for a command that is on its way to the store; what ended a run may be what that command did.
    pub(super) async fn settle(&mut self, lifecycle: &mut Lifecycle, owner: Owner<'_>) {
        if self.deed.is_some() {
            let outcome = done(&mut self.deed).await;
            self.conclude(outcome, lifecycle, owner);
        }
    }

    /// Has the store forget, if the source is to begin anew; to be called while nothing runs.
    pub(super) async fn reset(&mut self, owner: Owner<'_>) {
        let Some(Reset { user, reply }) = self.reset.take() else {
            return;
        };
        let command = Command::Reset {
            source: owner.settings.name.clone(),
        };
        let outcome = owner.host.writer.command(command, user).await;
        let answer = outcome.map(OrderOutcome::Done).map_err(|error| owner.refused(error));
        answered(reply, answer);
    }

    /// Begins a run: everything that was requested before is requested of it.
    pub(super) fn begin_run(&mut self) -> mpsc::Receiver<Demand> {
        let (run, demands) = mpsc::channel(MAX_REQUESTS);
        self.requests.run = Some(run);
        for (demand, _) in &self.requests.open {
            self.requests.tell(*demand);
        }
        demands
    }

    /// Takes a run's word that it met a demand; returns the request that this answers, by its name.
    pub(super) fn met(&mut self, met: Demand) -> Option<Box<str>> {
        let mut request = None;
        while let Some((_, name)) = self.requests.open.pop_front_if(|(demand, _)| *demand <= met) {
            request = Some(name);
        }
        request
    }

    /// Takes an order.
    pub(super) fn begin(&mut self, order: Order, lifecycle: &mut Lifecycle, owner: Owner<'_>) {
        let Order { wish, user, reply } = order;
        let source = owner.settings.name.clone();
        let (command, then) = match wish {
            Wish::Suspend => (Command::Suspend { source }, Then::Input(Input::Suspend)),
            Wish::Resume => (Command::Resume { source }, Then::Input(Input::Resume)),
            Wish::Reset => {
                self.reset = Some(Reset { user, reply });
                return owner.input(lifecycle, Input::Configured(owner.enablement()));
            }
            Wish::Sync {
                requested_at,
                root: RootRule::Keep,
            } => return answered(reply, self.request(requested_at, lifecycle, owner)),
            Wish::Sync {
                requested_at,
                root: RootRule::Accept,
            } => {
                if let Err(error) = owner.readiness(lifecycle) {
                    return answered(reply, Err(error));
                }
                (Command::AcceptRoot { source }, Then::Sync(requested_at))
            }
        };
        let writer = owner.host.writer.clone();
        self.deed = Some(Deed {
            doing: Box::pin(async move { writer.command(command, user).await }),
            then,
            reply,
        });
    }

    /// Takes what came of a command.
    pub(super) fn conclude(
        &mut self,
        outcome: Result<CommandOutcome, StoreError>,
        lifecycle: &mut Lifecycle,
        owner: Owner<'_>,
    ) {
        let Some(Deed { then, reply, .. }) = self.deed.take() else {
            return;
        };
        let answer = match (outcome, then) {
            (Ok(outcome), Then::Input(input)) => {
                owner.input(lifecycle, input);
                Ok(OrderOutcome::Done(outcome))
            }
            (Ok(_), Then::Sync(requested_at)) => self.request(requested_at, lifecycle, owner),
            (Err(error), _) => Err(owner.refused(error)),
        };
        answered(reply, answer);
    }

    /// Has everything listed: by the run that goes on, or by the next, which a person's word begins.
    fn request(
        &mut self,
        requested_at: Box<str>,
        lifecycle: &mut Lifecycle,
        owner: Owner<'_>,
    ) -> Result<OrderOutcome, OrderError> {
        let readiness = owner.readiness(lifecycle)?;
        if self.requests.open.len() >= MAX_REQUESTS {
            let why = format!("{MAX_REQUESTS} requests wait already; try again when one of them is done");
            return Err(owner.not_running(why));
        }
        match readiness {
            Readiness::Runs => {}
            Readiness::Waits => owner.input(lifecycle, Input::Resume),
        }
        self.requests.push(requested_at);
        Ok(OrderOutcome::Requested)
    }
}

impl Requests {
    fn push(&mut self, name: Box<str>) {
        self.last += 1;
        let demand = Demand(self.last);
        self.open.push_back((demand, name));
        self.tell(demand);
    }

    /// A run that is over is told nothing; what it did not meet the next one is told.
    fn tell(&self, demand: Demand) {
        if let Some(run) = &self.run
            && let Err(error) = run.try_send(demand)
        {
            tracing::debug!("{demand:?} waits for the next run: {error}");
        }
    }
}

/// What a source does about a request to list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Readiness {
    /// A run goes on, or begins by itself.
    Runs,
    /// A person's word begins one.
    Waits,
}

impl Owner<'_> {
    pub(super) fn input(self, lifecycle: &mut Lifecycle, input: Input) {
        lifecycle.handle(input, self.host.clock.moment(), self.host.clock.jitter());
    }

    pub(super) fn enablement(self) -> Enablement {
        match self.settings.activation {
            Activation::Enabled(_) => Enablement::Enabled,
            Activation::Disabled => Enablement::Disabled,
        }
    }

    fn readiness(self, lifecycle: &Lifecycle) -> Result<Readiness, OrderError> {
        let name = &self.settings.name;
        let why = match lifecycle.state() {
            State::Running { .. } | State::Launching { .. } => return Ok(Readiness::Runs),
            State::Stopping { .. } | State::Killing { .. } if lifecycle.is_to_run() => return Ok(Readiness::Runs),
            State::Waiting { .. } | State::CircuitOpen(_) | State::Quarantined { .. } => return Ok(Readiness::Waits),
            State::Stopped | State::Finished => return Err(OrderError::Stopping),
            State::Stopping { .. } | State::Killing { .. } | State::Suspended { .. } => {
                format!("it is suspended; k1s-sync-host resume {name} lets it run")
            }
            State::Paused { cause } => format!("nothing can be stored ({})", described(cause)),
            State::Disabled => "it is disabled; enable it in its configuration".to_owned(),
            State::Refused { cause } => format!("it is refused; correct its configuration ({})", described(cause)),
        };
        Err(self.not_running(why))
    }

    fn not_running(self, why: String) -> OrderError {
        OrderError::NotRunning {
            source_name: self.settings.name.clone(),
            why,
        }
    }

    /// The store does not know a source that never ran, although it is there.
    fn refused(self, error: StoreError) -> OrderError {
        if let StoreError::Command(CommandError::UnknownSource { .. }) = error {
            let why = "it never ran, so there is nothing to change; enable it in its configuration";
            return self.not_running(why.to_owned());
        }
        error.into()
    }
}

async fn stationed(station: &mut Option<watch::Receiver<Station>>) -> Station {
    let Some(receiver) = station else {
        return std::future::pending().await;
    };
    if receiver.changed().await.is_err() {
        // Whoever could stop it is gone, and with it the host.
        *station = None;
        return Station::Stopping { within: Duration::ZERO };
    }
    receiver.borrow_and_update().clone()
}

async fn done(deed: &mut Option<Deed>) -> Result<CommandOutcome, StoreError> {
    match deed {
        Some(deed) => deed.doing.as_mut().await,
        None => std::future::pending().await,
    }
}

fn answered(reply: Reply, answer: Result<OrderOutcome, OrderError>) {
    if reply.send(answer).is_err() {
        tracing::debug!("nobody waits for the answer to an order any more");
    }
}
