//! How Kubernetes splits a stream of YAML: `YAMLReader` of k8s.io/apimachinery's `util/yaml`, line by line.
//!
//! It knows no YAML: a line that begins with `---` ends a document wherever it stands.

use std::borrow::Cow;

use crate::error::excerpt;
use crate::text::{Position, Syntax, Text, advance};

const SEPARATOR: &[u8] = b"---";

/// Splits a stream into the texts of its documents, empty ones included.
pub(crate) struct Splitter<'i> {
    rest: &'i [u8],
    at: Position,
}

/// What the splitter finds next.
pub(crate) enum Chunk<'i> {
    Text(Text<'i>),
    /// A separator that goes on with content; the document before it, back to the last separator, is lost.
    BadSeparator {
        text: String,
        at: Position,
    },
}

impl<'i> Splitter<'i> {
    pub(crate) fn new(input: &'i [u8], at: Position) -> Self {
        Self { rest: input, at }
    }

    fn line(&self, from: usize) -> &'i [u8] {
        let rest = &self.rest[from..];
        memchr::memchr(b'\n', rest).map_or(rest, |end| &rest[..=end])
    }

    fn consume(&mut self, length: usize) -> &'i [u8] {
        let (chunk, rest) = self.rest.split_at(length);
        self.rest = rest;
        self.at = advance(self.at, chunk);
        chunk
    }
}

impl<'i> Iterator for Splitter<'i> {
    type Item = Chunk<'i>;

    fn next(&mut self) -> Option<Chunk<'i>> {
        let origin = self.at;
        let mut length = 0;
        while length < self.rest.len() {
            let line = self.line(length);
            if let Some(behind) = line.strip_prefix(SEPARATOR) {
                let behind = String::from_utf8_lossy(behind);
                let behind = behind.trim();
                if !behind.is_empty() && !behind.starts_with('#') {
                    self.consume(length);
                    let at = self.at;
                    self.consume(line.len());
                    return Some(Chunk::BadSeparator {
                        text: excerpt(behind),
                        at,
                    });
                }
                // A separator at the beginning belongs to the document; a later one to none.
                if length > 0 {
                    let chunk = self.consume(length);
                    self.consume(line.len());
                    return Some(Chunk::Text(text(chunk, origin)));
                }
            }
            length += line.len();
        }
        (length > 0).then(|| Chunk::Text(text(self.consume(length), origin)))
    }
}

/// Ends lines as the reader does: one carriage return goes with its line feed, and the last line gets a line feed.
fn text(chunk: &[u8], origin: Position) -> Text<'_> {
    let is_doubled = memchr::memchr(b'\r', chunk).is_some() && chunk.windows(3).any(|window| window == b"\r\r\n");
    let bytes = if is_doubled || !chunk.ends_with(b"\n") {
        let mut bytes = Vec::with_capacity(chunk.len() + 1);
        for line in chunk.split_inclusive(|byte| *byte == b'\n') {
            let content = line.strip_suffix(b"\n");
            bytes.extend(content.map_or(line, |content| content.strip_suffix(b"\r").unwrap_or(content)));
            bytes.push(b'\n');
        }
        Cow::Owned(bytes)
    } else {
        Cow::Borrowed(chunk)
    };
    Text {
        bytes,
        origin,
        syntax: Syntax::Yaml,
    }
}
