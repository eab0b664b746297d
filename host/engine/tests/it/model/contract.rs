//! The rules, each as one question about what happened before.

use std::collections::BTreeSet;

use k1s_object::ContentHash;
use k1s_sync_engine::event::{Change, Event};
use k1s_sync_engine::id::Token;
use k1s_sync_engine::message::{Batch, Completeness, More, ScopeGone, SnapshotEnd, SourceMessage};
use k1s_sync_engine::problem::ProblemCode;
use k1s_sync_engine::session::Capability;

use super::Model;
use crate::cast::{naive_counts, naive_digest};

impl Model<'_> {
    pub(super) fn broken(&self, message: &SourceMessage) -> BTreeSet<ProblemCode> {
        let violation = ProblemCode::ProtocolViolation;
        let rules: Vec<(bool, ProblemCode)> = match message {
            SourceMessage::Heartbeat { .. } | SourceMessage::Progress(_) | SourceMessage::Problem(_) => vec![],
            _ if self.drained() => vec![(true, violation)],
            SourceMessage::KindInfo(_)
            | SourceMessage::SnapshotBegin { .. }
            | SourceMessage::SnapshotEnd(_)
            | SourceMessage::ScopeGone { .. }
            | SourceMessage::Live { .. }
            | SourceMessage::Drained { .. }
                if !self.window().is_empty() =>
            {
                vec![(true, violation)]
            }
            SourceMessage::KindInfo(_) => vec![],
            SourceMessage::SnapshotBegin { scope, generation, .. } => vec![
                (self.open(scope).is_some(), violation),
                (self.begun(scope) >= Some(*generation), violation),
                (self.others_begun(scope) && !self.can(Capability::MultiScope), violation),
            ],
            SourceMessage::Batch(batch) => self.broken_by_batch(batch),
            SourceMessage::SnapshotEnd(end) => self.broken_by_end(end),
            SourceMessage::ScopeGone { scope, reason } => {
                vec![(*reason == ScopeGone::ReplacedBy(scope.clone()), violation)]
            }
            SourceMessage::Live { scope } => vec![
                (self.open(scope).is_some(), violation),
                (!self.may_be_live(scope), violation),
            ],
            SourceMessage::Drained { last } => vec![(last.get() != self.batches(), violation)],
        };
        let broken = rules.into_iter().filter(|(broken, _)| *broken);
        broken.map(|(_, code)| code).collect()
    }

    pub(super) fn broken_by_batch(&self, batch: &Batch) -> Vec<(bool, ProblemCode)> {
        let violation = ProblemCode::ProtocolViolation;
        let limits = &self.settings.limits;
        let sizes: Vec<usize> = batch.events.iter().map(size).collect();
        let all: usize = sizes.iter().sum();
        let open = self.open(&batch.scope);
        let uses_seen = batch
            .events
            .iter()
            .any(|event| matches!(event.change, Change::Seen { .. }));
        let window = self.window();
        let goes_on = batch.more == More::Follows;
        let only_deletes = |batch: &Batch| {
            let mut events = batch.events.iter();
            events.all(|event| matches!(event.change, Change::Delete { .. }))
        };
        vec![
            (window.iter().any(|open| open.scope != batch.scope), violation),
            (goes_on && batch.generation.is_some(), violation),
            (goes_on && batch.token.is_some(), violation),
            (goes_on && !only_deletes(batch), violation),
            (batch.seq.get() != self.batches() + 1, violation),
            (batch.events.len() > limits.batch_events, violation),
            (batch.events.len() > 1 && all > limits.batch_bytes, violation),
            (sizes.iter().any(|size| *size > limits.object_bytes), violation),
            (batch.events.iter().any(is_mislabelled), ProblemCode::HashMismatch),
            (uses_seen && !self.can(Capability::Seen), violation),
            (self.is_bad_token(batch.token.as_ref()), violation),
            (batch.generation != open, violation),
            (open.is_some() && batch.token.is_some(), violation),
            (open.is_none() && !self.live(&batch.scope), violation),
            (
                batch.generation.is_none() && !batch.events.is_empty() && !self.can(Capability::Watch),
                violation,
            ),
        ]
    }

    pub(super) fn broken_by_end(&self, end: &SnapshotEnd) -> Vec<(bool, ProblemCode)> {
        let bad_token = self.is_bad_token(end.token.as_ref());
        let not_open = self.open(&end.scope) != Some(end.generation);
        let events = self.events(&end.scope, end.generation);
        let whole = end.completeness == Completeness::Complete;
        let differs = naive_counts(&events) != end.counts || naive_digest(&events) != end.digest;
        vec![
            (bad_token || not_open, ProblemCode::ProtocolViolation),
            (!bad_token && !not_open && whole && differs, ProblemCode::CountMismatch),
        ]
    }

    pub(super) fn is_bad_token(&self, token: Option<&Token>) -> bool {
        token.is_some_and(|token| {
            !self.can(Capability::Resume) || token.as_bytes().len() > self.settings.limits.token_bytes
        })
    }
}

fn size(event: &Event) -> usize {
    match &event.change {
        Change::Upsert { object, .. } => object.len(),
        Change::Delete { .. } | Change::Seen { .. } | Change::Ignored { .. } | Change::Failed { .. } => 0,
    }
}

fn is_mislabelled(event: &Event) -> bool {
    match &event.change {
        Change::Upsert {
            object, content_hash, ..
        } => ContentHash::of(object) != *content_hash,
        Change::Delete { .. } | Change::Seen { .. } | Change::Ignored { .. } | Change::Failed { .. } => false,
    }
}
