//! A stream of documents: `YAMLOrJSONDecoder` of k8s.io/apimachinery's `util/yaml`, which stays with JSON as long as a
//! stream that begins with `{` is JSON, and otherwise splits by lines.
//!
//! Unlike the decoder's callers it goes on after a broken document of YAML, so that one does not hide the others.

use std::borrow::Cow;

use crate::document::{Document, read};
use crate::error::{Error, ErrorKind, Fault, FaultKind};
use crate::json::value_range;
use crate::split::{Chunk, Splitter};
use crate::text::{Position, Syntax, Text, advance};
use crate::{Limits, Warning};

/// How many bytes are looked at for the `{` of JSON: what kubectl gives the decoder.
const LOOK_AHEAD: usize = 4096;
/// The documents of JSON after which what follows cannot be YAML.
const JSON_CERTAIN: usize = 2;
/// The bytes that must follow JSON for the decoder to look for YAML there.
const SWITCH_BYTES: usize = 4;

const START: Position = Position { line: 1, column: 1 };

/// The documents of one input, in order.
pub struct Documents<'i> {
    mode: Mode<'i>,
    limits: Limits,
    index: usize,
    /// The documents so far, empty ones included.
    seen: usize,
}

enum Mode<'i> {
    /// Broken before it began.
    Refused(ErrorKind),
    Json {
        rest: &'i [u8],
        at: Position,
        count: usize,
    },
    Yaml {
        splitter: Splitter<'i>,
        /// Why the text is not JSON, if it looked like it.
        json_error: Option<Error>,
    },
    Done,
}

impl<'i> Documents<'i> {
    pub(crate) fn new(input: &'i [u8], limits: &Limits) -> Self {
        let mode = if input.len() > limits.bytes {
            Mode::Refused(ErrorKind::TooLarge { limit: limits.bytes })
        } else if begins_with_brace(input) {
            Mode::Json {
                rest: input,
                at: START,
                count: 0,
            }
        } else {
            Mode::Yaml {
                splitter: Splitter::new(input, START),
                json_error: None,
            }
        };
        Self {
            mode,
            limits: *limits,
            index: 0,
            seen: 0,
        }
    }

    fn error(&self, kind: ErrorKind, at: Position) -> Error {
        Error {
            kind,
            line: at.line,
            column: at.column,
            document: self.index,
        }
    }

    /// Counts a document; fails at the limit.
    fn admit(&mut self, at: Position) -> Result<(), Error> {
        if self.seen == self.limits.documents {
            self.mode = Mode::Done;
            return Err(self.error(
                ErrorKind::TooManyDocuments {
                    limit: self.limits.documents,
                },
                at,
            ));
        }
        self.seen += 1;
        Ok(())
    }

