//! The text of one document and the places in it.

use std::borrow::Cow;

/// A place in the whole input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// The 1-based line; lines end with a line feed.
    pub line: u32,
    /// The 1-based column, in characters.
    pub column: u32,
}

/// How a document is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Syntax {
    Yaml,
    Json,
}

/// One document's text, as Kubernetes' reader hands it to the parser, and where it begins.
#[derive(Debug, Clone)]
pub(crate) struct Text<'i> {
    pub(crate) bytes: Cow<'i, [u8]>,
    pub(crate) origin: Position,
    pub(crate) syntax: Syntax,
}

impl Text<'_> {
    /// Returns the place of the byte at `offset`; beyond the last line is its end, which exists in the input.
    pub(crate) fn position(&self, offset: usize) -> Position {
        let content = self.bytes.strip_suffix(b"\n").unwrap_or(&self.bytes);
        advance(self.origin, &content[..offset.min(content.len())])
    }
}

/// Returns the place behind `bytes` that begin at `from`.
pub(crate) fn advance(from: Position, bytes: &[u8]) -> Position {
    let characters = |bytes: &[u8]| count(bytes.iter().filter(|byte| **byte & 0xC0 != 0x80).count());
    match memchr::memrchr(b'\n', bytes) {
        Some(last) => Position {
            line: from
                .line
                .saturating_add(count(memchr::memchr_iter(b'\n', bytes).count())),
            column: characters(&bytes[last + 1..]).saturating_add(1),
        },
        None => Position {
            line: from.line,
            column: from.column.saturating_add(characters(bytes)),
        },
    }
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
