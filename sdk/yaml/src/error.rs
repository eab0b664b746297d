//! What can be wrong with a document, where, and what is only worth a warning.

use std::fmt;

use crate::Position;

/// The reason a document is refused, with its place in the whole input.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {kind}")]
pub struct Error {
    /// What is wrong.
    pub kind: ErrorKind,
    /// The 1-based line in the whole input.
    pub line: u32,
    /// The 1-based column, in characters.
    pub column: u32,
    /// The 0-based index of the document, counted as in [`crate::Document::index`].
    pub document: usize,
}

/// What is wrong with a document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ErrorKind {
    /// The text is not YAML or, in a stream of JSON, not JSON.
    #[error("{problem}")]
    Syntax {
        /// The parser's own words.
        problem: String,
    },
    /// A line begins with `---` and goes on with content, which Kubernetes' reader refuses; the document that it
    /// would have ended is lost with it.
    #[error("a line that begins with `---` separates documents and may only go on with a comment, not with `{text}`")]
    Separator {
        /// What follows the dashes, shortened.
        text: String,
    },
    /// The text is not UTF-8.
    #[error("the text is not valid UTF-8")]
    InvalidUtf8,
    /// The text has a NUL byte, which is usually a sign of a file that is not text.
    #[error("the text contains a NUL byte")]
    Nul,
    /// A mapping has a key twice, or two keys that become one as JSON (`1` and `"1"`).
    #[error("key `{key}` is already set at line {}, column {}", first.line, first.column)]
    DuplicateKey {
        /// The key as it is in JSON.
        key: String,
        /// Where it is set first.
        first: Position,
    },
    /// A merge (`<<`) and its mapping, or two merges, set the same key, which strict reading refuses.
    #[error("key `{key}` is set both here and by a merge (`<<`), first at line {}, column {}", first.line, first.column)]
    MergeOverride {
        /// The key as it is in JSON.
        key: String,
        /// Where it is set first.
        first: Position,
    },
    /// The value of `<<` is neither a mapping nor a sequence of mappings.
    #[error("a merge (`<<`) needs a mapping or a sequence of mappings")]
    MergeValue,
    /// A key is of a type that cannot become a JSON key.
    #[error("{found} cannot be a key")]
    KeyType {
        /// What the key is.
        found: &'static str,
    },
    /// An alias names an anchor that is not defined before it.
    #[error("anchor `{name}` is not defined")]
    UnknownAnchor {
        /// The name without `*`.
        name: String,
    },
    /// An alias stands inside the node that it names.
    #[error("anchor `{name}` contains itself")]
    SelfReference {
        /// The name without `*`.
        name: String,
    },
    /// A number that JSON cannot express: `.inf`, `.nan`, or a JSON number beyond 64-bit floating point.
    #[error("`{text}` cannot be expressed in JSON")]
    NotJson {
        /// The number as it is written, or its YAML name.
        text: String,
    },
    /// A scalar is not what its tag says.
    #[error("`{text}` is not a {tag}")]
    Tag {
        /// The short form of the tag, such as `!!int`.
        tag: String,
        /// The scalar, shortened.
        text: String,
    },
    /// Aliases expand to more than [`crate::Limits`] or Kubernetes' own ratio allow.
    #[error("aliases expand to too much content")]
    AliasBomb,
    /// A document has more mappings, sequences, scalars and keys than allowed.
    #[error("more than {limit} keys and values in one document")]
    TooManyNodes {
        /// [`crate::Limits::nodes`].
        limit: usize,
    },
    /// Mappings and sequences nest deeper than allowed.
    #[error("nested deeper than {limit} levels")]
    TooDeep {
        /// [`crate::Limits::depth`].
        limit: usize,
    },
    /// The stream has more documents than allowed, empty ones included; nothing after this is read.
    #[error("more than {limit} documents in one stream")]
    TooManyDocuments {
        /// [`crate::Limits::documents`].
        limit: usize,
    },
    /// The input is larger than allowed; nothing of it is read.
    #[error("larger than {limit} bytes")]
    TooLarge {
        /// [`crate::Limits::bytes`].
        limit: usize,
    },
    /// One document was asked for and there is none.
    #[error("the file has no content")]
    NoDocument,
    /// One document was asked for and more content follows it.
    #[error("one document is expected and more content follows it")]
    MoreThanOne,
}

impl ErrorKind {
    /// Returns a stable name for the class of the error, for logs, metrics and tests.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Syntax { .. } => "syntax",
            Self::Separator { .. } => "separator",
            Self::InvalidUtf8 => "invalid-utf8",
            Self::Nul => "nul",
            Self::DuplicateKey { .. } => "duplicate-key",
            Self::MergeOverride { .. } => "merge-override",
            Self::MergeValue => "merge-value",
            Self::KeyType { .. } => "key-type",
            Self::UnknownAnchor { .. } => "unknown-anchor",
            Self::SelfReference { .. } => "self-reference",
            Self::NotJson { .. } => "not-json",
            Self::Tag { .. } => "tag",
            Self::AliasBomb => "alias-bomb",
            Self::TooManyNodes { .. } => "too-many-nodes",
            Self::TooDeep { .. } => "too-deep",
            Self::TooManyDocuments { .. } => "too-many-documents",
            Self::TooLarge { .. } => "too-large",
            Self::NoDocument => "no-document",
            Self::MoreThanOne => "more-than-one",
        }
    }
}

/// What a reader should hear about a document that is accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// What is odd.
    pub kind: WarningKind,
    /// The 1-based line in the whole input.
    pub line: u32,
    /// The 1-based column, in characters.
    pub column: u32,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: {}", self.line, self.column, self.kind)
    }
}

/// The classes of warnings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WarningKind {
    /// Content after `...` or after a complete root, which Kubernetes ignores without a word.
    #[error("content after the end of the document is ignored; separate documents with `---`")]
    ContentAfterEnd,
}

/// A reason with its place as a byte offset into one document's text.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) kind: FaultKind,
    pub(crate) offset: usize,
}

/// An error's reason before the text is at hand that turns offsets into positions.
#[derive(Debug)]
pub(crate) enum FaultKind {
    /// Complete as it is.
    Error(ErrorKind),
    /// The mapping that is `mapping`-th to be opened has the key already; `merged` if a merge sets it now.
    KeyTwice { mapping: usize, key: String, merged: bool },
}

impl Fault {
    pub(crate) fn new(kind: ErrorKind, offset: usize) -> Self {
        Self {
            kind: FaultKind::Error(kind),
            offset,
        }
    }

    pub(crate) fn syntax(problem: impl Into<String>, offset: usize) -> Self {
        Self::new(
            ErrorKind::Syntax {
                problem: problem.into(),
            },
            offset,
        )
    }
}

/// The longest excerpt of a document in an error, in characters.
const EXCERPT: usize = 40;

/// Returns the beginning of `text`, short enough for an error.
pub(crate) fn excerpt(text: &str) -> String {
    match text.char_indices().nth(EXCERPT) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
