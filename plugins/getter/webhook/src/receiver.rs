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
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::{Instant, sleep, timeout};

use crate::bell::{Bell, Rope};
use crate::complaints::Complaints;
use crate::hook::{Hook, Refusal, Word};
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
        let (tell, mut refusals) = mpsc::channel(CONNECTIONS);
        let desk = Arc::new(Desk {
            hooks: self.hooks,
            judge: Arc::new(Semaphore::new(1)),
            refusals: tell,
        });
        let places = Arc::new(Semaphore::new(CONNECTIONS));
        let (mut connections, mut complaints) = (JoinSet::new(), Complaints::default());
        loop {
            while connections.try_join_next().is_some() {}
            // Both waits can be dropped: what was refused stays in the channel, and who wants to connect waits.
            let (place, accepted) = tokio::select! {
                Some(refusal) = refusals.recv() => {
                    complaints.hear(refusal, Instant::now());
                    continue;
                }
                next = next(&self.listener, &places) => next,
            };
            match accepted {
                Ok((stream, _)) => {
                    let desk = Arc::clone(&desk);
                    connections.spawn(async move {
                        desk.serve(stream).await;
                        drop(place);
                    });
                }
                Err(error) => {
                    // Out of file descriptors, mostly; it passes when others are closed.
                    tracing::warn!(%error, "a webhook's connection could not be accepted");
                    sleep(PAUSE).await;
                }
            }
        }
    }
}

/// Waits for a free place, and then for a connection.
async fn next(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> (Option<OwnedSemaphorePermit>, io::Result<(TcpStream, SocketAddr)>) {
    // The places are never closed.
    let place = Arc::clone(places).acquire_owned().await.ok();
    (place, listener.accept().await)
}

/// What decides over requests.
#[derive(Debug)]
struct Desk {
    hooks: BTreeMap<String, (Hook, Rope)>,
    /// The one permit to read secrets, which may be on a disk that does not answer: one thread waits for it, whatever comes.
    judge: Arc<Semaphore>,
    refusals: mpsc::Sender<Refusal>,
}

impl Desk {
    /// Answers one request of a connection, and closes it.
    async fn serve(&self, stream: TcpStream) {
        let answering = service_fn(|request| async { Ok::<_, Infallible>(self.answer(request).await) });
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

    async fn answer(&self, request: Request<Incoming>) -> Answer {
        let mut answer = Answer::default();
        *answer.status_mut() = self.status(request).await;
        answer
    }

    async fn status(&self, request: Request<Incoming>) -> StatusCode {
        let (head, body) = request.into_parts();
        let Some((hook, rope)) = self.hooks.get(head.uri.path()) else {
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
        let (hook, permit) = (hook.clone(), Arc::clone(&self.judge).acquire_owned().await);
        let judging = spawn_blocking(move || {
            let judged = hook.judge(&head.headers, &body);
            drop(permit);
            judged
        });
        match judging.await {
            Ok(Ok(Word::Look)) => {
                rope.pull();
                StatusCode::ACCEPTED
            }
            Ok(Ok(Word::Ping)) => StatusCode::OK,
            Ok(Err(refusal)) => {
                if self.refusals.try_send(refusal).is_err() {
                    tracing::debug!("so many requests were refused that one is not counted: {refusal}");
                }
                StatusCode::UNAUTHORIZED
            }
            Err(error) => {
                tracing::warn!(%error, "a webhook could not be judged");
                StatusCode::INTERNAL_SERVER_ERROR
            }
        }
    }
}
