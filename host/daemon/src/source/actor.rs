//! Follows one source's lifecycle: its commands become runs, the ends of runs become its inputs.

use std::sync::Arc;
use std::time::Duration;

use k1s_object::InstanceId;
use k1s_process::{RuntimeDirectory, Spawner, StopBudget};
use k1s_store::row::SourceRow;
use k1s_store::{Reader, StoreError, Writer};
use k1s_sync_engine::id::{Epoch, Moment};
use k1s_sync_engine::lifecycle::{self, Command, Input, Lifecycle, Report, State, Suspension};
use k1s_sync_engine::message::Mode;
use k1s_sync_engine::problem::{Problem, ProblemCode};
use k1s_sync_engine::session::Demand;
use tokio::sync::{mpsc, watch};

use super::desk::{Desk, Owner, Told};
use super::notice::{Notice, What};
use super::order::Order;
use super::record::{note_of, record};
use super::run::{Run, RunEnd};
use super::storage::Storage;
use crate::clock::HostClock;
use crate::config::SourceSettings;

/// What every source of a host shares.
#[derive(Clone, Debug)]
pub(crate) struct Host {
    pub(crate) instance_id: InstanceId,
    pub(crate) spawner: Spawner,
    pub(crate) runtime_directory: Arc<RuntimeDirectory>,
    pub(crate) reader: Reader,
    pub(crate) writer: Writer,
    pub(crate) clock: HostClock,
    pub(crate) stop: StopBudget,
}

/// What a run that goes on is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Steer {
    Go,
    Drain { deadline: Moment },
    Kill,
}

/// How a source ended.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Ending {
    /// It was told to, or has nothing to do.
    Stopped,
    /// It listed everything once.
    Finished,
    /// It cannot go on by itself.
    GaveUp(Problem),
}

/// One source.
pub(crate) struct Actor {
    host: Host,
    settings: SourceSettings,
    mode: Mode,
    notices: mpsc::Sender<Notice>,
    desk: Desk,
    storage: Storage,
}

/// How a source is told things.
#[derive(Debug)]
pub(crate) struct Inbox {
    /// What people want, in their order.
    pub(crate) orders: mpsc::Receiver<Order>,
    /// Within what time to finish, once it is to.
    pub(crate) stop: watch::Receiver<Option<Duration>>,
}

/// How often a source that is to list once is tried.
const MAX_ONCE_RUNS: u32 = 5;

/// News of a run that may wait for the actor; the run waits when there are more.
const NEWS: usize = 8;

/// What a run tells its actor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum News {
    /// The session is open.
    Launched(Epoch),
    /// A listing that was demanded is durable, and what it led to was told.
    Met(Demand),
}

/// Something the actor waited for.
enum Step {
    Told(Told),
    News(News),
    RunOver(RunEnd),
    Storage,
    Timeout,
}

impl Actor {
    pub(crate) fn new(
        host: Host,
        settings: SourceSettings,
        mode: Mode,
        notices: mpsc::Sender<Notice>,
        inbox: Inbox,
    ) -> Self {
        Self {
            storage: Storage::new(host.reader.watch_health()),
            host,
            settings,
            mode,
            notices,
            desk: Desk::new(inbox.orders, inbox.stop),
        }
    }

    /// Runs until the source has ended.
    pub(crate) async fn run(mut self) -> Result<Ending, StoreError> {
        let Some(stored) = self.stored().await? else {
            return Ok(Ending::Stopped);
        };
        let owner = Owner {
            host: &self.host,
            settings: &self.settings,
        };
        let mut lifecycle = Lifecycle::new(lifecycle::Settings {
            enablement: owner.enablement(),
            suspension: match stored.suspended {
                Some(_) => Suspension::Suspended,
                None => Suspension::Active,
            },
            last_epoch: stored.epoch,
            stop_within: self.settings.timing.stop_deadline,
        });
        owner.input(&mut lifecycle, Input::Start);
        let mut runs = 0;
        loop {
            match self.until_launch(&mut lifecycle, runs).await {
                Next::Launch(epoch) => self.launch(&mut lifecycle, epoch).await?,
                Next::Ended(ending) => return Ok(ending),
            }
            runs += 1;
        }
    }

