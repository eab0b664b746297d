//! Follows one source's lifecycle: its commands become runs, the ends of runs become its inputs.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use k1s_object::InstanceId;
use k1s_process::{RuntimeDirectory, Spawner, StopBudget};
use k1s_store::row::SourceRow;
use k1s_store::status::{OffenceRow, StatusNote};
use k1s_store::writer::{Leaving, Released};
use k1s_store::{Reader, StoreError, Writer};
use k1s_sync_engine::id::{Epoch, Moment, SourceName};
use k1s_sync_engine::lifecycle::{self, Command, Input, Lifecycle, Report, State, Suspension};
use k1s_sync_engine::message::Mode;
use k1s_sync_engine::policy::Departure;
use k1s_sync_engine::problem::Problem;
use k1s_sync_engine::session::Demand;
use tokio::sync::{mpsc, watch};

use super::desk::{Desk, Owner, Told};
use super::notice::{Notice, What};
use super::offence::Offences;
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
    /// Where the store is; what lies below it shares its disk.
    pub(crate) data_directory: PathBuf,
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
    /// It is configured no longer, and this became of what it had.
    Removed(Released),
}

/// What a source is for, as the configuration and the host have it.
#[derive(Clone, Debug)]
pub(crate) enum Station {
    /// To do as configured.
    Configured(Arc<SourceSettings>),
    /// To go: it is configured no longer.
    Leaving,
    /// To stop: the host ends.
    Stopping {
        /// From now on.
        within: Duration,
    },
}

/// One source.
pub(crate) struct Actor {
    host: Host,
    mode: Mode,
    notices: mpsc::Sender<Notice>,
    post: Post,
    storage: Storage,
    /// Sources of which it is not known yet what they declare.
    unsettled: watch::Receiver<BTreeSet<SourceName>>,
    offences: Offences,
}

/// What a source is to do now; a run that goes on began with what held then.
struct Post {
    settings: Arc<SourceSettings>,
    stay: Stay,
    desk: Desk,
}

/// Whether a source that has stopped is to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stay {
    Stays,
    Leaves,
}

/// How a source is told things.
#[derive(Debug)]
pub(crate) struct Inbox {
    /// What people want, in their order.
    pub(crate) orders: mpsc::Receiver<Order>,
    /// What it is for; the last word counts.
    pub(crate) station: watch::Receiver<Station>,
    /// Sources of which it is not known yet what they declare.
    pub(crate) unsettled: watch::Receiver<BTreeSet<SourceName>>,
}

