//! JSON as Go's `encoding/json` reads it, as the same events that YAML gives.
//!
//! Differs from YAML's view of JSON where it must: `\/` and surrogate pairs are escapes (a lone surrogate is U+FFFD),
//! tabs are blanks, a number beyond 64-bit floating point is an error and not a string.

use crate::error::{ErrorKind, Fault, excerpt};
use crate::event::{Event, Events, Located, Style};

/// Reads the value that begins at the first byte which is not blank, if there is one before the end; returns the range
/// of its bytes. Does not look at what strings contain beyond finding their end.
pub(crate) fn value_range(input: &[u8]) -> Result<Option<std::ops::Range<usize>>, Fault> {
    let mut scanner = Scanner::new(input);
    scanner.skip_blank();
    if scanner.at == input.len() {
        return Ok(None);
    }
    let start = scanner.at;
    while scanner.expect != Expect::End {
        scanner.token()?;
    }
    Ok(Some(start..scanner.at))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expect {
    Value,
    ValueOrEnd,
    KeyOrEnd,
    Key,
    CommaOrEnd,
    End,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Frame {
    Array,
    Object,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token {
    Open(Frame),
    Close(Frame),
    /// With the quotes.
    String,
    Number,
    Word,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Stream,
    Document,
    Content,
    Ended,
}

/// The events of one JSON value.
pub(crate) struct Scanner<'i> {
    text: &'i [u8],
    at: usize,
    expect: Expect,
    frames: Vec<Frame>,
    phase: Phase,
    scratch: String,
}

impl<'i> Scanner<'i> {
    /// Prepares to read the one value that `text` is.
    pub(crate) fn new(text: &'i [u8]) -> Self {
        Self {
            text,
            at: 0,
            expect: Expect::Value,
            frames: Vec::new(),
            phase: Phase::Stream,
            scratch: String::new(),
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn skip_blank(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    fn unexpected(&self, wanted: &str) -> Fault {
        let problem = match self.text.get(self.at..).and_then(|rest| rest.utf8_chunks().next()) {
            None => format!("unexpected end of JSON, {wanted} is missing"),
            Some(chunk) => {
                let found = chunk.valid().chars().next().unwrap_or(char::REPLACEMENT_CHARACTER);
                format!("found {found:?} in JSON where {wanted} is expected")
            }
        };
        Fault::syntax(problem, self.at)
    }

    /// Reads one token with the commas and colons before it; returns where it begins.
    fn token(&mut self) -> Result<(Token, usize), Fault> {
        self.skip_blank();
        if self.expect == Expect::CommaOrEnd && self.peek() == Some(b',') {
            self.at += 1;
            self.skip_blank();
            self.expect = if self.frames.last() == Some(&Frame::Object) {
                Expect::Key
            } else {
                Expect::Value
            };
        }
        let start = self.at;
        match (self.peek(), self.expect) {
            (Some(b'}'), Expect::KeyOrEnd | Expect::CommaOrEnd) if self.frames.last() == Some(&Frame::Object) => {
                Ok((self.close(Frame::Object), start))
            }
            (Some(b']'), Expect::ValueOrEnd | Expect::CommaOrEnd) if self.frames.last() == Some(&Frame::Array) => {
                Ok((self.close(Frame::Array), start))
            }
            (_, Expect::CommaOrEnd) => Err(self.unexpected("`,` or the end")),
            (_, Expect::End) => Err(self.unexpected("nothing")),
            (Some(b'"'), Expect::Key | Expect::KeyOrEnd) => {
                self.string()?;
                self.skip_blank();
                if self.peek() != Some(b':') {
                    return Err(self.unexpected("`:`"));
                }
                self.at += 1;
                self.expect = Expect::Value;
                Ok((Token::String, start))
            }
            (_, Expect::Key | Expect::KeyOrEnd) => Err(self.unexpected("a key in double quotes")),
            (_, Expect::Value | Expect::ValueOrEnd) => Ok((self.value()?, start)),
        }
    }

    fn close(&mut self, frame: Frame) -> Token {
        self.at += 1;
        self.frames.pop();
        self.value_done();
        Token::Close(frame)
    }

    fn value_done(&mut self) {
        self.expect = if self.frames.is_empty() {
            Expect::End
        } else {
            Expect::CommaOrEnd
        };
    }

    fn value(&mut self) -> Result<Token, Fault> {
        let token = match self.peek() {
            Some(b'{') => return Ok(self.open(Frame::Object, Expect::KeyOrEnd)),
            Some(b'[') => return Ok(self.open(Frame::Array, Expect::ValueOrEnd)),
            Some(b'"') => {
                self.string()?;
                Token::String
            }
            Some(b'-' | b'0'..=b'9') => {
                self.number()?;
                Token::Number
            }
            Some(b't') => self.word("true")?,
            Some(b'f') => self.word("false")?,
            Some(b'n') => self.word("null")?,
            _ => return Err(self.unexpected("a value")),
        };
        self.value_done();
        Ok(token)
    }

    fn open(&mut self, frame: Frame, expect: Expect) -> Token {
        self.at += 1;
        self.frames.push(frame);
        self.expect = expect;
        Token::Open(frame)
    }

    fn word(&mut self, word: &str) -> Result<Token, Fault> {
        for byte in word.bytes() {
            if self.peek() != Some(byte) {
                return Err(self.unexpected(&format!("`{word}`")));
            }
            self.at += 1;
        }
        Ok(Token::Word)
    }

    fn digits(&mut self) -> Result<(), Fault> {
        if !self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            return Err(self.unexpected("a digit"));
        }
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        Ok(())
    }

    fn number(&mut self) -> Result<(), Fault> {
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    fn string(&mut self) -> Result<(), Fault> {
        self.at += 1;
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(b'\\') => {
                    self.at += 1;
                    match self.peek() {
                        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 1,
                        Some(b'u') => {
                            self.at += 1;
                            for _ in 0..4 {
                                if !self.peek().is_some_and(|byte| byte.is_ascii_hexdigit()) {
                                    return Err(self.unexpected("a hexadecimal digit"));
                                }
                                self.at += 1;
                            }
                        }
                        _ => return Err(self.unexpected("an escape character")),
                    }
                }
                Some(0x20..) => self.at += 1,
                Some(_) | None => return Err(self.unexpected("the rest of the string")),
            }
        }
    }

    fn content(&mut self) -> Result<Located<'_>, Fault> {
        let is_key = matches!(self.expect, Expect::Key | Expect::KeyOrEnd)
            || self.expect == Expect::CommaOrEnd && self.frames.last() == Some(&Frame::Object);
        let (token, offset) = self.token()?;
        let event = match token {
            Token::Open(Frame::Object) => Event::MappingStart { anchor: None },
            Token::Open(Frame::Array) => Event::SequenceStart { anchor: None },
            Token::Close(Frame::Object) => Event::MappingEnd,
            Token::Close(Frame::Array) => Event::SequenceEnd,
            Token::Word => self.scalar(offset, Style::Plain)?,
            Token::Number => {
                let event = self.scalar(offset, Style::Plain)?;
                if let Event::Scalar { text, .. } = event
                    && !text.parse::<f64>().is_ok_and(f64::is_finite)
                {
                    return Err(Fault::new(ErrorKind::NotJson { text: excerpt(text) }, offset));
                }
                event
            }
            Token::String => self.quoted(offset, is_key)?,
        };
        Ok(Located { event, offset })
    }

    fn scalar(&self, start: usize, style: Style<'static>) -> Result<Event<'i>, Fault> {
        let text = self.utf8(start, self.at)?;
        Ok(Event::Scalar {
            text,
            style,
            anchor: None,
        })
    }

    fn utf8(&self, start: usize, end: usize) -> Result<&'i str, Fault> {
        let bytes = self.text.get(start..end).unwrap_or_default();
        std::str::from_utf8(bytes).map_err(|_| Fault::new(ErrorKind::InvalidUtf8, start))
    }

    fn quoted(&mut self, start: usize, is_key: bool) -> Result<Event<'_>, Fault> {
        let mut end = self.at;
        if is_key {
            // `token` has gone over the colon.
            while self.text.get(end - 1) != Some(&b'"') {
                end -= 1;
            }
        }
        let raw = self.utf8(start + 1, end - 1)?;
        let text = if raw.contains('\\') {
            self.scratch.clear();
            unescape(raw, &mut self.scratch);
            &self.scratch
        } else {
            raw
        };
        Ok(Event::Scalar {
            text,
            style: Style::Quoted,
            anchor: None,
        })
    }
}

impl Events for Scanner<'_> {
    fn next(&mut self) -> Result<Located<'_>, Fault> {
        let offset = self.at;
        let (event, phase) = match self.phase {
            Phase::Stream => (Event::StreamStart, Phase::Document),
            Phase::Document => (Event::DocumentStart, Phase::Content),
            Phase::Content if self.expect != Expect::End => return self.content(),
            Phase::Content => (Event::DocumentEnd, Phase::Ended),
            Phase::Ended => (Event::StreamEnd, Phase::Ended),
        };
        self.phase = phase;
        Ok(Located { event, offset })
    }
}

