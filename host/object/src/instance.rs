//! The identity of one host.

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{NameError, Timestamp, validate_subdomain};

/// Longest instance id in bytes, so that `{instance-id}.sync.k1s.io` stays a valid annotation prefix (253 bytes).
const MAX_INSTANCE_ID: usize = 200;

/// Names one k1s instance: a sequence of DNS-1123 labels of at most 200 bytes. Generated once, then kept.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct InstanceId(String);

/// Why a text cannot be an instance id.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum InstanceIdError {
    /// It breaks the name rules.
    #[error("the instance id {0}")]
    Name(#[from] NameError),
    /// It would not fit into an annotation key.
    #[error("the instance id has {0} bytes; at most {MAX_INSTANCE_ID} are allowed")]
    TooLong(usize),
}

impl InstanceId {
    /// Takes a chosen id.
    ///
    /// # Errors
    /// When it is not a sequence of DNS-1123 labels of at most 200 bytes.
    pub fn new(text: &str) -> Result<Self, InstanceIdError> {
        if text.len() > MAX_INSTANCE_ID {
            return Err(InstanceIdError::TooLong(text.len()));
        }
        validate_subdomain(text)?;
        Ok(Self(text.to_owned()))
    }

    /// Makes the specification's `hostname-timestamp-random` valid: lower case, every other character becomes `-`, and the
    /// host name is cut so that the whole is one label.
    #[must_use]
    pub fn generate(hostname: &str, now: Timestamp, random: u32) -> Self {
        let suffix = format!("{}-{random}", now.as_millis() / 1000);
        let cleaned: String = hostname
            .chars()
            .map(|c| c.to_ascii_lowercase())
            .map(|c| {
                if c.is_ascii_lowercase() || c.is_ascii_digit() {
                    c
                } else {
                    '-'
                }
            })
            .take(62 - suffix.len())
            .collect();
        let host = cleaned.trim_matches('-');
        let host = if host.is_empty() { "host" } else { host };
        Self(format!("{host}-{suffix}"))
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for InstanceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for InstanceId {
    type Error = InstanceIdError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::new(&text)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_host_name_gives_a_valid_id(hostname in ".{0,300}", seconds in 0..4_000_000_000_u64, random: u32) {
            let id = InstanceId::generate(&hostname, Timestamp::from_millis(seconds * 1000), random);
            prop_assert_eq!(InstanceId::new(id.as_str()), Ok(id.clone()));
            let ending = format!("{seconds}-{random}");
            prop_assert!(id.as_str().ends_with(&ending));
        }
    }

    #[test]
    fn the_documented_form_is_kept() {
        let id = InstanceId::generate("Dev_Box.local", Timestamp::from_millis(1_700_000_000_000), 7);
        assert_eq!(id.as_str(), "dev-box-local-1700000000-7");
        assert!(InstanceId::new("Upper").is_err());
        assert!(InstanceId::new(&"a.".repeat(120)).is_err());
    }
}
