//! HTTP/1.1 over TLS to a server of this machine.

use std::error::Error as StdError;
use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context as _;
use hyper::body::Body;
use hyper::client::conn::http1::{self, Connection, SendRequest};
use hyper_util::rt::TokioIo;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::authority::Leaf;

/// What moves the bytes of a connection: to be polled for as long as the connection is used.
pub(crate) type Driver<B> = Connection<TokioIo<TlsStream<TcpStream>>, B>;

/// A server, and how to be sure that it is it.
#[derive(Clone, Debug)]
pub(crate) struct Upstream {
    pub(crate) address: SocketAddr,
    tls: Arc<ClientConfig>,
}

impl Upstream {
    /// A server whose certificate an authority vouches for, which is given in PEM, and who to be to it.
    ///
    /// # Errors
    /// When a certificate or key is none.
    pub(crate) fn new(address: SocketAddr, authority: &str, identity: Option<&Leaf>) -> anyhow::Result<Self> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(authority.as_bytes())?)?;
        let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots);
        let tls = match identity {
            None => builder.with_no_client_auth(),
            Some(leaf) => {
                let certificate = CertificateDer::from_pem_slice(leaf.certificate.as_bytes())?;
                let key = PrivateKeyDer::from_pem_slice(leaf.key.as_bytes())?;
                builder.with_client_auth_cert(vec![certificate], key)?
            }
        };
        Ok(Self {
            address,
            tls: Arc::new(tls),
        })
    }

    /// Connects.
    ///
    /// # Errors
    /// When nobody listens, or it is somebody else.
    pub(crate) async fn connect<B>(&self) -> anyhow::Result<(SendRequest<B>, Driver<B>)>
    where
        B: Body + 'static,
        B::Data: Send,
        B::Error: Into<Box<dyn StdError + Send + Sync>>,
    {
        let stream = TcpStream::connect(self.address).await.context("connecting")?;
        stream.set_nodelay(true)?;
        let name = ServerName::IpAddress(self.address.ip().into());
        let stream = TlsConnector::from(Arc::clone(&self.tls)).connect(name, stream).await;
        Ok(http1::handshake(TokioIo::new(stream.context("shaking hands")?)).await?)
    }
}
