//! The documents of one YAML or JSON stream, judged one by one.
//!
//! Parsing needs no session, so a source may do it on any thread and declare the result later.

use k1s_source_proto::v1::Key;
use k1s_yaml::ErrorKind;

use crate::object::{ObjectLimits, Verdict, judge};
use crate::{Code, Problem};

/// What one stream holds: objects, things to ignore, and things that failed, with their places.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Documents {
    pub(crate) entries: Vec<Entry>,
}

/// One object of a stream, or what is there instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) verdict: Verdict,
    pub(crate) document: u32,
    pub(crate) line: u32,
    pub(crate) column: u32,
}

impl Documents {
    /// Reads a stream the way Kubernetes does, expands lists, and judges each document.
    ///
    /// A document that is no good is an entry like any other; this never fails as a whole.
    #[must_use]
    pub fn parse(stream: &[u8], limits: &ObjectLimits) -> Self {
        let yaml = k1s_yaml::Limits {
            bytes: stream.len(),
            depth: limits.depth,
            ..k1s_yaml::Limits::default()
        };
        let mut entries = Vec::new();
        for document in k1s_yaml::documents(stream, &yaml) {
            match document {
                Ok(document) => {
                    let k1s_yaml::Document {
                        index,
                        line,
                        column,
                        value,
                        warnings,
                        ..
                    } = document;
                    for warning in warnings {
                        tracing::warn!(line = warning.line, column = warning.column, "{}", warning.kind);
                    }
                    let index = u32::try_from(index).unwrap_or(u32::MAX);
                    entries.extend(judge(value, limits).into_iter().map(|verdict| Entry {
                        verdict,
                        document: index,
                        line,
                        column,
                    }));
                }
                Err(error) => {
                    let document = u32::try_from(error.document).unwrap_or(u32::MAX);
                    let problem = Problem::new(code_of(&error.kind), error.kind.to_string());
                    let verdict = Verdict::Failed { key: None, problem };
                    entries.push(Entry {
                        verdict,
                        document,
                        line: error.line,
                        column: error.column,
                    });
                }
            }
        }
        Self { entries }
    }

    /// Returns the keys of the objects, in their order.
    pub fn keys(&self) -> impl Iterator<Item = &Key> {
        self.entries.iter().filter_map(|entry| match &entry.verdict {
            Verdict::Object(object) => Some(&object.key),
            Verdict::Ignored(_) | Verdict::Failed { .. } => None,
        })
    }

    /// Returns what failed, in its order.
    pub fn problems(&self) -> impl Iterator<Item = &Problem> {
        self.entries.iter().filter_map(|entry| match &entry.verdict {
            Verdict::Failed { problem, .. } => Some(problem),
            Verdict::Object(_) | Verdict::Ignored(_) => None,
        })
    }

    /// Tells whether there is nothing in the stream, not even something to ignore.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

fn code_of(kind: &ErrorKind) -> Code {
    match kind {
        ErrorKind::AliasBomb
        | ErrorKind::TooDeep { .. }
        | ErrorKind::TooManyNodes { .. }
        | ErrorKind::TooManyDocuments { .. }
        | ErrorKind::TooLarge { .. } => Code::TooLarge,
        ErrorKind::Syntax { .. }
        | ErrorKind::Separator { .. }
        | ErrorKind::InvalidUtf8
        | ErrorKind::Nul
        | ErrorKind::DuplicateKey { .. }
        | ErrorKind::MergeOverride { .. }
        | ErrorKind::MergeValue
        | ErrorKind::KeyType { .. }
        | ErrorKind::UnknownAnchor { .. }
        | ErrorKind::SelfReference { .. }
        | ErrorKind::NotJson { .. }
        | ErrorKind::Tag { .. }
        | ErrorKind::NoDocument
        | ErrorKind::MoreThanOne => Code::DataInvalid,
    }
}
