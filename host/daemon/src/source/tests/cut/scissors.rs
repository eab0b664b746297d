//! A stream that ends after so many bytes, as when the process at the other end is gone.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::UnixStream;

/// Where the host's end of a connection is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cut {
    /// Bytes that the host gets to read.
    heard: usize,
    /// Bytes that the host gets to write.
    said: usize,
}

impl Cut {
    /// Not at all.
    pub(super) const NEVER: Self = Self {
        heard: usize::MAX,
        said: usize::MAX,
    };

    /// After so many bytes of the plugin.
    pub(super) fn heard(bytes: usize) -> Self {
        Self {
            heard: bytes,
            ..Self::NEVER
        }
    }

    /// After so many bytes of the host.
    pub(super) fn said(bytes: usize) -> Self {
        Self {
            said: bytes,
            ..Self::NEVER
        }
    }
}

/// What went over a connection.
#[derive(Clone, Debug, Default)]
pub(super) struct Traffic {
    /// What the host read.
    pub(super) heard: Vec<u8>,
    /// How many bytes the host wrote.
    pub(super) said: usize,
}

/// The host's end of a connection.
#[derive(Debug)]
pub(super) struct Scissors {
    stream: UnixStream,
    cut: Cut,
    traffic: Arc<Mutex<Traffic>>,
}

impl Scissors {
    pub(super) fn new(stream: UnixStream, cut: Cut, traffic: Arc<Mutex<Traffic>>) -> Self {
        Self { stream, cut, traffic }
    }
}

impl AsyncRead for Scissors {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        // Either direction's end is that of the connection.
        if self.cut.heard == 0 || self.cut.said == 0 {
            return Poll::Ready(Ok(()));
        }
        let mut bytes = [0; 16 * 1024];
        let room = buffer.remaining().min(self.cut.heard).min(bytes.len());
        let mut part = ReadBuf::new(bytes.get_mut(..room).unwrap_or_default());
        std::task::ready!(Pin::new(&mut self.stream).poll_read(context, &mut part))?;
        self.cut.heard -= part.filled().len();
        self.traffic.lock().unwrap().heard.extend_from_slice(part.filled());
        buffer.put_slice(part.filled());
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Scissors {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.cut.heard == 0 || self.cut.said == 0 {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let part = bytes.get(..bytes.len().min(self.cut.said)).unwrap_or_default();
        let written = std::task::ready!(Pin::new(&mut self.stream).poll_write(context, part))?;
        self.cut.said -= written;
        self.traffic.lock().unwrap().said += written;
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// Where HTTP/2 frames begin and end in what a server said (RFC 9113 §4.1: nine bytes of head, of which the first three are
/// the length of the rest).
pub(super) fn frames(said: &[u8]) -> Vec<usize> {
    let mut boundaries = vec![0];
    let mut at = 0;
    while let Some([a, b, c, ..]) = said.get(at..) {
        at += 9 + usize::from(*a) * 0x1_0000 + usize::from(*b) * 0x100 + usize::from(*c);
        boundaries.push(at);
    }
    assert_eq!(at, said.len(), "frames end where the session does");
    boundaries
}
