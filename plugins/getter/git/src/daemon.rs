//! git's own protocol, as `git daemon` speaks it: a connection without protection.

use k1s_getter_net::{Client, Peer};
use tokio::io::AsyncWriteExt as _;

use crate::transport::{Dial, Pending, Reply, Session, Stream, Transport, TransportError};

/// Ends a conversation that has no further question.
const FLUSH: &[u8] = b"0000";

/// A repository that a server of `git://` has.
pub struct Daemon {
    dial: Box<dyn Dial>,
    /// The first packet: what is wanted, of which host, in which version of the protocol.
    opening: Vec<u8>,
}

impl Daemon {
    /// Names a repository by its path on a server that `dial` connects to; `host` is what the server is called, with its port
    /// if that is not the usual one. `None` if one of them holds a control character or they are longer than a packet.
    pub fn new(dial: Box<dyn Dial>, host: &str, path: &str) -> Option<Self> {
        let line = format!("git-upload-pack {path}\0host={host}\0\0version=2\0");
        let is_plain = [host, path].iter().all(|text| !text.chars().any(char::is_control));
        (is_plain && path.starts_with('/') && line.len() < 4096).then(|| Self {
            dial,
            opening: format!("{:04x}{line}", line.len() + 4).into_bytes(),
        })
    }
}

impl Transport for Daemon {
    fn open(&self) -> Pending<'_, Box<dyn Session>> {
        Box::pin(async {
            let mut stream = self.dial.dial().await?;
            stream.write_all(&self.opening).await.map_err(TransportError::new)?;
            Ok(Box::new(Duplex(stream)) as Box<dyn Session>)
        })
    }

    fn is_stateless(&self) -> bool {
        false
    }
}

/// A conversation over one connection.
pub(crate) struct Duplex(pub(crate) Box<dyn Stream>);

impl Session for Duplex {
    fn greeting(&mut self) -> Pending<'_, Reply<'_>> {
        Box::pin(async { Ok(Box::new(&mut self.0) as Reply<'_>) })
    }

    fn ask(mut self: Box<Self>, mut request: Vec<u8>) -> Pending<'static, Reply<'static>> {
        Box::pin(async move {
            // With the end of the conversation at once, the server ends by itself when it has answered.
            request.extend_from_slice(FLUSH);
            self.0.write_all(&request).await.map_err(TransportError::new)?;
            self.0.flush().await.map_err(TransportError::new)?;
            Ok(Box::new(self.0) as Reply<'static>)
        })
    }
}

/// A peer that a client connects to, within what it may reach and through its proxies.
#[derive(Clone, Debug)]
pub struct Dialled {
    client: Client,
    peer: Peer,
}

impl Dialled {
    /// Names a peer.
    pub fn new(client: Client, peer: Peer) -> Self {
        Self { client, peer }
    }
}

impl Dial for Dialled {
    fn dial(&self) -> Pending<'_, Box<dyn Stream>> {
        Box::pin(async {
            let stream = self.client.dial(&self.peer).await.map_err(TransportError::new)?;
            Ok(Box::new(stream) as Box<dyn Stream>)
        })
    }
}
