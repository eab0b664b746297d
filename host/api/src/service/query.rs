//! The parameters of a request, read as a Kubernetes API server reads them.
//!
//! Of a parameter that is there more than once the first counts. A pair that does not decode is passed over, as Go's
//! `url.ParseQuery` does when its error is ignored, and so is every parameter that nobody asks for.

use percent_encoding::percent_decode;

use super::failure::Failure;

/// Pairs of a query that are read; the rest is passed over.
const MAX_PAIRS: usize = 256;

/// Decoded parameters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Query {
    pairs: Vec<(Box<str>, Box<str>)>,
}

impl Query {
    /// Decodes what follows the `?`.
    pub(crate) fn decode(text: &str) -> Self {
        let pairs = text.split('&').filter(|pair| !pair.is_empty() && !pair.contains(';'));
        let decoded = pairs.filter_map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            Some((component(key)?, component(value)?))
        });
        Self {
            pairs: decoded.take(MAX_PAIRS).collect(),
        }
    }

    /// The first value of a parameter; `None` where it is absent.
    pub(crate) fn first(&self, key: &str) -> Option<&str> {
        self.all(key).next()
    }

    /// The first value of a parameter, where it is there and not empty.
    pub(crate) fn text(&self, key: &str) -> Option<&str> {
        self.first(key).filter(|value| !value.is_empty())
    }

    /// Every value of a parameter.
    pub(crate) fn all<'q, 'k>(&'q self, key: &'k str) -> impl Iterator<Item = &'q str> + use<'q, 'k> {
        let pairs = self.pairs.iter();
        pairs.filter(move |(name, _)| **name == *key).map(|(_, value)| &**value)
    }

    /// A switch: there, and neither `false` nor `0`; `None` where it is absent.
    pub(crate) fn flag(&self, key: &str) -> Option<bool> {
        let value = self.first(key)?;
        Some(!(value.eq_ignore_ascii_case("false") || value == "0"))
    }

    /// A whole number; `None` where it is absent.
    ///
    /// # Errors
    /// 400 for what is no number of 64 bits.
    pub(crate) fn number(&self, key: &str) -> Result<Option<i64>, Failure> {
        let Some(value) = self.first(key) else { return Ok(None) };
        let parsed = value.parse::<i64>();
        parsed.map(Some).map_err(|_| {
            // The words of Go's strconv, which is what a Kubernetes API server says here.
            Failure::bad_request(format!("strconv.ParseInt: parsing {value:?}: invalid syntax"))
        })
    }

    /// `watch`.
    pub(crate) fn watch(&self) -> bool {
        self.flag("watch").unwrap_or(false)
    }

    /// `labelSelector`.
    pub(crate) fn label_selector(&self) -> Option<&str> {
        self.text("labelSelector")
    }

    /// `fieldSelector`.
    pub(crate) fn field_selector(&self) -> Option<&str> {
        self.text("fieldSelector")
    }

    /// `resourceVersion`.
    pub(crate) fn resource_version(&self) -> Option<&str> {
        self.text("resourceVersion")
    }

    /// `resourceVersionMatch`.
    pub(crate) fn resource_version_match(&self) -> Option<&str> {
        self.text("resourceVersionMatch")
    }

    /// `continue`.
    pub(crate) fn continue_token(&self) -> Option<&str> {
        self.text("continue")
    }

    /// `limit`; `None` also for zero.
    ///
    /// # Errors
    /// 400 for what is no number.
    pub(crate) fn limit(&self) -> Result<Option<i64>, Failure> {
        Ok(self.number("limit")?.filter(|limit| *limit != 0))
    }

    /// `timeoutSeconds`.
    ///
    /// # Errors
    /// 400 for what is no number.
    pub(crate) fn timeout_seconds(&self) -> Result<Option<i64>, Failure> {
        self.number("timeoutSeconds")
    }

    /// `allowWatchBookmarks`.
    pub(crate) fn allows_bookmarks(&self) -> bool {
        self.flag("allowWatchBookmarks").unwrap_or(false)
    }

    /// `sendInitialEvents`; `None` where nothing is said.
    pub(crate) fn send_initial_events(&self) -> Option<bool> {
        self.flag("sendInitialEvents")
    }

    /// `includeObject`, of tables.
    pub(crate) fn include_object(&self) -> Option<&str> {
        self.text("includeObject")
    }
}

/// One side of a pair, or `None` where an escape is broken or the bytes are no UTF-8.
fn component(text: &str) -> Option<Box<str>> {
    let spaced = text.replace('+', " ");
    decoded(&spaced)
}

/// Percent-decoded text, or `None` where an escape is broken or the bytes are no UTF-8.
pub(crate) fn decoded(text: &str) -> Option<Box<str>> {
    let escapes = text.split('%').skip(1);
    let whole = |escape: &str| escape.len() >= 2 && escape.bytes().take(2).all(|byte| byte.is_ascii_hexdigit());
    if !escapes.clone().all(whole) {
        return None;
    }
    let text = percent_decode(text.as_bytes()).decode_utf8().ok()?;
    Some(text.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_value_counts_and_what_does_not_decode_is_passed_over() {
        let query = Query::decode("a=1&a=2&b&c=%zz&c=3&d=x;y&=z&e=%e9&f+g=h%20i&j=%26&");
        for (key, expected) in [
            ("a", Some("1")),
            ("b", Some("")),
            ("c", Some("3")),
            ("d", None),
            ("", Some("z")),
            ("e", None),
            ("f g", Some("h i")),
            ("j", Some("&")),
            ("k", None),
        ] {
            assert_eq!(query.first(key), expected, "{key:?}");
        }
        assert_eq!(query.all("a").collect::<Vec<_>>(), ["1", "2"]);
        assert_eq!(query.text("b"), None);
    }

    #[test]
    fn switches_and_numbers_are_read_as_go_does() {
        for (text, expected) in [
            ("", None),
            ("watch", Some(true)),
            ("watch=", Some(true)),
            ("watch=1", Some(true)),
            ("watch=no", Some(true)),
            ("watch=0", Some(false)),
            ("watch=FALSE", Some(false)),
        ] {
            assert_eq!(Query::decode(text).flag("watch"), expected, "{text}");
        }
        for (text, expected) in [
            ("", Ok(None)),
            ("limit=0", Ok(None)),
            ("limit=500", Ok(Some(500))),
            ("limit=-1", Ok(Some(-1))),
            ("limit=", Err("strconv.ParseInt: parsing \"\": invalid syntax")),
            ("limit=1x", Err("strconv.ParseInt: parsing \"1x\": invalid syntax")),
        ] {
            let limit = Query::decode(text).limit().map_err(|failure| failure.to_string());
            assert_eq!(limit, expected.map_err(str::to_owned), "{text}");
        }
    }

    #[test]
    fn pairs_are_bounded() {
        let many = "a=1&".repeat(MAX_PAIRS) + "b=1";
        assert_eq!(Query::decode(&many).first("b"), None);
    }
}
