//! One run of one source, from the end of its opening to its end: what it sends is held to the contract, in order.
//!
//! The verbs are `handle_*`, each with the time where time matters; after each the daemon carries out everything
//! [`Session::next_command`] gives and sets its timer to [`Session::next_timeout`]. The daemon opens the session by itself
//! (`Begin`, `Known`, `Resume`, `Ready`), makes the [`Session`] then, and reads the stream only while
//! [`Session::wants_messages`]. It hands in what it has read before it calls [`Session::handle_timeout`], so that
//! a source is never held to be silent while its words lie unread.
//!
//! It does not open objects, know the inventory or decide what absence leads to: that is the writer's, inside its
//! transaction. The writer must judge a listing by the receipts it gives: a `Seen` it cannot match spoils the listing
//! there, even where its end was submitted before that receipt was read here.
//!
//! # Invariants
//! - A batch is submitted whole or not at all, and in the order sent.
//! - The deletes of a window are submitted as one, or left to the next complete listing.
//! - A listing is `Complete` only if the source said so in the session that began it, with every batch in sequence,
//!   the host's own counts and digest, and no problem above object level.
//! - An ended session submits nothing; what it left open was never listed.

mod admission;
mod command;
mod demand;
mod flow;
mod scope;
mod settings;
mod violation;
mod window;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use k1s_object::{GroupKind, KindNames};

pub use self::command::{Command, EndCause, Report};
pub use self::demand::Demand;
use self::demand::Demands;
use self::flow::Flow;
pub use self::flow::{MAX_UNCOMMITTED, MAX_UNCOMMITTED_BYTES};
use self::scope::{Asking, Scope, Standing};
pub use self::settings::{
    Capability, Limits, MAX_DETAIL_BYTES, MAX_KIND_BYTES, MAX_KINDS, MAX_MESSAGE_BYTES, MAX_ROOT_IDENTITY_BYTES,
    MAX_SCOPES, MAX_WINDOW_BYTES, MAX_WINDOW_DELETES, Settings,
};
use self::window::Window;
use crate::backoff;
use crate::id::{Generation, Moment, ScopeId, Seq};
use crate::liveness::Liveness;
use crate::message::{HostMessage, Mode, SourceMessage, SyncReason};
use crate::problem::{Problem, ProblemCode};
use crate::work::{Absence, GenerationClosed, Receipt};

/// How long after an incomplete listing the scope is listed again, where no interval says otherwise.
pub const RELIST_INCOMPLETE: Duration = Duration::from_secs(30);

/// How far the session is.
#[derive(Clone, Debug)]
enum Phase {
    Open,
    /// The source was asked to finish.
    Stopping {
        deadline: Moment,
    },
    /// The source finished; its last work is not durable yet.
    Drained {
        then: EndCause,
    },
    Ended,
}

/// Whether the source said, after its last listing, that it has nothing to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rest {
    No,
    Said,
}

/// One run of one source.
#[derive(Debug)]
pub struct Session {
    settings: Settings,
    opened_at: Moment,
    phase: Phase,
    last: Seq,
    scopes: BTreeMap<ScopeId, Scope>,
    kinds: BTreeMap<GroupKind, KindNames>,
    rest: Rest,
    /// The last problem with the whole source since its last complete listing: the likely cause of an early end.
    complaint: Option<Problem>,
    demands: Demands,
    /// Deletes that are to be judged with those of batches to come.
    window: Option<Window>,
    flow: Flow,
    liveness: Liveness,
    commands: VecDeque<Command>,
}

impl Session {
    /// Begins a session whose opening was sent.
    #[must_use]
    pub fn new(settings: Settings, now: Moment) -> Self {
        let scopes = settings.resumed.iter().cloned();
        let mut session = Self {
            opened_at: now,
            phase: Phase::Open,
            last: Seq::default(),
            scopes: scopes.map(|id| (id, Scope::new(Standing::Listed))).collect(),
            kinds: BTreeMap::new(),
            rest: Rest::No,
            complaint: None,
            demands: Demands::default(),
            window: None,
            flow: Flow::default(),
            liveness: Liveness::new(settings.hung_after, now),
            commands: VecDeque::new(),
            settings,
        };
        session.schedule_resumed(now);
        session
    }

    /// Takes the next message of the source.
    pub fn handle_message(&mut self, message: SourceMessage, now: Moment) {
        match self.phase {
            Phase::Open | Phase::Stopping { .. } | Phase::Drained { .. } => {}
            Phase::Ended => return,
        }
        match &message {
            SourceMessage::Heartbeat { .. } => {}
            SourceMessage::KindInfo(_)
            | SourceMessage::SnapshotBegin { .. }
            | SourceMessage::Batch(_)
            | SourceMessage::SnapshotEnd(_)
            | SourceMessage::ScopeGone { .. }
            | SourceMessage::Live { .. }
            | SourceMessage::Progress(_)
            | SourceMessage::Problem(_)
            | SourceMessage::Drained { .. } => self.liveness.handle_sign(now),
        }
        if let Err(violation) = self.accept(message, now) {
            self.end(EndCause::Violation(violation.into()));
        }
        self.meet_demands();
        self.end_if_done();
    }

