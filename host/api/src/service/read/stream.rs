//! Answers that are made while they are read, so that nothing is made faster than it is taken.

use bytes::Bytes;
use futures_util::{Stream, TryStreamExt as _};
use http::Response;
use http::header::{CONTENT_TYPE, HeaderValue};
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};

use crate::service::answer::JSON;
use crate::service::{Body, Interrupted};

/// An answer of 200 in JSON, from chunks.
pub(super) fn streamed(chunks: impl Stream<Item = Result<Bytes, Interrupted>> + Send + 'static) -> Response<Body> {
    let mut answer = Response::new(StreamBody::new(chunks.map_ok(Frame::data)).boxed_unsync());
    answer
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(JSON));
    answer
}
