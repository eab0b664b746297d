//! How far a listing is, and how often that is worth saying.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use k1s_source_proto::v1;

/// Shortest time between two progress messages of the same phase.
const INTERVAL: Duration = Duration::from_millis(100);

/// How far a listing is, in units of the source's choice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Units done.
    pub done: u64,
    /// Units in all, where that is known.
    pub total: Option<u64>,
    /// Bytes read.
    pub bytes: u64,
    /// What is going on, in the words of the source: `reading`, `fetching`.
    pub phase: String,
    /// Until when the place asked to wait; the host's liveness clock stands still until then.
    pub rate_limited_until: Option<SystemTime>,
}

impl Progress {
    pub(crate) fn into_wire(self, scope: &str) -> v1::Progress {
        let Self {
            done,
            total,
            bytes,
            phase,
            rate_limited_until,
        } = self;
        let millis = |time: SystemTime| {
            let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
            u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
        };
        let scope = scope.to_owned();
        v1::Progress {
            scope,
            done,
            total,
            bytes,
            phase,
            rate_limited_until_ms: rate_limited_until.map(millis),
        }
    }
}

/// Lets through what is new and drops what comes too soon.
#[derive(Debug, Default)]
pub(crate) struct Throttle {
    last: Option<(Instant, Progress)>,
}

impl Throttle {
    /// Tells whether to send `progress`: the first, the last (all is done), every change of phase or of waiting, and
    /// otherwise one each interval.
    pub(crate) fn admits(&mut self, progress: &Progress, now: Instant) -> bool {
        let admitted = self.last.as_ref().is_none_or(|(at, last)| {
            let finished = progress.total == Some(progress.done) && last != progress;
            let other = last.phase != progress.phase || last.rate_limited_until != progress.rate_limited_until;
            finished || other || now.saturating_duration_since(*at) >= INTERVAL
        });
        if admitted {
            self.last = Some((now, progress.clone()));
        }
        admitted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_the_last_and_each_phase_go_through() {
        let at = |done, phase: &str| Progress {
            done,
            total: Some(9),
            phase: phase.to_owned(),
            ..Progress::default()
        };
        let now = Instant::now();
        let mut throttle = Throttle::default();
        assert!(throttle.admits(&at(1, "reading"), now));
        assert!(!throttle.admits(&at(2, "reading"), now + INTERVAL / 2));
        assert!(throttle.admits(&at(3, "reading"), now + INTERVAL));
        assert!(throttle.admits(&at(3, "parsing"), now + INTERVAL));
        assert!(throttle.admits(&at(9, "parsing"), now + INTERVAL));
        assert!(!throttle.admits(&at(9, "parsing"), now + INTERVAL));
    }
}
