//! Parts of a download.

use http::HeaderValue;

/// Which bytes an answer holds (`Content-Range`, RFC 9110, section 14.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    /// The first one's offset.
    pub(crate) first: u64,
    /// The last one's.
    pub(crate) last: u64,
    /// How many there are in all, if that is told.
    pub(crate) total: Option<u64>,
}

impl Part {
    /// Reads a part of bytes that is one.
    pub(crate) fn parse(value: &HeaderValue) -> Option<Self> {
        let (range, total) = value.to_str().ok()?.strip_prefix("bytes ")?.split_once('/')?;
        let (first, last) = range.split_once('-')?;
        let part = Self {
            first: number(first)?,
            last: number(last)?,
            total: match total {
                "*" => None,
                digits => Some(number(digits)?),
            },
        };
        let is_one = part.first <= part.last && part.total.is_none_or(|total| part.last < total);
        is_one.then_some(part)
    }

    /// Returns whether it is all that was missing behind `held` bytes.
    pub(crate) fn completes(&self, held: u64) -> bool {
        self.first == held && self.total.is_some_and(|total| Some(total) == self.last.checked_add(1))
    }
}

fn number(digits: &str) -> Option<u64> {
    let is_digits = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|_| is_digits)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Option<Part> {
        HeaderValue::from_str(text).ok().as_ref().and_then(Part::parse)
    }

    #[test]
    fn parts_are_read_strictly() {
        for (text, expected) in [
            ("bytes 0-9/10", Some((0, 9, Some(10)))),
            ("bytes 5-9/*", Some((5, 9, None))),
            ("bytes 5-4/10", None),
            ("bytes 5-10/10", None),
            ("bytes */10", None),
            ("bytes -5/10", None),
            ("bytes +5-9/10", None),
            ("bytes 5-9", None),
            ("items 5-9/10", None),
            ("bytes 5-99999999999999999999/*", None),
        ] {
            assert_eq!(
                read(text).map(|part| (part.first, part.last, part.total)),
                expected,
                "{text}"
            );
        }
        let completes = |text| read(text).is_some_and(|part| part.completes(5));
        assert!(completes("bytes 5-9/10"));
        assert!(!completes("bytes 4-9/10") && !completes("bytes 5-8/10") && !completes("bytes 5-9/*"));
        assert!(!completes("bytes 5-18446744073709551615/*"));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(first in 0_u64..1000, more in 0_u64..1000, rest in 1_u64..1000) {
            let (last, total) = (first + more, first + more + rest);
            let part = read(&format!("bytes {first}-{last}/{total}"));
            prop_assert_eq!(part, Some(Part { first, last, total: Some(total) }));
        }

        #[test]
        fn no_text_is_a_part_that_is_none(text in "bytes [0-9*-]{0,24}/[0-9*]{0,24}") {
            prop_assert!(read(&text).is_none_or(|part| part.first <= part.last));
        }
    }
}
