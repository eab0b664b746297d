//! Lengths of time as Kubernetes writes them: `30s`, `1m30s`, `100ms`, `1.5h`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use thiserror::Error;

const SECOND: u128 = 1_000_000_000;

/// Every unit with its nanoseconds; a unit stands before those that are its prefix.
const UNITS: [(&str, u128); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("μs", 1_000),
    ("ms", 1_000_000),
    ("s", SECOND),
    ("m", 60 * SECOND),
    ("h", 3_600 * SECOND),
];

/// A length of time in the notation of Go's `time.ParseDuration`, which Kubernetes uses; never negative.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Period(Duration);

/// Why a text is not a length of time.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PeriodError {
    /// It does not follow the notation.
    #[error("{text:?} is not a duration; write for example 30s, 1m30s or 100ms")]
    Notation {
        /// The text.
        text: String,
    },
    /// A number has no unit.
    #[error("{text:?} lacks a unit; write for example {text}s or {text}m")]
    Unit {
        /// The text, a number.
        text: String,
    },
    /// It is longer than 64 bits of nanoseconds can say, as in Go.
    #[error("{text:?} is too long for a duration")]
    TooLong {
        /// The text.
        text: String,
    },
}

impl Period {
    /// Wraps a length of time.
    #[must_use]
    pub const fn new(duration: Duration) -> Self {
        Self(duration)
    }

    /// The length.
    #[must_use]
    pub const fn get(self) -> Duration {
        self.0
    }
}

impl FromStr for Period {
    type Err = PeriodError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "0" {
            return Ok(Self(Duration::ZERO));
        }
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(PeriodError::Unit { text: text.to_owned() });
        }
        let mut rest = text;
        let mut total: u128 = 0;
        loop {
            let (nanoseconds, after) =
                component(rest).ok_or_else(|| PeriodError::Notation { text: text.to_owned() })?;
            total = total.saturating_add(nanoseconds);
            rest = after;
            if rest.is_empty() {
                break;
            }
        }
        let nanoseconds = i64::try_from(total).map_err(|_| PeriodError::TooLong { text: text.to_owned() })?;
        Ok(Self(Duration::from_nanos(nanoseconds.unsigned_abs())))
    }
}

/// Reads one number with its unit; returns nanoseconds and what follows.
fn component(text: &str) -> Option<(u128, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let (number, rest) = text.split_at(end);
    let (unit, scale) = UNITS
        .iter()
        .filter(|(unit, _)| rest.starts_with(unit))
        .max_by_key(|(unit, _)| unit.len())?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') {
        return None;
    }
    let mut nanoseconds = decimal(whole).saturating_mul(*scale);
    let mut place = *scale;
    for digit in fraction.bytes() {
        place /= 10;
        nanoseconds = nanoseconds.saturating_add(u128::from(digit - b'0') * place);
    }
    Some((nanoseconds, &rest[unit.len()..]))
}

/// The value of a run of digits, at most the largest number there is.
fn decimal(digits: &str) -> u128 {
    digits.bytes().fold(0, |value: u128, digit| {
        value.saturating_mul(10).saturating_add(u128::from(digit - b'0'))
    })
}

/// Writes the shortest exact form, such as `1m30s`.
impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0.as_nanos();
        if rest == 0 {
            return f.write_str("0s");
        }
        for (unit, scale) in [
            ("h", 3_600 * SECOND),
            ("m", 60 * SECOND),
            ("s", SECOND),
            ("ms", 1_000_000),
            ("us", 1_000),
            ("ns", 1),
        ] {
            if rest >= scale {
                write!(f, "{}{unit}", rest / scale)?;
                rest %= scale;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_go_does() {
        for (text, nanoseconds) in [
            ("0", 0),
            ("0s", 0),
            ("30s", 30_000_000_000),
            ("1m30s", 90_000_000_000),
            ("100ms", 100_000_000),
            ("1.5h", 5_400_000_000_000),
            (".5s", 500_000_000),
            ("1.s", 1_000_000_000),
            ("1h1m1s1ms1us1ns", 3_661_001_001_001),
            ("3µs", 3_000),
            ("3μs", 3_000),
            ("0.1ns", 0),
            ("9223372036854775807ns", 9_223_372_036_854_775_807),
        ] {
            assert_eq!(text.parse(), Ok(Period(Duration::from_nanos(nanoseconds))), "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for (text, expected) in [
            ("", "is not a duration"),
            ("30", "lacks a unit"),
            ("-3s", "is not a duration"),
            ("3 s", "is not a duration"),
            ("s", "is not a duration"),
            (".s", "is not a duration"),
            ("1.2.3s", "is not a duration"),
            ("1d", "is not a duration"),
            ("1h3", "is not a duration"),
            ("9223372036854775808ns", "too long"),
            ("999999999999999999999999999999999999999999h", "too long"),
        ] {
            let error = text.parse::<Period>().unwrap_err().to_string();
            assert!(error.contains(expected), "{text:?}: {error}");
        }
    }

    #[test]
    fn the_shortest_form_is_written() {
        for text in ["0s", "30s", "1m30s", "100ms", "1h", "1h30m", "1s500ms"] {
            assert_eq!(text.parse::<Period>().unwrap().to_string(), text);
        }
    }
}
