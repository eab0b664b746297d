//! Times as a file of allowed signers has them.

/// Digits of a day, of a minute of it, and of a second.
const LENGTHS: [usize; 3] = [8, 12, 14];

/// Reads `YYYYMMDD[HHMM[SS]][Z]`, always in UTC, into seconds since 1970.
pub(super) fn parse(text: &str) -> Result<i64, &'static str> {
    const FORM: &str = "a time is YYYYMMDD, YYYYMMDDHHMM or YYYYMMDDHHMMSS, in UTC";
    let digits = text.strip_suffix(['Z', 'z']).unwrap_or(text);
    if !LENGTHS.contains(&digits.len()) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(FORM);
    }
    let number = |from: usize, to: usize| -> i64 {
        let digits = digits.get(from..to).unwrap_or_default();
        digits.bytes().fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0'))
    };
    let (year, month, day) = (number(0, 4), number(4, 6), number(6, 8));
    let (hour, minute, second) = (number(8, 10), number(10, 12), number(12, 14));
    let in_range = (1..=12).contains(&month)
        && (1..=days_in(year, month)).contains(&day)
        && hour < 24
        && minute < 60
        && second < 60;
    if !in_range {
        return Err(FORM);
    }
    Ok(((days(year, month, day) * 24 + hour) * 60 + minute) * 60 + second)
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970, by counting years from March so that the leap day is the last of its year.
fn days(year: i64, month: i64, day: i64) -> i64 {
    /// From the first of March of year 0 to 1970.
    const EPOCH: i64 = 719_468;
    let (year, month) = if month < 3 {
        (year - 1, month + 9)
    } else {
        (year, month - 3)
    };
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    365 * year + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + day_of_year - EPOCH
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn times_are_those_of_utc() {
        for (text, expected) in [
            ("19700101", 0),
            ("20000229", 951_782_400),
            ("20240229Z", 1_709_164_800),
            ("202611231856", 1_795_460_160),
            ("20261123185601Z", 1_795_460_161),
            ("99991231", 253_402_214_400),
        ] {
            assert_eq!(parse(text), Ok(expected), "{text}");
        }
        for text in [
            "",
            "2024",
            "20230229",
            "20241301",
            "20240100",
            "202401012460",
            "2024010124",
            "20240101T",
            "+0240101",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
