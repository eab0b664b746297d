//! What the store is told of a source, so that a host which has stopped still knows how it fared.

use k1s_object::Timestamp;
use k1s_store::Writer;
use k1s_store::status::{FailureRow, KEPT_FAILURES, PassRow, Standstill, StatusNote};
use k1s_sync_engine::event::{SyncEvent, Verdict};
use k1s_sync_engine::id::SourceName;
use k1s_sync_engine::lifecycle::{Report, State};

use super::notice::PassSummary;

/// Takes a note, and says whether it was taken; that it was not is no reason to stop, but has to be said.
pub(super) async fn record(writer: &Writer, source: &SourceName, note: StatusNote) -> bool {
    let taken = writer.note(source.clone(), note).await;
    if let Err(error) = &taken {
        tracing::warn!(source = %source, "its status was not stored: {error}");
    }
    taken.is_ok()
}

/// What a change of state means for the record; most mean nothing to it.
pub(super) fn note_of(report: &Report) -> Option<StatusNote> {
    let Report::State(state) = report else {
        return Some(StatusNote::Recovered);
    };
    let trouble = |standstill, problem: &k1s_sync_engine::problem::Problem| {
        Some(StatusNote::Trouble(standstill, problem.clone()))
    };
    match state {
        State::Waiting { cause, .. } => trouble(Standstill::Retrying, cause),
        State::CircuitOpen(circuit) => trouble(Standstill::CircuitOpen, &circuit.reason),
        State::Quarantined { cause } => trouble(Standstill::Quarantined, cause),
        State::Refused { cause } => trouble(Standstill::Refused, cause),
        // What is not to work does not fail.
        State::Finished | State::Disabled => Some(StatusNote::Recovered),
        State::Stopped
        | State::Suspended { .. }
        | State::Paused { .. }
        | State::Launching { .. }
        | State::Running { .. }
        | State::Stopping { .. }
        | State::Killing { .. } => None,
    }
}

/// A pass for the record; the store adds when it ended.
pub(super) fn pass_of(summary: &PassSummary) -> StatusNote {
    StatusNote::Pass(pass_row(summary, Timestamp::default()))
}

/// A pass as it is stored.
pub(crate) fn pass_row(summary: &PassSummary, ended: Timestamp) -> PassRow {
    PassRow {
        tally: summary.tally,
        failures: summary
            .failures
            .iter()
            .filter_map(failure)
            .take(KEPT_FAILURES)
            .collect(),
        incomplete: summary.incomplete.clone(),
        took: summary.elapsed,
        ended,
    }
}

fn failure(event: &SyncEvent) -> Option<FailureRow> {
    match &event.verdict {
        Verdict::Error(problem) | Verdict::Pending(problem) => Some(FailureRow {
            key: event.key.clone(),
            code: problem.code,
            message: problem.message.clone(),
            provenance: event.provenance.clone(),
        }),
        Verdict::Created | Verdict::Updated | Verdict::Unchanged | Verdict::Deleted | Verdict::Ignored(_) => None,
    }
}
