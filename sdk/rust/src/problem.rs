//! What went wrong, for a person and for the host's decision.

use std::any::Any;
use std::error::Error;
use std::fmt;
use std::io::{self, ErrorKind};
use std::time::Duration;

use k1s_source_proto::v1;

use crate::At;

/// Longest message, in bytes; the rest is cut off.
const MESSAGE_BYTES: usize = 4 * 1024;
/// Longest detail, in bytes; the rest is cut off.
const DETAIL_BYTES: usize = 16 * 1024;
/// Most causes; further ones are dropped.
const CAUSES: usize = 16;

/// The class of a problem; what the host does depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Code {
    /// The configuration cannot work.
    ConfigInvalid,
    /// The place refuses the credentials.
    Auth,
    /// The place knows us and says no.
    Permission,
    /// The place is not there.
    RootNotFound,
    /// The place is another one.
    RootChanged,
    /// The place does not answer.
    Unavailable,
    /// The place asks for fewer requests.
    RateLimited,
    /// The place did not answer in time.
    Timeout,
    /// The content is not what it must be.
    DataInvalid,
    /// Two declarations of one key.
    DuplicateKey,
    /// Content beyond a limit.
    TooLarge,
    /// Content or an operation that this source does not know.
    Unsupported,
    /// Part of the place could not be read.
    Partial,
    /// The token is no longer good.
    ResumeRejected,
    /// A fault of the plugin itself.
    Internal,
}

impl Code {
    pub(crate) fn to_wire(self) -> v1::ProblemCode {
        match self {
            Self::ConfigInvalid => v1::ProblemCode::ConfigInvalid,
            Self::Auth => v1::ProblemCode::Auth,
            Self::Permission => v1::ProblemCode::Permission,
            Self::RootNotFound => v1::ProblemCode::RootNotFound,
            Self::RootChanged => v1::ProblemCode::RootChanged,
            Self::Unavailable => v1::ProblemCode::Unavailable,
            Self::RateLimited => v1::ProblemCode::RateLimited,
            Self::Timeout => v1::ProblemCode::Timeout,
            Self::DataInvalid => v1::ProblemCode::DataInvalid,
            Self::DuplicateKey => v1::ProblemCode::DuplicateKey,
            Self::TooLarge => v1::ProblemCode::TooLarge,
            Self::Unsupported => v1::ProblemCode::Unsupported,
            Self::Partial => v1::ProblemCode::Partial,
            Self::ResumeRejected => v1::ProblemCode::ResumeRejected,
            Self::Internal => v1::ProblemCode::Internal,
        }
    }

    fn usual_retry(self) -> Retry {
        match self {
            Self::ConfigInvalid | Self::Auth | Self::RootChanged => Retry::OnConfigChange,
            Self::Permission
            | Self::RootNotFound
            | Self::Unavailable
            | Self::RateLimited
            | Self::Timeout
            | Self::Partial
            | Self::ResumeRejected
            | Self::Internal => Retry::Backoff,
            Self::DataInvalid | Self::DuplicateKey | Self::TooLarge | Self::Unsupported => Retry::OnContentChange,
        }
    }
}

/// What a problem is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// The whole source.
    Source,
    /// One scope: an open listing of it becomes incomplete.
    Scope,
    /// One object or file.
    Object,
}

/// When it is worth trying again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// Never.
    Never,
    /// After a time that grows; the host chooses it.
    Backoff,
    /// After this time.
    After(Duration),
    /// When the configuration changed.
    OnConfigChange,
    /// When the content changed.
    OnContentChange,
}

/// A problem under construction and in flight: a class, a line for a user, and what the logs need beyond it.
///
/// Every error converts into one, so `?` works on them: an [`io::Error`] by its kind, any other as
/// [`Code::Internal`]. It is no [`Error`] itself for that reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    code: Code,
    level: Option<Level>,
    retry: Retry,
    message: String,
    detail: String,
    causes: Vec<String>,
}

