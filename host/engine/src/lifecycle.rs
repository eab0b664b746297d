//! One source over many runs: when to launch it, to wait, to give up and to try again.
//!
//! A run begins with [`Command::Launch`] and is over with [`Input::LaunchFailed`] or [`Input::Ended`]. The daemon gives
//! one of these two exactly once for each launch, and only after the process is reaped and its connections are
//! closed, so that no two epochs of a source ever overlap. Within a run it bounds the launch by the start deadline and
//! ends the process as the end of the session asks for; between runs everything is decided here.
//!
//! It does not persist: the daemon stores the epoch of a [`Command::Launch`] before it launches, and knows from its
//! own records whether a source is suspended.
//!
//! # Invariants
//! - At most one run at a time, each with an epoch larger than every earlier one.
//! - A source that is disabled, suspended, stopped, refused or quarantined is not launched, and none while nothing can be
//!   stored.
//! - Every input is answered in every state; an input that makes no sense there, or speaks of another run, changes
//!   nothing.

mod failure;
mod state;

use std::collections::VecDeque;
use std::time::Duration;

use self::failure::{Consequence, Failures};
pub use self::failure::{FORGIVE_VIOLATIONS_AFTER, VIOLATIONS_TO_QUARANTINE};
pub use self::state::{Command, Enablement, Input, Report, State, Suspension};
use crate::breaker::Circuit;
use crate::id::{Epoch, Moment};
use crate::problem::{Problem, ProblemCode};
use crate::session::EndCause;

/// Whether the host runs sources.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Presence {
    Stopped,
    Started,
}

/// What a source begins its life in a host with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Whether the configuration enables it.
    pub enablement: Enablement,
    /// Whether a person suspended it.
    pub suspension: Suspension,
    /// The epoch of its last launch, by any host on this store.
    pub last_epoch: Epoch,
    /// How long it may take to finish when it is suspended, disabled or configured anew.
    pub stop_within: Duration,
}

/// One source over many runs.
#[derive(Debug)]
pub struct Lifecycle {
    enablement: Enablement,
    suspension: Suspension,
    presence: Presence,
    stop_within: Duration,
    epoch: Epoch,
    state: State,
    /// What is wrong with the store, while nothing can be stored.
    outage: Option<Problem>,
    failures: Failures,
    /// For what it was quarantined, by this host or an earlier one, while it is not to run.
    sentence: Option<Problem>,
    commands: VecDeque<Command>,
}

