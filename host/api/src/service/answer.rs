//! Answers.

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_TYPE, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{Response, StatusCode};
use http_body_util::{BodyExt as _, Empty, Full};
use serde::Serialize;

use super::Body;
use super::failure::Failure;

/// JSON as it is sent.
pub(crate) const JSON: &str = "application/json";

/// A body of known bytes.
pub(crate) fn bytes(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).map_err(|never| match never {}).boxed_unsync()
}

/// No body.
pub(crate) fn empty() -> Body {
    Empty::new().map_err(|never| match never {}).boxed_unsync()
}

/// An answer of 200.
pub(crate) fn page(content_type: &'static str, body: impl Into<Bytes>) -> Response<Body> {
    let mut answer = Response::new(bytes(body));
    answer
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    answer
}

/// An answer of 200 in JSON, with the line end that Kubernetes API servers put behind.
///
/// # Errors
/// 500 for what has no JSON.
pub(crate) fn json(value: &impl Serialize) -> Result<Response<Body>, Failure> {
    let mut text = serde_json::to_vec(value).map_err(|error| Failure::internal(error.to_string()))?;
    text.push(b'\n');
    Ok(page(JSON, text))
}

/// The answer to a request that is refused.
pub(crate) fn refusal(failure: &Failure) -> Response<Body> {
    let mut answer = match failure {
        Failure::NoPage => page("text/plain; charset=utf-8", format!("{failure}\n")),
        Failure::NotFound { .. }
        | Failure::NoneSuch { .. }
        | Failure::BadRequest(_)
        | Failure::Unauthorized
        | Failure::MethodNotAllowed { .. }
        | Failure::NotAcceptable
        | Failure::NotThisForm(_)
        | Failure::SlowBody
        | Failure::Conflict { .. }
        | Failure::Expired { .. }
        | Failure::TooLarge { .. }
        | Failure::UnsupportedMediaType { .. }
        | Failure::Invalid { .. }
        | Failure::TooLargeResourceVersion { .. }
        | Failure::Unavailable(_)
        | Failure::Internal(_) => page(JSON, format!("{}\n", failure.status())),
    };
    *answer.status_mut() = failure.code();
    let headers = answer.headers_mut();
    if let Some(delay) = failure.retry_after() {
        headers.insert(RETRY_AFTER, delay.as_secs().into());
    }
    if let Failure::MethodNotAllowed { allowed, .. } = failure {
        headers.insert(ALLOW, HeaderValue::from_static(allowed));
    }
    if failure.code() == StatusCode::UNAUTHORIZED {
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"k1s\""));
    }
    answer
}
