//! Whether a scalar is a timestamp, by the four layouts that go-yaml v2 gives to Go's `time.Parse`.
//!
//! Only an explicit `!!timestamp` asks: a timestamp becomes a string either way.

/// Returns whether `text` is a date, or a date with a time, that go-yaml accepts as `!!timestamp`.
pub(crate) fn is_timestamp(text: &str) -> bool {
    layout(text).is_some()
}

fn layout(text: &str) -> Option<()> {
    let (year, rest) = text.split_at_checked(4)?;
    if !year.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (month, rest) = digits(rest.strip_prefix('-')?)?;
    let (day, rest) = digits(rest.strip_prefix('-')?)?;
    if !(1..=12).contains(&month) || day < 1 || day > days_in(month, year.parse().ok()?) {
        return None;
    }
    if rest.is_empty() {
        return Some(());
    }
    if let Some(time) = rest.strip_prefix(['T', 't']) {
        return zone(clock(time)?);
    }
    let time = rest.strip_prefix(' ')?;
    clock(time.trim_start_matches(' '))?.is_empty().then_some(())
}

/// Reads `15:4:5.999999999`; each number has one or two digits, the fraction any number behind a point or comma.
fn clock(text: &str) -> Option<&str> {
    let (hour, rest) = digits(text)?;
    let (minute, rest) = digits(rest.strip_prefix(':')?)?;
    let (second, rest) = digits(rest.strip_prefix(':')?)?;
    if hour >= 24 || minute >= 60 || second >= 60 {
        return None;
    }
    let fraction = rest
        .strip_prefix(['.', ','])
        .filter(|digits| digits.starts_with(|c: char| c.is_ascii_digit()));
    Some(fraction.map_or(rest, |digits| digits.trim_start_matches(|c: char| c.is_ascii_digit())))
}

/// Reads `Z` or `+07:00` up to the end; the hour may be 24 and the minute 60, as Go has it.
fn zone(text: &str) -> Option<()> {
    if text == "Z" {
        return Some(());
    }
    let (hour, minute) = text.strip_prefix(['+', '-'])?.split_once(':')?;
    let two = |part: &str, most: u32| part.len() == 2 && digits(part).is_some_and(|(n, r)| r.is_empty() && n <= most);
    (two(hour, 24) && two(minute, 60)).then_some(())
}

/// Reads one or two digits.
fn digits(text: &str) -> Option<(u32, &str)> {
    let length = text.bytes().take(2).take_while(u8::is_ascii_digit).count();
    let (number, rest) = text.split_at_checked(length)?;
    Some((number.parse().ok()?, rest))
}

fn days_in(month: u32, year: u32) -> u32 {
    match month {
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}
