//! The part of what is fetched that is wanted.

use std::fmt;

use crate::escape;
use crate::fault::{AddressError, Part, Rule, Text};
use crate::glob::Glob;

/// A path below the root of what is fetched: parts joined by `/`, none of them empty, `.` or `..`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subdir {
    /// This one.
    Path(String),
    /// The one that matches.
    Glob(Glob),
}

/// Not exactly one path matches.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Choice {
    /// None does.
    #[error("the sub-directory `{0}` does not exist")]
    None(String),
    /// Several do.
    #[error("the sub-directory `{pattern}` is ambiguous: `{first}` and `{second}` match")]
    Several {
        /// As written.
        pattern: String,
        /// The first that matches.
        first: String,
        /// The second.
        second: String,
    },
}

impl Subdir {
    /// Reads what stands behind `//`, which `below` comes before; `None` for the root.
    pub(crate) fn parse(text: Text<'_>, below: &str, written: &str) -> Result<Option<Self>, AddressError> {
        let slice = if written.is_empty() { below } else { written };
        let refuse = |rule| text.refuse(Part::Subdir, slice, rule);
        let mut parts: Vec<String> = Vec::new();
        for part in below.split('/').chain(written.split('/')) {
            let part = escape::decode(part).map_err(|rule| {
                let error = refuse(rule);
                if rule == Rule::Escape {
                    error.write("`%25` for a percent sign")
                } else {
                    error
                }
            })?;
            match part.as_str() {
                "" | "." => {}
                ".." => drop(parts.pop().ok_or_else(|| refuse(Rule::Outside))?),
                // Encoded slashes, and those of other systems, would divide a part behind the back of this loop.
                name if name.contains('/') => return Err(refuse(Rule::Characters).write("`/` as it is")),
                name if name.split('\\').any(|piece| piece == "..") => return Err(refuse(Rule::Outside)),
                _ => parts.push(part),
            }
        }
        if parts.is_empty() {
            return Ok(None);
        }
        let path = parts.join("/");
        if !path.contains(['*', '?', '[', '\\']) {
            return Ok(Some(Self::Path(path)));
        }
        // Each part by itself, so that no class or escape reaches over a slash.
        for part in &parts {
            Glob::parse(part).map_err(|rule| refuse(rule).write("`\\` before what is meant as it is"))?;
        }
        Ok(Some(Self::Glob(Glob::parse(&path).map_err(refuse)?)))
    }

    /// Chooses among paths the one that is meant.
    ///
    /// # Errors
    /// Fails if it is not exactly one.
    pub fn choose<'a>(&self, paths: impl IntoIterator<Item = &'a str>) -> Result<&'a str, Choice> {
        let is_meant = |path: &&str| match self {
            Self::Path(meant) => meant == path,
            Self::Glob(glob) => glob.matches(path),
        };
        let mut matching = paths.into_iter().filter(is_meant);
        let first = matching.next().ok_or_else(|| Choice::None(self.to_string()))?;
        match matching.find(|second| *second != first) {
            None => Ok(first),
            Some(second) => Err(Choice::Several {
                pattern: self.to_string(),
                first: first.to_owned(),
                second: second.to_owned(),
            }),
        }
    }
}

impl fmt::Display for Subdir {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => f.write_str(path),
            Self::Glob(glob) => f.write_str(glob.as_str()),
        }
    }
}
