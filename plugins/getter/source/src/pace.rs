//! When an origin is asked. Pure: time and chance are handed in.
//!
//! Asked at the interval, and up to a tenth later, so that many sources do not ask at one time. After a failure the wait
//! doubles up to a limit, half of it by chance; what the origin asks for itself is honoured, up to a limit, whoever wants to
//! know. What changes while it is read is asked again soon, and never later than at the interval.

use std::time::{Duration, Instant};

/// How long after the first failure the origin is asked again.
const FIRST_BACKOFF: Duration = Duration::from_secs(1);
/// The longest wait after a failure, unless the interval is longer.
const LONGEST_BACKOFF: Duration = Duration::from_mins(5);
/// The longest time that an origin can ask to be left alone.
const LONGEST_RETRY_AFTER: Duration = Duration::from_hours(1);
/// The part of the interval that chance adds to it at most.
const JITTER: f64 = 0.1;

/// Who wants the origin to be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asker {
    /// A person, or a session that begins.
    Person,
    /// The host, by itself.
    Host,
}

/// When an origin is asked.
#[derive(Clone, Debug)]
pub(crate) struct Pace {
    interval: Duration,
    failures: u32,
    /// When it is asked next; none before it was asked once.
    next: Option<Instant>,
    /// Until when it asked to be left alone.
    closed_until: Option<Instant>,
}

impl Pace {
    /// Begins with an origin that was never asked.
    #[must_use]
    pub(crate) fn new(interval: Duration) -> Self {
        Self {
            interval,
            failures: 0,
            next: None,
            closed_until: None,
        }
    }

    /// Notes that the origin answered. `chance` is from 0 to 1.
    pub(crate) fn handle_answer(&mut self, now: Instant, chance: f64) {
        self.failures = 0;
        self.closed_until = None;
        self.next = Some(now + self.interval + self.interval.mul_f64(JITTER * chance.clamp(0.0, 1.0)));
    }

    /// Notes that the origin answered, and changed meanwhile. `chance` is from 0 to 1.
    pub(crate) fn handle_unrest(&mut self, now: Instant, chance: f64) {
        self.closed_until = None;
        self.next = Some(now + self.backoff(chance).min(self.interval));
        self.failures = self.failures.saturating_add(1);
    }

    /// Returns how long it is waited after so many failures.
    fn backoff(&self, chance: f64) -> Duration {
        let doubled = FIRST_BACKOFF.saturating_mul(1_u32.checked_shl(self.failures).unwrap_or(u32::MAX));
        let longest = LONGEST_BACKOFF.max(self.interval);
        doubled.min(longest).mul_f64(0.5 + 0.5 * chance.clamp(0.0, 1.0))
    }

    /// Notes that the origin failed, and how long it asked to be left alone. `chance` is from 0 to 1.
    pub(crate) fn handle_failure(&mut self, now: Instant, retry_after: Option<Duration>, chance: f64) {
        let wait = self.backoff(chance);
        self.failures = self.failures.saturating_add(1);
        self.closed_until = retry_after.map(|after| now + after.min(LONGEST_RETRY_AFTER));
        self.next = Some(self.closed_until.map_or(now + wait, |closed| closed.max(now + wait)));
    }

    /// Returns when the origin is asked next; none before it was asked once.
    #[must_use]
    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        self.next
    }

    /// Returns whether the origin may be asked now.
    #[must_use]
    pub(crate) fn admits(&self, asker: Asker, now: Instant) -> bool {
        let is_closed = self.closed_until.is_some_and(|closed| now < closed);
        let is_waiting = self.failures > 0 && self.next.is_some_and(|next| now < next);
        match asker {
            Asker::Person => !is_closed,
            Asker::Host => !is_closed && !is_waiting,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_mins(1);

    fn wait(pace: &Pace, now: Instant) -> Duration {
        pace.next_timeout().unwrap() - now
    }

    #[test]
    fn an_answer_is_followed_by_the_interval_and_a_bit() {
        let (mut pace, now) = (Pace::new(MINUTE), Instant::now());
        assert_eq!(pace.next_timeout(), None);
        for (chance, seconds) in [(0.0, 60), (0.5, 63), (1.0, 66), (7.0, 66)] {
            pace.handle_answer(now, chance);
            assert_eq!(wait(&pace, now), Duration::from_secs(seconds), "{chance}");
            assert!(pace.admits(Asker::Host, now));
        }
    }

    #[test]
    fn failures_are_followed_by_longer_and_longer_waits() {
        let (mut pace, now) = (Pace::new(MINUTE), Instant::now());
        for seconds in [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300] {
            pace.handle_failure(now, None, 1.0);
            assert_eq!(wait(&pace, now), Duration::from_secs(seconds));
            assert!(pace.admits(Asker::Person, now) && !pace.admits(Asker::Host, now));
            assert!(pace.admits(Asker::Host, now + Duration::from_secs(seconds)));
        }
        for _ in 0..100 {
            pace.handle_failure(now, None, 0.0);
        }
        assert_eq!(wait(&pace, now), Duration::from_secs(150));
        pace.handle_answer(now, 0.0);
        pace.handle_failure(now, None, 0.0);
        assert_eq!(wait(&pace, now), Duration::from_millis(500));
    }

    #[test]
    fn what_never_rests_is_asked_at_the_interval_at_last() {
        let (mut pace, now) = (Pace::new(MINUTE), Instant::now());
        for seconds in [1, 2, 4, 8, 16, 32, 60, 60] {
            pace.handle_unrest(now, 1.0);
            assert_eq!(wait(&pace, now), Duration::from_secs(seconds));
        }
        pace.handle_answer(now, 0.0);
        pace.handle_unrest(now, 1.0);
        assert_eq!(wait(&pace, now), Duration::from_secs(1));
    }

    #[test]
    fn an_origin_that_asks_to_be_left_alone_is() {
        let (mut pace, now) = (Pace::new(MINUTE), Instant::now());
        let second = Duration::from_secs(1);
        pace.handle_failure(now, Some(30 * second), 1.0);
        assert_eq!(wait(&pace, now), 30 * second);
        assert!(!pace.admits(Asker::Person, now + 29 * second));
        assert!(pace.admits(Asker::Host, now + 30 * second));
        pace.handle_failure(now, Some(Duration::from_hours(1000)), 1.0);
        assert_eq!(wait(&pace, now), Duration::from_hours(1));
        pace.handle_failure(now, Some(Duration::ZERO), 1.0);
        assert!(pace.admits(Asker::Person, now));
    }
}
