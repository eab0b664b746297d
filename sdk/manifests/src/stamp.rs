//! What the file system says about a file's state, by which an unchanged file is known without reading it.
//!
//! Does not look at content. Invariant: two equal stamps of one path mean the same content, provided that the earlier
//! one was settled when the content was read.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::fs::Stat;

/// How old a file must be when it is read to be remembered by its stamp: a later change within one tick of the file
/// system's clock would leave the stamp as it is (git's racy rule, contract.md §3).
const SETTLED_AFTER: Duration = Duration::from_secs(2);

/// Times of change, size and inode of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// Nanoseconds since the Unix epoch.
    pub modified: i64,
    /// Nanoseconds since the Unix epoch.
    pub changed: i64,
    /// Bytes.
    pub size: u64,
    /// The inode's number.
    pub inode: u64,
}

impl Stamp {
    /// Takes the stamp out of `stat`; there is none for times outside the years 1678 to 2261.
    pub fn of(stat: &Stat) -> Option<Self> {
        Some(Self {
            modified: nanoseconds(stat.st_mtime, stat.st_mtime_nsec)?,
            changed: nanoseconds(stat.st_ctime, stat.st_ctime_nsec)?,
            size: u64::try_from(stat.st_size).ok()?,
            inode: stat.st_ino,
        })
    }

    /// Returns whether both times lie at least 2 s before `now`; times in the future do not.
    pub fn is_settled(&self, now: SystemTime) -> bool {
        let Some(limit) = now.checked_sub(SETTLED_AFTER) else {
            return false;
        };
        let Ok(limit) = limit.duration_since(UNIX_EPOCH) else {
            return false;
        };
        i128::from(self.modified.max(self.changed)) <= i128::try_from(limit.as_nanos()).unwrap_or(i128::MAX)
    }
}

fn nanoseconds(seconds: impl Into<i64>, nanoseconds: impl TryInto<i64>) -> Option<i64> {
    seconds
        .into()
        .checked_mul(1_000_000_000)?
        .checked_add(nanoseconds.try_into().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_settles_two_seconds_after_its_later_time() {
        let now = UNIX_EPOCH + Duration::from_secs(100);
        let second = |seconds: i64| seconds * 1_000_000_000;
        for (modified, changed, settled) in [
            (second(98), second(98), true),
            (second(98) + 1, second(1), false),
            (second(1), second(98) + 1, false),
            (second(1), second(500), false),
            (second(-5), second(-5), true),
        ] {
            let stamp = Stamp {
                modified,
                changed,
                size: 0,
                inode: 1,
            };
            assert_eq!(stamp.is_settled(now), settled, "{stamp:?}");
        }
    }

    #[test]
    fn times_that_do_not_fit_have_no_stamp() {
        assert_eq!(nanoseconds(1_i64, 5_i64), Some(1_000_000_005));
        assert_eq!(nanoseconds(-1_i64, 0_i64), Some(-1_000_000_000));
        assert_eq!(nanoseconds(i64::MAX, 0_i64), None);
    }
}
