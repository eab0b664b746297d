//! Reads of objects.

use std::sync::Arc;

use http::Response;

use super::failure::Failure;
use super::request::ResourceCall;
use super::{Body, Parts};

/// Answers get, list and watch.
#[expect(clippy::unused_async, reason = "reading the store waits")]
pub(crate) async fn read(_: &Arc<Parts>, _: ResourceCall) -> Result<Response<Body>, Failure> {
    Err(Failure::NoPage)
}
