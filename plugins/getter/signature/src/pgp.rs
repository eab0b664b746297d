//! OpenPGP signatures, and the keyrings that say whose count.

mod certificate;

use std::fmt;

use pgp::composed::{Deserializable as _, DetachedSignature, SignedPublicKey};
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{Signature, SignatureType};

use self::certificate::Certificate;
use crate::fault::{SignersError, VerifyError, Weakness};
use crate::limits::{AHEAD_SECONDS, KEYS, SIGNERS_BYTES};
use crate::signed::Signed;
use crate::signers::Signer;

/// With what each key of an armored keyring begins.
const ARMOR: &str = "-----BEGIN PGP PUBLIC KEY BLOCK-----";

/// Everyone whose OpenPGP signature counts.
#[derive(Default)]
pub(crate) struct Keyring {
    certificates: Vec<Certificate>,
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keyring({} keys)", self.certificates.len())
    }
}

impl Keyring {
    /// Adds the keys of a keyring.
    pub(crate) fn read(&mut self, keyring: &[u8]) -> Result<(), SignersError> {
        if keyring.len() > SIGNERS_BYTES {
            return Err(SignersError::TooLong(SIGNERS_BYTES));
        }
        let mut found = Vec::new();
        match std::str::from_utf8(keyring) {
            Ok(text) => {
                // Blocks one after the other are what `cat` makes of several files.
                for block in text.split(ARMOR).skip(1) {
                    let block = format!("{ARMOR}{block}");
                    let (keys, _) = SignedPublicKey::from_armor_many(block.as_bytes()).map_err(unreadable)?;
                    for key in keys {
                        found.push(Certificate::new(key.map_err(unreadable)?));
                    }
                }
            }
            Err(_) => {
                for key in SignedPublicKey::from_bytes_many(keyring).map_err(unreadable)? {
                    found.push(Certificate::new(key.map_err(unreadable)?));
                }
            }
        }
        if found.is_empty() {
            return Err(SignersError::Empty);
        }
        if self.certificates.len() + found.len() > KEYS {
            return Err(SignersError::TooMany(KEYS));
        }
        self.certificates.append(&mut found);
        Ok(())
    }

    pub(crate) fn verify(&self, signed: &Signed, now: i64) -> Result<Signer, VerifyError> {
        let signature = only(signed.signature())?;
        if !is_strong(&signature) {
            return Err(VerifyError::Weak(Weakness::Hash));
        }
        let times = Times::of(&signature, now).ok_or(VerifyError::Unreadable)?;
        let issuers = issuers(&signature);
        // An issuer by its short number may be more than one key's.
        let mut refused =
            VerifyError::Untrusted(issuers.first().cloned().unwrap_or_else(|| "it names none".to_owned()));
        for (certificate, key) in self.certificates.iter().flat_map(|one| one.keys_of(&issuers)) {
            match certificate.verify(key, &signature, signed.payload(), times) {
                Ok(signer) => return Ok(signer),
                Err(error) => refused = error,
            }
        }
        Err(refused)
    }
}

fn unreadable(error: pgp::errors::Error) -> SignersError {
    SignersError::Keyring(error.to_string())
}

/// The one signature of a text.
fn only(text: &str) -> Result<Signature, VerifyError> {
    let (mut found, _) = DetachedSignature::from_armor_many(text.as_bytes()).map_err(|_| VerifyError::Unreadable)?;
    match (found.next(), found.next()) {
        (Some(Ok(one)), None) if one.signature.typ() == Some(SignatureType::Binary) => Ok(one.signature),
        _ => Err(VerifyError::Unreadable),
    }
}

/// The keys that could have made it, by fingerprint and by number, in hexadecimal.
fn issuers(signature: &Signature) -> Vec<String> {
    let fingerprints = signature.issuer_fingerprint().into_iter().map(|one| one.to_string());
    let numbers = signature.issuer_key_id().into_iter().map(|one| one.to_string());
    fingerprints.chain(numbers).map(|one| one.to_uppercase()).collect()
}

/// Whether no two texts can be made that a signature would fit.
fn is_strong(signature: &Signature) -> bool {
    use HashAlgorithm::{Sha3_256, Sha3_512, Sha224, Sha256, Sha384, Sha512};
    let strong = [Sha224, Sha256, Sha384, Sha512, Sha3_256, Sha3_512];
    signature.hash_alg().is_some_and(|hash| strong.contains(&hash))
}

/// When something was signed, and now, in seconds since 1970.
#[derive(Clone, Copy, Debug)]
struct Times {
    made: i64,
    now: i64,
}

impl Times {
    /// Nothing, when the signature has no time.
    fn of(signature: &Signature, now: i64) -> Option<Self> {
        let made = i64::from(signature.created()?.as_secs());
        Some(Self { made, now })
    }

    /// Whether a signature that was made then counts now.
    fn counts(self, signature: &Signature) -> bool {
        let lasts = signature
            .signature_expiration_time()
            .map_or(0, |one| i64::from(one.as_secs()));
        self.made <= self.now + AHEAD_SECONDS && (lasts == 0 || self.made + lasts > self.now)
    }
}
