//! How long to wait before a server is asked again.

use std::time::Duration;

/// The first wait, as client-go's reflector has it.
const FIRST: Duration = Duration::from_millis(800);
/// The longest wait before chance is added, as client-go's reflector has it.
const LONGEST: Duration = Duration::from_secs(30);

/// Waits that double with each failure, from 800 ms to 30 s, each up to twice as long by chance.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Backoff {
    failures: u32,
}

impl Backoff {
    /// Returns how long to wait after one more failure; `chance` is any number. The server's own word, `at_least`, is kept.
    pub fn failed(&mut self, chance: u64, at_least: Option<Duration>) -> Duration {
        let wait = FIRST.saturating_mul(1 << self.failures.min(16)).min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        let nanoseconds = u64::try_from(wait.as_nanos()).unwrap_or(u64::MAX);
        let more = Duration::from_nanos(chance % nanoseconds.max(1));
        (wait + more).max(at_least.unwrap_or_default())
    }

    /// Returns how many failures there were since the last success.
    #[must_use]
    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// Notes a success.
    pub fn succeeded(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_half_a_minute_and_begin_anew() {
        let mut backoff = Backoff::default();
        let waits: Vec<u128> = (0..8).map(|_| backoff.failed(0, None).as_millis()).collect();
        assert_eq!(waits, [800, 1600, 3200, 6400, 12_800, 25_600, 30_000, 30_000]);
        backoff.succeeded();
        assert_eq!((backoff.failed(0, None).as_millis(), backoff.failures()), (800, 1));
    }

    #[test]
    fn chance_adds_less_than_the_wait_and_the_servers_word_is_kept() {
        for chance in [1, 799_999_999, 800_000_000, u64::MAX] {
            let wait = Backoff::default().failed(chance, None);
            assert!((800..1600).contains(&wait.as_millis()), "{wait:?}");
        }
        let asked = Some(Duration::from_secs(90));
        assert_eq!(Backoff::default().failed(5, asked), Duration::from_secs(90));
        assert!(Backoff::default().failed(5, Some(Duration::ZERO)) > Duration::from_millis(800));
    }
}
