//! Tokens as services of registries give them.

use http::HeaderValue;
use serde::Deserialize;

/// An answer of a service; some say `token`, some `access_token`, some both.
#[derive(Deserialize)]
struct Answer {
    token: Option<String>,
    access_token: Option<String>,
}

/// The header that shows the token of an answer.
pub(crate) fn authorization(answer: &[u8]) -> Option<HeaderValue> {
    let answer: Answer = serde_json::from_slice(answer).ok()?;
    let token = answer.token.or(answer.access_token).filter(|token| !token.is_empty())?;
    let mut value = HeaderValue::from_str(&format!("Bearer {token}")).ok()?;
    value.set_sensitive(true);
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::authorization;

    #[test]
    fn a_token_is_found_under_both_names() {
        for (answer, expected) in [
            (r#"{"token":"a"}"#, Some("Bearer a")),
            (r#"{"access_token":"b","expires_in":300}"#, Some("Bearer b")),
            (r#"{"token":"a","access_token":"b"}"#, Some("Bearer a")),
            (r#"{"token":""}"#, None),
            (r#"{"token":"a\nb"}"#, None),
            (r#"{"token":1}"#, None),
            ("{}", None),
            ("", None),
        ] {
            let found = authorization(answer.as_bytes());
            assert_eq!(
                found.as_ref().and_then(|value| value.to_str().ok()),
                expected,
                "{answer}"
            );
            assert!(found.is_none_or(|value| value.is_sensitive()));
        }
    }
}
