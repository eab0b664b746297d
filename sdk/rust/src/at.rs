//! Where something was read.

use std::path::Path;

use k1s_source_proto::v1;

/// Where something was read, and the plugin's own word for the state it was in.
///
/// The path is the unit in which failures pin objects and `Seen` may be sent, so give one wherever there is one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct At {
    pub(crate) uri: String,
    pub(crate) path: String,
    pub(crate) revision: String,
    pub(crate) document: u32,
    pub(crate) line: u32,
    pub(crate) column: u32,
    pub(crate) version: String,
}

impl At {
    /// Names a path within the place, with "/" between its parts. What is not UTF-8 in it is replaced.
    #[must_use]
    pub fn path(path: impl AsRef<Path>) -> Self {
        Self {
            path: match path.as_ref().to_str() {
                Some(path) => path.to_owned(),
                None => path.as_ref().to_string_lossy().into_owned(),
            },
            ..Self::default()
        }
    }

    /// Adds the address of the place, for example `file:///srv/manifests`, without credentials.
    #[must_use]
    pub fn uri(self, uri: impl Into<String>) -> Self {
        Self {
            uri: uri.into(),
            ..self
        }
    }

    /// Adds the revision of the whole place: a commit, a digest, a resourceVersion.
    #[must_use]
    pub fn revision(self, revision: impl Into<String>) -> Self {
        Self {
            revision: revision.into(),
            ..self
        }
    }

    /// Adds the index of the document, from 0.
    #[must_use]
    pub fn document(self, index: usize) -> Self {
        Self {
            document: bounded(index),
            ..self
        }
    }

    /// Adds the line, from 1.
    #[must_use]
    pub fn line(self, line: usize) -> Self {
        Self {
            line: bounded(line),
            ..self
        }
    }

    /// Adds the column, from 1.
    #[must_use]
    pub fn column(self, column: usize) -> Self {
        Self {
            column: bounded(column),
            ..self
        }
    }

    /// Adds the source version: the plugin's own word for this state of the object or of the whole path, such as a
    /// hash, a stat or an ETag. One that is too long for the contract is replaced by its SHA-256.
    #[must_use]
    pub fn version(self, version: impl Into<String>) -> Self {
        Self {
            version: version.into(),
            ..self
        }
    }

    /// Prints the place as `path:line:column`, as far as it is known.
    pub(crate) fn place(&self) -> String {
        match (self.line, self.column) {
            (0, _) => self.path.clone(),
            (line, 0) => format!("{}:{line}", self.path),
            (line, column) => format!("{}:{line}:{column}", self.path),
        }
    }

    pub(crate) fn to_wire(&self) -> Option<v1::Provenance> {
        let Self {
            uri,
            path,
            revision,
            document,
            line,
            column,
            version: _,
        } = self;
        let provenance = v1::Provenance {
            uri: uri.clone(),
            path: path.clone(),
            revision: revision.clone(),
            document: *document,
            line: *line,
            column: *column,
        };
        (provenance != v1::Provenance::default()).then_some(provenance)
    }
}

fn bounded(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
