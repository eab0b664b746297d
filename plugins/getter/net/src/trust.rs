//! Whose certificates are believed, and which one is shown.

use std::sync::Arc;

use k1s_getter_address::Secret;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ClientConfig, ConfigBuilder, Error as RustlsError, RootCertStore, WantsVerifier};

use crate::origin::Origin;

/// Whose certificates are believed. Texts are PEM.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Trust {
    /// Those that the system trusts, or the file that `SSL_CERT_FILE` names.
    #[default]
    System,
    /// Those, and these authorities.
    Added(String),
    /// These authorities only.
    Only(String),
}

/// A certificate that says who asks, and its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The certificate, and those between it and its authority, as PEM.
    pub chain: String,
    /// Its key, as PEM.
    pub key: Secret,
}

/// Certificates or keys cannot be used. Quotes nothing of them.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// The system trusts nobody.
    #[error("the system has no certificates of authorities; name a file of them")]
    System,
    /// There is no certificate in what was given.
    #[error("there is no certificate in PEM in the authorities that were given")]
    NoAuthority,
    /// An authority's certificate is none.
    #[error("a certificate of an authority cannot be used: {0}")]
    Authority(#[source] RustlsError),
    /// There is no certificate in what was given for an origin.
    #[error("there is no certificate in PEM in the client certificate for {0}")]
    NoChain(Origin),
    /// There is no key in what was given for an origin.
    #[error("there is no private key in PEM in the key for {0}")]
    NoKey(Origin),
    /// Certificate and key cannot be used together.
    #[error("the client certificate for {origin} cannot be used with its key: {source}")]
    Identity {
        /// The origin that it was for.
        origin: Origin,
        /// Why not.
        source: RustlsError,
    },
    /// The library lacks a version of TLS.
    #[error("TLS is not available: {0}")]
    Versions(#[source] RustlsError),
}

impl Trust {
    /// Collects the authorities.
    pub(crate) fn roots(&self) -> Result<Arc<RootCertStore>, TrustError> {
        let mut roots = RootCertStore::empty();
        match self {
            Self::System => system(&mut roots)?,
            Self::Added(text) => {
                system(&mut roots)?;
                add(&mut roots, text)?;
            }
            Self::Only(text) => add(&mut roots, text)?,
        }
        Ok(Arc::new(roots))
    }
}

fn system(roots: &mut RootCertStore) -> Result<(), TrustError> {
    // What cannot be read among many is left out: the rest is trusted still.
    let (added, _) = roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if added == 0 { Err(TrustError::System) } else { Ok(()) }
}

fn add(roots: &mut RootCertStore, text: &str) -> Result<(), TrustError> {
    let certificates = certificates(text).ok_or(TrustError::NoAuthority)?;
    for certificate in certificates {
        roots.add(certificate).map_err(TrustError::Authority)?;
    }
    Ok(())
}

/// Reads certificates; none if there is none, or one that is broken.
fn certificates(text: &str) -> Option<Vec<CertificateDer<'static>>> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text.as_bytes()).collect();
    read.ok().filter(|certificates| !certificates.is_empty())
}

/// Returns how TLS is spoken without telling who asks.
pub(crate) fn anonymous(roots: &Arc<RootCertStore>) -> Result<ClientConfig, TrustError> {
    Ok(builder()?
        .with_root_certificates(Arc::clone(roots))
        .with_no_client_auth())
}

/// Returns how TLS is spoken with an origin that may know who asks.
pub(crate) fn identified(
    roots: &Arc<RootCertStore>,
    origin: &Origin,
    identity: &Identity,
) -> Result<ClientConfig, TrustError> {
    let chain = certificates(&identity.chain).ok_or_else(|| TrustError::NoChain(origin.clone()))?;
    let key = PrivateKeyDer::from_pem_slice(identity.key.expose().as_bytes());
    let key = key.map_err(|_| TrustError::NoKey(origin.clone()))?;
    let config = builder()?
        .with_root_certificates(Arc::clone(roots))
        .with_client_auth_cert(chain, key);
    config.map_err(|source| TrustError::Identity {
        origin: origin.clone(),
        source,
    })
}

fn builder() -> Result<ConfigBuilder<ClientConfig, WantsVerifier>, TrustError> {
    let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()));
    builder
        .with_safe_default_protocol_versions()
        .map_err(TrustError::Versions)
}