/// How long a source that leaves waits with its deletes for others to say whether they declare the same.
const TRANSFER_GRACE: Duration = Duration::from_secs(30);

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
        settings: Arc<SourceSettings>,
        mode: Mode,
        notices: mpsc::Sender<Notice>,
        inbox: Inbox,
    ) -> Self {
        Self {
            storage: Storage::new(host.reader.watch_health()),
            host,
            mode,
            notices,
            post: Post {
                settings,
                stay: Stay::Stays,
                desk: Desk::new(inbox.orders, inbox.station),
            },
            unsettled: inbox.unsettled,
            offences: Offences::default(),
        }
    }

    /// Runs until the source has ended.
    pub(crate) async fn run(mut self) -> Result<Ending, StoreError> {
        let Some((stored, offences)) = self.stored().await? else {
            return Ok(Ending::Stopped);
        };
        let owner = self.post.owner(&self.host);
        let mut lifecycle = Lifecycle::new(lifecycle::Settings {
            enablement: owner.enablement(),
            suspension: match stored.suspended {
                Some(_) => Suspension::Suspended,
                None => Suspension::Active,
            },
            last_epoch: stored.epoch,
            stop_within: self.post.settings.timing.stop_deadline,
        });
        self.offences.recall(offences, &self.post.settings, &mut lifecycle);
        owner.input(&mut lifecycle, Input::Start);
        let mut runs = 0;
        loop {
            match self.until_launch(&mut lifecycle, runs).await? {
                Next::Launch(epoch) => self.launch(&mut lifecycle, epoch).await?,
                Next::Ended(ending) => return Ok(ending),
            }
            runs += 1;
        }
    }

    /// What is stored of the source; nothing when it is stopped before that could be read.
    async fn stored(&mut self) -> Result<Option<(SourceRow, Option<OffenceRow>)>, StoreError> {
        loop {
            let (reader, name) = (&self.host.reader, &self.post.settings.name);
            let known = reader
                .source(name)
                .and_then(|row| Ok((row.unwrap_or_default(), reader.offences(name)?)));
            match known {
                // Another source has just found that nothing can be stored.
                Err(StoreError::Engine(_)) if self.mode != Mode::Once && self.host.reader.health().outage.is_some() => {
                }
                known => return known.map(Some),
            }
            tokio::select! {
                () = self.storage.changed() => {}
                station = self.post.desk.station() => match station {
                    Station::Configured(settings) => self.post.settings = settings,
                    Station::Leaving | Station::Stopping { .. } => return Ok(None),
                },
            }
        }
    }

    /// Waits, between runs, for the next launch or for the end.
    async fn until_launch(&mut self, lifecycle: &mut Lifecycle, runs: u32) -> Result<Next, StoreError> {
        loop {
            self.post.reset(&self.host).await;
            self.offences
                .remember(&self.host.writer, &self.post.settings, lifecycle)
                .await;
            while let Some(command) = lifecycle.next_command() {
                match command {
                    Command::Launch { epoch } => return Ok(Next::Launch(epoch)),
                    // Both speak of a run, and there is none.
                    Command::Stop { .. } | Command::Kill { .. } => {}
                    Command::Report(report) => tell(&self.notices, self.post.owner(&self.host), report).await,
                }
            }
            if let Some(ending) = self.ending(lifecycle.state(), runs) {
                return match (ending, self.post.stay) {
                    (Ending::Stopped, Stay::Leaves) => Ok(Next::Ended(self.leave().await?)),
                    (ending, Stay::Stays | Stay::Leaves) => Ok(Next::Ended(ending)),
                };
            }
            tokio::select! {
                told = self.post.desk.next() => self.post.take(told, lifecycle, &self.host),
                () = self.storage.changed() => self.storage.tell(lifecycle, self.post.owner(&self.host)),
                () = self.host.clock.reach(lifecycle.next_timeout()) => lifecycle.handle_timeout(self.host.clock.moment()),
            }
        }
    }

    /// Lets go of what the source has, as it was configured last. Deletes wait for those who may declare the same: what
    /// another source claims is handed over, and nobody sees it gone.
    async fn leave(&mut self) -> Result<Ending, StoreError> {
        let settings = &self.post.settings;
        if settings.policy.removed == Departure::Prune {
            let settled = self.unsettled.wait_for(BTreeSet::is_empty);
            if tokio::time::timeout(TRANSFER_GRACE, settled).await.is_err() {
                tracing::warn!(source = %settings.name, "its objects go although not every source has said what it declares");
            }
        }
        record(&self.host.writer, &settings.name, StatusNote::Recovered).await;
        let leaving = Leaving::One {
            source: settings.name.clone(),
            departure: settings.policy.removed,
            guard: settings.policy.guard,
        };
        loop {
            match self.host.writer.release(leaving.clone()).await {
                Ok(mut released) => {
                    let nothing = || Released::nothing_of(self.post.settings.name.clone());
                    return Ok(Ending::Removed(released.pop().unwrap_or_else(nothing)));
                }
                Err(StoreError::Engine(_)) => {}
                Err(error) => return Err(error),
            }
            // Nothing can be stored; what it has is let go of when that is over, or by the next host.
            tokio::select! {
                () = self.storage.changed() => {}
                station = self.post.desk.station() => match station {
                    Station::Leaving => {}
                    Station::Configured(_) | Station::Stopping { .. } => return Ok(Ending::Stopped),
                },
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

    /// Follows a launch to the end of its run.
    async fn launch(&mut self, lifecycle: &mut Lifecycle, epoch: Epoch) -> Result<(), StoreError> {
        let settings = Arc::clone(&self.post.settings);
        let owner = Owner {
            host: &self.host,
            settings: &settings,
        };
        let Some(epoch) = self.storage.number(lifecycle, owner, epoch).await? else {
            return Ok(());
        };
        let (steering, steer) = watch::channel(Steer::Go);
        let (teller, mut news) = mpsc::channel(NEWS);
        let run = Run {
            host: &self.host,
            settings: &settings,
            epoch,
            mode: self.mode,
            notices: &self.notices,
            news: teller,
            steer,
        };
        let run = run.run(self.post.desk.begin_run());
        tokio::pin!(run);
        loop {
            self.offences
                .remember(&self.host.writer, &self.post.settings, lifecycle)
                .await;
            while let Some(command) = lifecycle.next_command() {
                match command {
                    // The lifecycle launches only when the run before is over.
                    Command::Launch { .. } => {}
                    Command::Stop { deadline, .. } => drop(steering.send_replace(Steer::Drain { deadline })),
                    Command::Kill { .. } => drop(steering.send_replace(Steer::Kill)),
                    Command::Report(report) => tell(&self.notices, self.post.owner(&self.host), report).await,
                }
            }
            let step = tokio::select! {
                biased;
                Some(told) = news.recv() => Step::News(told),
                () = self.storage.changed() => Step::Storage,
                end = &mut run => Step::RunOver(end),
                told = self.post.desk.next() => Step::Told(told),
                () = self.host.clock.reach(lifecycle.next_timeout()) => Step::Timeout,
            };
            match step {
                Step::Told(told) => self.post.take(told, lifecycle, &self.host),
                Step::News(News::Launched(epoch)) => {
                    self.post.owner(&self.host).input(lifecycle, Input::Launched { epoch })
                }
                Step::News(News::Met(demand)) => self.post.met(demand, &self.notices).await,
                Step::Storage => self.storage.tell(lifecycle, owner),
                Step::Timeout => lifecycle.handle_timeout(self.host.clock.moment()),
                Step::RunOver(end) => {
                    while let Ok(News::Met(demand)) = news.try_recv() {
                        self.post.met(demand, &self.notices).await;
                    }
                    // A command may have ended the session before its answer was read.
                    self.post.settle(lifecycle, &self.host).await;
                    self.storage.tell(lifecycle, owner);
                    owner.input(lifecycle, over(end, epoch));
                    return Ok(());
                }
            }
        }
    }
}

impl Post {
    fn owner<'a>(&'a self, host: &'a Host) -> Owner<'a> {
        Owner {
            host,
            settings: &self.settings,
        }
    }

    /// Takes what the source was told.
    fn take(&mut self, told: Told, lifecycle: &mut Lifecycle, host: &Host) {
        let owner = Owner {
            host,
            settings: &self.settings,
        };
        match told {
            Told::Order(order) => self.desk.begin(order, lifecycle, owner),
            Told::Done(outcome) => self.desk.conclude(outcome, lifecycle, owner),
            Told::Station(Station::Stopping { within }) => {
                // What it has is let go of by the next host.
                self.stay = Stay::Stays;
                owner.input(lifecycle, Input::Stop { within });
            }
            Told::Station(Station::Leaving) => {
                self.stay = Stay::Leaves;
                let within = self.settings.timing.stop_deadline;
                owner.input(lifecycle, Input::Stop { within });
            }
            Told::Station(Station::Configured(settings)) => self.configure(settings, lifecycle, host),
        }
    }

    /// Another configuration: what runs is begun anew, unless it would do the same. A source that was to leave stays.
    fn configure(&mut self, settings: Arc<SourceSettings>, lifecycle: &mut Lifecycle, host: &Host) {
        let before = std::mem::replace(&mut self.settings, settings);
        let stay = std::mem::replace(&mut self.stay, Stay::Stays);
        let owner = self.owner(host);
        lifecycle.set_stop_within(before.timing.stop_deadline);
        if !self.settings.works_like(&before) {
            owner.input(lifecycle, Input::Configured(owner.enablement()));
        }
        lifecycle.set_stop_within(self.settings.timing.stop_deadline);
        if stay == Stay::Leaves {
            owner.input(lifecycle, Input::Start);
        }
    }

    async fn reset(&mut self, host: &Host) {
        let settings = Arc::clone(&self.settings);
        let owner = Owner {
            host,
            settings: &settings,
        };
        self.desk.reset(owner).await;
    }

    async fn settle(&mut self, lifecycle: &mut Lifecycle, host: &Host) {
        let settings = Arc::clone(&self.settings);
        let owner = Owner {
            host,
            settings: &settings,
        };
        self.desk.settle(lifecycle, owner).await;
    }

    /// Tells that a request to list was handled, unless that was told before.
    async fn met(&mut self, demand: Demand, notices: &mpsc::Sender<Notice>) {
        if let Some(request) = self.desk.met(demand) {
            notify(notices, &self.settings, What::Handled(request)).await;
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
