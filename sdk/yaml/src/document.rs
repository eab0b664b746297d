//! One document, and how its text becomes one.

use std::borrow::Cow;

use memchr::memmem;
use serde_json::Value;

use crate::Limits;
use crate::compose::{Composed, compose};
use crate::error::{Error, ErrorKind, Fault, FaultKind, Warning, WarningKind};
use crate::json::Scanner;
use crate::libyaml::Parser;
use crate::quirk::Patched;
use crate::search::{PointerSearch, Search};
use crate::text::{Position, Syntax, Text};
use crate::token::Aliases;

/// A document and where it stands; borrows the text, so that places in it can be found later.
#[derive(Debug, Clone)]
pub struct Document<'i> {
    /// The 0-based index among the documents of the stream; empty documents and `null` do not count, broken ones do.
    pub index: usize,
    /// The 1-based line of the first content, in the whole input.
    pub line: u32,
    /// The 1-based column of the first content, in characters.
    pub column: u32,
    /// The content; `null` only where a warning says that more was ignored.
    pub value: Value,
    /// What a reader should know about an accepted document; mostly empty.
    pub warnings: Vec<Warning>,
    text: Text<'i>,
    limits: Limits,
}

/// The places of a value and of its key, in the whole input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// Where the key begins; none for the root and for items of sequences.
    pub key: Option<Position>,
    /// Where the value begins; for an alias, where the alias stands.
    pub value: Position,
}

impl Document<'_> {
    /// Finds a value by its JSON pointer (RFC 6901) by reading the text again; `None` if there is no such value.
    #[must_use]
    pub fn locate(&self, pointer: &str) -> Option<Mark> {
        let mut search = Search::Pointer(PointerSearch::new(pointer)?);
        // The text has been composed before; where it ends with an error the place is not found.
        compose_text(&self.text, &self.limits, &mut search).ok()?;
        let Search::Pointer(PointerSearch { found: Some(place), .. }) = search else {
            return None;
        };
        Some(Mark {
            key: place.key.map(|at| self.text.position(at)),
            value: self.text.position(place.value),
        })
    }
}

/// Reads one document's text; `None` if it has no content.
pub(crate) fn read<'i>(mut text: Text<'i>, index: usize, limits: &Limits) -> Result<Option<Document<'i>>, Error> {
    strip_byte_order_mark(&mut text);
    let composed = match compose_text(&text, limits, &mut Search::None) {
        Ok(composed) => composed,
        Err(fault) => return Err(locate_fault(fault, &text, index, limits)),
    };
    let Some(Composed { value, start, ignored }) = composed else {
        return Ok(None);
    };
    if value.is_null() && ignored.is_none() {
        return Ok(None);
    }
    let Position { line, column } = text.position(start);
    let warning = ignored.map(|offset| text.position(offset));
    let warnings = warning.map(|Position { line, column }| Warning {
        kind: WarningKind::ContentAfterEnd,
        line,
        column,
    });
    Ok(Some(Document {
        index,
        line,
        column,
        value,
        warnings: warnings.into_iter().collect(),
        text,
        limits: *limits,
    }))
}

/// The byte order mark.
const MARK: &[u8] = "\u{feff}".as_bytes();

/// Go's reader of YAML takes one mark off the beginning; JSON has none here, it would not have been taken for JSON.
fn strip_byte_order_mark(text: &mut Text<'_>) {
    if text.bytes.starts_with(MARK) {
        text.bytes = match std::mem::take(&mut text.bytes) {
            Cow::Borrowed(bytes) => Cow::Borrowed(&bytes[MARK.len()..]),
            Cow::Owned(mut bytes) => Cow::Owned(bytes.split_off(MARK.len())),
        };
    }
}

fn compose_text(text: &Text<'_>, limits: &Limits, search: &mut Search) -> Result<Option<Composed>, Fault> {
    let bytes: &[u8] = &text.bytes;
    if let Err(error) = std::str::from_utf8(bytes) {
        return Err(Fault::new(ErrorKind::InvalidUtf8, error.valid_up_to()));
    }
    if let Some(offset) = memchr::memchr(0, bytes) {
        return Err(Fault::new(ErrorKind::Nul, offset));
    }
    match text.syntax {
        Syntax::Json => compose(Scanner::new(bytes), Aliases::Absent, limits, search),
        Syntax::Yaml => compose_yaml(bytes, limits, search),
    }
}

fn compose_yaml(bytes: &[u8], limits: &Limits, search: &mut Search) -> Result<Option<Composed>, Fault> {
    if let Some(offset) = mark_at_line_start(bytes) {
        return Err(Fault::syntax(
            "found a byte order mark at the beginning of a line",
            offset,
        ));
    }
    let aliases = if bytes.contains(&b'*') {
        Aliases::Possible
    } else {
        Aliases::Absent
    };
    let mut text = Patched::new(bytes);
    loop {
        match compose(Parser::new(&text.bytes, text.apostrophe), aliases, limits, search) {
            Err(fault) if text.patch(&fault) => {}
            composed => return composed,
        }
    }
}

/// Finds a byte order mark behind a line break, which libyaml skips without a word or trips over, and which go-yaml
/// takes into the key behind it: two files in one, at best.
fn mark_at_line_start(bytes: &[u8]) -> Option<usize> {
    const BREAKS: [&[u8]; 5] = [
        b"\n",
        b"\r",
        "\u{85}".as_bytes(),
        "\u{2028}".as_bytes(),
        "\u{2029}".as_bytes(),
    ];
    memmem::find_iter(bytes, MARK).find(|at| *at == 0 || BREAKS.iter().any(|end| bytes[..*at].ends_with(end)))
}

/// Turns a fault into an error; for a key set twice, reads again to find the first.
fn locate_fault(fault: Fault, text: &Text<'_>, document: usize, limits: &Limits) -> Error {
    let Position { line, column } = text.position(fault.offset);
    let kind = match fault.kind {
        FaultKind::Error(kind) => kind,
        FaultKind::KeyTwice { mapping, key, merged } => {
            let mut search = Search::Key {
                mapping,
                key: key.clone(),
                found: None,
            };
            let again = compose_text(text, limits, &mut search);
            debug_assert!(again.is_err(), "the same text ends with the same fault");
            match search {
                Search::Key { found: Some(found), .. } => {
                    let first = text.position(found.offset);
                    if merged || found.merged {
                        ErrorKind::MergeOverride { key, first }
                    } else {
                        ErrorKind::DuplicateKey { key, first }
                    }
                }
                Search::Key { found: None, .. } | Search::None | Search::Pointer(_) => ErrorKind::DuplicateKey {
                    key,
                    first: Position { line, column },
                },
            }
        }
    };
    Error {
        kind,
        line,
        column,
        document,
    }
}
