//! Paths of entries.

use std::fmt;

use crate::fault::{ArchiveError, PathFault};
use crate::limits::Limit;

/// The longest path, and the longest part of one, in bytes: what file systems take.
const PATH_BYTES: usize = 4096;
const PART_BYTES: usize = 255;

/// A path below the root of an archive: parts joined by `/`, none of them empty, `.` or `..`; no control characters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryPath(String);

impl EntryPath {
    /// Reads a path; `None` for the root itself.
    pub(crate) fn parse(bytes: &[u8], depth: usize) -> Result<Option<Self>, ArchiveError> {
        let refuse = |fault| {
            Err(ArchiveError::Path(
                fault,
                String::from_utf8_lossy(bytes).chars().take(PART_BYTES).collect(),
            ))
        };
        if bytes.len() > PATH_BYTES {
            return refuse(PathFault::TooLong);
        }
        let Ok(text) = str::from_utf8(bytes) else {
            return refuse(PathFault::Characters);
        };
        let is_drive = text.as_bytes().get(1) == Some(&b':') && text.as_bytes()[0].is_ascii_alphabetic();
        if text.starts_with(['/', '\\']) || is_drive {
            return refuse(PathFault::Absolute);
        }
        if text.split(['/', '\\']).any(|part| part == "..") {
            return refuse(PathFault::Outside);
        }
        if text.contains(|char: char| char == '\\' || char.is_control()) {
            return refuse(PathFault::Characters);
        }
        let parts: Vec<&str> = text.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
        if parts.len() > depth {
            return Err(ArchiveError::Limit(Limit::Depth(depth)));
        }
        if parts.iter().any(|part| part.len() > PART_BYTES) {
            return refuse(PathFault::TooLong);
        }
        Ok((!parts.is_empty()).then(|| Self(parts.join("/"))))
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the directories that this path lies in, the nearest first, without the root.
    pub(crate) fn ancestors(&self) -> impl Iterator<Item = &str> {
        self.0.rmatch_indices('/').map(|(at, _)| &self.0[..at])
    }
}

impl fmt::Display for EntryPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
