//! How long to wait before another try.
//!
//! Full jitter: every wait is drawn evenly from nothing to the bound, so that sources that failed together do not
//! come back together. Random bits are an argument.

use std::time::Duration;

use crate::problem::{Problem, Retry};

/// The bound of the first wait.
pub const BASE: Duration = Duration::from_millis(200);
/// The largest bound.
pub const CAP: Duration = Duration::from_secs(60);
/// How long a run must last to forget the failures before it.
pub const STABLE_AFTER: Duration = Duration::from_secs(60);
/// The longest wait a source can ask for by itself.
pub const MAX_REQUESTED: Duration = Duration::from_secs(60 * 60);

/// Doublings after which every bound is the largest; 200 ms · 2⁹ is over 60 s.
const DOUBLINGS: u32 = 9;

/// Counts the failures in a row and says how long to wait after each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backoff {
    failures: u32,
}

impl Backoff {
    /// Counts one failure; returns how long to wait, at most [`CAP`].
    #[must_use]
    pub fn next_delay(&mut self, jitter: u64) -> Duration {
        let bound = CAP.min(BASE * (1 << self.failures.min(DOUBLINGS)));
        self.failures = self.failures.saturating_add(1);
        portion(bound, jitter)
    }

    /// Forgets all failures.
    pub fn reset(&mut self) {
        self.failures = 0;
    }

    /// Failures in a row.
    #[must_use]
    pub fn failures(&self) -> u32 {
        self.failures
    }
}

/// The part of `span` that random bits choose, evenly from nothing to all of it.
#[must_use]
pub fn portion(span: Duration, jitter: u64) -> Duration {
    let nanos = (span.as_nanos().saturating_mul(u128::from(jitter))) >> 64;
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

/// A span within a tenth of `span`, so that what repeats does not fall in step.
#[must_use]
pub fn spread(span: Duration, jitter: u64) -> Duration {
    let tenth = span / 10;
    span.saturating_sub(tenth).saturating_add(portion(tenth * 2, jitter))
}

/// The wait a problem itself asks for, at most [`MAX_REQUESTED`]; none for most.
#[must_use]
pub fn requested(problem: &Problem) -> Duration {
    match problem.retry {
        Retry::After(wait) => wait.min(MAX_REQUESTED),
        Retry::Never | Retry::Backoff | Retry::OnConfigChange | Retry::OnContentChange => Duration::ZERO,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_double_to_the_cap() {
        let mut backoff = Backoff::default();
        let bounds: Vec<_> = (0..12)
            .map(|_| backoff.next_delay(u64::MAX).as_secs_f64().mul_add(10.0, 0.5) as u64)
            .collect();
        assert_eq!(bounds, [2, 4, 8, 16, 32, 64, 128, 256, 512, 600, 600, 600]);
        backoff.reset();
        assert!(backoff.next_delay(u64::MAX) <= BASE);
    }

    #[test]
    fn jitter_is_full() {
        for (jitter, expected) in [(0, 0), (u64::MAX / 2, 99), (u64::MAX, 199)] {
            assert_eq!(Backoff::default().next_delay(jitter).as_millis(), expected);
        }
    }

    #[test]
    fn many_failures_do_not_overflow() {
        let mut backoff = Backoff { failures: u32::MAX };
        assert!(backoff.next_delay(u64::MAX) <= CAP);
        assert_eq!(backoff.failures(), u32::MAX);
    }

    #[test]
    fn a_spread_stays_within_a_tenth() {
        let second = Duration::from_secs(1);
        for (jitter, expected) in [(0, 900), (1 << 63, 1000), (u64::MAX, 1099)] {
            assert_eq!(spread(second, jitter).as_millis(), expected);
        }
        assert!(spread(Duration::MAX, u64::MAX) > Duration::ZERO);
    }
}
