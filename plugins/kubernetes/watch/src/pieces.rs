//! The objects of a list, cut out of it as its bytes arrive.
//!
//! Looks only at quotes and brackets; whether an object is JSON is seen by whoever reads it, and whether the list was is seen
//! when what remains of it without its objects is read at the end. Holds one object, and that remainder, within limits.

use serde::Deserialize;
use thiserror::Error;

/// The most bytes of a list beside its objects.
const ENVELOPE_BYTES: usize = 1 << 20;
/// The deepest nesting that is followed.
const DEPTH: u32 = 1_000;

/// Why a list cannot be read.
#[derive(Debug, Error)]
pub enum PiecesError {
    /// An object is larger than the limit.
    #[error("an object has more than {limit} bytes")]
    Object {
        /// The limit in bytes.
        limit: usize,
    },
    /// What is beside the objects is larger than it can be.
    #[error("the list has more than {ENVELOPE_BYTES} bytes beside its objects")]
    Envelope,
    /// It is nested deeper than anything that is meant.
    #[error("the list is nested deeper than {DEPTH} levels")]
    Depth,
    /// Something among the objects is none.
    #[error("the list holds something that is no object")]
    Scalar,
    /// It ended before its last bracket, or goes on behind it.
    #[error("the list was cut off")]
    Cut,
    /// It is not a list.
    #[error("the answer is not a list: {0}")]
    Shape(#[source] serde_json::Error),
}

/// A list without its objects.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Envelope {
    /// What it says of itself.
    pub metadata: Metadata,
    /// What is left of its objects. Something else that says a resource version is no list without objects.
    #[serde(rename = "items")]
    _objects: serde_json::Value,
}

/// What a list says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Metadata {
    /// As of which resource version it holds.
    pub resource_version: String,
    /// How to ask for the next page; empty on the last.
    #[serde(rename = "continue")]
    pub after: String,
    /// How many objects follow on further pages, where the server knows.
    pub remaining_item_count: Option<u64>,
}

/// Where in the list the next byte is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Beside the objects.
    Beside,
    /// Among the objects, in none.
    Between,
    /// In an object that began at this depth.
    Within(u32),
}

/// Cuts one list into its objects.
#[derive(Debug)]
pub struct Pieces {
    limit: usize,
    place: Place,
    depth: u32,
    in_text: bool,
    escaped: bool,
    object: Vec<u8>,
    envelope: Vec<u8>,
    /// Where in the envelope the last text at the list's own level began and ended: the key, once its value begins.
    text: (usize, usize),
    done: bool,
}

impl Pieces {
    /// Makes one for a list of objects of at most `limit` bytes each.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            place: Place::Beside,
            depth: 0,
            in_text: false,
            escaped: false,
            object: Vec::new(),
            envelope: Vec::new(),
            text: (0, 0),
            done: false,
        }
    }

    /// Takes bytes off `input` up to the end of an object and returns that; none when it is used up.
    ///
    /// # Errors
    /// Refuses what is beyond a limit; nothing can be read behind it.
    pub fn next(&mut self, input: &mut &[u8]) -> Result<Option<Vec<u8>>, PiecesError> {
        while let Some((&byte, rest)) = input.split_first() {
            if self.in_text && !self.escaped && self.skim(input)? {
                continue;
            }
            *input = rest;
            if self.take(byte)? {
                return Ok(Some(std::mem::take(&mut self.object)));
            }
        }
        Ok(None)
    }

    /// Returns what the list said beside its objects, once all of it has come.
    ///
    /// # Errors
    /// Refuses what is not a whole list.
    pub fn finish(self) -> Result<Envelope, PiecesError> {
        if !self.done {
            return Err(PiecesError::Cut);
        }
        serde_json::from_slice(&self.envelope).map_err(PiecesError::Shape)
    }

    /// Takes as much of a text as has nothing to look at; says whether that was anything.
    fn skim(&mut self, input: &mut &[u8]) -> Result<bool, PiecesError> {
        let end = memchr::memchr2(b'"', b'\\', input).unwrap_or(input.len());
        let (plain, rest) = input.split_at(end);
        *input = rest;
        self.keep(plain)?;
        Ok(!plain.is_empty())
    }

    /// Takes one byte; says whether it ended an object.
    fn take(&mut self, byte: u8) -> Result<bool, PiecesError> {
        if self.done {
            return if byte.is_ascii_whitespace() {
                Ok(false)
            } else {
                Err(PiecesError::Cut)
            };
        }
        if self.in_text {
            self.keep(&[byte])?;
            self.in_text = self.escaped || byte != b'"';
            self.escaped = !self.escaped && byte == b'\\';
            if !self.in_text && self.depth == 1 {
                self.text.1 = self.envelope.len();
            }
            return Ok(false);
        }
        match byte {
            b'{' | b'[' => self.open(byte)?,
            b'}' | b']' => return self.close(byte),
            b',' | b' ' | b'\n' | b'\r' | b'\t' if self.place == Place::Between => return Ok(false),
            _ if self.place == Place::Between => return Err(PiecesError::Scalar),
            b'"' => self.begin_text(),
            _ => {}
        }
        self.keep(&[byte])?;
        Ok(false)
    }

    fn begin_text(&mut self) {
        self.in_text = true;
        if self.depth == 1 {
            self.text = (self.envelope.len(), self.envelope.len());
        }
    }

    fn open(&mut self, byte: u8) -> Result<(), PiecesError> {
        self.depth += 1;
        if self.depth > DEPTH {
            return Err(PiecesError::Depth);
        }
        if self.place == Place::Between {
            self.place = Place::Within(self.depth);
        } else if self.place == Place::Beside && self.depth == 2 && byte == b'[' && self.is_items() {
            self.place = Place::Between;
        }
        Ok(())
    }

    fn close(&mut self, byte: u8) -> Result<bool, PiecesError> {
        let depth = self.depth;
        self.depth = self.depth.checked_sub(1).ok_or(PiecesError::Cut)?;
        match self.place {
            Place::Within(began) => {
                self.keep(&[byte])?;
                if depth == began {
                    self.place = Place::Between;
                    return Ok(true);
                }
            }
            Place::Between => {
                self.place = Place::Beside;
                self.keep(&[byte])?;
            }
            Place::Beside => {
                self.keep(&[byte])?;
                self.done = self.depth == 0;
            }
        }
        Ok(false)
    }

    /// Whether the value that begins is that of `items`.
    fn is_items(&self) -> bool {
        let (from, to) = self.text;
        self.envelope.get(from..to) == Some(b"\"items\"")
    }

    fn keep(&mut self, bytes: &[u8]) -> Result<(), PiecesError> {
        match self.place {
            Place::Within(_) if self.object.len() + bytes.len() > self.limit => {
                Err(PiecesError::Object { limit: self.limit })
            }
            Place::Within(_) => {
                self.object.extend_from_slice(bytes);
                Ok(())
            }
            Place::Beside | Place::Between if self.envelope.len() + bytes.len() > ENVELOPE_BYTES => {
                Err(PiecesError::Envelope)
            }
            Place::Beside | Place::Between => {
                self.envelope.extend_from_slice(bytes);
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests;
