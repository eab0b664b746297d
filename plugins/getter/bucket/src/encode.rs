//! Keys and parameters as they are signed and sent.

use std::collections::BTreeMap;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// What is not encoded: letters, digits and these four (the function `UriEncode` of Signature Version 4).
const PART: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// The same for paths, whose slashes stay.
const PATH: &AsciiSet = &PART.remove(b'/');

/// Encodes a key.
pub(crate) fn path(key: &str) -> String {
    utf8_percent_encode(key, PATH).to_string()
}

/// Encodes one part of a path.
pub(crate) fn part(text: &str) -> String {
    utf8_percent_encode(text, PART).to_string()
}

/// Encodes parameters, sorted as they have to be.
pub(crate) fn query(parameters: &BTreeMap<String, String>) -> String {
    let pairs = parameters.iter().map(|(name, value)| {
        let (name, value) = (utf8_percent_encode(name, PART), utf8_percent_encode(value, PART));
        format!("{name}={value}")
    });
    pairs.collect::<Vec<_>>().join("&")
}

/// Decodes a key of a listing, in which a space is a plus; none if it is no text.
pub(crate) fn decode(key: &str) -> Option<String> {
    let spaced = key.replace('+', " ");
    percent_decode_str(&spaced)
        .decode_utf8()
        .ok()
        .map(std::borrow::Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn all_but_a_few_is_encoded() {
        assert_eq!(path("a b/ü+%~_-.*'()"), "a%20b/%C3%BC%2B%25~_-.%2A%27%28%29");
        assert_eq!(part("a/b%2F"), "a%2Fb%252F");
        let parameters = BTreeMap::from(
            [("prefix", "a/b c"), ("delimiter", "")].map(|(name, value)| (name.to_owned(), value.to_owned())),
        );
        assert_eq!(query(&parameters), "delimiter=&prefix=a%2Fb%20c");
        assert_eq!(decode("a+b%2B%C3%BC").as_deref(), Some("a b+ü"));
        assert_eq!(decode("%ff"), None);
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded(key in "\\PC{0,20}") {
            prop_assert_eq!(decode(&path(&key)), Some(key));
        }
    }
}
