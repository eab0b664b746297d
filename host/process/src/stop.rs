//! How long each step of a stop may take, so that the whole of it fits in two seconds after Ctrl-C.

use std::time::Duration;

/// How long a process may take to be gone after SIGKILL; longer means that it hangs in the kernel.
pub(crate) const REAP_LIMIT: Duration = Duration::from_millis(300);
/// How long output is still read after the leader is gone; only a process that left the group can make it last this long.
pub(crate) const OUTPUT_LIMIT: Duration = Duration::from_millis(150);

/// The configurable steps of a stop; the fixed ones (reap after SIGKILL 300 ms, last output 150 ms) come on top.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StopBudget {
    /// From the Stop call until the plugin has sent `Drained` and the host has committed.
    pub drain: Duration,
    /// From SIGTERM until SIGKILL, for the whole group.
    pub grace: Duration,
}

impl StopBudget {
    /// The longest a whole stop may take by default, so that Ctrl-C is answered before a person presses it again.
    pub const TARGET: Duration = Duration::from_secs(2);

    /// Adds up the longest each step can take.
    #[must_use]
    pub fn total(&self) -> Duration {
        self.drain + self.grace + REAP_LIMIT + OUTPUT_LIMIT
    }
}

impl Default for StopBudget {
    /// Drain 800 ms and grace 500 ms, which leaves 250 ms of the target to close the store.
    fn default() -> Self {
        Self {
            drain: Duration::from_millis(800),
            grace: Duration::from_millis(500),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_leave_time_to_close_the_store() {
        let left = StopBudget::TARGET - StopBudget::default().total();
        assert!(left >= Duration::from_millis(250), "{left:?}");
    }
}
