//! TLS, and why it cannot be agreed on.

use std::collections::BTreeMap;
use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::{IpAddr as TlsAddress, ServerName};
use tokio_rustls::rustls::{AlertDescription, CertificateError, ClientConfig, Error as RustlsError};

use crate::fault::Class;
use crate::origin::{Name, Origin};
use crate::redirect::Standing;

/// The names of HTTP/2 and HTTP/1.1 in TLS (RFC 7301).
pub(crate) const HTTP_2: &[u8] = b"h2";
const HTTP_1: &[u8] = b"http/1.1";

/// What a server says of a client's certificate that it does not take (RFC 8446, section 6.2).
const REFUSALS: [AlertDescription; 7] = [
    AlertDescription::BadCertificate,
    AlertDescription::UnsupportedCertificate,
    AlertDescription::CertificateRevoked,
    AlertDescription::CertificateExpired,
    AlertDescription::CertificateUnknown,
    AlertDescription::UnknownCA,
    AlertDescription::AccessDenied,
];

/// Why TLS cannot be agreed on.
#[derive(Debug, thiserror::Error)]
pub enum TlsFault {
    /// The certificate is too old.
    #[error("its certificate has expired")]
    Expired,
    /// The certificate is too young.
    #[error("its certificate is not valid yet; or this machine's clock is slow")]
    NotYetValid,
    /// The certificate is for others.
    #[error("its certificate is for other hosts")]
    WrongHost,
    /// Nobody whom we trust vouches for the certificate.
    #[error("its certificate is of no authority that is trusted here")]
    Untrusted,
    /// The certificate is revoked.
    #[error("its certificate is revoked")]
    Revoked,
    /// The certificate is wrong in another way.
    #[error("its certificate cannot be accepted: {0}")]
    Certificate(#[source] RustlsError),
    /// The server wants to know who asks.
    #[error("it asks for a client certificate, and there is none for this origin")]
    IdentityWanted,
    /// The server does not take our certificate.
    #[error("it does not accept the client certificate")]
    IdentityRefused,
    /// TLS failed otherwise.
    #[error("TLS cannot be agreed on: {0}")]
    Other(#[source] RustlsError),
    /// The connection broke.
    #[error("the connection broke while TLS was agreed on: {0}")]
    Connection(#[source] io::Error),
    /// The host has no name that TLS knows.
    #[error("the host's name is none that a certificate can be for")]
    Name,
}

impl TlsFault {
    /// Finds what rustls said in an error that was handed through.
    pub(crate) fn find(error: &(dyn StdError + 'static)) -> Option<Self> {
        let mut next = Some(error);
        while let Some(error) = next {
            if let Some(found) = error.downcast_ref::<RustlsError>() {
                return Some(Self::of(found));
            }
            let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
            next = match inner {
                Some(inner) => Some(inner),
                None => error.source(),
            };
        }
        None
    }

    fn of(error: &RustlsError) -> Self {
        if let RustlsError::InvalidCertificate(fault) = error {
            return Self::of_certificate(fault).unwrap_or_else(|| Self::Certificate(error.clone()));
        }
        let RustlsError::AlertReceived(alert) = error else {
            return Self::Other(error.clone());
        };
        if *alert == AlertDescription::CertificateRequired {
            return Self::IdentityWanted;
        }
        if REFUSALS.contains(alert) {
            return Self::IdentityRefused;
        }
        Self::Other(error.clone())
    }

    fn of_certificate(fault: &CertificateError) -> Option<Self> {
        use CertificateError as Fault;
        if matches!(fault, Fault::Expired | Fault::ExpiredContext { .. }) {
            return Some(Self::Expired);
        }
        if matches!(fault, Fault::NotValidYet | Fault::NotValidYetContext { .. }) {
            return Some(Self::NotYetValid);
        }
        if matches!(fault, Fault::NotValidForName | Fault::NotValidForNameContext { .. }) {
            return Some(Self::WrongHost);
        }
        // An authority of the same name with another key is another one.
        if matches!(fault, Fault::UnknownIssuer | Fault::BadSignature) {
            return Some(Self::Untrusted);
        }
        matches!(fault, Fault::Revoked).then_some(Self::Revoked)
    }

    pub(crate) fn class(&self) -> Class {
        match self {
            Self::Expired | Self::NotYetValid | Self::WrongHost | Self::Untrusted | Self::Revoked => Class::Refused,
            Self::Certificate(_) | Self::Name => Class::Refused,
            Self::IdentityWanted | Self::IdentityRefused => Class::Auth,
            Self::Other(_) | Self::Connection(_) => Class::Unavailable,
        }
    }
}

/// What is needed to speak TLS with each origin.
#[derive(Clone)]
pub(crate) struct Tls {
    plain: TlsConnector,
    /// To those that may see a certificate of ours.
    identified: BTreeMap<Origin, TlsConnector>,
    /// To proxies, which speak HTTP/1.1.
    proxy: TlsConnector,
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tls({} identities)", self.identified.len())
    }
}

impl Tls {
    pub(crate) fn new(plain: ClientConfig, identified: BTreeMap<Origin, ClientConfig>) -> Self {
        let proxy = TlsConnector::from(Arc::new(plain.clone()));
        let with_names = |mut config: ClientConfig| {
            config.alpn_protocols = vec![HTTP_2.to_vec(), HTTP_1.to_vec()];
            TlsConnector::from(Arc::new(config))
        };
        Self {
            plain: with_names(plain),
            identified: identified
                .into_iter()
                .map(|(origin, config)| (origin, with_names(config)))
                .collect(),
            proxy,
        }
    }

    /// Agrees on TLS with an origin; only whoever never left it shows it a certificate.
    pub(crate) async fn greet<S>(&self, origin: &Origin, standing: Standing, io: S) -> Result<TlsStream<S>, TlsFault>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let known = match standing {
            Standing::Home => self.identified.get(origin),
            Standing::Away => None,
        };
        let connector = known.unwrap_or(&self.plain);
        greet(connector, &origin.peer.name, io).await
    }

    /// Agrees on TLS with a proxy.
    pub(crate) async fn greet_proxy<S>(&self, name: &Name, io: S) -> Result<TlsStream<S>, TlsFault>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        greet(&self.proxy, name, io).await
    }
}

async fn greet<S>(connector: &TlsConnector, name: &Name, io: S) -> Result<TlsStream<S>, TlsFault>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let name = match name.address() {
        Some(address) => ServerName::IpAddress(TlsAddress::from(address)),
        None => ServerName::try_from(name.as_str().to_owned()).map_err(|_| TlsFault::Name)?,
    };
    let greeted = connector.connect(name, io).await;
    greeted.map_err(|error| TlsFault::find(&error).unwrap_or(TlsFault::Connection(error)))
}
