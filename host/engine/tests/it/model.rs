//! The rules of a session, written down a second time and as plainly as possible: a list of everything that happened,
//! and questions that read it from its beginning. No state is kept that could get out of step.

mod contract;
mod facts;
mod shape;

use k1s_sync_engine::event::{Change, Event};
use k1s_sync_engine::id::{Generation, ScopeId};
use k1s_sync_engine::message::{Batch, Completeness, EmptyListing, Mode, More, SnapshotEnd, SourceMessage, SyncReason};
use k1s_sync_engine::problem::ProblemCode;
use k1s_sync_engine::session::{Capability, Settings};
use k1s_sync_engine::work::Work;

use self::facts::Fact;
pub(crate) use self::shape::Shape;
use crate::script::{Step, Surprise};

/// Everything that happened to one session, and what must happen next.
pub(crate) struct Model<'a> {
    settings: &'a Settings,
    facts: Vec<Fact>,
}

impl<'a> Model<'a> {
    pub(crate) fn new(settings: &'a Settings) -> Self {
        Self {
            settings,
            facts: vec![],
        }
    }

    /// What a session must do at this step.
    pub(crate) fn expect(&mut self, step: &Step) -> Vec<Shape> {
        let before = self.facts.len();
        match step {
            Step::Message(message) => self.message(message),
            Step::Commit(surprise) => self.commit(*surprise),
            Step::Sync(scope) => self.sync(scope),
            Step::Stop if !self.drained() => self.facts.push(Fact::Stopped),
            Step::StreamEnd if !self.drained() && !self.ended() => {
                let code = self.complaint().unwrap_or(ProblemCode::Crashed);
                self.act(Shape::Ended(code));
            }
            Step::Stop | Step::StreamEnd => {}
        }
        self.conclude();
        let new = self.facts[before..].iter();
        new.filter_map(|fact| match fact {
            Fact::Did(shape) => Some(shape.clone()),
            Fact::Said(_) | Fact::Durable | Fact::Unknown(_) | Fact::Asked(..) | Fact::LeftOut(_) | Fact::Stopped => {
                None
            }
        })
        .collect()
    }

    /// The listing the source names when it is asked for one.
    pub(crate) fn answer(&self, scope: &ScopeId) -> Generation {
        self.begun(scope).map_or(Generation::new(1), Generation::next)
    }

    /// The oldest work that is not durable.
    pub(crate) fn oldest(&self) -> Option<&Shape> {
        self.works().nth(self.durable())
    }

    fn act(&mut self, shape: Shape) {
        self.facts.push(Fact::Did(shape));
    }

    fn message(&mut self, message: &SourceMessage) {
        if self.ended() {
            return;
        }
        let broken = self.broken(message);
        if broken.is_empty() {
            let effects = self.effects(message);
            let left_out = match message {
                SourceMessage::Batch(batch) if self.is_too_much(batch) => Some(batch.scope.clone()),
                _ => None,
            };
            self.facts.push(Fact::Said(message.clone()));
            self.facts.extend(effects.into_iter().map(Fact::Did));
            if let Some(scope) = left_out {
                self.leave_out(&scope);
            }
            return;
        }
        if let (SourceMessage::SnapshotEnd(end), true) = (message, broken.contains(&ProblemCode::CountMismatch)) {
            self.act(close(end, Some(ProblemCode::CountMismatch)));
        }
        self.act(Shape::Violation(broken));
    }

    fn effects(&self, message: &SourceMessage) -> Vec<Shape> {
        match message {
            SourceMessage::KindInfo(names) => {
                let known = self.said().filter_map(|said| match said {
                    SourceMessage::KindInfo(earlier) if earlier.group_kind == names.group_kind => Some(earlier),
                    _ => None,
                });
                let news = known.last() != Some(names);
                news.then(|| Shape::Work(Work::Kind(names.clone())))
                    .into_iter()
                    .collect()
            }
            SourceMessage::SnapshotBegin {
                scope,
                generation,
                root_identity,
                ..
            } => vec![Shape::Work(Work::BeginGeneration {
                scope: scope.clone(),
                generation: *generation,
                root_identity: root_identity.clone(),
            })],
            SourceMessage::Batch(batch) => match batch.more {
                More::Follows => vec![],
                More::Last => vec![Shape::Work(Work::Apply(self.applied(batch)))],
            },
            SourceMessage::SnapshotEnd(end) => {
                let own_word = match end.completeness {
                    Completeness::Complete => None,
                    Completeness::Incomplete(code) => Some(code),
                };
                vec![close(end, self.fault(&end.scope).or(own_word))]
            }
            SourceMessage::ScopeGone { scope, reason } => {
                let cut = self.open(scope).map(|generation| Shape::Close {
                    scope: scope.clone(),
                    generation,
                    flaw: Some(ProblemCode::Partial),
                    token: None,
                    empty: EmptyListing::Suspicious,
                });
                let gone = Shape::Work(Work::ScopeGone {
                    scope: scope.clone(),
                    reason: reason.clone(),
                });
                cut.into_iter().chain([gone]).collect()
            }
            SourceMessage::Live { scope } => {
                let now = !self.live(scope) && self.settled();
                now.then(|| Shape::Live(scope.clone())).into_iter().collect()
            }
            SourceMessage::Progress(_) => vec![Shape::Progress],
            SourceMessage::Problem(problem) => vec![Shape::Problem(problem.code)],
            SourceMessage::Heartbeat { .. } | SourceMessage::Drained { .. } => vec![],
        }
    }