    /// What is stored of the source; nothing when it is stopped before that could be read.
    async fn stored(&mut self) -> Result<Option<SourceRow>, StoreError> {
        loop {
            match self.host.reader.source(&self.settings.name) {
                // Another source has just found that nothing can be stored.
                Err(StoreError::Engine(_)) if self.mode != Mode::Once && self.host.reader.health().outage.is_some() => {
                }
                known => return Ok(Some(known?.unwrap_or_default())),
            }
            tokio::select! {
                () = self.storage.changed() => {}
                () = self.desk.stopped() => return Ok(None),
            }
        }
    }

    /// Waits, between runs, for the next launch or for the end.
    async fn until_launch(&mut self, lifecycle: &mut Lifecycle, runs: u32) -> Next {
        loop {
            let owner = Owner {
                host: &self.host,
                settings: &self.settings,
            };
            self.desk.reset(owner).await;
            while let Some(command) = lifecycle.next_command() {
                match command {
                    Command::Launch { epoch } => return Next::Launch(epoch),
                    // Both speak of a run, and there is none.
                    Command::Stop { .. } | Command::Kill { .. } => {}
                    Command::Report(report) => tell(&self.notices, owner, report).await,
                }
            }
            if let Some(ending) = self.ending(lifecycle.state(), runs) {
                return Next::Ended(ending);
            }
            tokio::select! {
                told = self.desk.next() => self.desk.take(told, lifecycle, owner),
                () = self.storage.changed() => self.storage.tell(lifecycle, owner),
                () = self.host.clock.reach(lifecycle.next_timeout()) => lifecycle.handle_timeout(self.host.clock.moment()),
            }
        }
    }

    /// Whether a state is an end: of everything when stopped, and of a source that is to list once.
    fn ending(&self, state: &State, runs: u32) -> Option<Ending> {
        let once = self.mode == Mode::Once;
        match state {
            State::Stopped => Some(Ending::Stopped),
            State::Finished => Some(Ending::Finished),
            State::CircuitOpen(circuit) if once => Some(Ending::GaveUp(circuit.reason.clone())),
            // Whatever it failed of each time: a run that is to end does not wait for one cause to repeat.
            State::Waiting { cause, .. } if once && runs >= MAX_ONCE_RUNS => Some(Ending::GaveUp(cause.clone())),
            State::Paused { cause } | State::Quarantined { cause } | State::Refused { cause } if once => {
                Some(Ending::GaveUp(cause.clone()))
            }
            State::Disabled | State::Suspended { .. } if once => Some(Ending::Stopped),
            State::Disabled
            | State::Suspended { .. }
            | State::Paused { .. }
            | State::CircuitOpen(_)
            | State::Quarantined { .. }
            | State::Refused { .. }
            | State::Waiting { .. }
            | State::Launching { .. }
            | State::Running { .. }
            | State::Stopping { .. }
            | State::Killing { .. } => None,
        }
    }