/// Appends what a string means; the scanner has checked its escapes.
fn unescape(raw: &str, out: &mut String) {
    let mut rest = raw;
    while let Some((plain, escape)) = rest.split_once('\\') {
        out.push_str(plain);
        let mut characters = escape.chars();
        match characters.next() {
            Some('b') => out.push('\u{8}'),
            Some('f') => out.push('\u{c}'),
            Some('n') => out.push('\n'),
            Some('r') => out.push('\r'),
            Some('t') => out.push('\t'),
            Some('u') => {
                let (character, length) = unicode(escape);
                out.push(character);
                rest = &escape[length..];
                continue;
            }
            Some(literal) => out.push(literal),
            None => {}
        }
        rest = characters.as_str();
    }
    out.push_str(rest);
}

/// Reads `uXXXX`, or `uXXXX\uXXXX` where the two are a surrogate pair; returns the length read.
fn unicode(escape: &str) -> (char, usize) {
    let unit = |at: usize| escape.get(at..at + 4).and_then(|hex| u32::from_str_radix(hex, 16).ok());
    let high = unit(1).unwrap_or(0xFFFD);
    if (0xD800..0xDC00).contains(&high)
        && escape.get(5..7) == Some("\\u")
        && let Some(low @ 0xDC00..0xE000) = unit(7)
    {
        let scalar = 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
        return (char::from_u32(scalar).unwrap_or(char::REPLACEMENT_CHARACTER), 11);
    }
    (char::from_u32(high).unwrap_or(char::REPLACEMENT_CHARACTER), 5)
}
