//! Follows one source's lifecycle: its commands become runs, the ends of runs become its inputs.

use std::sync::Arc;
use std::time::Duration;

use k1s_object::InstanceId;
use k1s_process::{RuntimeDirectory, Spawner, StopBudget};
use k1s_store::{Reader, StoreError, Writer};
use k1s_sync_engine::id::{Epoch, Moment};
use k1s_sync_engine::lifecycle::{self, Command, Enablement, Input, Lifecycle, Report, State, Suspension};
use k1s_sync_engine::message::Mode;
use k1s_sync_engine::problem::{Problem, ProblemCode};
use tokio::sync::{mpsc, watch};

use super::notice::{Notice, What};
use super::record::{note_of, record};
use super::run::{Run, RunEnd};
use crate::clock::HostClock;
use crate::config::{Activation, SourceSettings};

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

/// What the supervisor tells a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// Finish within this time.
    Stop(Duration),
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
    pub(crate) host: Host,
    pub(crate) settings: SourceSettings,
    pub(crate) mode: Mode,
    pub(crate) orders: mpsc::Receiver<Order>,
    pub(crate) notices: mpsc::Sender<Notice>,
}

/// How often a source that is to list once is tried.
const MAX_ONCE_RUNS: u32 = 5;

/// Something the actor waited for.
enum Step {
    Input(Input),
    RunOver(RunEnd),
    Timeout,
}

impl Actor {
    /// Runs until the source has ended.
    pub(crate) async fn run(mut self) -> Result<Ending, StoreError> {
        let stored = self.host.reader.source(&self.settings.name)?.unwrap_or_default();
        let mut lifecycle = Lifecycle::new(lifecycle::Settings {
            enablement: match self.settings.activation {
                Activation::Enabled(_) => Enablement::Enabled,
                Activation::Disabled => Enablement::Disabled,
            },
            suspension: match stored.suspended {
                Some(_) => Suspension::Suspended,
                None => Suspension::Active,
            },
            last_epoch: stored.epoch,
            stop_within: self.settings.timing.stop_deadline,
        });
        self.input(&mut lifecycle, Input::Start);
        let mut runs = 0;
        loop {
            match self.until_launch(&mut lifecycle, runs).await {
                Next::Launch(epoch) => self.launch(&mut lifecycle, epoch).await?,
                Next::Ended(ending) => return Ok(ending),
            }
            runs += 1;
        }
    }

    fn input(&self, lifecycle: &mut Lifecycle, input: Input) {
        lifecycle.handle(input, self.host.clock.moment(), self.host.clock.jitter());
    }

    /// Waits, between runs, for the next launch or for the end.
    async fn until_launch(&mut self, lifecycle: &mut Lifecycle, runs: u32) -> Next {
        loop {
            while let Some(command) = lifecycle.next_command() {
                match command {
                    Command::Launch { epoch } => return Next::Launch(epoch),
                    // Both speak of a run, and there is none.
                    Command::Stop { .. } | Command::Kill { .. } => {}
                    Command::Report(report) => self.tell(report).await,
                }
            }
            if let Some(ending) = self.ending(lifecycle.state(), runs) {
                return Next::Ended(ending);
            }
            tokio::select! {
                order = self.orders.recv() => self.input(lifecycle, ordered(order)),
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
            State::Quarantined { cause } | State::Refused { cause } if once => Some(Ending::GaveUp(cause.clone())),
            State::Disabled | State::Suspended { .. } if once => Some(Ending::Stopped),
            State::Disabled
            | State::Suspended { .. }
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
        let raised = self.host.writer.raise_epoch(self.settings.name.clone()).await?;
        if raised != epoch {
            let message = format!("another host launched the source meanwhile: epoch {raised}, not {epoch}");
            let problem = Problem::with_source(ProblemCode::Internal, message);
            self.input(lifecycle, Input::LaunchFailed { epoch, problem });
            return Ok(());
        }
        let (steering, steer) = watch::channel(Steer::Go);
        let (launched, mut launches) = mpsc::channel(1);
        let run = Run {
            host: &self.host,
            settings: &self.settings,
            epoch,
            mode: self.mode,
            notices: &self.notices,
            launched,
            steer,
        };
        let run = run.run();
        tokio::pin!(run);
        loop {
            while let Some(command) = lifecycle.next_command() {
                match command {
                    // The lifecycle launches only when the run before is over.
                    Command::Launch { .. } => {}
                    Command::Stop { deadline, .. } => drop(steering.send_replace(Steer::Drain { deadline })),
                    Command::Kill { .. } => drop(steering.send_replace(Steer::Kill)),
                    Command::Report(report) => tell(&self.notices, &self.settings, &self.host, report).await,
                }
            }
            let clock = &self.host.clock;
            let step = tokio::select! {
                biased;
                Some(epoch) = launches.recv() => Step::Input(Input::Launched { epoch }),
                end = &mut run => Step::RunOver(end),
                order = self.orders.recv() => Step::Input(ordered(order)),
                () = clock.reach(lifecycle.next_timeout()) => Step::Timeout,
            };
            let (now, jitter) = (clock.moment(), clock.jitter());
            match step {
                Step::Input(input) => lifecycle.handle(input, now, jitter),
                Step::Timeout => lifecycle.handle_timeout(now),
                Step::RunOver(end) => {
                    lifecycle.handle(over(end, epoch), now, jitter);
                    return Ok(());
                }
            }
        }
    }

    async fn tell(&self, report: Report) {
        tell(&self.notices, &self.settings, &self.host, report).await;
    }
}

enum Next {
    Launch(Epoch),
    Ended(Ending),
}

/// An order that cannot come any more means that the host is gone.
fn ordered(order: Option<Order>) -> Input {
    match order {
        Some(Order::Stop(within)) => Input::Stop { within },
        None => Input::Stop { within: Duration::ZERO },
    }
}

fn over(end: RunEnd, epoch: Epoch) -> Input {
    match end {
        RunEnd::Failed(problem) => Input::LaunchFailed { epoch, problem },
        RunEnd::Ended(cause) => Input::Ended { epoch, cause },
    }
}

async fn tell(notices: &mpsc::Sender<Notice>, settings: &SourceSettings, host: &Host, report: Report) {
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
        | State::Launching { .. }
        | State::Running { .. }
        | State::Stopping { .. }
        | State::Killing { .. }
        | State::Quarantined { .. }
        | State::Refused { .. }
        | State::Finished => None,
    }
}
