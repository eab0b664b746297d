//! How much is measured.

use std::time::Duration;

use serde::Serialize;

/// How much is measured, in each row.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Scale {
    /// Objects, and as many files.
    pub(super) objects: u64,
    /// Objects of the rows that are about many more.
    pub(super) many: u64,
    /// How often each row and its yardstick run.
    pub(super) runs: u32,
    /// Edits of a run, one after the other.
    pub(super) edits: u32,
    /// Watches of one change.
    pub(super) watches: usize,
    /// Changes of a run that all watches wait for.
    pub(super) changes: u32,
    /// Launches of a run.
    pub(super) launches: u32,
    /// Rounds of changes, each of one object in a hundred.
    pub(super) rounds: u64,
    /// How long a host is looked at that has nothing to do; each run is a part of it.
    pub(super) idle: Duration,
    /// Files that kubectl and the host are both given.
    pub(super) peers: u64,
}

impl Scale {
    /// Enough for figures.
    pub(super) fn of_figures(objects: u64, many: Option<u64>, runs: u32) -> Self {
        Self {
            objects,
            many: many.unwrap_or(10 * objects),
            runs,
            edits: 300,
            watches: 100,
            changes: 40,
            launches: 20,
            rounds: 100,
            idle: Duration::from_secs(75),
            peers: 2_000,
        }
    }

    /// Enough to see every step work.
    pub(super) fn of_results(objects: u64, many: Option<u64>, runs: u32) -> Self {
        Self {
            many: many.unwrap_or(objects + objects / 2),
            edits: 10,
            watches: 20,
            changes: 3,
            launches: 2,
            rounds: 3,
            idle: Duration::from_secs(1),
            peers: 20,
            ..Self::of_figures(objects, many, runs)
        }
    }
}
