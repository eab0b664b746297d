//! The command line's way to a host that runs.

use std::error::Error as StdError;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use http::header::{AUTHORIZATION, HOST, HeaderValue};
use http::{Request, Response, StatusCode};
use hyper::body::{Body, Incoming};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use rustls::crypto::ring;
use rustls::pki_types::ServerName;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, RootCertStore};
use thiserror::Error;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::endpoint::Endpoint;
use super::loopback::Loopback;
use super::tls::HTTP_1;

/// How long it may take to reach the host and to shake hands with it.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A connection to a host that takes one request after the other. What reads a response ends with it, so it has to
/// outlive the response's body.
#[derive(Debug)]
pub struct Connection<B> {
    requests: SendRequest<B>,
    host: HeaderValue,
    authorization: HeaderValue,
    #[expect(dead_code, reason = "moves the bytes, and stops when the connection is dropped")]
    driver: JoinSet<()>,
}

/// Why a host cannot be reached.
#[derive(Debug, Error)]
pub enum ConnectError {
    /// Nothing listens, or the system is in the way.
    #[error("{address}: {source}; does the host run?")]
    Refused {
        /// Where.
        address: Loopback,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// What listens is not our host: it is not vouched for by our authority, or does not speak TLS.
    #[error("{address} is not this store's host: {source}; does the host run?")]
    NotOurs {
        /// Where.
        address: Loopback,
        /// What was wrong with it.
        #[source]
        source: io::Error,
    },
    /// What listens does not answer.
    #[error("{address} does not answer within {} s", CONNECT_TIMEOUT.as_secs())]
    TimedOut {
        /// Where.
        address: Loopback,
    },
    /// The kubeconfig's authority or token cannot be used.
    #[error("the kubeconfig is of no use: {0}; kubeconfig --rotate writes it anew")]
    Unusable(#[source] Box<dyn StdError + Send + Sync>),
    /// It speaks TLS, but not HTTP.
    #[error("{address} does not speak HTTP: {source}")]
    Http {
        /// Where.
        address: Loopback,
        /// What went wrong.
        #[source]
        source: hyper::Error,
    },
}

/// Why a request got no answer of use.
#[derive(Debug, Error)]
pub enum RequestError {
    /// The token is not the one that the host knows.
    #[error("the host does not know this token: it was rotated; run the command again, or kubeconfig --rotate")]
    Unauthorized,
    /// The connection broke.
    #[error("the connection to the host broke: {0}")]
    Broken(#[source] hyper::Error),
}

/// Connects to a host, trusting its authority only.
///
/// # Errors
/// When nothing listens, it is another program or another store's host, or it does not answer within 5 s.
pub async fn connect<B>(endpoint: &Endpoint) -> Result<Connection<B>, ConnectError>
where
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    let address = endpoint.address;
    let reached = timeout(CONNECT_TIMEOUT, reach(endpoint)).await;
    let stream = reached.map_err(|_| ConnectError::TimedOut { address })??;
    let greeted = http1::handshake(TokioIo::new(stream)).await;
    let (requests, connection) = greeted.map_err(|source| ConnectError::Http { address, source })?;
    let mut driver = JoinSet::new();
    driver.spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "the connection to the host ended badly");
        }
    });
    let bearer = format!("Bearer {}", endpoint.token.reveal());
    let mut authorization = HeaderValue::try_from(bearer).map_err(|error| ConnectError::Unusable(error.into()))?;
    authorization.set_sensitive(true);
    Ok(Connection {
        requests,
        host: HeaderValue::try_from(address.to_string()).map_err(|error| ConnectError::Unusable(error.into()))?,
        authorization,
        driver,
    })
}

impl<B> Connection<B>
where
    B: Body + Send + 'static,
{
    /// Sends a request, whose URI is a path with a query, with the token.
    ///
    /// # Errors
    /// When the host does not know the token, or the connection breaks. Any other status is the caller's.
    pub async fn send(&mut self, mut request: Request<B>) -> Result<Response<Incoming>, RequestError> {
        let headers = request.headers_mut();
        headers.insert(HOST, self.host.clone());
        headers.insert(AUTHORIZATION, self.authorization.clone());
        self.requests.ready().await.map_err(RequestError::Broken)?;
        let response = self.requests.send_request(request).await;
        let response = response.map_err(RequestError::Broken)?;
        if response.status() == StatusCode::UNAUTHORIZED {
            return Err(RequestError::Unauthorized);
        }
        Ok(response)
    }
}

async fn reach(endpoint: &Endpoint) -> Result<TlsStream<TcpStream>, ConnectError> {
    let address = endpoint.address;
    let config = trusting(endpoint).map_err(|error| ConnectError::Unusable(error.into()))?;
    let connected = TcpStream::connect(address.socket()).await;
    let stream = connected
        .and_then(|stream| stream.set_nodelay(true).map(|()| stream))
        .map_err(|source| ConnectError::Refused { address, source })?;
    let name = ServerName::IpAddress(address.socket().ip().into());
    let shaken = TlsConnector::from(Arc::new(config)).connect(name, stream).await;
    shaken.map_err(|source| ConnectError::NotOurs { address, source })
}

fn trusting(endpoint: &Endpoint) -> Result<ClientConfig, rustls::Error> {
    let mut roots = RootCertStore::empty();
    roots.add(endpoint.authority.clone())?;
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&TLS13, &TLS12])?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![HTTP_1.to_vec()];
    Ok(config)
}
