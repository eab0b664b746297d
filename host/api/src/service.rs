//! The API as a tower service without sockets.
//!
//! A request goes one way: `routing` decides by path and method what is asked for, whoever serves that decides what the
//! parameters mean, and every refusal is a `failure::Failure`, which answers in the words of a Kubernetes API server.
//!
//! # Versions
//! Discovery lists every served version of a kind, and every listed version shows the same objects. There is no converter:
//! an object is served with the apiVersion it was declared with, also where another version of its group was asked for.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use k1s_store::Reader;
use k1s_store::served::Servery;
use thiserror::Error;
use tokio::sync::watch;

use crate::board::Board;
use crate::control::Control;
use crate::server::TokenGate;

mod accept;
mod answer;
mod blocking;
mod body;
mod control;
mod discovery;
mod failure;
mod health;
mod kinds;
mod path;
mod query;
mod read;
mod request;
mod routing;
mod user;

/// The body of an answer; that of a watch does not end before the watch does.
pub type Body = UnsyncBoxBody<Bytes, Interrupted>;

/// Why a body ends before its end; the connection is cut, so that nobody takes the answer for whole.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the answer is not whole: {0}")]
pub struct Interrupted(pub Box<str>);

/// What the API is made of.
pub struct Parts {
    /// Reads stored objects.
    pub reader: Reader,
    /// Makes stored objects ready for readers.
    pub servery: Servery,
    /// Reads control objects.
    pub board: Board,
    /// Carries out what a person wants done.
    pub control: Arc<dyn Control>,
    /// Knows how the host fares.
    pub vitals: Arc<dyn Vitals>,
    /// Who is answered.
    pub access: Access,
    /// What the API says of itself.
    pub about: About,
    /// True once the host stops; then every watch ends. A sender that is gone means the same.
    pub closing: watch::Receiver<bool>,
}

/// Who is answered.
#[derive(Clone)]
pub enum Access {
    /// Whoever can call the service: it has no socket.
    Trusted,
    /// Whoever has a bearer token that this admits; everybody is shown health, readiness and version.
    Token(Arc<dyn Gate>),
}

/// Checks bearer tokens.
pub trait Gate: Send + Sync + 'static {
    /// Whether who has this token is answered.
    fn admits(&self, bearer: &str) -> bool;
}

impl Gate for TokenGate {
    fn admits(&self, bearer: &str) -> bool {
        Self::admits(self, bearer)
    }
}

/// What the API says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct About {
    /// The release of the host, for example `0.1.0`.
    pub release: Box<str>,
}

/// Knows how the host fares. Both are asked at each request, so they must not block.
pub trait Vitals: Send + Sync + 'static {
    /// The figures as OpenMetrics text, with the closing `# EOF`.
    fn metrics(&self) -> String;

    /// What must be well for the host to be ready.
    fn checks(&self) -> Vec<Check>;
}

/// One thing that must be well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// One word, for example `store`; it is part of a path.
    pub name: Box<str>,
    /// Whether it is.
    pub outcome: Result<(), Unwell>,
}

/// Why something is not well, for a person.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct Unwell(pub Box<str>);

/// The API; clones are cheap and answer from the same parts.
#[derive(Clone)]
pub struct Api {
    parts: Arc<Parts>,
}

impl Api {
    /// Makes the API of these parts.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        Self { parts: Arc::new(parts) }
    }
}

/// An answer in the making.
pub type Answering = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

impl<B> tower::Service<Request<B>> for Api
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Answering;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Answering {
        let parts = Arc::clone(&self.parts);
        Box::pin(async move { Ok(routing::answer(&parts, request).await) })
    }
}
