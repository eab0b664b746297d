//! Waiting for something that another process does.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::bail;

const INTERVAL: Duration = Duration::from_millis(5);

/// Asks `condition` every 5 ms until it yields a value.
///
/// # Errors
/// What `condition` fails with, at once; or, once `deadline` has passed, that `what` did not happen.
pub fn eventually<T>(
    deadline: Duration,
    what: &str,
    mut condition: impl FnMut() -> anyhow::Result<Option<T>>,
) -> anyhow::Result<T> {
    let start = Instant::now();
    loop {
        if let Some(value) = condition()? {
            return Ok(value);
        }
        if start.elapsed() >= deadline {
            bail!("not within {deadline:?}: {what}");
        }
        thread::sleep(INTERVAL);
    }
}