    /// Reads the next value of JSON; `None` where there is none and `self.mode` says how to go on.
    fn json(&mut self, rest: &'i [u8], at: Position, count: usize) -> Result<Option<Document<'i>>, Error> {
        self.mode = Mode::Done;
        match value_range(rest) {
            Ok(None) => Ok(None),
            Ok(Some(range)) => {
                let origin = advance(at, &rest[..range.start]);
                self.admit(origin)?;
                let (value, tail) = rest.split_at(range.end);
                self.mode = Mode::Json {
                    rest: tail,
                    at: advance(at, value),
                    count: count + 1,
                };
                self.read(Text {
                    bytes: Cow::Borrowed(&value[range.start..]),
                    origin,
                    syntax: Syntax::Json,
                })
            }
            Err(fault) => {
                let error = self.json_fault(fault, rest, at);
                let splitter = (count < JSON_CERTAIN).then(|| behind_json(rest, at)).flatten();
                let Some(splitter) = splitter else { return Err(error) };
                self.mode = Mode::Yaml {
                    splitter,
                    json_error: Some(error),
                };
                Ok(None)
            }
        }
    }

    fn json_fault(&self, fault: Fault, rest: &[u8], at: Position) -> Error {
        let at = advance(at, &rest[..fault.offset.min(rest.len())]);
        match fault.kind {
            FaultKind::Error(kind) => self.error(kind, at),
            FaultKind::KeyTwice { key, .. } => self.error(ErrorKind::DuplicateKey { key, first: at }, at),
        }
    }

    fn chunk(&mut self, chunk: Chunk<'i>) -> Result<Option<Document<'i>>, Error> {
        match chunk {
            Chunk::BadSeparator { text, at } => {
                self.admit(at)?;
                let error = self.error(ErrorKind::Separator { text }, at);
                self.index += 1;
                Err(error)
            }
            Chunk::Text(text) => {
                self.admit(text.origin)?;
                if is_blank(&text.bytes) {
                    Ok(None)
                } else {
                    self.read(text)
                }
            }
        }
    }

    fn read(&mut self, text: Text<'i>) -> Result<Option<Document<'i>>, Error> {
        let read = read(text, self.index, &self.limits);
        if !matches!(read, Ok(None)) {
            self.index += 1;
        }
        read
    }

    /// Reads the next text of YAML; `None` if it is empty.
    fn yaml(&mut self, chunk: Chunk<'i>, json_error: Option<Error>) -> Result<Option<Document<'i>>, Error> {
        self.chunk(chunk).map_err(|error| match (&error.kind, json_error) {
            // What looks like JSON and is neither is wanted as JSON.
            (ErrorKind::Syntax { .. }, Some(json_error)) => json_error,
            _ => error,
        })
    }
}

impl<'i> Iterator for Documents<'i> {
    type Item = Result<Document<'i>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let read = match &mut self.mode {
                Mode::Done => return None,
                Mode::Refused(kind) => {
                    let kind = kind.clone();
                    self.mode = Mode::Done;
                    Err(self.error(kind, START))
                }
                Mode::Json { rest, at, count } => {
                    let (rest, at, count) = (*rest, *at, *count);
                    self.json(rest, at, count)
                }
                Mode::Yaml { splitter, json_error } => {
                    let chunk = splitter.next()?;
                    let json_error = json_error.take();
                    self.yaml(chunk, json_error)
                }
            };
            if let Some(read) = read.transpose() {
                return Some(read);
            }
        }
    }
}

/// Returns the one document of `input`.
pub(crate) fn single<'i>(input: &'i [u8], limits: &Limits) -> Result<Document<'i>, Error> {
    let mut documents = Documents::new(input, limits);
    let none = documents.error(ErrorKind::NoDocument, START);
    let document = documents.next().ok_or(none)??;
    let more = match documents.next() {
        None => document
            .warnings
            .first()
            .map(|Warning { line, column, .. }| (*line, *column)),
        Some(Ok(second)) => Some((second.line, second.column)),
        Some(Err(error)) => Some((error.line, error.column)),
    };
    match more {
        None => Ok(document),
        Some((line, column)) => Err(Error {
            kind: ErrorKind::MoreThanOne,
            line,
            column,
            document: document.index + 1,
        }),
    }
}

fn begins_with_brace(input: &[u8]) -> bool {
    let start = &input[..input.len().min(LOOK_AHEAD)];
    // Most begin with a letter or a comment, and nothing behind it has to be looked at.
    if let Some(first) = start.iter().find(|byte| !byte.is_ascii_whitespace())
        && (b'!'..=b'~').contains(first)
    {
        return *first == b'{';
    }
    let text = start.utf8_chunks().next().map_or("", |chunk| chunk.valid());
    text.trim_start().starts_with('{')
}

/// Returns a splitter of what follows JSON, up to and without the first line feed if only blanks are before it; `None`
/// where the decoder gives up: fewer than four bytes are left while it looks.
fn behind_json(rest: &[u8], at: Position) -> Option<Splitter<'_>> {
    let mut skipped = 0;
    loop {
        let ahead = rest.get(skipped..skipped + SWITCH_BYTES)?;
        let character = ahead
            .utf8_chunks()
            .next()
            .and_then(|chunk| chunk.valid().chars().next())?;
        if character.is_whitespace() {
            skipped += character.len_utf8();
        }
        if character == '\n' || !character.is_whitespace() {
            let (blank, rest) = rest.split_at(skipped);
            return Some(Splitter::new(rest, advance(at, blank)));
        }
    }
}

/// Returns whether a text has only comments and empty lines, so that no parser is needed to skip it: the separators of
/// a million empty documents cost next to nothing.
fn is_blank(text: &[u8]) -> bool {
    let mut lines = text.split(|byte| *byte == b'\n');
    lines.all(|line| {
        let line = line
            .strip_prefix(b"---")
            .filter(|rest| matches!(rest, [] | [b' ', ..]))
            .unwrap_or(line);
        let mut bytes = line.iter().skip_while(|byte| **byte == b' ');
        bytes
            .next()
            .is_none_or(|first| *first == b'#' && bytes.all(|byte| matches!(byte, b' '..=b'~')))
    })
}
