//! What tells whether something changed since it was fetched.

use std::fmt;
use std::str::FromStr;

use http::header::{ETAG, LAST_MODIFIED};
use http::{HeaderMap, HeaderValue};

/// The longest entity tag that is kept, in bytes; a longer one is as none.
const ETAG_BYTES: usize = 512;
/// What stands in a line for one that is missing.
const NONE: &str = "-";

/// A line holds no validators.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is not an entity tag and a date, each or `-`")]
pub struct ValidatorsError;

/// An entity tag (RFC 9110, section 8.8.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ETag(String);

impl ETag {
    fn parse(text: &str) -> Option<Self> {
        let opaque = text.strip_prefix("W/").unwrap_or(text);
        let inner = opaque.strip_prefix('"')?.strip_suffix('"')?;
        let is_tag = inner.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"');
        (is_tag && text.len() <= ETAG_BYTES).then(|| Self(text.to_owned()))
    }

    /// Returns whether equal tags mean equal bytes.
    pub fn is_strong(&self) -> bool {
        !self.0.starts_with("W/")
    }

    /// Returns it as it stands in headers.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A date of the last change, in the form of HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastModified(String);

impl LastModified {
    fn parse(text: &str) -> Option<Self> {
        let is_printable = text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
        // The very text is sent back: servers compare it as one.
        (is_printable && httpdate::parse_http_date(text).is_ok()).then(|| Self(text.to_owned()))
    }

    /// Returns it as it stands in headers.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What tells whether something changed since it was fetched; also as a line of text, to be kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Validators {
    /// The entity tag.
    pub etag: Option<ETag>,
    /// The date of the last change.
    pub last_modified: Option<LastModified>,
}

impl Validators {
    /// Reads them from the head of an answer; what is malformed is as none.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let text = |name| headers.get(name).and_then(|value| HeaderValue::to_str(value).ok());
        Self {
            etag: text(ETAG).and_then(ETag::parse),
            last_modified: text(LAST_MODIFIED).and_then(LastModified::parse),
        }
    }

    /// Takes an entity tag alone; none if it is malformed.
    pub fn of_tag(text: &str) -> Self {
        Self {
            etag: ETag::parse(text),
            last_modified: None,
        }
    }

    /// Returns whether there is none, so that nothing can be asked on condition.
    pub fn is_empty(&self) -> bool {
        self.etag.is_none() && self.last_modified.is_none()
    }

    /// Returns the entity tag by which a cut download can go on: only a strong one says that bytes are the same.
    pub(crate) fn strong(&self) -> Option<&ETag> {
        self.etag.as_ref().filter(|etag| etag.is_strong())
    }
}

impl fmt::Display for Validators {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let etag = self.etag.as_ref().map_or(NONE, ETag::as_str);
        let date = self.last_modified.as_ref().map_or(NONE, LastModified::as_str);
        write!(f, "{etag} {date}")
    }
}

impl FromStr for Validators {
    type Err = ValidatorsError;

    fn from_str(line: &str) -> Result<Self, ValidatorsError> {
        // No tag holds a space.
        let (etag, date) = line.split_once(' ').ok_or(ValidatorsError)?;
        Ok(Self {
            etag: match etag {
                NONE => None,
                text => Some(ETag::parse(text).ok_or(ValidatorsError)?),
            },
            last_modified: match date {
                NONE => None,
                text => Some(LastModified::parse(text).ok_or(ValidatorsError)?),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn validators_are_read_and_kept() {
        const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
        for (etag, date, expected, is_strong) in [
            (r#""a""#, DATE, r#""a" Sun, 06 Nov 1994 08:49:37 GMT"#, true),
            (r#"W/"a""#, "", r#"W/"a" -"#, false),
            (r#""""#, "yesterday", r#""" -"#, true),
            ("a", DATE, "- Sun, 06 Nov 1994 08:49:37 GMT", false),
            (r#"w/"a""#, "", "- -", false),
            (r#""a"b""#, "", "- -", false),
            (r#""a b""#, "", "- -", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(ETAG, HeaderValue::from_static(etag));
            headers.insert(LAST_MODIFIED, HeaderValue::from_static(date));
            let validators = Validators::of(&headers);
            assert_eq!(validators.to_string(), expected);
            assert_eq!(expected.parse(), Ok(validators.clone()));
            assert_eq!(validators.strong().is_some(), is_strong, "{etag}");
        }
        for line in ["", "-", "x -", "- x", r#""a""#] {
            assert_eq!(line.parse::<Validators>(), Err(ValidatorsError), "{line}");
        }
        assert_eq!(ETag::parse(&format!("\"{}\"", "a".repeat(ETAG_BYTES))), None);
    }
}
