//! Where most of many times lie.

use std::time::Duration;

/// The time in seconds that a part of some times does not exceed: the smallest of them for which that is so (nearest rank).
/// None if there are no times.
pub(super) fn percentile(times: &[Duration], part: f64) -> Option<f64> {
    let mut times = times.to_vec();
    times.sort_unstable();
    let rank = (part * times.len() as f64).ceil() as usize;
    let time = times.get(rank.max(1) - 1).or(times.last())?;
    Some(time.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_and_nearly_all_are_below() {
        let times: Vec<Duration> = (1..=200).rev().map(Duration::from_secs).collect();
        assert_eq!(percentile(&times, 0.5), Some(100.0));
        assert_eq!(percentile(&times, 0.99), Some(198.0));
        assert_eq!(percentile(&times, 1.0), Some(200.0));
        assert_eq!(percentile(&times[..1], 0.0), Some(200.0));
        assert_eq!(percentile(&[], 0.5), None);
    }
}
