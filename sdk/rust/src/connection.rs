//! The connections of the host; those of a debug build can end in the middle of what they carry.

use tokio::net::UnixListener;

#[cfg(not(debug_assertions))]
pub(crate) fn incoming(listener: UnixListener) -> tokio_stream::wrappers::UnixListenerStream {
    tokio_stream::wrappers::UnixListenerStream::new(listener)
}

#[cfg(debug_assertions)]
pub(crate) fn incoming(
    listener: UnixListener,
) -> impl tokio_stream::Stream<Item = std::io::Result<fragile::Connection>> {
    use tokio_stream::StreamExt as _;
    tokio_stream::wrappers::UnixListenerStream::new(listener).map(|stream| stream.map(fragile::Connection))
}

#[cfg(debug_assertions)]
mod fragile {
    //! A connection with a crash point in it.

    use std::io;
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use k1s_crash::{Point, pass_after};
    use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
    use tokio::net::UnixStream;
    use tonic::transport::server::{Connected, UdsConnectInfo};

    /// Fewest bytes of a part that is worth breaking: a batch's, not a heartbeat's.
    const LARGE: usize = 1024;

    pub(crate) struct Connection(pub(crate) UnixStream);

    impl Connected for Connection {
        type ConnectInfo = UdsConnectInfo;

        fn connect_info(&self) -> UdsConnectInfo {
            self.0.connect_info()
        }
    }

    impl AsyncRead for Connection {
        fn poll_read(
            mut self: Pin<&mut Self>,
            task: &mut Context<'_>,
            bytes: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            Pin::new(&mut self.0).poll_read(task, bytes)
        }
    }

    /// Does not gather, so that a large part is seen as such.
    impl AsyncWrite for Connection {
        fn poll_write(mut self: Pin<&mut Self>, task: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
            let stream = &mut self.0;
            let half = || drop(Pin::new(&mut *stream).poll_write(task, &bytes[..bytes.len() / 2]));
            pass_after(|| (bytes.len() >= LARGE).then_some(Point::K4), half);
            Pin::new(&mut self.0).poll_write(task, bytes)
        }

        fn poll_flush(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
            Pin::new(&mut self.0).poll_flush(task)
        }

        fn poll_shutdown(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
            Pin::new(&mut self.0).poll_shutdown(task)
        }
    }
}
