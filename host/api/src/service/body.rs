//! The body of a request, within limits.

use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use http::request::Parts as Head;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use tokio::time::timeout;

use super::failure::Failure;
use super::query::Query;

/// The largest body of a request, in bytes; that of a Kubernetes API server.
const MAX_BYTES: usize = 3 * 1024 * 1024;
/// How long a body may take to arrive.
const DEADLINE: Duration = Duration::from_secs(30);

/// What a writing request brought.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    /// The headers.
    pub(crate) headers: HeaderMap,
    /// The parameters.
    pub(crate) query: Query,
    /// The body, whole.
    pub(crate) body: Bytes,
}

impl Sent {
    /// Reads the body.
    ///
    /// # Errors
    /// 413 for one over 3 MiB, 408 for one that takes over 30 s, 400 for one that breaks off.
    pub(crate) async fn receive<B>(head: &Head, query: Query, body: B) -> Result<Self, Failure>
    where
        B: http_body::Body<Data = Bytes>,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        Ok(Self {
            headers: head.headers.clone(),
            query,
            body: collect(body).await?,
        })
    }

    /// The media type of the body, without parameters, in lower case; `None` where nothing is said.
    pub(crate) fn media_type(&self) -> Option<Box<str>> {
        let value = self.headers.get(CONTENT_TYPE)?;
        let text = value.to_str().unwrap_or("unreadable");
        let essence = text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        (!essence.is_empty()).then(|| essence.into())
    }
}

async fn collect<B>(body: B) -> Result<Bytes, Failure>
where
    B: http_body::Body<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let collecting = Box::pin(Limited::new(body, MAX_BYTES).collect());
    match timeout(DEADLINE, collecting).await {
        Err(_) => Err(Failure::SlowBody),
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(Failure::TooLarge { limit: MAX_BYTES }),
        Ok(Err(error)) => Err(Failure::bad_request(format!(
            "the body of the request broke off: {error}"
        ))),
    }
}
