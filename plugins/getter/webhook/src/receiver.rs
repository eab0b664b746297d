//! Hears requests over HTTP.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Empty, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::bell::{Bell, Rope};
use crate::hook::{Hook, Word};
use crate::limits::{BODY_BYTES, CONNECTIONS, HEAD_BYTES, PAUSE, READ};

/// Why nothing can be heard.
#[derive(Debug, thiserror::Error)]
#[error("webhooks cannot be heard at {address}: {source}")]
pub struct ListenError {
    address: SocketAddr,
    source: io::Error,
}

/// Hears requests at one address.
#[derive(Debug)]
pub struct Receiver {
    listener: TcpListener,
    address: SocketAddr,
    hooks: BTreeMap<String, (Hook, Rope)>,
}

type Answer = Response<Empty<Bytes>>;

impl Receiver {
    /// Takes an address; a port of 0 is any that is free. Nothing is heard before [`Receiver::run`].
    ///
    /// # Errors
    /// When the address cannot be had.
    pub async fn bind(address: SocketAddr) -> Result<Self, ListenError> {
        let failed = |source| ListenError { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let hooks = BTreeMap::new();
        Ok(Self {
            listener,
            address,
            hooks,
        })
    }

    /// Where it is heard.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Hears a hook at a path, which begins with `/`; a hook that was there is heard no more.
    pub fn hang(&mut self, path: &str, hook: Hook) -> Bell {
        let (rope, bell) = Bell::hung();
        self.hooks.insert(path.to_owned(), (hook, rope));
        bell
    }

    /// Hears requests until it is dropped, and with it every connection.
    pub async fn run(self) -> Infallible {
        let hooks = Arc::new(self.hooks);
        let places = Arc::new(Semaphore::new(CONNECTIONS));
        let mut connections = JoinSet::new();
        loop {
            while connections.try_join_next().is_some() {}
            let Ok(place) = Arc::clone(&places).acquire_owned().await else {
                std::future::pending::<()>().await;
                continue;
            };
            let stream = match self.listener.accept().await {
                Ok((stream, _)) => stream,
                Err(error) => {
                    // Out of file descriptors, mostly; it passes when others are closed.
                    tracing::warn!(%error, "a webhook's connection could not be accepted");
                    sleep(PAUSE).await;
                    continue;
                }
            };
            let hooks = Arc::clone(&hooks);
            connections.spawn(async move {
                serve(stream, &hooks).await;
                drop(place);
            });
        }
    }
}

/// Answers one request of a connection, and closes it.
async fn serve(stream: TcpStream, hooks: &BTreeMap<String, (Hook, Rope)>) {
    let answering = service_fn(|request| async { Ok::<_, Infallible>(answer(request, hooks).await) });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(READ)
        .max_buf_size(HEAD_BYTES)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), answering);
    // Head, body, and the few bytes of an answer.
    match timeout(READ * 3, connection).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "a webhook's connection ended badly"),
        Err(_) => tracing::debug!("a webhook's connection took too long"),
    }
}

async fn answer(request: Request<Incoming>, hooks: &BTreeMap<String, (Hook, Rope)>) -> Answer {
    let mut answer = Answer::default();
    *answer.status_mut() = status(request, hooks).await;
    answer
}

async fn status(request: Request<Incoming>, hooks: &BTreeMap<String, (Hook, Rope)>) -> StatusCode {
    let (head, body) = request.into_parts();
    let Some((hook, rope)) = hooks.get(head.uri.path()) else {
        return StatusCode::NOT_FOUND;
    };
    if head.method != Method::POST {
        return StatusCode::METHOD_NOT_ALLOWED;
    }
    let body = match timeout(READ, Limited::new(body, BODY_BYTES).collect()).await {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(error)) if error.is::<LengthLimitError>() => return StatusCode::PAYLOAD_TOO_LARGE,
        Ok(Err(_)) => return StatusCode::BAD_REQUEST,
        Err(_) => return StatusCode::REQUEST_TIMEOUT,
    };
    match hook.judge(&head.headers, &body) {
        Ok(Word::Look) => {
            rope.pull();
            StatusCode::ACCEPTED
        }
        Ok(Word::Ping) => StatusCode::OK,
        Err(refusal) => {
            tracing::warn!("a webhook was refused: {refusal}");
            StatusCode::UNAUTHORIZED
        }
    }
}
