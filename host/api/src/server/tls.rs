//! The server's side of TLS: which versions, which protocols, and a certificate that is always fresh.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use k1s_store::clock::Clock;
use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, ring};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};
use thiserror::Error;

use super::authority::{Authority, AuthorityError, Validity};
use super::identity::Identity;

/// From how long before its end on a certificate is replaced: 30 days.
const RENEWAL: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// HTTP/2 before HTTP/1.1, by the names of RFC 7301's registry.
pub(super) const HTTP_2: &[u8] = b"h2";
pub(super) const HTTP_1: &[u8] = b"http/1.1";

/// TLS 1.3 and 1.2 with a certificate of the identity's authority; cheap to clone.
///
/// The certificate is looked at when a client greets: if its time has not come (the clock went back) or fewer than 30
/// days of its 90 are left, that client already gets the next one. Connections that are open are not touched.
#[derive(Clone)]
pub struct Tls {
    config: Arc<ServerConfig>,
}

/// Why there can be no TLS.
#[derive(Debug, Error)]
pub enum TlsError {
    /// The authority issues nothing.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    /// The library refuses.
    #[error("TLS cannot be set up: {0}")]
    Library(#[from] rustls::Error),
}

struct Leaf {
    key: Arc<CertifiedKey>,
    validity: Validity,
}

struct Leaves {
    authority: Arc<Authority>,
    clock: Arc<dyn Clock>,
    provider: Arc<CryptoProvider>,
    current: Mutex<Leaf>,
}

impl Tls {
    /// Makes the first certificate.
    ///
    /// # Errors
    /// When the authority's time is over, or the system has no random bits.
    pub fn new(identity: &Identity) -> Result<Self, TlsError> {
        let provider = Arc::new(ring::default_provider());
        let (authority, clock) = (identity.authority(), identity.clock());
        let leaves = Leaves {
            authority: Arc::clone(authority),
            clock: Arc::clone(clock),
            current: Mutex::new(issue(authority, clock.as_ref(), &provider)?),
            provider: Arc::clone(&provider),
        };
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&TLS13, &TLS12])?
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(leaves));
        config.alpn_protocols = vec![HTTP_2.to_vec(), HTTP_1.to_vec()];
        Ok(Self {
            config: Arc::new(config),
        })
    }

    pub(super) fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.config)
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}

impl Leaves {
    /// The certificate to show now. One that cannot be replaced is shown on: it may be good for another 30 days.
    fn current(&self) -> Arc<CertifiedKey> {
        let mut leaf = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.clock.now();
        if !leaf.validity.covers(now) || leaf.validity.left(now) < RENEWAL {
            match issue(&self.authority, self.clock.as_ref(), &self.provider) {
                Ok(next) => *leaf = next,
                Err(error) => tracing::warn!(%error, "the server's certificate cannot be renewed"),
            }
        }
        Arc::clone(&leaf.key)
    }
}

impl ResolvesServerCert for Leaves {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current())
    }
}

impl fmt::Debug for Leaves {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Leaves").finish_non_exhaustive()
    }
}

fn issue(authority: &Authority, clock: &dyn Clock, provider: &CryptoProvider) -> Result<Leaf, TlsError> {
    let issued = authority.issue(clock.now())?;
    let key = provider.key_provider.load_private_key(issued.key)?;
    Ok(Leaf {
        key: Arc::new(CertifiedKey::new(vec![issued.certificate], key)),
        validity: issued.validity,
    })
}
