//! Percent-encoding.

use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::fault::Rule;

/// What cannot stand in a path as it is; `%` can, because what is written encoded stays so.
const PATH: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');
/// What cannot stand in a path of which nothing is encoded yet.
const PLAIN_PATH: &AsciiSet = &PATH.add(b'%');
/// What can stand in a name or value of a query as it is.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'/')
    .remove(b':');
/// What can stand in a user as it is: neither what ends it nor what begins a password.
const USER: &AsciiSet = &QUERY.add(b'/').add(b':');

/// Decodes a text that may hold escapes; refuses broken ones, control characters and what is not UTF-8.
pub(crate) fn decode(text: &str) -> Result<String, Rule> {
    let broken = text.match_indices('%').any(|(at, _)| {
        let digits = text.as_bytes().get(at + 1..at + 3);
        !digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    });
    if broken {
        return Err(Rule::Escape);
    }
    let decoded = percent_decode_str(text).decode_utf8().map_err(|_| Rule::Characters)?;
    if decoded.contains(char::is_control) {
        return Err(Rule::Control);
    }
    Ok(decoded.into_owned())
}

/// Encodes in a written path what cannot stand there as it is.
pub(crate) fn encode_path(written: &str) -> String {
    utf8_percent_encode(written, PATH).to_string()
}

/// Encodes a path of which nothing is encoded; no `//` is left, which would end it.
pub(crate) fn encode_plain_path(plain: &str) -> String {
    let mut encoded = utf8_percent_encode(plain, PLAIN_PATH).to_string();
    while encoded.contains("//") {
        encoded = encoded.replace("//", "/%2F");
    }
    encoded
}

/// Encodes a user in front of a host.
pub(crate) fn encode_user(plain: &str) -> String {
    utf8_percent_encode(plain, USER).to_string()
}

/// Encodes a name or value of a query.
pub(crate) fn encode_query(plain: &str) -> String {
    utf8_percent_encode(plain, QUERY).to_string()
}
