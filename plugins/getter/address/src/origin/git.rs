//! Revisions and depths of repositories.

use std::num::NonZeroU32;

use crate::fault::{AddressError, Rule};
use crate::query::Taken;

/// The longest name of a revision, in bytes: what a reference can be as a path.
const REVISION_BYTES: usize = 1024;
/// Lengths of commits in hexadecimal digits: SHA-1 and SHA-256.
const COMMITS: [usize; 2] = [40, 64];

/// What to fetch of a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Revision {
    /// A commit, in lower-case hexadecimal digits, 40 or 64.
    Commit(String),
    /// A branch or tag, a full reference, or the beginning of a commit.
    Name(String),
}

impl Revision {
    /// Returns the text.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Commit(text) | Self::Name(text) => text,
        }
    }
}

/// How many commits back to fetch.
pub type Depth = NonZeroU32;

/// Reads a revision of git.
pub(crate) fn revision(taken: &Taken<'_>) -> Result<Revision, AddressError> {
    let name = &taken.value;
    check(taken)?;
    let is_broken =
        |part: &str| part.is_empty() || part.starts_with('.') || part.ends_with(".lock") || part.ends_with('.');
    // The rules of git-check-ref-format, which also leave no room for the grammar of gitrevisions.
    if name.contains([' ', '~', '^', ':', '?', '*', '[', '\\'])
        || name.contains("..")
        || name.contains("@{")
        || name == "@"
        || name.split('/').any(is_broken)
    {
        return Err(taken
            .refuse(Rule::Revision)
            .write("the name of a branch or tag, or a commit"));
    }
    Ok(read(name))
}

/// Reads a revision of Mercurial: a name or a changeset, but nothing of the language of revision sets.
pub(crate) fn changeset(taken: &Taken<'_>) -> Result<Revision, AddressError> {
    check(taken)?;
    let is_part = |char: char| char.is_alphanumeric() || "._-/+".contains(char);
    if !taken.value.chars().all(is_part) {
        return Err(taken
            .refuse(Rule::Revision)
            .write("the name of a branch, bookmark or tag, or a changeset"));
    }
    Ok(read(&taken.value))
}

fn check(taken: &Taken<'_>) -> Result<(), AddressError> {
    if taken.value.starts_with('-') {
        return Err(taken.refuse(Rule::Option));
    }
    if taken.value.len() > REVISION_BYTES {
        return Err(taken.refuse(Rule::TooLong(REVISION_BYTES)));
    }
    Ok(())
}

fn read(name: &str) -> Revision {
    let is_commit = COMMITS.contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_commit {
        Revision::Commit(name.to_ascii_lowercase())
    } else {
        Revision::Name(name.to_owned())
    }
}

/// Reads a depth; 0 is all there is, as without one.
pub(crate) fn depth(taken: &Taken<'_>) -> Result<Option<Depth>, AddressError> {
    // git counts in 31 bits.
    let number = taken.number(0, i32::MAX as u64)?;
    Ok(u32::try_from(number).ok().and_then(NonZeroU32::new))
}
