//! go-yaml v2's order of keys (`sorter.go`): letters after all else, digits by their number.

use std::cmp::Ordering;

use serde_json::{Map, Value};

/// Returns the entries in the order in which they are printed.
///
/// The order is not transitive for some keys (`a1b`, `a9`, `a10`), where Go's output is random; the merge sort here is
/// deterministic for those too, and does not depend on a total order as the standard library's does.
pub(super) fn sorted(map: &Map<String, Value>) -> Vec<(&String, &Value)> {
    let mut entries: Vec<_> = map.iter().collect();
    let mut width = 1;
    while width < entries.len() {
        let mut merged = Vec::with_capacity(entries.len());
        for pair in entries.chunks(width * 2) {
            let (left, right) = pair.split_at(width.min(pair.len()));
            merge(left, right, &mut merged);
        }
        entries = merged;
        width *= 2;
    }
    entries
}

fn merge<'m>(
    mut left: &[(&'m String, &'m Value)],
    mut right: &[(&'m String, &'m Value)],
    out: &mut Vec<(&'m String, &'m Value)>,
) {
    while let ([first, left_rest @ ..], [second, right_rest @ ..]) = (left, right) {
        if compare(second.0, first.0) == Ordering::Less {
            out.push(*second);
            right = right_rest;
        } else {
            out.push(*first);
            left = left_rest;
        }
    }
    out.extend(left);
    out.extend(right);
}

fn compare(left: &str, right: &str) -> Ordering {
    let common = left
        .bytes()
        .zip(right.bytes())
        .take_while(|(left, right)| left == right)
        .count();
    // Back to a character boundary, which both texts share up to the difference.
    let at = (0..=common)
        .rev()
        .find(|at| left.is_char_boundary(*at) && right.is_char_boundary(*at))
        .unwrap_or(0);
    let (same, left, right) = (&left[..at], &left[at..], &right[at..]);
    let (Some(a), Some(b)) = (left.chars().next(), right.chars().next()) else {
        return left.len().cmp(&right.len());
    };
    match (a.is_alphabetic(), b.is_alphabetic()) {
        (true, true) => return a.cmp(&b),
        (true, false) => return Ordering::Greater,
        (false, true) => return Ordering::Less,
        (false, false) => {}
    }
    // A zero behind other digits is part of their number: it weighs as much as a digit there.
    let digits_before = same.chars().rev().take_while(char::is_ascii_digit);
    let start = i64::from((a == '0' || b == '0') && digits_before.into_iter().any(|digit| digit != '0'));
    let ((left_number, left_length), (right_number, right_length)) = (number(left, start), number(right, start));
    left_number
        .cmp(&right_number)
        .then(left_length.cmp(&right_length))
        .then(a.cmp(&b))
}

/// Reads the digits at the beginning, wrapping as Go's integers do; returns how many there are.
fn number(text: &str, start: i64) -> (i64, usize) {
    let digits = text.bytes().take_while(u8::is_ascii_digit);
    let add = |number: i64, digit: u8| number.wrapping_mul(10).wrapping_add(i64::from(digit - b'0'));
    digits.fold((start, 0), |(number, length), digit| (add(number, digit), length + 1))
}
