//! The port: chosen once and kept.

use std::io;
use std::net::SocketAddr;

use thiserror::Error;
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use super::identity::{Identity, IdentityError};
use super::loopback::{Loopback, NotLoopback};

/// Connections that may wait to be accepted; the system lets further ones try again.
const BACKLOG: u32 = 1024;

/// Where a server would listen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Where it listened last; the first time, and when somebody else has taken that port, on one that the system
    /// chooses.
    Kept,
    /// Here and nowhere else. Port 0 is one that the system chooses.
    Exactly(Loopback),
}

/// A port that is listened on.
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
    address: Loopback,
}

/// A listener, and whether clients find it where they look.
#[derive(Debug)]
#[must_use]
pub struct Bound {
    /// The listener.
    pub listener: Listener,
    /// Whether it is another port than the last time: clients need the kubeconfig as it is from now on.
    pub changed: Option<PortChanged>,
}

/// The server listens elsewhere than the last time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortChanged {
    /// Where it was.
    pub from: Loopback,
    /// Where it is.
    pub to: Loopback,
}

/// Why a server cannot listen.
#[derive(Debug, Error)]
pub enum ListenError {
    /// The port is somebody else's.
    #[error("{address} is taken by another program; choose another port, or none to have one chosen")]
    Taken {
        /// What was asked for.
        address: Loopback,
    },
    /// The system refused.
    #[error("cannot listen on {address}: {source}")]
    Io {
        /// Where.
        address: Loopback,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The system gave another address than asked for.
    #[error(transparent)]
    Elsewhere(#[from] NotLoopback),
    /// The kept address cannot be read or written.
    #[error(transparent)]
    Identity(#[from] IdentityError),
}

impl Listener {
    /// Listens, and keeps the address in the identity. Has to be called inside a Tokio runtime.
    ///
    /// # Errors
    /// When the address that was asked for is taken, the system refuses, or the kept address is damaged.
    pub fn bind(identity: &Identity, wish: Wish) -> Result<Bound, ListenError> {
        let kept = identity.address()?;
        let listener = match (wish, kept) {
            (Wish::Exactly(address), _) => Self::at(address)?,
            (Wish::Kept, None) => Self::at(Loopback::ANY_PORT)?,
            (Wish::Kept, Some(kept)) => match Self::at(kept) {
                Err(ListenError::Taken { .. }) => Self::at(kept.with_any_port())?,
                bound => bound?,
            },
        };
        let to = listener.address;
        if kept != Some(to) {
            identity.keep_address(to)?;
        }
        let changed = kept.filter(|from| *from != to).map(|from| PortChanged { from, to });
        Ok(Bound { listener, changed })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> Loopback {
        self.address
    }

    pub(super) async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        self.socket.accept().await
    }

    fn at(address: Loopback) -> Result<Self, ListenError> {
        let refused = |source: io::Error| {
            if source.kind() == io::ErrorKind::AddrInUse {
                ListenError::Taken { address }
            } else {
                ListenError::Io { address, source }
            }
        };
        let socket = listen(address.socket()).map_err(refused)?;
        let bound = socket.local_addr().map_err(refused)?;
        Ok(Self {
            socket,
            address: Loopback::try_from(bound)?,
        })
    }
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    // Connections of the run before that are not quite over must not cost the port.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}
