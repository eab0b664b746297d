//! Findings about a configuration.

use k1s_source_proto::v1;

use crate::Code;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The configuration cannot be used.
    Error,
    /// It can, but probably not as meant.
    Warning,
}

/// One finding about a configuration: where, what, and what would work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    severity: Severity,
    code: Code,
    pointer: String,
    summary: String,
    detail: String,
    suggestion: String,
}

impl Diagnostic {
    /// Makes an error at `pointer`, a JSON Pointer into the configuration ("" for the whole), with one line for a
    /// user. Neither may contain secrets.
    #[must_use]
    pub fn error(pointer: impl Into<String>, summary: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            code: Code::ConfigInvalid,
            pointer: pointer.into(),
            summary: summary.into(),
            detail: String::new(),
            suggestion: String::new(),
        }
    }

    /// Makes a warning; see [`Diagnostic::error`].
    #[must_use]
    pub fn warning(pointer: impl Into<String>, summary: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(pointer, summary)
        }
    }

    /// Replaces the class, [`Code::ConfigInvalid`] otherwise.
    #[must_use]
    pub fn code(self, code: Code) -> Self {
        Self { code, ..self }
    }

    /// Adds more, where it helps.
    #[must_use]
    pub fn detail(self, detail: impl Into<String>) -> Self {
        Self {
            detail: detail.into(),
            ..self
        }
    }

    /// Adds what would work.
    #[must_use]
    pub fn suggestion(self, suggestion: impl Into<String>) -> Self {
        Self {
            suggestion: suggestion.into(),
            ..self
        }
    }

    /// Returns how bad it is.
    #[must_use]
    pub fn severity(&self) -> Severity {
        self.severity
    }

    /// Returns the JSON Pointer.
    #[must_use]
    pub fn pointer(&self) -> &str {
        &self.pointer
    }

    /// Returns the line for a user.
    #[must_use]
    pub fn summary(&self) -> &str {
        &self.summary
    }

    pub(crate) fn into_wire(self, clean: impl Fn(String) -> String) -> v1::Diagnostic {
        v1::Diagnostic {
            severity: match self.severity {
                Severity::Error => v1::diagnostic::Severity::Error,
                Severity::Warning => v1::diagnostic::Severity::Warning,
            }
            .into(),
            code: self.code.to_wire().into(),
            summary: clean(self.summary),
            detail: clean(self.detail),
            pointer: self.pointer,
            suggestion: clean(self.suggestion),
        }
    }
}
