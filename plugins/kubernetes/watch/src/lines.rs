//! The lines of a watch, as their bytes arrive.

use thiserror::Error;

/// A line is longer than the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("an event has more than {limit} bytes")]
pub struct TooLong {
    /// The limit in bytes.
    pub limit: usize,
}

/// Cuts a stream of bytes into lines; holds one that is not whole, at most `limit` bytes of it.
#[derive(Debug)]
pub struct Lines {
    begun: Vec<u8>,
    limit: usize,
}

impl Lines {
    /// Makes one for lines of at most `limit` bytes.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self {
            begun: Vec::new(),
            limit,
        }
    }

    /// Takes bytes off `input` up to the end of a line and returns the line; none when it is used up. Empty lines are
    /// left out.
    ///
    /// # Errors
    /// Refuses a line that is too long; nothing can be read behind it.
    pub fn next(&mut self, input: &mut &[u8]) -> Result<Option<Vec<u8>>, TooLong> {
        while !input.is_empty() {
            let end = memchr::memchr(b'\n', input);
            let (part, rest) = input.split_at(end.unwrap_or(input.len()));
            if self.begun.len() + part.len() > self.limit {
                return Err(TooLong { limit: self.limit });
            }
            self.begun.extend_from_slice(part);
            *input = rest.get(1..).unwrap_or_default();
            if end.is_some() && !self.begun.is_empty() {
                return Ok(Some(std::mem::take(&mut self.begun)));
            }
        }
        Ok(None)
    }

    /// Returns whether no line has begun that is not whole.
    #[must_use]
    pub fn is_between(&self) -> bool {
        self.begun.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_whole_however_they_arrive() {
        let text = b"one\n\ntwo two\nthree";
        for size in 1..=text.len() {
            let mut lines = Lines::new(7);
            let mut found = Vec::new();
            for mut chunk in text.chunks(size) {
                while let Some(line) = lines.next(&mut chunk).unwrap() {
                    found.push(String::from_utf8(line).unwrap());
                }
            }
            assert_eq!(found, ["one", "two two"], "{size}");
            assert!(!lines.is_between(), "the third is not whole");
        }
    }

    #[test]
    fn a_line_that_is_too_long_is_refused_before_it_is_held() {
        let mut lines = Lines::new(3);
        assert_eq!(lines.next(&mut &b"ab"[..]), Ok(None));
        assert_eq!(lines.next(&mut &b"cd"[..]), Err(TooLong { limit: 3 }));
    }
}
