//! Those who are trusted.

use crate::fault::{SignersError, VerifyError};
#[cfg(feature = "pgp")]
use crate::pgp::Keyring;
use crate::signed::{Format, Signed};
#[cfg(feature = "ssh")]
use crate::ssh::AllowedSigners;

/// Who signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signer {
    /// The name that the file of allowed signers or the keyring gives to the key.
    pub name: String,
    /// The fingerprint of the key, as its kind of program prints it.
    pub fingerprint: String,
}

/// Everyone whose signature counts.
#[derive(Debug, Default)]
pub struct Signers {
    #[cfg(feature = "ssh")]
    ssh: AllowedSigners,
    #[cfg(feature = "pgp")]
    pgp: Keyring,
}

impl Signers {
    /// Trusts nobody.
    pub fn nobody() -> Self {
        Self::default()
    }

    /// Trusts those of a file of allowed signers (`ssh-keygen(1)`). Times without a zone are of UTC.
    ///
    /// # Errors
    /// Names the line that cannot be read; nobody of the file is trusted then.
    #[cfg(feature = "ssh")]
    pub fn allow_ssh(&mut self, file: &str) -> Result<(), SignersError> {
        self.ssh.read(file)
    }

    /// Refuses a file of allowed signers.
    ///
    /// # Errors
    /// Always: SSH signatures are not built in.
    #[cfg(not(feature = "ssh"))]
    pub fn allow_ssh(&mut self, _file: &str) -> Result<(), SignersError> {
        Err(SignersError::NotBuilt("SSH"))
    }

    /// Trusts the keys of an OpenPGP keyring, armored or not.
    ///
    /// # Errors
    /// When it cannot be read or has no key; no key of it is trusted then.
    #[cfg(feature = "pgp")]
    pub fn allow_pgp(&mut self, keyring: &[u8]) -> Result<(), SignersError> {
        self.pgp.read(keyring)
    }

    /// Refuses a keyring.
    ///
    /// # Errors
    /// Always: OpenPGP signatures are not built in.
    #[cfg(not(feature = "pgp"))]
    pub fn allow_pgp(&mut self, _keyring: &[u8]) -> Result<(), SignersError> {
        Err(SignersError::NotBuilt("OpenPGP"))
    }

    /// Says who signed, `now` being the seconds since 1970. Like git, an SSH key has to be valid when the object says that it
    /// was made, and an OpenPGP key when the signature was made and now.
    ///
    /// # Errors
    /// Why the signature counts for nothing.
    #[cfg_attr(
        not(feature = "pgp"),
        expect(unused_variables, reason = "only OpenPGP keys count by now")
    )]
    pub fn verify(&self, signed: &Signed, now: i64) -> Result<Signer, VerifyError> {
        match signed.format() {
            #[cfg(feature = "ssh")]
            Format::Ssh => self.ssh.verify(signed),
            #[cfg(not(feature = "ssh"))]
            Format::Ssh => Err(VerifyError::NotBuilt("SSH")),
            #[cfg(feature = "pgp")]
            Format::Pgp => self.pgp.verify(signed, now),
            #[cfg(not(feature = "pgp"))]
            Format::Pgp => Err(VerifyError::NotBuilt("OpenPGP")),
        }
    }
}
