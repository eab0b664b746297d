//! The kubeconfig of a store: the only place where the token is written out.

use std::path::PathBuf;

use thiserror::Error;

use super::endpoint::{Endpoint, EndpointError};
use super::identity::{Identity, IdentityError};
use super::loopback::Loopback;
use super::private_file::{self, FileError};
use super::token::{Token, TokenError, TokenHash};

/// Keeps the kubeconfig of an identity as it has to be.
#[derive(Clone, Debug)]
pub struct Kubeconfig {
    identity: Identity,
    path: PathBuf,
}

/// What had to be done to a kubeconfig.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Ensured {
    /// Nothing.
    Unchanged,
    /// Address or authority were others; the token is the same.
    Readdressed,
    /// It was missing or of no use: there is a new token, and an earlier one is refused.
    NewToken,
}

/// Why a kubeconfig cannot be kept.
#[derive(Debug, Error)]
pub enum KubeconfigError {
    /// It cannot be written.
    #[error(transparent)]
    File(#[from] FileError),
    /// The token cannot be made or checked.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The address cannot be read.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// Nothing has listened yet, so there is no address to write.
    #[error("no host has served this store's API yet, so there is no address for a kubeconfig: start a host first")]
    NeverServed,
}

impl Kubeconfig {
    /// The kubeconfig at `path` for an identity. Touches nothing.
    #[must_use]
    pub fn new(identity: Identity, path: PathBuf) -> Self {
        Self { identity, path }
    }

    /// Makes the kubeconfig fit what is so: the address, the authority, and the stored hash of the token. A file that
    /// fits stays as it is, with what a person changed in it.
    ///
    /// # Errors
    /// When nothing has listened yet, the stored hash is damaged, or a file cannot be written.
    pub fn ensure(&self) -> Result<Ensured, KubeconfigError> {
        let changing = self.identity.change()?;
        let address = self.address()?;
        let stored = TokenHash::read(self.identity.directory())?;
        let done = match (self.found(), stored) {
            (Some(found), Some(stored)) if stored.is_of(found.token.reveal()) => self.readdress(found, address)?,
            (_, _) => {
                self.renew(address)?;
                Ensured::NewToken
            }
        };
        drop(changing);
        Ok(done)
    }

    /// Makes a new token and the kubeconfig with it. The earlier token is refused from then on, also by a host that
    /// runs.
    ///
    /// # Errors
    /// When nothing has listened yet, or a file cannot be written.
    pub fn rotate(&self) -> Result<(), KubeconfigError> {
        let changing = self.identity.change()?;
        self.renew(self.address()?)?;
        drop(changing);
        Ok(())
    }

    fn address(&self) -> Result<Loopback, KubeconfigError> {
        self.identity.address()?.ok_or(KubeconfigError::NeverServed)
    }

    fn found(&self) -> Option<Endpoint> {
        match Endpoint::read(&self.path) {
            Ok(found) => Some(found),
            Err(EndpointError::Missing { .. }) => None,
            Err(error) => {
                tracing::warn!(%error, "the kubeconfig is of no use and is written anew, with a new token");
                None
            }
        }
    }

    fn readdress(&self, found: Endpoint, address: Loopback) -> Result<Ensured, KubeconfigError> {
        let fitting = self.endpoint(address, found.token.clone());
        if fitting == found {
            return Ok(Ensured::Unchanged);
        }
        private_file::write(&self.path, &fitting.to_kubeconfig())?;
        Ok(Ensured::Readdressed)
    }

    /// The hash goes first: if the second write does not happen, the earlier token is refused all the same, and the
    /// next `ensure` finds that the two do not fit.
    fn renew(&self, address: Loopback) -> Result<(), KubeconfigError> {
        let token = Token::generate()?;
        TokenHash::of(token.reveal()).write(self.identity.directory())?;
        let endpoint = self.endpoint(address, token);
        Ok(private_file::write(&self.path, &endpoint.to_kubeconfig())?)
    }

    fn endpoint(&self, address: Loopback, token: Token) -> Endpoint {
        Endpoint {
            address,
            authority: self.identity.authority().certificate().clone(),
            token,
        }
    }
}
