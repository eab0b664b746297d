//! Numbers as Go's `strconv` reads and prints them, so far as YAML meets them.

use serde_json::Number;

use crate::scalar::Scalar;

/// Reads a plain scalar that begins with a sign or a digit: an integer in any of YAML 1.1's and Go's bases, else a
/// float; `None` is a string.
pub(crate) fn number(text: &str) -> Option<Scalar> {
    let stripped;
    let plain = if text.contains('_') {
        stripped = text.replace('_', "");
        stripped.as_str()
    } else {
        text
    };
    integer(plain)
        .or_else(|| is_yaml_float(plain).then(|| finite(plain)).flatten().map(Scalar::Float))
        .or_else(|| signed_binary(plain))
}

/// Go's `ParseInt(s, 0, 64)`, then `ParseUint(s, 0, 64)`.
fn integer(text: &str) -> Option<Scalar> {
    let (negative, unsigned) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let magnitude = magnitude(unsigned)?;
    if negative {
        return 0i64.checked_sub_unsigned(magnitude).map(Scalar::Int);
    }
    match i64::try_from(magnitude) {
        Ok(value) => Some(Scalar::Int(value)),
        // ParseUint takes no sign.
        Err(_) if text.starts_with('+') => None,
        Err(_) => Some(Scalar::Uint(magnitude)),
    }
}

fn magnitude(digits: &str) -> Option<u64> {
    let (radix, digits) = match digits.as_bytes() {
        [b'0', b'x' | b'X', ..] => (16, &digits[2..]),
        [b'0', b'b' | b'B', ..] => (2, &digits[2..]),
        [b'0', b'o' | b'O', ..] => (8, &digits[2..]),
        [b'0', _, ..] => (8, &digits[1..]),
        _ => (10, digits),
    };
    // Rust would take a plus sign here.
    if !digits.as_bytes().first()?.is_ascii_alphanumeric() {
        return None;
    }
    u64::from_str_radix(digits, radix).ok()
}

/// go-yaml's own reading of `0b`, which takes a sign behind the prefix: `0b-11` is -3.
fn signed_binary(text: &str) -> Option<Scalar> {
    let digits = text.strip_prefix("0b")?;
    i64::from_str_radix(digits, 2).ok().map(Scalar::Int)
}

/// go-yaml's `^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$`.
fn is_yaml_float(text: &str) -> bool {
    let rest = text.strip_prefix(['-', '+']).unwrap_or(text);
    let whole = rest.trim_start_matches(|c: char| c.is_ascii_digit());
    let has_whole = whole.len() < rest.len();
    let rest = match whole.strip_prefix('.') {
        Some(fraction) => {
            let rest = fraction.trim_start_matches(|c: char| c.is_ascii_digit());
            if !has_whole && rest.len() == fraction.len() {
                return false;
            }
            rest
        }
        None if has_whole => whole,
        None => return false,
    };
    match rest.strip_prefix(['e', 'E']) {
        Some(exponent) => {
            let digits = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
            !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
        }
        None => rest.is_empty(),
    }
}

/// Go's `ParseFloat` of a text that begins with a point; underscores are taken between digits only.
pub(crate) fn go_float(text: &str) -> Option<f64> {
    if !text.contains('_') {
        return is_yaml_float(text).then(|| finite(text)).flatten();
    }
    let bytes = text.as_bytes();
    let between_digits = |at: usize| {
        let digit = |at: Option<usize>| at.and_then(|at| bytes.get(at)).is_some_and(u8::is_ascii_digit);
        digit(at.checked_sub(1)) && digit(at.checked_add(1))
    };
    if !bytes
        .iter()
        .enumerate()
        .all(|(at, byte)| *byte != b'_' || between_digits(at))
    {
        return None;
    }
    let plain = text.replace('_', "");
    is_yaml_float(&plain).then(|| finite(&plain)).flatten()
}

/// Reads a float; beyond the range is none, as for Go.
fn finite(text: &str) -> Option<f64> {
    text.parse().ok().filter(|value: &f64| value.is_finite())
}

/// Returns the JSON integer that `value` is printed as, if it fits 64 bits: the shortest digits, then zeros, as Go's
/// encoder prints below 1e21. Above 2^53 that is not the float's own value, but it is what is read back.
pub(crate) fn integral(value: f64) -> Option<Number> {
    if value.fract() != 0.0 || value.abs() >= 1e21 {
        return None;
    }
    // Rust prints the same digits; `-0` is 0.
    let text = value.to_string();
    text.parse()
        .map(|integer: i64| integer.into())
        .or_else(|_| text.parse().map(|integer: u64| integer.into()))
        .ok()
}

/// Prints a float as a key: in 32-bit precision, as sigs.k8s.io/yaml does.
pub(crate) fn float32_key(value: f64) -> String {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the precision that Kubernetes prints keys in"
    )]
    let value = value as f32;
    if value.is_finite() {
        general(&format!("{value:e}"))
    } else {
        special(f64::from(value)).to_owned()
    }
}

/// Prints a finite float as Go's `FormatFloat(value, 'g', -1, 64)`.
pub(crate) fn float64(value: f64) -> String {
    if value.is_finite() {
        general(&format!("{value:e}"))
    } else {
        special(value).to_owned()
    }
}

fn special(value: f64) -> &'static str {
    match (value.is_nan(), value > 0.0) {
        (true, _) => ".nan",
        (false, true) => ".inf",
        (false, false) => "-.inf",
    }
}

/// The exponent from which Go's shortest `%g` keeps an exponent: `eprec` in strconv's ftoa.go.
const EXPONENT_FROM: i32 = 6;

/// Turns Rust's shortest `d.ddde-7` into Go's `%g`.
fn general(scientific: &str) -> String {
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((scientific, "0"));
    let (sign, mantissa) = mantissa.strip_prefix('-').map_or(("", mantissa), |rest| ("-", rest));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let digits = mantissa.replace('.', "");
    if !(-4..EXPONENT_FROM).contains(&exponent) {
        let sign_of_exponent = if exponent < 0 { '-' } else { '+' };
        return format!("{sign}{mantissa}e{sign_of_exponent}{:02}", exponent.abs());
    }
    let point = exponent + 1;
    if point <= 0 {
        let zeros = "0".repeat(usize::try_from(-point).unwrap_or(0));
        return format!("{sign}0.{zeros}{digits}");
    }
    let point = usize::try_from(point).unwrap_or(0);
    if digits.len() <= point {
        return format!("{sign}{digits}{}", "0".repeat(point - digits.len()));
    }
    format!("{sign}{}.{}", &digits[..point], &digits[point..])
}
