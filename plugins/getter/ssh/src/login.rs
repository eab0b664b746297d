//! Becoming somebody on a server.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use k1s_getter_net::{Client, Peer};
use russh::Preferred;
use russh::client::{self, AuthResult, Config, Handle, Handler};
use russh::keys::ssh_key::{Algorithm, HashAlg};
use russh::keys::{PrivateKeyWithHashAlg, PublicKeyOrCertificate};
use tokio::task::spawn_blocking;

use crate::fault::{SshError, UserError};
use crate::identity::Identity;
use crate::known::{Known, KnownHosts};
use crate::program::Program;

/// A connection on which nothing is heard for so long is given up, in case nobody waits for it any more.
const SILENCE: Duration = Duration::from_secs(120);
/// Messages of a program that wait to be read; the server waits then. Each has 32 KiB at most.
const WAITING: usize = 16;
/// The longest name of a user.
const USER_BYTES: usize = 255;

/// A server of SSH, and whom to be there.
#[derive(Clone, Debug)]
pub struct Ssh {
    client: Client,
    peer: Peer,
    user: String,
    known: KnownHosts,
    identity: Option<Identity>,
}

impl Ssh {
    /// Names a server that a client reaches, a user there, and what is known of servers. Nothing is asked yet.
    ///
    /// # Errors
    /// Fails if there can be no such user.
    pub fn new(client: Client, peer: Peer, user: &str, known: KnownHosts) -> Result<Self, UserError> {
        let is_name = |char: char| !char.is_control() && !char.is_whitespace();
        if user.is_empty() || user.starts_with('-') || user.len() > USER_BYTES || !user.chars().all(is_name) {
            return Err(UserError(user.chars().take(USER_BYTES).collect()));
        }
        Ok(Self {
            client,
            peer,
            user: user.to_owned(),
            known,
            identity: None,
        })
    }

    /// Proves who asks by a key.
    #[must_use]
    pub fn with(mut self, identity: Identity) -> Self {
        self.identity = Some(identity);
        self
    }

    /// Runs a command with some variables set, as far as the server lets them be.
    ///
    /// # Errors
    /// Fails if the server cannot be reached, is not known to be itself, does not let the user in, or runs nothing.
    pub async fn run(&self, command: &str, environment: &[(&str, &str)]) -> Result<Program, SshError> {
        let (known, peer) = (self.known.clone(), self.peer.clone());
        let reading = spawn_blocking(move || known.of(&peer));
        let known = reading.await.map_err(|_| SshError::NotRun)??;
        let stream = self.client.dial(&self.peer).await?;
        let config = Arc::new(config(&known));
        let mut handle = client::connect_stream(config, stream, Judge { known }).await?;
        self.log_in(&mut handle).await?;
        Program::start(handle, command, environment).await
    }

    async fn log_in(&self, handle: &mut Handle<Judge>) -> Result<(), SshError> {
        let user = self.user.clone();
        let Some(identity) = &self.identity else {
            return match handle.authenticate_none(&user).await? {
                AuthResult::Success => Ok(()),
                AuthResult::Failure { .. } => Err(SshError::NoKey(user)),
            };
        };
        let hash = if identity.key().algorithm().is_rsa() {
            match handle.best_supported_rsa_hash().await? {
                Some(Some(hash)) => Some(hash),
                Some(None) => return Err(SshError::OldSignature),
                // The server does not say.
                None => Some(HashAlg::Sha512),
            }
        } else {
            None
        };
        let key = PrivateKeyWithHashAlg::new(Arc::clone(identity.key()), hash);
        match handle.authenticate_publickey(&user, key).await? {
            AuthResult::Success => Ok(()),
            AuthResult::Failure { .. } => Err(SshError::Refused {
                user,
                fingerprint: identity.fingerprint(),
            }),
        }
    }
}

fn config(known: &Known) -> Config {
    let is_sha1 = |algorithm: &Algorithm| matches!(algorithm, Algorithm::Rsa { hash: None });
    let mut all = Preferred::DEFAULT.key.into_owned();
    all.retain(|algorithm| !is_sha1(algorithm));
    Config {
        inactivity_timeout: Some(SILENCE),
        channel_buffer_size: WAITING,
        preferred: Preferred {
            key: Cow::Owned(known.algorithms(&all)),
            ..Preferred::DEFAULT
        },
        ..Config::default()
    }
}

/// Makes sure of the server's key.
pub(crate) struct Judge {
    known: Known,
}

impl Handler for Judge {
    type Error = SshError;

    async fn check_server_key(&mut self, shown: &PublicKeyOrCertificate) -> Result<bool, SshError> {
        match shown {
            PublicKeyOrCertificate::PublicKey { key, .. } => {
                self.known.judge(key)?;
                Ok(true)
            }
            PublicKeyOrCertificate::Certificate(_) => Ok(false),
        }
    }
}
