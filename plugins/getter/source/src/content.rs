//! Names of contents: two that are equal have the same bytes.
//!
//! The text is `sha256.` and the whole SHA-256 in unpadded URL-safe base64, or `git.` and the hexadecimal id of a blob. It
//! is what the host remembers of a file (its source version), and what a file is called in the cache.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest as _, Sha256};

/// The longest id of a blob, in hexadecimal digits: one of SHA-256.
const OID_DIGITS: usize = 64;

/// The name of a content.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Content {
    /// Its SHA-256.
    Sha256([u8; 32]),
    /// The id that git gives a blob with it, in hexadecimal.
    Git(Box<str>),
}

/// The text is no name of a content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the name of a content")]
pub(crate) struct NotAContent;

impl Content {
    /// Names bytes.
    #[must_use]
    pub(crate) fn of(bytes: &[u8]) -> Self {
        Self::Sha256(Sha256::digest(bytes).into())
    }

    /// Takes over the id of a blob: lower-case hexadecimal digits, 40 or 64 of them.
    #[must_use]
    pub(crate) fn git(oid: &str) -> Option<Self> {
        let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        let is_oid = matches!(oid.len(), 40 | OID_DIGITS) && oid.bytes().all(is_digit);
        is_oid.then(|| Self::Git(oid.into()))
    }
}

impl fmt::Display for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sha256(hash) => write!(f, "sha256.{}", BASE64_URL_SAFE_NO_PAD.encode(hash)),
            Self::Git(oid) => write!(f, "git.{oid}"),
        }
    }
}

impl FromStr for Content {
    type Err = NotAContent;

    fn from_str(text: &str) -> Result<Self, NotAContent> {
        if let Some(oid) = text.strip_prefix("git.") {
            return Self::git(oid).ok_or(NotAContent);
        }
        let hash = text.strip_prefix("sha256.").ok_or(NotAContent)?;
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(hash).map_err(|_| NotAContent)?;
        Ok(Self::Sha256(bytes.try_into().map_err(|_| NotAContent)?))
    }
}

impl Serialize for Content {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Content {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_survives_its_text_and_others_are_refused() {
        let oid = "1234567890abcdef1234567890abcdef12345678";
        for content in [Content::of(b"a"), Content::git(oid).unwrap()] {
            assert_eq!(content.to_string().parse(), Ok(content.clone()));
            assert!(
                content.to_string().bytes().all(|byte| byte != b'/'),
                "it is a file's name"
            );
        }
        for text in [
            "",
            "sha256.",
            "sha256.AAAA",
            "git.",
            "git.../x",
            "git.12",
            "md5.aaaa",
            oid,
        ] {
            assert_eq!(text.parse::<Content>(), Err(NotAContent), "{text}");
        }
        assert_eq!(Content::git(&oid.to_uppercase()), None);
    }
}