impl Lifecycle {
    /// Makes a source that waits for [`Input::Start`].
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self {
            enablement: settings.enablement,
            suspension: settings.suspension,
            presence: Presence::Stopped,
            stop_within: settings.stop_within,
            epoch: settings.last_epoch,
            state: State::Stopped,
            outage: None,
            failures: Failures::default(),
            sentence: None,
            commands: VecDeque::new(),
        }
    }

    /// Takes what an earlier host remembered of this source with this configuration, before [`Input::Start`]: violations in
    /// a row, and for what it was quarantined, if it was.
    pub fn recall(&mut self, violations: u32, quarantined: Option<Problem>) {
        self.failures.recall(violations);
        self.sentence = quarantined;
    }

    /// Violations in a row that are not forgiven, for a later host to [`recall`](Self::recall).
    #[must_use]
    pub fn violations(&self) -> u32 {
        self.failures.violations()
    }

    /// For what the source is quarantined, if it is, for a later host to [`recall`](Self::recall).
    #[must_use]
    pub fn quarantined(&self) -> Option<&Problem> {
        match &self.state {
            State::Quarantined { cause } => Some(cause),
            State::Stopped
            | State::Disabled
            | State::Suspended { .. }
            | State::Paused { .. }
            | State::Waiting { .. }
            | State::CircuitOpen(_)
            | State::Launching { .. }
            | State::Running { .. }
            | State::Stopping { .. }
            | State::Killing { .. }
            | State::Refused { .. }
            | State::Finished => self.sentence.as_ref(),
        }
    }

    /// Takes what happened; `jitter` is 64 random bits, drawn anew for each call.
    pub fn handle(&mut self, input: Input, now: Moment, jitter: u64) {
        let deadline = now.plus(self.stop_within);
        match input {
            Input::Start => {
                self.presence = Presence::Started;
                self.settle();
            }
            Input::Stop { within } => {
                self.presence = Presence::Stopped;
                self.halt(now.plus(within));
            }
            Input::Suspend => {
                self.suspension = Suspension::Suspended;
                self.halt(deadline);
            }
            Input::Resume => {
                self.suspension = Suspension::Active;
                self.go_on();
            }
            Input::StoreLost { cause } => self.lose_store(cause),
            Input::StoreBack => {
                self.outage = None;
                if matches!(self.state, State::Paused { .. }) {
                    self.launch();
                }
            }
            Input::Configured(enablement) => {
                self.enablement = enablement;
                self.begin_anew(deadline);
            }
            Input::Numbered { epoch } => {
                if let State::Launching { epoch: asked } = &mut self.state {
                    *asked = epoch;
                    self.epoch = epoch;
                }
            }
            Input::Launched { epoch } if self.state == (State::Launching { epoch }) => {
                self.enter(State::Running { epoch, since: now });
            }
            Input::Launched { .. } => {}
            Input::LaunchFailed { epoch, problem } => self.over(epoch, EndCause::Ended(problem), now, jitter),
            Input::Ended { epoch, cause } => self.over(epoch, cause, now, jitter),
        }
    }

    /// Sets how long it may take from now on to finish when it is suspended, disabled or configured anew.
    pub fn set_stop_within(&mut self, stop_within: Duration) {
        self.stop_within = stop_within;
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Moment) {
        if self.next_timeout().is_none_or(|due| now < due) {
            return;
        }
        match self.state {
            State::Waiting { .. } | State::CircuitOpen(_) => self.launch(),
            State::Running { since, .. } => {
                let is_over = |due: Option<Moment>| due.is_some_and(|due| now >= due);
                if is_over(self.failures.forgiven_at(since)) {
                    self.failures.pardon();
                }
                if is_over(self.failures.stable_at(since)) {
                    self.forget_failures();
                }
            }
            State::Stopping { epoch, .. } => self.kill(epoch),
            State::Stopped
            | State::Disabled
            | State::Suspended { .. }
            | State::Paused { .. }
            | State::Launching { .. }
            | State::Killing { .. }
            | State::Quarantined { .. }
            | State::Refused { .. }
            | State::Finished => {}
        }
    }

    /// When to call [`Lifecycle::handle_timeout`]; `None` when only an input can change anything.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Moment> {
        match &self.state {
            State::Waiting { until, .. } => Some(*until),
            State::CircuitOpen(open) => Some(open.next_try),
            State::Running { since, .. } => {
                let (stable, forgiven) = (self.failures.stable_at(*since), self.failures.forgiven_at(*since));
                stable.into_iter().chain(forgiven).min()
            }
            State::Stopping { deadline, .. } => Some(*deadline),
            State::Stopped
            | State::Disabled
            | State::Suspended { .. }
            | State::Paused { .. }
            | State::Launching { .. }
            | State::Killing { .. }
            | State::Quarantined { .. }
            | State::Refused { .. }
            | State::Finished => None,
        }
    }

    /// The next thing to do; call it until there is none.
    #[must_use]
    pub fn next_command(&mut self) -> Option<Command> {
        self.commands.pop_front()
    }

    /// What the source is doing.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.state
    }

    /// What its circuit breaker is doing; half-open while the one probe runs.
    #[must_use]
    pub fn circuit(&self) -> &Circuit {
        self.failures.circuit()
    }

    /// Whether it is to run, as far as host, configuration and persons are concerned.
    #[must_use]
    pub fn is_to_run(&self) -> bool {
        self.at_rest(None).is_none()
    }

    /// The state of a source that is not to run, or `None` if it is.
    fn at_rest(&self, refused: Option<Problem>) -> Option<State> {
        match (self.presence, self.enablement, self.suspension) {
            (Presence::Stopped, _, _) => Some(State::Stopped),
            (Presence::Started, Enablement::Disabled, _) => Some(State::Disabled),
            (Presence::Started, Enablement::Enabled, Suspension::Suspended) => Some(State::Suspended { refused }),
            (Presence::Started, Enablement::Enabled, Suspension::Active) => None,
        }
    }

    /// Without a run: brings a source that is not to run to rest, and one that rests to life if it is to run.
    fn settle(&mut self) {
        if self.state.epoch().is_some() {
            return;
        }
        let refused = self.state.refusal().cloned();
        match (self.at_rest(refused.clone()), refused) {
            (Some(rest), _) => {
                self.sentence = self.quarantined().cloned();
                self.enter(rest);
            }
            (None, Some(cause)) => self.enter(State::Refused { cause }),
            (None, None) if self.state.is_rest() => self.launch(),
            (None, None) => {}
        }
    }

    /// Ends what runs: politely if there is a session, else by force.
    fn halt(&mut self, deadline: Moment) {
        match self.state {
            State::Launching { epoch } => self.kill(epoch),
            State::Running { epoch, .. } => self.stop(epoch, deadline),
            State::Stopping { epoch, deadline: later } if deadline < later => self.stop(epoch, deadline),
            State::Stopping { .. } | State::Killing { .. } => {}
            State::Stopped
            | State::Disabled
            | State::Suspended { .. }
            | State::Paused { .. }
            | State::Waiting { .. }
            | State::CircuitOpen(_)
            | State::Quarantined { .. }
            | State::Refused { .. }
            | State::Finished => self.settle(),
        }
    }

    /// Nothing that runs could be kept. What waits goes on to wait, and pauses when its time has come.
    fn lose_store(&mut self, cause: Problem) {
        self.outage = Some(cause.clone());
        match self.state {
            State::Launching { epoch } | State::Running { epoch, .. } => self.kill(epoch),
            State::Paused { .. } => self.enter(State::Paused { cause }),
            // What stops finds out by itself that it cannot finish.
            State::Stopping { .. }
            | State::Killing { .. }
            | State::Stopped
            | State::Disabled
            | State::Suspended { .. }
            | State::Waiting { .. }
            | State::CircuitOpen(_)
            | State::Quarantined { .. }
            | State::Refused { .. }
            | State::Finished => {}
        }
    }

    /// A person's word that it may run: what waits is tried at once, only a refused source still needs a configuration.
    fn go_on(&mut self) {
        let waits = matches!(
            self.state,
            State::Waiting { .. } | State::CircuitOpen(_) | State::Quarantined { .. }
        );
        self.sentence = None;
        self.failures.pardon();
        if waits {
            self.launch();
        } else {
            self.settle();
        }
    }

    /// Another configuration: nothing of the past counts.
    fn begin_anew(&mut self, deadline: Moment) {
        self.failures.pardon();
        self.sentence = None;
        self.forget_failures();
        if self.state.epoch().is_some() {
            return self.halt(deadline);
        }
        match self.at_rest(None) {
            Some(rest) => self.enter(rest),
            None => self.launch(),
        }
    }

    fn over(&mut self, run: Epoch, cause: EndCause, now: Moment, jitter: u64) {
        if self.state.epoch() != Some(run) {
            return;
        }
        let asked = matches!(self.state, State::Stopping { .. } | State::Killing { .. });
        match (self.at_rest(None), asked) {
            (Some(rest), _) => self.enter(rest),
            (None, true) => self.launch(),
            (None, false) => self.judge(cause, now, jitter),
        }
    }

    fn judge(&mut self, cause: EndCause, now: Moment, jitter: u64) {
        let problem = match cause {
            EndCause::Finished => {
                // It has said all that it was asked for, and none of it broke the contract.
                self.failures.pardon();
                return self.enter(State::Finished);
            }
            EndCause::Drained => Problem::with_source(ProblemCode::Internal, "the source ended its session by itself"),
            EndCause::Violation(problem) | EndCause::Hung(problem) | EndCause::Ended(problem) => problem,
        };
        if let State::Running { since, .. } = self.state
            && self.failures.stable_at(since).is_some_and(|stable| now >= stable)
        {
            self.forget_failures();
        }
        let consequence = self.failures.count(&problem, self.state.lasted(now), now, jitter);
        self.enter(match consequence {
            Consequence::Wait { until } => State::Waiting { until, cause: problem },
            Consequence::Open(open) => State::CircuitOpen(open),
            Consequence::Quarantine => State::Quarantined { cause: problem },
            Consequence::Refuse => State::Refused { cause: problem },
        });
    }

    /// Begins a run, or waits for the store.
    fn launch(&mut self) {
        if let Some(cause) = self.outage.clone() {
            return self.enter(State::Paused { cause });
        }
        if let Some(cause) = self.sentence.take() {
            return self.enter(State::Quarantined { cause });
        }
        self.epoch = self.epoch.next();
        self.failures.handle_try();
        let epoch = self.epoch;
        self.commands.push_back(Command::Launch { epoch });
        self.enter(State::Launching { epoch });
    }

    fn stop(&mut self, epoch: Epoch, deadline: Moment) {
        self.commands.push_back(Command::Stop { epoch, deadline });
        self.enter(State::Stopping { epoch, deadline });
    }

    fn kill(&mut self, epoch: Epoch) {
        self.commands.push_back(Command::Kill { epoch });
        self.enter(State::Killing { epoch });
    }

    fn forget_failures(&mut self) {
        if self.failures.handle_stable() {
            self.commands.push_back(Command::Report(Report::CircuitClosed));
        }
    }

    fn enter(&mut self, state: State) {
        if self.state != state {
            self.state = state.clone();
            self.commands.push_back(Command::Report(Report::State(state)));
        }
    }
}