    /// What is applied when a batch ends its window, or is one by itself.
    fn applied(&self, batch: &Batch) -> Batch {
        let earlier = self.window().into_iter().flat_map(|batch| batch.events.clone());
        let whole = Batch {
            token: batch.token.clone().filter(|_| !self.lacks(&batch.scope)),
            earlier: earlier.collect(),
            ..batch.clone()
        };
        if !self.is_too_much(batch) {
            return whole;
        }
        let others = batch.events.iter().filter(|event| !is_delete(event));
        Batch {
            events: others.cloned().collect(),
            token: None,
            earlier: vec![],
            ..whole
        }
    }

    /// Whether the window that a batch ends has more deletes than are judged as one.
    fn is_too_much(&self, batch: &Batch) -> bool {
        let window = self.window();
        let all = window.iter().copied().chain([batch]);
        let deletes = all.flat_map(|batch| &batch.events).filter(|event| is_delete(event));
        !window.is_empty() && batch.more == More::Last && deletes.count() > self.settings.limits.window_deletes
    }

    fn leave_out(&mut self, scope: &ScopeId) {
        self.facts.push(Fact::LeftOut(scope.clone()));
        self.act(Shape::Problem(ProblemCode::TooLarge));
        if self.awaited(scope).is_none() {
            self.ask(scope, SyncReason::Verify);
        }
    }

    fn commit(&mut self, surprise: Surprise) {
        let Some(work) = self.oldest().cloned() else { return };
        self.facts.push(Fact::Durable);
        if let Shape::Work(Work::Apply(batch)) = &work {
            if surprise == Surprise::Refusal && !self.ended() {
                self.act(Shape::Nack(batch.seq));
            }
            if self.can(Capability::WantsAcks) && !self.ended() {
                self.act(Shape::Ack(batch.seq));
            }
            if surprise == Surprise::UnknownSeen {
                self.unknown_seen(&batch.scope);
            }
        }
        if let Shape::Close { scope, generation, .. } = work {
            self.act(Shape::Closed(scope, generation));
        }
        for scope in self.live_from_now() {
            self.act(Shape::Live(scope));
        }
    }

    fn unknown_seen(&mut self, scope: &ScopeId) {
        let first = !self
            .facts
            .iter()
            .any(|fact| matches!(fact, Fact::Unknown(of) if of == scope));
        self.facts.push(Fact::Unknown(scope.clone()));
        if first {
            self.ask(scope, SyncReason::ForgetKnown);
        }
    }

    fn sync(&mut self, scope: &ScopeId) {
        let known = self.begun(scope).is_some() || self.settings.resumed.contains(scope);
        if known && self.awaited(scope).is_none() {
            self.ask(scope, SyncReason::Requested);
        }
    }

    fn ask(&mut self, scope: &ScopeId, reason: SyncReason) {
        if !self.ended() && !self.stopping() && !self.drained() {
            self.act(Shape::Sync(scope.clone(), reason));
            let answer = self.answer(scope);
            self.facts.push(Fact::Asked(scope.clone(), reason, answer));
        }
    }

    /// Ends the session if everything is said and durable.
    fn conclude(&mut self) {
        if self.ended() || !self.settled() {
            return;
        }
        if self.drained() {
            let shape = self.drained_as();
            self.act(shape);
        } else if self.settings.mode == Mode::Once && !self.stopping() && self.listed(self.facts.len()) {
            self.act(Shape::Finished);
        }
    }

    fn drained_as(&self) -> Shape {
        let at = self.position(|said| matches!(said, SourceMessage::Drained { .. }));
        let at = at.unwrap_or(self.facts.len());
        let then = Self {
            settings: self.settings,
            facts: self.facts[..at].to_vec(),
        };
        match (then.stopping(), self.settings.mode, then.complaint()) {
            (true, _, _) => Shape::Drained,
            (false, Mode::Once, _) if self.listed(at) => Shape::Finished,
            (false, _, Some(code)) => Shape::Ended(code),
            (false, Mode::Once, None) => Shape::Ended(ProblemCode::Partial),
            (false, Mode::Full | Mode::Resume, None) => Shape::Drained,
        }
    }
}

fn is_delete(event: &Event) -> bool {
    matches!(event.change, Change::Delete { .. })
}

fn close(end: &SnapshotEnd, flaw: Option<ProblemCode>) -> Shape {
    Shape::Close {
        scope: end.scope.clone(),
        generation: end.generation,
        flaw,
        token: end.token.clone().filter(|_| flaw.is_none()),
        empty: end.empty,
    }
}
