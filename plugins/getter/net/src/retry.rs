//! When to ask again.

use std::time::{Duration, SystemTime};

use http::HeaderValue;

/// The longest wait that a server can ask for.
pub const RETRY_AFTER_MOST: Duration = Duration::from_hours(1);

/// Reads `Retry-After`: seconds, or a date (RFC 9110, section 10.2.3); at most [`RETRY_AFTER_MOST`].
///
/// A date that is past means no wait; anything else is none.
pub fn retry_after(value: &HeaderValue, now: SystemTime) -> Option<Duration> {
    let text = value.to_str().ok()?.trim();
    let wait = if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        Duration::from_secs(text.parse().unwrap_or(u64::MAX))
    } else {
        let date = httpdate::parse_http_date(text).ok()?;
        date.duration_since(now).unwrap_or(Duration::ZERO)
    };
    Some(wait.min(RETRY_AFTER_MOST))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Sun, 06 Nov 1994 08:49:37 GMT
    const NOW: u64 = 784_111_777;

    fn read(text: &[u8]) -> Option<Duration> {
        let value = HeaderValue::from_bytes(text).ok()?;
        retry_after(&value, SystemTime::UNIX_EPOCH + Duration::from_secs(NOW))
    }

    #[test]
    fn seconds_and_dates_are_read_and_capped() {
        for (text, expected) in [
            ("0", Some(0)),
            ("120", Some(120)),
            (" 7 ", Some(7)),
            ("3601", Some(3600)),
            ("99999999999999999999999", Some(3600)),
            ("Sun, 06 Nov 1994 08:50:37 GMT", Some(60)),
            ("Sunday, 06-Nov-94 08:50:37 GMT", Some(60)),
            ("Sun Nov  6 08:50:37 1994", Some(60)),
            ("Sun, 06 Nov 1994 08:49:00 GMT", Some(0)),
            ("Fri, 31 Dec 9999 23:59:59 GMT", Some(3600)),
            ("", None),
            ("-1", None),
            ("+1", None),
            ("1.5", None),
            ("soon", None),
            ("Sun, 99 Nov 1994 08:50:37 GMT", None),
        ] {
            assert_eq!(read(text.as_bytes()), expected.map(Duration::from_secs), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_anyone_wait_for_longer(text in proptest::collection::vec(any::<u8>(), 0..64)) {
            prop_assert!(read(&text).is_none_or(|wait| wait <= RETRY_AFTER_MOST));
        }

        #[test]
        fn seconds_are_what_they_say(seconds in 0_u64..=3600) {
            prop_assert_eq!(read(seconds.to_string().as_bytes()), Some(Duration::from_secs(seconds)));
        }
    }
}
