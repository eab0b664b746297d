//! What a client is set up with.

use std::sync::Arc;

use http::HeaderName;

use crate::dial::{Resolve, SystemNames};
use crate::key::Key;
use crate::limits::{HEADER_BYTES_LEAST, Limits};
use crate::origin::{Origin, Scheme};
use crate::proxy::Proxies;
use crate::reach::Reach;
use crate::redirect::Crossing;
use crate::tls::Tls;
use crate::trust::{Trust, TrustError, anonymous, identified};

/// What a client is set up with; by default what suits a source that is not trusted.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Which addresses may be dialled.
    pub reach: Reach,
    /// Which proxies are asked.
    pub proxies: Proxies,
    /// Whose certificates are believed.
    pub trust: Trust,
    /// Whether redirects to other origins are followed.
    pub crossing: Crossing,
    /// What is sent to which origin.
    pub keys: Vec<Key>,
    /// How long and how much.
    pub limits: Limits,
    /// Who finds the addresses of names.
    pub names: Arc<dyn Resolve>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            reach: Reach::default(),
            proxies: Proxies::none(),
            trust: Trust::default(),
            crossing: Crossing::default(),
            keys: Vec::new(),
            limits: Limits::default(),
            names: Arc::new(SystemNames),
        }
    }
}

/// Settings cannot be used. Quotes nothing that may be secret.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// Certificates or keys cannot.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// A header is not for settings.
    #[error("the header {name} for {origin} cannot be set: it frames the request, or there is a credential besides")]
    Header {
        /// The header.
        name: HeaderName,
        /// The origin that it was for.
        origin: Origin,
    },
    /// A client certificate is for an origin without TLS.
    #[error("the client certificate for {0} could never be shown: the origin is not one of https")]
    Identity(Origin),
    /// A limit is less than what the library can keep.
    #[error("the limit header_bytes is at least {HEADER_BYTES_LEAST} bytes")]
    HeaderBytes,
}

impl Settings {
    /// Checks everything and loads certificates.
    pub(crate) fn tls(&self) -> Result<Tls, SettingsError> {
        if self.limits.header_bytes < HEADER_BYTES_LEAST {
            return Err(SettingsError::HeaderBytes);
        }
        let roots = self.trust.roots()?;
        let mut configs = std::collections::BTreeMap::new();
        for key in &self.keys {
            if let Some(name) = key.misplaced_header() {
                return Err(SettingsError::Header {
                    name: name.clone(),
                    origin: key.origin.clone(),
                });
            }
            if let Some(identity) = &key.identity {
                if key.origin.scheme != Scheme::Https {
                    return Err(SettingsError::Identity(key.origin.clone()));
                }
                configs.insert(key.origin.clone(), identified(&roots, &key.origin, identity)?);
            }
        }
        Ok(Tls::new(anonymous(&roots)?, configs))
    }
}
