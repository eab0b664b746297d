//! Lengths of time as Kubernetes writes them: `100ms`, `30s`, `1m30s`.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Each unit with its milliseconds; a unit stands before those that are its prefix.
const UNITS: [(&str, u64); 4] = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000)];

/// A length of time in whole milliseconds, written as numbers with units, the largest unit first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period(Duration);

/// The text is no length of time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PeriodError {
    /// It is a number alone.
    #[error("{text:?} lacks a unit; write for example {text}ms or {text}s")]
    Unit {
        /// As written.
        text: String,
    },
    /// It is anything else.
    #[error("{text:?} is not a duration; write for example 100ms, 30s or 1m30s")]
    Notation {
        /// As written.
        text: String,
    },
}

impl Period {
    /// Takes over a length of time; what is less than a millisecond is not written.
    #[must_use]
    pub const fn new(duration: Duration) -> Self {
        Self(duration)
    }

    /// Returns the length of time.
    #[must_use]
    pub const fn get(self) -> Duration {
        self.0
    }
}

impl FromStr for Period {
    type Err = PeriodError;

    fn from_str(text: &str) -> Result<Self, PeriodError> {
        if text == "0" {
            return Ok(Self(Duration::ZERO));
        }
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(PeriodError::Unit { text: text.to_owned() });
        }
        milliseconds(text)
            .map(|total| Self(Duration::from_millis(total)))
            .ok_or_else(|| PeriodError::Notation { text: text.to_owned() })
    }
}

fn milliseconds(text: &str) -> Option<u64> {
    let (mut rest, mut total) = (text, 0_u64);
    loop {
        let digits = rest.find(|letter: char| !letter.is_ascii_digit())?;
        let (number, after) = rest.split_at(digits);
        let (unit, milliseconds) = UNITS.iter().find(|(unit, _)| after.starts_with(unit))?;
        total = number
            .parse::<u64>()
            .ok()?
            .checked_mul(*milliseconds)?
            .checked_add(total)?;
        rest = after.strip_prefix(unit)?;
        if rest.is_empty() {
            return Some(total);
        }
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX);
        if rest == 0 {
            return f.write_str("0s");
        }
        for (unit, milliseconds) in UNITS.iter().rev() {
            if rest >= *milliseconds {
                write!(f, "{}{unit}", rest / milliseconds)?;
                rest %= milliseconds;
            }
        }
        Ok(())
    }
}

impl<'de> Deserialize<'de> for Period {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl Serialize for Period {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl JsonSchema for Period {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Period".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "pattern": "^(0|([0-9]+(ms|s|m|h))+)$"})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_and_written() {
        for (text, milliseconds, written) in [
            ("0", 0, "0s"),
            ("0s", 0, "0s"),
            ("100ms", 100, "100ms"),
            ("1m30s", 90_000, "1m30s"),
            ("90s", 90_000, "1m30s"),
            ("24h", 86_400_000, "24h"),
            ("1h1ms", 3_600_001, "1h1ms"),
        ] {
            let period: Period = text.parse().unwrap();
            assert_eq!(period.get(), Duration::from_millis(milliseconds), "{text}");
            assert_eq!(period.to_string(), written);
        }
        for text in [
            "",
            "s",
            "1.5s",
            "-1s",
            "1 s",
            "1d",
            "1s5",
            "99999999999999999999s",
            "6000000000000000000h",
        ] {
            assert!(
                matches!(text.parse::<Period>(), Err(PeriodError::Notation { .. })),
                "{text}"
            );
        }
        assert!(matches!("100".parse::<Period>(), Err(PeriodError::Unit { .. })));
    }
}