impl Problem {
    /// Makes a problem with the usual retry class of `code` and one line for a user: what, where, and the way out,
    /// at most 4 KiB. It must not contain secrets.
    #[must_use]
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        let message = cut(message.into(), MESSAGE_BYTES);
        Self {
            code,
            level: None,
            retry: code.usual_retry(),
            message,
            detail: String::new(),
            causes: Vec::new(),
        }
    }

    /// Replaces the retry class.
    #[must_use]
    pub fn retry(self, retry: Retry) -> Self {
        Self { retry, ..self }
    }

    /// Replaces the level, which otherwise follows from where the problem is reported.
    #[must_use]
    pub fn level(self, level: Level) -> Self {
        Self {
            level: Some(level),
            ..self
        }
    }

    /// Adds text for the logs, at most 16 KiB.
    #[must_use]
    pub fn detail(self, detail: impl Into<String>) -> Self {
        Self {
            detail: cut(detail.into(), DETAIL_BYTES),
            ..self
        }
    }

    /// Adds an error and its sources as causes, nearest first, at most 16 in all.
    #[must_use]
    pub fn because(mut self, error: &(dyn Error + 'static)) -> Self {
        let mut next = Some(error);
        while let Some(cause) = next.filter(|_| self.causes.len() < CAUSES) {
            self.causes.push(cut(cause.to_string(), MESSAGE_BYTES));
            next = cause.source();
        }
        self
    }

    /// Returns the class.
    #[must_use]
    pub fn code(&self) -> Code {
        self.code
    }

    /// Returns the line for a user.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Returns the text for the logs.
    #[must_use]
    pub fn details(&self) -> &str {
        &self.detail
    }

    /// Makes the problem of something that could not be read at `place`, classified by the kind of error.
    #[must_use]
    pub fn reading(place: impl fmt::Display, error: &io::Error) -> Self {
        Self::new(code_of(error.kind()), format!("{place}: {error}")).because(error)
    }

    /// Makes the problem of a declaration of `key` that lost against the one at `winner`.
    #[must_use]
    pub fn duplicate_key(key: &v1::Key, winner: &At) -> Self {
        let name = match key.namespace.as_str() {
            "" => key.name.clone(),
            namespace => format!("{namespace}/{}", key.name),
        };
        let message = match winner.place().as_str() {
            "" => format!("{} {name} is declared twice", key.kind),
            place => format!("{} {name}, also in {place}, which is used", key.kind),
        };
        Self::new(Code::DuplicateKey, message)
    }

    /// What a call returns after the host asked to stop.
    pub(crate) fn stopped() -> Self {
        Self::new(Code::Partial, "the host asked to stop")
    }

    /// What a panic in the author's code becomes.
    pub(crate) fn panicked(payload: &(dyn Any + Send)) -> Self {
        let said = payload.downcast_ref::<&str>().copied().map(str::to_owned);
        let said = said.or_else(|| payload.downcast_ref::<String>().cloned());
        let said = said.unwrap_or_else(|| "of unknown cause".to_owned());
        Self::new(Code::Internal, "the source has a fault: it panicked").detail(said)
    }

    pub(crate) fn to_wire(&self, usual: Level, scope: &str) -> v1::Problem {
        let level = self.level.unwrap_or(usual);
        let (retry, after) = match self.retry {
            Retry::Never => (v1::problem::Retry::Never, Duration::ZERO),
            Retry::Backoff => (v1::problem::Retry::Backoff, Duration::ZERO),
            Retry::After(time) => (v1::problem::Retry::After, time),
            Retry::OnConfigChange => (v1::problem::Retry::OnConfigChange, Duration::ZERO),
            Retry::OnContentChange => (v1::problem::Retry::OnContentChange, Duration::ZERO),
        };
        v1::Problem {
            code: self.code.to_wire().into(),
            level: match level {
                Level::Source => v1::problem::Level::Source,
                Level::Scope => v1::problem::Level::Scope,
                Level::Object => v1::problem::Level::Object,
            }
            .into(),
            scope: if level == Level::Scope {
                scope.to_owned()
            } else {
                String::new()
            },
            retry: retry.into(),
            retry_after_ms: u64::try_from(after.as_millis()).unwrap_or(u64::MAX),
            message: self.message.clone(),
            detail: self.detail.clone(),
            causes: self.causes.clone(),
        }
    }

    /// Replaces every text by what `clean` makes of it.
    pub(crate) fn map_text(self, clean: impl Fn(String) -> String) -> Self {
        Self {
            message: clean(self.message),
            detail: clean(self.detail),
            causes: self.causes.into_iter().map(clean).collect(),
            ..self
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl<E: Error + Send + Sync + 'static> From<E> for Problem {
    fn from(error: E) -> Self {
        let code = match (&error as &dyn Any).downcast_ref::<io::Error>() {
            Some(error) => code_of(error.kind()),
            None => Code::Internal,
        };
        Self::new(code, error.to_string()).because(&error)
    }
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the standard library adds kinds; those not named mean the same"
)]
fn code_of(kind: ErrorKind) -> Code {
    match kind {
        ErrorKind::NotFound | ErrorKind::NotADirectory => Code::RootNotFound,
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => Code::Permission,
        ErrorKind::TimedOut => Code::Timeout,
        ErrorKind::InvalidData | ErrorKind::UnexpectedEof => Code::DataInvalid,
        ErrorKind::FileTooLarge => Code::TooLarge,
        ErrorKind::Unsupported => Code::Unsupported,
        _ => Code::Unavailable,
    }
}

/// Cuts a text at a character boundary at or before `limit` bytes.
fn cut(mut text: String, limit: usize) -> String {
    if text.len() > limit {
        text.truncate(text.floor_char_boundary(limit));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("outer")]
    struct Outer(#[source] io::Error);

    #[test]
    fn the_question_mark_classifies_errors() {
        let missing = io::Error::new(ErrorKind::NotFound, "no such file");
        assert_eq!(Problem::from(missing).code(), Code::RootNotFound);
        let refused = io::Error::new(ErrorKind::PermissionDenied, "no");
        assert_eq!(Problem::from(refused).code(), Code::Permission);
        let other = Problem::from(Outer(io::Error::other("inner")));
        assert_eq!(other.code(), Code::Internal);
        assert_eq!(other.causes, ["outer", "inner"]);
    }

    #[test]
    fn texts_are_cut_at_characters() {
        let problem = Problem::new(Code::Internal, "é".repeat(MESSAGE_BYTES)).detail("é".repeat(DETAIL_BYTES));
        assert_eq!(problem.message.len(), MESSAGE_BYTES);
        assert_eq!(problem.detail.len(), DETAIL_BYTES);
    }

    #[test]
    fn the_scope_is_named_only_at_its_level() {
        let problem = Problem::new(Code::Auth, "no").retry(Retry::After(Duration::from_secs(3)));
        let wire = problem.to_wire(Level::Scope, "a");
        assert_eq!((wire.scope.as_str(), wire.retry_after_ms), ("a", 3000));
        assert_eq!(wire.retry(), v1::problem::Retry::After);
        let wire = problem.level(Level::Source).to_wire(Level::Scope, "a");
        assert_eq!((wire.scope.as_str(), wire.level()), ("", v1::problem::Level::Source));
    }
}
