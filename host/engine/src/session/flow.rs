//! What the writer holds of a session and has not made durable yet.

use std::collections::VecDeque;

use crate::event::{Change, Event};
use crate::id::ScopeId;
use crate::work::Work;

/// Most pieces of work submitted and not durable; then no message is read until one is.
pub const MAX_UNCOMMITTED: usize = 256;
/// Most bytes submitted and not durable; then no message is read until some are. One message may pass it.
pub const MAX_UNCOMMITTED_BYTES: usize = 8 * 1024 * 1024;

/// What is counted for the parts of known, small size.
const FLAT: usize = 256;

/// Something in the order of the session.
#[derive(Clone, Debug)]
enum Entry {
    /// Submitted work, with the bytes it holds.
    Work(usize),
    /// The scope is live once everything before is durable.
    Live(ScopeId),
}

/// The submitted and not yet durable work of a session, in order.
#[derive(Clone, Debug, Default)]
pub(super) struct Flow {
    entries: VecDeque<Entry>,
    works: usize,
    bytes: usize,
}

impl Flow {
    /// Notes work that was submitted.
    pub(super) fn push_work(&mut self, work: &Work) {
        let bytes = held(work);
        self.entries.push_back(Entry::Work(bytes));
        self.works += 1;
        self.bytes += bytes;
    }

    /// Notes that a scope is live after all work so far.
    pub(super) fn push_live(&mut self, scope: ScopeId) {
        self.entries.push_back(Entry::Live(scope));
    }

    /// Notes that the oldest work is durable.
    pub(super) fn pop_work(&mut self) {
        if let Some(Entry::Work(bytes)) = self.entries.front() {
            self.works -= 1;
            self.bytes -= bytes;
            self.entries.pop_front();
        }
    }

    /// The next scope that is live with nothing uncommitted before it.
    pub(super) fn pop_live(&mut self) -> Option<ScopeId> {
        let Some(Entry::Live(scope)) = self.entries.front().cloned() else {
            return None;
        };
        self.entries.pop_front();
        Some(scope)
    }

    /// Whether everything submitted is durable.
    pub(super) fn is_settled(&self) -> bool {
        self.works == 0
    }

    /// Whether more may be submitted.
    pub(super) fn has_room(&self) -> bool {
        self.works < MAX_UNCOMMITTED && self.bytes < MAX_UNCOMMITTED_BYTES
    }
}

/// Bytes of the source that work holds, in whatever field they came.
fn held(work: &Work) -> usize {
    let text = match work {
        Work::BeginGeneration { root_identity, .. } => root_identity.len(),
        Work::Apply(batch) => batch.events.iter().chain(&batch.earlier).map(held_by).sum(),
        Work::Kind(_) | Work::EndGeneration(_) | Work::ScopeGone { .. } => 0,
    };
    FLAT + text
}

/// Bytes of the source that an event holds.
pub(super) fn held_by(event: &Event) -> usize {
    let change = match &event.change {
        Change::Upsert { object, .. } => object.len(),
        Change::Failed { problem, .. } => problem.message.len() + problem.detail.len(),
        Change::Delete { .. } | Change::Seen { .. } | Change::Ignored { .. } => 0,
    };
    let key = event.change.key().map_or(0, |key| {
        key.group_kind.group.len() + key.group_kind.kind.len() + key.namespace.len() + key.name.len()
    });
    let place = &event.provenance;
    FLAT + change + key + place.uri.len() + place.path.len() + place.revision.len()
}