    /// Takes the writer's word that the oldest submitted work is durable.
    pub fn handle_committed(&mut self, receipt: Receipt, now: Moment) {
        self.flow.pop_work();
        if self.flow.is_settled() {
            self.liveness.handle_settled(now);
        }
        match self.phase {
            Phase::Open | Phase::Stopping { .. } | Phase::Drained { .. } => self.acknowledge(&receipt),
            Phase::Ended => {}
        }
        if let Some(scope) = receipt.unknown_seen {
            self.forget_known(&scope);
        }
        if let Some(closed) = receipt.closed {
            self.relist_after(&closed, now);
            self.report(Report::GenerationClosed(closed));
        }
        self.meet_demands();
        self.report_live();
        self.end_if_done();
    }

    /// Asks for a listing of a scope. One that this session has not seen yet is listed anyway.
    pub fn handle_sync(&mut self, scope: &ScopeId, reason: SyncReason) {
        let asking = self.scopes.get_mut(scope).map(|known| known.ask(reason));
        self.request(scope, asking, reason);
    }

    /// Takes a wish for a listing of everything; [`Report::Met`] says when it came true, of an incomplete listing too.
    pub fn handle_demand(&mut self, demand: Demand) {
        self.demands.push(demand, &self.scopes);
        self.meet_demands();
    }

    /// Takes the source's answer to a `RequestSync`: the listing that will satisfy it.
    pub fn handle_sync_answer(&mut self, scope: &ScopeId, generation: Generation) {
        if let Some(known) = self.scopes.get_mut(scope) {
            known.handle_answer(generation);
        }
        self.meet_demands();
        self.end_if_done();
    }

    /// The source was asked to finish by then; a second call can only bring the time nearer.
    pub fn handle_stop(&mut self, deadline: Moment) {
        match self.phase {
            Phase::Open => self.phase = Phase::Stopping { deadline },
            Phase::Stopping { deadline: earlier } => {
                self.phase = Phase::Stopping {
                    deadline: deadline.min(earlier),
                };
            }
            Phase::Drained { .. } | Phase::Ended => {}
        }
    }

    /// The stream ended. That proves nothing: only a source that drained before it ends cleanly.
    pub fn handle_stream_end(&mut self) {
        match self.phase {
            Phase::Open | Phase::Stopping { .. } => {
                let ended = || Problem::with_source(ProblemCode::Crashed, "the source ended before it had drained");
                let problem = self.complaint.take().unwrap_or_else(ended);
                self.end(EndCause::Ended(problem));
            }
            Phase::Drained { .. } | Phase::Ended => {}
        }
    }

    /// Does what is due. Everything read of the source must have been handed in before.
    pub fn handle_timeout(&mut self, now: Moment) {
        match self.phase {
            Phase::Open if self.liveness.is_hung(now) => self.end(EndCause::Hung(Problem::with_source(
                ProblemCode::Hung,
                "the source says that it works, and has sent nothing for too long",
            ))),
            Phase::Open => self.relist_due(now),
            Phase::Stopping { deadline } if now >= deadline => self.end(EndCause::Ended(Problem::with_source(
                ProblemCode::Timeout,
                "the source did not finish in time after it was asked to stop",
            ))),
            Phase::Stopping { .. } | Phase::Drained { .. } | Phase::Ended => {}
        }
    }

