//! One connection: handshake, protocol, requests, farewell.

use std::convert::Infallible;
use std::error::Error as StdError;
use std::future::Future;
use std::io;
use std::mem;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::{Request, Response};
use hyper::body::{Body, Incoming};
use hyper::rt::Executor;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tower::Service;

use super::tls::HTTP_2;

/// How long a client may take for the TLS handshake; then it is disconnected.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a client may take for the head of a request, the first as any later on a connection of HTTP/1.1; then it is
/// disconnected. Between two requests this is how long such a connection may idle.
pub const HEADER_READ_TIMEOUT: Duration = Duration::from_secs(30);

/// How often a silent HTTP/2 client is asked whether it is still there.
pub const PING_INTERVAL: Duration = Duration::from_secs(30);

/// How long it may take to answer that; then it is disconnected.
pub const PING_TIMEOUT: Duration = Duration::from_secs(20);

/// Longest head of a request in bytes; a longer one is answered 431.
pub const MAX_HEADER_BYTES: u32 = 64 * 1024;

/// Requests at the same time on one HTTP/2 connection; further streams are refused, and clients send them again. The
/// number is kube-apiserver's (`--http2-max-streams-per-connection`).
pub const MAX_CONCURRENT_STREAMS: u32 = 250;

/// Serves one client until it leaves, is thrown out, or `closing` says so and its requests are answered.
pub(super) async fn converse<S, B>(
    stream: TcpStream,
    acceptor: TlsAcceptor,
    service: S,
    streams: Streams,
    mut closing: watch::Receiver<bool>,
) where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send + 'static,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    let greeted = tokio::select! {
        greeted = greet(stream, acceptor) => greeted,
        () = told_to_close(&mut closing) => return,
    };
    let stream = match greeted {
        Ok(stream) => stream,
        Err(error) => {
            tracing::debug!(%error, "a client did not get as far as a request");
            return;
        }
    };
    let builder = builder(stream.get_ref(), streams);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service)));
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = told_to_close(&mut closing) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended badly");
    }
}

/// Waits until the server closes, also when nobody is left to say so.
async fn told_to_close(closing: &mut watch::Receiver<bool>) {
    if let Err(gone) = closing.wait_for(|closing| *closing).await {
        tracing::debug!(%gone, "the server is gone");
    }
}

/// Shakes hands and waits for the client's first byte, which for HTTP/2 no other limit covers.
async fn greet(stream: TcpStream, acceptor: TlsAcceptor) -> io::Result<BufReader<TlsStream<TcpStream>>> {
    stream.set_nodelay(true)?;
    let shaken = timeout(HANDSHAKE_TIMEOUT, acceptor.accept(stream)).await;
    let mut stream = BufReader::new(shaken.map_err(|_| too_slow("the TLS handshake"))??);
    let first = timeout(HEADER_READ_TIMEOUT, stream.fill_buf()).await;
    if first.map_err(|_| too_slow("the first request"))??.is_empty() {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(stream)
}

fn too_slow(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, format!("{what} took too long"))
}

fn builder(stream: &TlsStream<TcpStream>, streams: Streams) -> Builder<Streams> {
    let mut builder = Builder::new(streams);
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_READ_TIMEOUT)
        .max_buf_size(usize::try_from(MAX_HEADER_BYTES).unwrap_or(usize::MAX));
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_TIMEOUT)
        .max_concurrent_streams(MAX_CONCURRENT_STREAMS)
        .max_header_list_size(MAX_HEADER_BYTES);
    let (_, session) = stream.get_ref();
    if session.alpn_protocol() == Some(HTTP_2) {
        builder.http2_only()
    } else {
        builder.http1_only()
    }
}

/// The streams of all HTTP/2 connections: tasks of the server. One ends with its connection at the latest, at most
/// [`MAX_CONCURRENT_STREAMS`] of one connection are open, and what has ended is cleared away before another begins.
#[derive(Clone, Default)]
pub(super) struct Streams(Arc<Mutex<JoinSet<()>>>);

impl Streams {
    /// Cuts off what still goes on, and waits until it is gone.
    pub(super) async fn shutdown(&self) {
        let mut streams = mem::take(&mut *self.lock());
        streams.shutdown().await;
    }

    fn lock(&self) -> MutexGuard<'_, JoinSet<()>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<F> Executor<F> for Streams
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, stream: F) {
        let mut streams = self.lock();
        while let Some(ended) = streams.try_join_next() {
            if let Err(error) = ended {
                tracing::error!(%error, "a request ended badly");
            }
        }
        streams.spawn(stream);
    }
}
