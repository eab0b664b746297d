//! What the host says of itself while it works, by its metrics.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use k1s_tests::kubectl::Client;

/// How much memory may grow from the middle third of the time to the last: a page cache may still fill.
const GROWTH_BYTES: u64 = 16 << 20;
/// The same, in parts of what it was.
const GROWTH_PARTS: u64 = 10;

/// What the metrics say at one time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    pub(crate) created: u64,
    pub(crate) updated: u64,
    pub(crate) deleted: u64,
    pub(crate) failed: u64,
    pub(crate) restarts: u64,
    memory: u64,
    /// Batches of which the lag is reported, and the sum of it in seconds.
    pub(crate) lag_count: u64,
    lag_sum: f64,
}

impl Sample {
    pub(crate) fn of(kubectl: &Client) -> anyhow::Result<Self> {
        let text = kubectl.answer(["get", "--raw", "/metrics"])?;
        let sum = |name: &str, label: &str| -> anyhow::Result<f64> {
            let lines = text
                .lines()
                .filter(|line| line.starts_with(name) && line.contains(label));
            lines
                .map(|line| Ok(line.rsplit(' ').next().context("a value")?.parse::<f64>()?))
                .sum()
        };
        let count = |name: &str, label: &str| sum(name, label).map(|sum| sum as u64);
        let operation = |word: &str| count("k1s_sync_operations_total{", &format!("operation=\"{word}\""));
        Ok(Self {
            created: operation("created")?,
            updated: operation("updated")?,
            deleted: operation("deleted")?,
            failed: operation("failed")?,
            restarts: count("k1s_sync_plugin_restarts_total{", "")?,
            memory: count("process_resident_memory_bytes ", "")?,
            lag_count: count("k1s_sync_lag_seconds_count{", "")?,
            lag_sum: sum("k1s_sync_lag_seconds_sum{", "")?,
        })
    }
}

/// Samples over time.
#[derive(Debug, Default)]
pub(crate) struct Observations {
    /// Time since the begin, changes made until then, what the host said.
    samples: Vec<(Duration, u64, Sample)>,
}

impl Observations {
    pub(crate) fn add(&mut self, at: Duration, written: u64, sample: Sample) {
        self.samples.push((at, written, sample));
    }

    /// How far behind the host ever was, as the time that so many changes take.
    pub(crate) fn behind(&self, rate: u64) -> Duration {
        let missing = self
            .samples
            .iter()
            .map(|(_, written, sample)| written.saturating_sub(sample.updated));
        Duration::from_secs_f64(missing.max().unwrap_or_default() as f64 / rate as f64)
    }

    /// Fails when the host needs more memory at the end than it did in the middle.
    pub(crate) fn assert_flat(&self) -> anyhow::Result<()> {
        let third = self.samples.len() / 3;
        ensure!(third > 0, "too few samples: {:?}", self.samples);
        let largest = |from: usize| {
            let part = self.samples.iter().skip(from).take(third);
            part.map(|(_, _, sample)| sample.memory).max().unwrap_or_default()
        };
        let (middle, last) = (largest(third), largest(self.samples.len() - third));
        ensure!(
            last <= middle + middle / GROWTH_PARTS + GROWTH_BYTES,
            "memory grew from {middle} to {last} bytes: {:?}",
            self.samples
        );
        Ok(())
    }

    /// The figures of a run.
    pub(crate) fn told(&self, rate: u64) -> String {
        let memory = |samples: &[(Duration, u64, Sample)]| {
            let all = samples.iter().map(|(_, _, sample)| sample.memory >> 20);
            (all.clone().min().unwrap_or_default(), all.max().unwrap_or_default())
        };
        let thirds: Vec<_> = self
            .samples
            .chunks(self.samples.len().div_ceil(3).max(1))
            .map(memory)
            .collect();
        // What was listed before the first change is no part of it.
        let lag = self.samples.first().zip(self.samples.last());
        let lag = lag.map(|((_, _, first), (_, _, last))| {
            (last.lag_sum - first.lag_sum) / (last.lag_count - first.lag_count).max(1) as f64
        });
        format!(
            "host memory by thirds, least and most: {thirds:?} MiB; never more than {:.2?} behind; mean lag {:.1} ms",
            self.behind(rate),
            lag.unwrap_or_default() * 1000.0
        )
    }
}
