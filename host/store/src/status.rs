//! How a source fares, as a host that has stopped still knows it.
//!
//! A row is written only when it says something else than before: an unchanged pass leaves it alone, so the time of the
//! last check is not in it (the launch that led to it is in [`SourceRow`](crate::row::SourceRow), whose commit is due
//! anyway).

use std::time::Duration;

use k1s_object::{Key, Timestamp};
use k1s_sync_engine::event::{Provenance, Tally};
use k1s_sync_engine::problem::{Problem, ProblemCode};
use serde::{Deserialize, Serialize};

/// Failures of a pass that are kept with their text; all are counted.
pub const KEPT_FAILURES: usize = 10;

/// How a source fares.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusRow {
    /// The program that runs for it.
    pub plugin: Option<PluginRow>,
    /// The last pass that changed anything or ended otherwise than the one before.
    pub pass: Option<PassRow>,
    /// What keeps it from working.
    pub trouble: Option<TroubleRow>,
}

/// The program of a source, as it was last launched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PluginRow {
    /// The executable.
    pub path: Box<str>,
    /// The kind of place it reads, in its own word.
    pub source_type: Box<str>,
    /// Its release, in its own word.
    pub version: Box<str>,
}

/// What a listing of everything a source has led to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PassRow {
    /// Verdicts, counted; `pending` is what still waited at its end.
    pub tally: Tally,
    /// The first of what could not be read or applied, at most [`KEPT_FAILURES`].
    pub failures: Vec<FailureRow>,
    /// Why the listing proved nothing, if so.
    pub incomplete: Option<Problem>,
    /// How long it took.
    pub took: Duration,
    /// When it ended; the store's clock says.
    pub ended: Timestamp,
}

impl PassRow {
    /// Whether a later pass that ended like `next` is no news.
    pub(crate) fn is_repeated_by(&self, next: &Self) -> bool {
        let outcome = |pass: &Self| (pass.tally.failed, pass.tally.pending, pass.tally.ignored);
        next.tally.changes() == 0
            && outcome(self) == outcome(next)
            && self.failures == next.failures
            && self.incomplete == next.incomplete
    }
}

/// Something that could not be read or applied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailureRow {
    /// The object, where that is known.
    pub key: Option<Key>,
    /// The class of the problem.
    pub code: ProblemCode,
    /// For a user.
    pub message: String,
    /// Where the source read it.
    pub provenance: Provenance,
}

/// What keeps a source from working.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TroubleRow {
    /// How the host deals with it.
    pub standstill: Standstill,
    /// What went wrong last.
    pub problem: Problem,
    /// Since when nothing worked; the first failure counts, whatever came after.
    pub since: Timestamp,
}

/// How the host deals with a source that fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Standstill {
    /// It is tried again soon.
    Retrying,
    /// It failed in the same way too often and is tried rarely.
    CircuitOpen,
    /// A person or another configuration must say go.
    Quarantined,
    /// Only another configuration helps.
    Refused,
}

/// How often a source broke the contract in a row; a source that did not has no row.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OffenceRow {
    /// Violations that are not forgiven.
    pub violations: u32,
    /// For what it is quarantined, if it is.
    pub quarantined: Option<Problem>,
    /// What it was configured and started with, as the host tells it apart: under another the row says nothing.
    pub settings: u64,
}

/// Something to remember about how a source fares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StatusNote {
    /// It was launched with this program.
    Plugin(PluginRow),
    /// A pass ended; what kept the source from working is over. The time in it is set by the store.
    Pass(PassRow),
    /// It works again.
    Recovered,
    /// It fails.
    Trouble(Standstill, Problem),
    /// It broke the contract, or that is forgiven.
    Offences(OffenceRow),
}
