//! A connection, whatever it goes through.

use std::fmt;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use hyper_util::client::legacy::connect::{Connected, Connection};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::tls::TlsFault;

/// What bytes go through in both directions.
pub(crate) trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// What is spoken on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Speech {
    /// Whatever the caller likes; of HTTP, version 1.1.
    Plain,
    /// HTTP/2.
    Http2,
    /// HTTP/1.1 with a proxy that passes requests on.
    Forwarded,
}

/// Why TLS broke on a connection, for when the library above only hands a text on.
#[derive(Clone, Debug, Default)]
pub(crate) struct Breach(Arc<Mutex<Option<TlsFault>>>);

impl Breach {
    fn note(&self, error: &io::Error) {
        if let Some(fault) = TlsFault::find(error) {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(fault);
        }
    }

    /// Returns it, once.
    pub(crate) fn take(&self) -> Option<TlsFault> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// A connection to a peer whose address was judged, direct or through a proxy.
pub struct Stream {
    io: Box<dyn Duplex>,
    speech: Speech,
    breach: Breach,
}

impl Stream {
    pub(crate) fn new(io: impl Duplex + 'static, speech: Speech) -> Self {
        Self {
            io: Box::new(io),
            speech,
            breach: Breach::default(),
        }
    }

    /// Returns the same, to be spoken on otherwise.
    pub(crate) fn speaking(self, speech: Speech) -> Self {
        Self { speech, ..self }
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Stream({:?})", self.speech)
    }
}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        let connected = Connected::new().extra(self.breach.clone());
        match self.speech {
            Speech::Plain => connected,
            Speech::Http2 => connected.negotiated_h2(),
            Speech::Forwarded => connected.proxy(true),
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = ready!(Pin::new(&mut self.io).poll_read(context, buffer));
        Poll::Ready(read.inspect_err(|error| self.breach.note(error)))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
}