    /// Makes the launch known to the store, and follows the run to its end.
    async fn launch(&mut self, lifecycle: &mut Lifecycle, epoch: Epoch) -> Result<(), StoreError> {
        let owner = Owner {
            host: &self.host,
            settings: &self.settings,
        };
        let epoch = match self.host.writer.raise_epoch(self.settings.name.clone()).await {
            Ok(raised) => raised,
            Err(error @ StoreError::Engine(_)) => {
                self.storage.tell(lifecycle, owner);
                let problem = Problem::with_source(ProblemCode::Unavailable, format!("the store: {error}"));
                owner.input(lifecycle, Input::LaunchFailed { epoch, problem });
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        owner.input(lifecycle, Input::Numbered { epoch });
        let (steering, steer) = watch::channel(Steer::Go);
        let (teller, mut news) = mpsc::channel(NEWS);
        let run = Run {
            host: &self.host,
            settings: &self.settings,
            epoch,
            mode: self.mode,
            notices: &self.notices,
            news: teller,
            steer,
        };
        let run = run.run(self.desk.begin_run());
        tokio::pin!(run);
        loop {
            while let Some(command) = lifecycle.next_command() {
                match command {
                    // The lifecycle launches only when the run before is over.
                    Command::Launch { .. } => {}
                    Command::Stop { deadline, .. } => drop(steering.send_replace(Steer::Drain { deadline })),
                    Command::Kill { .. } => drop(steering.send_replace(Steer::Kill)),
                    Command::Report(report) => tell(&self.notices, owner, report).await,
                }
            }
            let clock = &self.host.clock;
            let step = tokio::select! {
                biased;
                Some(told) = news.recv() => Step::News(told),
                () = self.storage.changed() => Step::Storage,
                end = &mut run => Step::RunOver(end),
                told = self.desk.next() => Step::Told(told),
                () = clock.reach(lifecycle.next_timeout()) => Step::Timeout,
            };
            match step {
                Step::Told(told) => self.desk.take(told, lifecycle, owner),
                Step::News(News::Launched(epoch)) => owner.input(lifecycle, Input::Launched { epoch }),
                Step::News(News::Met(demand)) => handled(&self.notices, owner, self.desk.met(demand)).await,
                Step::Storage => self.storage.tell(lifecycle, owner),
                Step::Timeout => lifecycle.handle_timeout(clock.moment()),
                Step::RunOver(end) => {
                    while let Ok(News::Met(demand)) = news.try_recv() {
                        handled(&self.notices, owner, self.desk.met(demand)).await;
                    }
                    // A command may have ended the session before its answer was read.
                    self.desk.settle(lifecycle, owner).await;
                    self.storage.tell(lifecycle, owner);
                    owner.input(lifecycle, over(end, epoch));
                    return Ok(());
                }
            }
        }
    }
}

enum Next {
    Launch(Epoch),
    Ended(Ending),
}

fn over(end: RunEnd, epoch: Epoch) -> Input {
    match end {
        RunEnd::Failed(problem) => Input::LaunchFailed { epoch, problem },
        RunEnd::Ended(cause) => Input::Ended { epoch, cause },
    }
}

async fn tell(notices: &mpsc::Sender<Notice>, owner: Owner<'_>, report: Report) {
    let Owner { host, settings } = owner;
    if let Some(note) = note_of(&report) {
        record(&host.writer, &settings.name, note).await;
    }
    let what = match report {
        Report::State(state) => What::State {
            retry_in: retry_at(&state).map(|at| at.since(host.clock.moment())),
            state,
        },
        Report::CircuitClosed => What::CircuitClosed,
    };
    notify(notices, settings, what).await;
}

/// Tells that a request to list was handled, unless that was told before.
async fn handled(notices: &mpsc::Sender<Notice>, owner: Owner<'_>, request: Option<Box<str>>) {
    if let Some(request) = request {
        notify(notices, owner.settings, What::Handled(request)).await;
    }
}

/// A host that is going away listens no more.
async fn notify(notices: &mpsc::Sender<Notice>, settings: &SourceSettings, what: What) {
    let source = settings.name.clone();
    drop(notices.send(Notice { source, what }).await);
}

/// When a state ends by itself.
fn retry_at(state: &State) -> Option<Moment> {
    match state {
        State::Waiting { until, .. } => Some(*until),
        State::CircuitOpen(circuit) => Some(circuit.next_try),
        State::Stopped
        | State::Disabled
        | State::Suspended { .. }
        | State::Paused { .. }
        | State::Launching { .. }
        | State::Running { .. }
        | State::Stopping { .. }
        | State::Killing { .. }
        | State::Quarantined { .. }
        | State::Refused { .. }
        | State::Finished => None,
    }
}
