//! Extended headers of tar: what they say of the next entry.
//!
//! They are read here, not by the library: their records are divided by their lengths and not at newlines, which values may
//! hold; and whatever says the same thing twice is refused, because readers disagree about which counts.

use std::io;

use crate::fault::ArchiveError;

/// What extended headers say of the next entry.
#[derive(Debug, Default)]
pub(crate) struct Extension {
    records: Option<Records>,
    long_path: Option<Vec<u8>>,
    long_link: Option<Vec<u8>>,
}

/// What the records of a header of PAX say.
#[derive(Debug, Default)]
struct Records {
    path: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    size: Option<u64>,
}

/// What an entry has instead of what its header says.
#[derive(Debug)]
pub(crate) struct Instead {
    pub(crate) path: Option<Vec<u8>>,
    pub(crate) link: Option<Vec<u8>>,
}

impl Extension {
    /// Adds a header of PAX.
    pub(crate) fn add_records(&mut self, bytes: &[u8]) -> Result<(), ArchiveError> {
        put(&mut self.records, Records::read(bytes)?)
    }

    /// Adds GNU's header of a long path.
    pub(crate) fn add_long_path(&mut self, bytes: Vec<u8>) -> Result<(), ArchiveError> {
        put(&mut self.long_path, name(bytes))
    }

    /// Adds GNU's header of a long target of a link.
    pub(crate) fn add_long_link(&mut self, bytes: Vec<u8>) -> Result<(), ArchiveError> {
        put(&mut self.long_link, name(bytes))
    }

    /// Fails where no entry follows that the headers could be about.
    pub(crate) fn expect_none(&self) -> Result<(), ArchiveError> {
        if self.records.is_some() || self.long_path.is_some() || self.long_link.is_some() {
            return Err(ArchiveError::Contradiction("an extended header is of no entry"));
        }
        Ok(())
    }

    /// Ends with the entry, whose header has this size. Another would let readers disagree about where the next entry begins
    /// (RUSTSEC-2025-0110).
    pub(crate) fn end(self, size: u64) -> Result<Instead, ArchiveError> {
        let records = self.records.unwrap_or_default();
        if records.size.is_some_and(|other| other != size) {
            return Err(ArchiveError::Contradiction(
                "an extended header gives an entry another size than its header",
            ));
        }
        Ok(Instead {
            path: one_of(self.long_path, records.path)?,
            link: one_of(self.long_link, records.link)?,
        })
    }
}

impl Records {
    fn read(mut bytes: &[u8]) -> Result<Self, ArchiveError> {
        let mut found = Self::default();
        while let Some((key, value)) = record(&mut bytes)? {
            match key {
                b"path" => put(&mut found.path, text(value)?)?,
                b"linkpath" => put(&mut found.link, text(value)?)?,
                b"size" => put(&mut found.size, size(value)?)?,
                key => is_not_sparse(key)?,
            }
        }
        Ok(found)
    }
}

/// Checks a header that is about all entries that follow.
pub(crate) fn check_global(mut bytes: &[u8]) -> Result<(), ArchiveError> {
    while let Some((key, _)) = record(&mut bytes)? {
        if matches!(key, b"path" | b"linkpath" | b"size") {
            return Err(ArchiveError::Contradiction(
                "a global header gives all entries one path, link or size",
            ));
        }
        is_not_sparse(key)?;
    }
    Ok(())
}

fn is_not_sparse(key: &[u8]) -> Result<(), ArchiveError> {
    if key.starts_with(b"GNU.sparse.") {
        return Err(ArchiveError::Unsupported("a sparse file".to_owned()));
    }
    Ok(())
}

/// A key and its value.
type Record<'b> = (&'b [u8], &'b [u8]);

/// Takes the first record off: its length in digits, a space, key, `=`, value, and a newline, which is its last byte.
fn record<'b>(bytes: &mut &'b [u8]) -> Result<Option<Record<'b>>, ArchiveError> {
    if bytes.is_empty() {
        return Ok(None);
    }
    let broken = || {
        ArchiveError::Damaged(io::Error::new(
            io::ErrorKind::InvalidData,
            "a record of an extended header is broken",
        ))
    };
    let space = bytes.iter().position(|byte| *byte == b' ').ok_or_else(broken)?;
    let length = number(&bytes[..space]).and_then(|length| usize::try_from(length).ok());
    let (whole, rest) = length
        .and_then(|length| bytes.split_at_checked(length))
        .ok_or_else(broken)?;
    let body = whole
        .get(space + 1..)
        .and_then(|body| body.strip_suffix(b"\n"))
        .ok_or_else(broken)?;
    let equals = body.iter().position(|byte| *byte == b'=').ok_or_else(broken)?;
    if equals == 0 {
        return Err(broken());
    }
    *bytes = rest;
    Ok(Some((&body[..equals], &body[equals + 1..])))
}

/// Reads digits, of which there is at least one.
fn number(bytes: &[u8]) -> Option<u64> {
    let digits = str::from_utf8(bytes).ok()?;
    digits
        .bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| digits.parse().ok())
        .flatten()
}

fn size(value: &[u8]) -> Result<u64, ArchiveError> {
    number(value).ok_or(ArchiveError::Contradiction(
        "an extended header has a size that is no number",
    ))
}

/// Checks a path or target: readers disagree about one that is empty, or goes on behind a NUL.
fn text(value: &[u8]) -> Result<Vec<u8>, ArchiveError> {
    if value.is_empty() || value.contains(&0) {
        return Err(ArchiveError::Contradiction(
            "an extended header has a path or link that is empty or holds a NUL",
        ));
    }
    Ok(value.to_vec())
}

/// Returns a name up to its NUL.
fn name(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.truncate(bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len()));
    bytes
}

fn put<T>(place: &mut Option<T>, value: T) -> Result<(), ArchiveError> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(TWICE),
    }
}

fn one_of<T>(one: Option<T>, other: Option<T>) -> Result<Option<T>, ArchiveError> {
    match (one, other) {
        (Some(_), Some(_)) => Err(TWICE),
        (one, other) => Ok(one.or(other)),
    }
}

const TWICE: ArchiveError = ArchiveError::Contradiction("extended headers say the same of an entry twice");
