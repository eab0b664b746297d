//! The guard over deletes: how far an inventory may shrink below its recent peak.
//!
//! The measure is net: objects that went and came back within the hour do not count, and one delete at a time adds up.

use std::time::Duration;

use k1s_object::Timestamp;
use serde::{Deserialize, Serialize};

/// How far back the peak looks.
const WINDOW: Duration = Duration::from_secs(3600);
/// Peaks are kept in spans of this length, so at most 13 of them.
const SPAN: Duration = Duration::from_secs(300);

/// How much may go within an hour: the larger of a number and a share of the peak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GuardLimit {
    /// Objects that may always go.
    pub min: u64,
    /// Percent of the peak that may go, 0 to 100.
    pub percent: u8,
}

impl Default for GuardLimit {
    fn default() -> Self {
        Self { min: 10, percent: 30 }
    }
}

impl GuardLimit {
    /// How many of `peak` objects may go.
    #[must_use]
    pub fn of(self, peak: u64) -> u64 {
        let share = u128::from(peak) * u128::from(self.percent.min(100)) / 100;
        self.min.max(u64::try_from(share).unwrap_or(u64::MAX))
    }
}

/// How many objects there are, and were within the last hour.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShrinkWindow {
    count: u64,
    /// The largest count of each span that had a change, oldest first, by the span's number.
    peaks: Vec<(u64, u64)>,
}

impl ShrinkWindow {
    /// Objects now.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The largest count within the last hour.
    #[must_use]
    pub fn peak(&self, now: Timestamp) -> u64 {
        let oldest = oldest_span(now);
        let recent = self
            .peaks
            .iter()
            .filter(|(span, _)| *span >= oldest)
            .map(|(_, peak)| *peak);
        recent.max().unwrap_or(0).max(self.count)
    }

    /// Records that objects came and went.
    pub fn change(&mut self, added: u64, removed: u64, now: Timestamp) {
        let before = self.count;
        self.count = (before + added).saturating_sub(removed);
        let oldest = oldest_span(now);
        self.peaks.retain(|(span, _)| *span >= oldest);
        let high = before.max(self.count);
        let current = span_of(now);
        match self.peaks.last_mut() {
            Some((span, peak)) if *span >= current => *peak = (*peak).max(high),
            Some(_) | None => self.peaks.push((current, high)),
        }
    }

    /// Records that objects were left to themselves: they count no longer, and are not missed.
    pub fn give_up(&mut self, objects: u64) {
        self.count = self.count.saturating_sub(objects);
        for (_, peak) in &mut self.peaks {
            *peak = peak.saturating_sub(objects);
        }
    }

    /// Asks whether `removals` more objects may go.
    #[must_use]
    pub fn judge(&self, removals: u64, limit: GuardLimit, now: Timestamp) -> Judgement {
        let peak = self.peak(now);
        let shrink = peak.saturating_sub(self.count.saturating_sub(removals));
        let allowed = limit.of(peak);
        if shrink <= allowed {
            Judgement::Pass
        } else {
            Judgement::Hold { shrink, limit: allowed }
        }
    }
}

/// What the guard says to a set of deletes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// It may happen.
    Pass,
    /// It is held whole.
    Hold {
        /// Objects of the last hour's peak that would be gone.
        shrink: u64,
        /// How many may be.
        limit: u64,
    },
}

fn span_of(time: Timestamp) -> u64 {
    Duration::from_millis(time.as_millis()).as_secs() / SPAN.as_secs()
}

fn oldest_span(now: Timestamp) -> u64 {
    span_of(now).saturating_sub(WINDOW.as_secs() / SPAN.as_secs())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn minute(minutes: u64) -> Timestamp {
        Timestamp::from_millis(1_000_000_000_000 + minutes * 60_000)
    }

    fn with(count: u64) -> ShrinkWindow {
        let mut window = ShrinkWindow::default();
        window.change(count, 0, minute(0));
        window
    }

    #[test]
    fn a_set_passes_up_to_the_limit_and_is_held_whole_above_it() {
        let limit = GuardLimit::default();
        assert_eq!(with(1000).judge(300, limit, minute(1)), Judgement::Pass);
        assert_eq!(
            with(1000).judge(301, limit, minute(1)),
            Judgement::Hold {
                shrink: 301,
                limit: 300
            }
        );
        assert_eq!(with(12).judge(10, limit, minute(1)), Judgement::Pass);
        assert_eq!(
            with(12).judge(11, limit, minute(1)),
            Judgement::Hold { shrink: 11, limit: 10 }
        );
    }

    #[test]
    fn single_deletes_add_up_within_the_hour_and_replacements_do_not() {
        let mut window = with(100);
        window.change(0, 20, minute(10));
        assert_eq!(window.judge(10, GuardLimit::default(), minute(20)), Judgement::Pass);
        assert_eq!(
            window.judge(11, GuardLimit::default(), minute(20)),
            Judgement::Hold { shrink: 31, limit: 30 }
        );
        window.change(20, 0, minute(25));
        assert_eq!(window.judge(30, GuardLimit::default(), minute(26)), Judgement::Pass);
    }

    #[test]
    fn objects_left_to_themselves_are_not_missed() {
        let mut window = with(100);
        window.change(0, 20, minute(10));
        window.give_up(60);
        assert_eq!((window.count(), window.peak(minute(11))), (20, 40));
        assert_eq!(
            window.judge(1, GuardLimit { min: 20, percent: 0 }, minute(11)),
            Judgement::Hold { shrink: 21, limit: 20 }
        );
    }

    #[test]
    fn the_peak_is_forgotten_after_an_hour() {
        let mut window = with(100);
        window.change(0, 30, minute(1));
        assert_eq!(window.peak(minute(59)), 100);
        assert_eq!(window.peak(minute(66)), 70);
        assert_eq!(window.judge(21, GuardLimit::default(), minute(66)), Judgement::Pass);
    }

    proptest! {
        #[test]
        fn the_peak_equals_that_of_a_plain_log(steps in prop::collection::vec((0..50_u64, 0..50_u64, 0..15_u64), 1..60)) {
            let mut window = ShrinkWindow::default();
            let (mut log, mut now, mut count) = (Vec::new(), 0, 0_u64);
            for (added, removed, minutes) in steps {
                now += minutes;
                let before = count;
                count = (before + added).saturating_sub(removed);
                window.change(added, removed, minute(now));
                log.push((span_of(minute(now)), before.max(count)));
                let oldest = oldest_span(minute(now));
                let expected = log.iter().filter(|(span, _)| *span >= oldest).map(|(_, high)| *high).max();
                prop_assert_eq!(Some(window.peak(minute(now))), expected.map(|peak| peak.max(count)));
                prop_assert!(window.peaks.len() <= 13);
            }
        }
    }
}