    /// When to call [`Session::handle_timeout`]; `None` when only a message or a receipt can change anything.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Moment> {
        match self.phase {
            Phase::Open => {
                let relists = self.scopes.values().filter_map(Scope::relist_at);
                relists.chain(self.liveness.deadline()).min()
            }
            Phase::Stopping { deadline } => Some(deadline),
            Phase::Drained { .. } | Phase::Ended => None,
        }
    }

    /// The next thing to do; call it until there is none.
    #[must_use]
    pub fn next_command(&mut self) -> Option<Command> {
        self.commands.pop_front()
    }

    /// Whether another message may be read: less than [`MAX_UNCOMMITTED`] pieces of work and less than
    /// [`MAX_UNCOMMITTED_BYTES`] are waiting to be durable.
    #[must_use]
    pub fn wants_messages(&self) -> bool {
        match self.phase {
            Phase::Open | Phase::Stopping { .. } | Phase::Drained { .. } => self.flow.has_room(),
            Phase::Ended => false,
        }
    }

    /// The scopes this session knows, in order.
    pub fn scopes(&self) -> impl Iterator<Item = &ScopeId> {
        self.scopes.keys()
    }

    fn report(&mut self, report: Report) {
        self.commands.push_back(Command::Report(report));
    }

    fn report_live(&mut self) {
        while let Some(scope) = self.flow.pop_live() {
            self.report(Report::Live(scope));
        }
    }

    fn acknowledge(&mut self, receipt: &Receipt) {
        let Some(seq) = receipt.seq else { return };
        if !receipt.refusals.is_empty() {
            let refusals = receipt.refusals.clone();
            self.commands
                .push_back(Command::Send(HostMessage::Nack { seq, refusals }));
        }
        if self.settings.capabilities.contains(&Capability::WantsAcks) {
            self.commands.push_back(Command::Send(HostMessage::Ack(seq)));
        }
    }

    fn forget_known(&mut self, scope: &ScopeId) {
        let asking = self.scopes.get_mut(scope).map(|known| known.handle_unknown_seen(scope));
        self.request(scope, asking, SyncReason::ForgetKnown);
    }

    fn request(&mut self, scope: &ScopeId, asking: Option<Asking>, reason: SyncReason) {
        match (&self.phase, asking) {
            (Phase::Open, Some(Asking::Needed)) => self.commands.push_back(Command::RequestSync {
                scope: scope.clone(),
                reason,
            }),
            (Phase::Open | Phase::Stopping { .. } | Phase::Drained { .. } | Phase::Ended, _) => {}
        }
    }

    fn meet_demands(&mut self) {
        match self.phase {
            Phase::Open => {}
            // Nothing is listed any more; whoever demanded turns to the next session.
            Phase::Stopping { .. } | Phase::Drained { .. } | Phase::Ended => return,
        }
        for scope in self.demands.advance(&self.scopes) {
            self.handle_sync(&scope, SyncReason::Requested);
        }
        while let Some(demand) = self.demands.pop_met(&self.scopes) {
            self.report(Report::Met(demand));
        }
    }

    fn schedule_resumed(&mut self, now: Moment) {
        let Some(at) = self.relist_time(None, now) else { return };
        for scope in self.scopes.values_mut() {
            scope.relist(at);
        }
    }

    fn relist_after(&mut self, closed: &GenerationClosed, now: Moment) {
        let otherwise = match closed.absence {
            Absence::None | Absence::Pruned(_) | Absence::Held { .. } => None,
            Absence::Unproven(_) => Some(RELIST_INCOMPLETE),
        };
        let at = self.relist_time(otherwise, now);
        let Some(scope) = self.scopes.get_mut(&closed.scope) else {
            return;
        };
        scope.handle_closed(closed.generation);
        if otherwise.is_some() {
            scope.handle_unproven(closed.generation);
        }
        if let Some(at) = at {
            scope.relist(at);
        }
    }

    /// When the interval is over, or `otherwise` where there is none; never in a session that lists once.
    fn relist_time(&self, otherwise: Option<Duration>, now: Moment) -> Option<Moment> {
        let span = match self.settings.mode {
            Mode::Once => None,
            Mode::Full | Mode::Resume => self.settings.interval.or(otherwise),
        };
        span.map(|span| now.plus(backoff::spread(span, self.settings.jitter)))
    }

    fn relist_due(&mut self, now: Moment) {
        let (reason, span) = match self.settings.interval {
            Some(interval) => (SyncReason::Interval, interval),
            None => (SyncReason::Verify, RELIST_INCOMPLETE),
        };
        let again = now.plus(backoff::spread(span, self.settings.jitter));
        for (id, scope) in &mut self.scopes {
            if scope.relist_at().is_some_and(|due| now >= due) {
                scope.relist(again);
                self.commands.push_back(Command::RequestSync {
                    scope: id.clone(),
                    reason: scope.ask_again(reason),
                });
            }
        }
    }

    /// Whether a session that lists once has listed everything. A source of several scopes says so by resting.
    fn is_listed(&self) -> bool {
        let alone = !self.settings.capabilities.contains(&Capability::MultiScope);
        let begun = self.scopes.values().any(Scope::has_begun);
        begun && self.scopes.values().all(Scope::is_done) && (alone || self.rest == Rest::Said)
    }

    fn end_if_done(&mut self) {
        if !self.flow.is_settled() {
            return;
        }
        match &self.phase {
            Phase::Drained { then } => {
                let cause = then.clone();
                self.end(cause);
            }
            Phase::Open => match self.settings.mode {
                Mode::Once if self.is_listed() => self.end(EndCause::Finished),
                Mode::Once | Mode::Full | Mode::Resume => {}
            },
            Phase::Stopping { .. } | Phase::Ended => {}
        }
    }

    fn end(&mut self, cause: EndCause) {
        self.phase = Phase::Ended;
        self.commands.push_back(Command::End(cause));
    }
}
