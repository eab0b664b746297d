//! A server that says whatever it was told to, for faults that no real one has.

use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use k1s_getter_net::Url;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

/// What is done once a request came.
#[derive(Clone)]
pub(crate) enum Say {
    /// These bytes.
    Bytes(Vec<u8>),
    /// These bytes again and again, as fast as they are taken.
    Forever(Vec<u8>),
    /// One byte of these, again and again, with pauses.
    Drip(Vec<u8>, Duration),
    /// The end of the connection without a farewell of TLS.
    Cut,
    /// Nothing more, without an end.
    Nothing,
}

pub(crate) fn text(text: &str) -> Say {
    Say::Bytes(text.as_bytes().to_vec())
}

/// A server with one script for each connection; the last is for all further ones.
pub(crate) struct Socket {
    pub(crate) port: u16,
    scheme: &'static str,
    accepted: Arc<AtomicUsize>,
    _tasks: JoinSet<()>,
}

impl Socket {
    pub(crate) async fn new(scripts: Vec<Vec<Say>>) -> io::Result<Self> {
        Self::start(None, scripts).await
    }

    /// The same over TLS.
    pub(crate) async fn secure(acceptor: TlsAcceptor, scripts: Vec<Vec<Say>>) -> io::Result<Self> {
        Self::start(Some(acceptor), scripts).await
    }

    async fn start(acceptor: Option<TlsAcceptor>, scripts: Vec<Vec<Say>>) -> io::Result<Self> {
        let scheme = if acceptor.is_some() { "https" } else { "http" };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        let accepted = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&accepted);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut open = JoinSet::new();
            while let Ok((socket, _)) = listener.accept().await {
                let number = counted.fetch_add(1, Ordering::SeqCst);
                let script = scripts[number.min(scripts.len() - 1)].clone();
                // Clients go away in the middle: that is what they are tested for.
                let acceptor = acceptor.clone();
                open.spawn(async move {
                    drop(match acceptor {
                        None => play(socket, script).await,
                        Some(acceptor) => match acceptor.accept(socket).await {
                            Ok(socket) => play(socket, script).await,
                            Err(error) => Err(error),
                        },
                    });
                });
            }
        });
        Ok(Self {
            port,
            scheme,
            accepted,
            _tasks: tasks,
        })
    }

    pub(crate) fn url(&self) -> Url {
        Url::parse(&format!("{}://origin.test:{}/f", self.scheme, self.port)).expect("a URL")
    }

    pub(crate) fn accepted(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }
}

async fn play<S: AsyncRead + AsyncWrite + Unpin>(mut socket: S, script: Vec<Say>) -> io::Result<()> {
    let mut asked = Vec::new();
    while !asked.windows(4).any(|end| end == b"\r\n\r\n") {
        if socket.read_buf(&mut asked).await? == 0 {
            return Ok(());
        }
    }
    for say in script {
        match say {
            Say::Bytes(bytes) => socket.write_all(&bytes).await?,
            Say::Forever(bytes) => loop {
                socket.write_all(&bytes).await?;
            },
            Say::Drip(bytes, pause) => {
                for byte in bytes.iter().cycle() {
                    socket.write_all(&[*byte]).await?;
                    tokio::time::sleep(pause).await;
                }
            }
            Say::Cut => return socket.flush().await,
            Say::Nothing => std::future::pending().await,
        }
    }
    socket.shutdown().await
}
