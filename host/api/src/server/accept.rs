//! Accepts connections, and lets go of them in order.

use std::convert::Infallible;
use std::error::Error as StdError;
use std::future::Future;
use std::io;
use std::pin::pin;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::{Body, Incoming};
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_rustls::TlsAcceptor;
use tower::Service;

use super::connection::{Streams, converse};
use super::listener::Listener;
use super::tls::Tls;

/// Connections at the same time; further ones wait in the system's queue until one of them ends.
pub const MAX_CONNECTIONS: usize = 512;

/// How long requests may go on after the server was told to close; then their connections are cut.
pub const CLOSING_GRACE: Duration = Duration::from_secs(1);

/// The first pause after the system could not accept, as when there are no file descriptors left; it doubles each time.
const FIRST_PAUSE: Duration = Duration::from_millis(10);

/// The longest such pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Serves HTTP/1.1 and HTTP/2, as a client chooses, over TLS until `closing` is done: then accepts nothing more, lets
/// requests finish for [`CLOSING_GRACE`], and cuts off what still goes on. When it returns, nothing of it runs any
/// more.
///
/// The limits are the constants of [`server`](super). A client that fails to shake hands is worth no more than a
/// debug message.
pub async fn serve<S, B>(listener: Listener, tls: Tls, service: S, closing: impl Future<Output = ()> + Send)
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send + 'static,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    let acceptor = TlsAcceptor::from(tls.config());
    let (tell, told) = watch::channel(false);
    let mut connections = JoinSet::new();
    let streams = Streams::default();
    let mut pause = Pause::default();
    let mut closing = pin!(closing);
    loop {
        tokio::select! {
            biased;
            () = &mut closing => break,
            Some(ended) = connections.join_next() => report(ended),
            accepted = accept(&listener, pause.over), if connections.len() < MAX_CONNECTIONS => match accepted {
                Ok(stream) => {
                    pause = Pause::default();
                    let (acceptor, service) = (acceptor.clone(), service.clone());
                    connections.spawn(converse(stream, acceptor, service, streams.clone(), told.clone()));
                }
                Err(error) => pause = pause.after(&error, Instant::now()),
            },
        }
    }
    drop(listener);
    tell.send_replace(true);
    say_goodbye(connections).await;
    streams.shutdown().await;
}

/// Accepts once the pause is over. May be cancelled and called again.
async fn accept(listener: &Listener, pause_over: Option<Instant>) -> io::Result<tokio::net::TcpStream> {
    if let Some(over) = pause_over {
        sleep_until(over).await;
    }
    let (stream, _) = listener.accept().await?;
    Ok(stream)
}

async fn say_goodbye(mut connections: JoinSet<()>) {
    let all_ended = async {
        while let Some(ended) = connections.join_next().await {
            report(ended);
        }
    };
    if timeout(CLOSING_GRACE, all_ended).await.is_err() {
        tracing::debug!(connections = connections.len(), "cutting off what still goes on");
        connections.shutdown().await;
    }
}

fn report(ended: Result<(), JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "a connection ended badly");
    }
}

/// Keeps a server that cannot accept from trying without end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Pause {
    length: Duration,
    over: Option<Instant>,
}

impl Pause {
    /// The pause after another failure. A client that left while it waited says nothing about the next one.
    fn after(self, error: &io::Error, now: Instant) -> Self {
        if matches!(
            error.kind(),
            io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::Interrupted
        ) {
            return Self::default();
        }
        let length = (self.length * 2).clamp(FIRST_PAUSE, LONGEST_PAUSE);
        tracing::warn!(%error, ?length, "no connection can be accepted now");
        Self {
            length,
            over: Some(now + length),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_second_and_end_with_the_trouble() {
        let out_of_files = io::Error::from_raw_os_error(24);
        let now = Instant::now();
        let mut pause = Pause::default();
        let mut lengths = Vec::new();
        for _ in 0..9 {
            pause = pause.after(&out_of_files, now);
            assert_eq!(pause.over, Some(now + pause.length));
            lengths.push(pause.length.as_millis());
        }
        assert_eq!(lengths, [10, 20, 40, 80, 160, 320, 640, 1000, 1000]);
        let left = io::Error::from(io::ErrorKind::ConnectionAborted);
        assert_eq!(pause.after(&left, now), Pause::default());
    }
}
