//! What was lent, and until when it counts.

use std::time::{Duration, SystemTime};

#[cfg(any(feature = "aws", feature = "github"))]
use jiff::Timestamp;

#[cfg(any(feature = "aws", feature = "github"))]
use crate::fault::Fault;

/// How long before it expires something is asked for anew, at most.
const MARGIN: Duration = Duration::from_mins(5);
/// The longest that something counts without being asked for anew, whatever is said of it.
const LONGEST: Duration = Duration::from_hours(12);

/// Something that was lent.
pub(crate) struct Lent<T> {
    pub(crate) value: T,
    /// When it was asked for.
    since: SystemTime,
    /// When it expires.
    until: SystemTime,
}

impl<T> Lent<T> {
    /// Takes what was asked for at `since` and expires after `seconds`.
    pub(crate) fn lasting(value: T, since: SystemTime, seconds: u64) -> Self {
        let lasting = Duration::from_secs(seconds).min(LONGEST);
        Self {
            value,
            since,
            until: since + lasting,
        }
    }

    /// Takes what was asked for at `since` and expires at a time as RFC 3339 writes it.
    #[cfg(any(feature = "aws", feature = "github"))]
    pub(crate) fn expiring(value: T, since: SystemTime, at: &str) -> Result<Self, Fault> {
        let at: Timestamp = at.parse().map_err(|_| Fault::Answer("a time at which it expires"))?;
        let lasting = SystemTime::from(at).duration_since(since).unwrap_or_default();
        Ok(Self::lasting(value, since, lasting.as_secs()))
    }

    /// Returns from when on it is asked for anew.
    fn stale(&self) -> SystemTime {
        let lasting = self.until.duration_since(self.since).unwrap_or_default();
        self.until - MARGIN.min(lasting / 2)
    }
}

/// A place for what was lent last.
pub(crate) struct Held<T>(Option<Lent<T>>);

impl<T: Clone> Held<T> {
    pub(crate) fn nothing() -> Self {
        Self(None)
    }

    /// Returns what need not be asked for yet.
    pub(crate) fn fresh(&self, now: SystemTime) -> Option<T> {
        let lent = self.0.as_ref().filter(|lent| (lent.since..lent.stale()).contains(&now));
        lent.map(|lent| lent.value.clone())
    }

    /// Keeps what was lent; where nothing was, what is here counts while it holds.
    pub(crate) fn keep<E>(&mut self, lent: Result<Lent<T>, E>, now: SystemTime) -> Result<T, E> {
        match (lent, &self.0) {
            (Ok(lent), _) => Ok(self.0.insert(lent).value.clone()),
            (Err(_), Some(old)) if (old.since..old.until).contains(&now) => Ok(old.value.clone()),
            (Err(error), _) => Err(error),
        }
    }

    /// Forgets it: it was refused.
    pub(crate) fn forget(&mut self) {
        self.0 = None;
    }
}

impl<T> std::fmt::Debug for Held<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Held(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn after(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn what_is_lent_is_asked_for_anew_shortly_before_it_expires() {
        let start = SystemTime::UNIX_EPOCH + after(1_000_000);
        for (lasting, fresh, stale) in [
            (3600, 3299, 3300),
            (600, 299, 300),
            (100, 49, 50),
            (1 << 40, 43_200 - 301, 43_200 - 300),
        ] {
            let mut held = Held::nothing();
            assert_eq!(held.fresh(start), None);
            let kept: Result<&str, ()> = held.keep(Ok(Lent::lasting("it", start, lasting)), start);
            assert_eq!(kept, Ok("it"));
            assert_eq!(held.fresh(start + after(fresh)), Some("it"), "{lasting}");
            assert_eq!(held.fresh(start + after(stale)), None, "{lasting}");
            // A clock that was set back says nothing of when it expires.
            assert_eq!(held.fresh(start - after(1)), None, "{lasting}");
            held.forget();
            assert_eq!(held.fresh(start), None, "{lasting}");
        }
    }

    #[test]
    fn while_nothing_new_is_lent_the_old_counts_until_it_expires() {
        let start = SystemTime::UNIX_EPOCH + after(1_000_000);
        let mut held = Held::nothing();
        assert_eq!(held.keep(Err("no"), start), Err("no"));
        assert_eq!(held.keep(Ok::<_, &str>(Lent::lasting(1, start, 100)), start), Ok(1));
        assert_eq!(held.keep(Err("no"), start + after(99)), Ok(1));
        assert_eq!(held.keep(Err("no"), start + after(100)), Err("no"));
        assert_eq!(
            held.keep(Ok::<_, &str>(Lent::lasting(2, start + after(100), 100)), start),
            Ok(2)
        );
        assert_eq!(held.fresh(start + after(101)), Some(2));
    }

    #[cfg(any(feature = "aws", feature = "github"))]
    #[test]
    fn times_are_read_as_services_write_them() {
        let start = SystemTime::UNIX_EPOCH + after(1_000_000_000);
        let lent = Lent::expiring((), start, "2001-09-09T02:46:40Z").unwrap();
        assert_eq!(lent.until, start + after(3600));
        let gone = Lent::expiring((), start, "1999-01-01T00:00:00+00:00").unwrap();
        assert_eq!(gone.until, start);
        assert!(Lent::expiring((), start, "canary").is_err());
    }
}
