//! Why a request is refused, in the words of a Kubernetes API server.
//!
//! Clients act on `reason` and `code` and show `message`, so each constructor here says what the function of the same name
//! in `k8s.io/apimachinery/pkg/api/errors` says. A status is one line, which is what clients of a watch rely on.

use std::fmt;
use std::time::Duration;

use http::StatusCode;
use k1s_store::StoreError;
use serde_json::{Map, Value, json};
use thiserror::Error;

mod cause;

pub(crate) use cause::{Cause, CauseReason};

/// Media types that can be asked for, as a refusal lists them.
const SERVED_MEDIA_TYPES: &str = "application/json";

/// A resource, and its group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Named {
    /// Empty for the core group.
    pub(crate) group: Box<str>,
    /// The plural, as in paths.
    pub(crate) resource: Box<str>,
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.resource)?;
        if self.group.is_empty() {
            Ok(())
        } else {
            write!(f, ".{}", self.group)
        }
    }
}

/// Why a request is refused.
#[derive(Clone, Debug, Error)]
pub(crate) enum Failure {
    /// 404 for a path that means nothing; not a status, but the page that a Kubernetes API server shows.
    #[error("404 page not found")]
    NoPage,
    /// 404.
    #[error("{of} {name:?} not found")]
    NotFound {
        /// The resource.
        of: Named,
        /// The object.
        name: Box<str>,
    },
    /// 404, with what there is instead.
    #[error("{of} {name:?} not found: {why}")]
    NoneSuch {
        /// The resource.
        of: Named,
        /// The object.
        name: Box<str>,
        /// What there is instead, for a person.
        why: Box<str>,
    },
    /// 400.
    #[error("{0}")]
    BadRequest(Box<str>),
    /// 401.
    #[error("Unauthorized")]
    Unauthorized,
    /// 405, with the methods that are allowed.
    #[error("the server does not allow this method on the requested resource")]
    MethodNotAllowed {
        /// The resource; absent for pages that are none.
        of: Option<Named>,
        /// For the `Allow` header.
        allowed: &'static str,
    },
    /// 406.
    #[error("only the following media types are accepted: {SERVED_MEDIA_TYPES}")]
    NotAcceptable,
    /// 406, for an object that cannot take the form.
    #[error("{0}")]
    NotThisForm(Box<str>),
    /// 408.
    #[error("the body of the request did not arrive in time")]
    SlowBody,
    /// 409.
    #[error("Operation cannot be fulfilled on {of} {name:?}: {why}")]
    Conflict {
        /// The resource.
        of: Named,
        /// The object.
        name: Box<str>,
        /// What does not fit, and the way out.
        why: Box<str>,
    },
    /// 410: what was asked for is too old. The client lists again.
    #[error("{message}")]
    Expired {
        /// For a person.
        message: Box<str>,
        /// A token to go on with from what is current, for a list in pages.
        continue_token: Option<Box<str>>,
    },
    /// 413.
    #[error("Request entity too large: limit is {limit}")]
    TooLarge {
        /// In bytes.
        limit: usize,
    },
    /// 415.
    #[error("the body of the request was in an unknown format - accepted media types include: {accepted}")]
    UnsupportedMediaType {
        /// Separated by commas.
        accepted: &'static str,
    },
    /// 422.
    #[error("{kind} {name:?} is invalid: {}", cause::joined(.causes))]
    Invalid {
        /// The kind with its group, for example `Source.sync.k1s.io`.
        kind: Box<str>,
        /// The object; empty where there is none.
        name: Box<str>,
        /// What is wrong.
        causes: Vec<Cause>,
    },
    /// 504: a revision that is not reached yet.
    #[error("Timeout: Too large resource version: {asked}, current: {current}")]
    TooLargeResourceVersion {
        /// As asked.
        asked: u64,
        /// The last one.
        current: u64,
    },
    /// 503.
    #[error("{0}")]
    Unavailable(Box<str>),
    /// 500.
    #[error("Internal error occurred: {0}")]
    Internal(Box<str>),
}

impl Failure {
    /// 400.
    pub(crate) fn bad_request(message: impl Into<Box<str>>) -> Self {
        Self::BadRequest(message.into())
    }

    /// 410 without a token.
    pub(crate) fn expired(message: impl Into<Box<str>>) -> Self {
        Self::Expired {
            message: message.into(),
            continue_token: None,
        }
    }

    /// 500.
    pub(crate) fn internal(message: impl Into<Box<str>>) -> Self {
        Self::Internal(message.into())
    }

