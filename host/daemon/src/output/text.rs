//! Numbers, times and foreign text as a person reads them.

use std::borrow::Cow;
use std::time::Duration;

use k1s_api::age::age;
use k1s_object::{Key, Timestamp};

/// Writes a count with a comma between thousands: `1,198`.
#[must_use]
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// How long ago a time was that is written as Kubernetes does, as kubectl writes ages; empty for what is no time.
#[must_use]
pub fn since_text(then: &str, now: Timestamp) -> String {
    let Ok(then) = then.parse::<jiff::Timestamp>() else {
        return String::new();
    };
    let then = u64::try_from(then.as_millisecond()).unwrap_or_default();
    age(Duration::from_millis(now.as_millis().saturating_sub(then)))
}

/// Writes how long something took: tenths of seconds below a minute, `0.2 s`; then `3 min 5 s`.
#[must_use]
pub fn elapsed(took: Duration) -> String {
    let tenths = (took.as_millis() + 50) / 100;
    if tenths < 600 {
        return format!("{}.{} s", tenths / 10, tenths % 10);
    }
    let seconds = tenths / 10;
    format!("{} min {} s", seconds / 60, seconds % 60)
}

/// Writes a key as users name it: `Deployment shop/cart`, `Namespace shop`.
#[must_use]
pub fn key(key: &Key) -> String {
    let kind = &key.group_kind.kind;
    if key.namespace.is_empty() {
        format!("{kind} {}", key.name)
    } else {
        format!("{kind} {}/{}", key.namespace, key.name)
    }
}

/// Makes text of somebody else safe for a terminal and for one line: control characters are written out.
#[must_use]
pub fn visible(text: &str) -> Cow<'_, str> {
    if !text.contains(char::is_control) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len());
    for character in text.trim_end().chars() {
        match character {
            '\n' => safe.push(' '),
            '\u{1b}' => safe.push_str("^["),
            control if control.is_control() => safe.extend(control.escape_default()),
            plain => safe.push(plain),
        }
    }
    Cow::Owned(safe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_separated() {
        for (number, text) in [
            (0, "0"),
            (999, "999"),
            (1_198, "1,198"),
            (100_000, "100,000"),
            (1_234_567, "1,234,567"),
        ] {
            assert_eq!(count(number), text);
        }
    }

    #[test]
    fn ages_are_told_from_times_as_they_are_served() {
        let now = Timestamp::from_millis(1_700_000_190_000);
        for (then, text) in [
            ("2023-11-14T22:13:20Z", "3m10s"),
            ("2023-11-14T23:13:20Z", "0s"),
            ("yesterday", ""),
        ] {
            assert_eq!(since_text(then, now), text, "{then}");
        }
    }

    #[test]
    fn what_took_long_is_not_told_in_tenths() {
        for (milliseconds, text) in [
            (0, "0.0 s"),
            (49, "0.0 s"),
            (50, "0.1 s"),
            (212, "0.2 s"),
            (59_900, "59.9 s"),
            (59_960, "1 min 0 s"),
            (185_000, "3 min 5 s"),
        ] {
            assert_eq!(elapsed(Duration::from_millis(milliseconds)), text, "{milliseconds}");
        }
    }

    #[test]
    fn keys_are_named_without_group() {
        assert_eq!(
            key(&Key::new("apps", "Deployment", "shop", "cart")),
            "Deployment shop/cart"
        );
        assert_eq!(key(&Key::new("", "Namespace", "", "shop")), "Namespace shop");
    }

    #[test]
    fn no_text_controls_the_terminal() {
        assert_eq!(visible("plain ü"), "plain ü");
        assert_eq!(visible("two\nlines\n"), "two lines");
        assert_eq!(visible("\u{1b}[31mred\u{7}\r"), "^[[31mred\\u{7}");
    }
}
