//! Ignore files: what a directory leaves out, by the grammar of gitignore.
//!
//! A file applies to its directory and everything below it; of two files the one nearer to the entry decides, and
//! within a file the last pattern that matches. What is below a directory that is left out is left out. What the files are
//! called, and how they are read, is for each source.

use std::sync::Arc;

use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};

use crate::relative::RelPath;

/// The longest ignore file that a source should read, in bytes.
pub const RULES_BYTES: u64 = 256 << 10;

/// A pattern of an ignore file is no pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{line}: {reason}")]
pub struct RuleError {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub reason: String,
}

/// The rules that apply in a directory: its own and those of the directories above.
#[derive(Clone, Debug, Default)]
pub struct Rules(Option<Arc<Level>>);

#[derive(Debug)]
struct Level {
    directory: RelPath,
    own: Gitignore,
    above: Rules,
}

/// What a rule is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// A file.
    File,
    /// A directory.
    Directory,
}

impl Rules {
    /// Adds those of an ignore file in `directory`, which has this text.
    ///
    /// # Errors
    /// Fails with the first line that is no pattern.
    pub fn with(self, directory: &RelPath, text: &str) -> Result<Self, RuleError> {
        // "." keeps the crate from looking for a common prefix: what it is asked about is relative to the directory.
        let mut builder = GitignoreBuilder::new(".");
        for (index, line) in text.lines().enumerate() {
            let fault = |error: ignore::Error| RuleError {
                line: index + 1,
                reason: error.to_string(),
            };
            builder.add_line(None, line).map_err(fault)?;
        }
        let own = builder.build().map_err(|error| RuleError {
            line: 1,
            reason: error.to_string(),
        })?;
        Ok(Self(Some(Arc::new(Level {
            directory: directory.clone(),
            own,
            above: self,
        }))))
    }

    /// Returns whether the entry at `path`, whose directory is not left out, is.
    pub fn leave_out(&self, path: &RelPath, entry: Entry) -> bool {
        let mut next = &self.0;
        while let Some(level) = next {
            let below = path.below(&level.directory);
            match level.own.matched(below, entry == Entry::Directory) {
                Match::Ignore(_) => return true,
                Match::Whitelist(_) => return false,
                Match::None => next = &level.above.0,
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_file_and_its_last_pattern_decide() {
        let path = |text: &str| RelPath::new(text).unwrap();
        let top = Rules::default()
            .with(&path(""), "# comment\n*.tmp.yaml\n/only-top.yaml\nbuild/\na/b.yaml\n")
            .unwrap();
        let sub = top
            .clone()
            .with(&path("sub"), "!keep.tmp.yaml\n*.json\n!x.json\n/here.yaml\n")
            .unwrap();
        for (rules, text, entry, left_out) in [
            (&top, "x.tmp.yaml", Entry::File, true),
            (&top, "deep/x.tmp.yaml", Entry::File, true),
            (&top, "only-top.yaml", Entry::File, true),
            (&top, "deep/only-top.yaml", Entry::File, false),
            (&top, "deep/build", Entry::Directory, true),
            (&top, "deep/build", Entry::File, false),
            (&top, "a/b.yaml", Entry::File, true),
            (&top, "c/a/b.yaml", Entry::File, false),
            (&sub, "sub/keep.tmp.yaml", Entry::File, false),
            (&sub, "sub/other.tmp.yaml", Entry::File, true),
            (&sub, "sub/y.json", Entry::File, true),
            (&sub, "sub/x.json", Entry::File, false),
            (&sub, "sub/here.yaml", Entry::File, true),
            (&sub, "sub/sub/here.yaml", Entry::File, false),
        ] {
            assert_eq!(rules.leave_out(&path(text), entry), left_out, "{text}");
        }
    }

    #[test]
    fn a_bad_pattern_is_named_by_its_line() {
        let error = Rules::default().with(&RelPath::root(), "ok\n\na[z-a]\n").unwrap_err();
        assert_eq!(error.line, 3, "{error}");
    }
}
