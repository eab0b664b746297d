//! Numbers, times and foreign text as a person reads them.

use std::borrow::Cow;
use std::time::Duration;

use k1s_object::Key;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;
const YEAR: u64 = 365 * DAY;

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

/// Writes an age as kubectl does (`HumanDuration` of k8s.io/apimachinery): `3s`, `9m`, `5h30m`, `3d4h`, `2y30d`.
#[must_use]
pub fn age(age: Duration) -> String {
    let seconds = age.as_secs();
    let two = |large: u64, unit: char, small: u64, part: char| match small {
        0 => format!("{large}{unit}"),
        small => format!("{large}{unit}{small}{part}"),
    };
    let one = |number: u64, unit: char| format!("{number}{unit}");
    match seconds {
        0..120 => one(seconds, 's'),
        120..600 => two(seconds / MINUTE, 'm', seconds % MINUTE, 's'),
        600..10_800 => one(seconds / MINUTE, 'm'),
        10_800..28_800 => two(seconds / HOUR, 'h', seconds % HOUR / MINUTE, 'm'),
        28_800..172_800 => one(seconds / HOUR, 'h'),
        172_800..691_200 => two(seconds / DAY, 'd', seconds % DAY / HOUR, 'h'),
        691_200..63_072_000 => one(seconds / DAY, 'd'),
        63_072_000..252_288_000 => two(seconds / YEAR, 'y', seconds % YEAR / DAY, 'd'),
        _ => one(seconds / YEAR, 'y'),
    }
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
    fn ages_are_those_of_kubectl() {
        // The table of k8s.io/apimachinery's duration_test.go.
        for (seconds, text) in [
            (0, "0s"),
            (1, "1s"),
            (70, "70s"),
            (119, "119s"),
            (120, "2m"),
            (190, "3m10s"),
            (599, "9m59s"),
            (600, "10m"),
            (2 * HOUR + 59 * MINUTE, "179m"),
            (3 * HOUR, "3h"),
            (3 * HOUR + MINUTE, "3h1m"),
            (7 * HOUR + 59 * MINUTE, "7h59m"),
            (8 * HOUR + 59 * MINUTE, "8h"),
            (47 * HOUR, "47h"),
            (49 * HOUR, "2d1h"),
            (8 * DAY - HOUR, "7d23h"),
            (8 * DAY + 23 * HOUR, "8d"),
            (2 * YEAR - DAY, "729d"),
            (2 * YEAR, "2y"),
            (2 * YEAR + 30 * DAY, "2y30d"),
            (8 * YEAR - DAY, "7y364d"),
            (8 * YEAR + 364 * DAY, "8y"),
        ] {
            assert_eq!(age(Duration::from_secs(seconds)), text, "{seconds}");
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
