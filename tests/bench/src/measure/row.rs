//! The rows, what they are to reach, and what one run of a row and its yardstick says.

use std::fmt;

use anyhow::Context as _;
use serde::Serialize;

use crate::cost::Cost;

/// A row of the table of numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Row {
    /// A new store from a tree of files, durable.
    FirstSync,
    /// The same tree again, unchanged.
    Unchanged,
    /// Everything is sent, nothing has changed.
    Stream,
}

/// What a ratio is to reach.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Target {
    /// The product takes at most so many times what the yardstick takes.
    Time(f64),
    /// The product has at least so many times the rate of the yardstick.
    Rate(f64),
}

impl Row {
    pub(super) const ALL: [Self; 3] = [Self::FirstSync, Self::Unchanged, Self::Stream];

    /// The design's number.
    pub(super) fn target(self) -> Target {
        match self {
            Self::FirstSync => Target::Time(1.25),
            Self::Unchanged => Target::Time(3.0),
            Self::Stream => Target::Rate(0.5),
        }
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::FirstSync => "first sync",
            Self::Unchanged => "unchanged",
            Self::Stream => "stream",
        })
    }
}

impl Target {
    /// Whether a ratio reaches it.
    pub(super) fn is_met(self, ratio: f64) -> bool {
        match self {
            Self::Time(most) => ratio <= most,
            Self::Rate(least) => ratio >= least,
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&match self {
            Self::Time(most) => format!("≤ {most} ×"),
            Self::Rate(least) => format!("≥ {least} ×"),
        })
    }
}

/// One of the two of a run.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Side {
    #[serde(flatten)]
    pub(super) cost: Cost,
    /// The most memory the host, or the yardstick, had, in bytes.
    pub(super) peak: Option<u64>,
    /// The same of the plugin.
    pub(super) plugin_peak: Option<u64>,
    /// What the host, or the yardstick, caused to be written to the disk, in bytes.
    pub(super) written: Option<u64>,
}

impl Side {
    /// A side of which only the cost matters.
    pub(super) fn of(cost: Cost) -> Self {
        Self {
            cost,
            peak: None,
            plugin_peak: None,
            written: None,
        }
    }
}

/// The product and its yardstick, one after the other.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Pair {
    pub(super) product: Side,
    pub(super) yardstick: Side,
}

impl Pair {
    /// What the row's target is about.
    pub(super) fn ratio(&self, row: Row) -> f64 {
        let (product, yardstick) = (self.product.cost.seconds, self.yardstick.cost.seconds);
        match row.target() {
            Target::Time(_) => product / yardstick,
            Target::Rate(_) => yardstick / product,
        }
    }
}

/// What a row came to.
#[derive(Debug)]
pub(super) struct Measured {
    pub(super) pairs: Vec<Pair>,
    /// What a store holds and takes after the row.
    pub(super) store: StoreSize,
}

impl Measured {
    /// Puts together what some runs, of which there is at least one, have left.
    pub(super) fn new(pairs: Vec<Pair>, store: Option<StoreSize>) -> anyhow::Result<Self> {
        let store = store.context("nothing was run")?;
        Ok(Self { pairs, store })
    }
}

/// The size of a store.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct StoreSize {
    /// Bytes of all keys and values.
    pub(super) row_bytes: u64,
    /// Bytes of the file.
    pub(super) file_bytes: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn side(seconds: f64) -> Side {
        let cost = Cost {
            seconds,
            cpu_seconds: 0.0,
            others: 0.0,
        };
        Side::of(cost)
    }

    #[test]
    fn a_slow_product_meets_no_target() {
        for (row, met, missed) in [
            (Row::FirstSync, 1.25, 1.26),
            (Row::Unchanged, 3.0, 3.1),
            (Row::Stream, 2.0, 2.1),
        ] {
            for (seconds, expected) in [(met, true), (missed, false)] {
                let pair = Pair {
                    product: side(seconds),
                    yardstick: side(1.0),
                };
                let ratio = pair.ratio(row);
                assert_eq!(row.target().is_met(ratio), expected, "{row} {ratio}");
            }
        }
    }
}
