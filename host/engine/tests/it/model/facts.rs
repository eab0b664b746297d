//! What happened, and the questions that are asked about it.

use std::collections::BTreeSet;

use k1s_sync_engine::event::Event;
use k1s_sync_engine::id::{Generation, ScopeId};
use k1s_sync_engine::message::{Activity, Batch, More, SourceMessage, SyncReason};
use k1s_sync_engine::problem::{Level, ProblemCode};
use k1s_sync_engine::session::Capability;

use super::{Model, Shape};

/// Something that happened.
#[derive(Clone, Debug)]
pub(super) enum Fact {
    /// The source said this, and broke no rule.
    Said(SourceMessage),
    /// The host did this.
    Did(Shape),
    /// The oldest work became durable.
    Durable,
    /// A receipt named a `Seen` of the scope that matches nothing.
    Unknown(ScopeId),
    /// A listing was asked for and will be answered by this one.
    Asked(ScopeId, SyncReason, Generation),
    /// A window of the scope had more deletes than are judged as one.
    LeftOut(ScopeId),
    Stopped,
}

impl Model<'_> {
    pub(super) fn can(&self, capability: Capability) -> bool {
        self.settings.capabilities.contains(&capability)
    }

    pub(super) fn said(&self) -> impl Iterator<Item = &SourceMessage> {
        self.facts.iter().filter_map(said)
    }

    pub(super) fn did(&self) -> impl Iterator<Item = &Shape> {
        self.facts.iter().filter_map(|fact| match fact {
            Fact::Did(shape) => Some(shape),
            Fact::Said(_) | Fact::Durable | Fact::Unknown(_) | Fact::Asked(..) | Fact::LeftOut(_) | Fact::Stopped => {
                None
            }
        })
    }

    pub(super) fn works(&self) -> impl Iterator<Item = &Shape> {
        self.did()
            .filter(|shape| matches!(shape, Shape::Work(_) | Shape::Close { .. }))
    }

    pub(super) fn durable(&self) -> usize {
        self.facts.iter().filter(|fact| matches!(fact, Fact::Durable)).count()
    }

    pub(super) fn settled(&self) -> bool {
        self.oldest().is_none()
    }

    pub(super) fn ended(&self) -> bool {
        self.did().any(Shape::is_end)
    }

    pub(super) fn drained(&self) -> bool {
        self.said().any(|said| matches!(said, SourceMessage::Drained { .. }))
    }

    pub(super) fn stopping(&self) -> bool {
        self.facts.iter().any(|fact| matches!(fact, Fact::Stopped))
    }

    pub(super) fn batches(&self) -> u64 {
        self.said()
            .filter(|said| matches!(said, SourceMessage::Batch(_)))
            .count() as u64
    }

    /// Where the source last said something of this sort.
    pub(super) fn position(&self, sort: impl Fn(&SourceMessage) -> bool) -> Option<usize> {
        self.facts.iter().rposition(|fact| said(fact).is_some_and(&sort))
    }

    pub(super) fn begun_at(&self, of: &ScopeId) -> Option<usize> {
        self.position(|said| matches!(said, SourceMessage::SnapshotBegin { scope, .. } if scope == of))
    }

    pub(super) fn ended_at(&self, of: &ScopeId) -> Option<usize> {
        self.position(|said| matches!(said, SourceMessage::SnapshotEnd(end) if end.scope == *of))
    }

    pub(super) fn gone_at(&self, of: &ScopeId) -> Option<usize> {
        self.position(|said| matches!(said, SourceMessage::ScopeGone { scope, .. } if scope == of))
    }

    pub(super) fn live_at(&self, of: &ScopeId) -> Option<usize> {
        self.position(|said| matches!(said, SourceMessage::Live { scope } if scope == of))
    }

    /// The generation that was begun last.
    pub(super) fn begun(&self, of: &ScopeId) -> Option<Generation> {
        match said(self.facts.get(self.begun_at(of)?)?)? {
            SourceMessage::SnapshotBegin { generation, .. } => Some(*generation),
            _ => None,
        }
    }

    pub(super) fn others_begun(&self, of: &ScopeId) -> bool {
        self.position(|said| matches!(said, SourceMessage::SnapshotBegin { scope, .. } if scope != of))
            .is_some()
    }

    pub(super) fn open(&self, of: &ScopeId) -> Option<Generation> {
        let begun = self.begun_at(of);
        self.begun(of)
            .filter(|_| begun > self.ended_at(of) && begun > self.gone_at(of))
    }

    pub(super) fn live(&self, of: &ScopeId) -> bool {
        self.live_at(of) > self.gone_at(of)
    }

    pub(super) fn may_be_live(&self, of: &ScopeId) -> bool {
        let resumed = self.settings.resumed.contains(of) && self.gone_at(of).is_none();
        resumed || self.ended_at(of) > self.gone_at(of)
    }

    pub(super) fn events(&self, of: &ScopeId, generation: Generation) -> Vec<Event> {
        let batches = self.said().filter_map(|said| match said {
            SourceMessage::Batch(batch) if batch.scope == *of && batch.generation == Some(generation) => Some(batch),
            _ => None,
        });
        batches.flat_map(|batch| batch.events.clone()).collect()
    }

    /// The first thing that went wrong with the open listing, beside its end.
    pub(super) fn fault(&self, of: &ScopeId) -> Option<ProblemCode> {
        let since = &self.facts[self.begun_at(of)?..];
        since.iter().find_map(|fact| match fact {
            Fact::Said(SourceMessage::Problem(problem)) => match &problem.level {
                Level::Source => Some(problem.code),
                Level::Scope(scope) if scope == of => Some(problem.code),
                Level::Scope(_) | Level::Object => None,
            },
            Fact::Unknown(scope) if scope == of => Some(ProblemCode::Partial),
            _ => None,
        })
    }

    /// Whether something of the scope is missing since the last listing that proved to be whole.
    pub(super) fn lacks(&self, of: &ScopeId) -> bool {
        let closed = self.facts.iter().filter_map(|fact| match fact {
            Fact::Did(Shape::Close { scope, flaw, .. }) if scope == of => Some(flaw.is_some()),
            Fact::LeftOut(scope) if scope == of => Some(true),
            _ => None,
        });
        closed.last().unwrap_or(false)
    }

    /// The batches of the window that is open.
    pub(super) fn window(&self) -> Vec<&Batch> {
        let batches = self.said().filter_map(|said| match said {
            SourceMessage::Batch(batch) => Some(batch),
            _ => None,
        });
        let batches: Vec<_> = batches.collect();
        let goes_on = |batch: &&Batch| batch.more == More::Follows;
        let from = batches
            .iter()
            .rposition(|batch| !goes_on(batch))
            .map_or(0, |last| last + 1);
        batches[from..].to_vec()
    }

    /// The last problem with the source that no complete listing followed.
    pub(super) fn complaint(&self) -> Option<ProblemCode> {
        let complete = |fact: &Fact| matches!(fact, Fact::Did(Shape::Close { flaw: None, .. }));
        let from = self.facts.iter().rposition(complete).unwrap_or(0);
        let complaints = self.facts[from..].iter().filter_map(|fact| match said(fact)? {
            SourceMessage::Problem(problem) if problem.level == Level::Source => Some(problem.code),
            _ => None,
        });
        complaints.last()
    }

    /// The last listing that was asked for and did not begin yet.
    pub(super) fn awaited(&self, of: &ScopeId) -> Option<SyncReason> {
        let gone = self.gone_at(of);
        let asked = self.facts.iter().enumerate().filter_map(|(at, fact)| match fact {
            Fact::Asked(scope, reason, answer) if scope == of && Some(at) > gone => Some((*reason, *answer)),
            _ => None,
        });
        let waiting = asked.last().filter(|(_, answer)| self.begun(of) < Some(*answer));
        waiting.map(|(reason, _)| reason)
    }

    /// Whether, as far as this fact, everything was listed that a source lists once.
    pub(super) fn listed(&self, until: usize) -> bool {
        let then = Model {
            settings: self.settings,
            facts: self.facts[..until].to_vec(),
        };
        let scopes: BTreeSet<_> = then
            .said()
            .filter_map(|said| match said {
                SourceMessage::SnapshotBegin { scope, .. } => Some(scope.clone()),
                _ => None,
            })
            .collect();
        let closed = |scope: &ScopeId| then.open(scope).is_none() && then.awaited(scope).is_none();
        let rested = !self.can(Capability::MultiScope) || self.drained() || then.rests();
        !scopes.is_empty() && scopes.iter().all(closed) && rested
    }

    /// Whether the last word about its activity, since the last listing began, is that the source waits.
    pub(super) fn rests(&self) -> bool {
        let begun = self.position(|said| matches!(said, SourceMessage::SnapshotBegin { .. }));
        let beat = self.position(|said| matches!(said, SourceMessage::Heartbeat { .. }));
        let waiting = self.said().filter_map(|said| match said {
            SourceMessage::Heartbeat { activity, .. } => Some(*activity == Activity::Waiting),
            _ => None,
        });
        beat > begun && waiting.last() == Some(true)
    }

    /// The scopes that went live with exactly the work before them that is durable since a moment ago.
    pub(super) fn live_from_now(&self) -> Vec<ScopeId> {
        let durable = self.durable();
        let mut works = 0;
        let mut found = vec![];
        for (at, fact) in self.facts.iter().enumerate() {
            match fact {
                Fact::Did(Shape::Work(_) | Shape::Close { .. }) => works += 1,
                Fact::Said(SourceMessage::Live { scope }) if works == durable => {
                    let then = Model {
                        settings: self.settings,
                        facts: self.facts[..at].to_vec(),
                    };
                    if !then.live(scope) && !then.settled() {
                        found.push(scope.clone());
                    }
                }
                _ => {}
            }
        }
        found
    }
}

pub(super) fn said(fact: &Fact) -> Option<&SourceMessage> {
    match fact {
        Fact::Said(message) => Some(message),
        Fact::Did(_) | Fact::Durable | Fact::Unknown(_) | Fact::Asked(..) | Fact::LeftOut(_) | Fact::Stopped => None,
    }
}