    /// The code of the answer.
    pub(crate) const fn code(&self) -> StatusCode {
        match self {
            Self::NoPage | Self::NotFound { .. } | Self::NoneSuch { .. } => StatusCode::NOT_FOUND,
            Self::BadRequest(_) => StatusCode::BAD_REQUEST,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::MethodNotAllowed { .. } => StatusCode::METHOD_NOT_ALLOWED,
            Self::NotAcceptable | Self::NotThisForm(_) => StatusCode::NOT_ACCEPTABLE,
            Self::SlowBody => StatusCode::REQUEST_TIMEOUT,
            Self::Conflict { .. } => StatusCode::CONFLICT,
            Self::Expired { .. } => StatusCode::GONE,
            Self::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType { .. } => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Invalid { .. } => StatusCode::UNPROCESSABLE_ENTITY,
            Self::TooLargeResourceVersion { .. } => StatusCode::GATEWAY_TIMEOUT,
            Self::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    const fn reason(&self) -> &'static str {
        match self {
            Self::NoPage | Self::NotFound { .. } | Self::NoneSuch { .. } => "NotFound",
            Self::BadRequest(_) => "BadRequest",
            Self::Unauthorized => "Unauthorized",
            Self::MethodNotAllowed { .. } => "MethodNotAllowed",
            Self::NotAcceptable | Self::NotThisForm(_) => "NotAcceptable",
            Self::SlowBody | Self::TooLargeResourceVersion { .. } => "Timeout",
            Self::Conflict { .. } => "Conflict",
            Self::Expired { .. } => "Expired",
            Self::TooLarge { .. } => "RequestEntityTooLarge",
            Self::UnsupportedMediaType { .. } => "UnsupportedMediaType",
            Self::Invalid { .. } => "Invalid",
            Self::Unavailable(_) => "ServiceUnavailable",
            Self::Internal(_) => "InternalError",
        }
    }

    /// After which time the same request may succeed, if at all.
    pub(crate) const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::TooLargeResourceVersion { .. } | Self::Unavailable(_) => Some(Duration::from_secs(1)),
            Self::NoPage
            | Self::NotFound { .. }
            | Self::NoneSuch { .. }
            | Self::BadRequest(_)
            | Self::Unauthorized
            | Self::MethodNotAllowed { .. }
            | Self::NotAcceptable
            | Self::NotThisForm(_)
            | Self::SlowBody
            | Self::Conflict { .. }
            | Self::Expired { .. }
            | Self::TooLarge { .. }
            | Self::UnsupportedMediaType { .. }
            | Self::Invalid { .. }
            | Self::Internal(_) => None,
        }
    }

    /// The `Status` object: of an answer, or of an `ERROR` event of a watch.
    pub(crate) fn status(&self) -> Value {
        let mut status = json!({
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.to_string(),
            "reason": self.reason(),
            "code": self.code().as_u16(),
        });
        if let Self::Expired {
            continue_token: Some(token),
            ..
        } = self
        {
            status["metadata"]["continue"] = (&**token).into();
        }
        let details = self.details();
        if !details.is_empty() {
            status["details"] = details.into();
        }
        status
    }

    fn details(&self) -> Map<String, Value> {
        let mut details = match self {
            Self::NotFound { of, name } | Self::NoneSuch { of, name, .. } | Self::Conflict { of, name, .. } => {
                detail(&of.group, &of.resource, name)
            }
            Self::MethodNotAllowed { of: Some(of), .. } => detail(&of.group, &of.resource, ""),
            Self::Invalid { kind, name, causes } => {
                let (kind, group) = kind.split_once('.').unwrap_or((kind, ""));
                let mut details = detail(group, kind, name);
                details.insert("causes".to_owned(), causes.iter().map(Cause::of_status).collect());
                details
            }
            Self::TooLargeResourceVersion { .. } => {
                let cause = json!({"reason": "ResourceVersionTooLarge", "message": "Too large resource version"});
                Map::from_iter([("causes".to_owned(), json!([cause]))])
            }
            Self::Internal(why) => Map::from_iter([("causes".to_owned(), json!([{"message": why}]))]),
            Self::NoPage
            | Self::BadRequest(_)
            | Self::Unauthorized
            | Self::MethodNotAllowed { of: None, .. }
            | Self::NotAcceptable
            | Self::NotThisForm(_)
            | Self::SlowBody
            | Self::Expired { .. }
            | Self::TooLarge { .. }
            | Self::UnsupportedMediaType { .. }
            | Self::Unavailable(_) => Map::new(),
        };
        if let Some(delay) = self.retry_after() {
            details.insert("retryAfterSeconds".to_owned(), delay.as_secs().into());
        }
        details
    }
}

/// What is asked of the store and cannot be answered.
impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::TooOld { asked, oldest } => {
                Self::expired(format!("too old resource version: {asked} ({oldest})"))
            }
            StoreError::NotYet { asked, revision } => Self::TooLargeResourceVersion {
                asked: asked.get(),
                current: revision.get(),
            },
            StoreError::Closed => Self::Unavailable("the store is closed: the host is stopping".into()),
            // Reads are never refused like this; what a command is refused with, `control` puts into better words.
            StoreError::Command(refused) => Self::bad_request(refused.to_string()),
            StoreError::Engine(error) if error.may_pass() => Self::Unavailable(error.to_string().into()),
            StoreError::Engine(_)
            | StoreError::NewerFormat { .. }
            | StoreError::OtherInstance { .. }
            | StoreError::NoSession(_)
            | StoreError::IdentityChanged { .. }
            | StoreError::Conflict { .. }
            | StoreError::OtherUid { .. }
            | StoreError::NotFound(_) => Self::internal(error.to_string()),
        }
    }
}

fn detail(group: &str, kind: &str, name: &str) -> Map<String, Value> {
    let parts = [("name", name), ("group", group), ("kind", kind)];
    let said = parts.into_iter().filter(|(_, value)| !value.is_empty());
    said.map(|(key, value)| (key.to_owned(), value.into())).collect()
}
