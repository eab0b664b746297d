//! Why an address is refused.

use std::fmt;
use std::ops::Range;

use crate::checksum::DigestError;

/// A part of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// All of it.
    Whole,
    /// What stands before `::`.
    Getter,
    /// What stands before `://`.
    Scheme,
    /// User and password.
    Login,
    /// The host.
    Host,
    /// The port.
    Port,
    /// The path.
    Path,
    /// What follows `//`.
    Subdir,
    /// What follows `#`.
    Fragment,
    /// A parameter of the query that has a meaning here.
    Parameter(&'static str),
    /// Another parameter of the query.
    Query,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole => f.write_str("the address"),
            Self::Getter => f.write_str("the getter"),
            Self::Scheme => f.write_str("the scheme"),
            Self::Login => f.write_str("user and password"),
            Self::Host => f.write_str("the host"),
            Self::Port => f.write_str("the port"),
            Self::Path => f.write_str("the path"),
            Self::Subdir => f.write_str("the sub-directory"),
            Self::Fragment => f.write_str("the fragment"),
            Self::Parameter(name) => write!(f, "the parameter `{name}`"),
            Self::Query => f.write_str("a parameter"),
        }
    }
}

/// A rule that an address breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rule {
    /// There is nothing.
    #[error("is empty")]
    Empty,
    /// It is longer than is read.
    #[error("is longer than {0} bytes")]
    TooLong(usize),
    /// There are more of them than are read.
    #[error("is one of more than {0}")]
    TooMany(usize),
    /// It holds a control character, as it is or encoded.
    #[error("holds a control character")]
    Control,
    /// It begins with `-`, as options of programs do.
    #[error("begins with `-`, like an option of a program")]
    Option,
    /// It is a getter or scheme that nobody knows.
    #[error("is not known")]
    Unknown,
    /// It names a program to run.
    #[error("would run a program, which no address may")]
    Program,
    /// A getter stands behind another.
    #[error("is the second one; there can be one only")]
    Nested,
    /// The scheme is not one of that getter.
    #[error("does not go with this getter")]
    Unfit,
    /// The transport has to be named before it is used.
    #[error("is not protected against others on the way, or reaches into this machine, and is not named in `allow`")]
    NotAllowed,
    /// It is a scheme without `//` behind.
    #[error("has no `//` behind it")]
    Opaque,
    /// It is the form of scp with another user than `git`.
    #[error("looks like `USER@HOST:PATH`, which is read for the user `git` only")]
    Scp,
    /// A percent sign is not followed by two hexadecimal digits.
    #[error("has a `%` without two hexadecimal digits behind it")]
    Escape,
    /// It has characters that it cannot have.
    #[error("has characters that it cannot have")]
    Characters,
    /// It is no number, or outside what is possible.
    #[error("is not a number from {least} to {most}")]
    Number {
        /// The smallest.
        least: u64,
        /// The largest.
        most: u64,
    },
    /// It is missing.
    #[error("is missing")]
    Missing,
    /// It leads out of what is fetched.
    #[error("leads out of what is fetched")]
    Outside,
    /// A path is relative, and to nothing.
    #[error("is relative, and there is no directory to which")]
    Relative,
    /// It is a home directory, which no shell is there to fill in.
    #[error("begins with `~`, which only a shell understands")]
    Home,
    /// It is no pattern.
    #[error("is not a pattern: a `[` without its `]`, or a `\\` at the end")]
    Pattern,
    /// It is there twice.
    #[error("is there more than once")]
    Twice,
    /// It means nothing there.
    #[error("has no meaning for this kind of source")]
    Meaningless,
    /// It is no name of a branch, tag or commit.
    #[error("is not the name of a branch or tag, nor a commit")]
    Revision,
    /// It is no base64.
    #[error("is not base64")]
    Base64,
    /// It is no format of archives.
    #[error("is not a format of archives")]
    Format,
    /// It is no checksum.
    #[error("{0}")]
    Checksum(DigestError),
    /// It is on another server than what it is the checksum of.
    #[error("is not of the same origin as what it is the checksum of")]
    OtherOrigin,
    /// It is more than the name of a file.
    #[error("is not the name of a file")]
    FileName,
    /// It is no host of that store.
    #[error("is not a host of this store")]
    Store,
    /// It lacks the bucket, container or object.
    #[error("does not name what is in the store")]
    Object,
    /// It contradicts another part.
    #[error("contradicts the host")]
    Contradiction,
    /// It is no name, tag or digest of an image.
    #[error("is not the name, tag or digest of an artifact")]
    Artifact,
}

/// An address is refused.
///
/// Quotes nothing of the address but what is known not to be secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressError {
    /// Which part is wrong.
    pub part: Part,
    /// Where it is in the address, in bytes.
    pub at: Range<usize>,
    /// What is wrong with it.
    pub rule: Rule,
    /// A spelling that works, where there is one to tell.
    pub spelling: Option<String>,
}

impl AddressError {
    /// Says how it works.
    #[must_use]
    pub(crate) fn write(mut self, spelling: impl Into<String>) -> Self {
        self.spelling = Some(spelling.into());
        self
    }
}

impl fmt::Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Range { start, end } = self.at;
        write!(f, "{} (bytes {start}..{end}) {}", self.part, self.rule)?;
        match &self.spelling {
            Some(spelling) => write!(f, "; write {spelling}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for AddressError {}

/// The address that is read, to find where in it a part is.
#[derive(Clone, Copy)]
pub(crate) struct Text<'a>(pub(crate) &'a str);

impl Text<'_> {
    /// Returns an error about a part, which is a slice of the address.
    pub(crate) fn refuse(self, part: Part, slice: &str, rule: Rule) -> AddressError {
        let start = (slice.as_ptr() as usize).wrapping_sub(self.0.as_ptr() as usize);
        let whole = 0..self.0.len();
        // What was not cut from the address, but made of it, is somewhere in it.
        let at = match start.checked_add(slice.len()) {
            Some(end) if end <= whole.end => start..end,
            _ => whole,
        };
        AddressError {
            part,
            at,
            rule,
            spelling: None,
        }
    }
}
