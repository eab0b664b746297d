//! One of the two of a run: the product or its yardstick.

use serde::Serialize;

use crate::cost::Cost;

/// What one of the two took.
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
