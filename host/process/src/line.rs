//! Cuts a byte stream into lines of bounded length; a longer line comes in pieces and none of it is lost.

/// Longest line, and longest piece of a longer one, in bytes without its end.
pub const LINE_LIMIT: usize = 64 * 1024;

/// Says which part of a line some bytes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinePart {
    /// A line of at most [`LINE_LIMIT`] bytes.
    Whole,
    /// The first piece of a longer line.
    Start,
    /// A later piece, with more to come.
    Middle,
    /// The last piece of a longer line.
    End,
}

impl LinePart {
    /// Tells whether the line ends with this part.
    #[must_use]
    pub fn ends_line(self) -> bool {
        match self {
            Self::Whole | Self::End => true,
            Self::Start | Self::Middle => false,
        }
    }
}

/// Holds the bytes of a line whose end was not read yet, never more than [`LINE_LIMIT`].
#[derive(Debug, Default)]
pub(crate) struct LineSplitter {
    pending: Vec<u8>,
    is_split: bool,
}

impl LineSplitter {
    /// Takes the next bytes and passes on each part they complete, without its line end (`\n` or `\r\n`).
    pub(crate) fn feed(&mut self, mut bytes: &[u8], mut emit: impl FnMut(LinePart, &[u8])) {
        while !bytes.is_empty() {
            let line_end = bytes.iter().position(|byte| *byte == b'\n');
            let room = LINE_LIMIT - self.pending.len();
            match line_end {
                Some(length) if length <= room => {
                    self.pending.extend_from_slice(&bytes[..length]);
                    self.end_line(&mut emit);
                    bytes = &bytes[length + 1..];
                }
                Some(_) | None if bytes.len() > room => {
                    self.pending.extend_from_slice(&bytes[..room]);
                    self.split(&mut emit);
                    bytes = &bytes[room..];
                }
                Some(_) | None => {
                    self.pending.extend_from_slice(bytes);
                    return;
                }
            }
        }
    }

    /// Passes on what is left of a last line that was never ended.
    pub(crate) fn finish(&mut self, mut emit: impl FnMut(LinePart, &[u8])) {
        if !self.pending.is_empty() {
            self.end_line(&mut emit);
        }
    }

    fn end_line(&mut self, emit: &mut impl FnMut(LinePart, &[u8])) {
        let line = self.pending.strip_suffix(b"\r").unwrap_or(&self.pending);
        emit(if self.is_split { LinePart::End } else { LinePart::Whole }, line);
        self.pending.clear();
        self.is_split = false;
    }

    fn split(&mut self, emit: &mut impl FnMut(LinePart, &[u8])) {
        emit(
            if self.is_split {
                LinePart::Middle
            } else {
                LinePart::Start
            },
            &self.pending,
        );
        self.pending.clear();
        self.is_split = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parts_of(chunks: &[&[u8]]) -> Vec<(LinePart, Vec<u8>)> {
        let mut splitter = LineSplitter::default();
        let mut parts = Vec::new();
        for chunk in chunks {
            splitter.feed(chunk, |part, bytes| parts.push((part, bytes.to_vec())));
        }
        splitter.finish(|part, bytes| parts.push((part, bytes.to_vec())));
        parts
    }

    fn whole(lines: &[&str]) -> Vec<(LinePart, Vec<u8>)> {
        lines
            .iter()
            .map(|line| (LinePart::Whole, line.as_bytes().to_vec()))
            .collect()
    }

    #[test]
    fn line_ends() {
        let cases: [(&[&[u8]], &[&str]); 7] = [
            (&[b""], &[]),
            (&[b"a\nb\n"], &["a", "b"]),
            (&[b"a\r\n\r\n\n"], &["a", "", ""]),
            (&[b"a\r", b"\nb"], &["a", "b"]),
            (&[b"a\rb\n"], &["a\rb"]),
            (&[b"a", b"b", b"\n"], &["ab"]),
            (&[b"no end"], &["no end"]),
        ];
        for (chunks, expected) in cases {
            assert_eq!(parts_of(chunks), whole(expected), "{chunks:?}");
        }
    }

    #[test]
    fn a_line_is_split_only_beyond_the_limit() {
        use LinePart::{End, Middle, Start, Whole};
        let cases: [(usize, &[(LinePart, usize)]); 4] = [
            (LINE_LIMIT, &[(Whole, LINE_LIMIT)]),
            (LINE_LIMIT + 1, &[(Start, LINE_LIMIT), (End, 1)]),
            (2 * LINE_LIMIT, &[(Start, LINE_LIMIT), (End, LINE_LIMIT)]),
            (
                2 * LINE_LIMIT + 1,
                &[(Start, LINE_LIMIT), (Middle, LINE_LIMIT), (End, 1)],
            ),
        ];
        for (length, expected) in cases {
            for end in ["", "\n"] {
                let line = format!("{}{end}", "x".repeat(length));
                let parts: Vec<_> = parts_of(&[line.as_bytes()])
                    .iter()
                    .map(|(part, bytes)| (*part, bytes.len()))
                    .collect();
                assert_eq!(parts, expected, "{length} {end:?}");
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn no_byte_is_lost_however_it_arrives(
            lengths in prop::collection::vec(prop_oneof![0..9_usize, (LINE_LIMIT - 2)..(LINE_LIMIT + 3), Just(3 * LINE_LIMIT)], 0..5),
            cut in 1..200_000_usize,
        ) {
            let text: Vec<u8> = lengths.iter().flat_map(|length| "x".repeat(*length).into_bytes().into_iter().chain([b'\n'])).collect();
            let chunks: Vec<&[u8]> = text.chunks(cut).collect();
            let mut joined = Vec::new();
            for (part, bytes) in parts_of(&chunks) {
                prop_assert!(bytes.len() <= LINE_LIMIT);
                joined.extend_from_slice(&bytes);
                if part.ends_line() {
                    joined.push(b'\n');
                }
            }
            prop_assert_eq!(joined.len(), text.len());
            prop_assert!(joined == text);
        }
    }
}
