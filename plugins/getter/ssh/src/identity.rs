//! The key by which a user proves who asks.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use k1s_getter_address::Secret;
use russh::keys::ssh_key::HashAlg;
use russh::keys::{PrivateKey, decode_secret_key};

/// The longest text of a key, in bytes.
const KEY_BYTES: usize = 64 << 10;

/// The private key by which a user proves who asks.
#[derive(Clone)]
pub struct Identity(Arc<PrivateKey>);

/// A text is no private key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// It is no base64.
    #[error("the key is not base64 of a private key, as `base64 -w0 FILE` makes it")]
    Base64,
    /// It is none that can be read.
    #[error("the key is no private key of OpenSSH or in PEM, of Ed25519, ECDSA or RSA")]
    Format,
    /// It has a passphrase, and none is named.
    #[error("the key is encrypted, and there is no passphrase: name it in `credentials.sshKeyPassphrase`")]
    Encrypted,
    /// Its passphrase is another.
    #[error("the key cannot be decrypted with the passphrase in `credentials.sshKeyPassphrase`")]
    Passphrase,
}

impl Identity {
    /// Reads a private key, as `ssh-keygen` writes it, and decrypts it if it is encrypted. This may take a second.
    ///
    /// # Errors
    /// Fails if it is none, or it is encrypted with another passphrase or there is none.
    pub fn parse(text: &Secret, passphrase: Option<&Secret>) -> Result<Self, IdentityError> {
        let text = text.expose();
        if text.len() > KEY_BYTES {
            return Err(IdentityError::Format);
        }
        if let Ok(key) = PrivateKey::from_openssh(text) {
            return match (key.is_encrypted(), passphrase) {
                (false, _) => Ok(Self(Arc::new(key))),
                (true, None) => Err(IdentityError::Encrypted),
                (true, Some(passphrase)) => match key.decrypt(passphrase.expose()) {
                    Ok(key) => Ok(Self(Arc::new(key))),
                    Err(_) => Err(IdentityError::Passphrase),
                },
            };
        }
        let is_encrypted = text.contains("ENCRYPTED");
        match decode_secret_key(text, passphrase.map(Secret::expose)) {
            Ok(key) => Ok(Self(Arc::new(key))),
            Err(_) if is_encrypted && passphrase.is_none() => Err(IdentityError::Encrypted),
            Err(_) if is_encrypted => Err(IdentityError::Passphrase),
            Err(_) => Err(IdentityError::Format),
        }
    }

    /// Reads a private key without passphrase that is in base64 once more, as addresses have it.
    ///
    /// # Errors
    /// Fails if it is none, or encrypted.
    pub fn from_base64(text: &Secret) -> Result<Self, IdentityError> {
        if text.expose().len() > 2 * KEY_BYTES {
            return Err(IdentityError::Base64);
        }
        let bytes = STANDARD
            .decode(text.expose().trim())
            .map_err(|_| IdentityError::Base64)?;
        let text = String::from_utf8(bytes).map_err(|_| IdentityError::Format)?;
        Self::parse(&Secret::new(&text), None)
    }

    /// Returns the fingerprint of the public key, as `ssh-keygen -l` shows it.
    pub fn fingerprint(&self) -> String {
        self.0.public_key().fingerprint(HashAlg::Sha256).to_string()
    }

    pub(crate) fn key(&self) -> &Arc<PrivateKey> {
        &self.0
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity({})", self.fingerprint())
    }
}
