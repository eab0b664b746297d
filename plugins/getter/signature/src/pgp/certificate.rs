//! A key of a keyring, with what it says of itself: its names, its subkeys, and how long they count.
//!
//! All that a certificate says is signed by its own key, and counts only when that holds. Of several words the newest
//! counts. A revocation counts as it stands, for a revocation that cannot be verified is one that only its maker can.

use pgp::composed::{SignedPublicKey, SignedPublicSubKey};
use pgp::packet::{KeyFlags, Signature, SignatureType, SubpacketData};
use pgp::ser::Serialize as _;
use pgp::types::{KeyDetails, PublicParams, Tag};

use super::{Times, is_strong};
use crate::fault::{VerifyError, Weakness};
use crate::signers::Signer;

/// The shortest RSA key, in bits.
const RSA_BITS: u16 = 2_048;

/// A key of a keyring.
#[derive(Debug)]
pub(super) struct Certificate {
    key: SignedPublicKey,
}

/// A key of a certificate that can sign.
#[derive(Clone, Copy, Debug)]
pub(super) enum Key<'a> {
    Primary,
    Sub(&'a SignedPublicSubKey),
}

impl Certificate {
    pub(super) fn new(key: SignedPublicKey) -> Self {
        Self { key }
    }

    /// Those of its keys that have one of these fingerprints or numbers.
    pub(super) fn keys_of<'a>(&'a self, issuers: &[String]) -> Vec<(&'a Self, Key<'a>)> {
        let is_one = |key: &dyn KeyDetails| {
            let names = [key.fingerprint().to_string(), key.legacy_key_id().to_string()];
            names.iter().any(|name| issuers.contains(&name.to_uppercase()))
        };
        let primary = is_one(&self.key.primary_key).then_some(Key::Primary);
        let subkeys = self
            .key
            .public_subkeys
            .iter()
            .filter(|one| is_one(&one.key))
            .map(Key::Sub);
        primary.into_iter().chain(subkeys).map(|key| (self, key)).collect()
    }

    /// Verifies a signature that is said to be of one of its keys.
    pub(super) fn verify(
        &self,
        key: Key<'_>,
        signature: &Signature,
        payload: &[u8],
        times: Times,
    ) -> Result<Signer, VerifyError> {
        let not_then = |why| VerifyError::NotThen {
            signer: self.name(times),
            why,
        };
        let (made_it, fingerprint) = match key {
            Key::Primary => (
                signature.verify(&self.key.primary_key, payload),
                self.key.primary_key.fingerprint(),
            ),
            Key::Sub(subkey) => (signature.verify(&subkey.key, payload), subkey.key.fingerprint()),
        };
        made_it.map_err(|_| VerifyError::Mismatch)?;
        if !times.counts(signature) {
            return Err(not_then("the signature has expired, or is of the future"));
        }
        let of_itself = self
            .word(times)
            .ok_or_else(|| not_then("the key does not speak for itself"))?;
        if !self.key.details.revocation_signatures.is_empty() {
            return Err(not_then("the key is revoked"));
        }
        lasting(&self.key.primary_key, of_itself, times).map_err(not_then)?;
        match key {
            Key::Primary if !may_sign(of_itself) => return Err(not_then("the key is not one for signing")),
            Key::Primary => strong(self.key.primary_key.public_params())?,
            Key::Sub(subkey) => {
                self.binding(subkey, times).map_err(not_then)?;
                strong(subkey.key.public_params())?;
            }
        }
        Ok(Signer {
            name: self.name(times),
            fingerprint: fingerprint.to_string().to_uppercase(),
        })
    }

    /// The newest that the key says of itself.
    fn word(&self, times: Times) -> Option<&Signature> {
        let primary = &self.key.primary_key;
        let direct = self.key.details.direct_signatures.iter();
        let direct = direct.filter(|one| one.typ() == Some(SignatureType::Key) && one.verify_key(primary).is_ok());
        direct
            .chain(self.names().map(|(_, word)| word))
            .filter(|one| counted(one, times))
            .max_by_key(|one| one.created())
    }

    /// Its names that are not taken back, each with the newest word for it.
    fn names(&self) -> impl Iterator<Item = (&[u8], &Signature)> {
        self.key.details.users.iter().filter_map(|user| {
            let own = user.signatures.iter().filter(|one| {
                let primary = &self.key.primary_key;
                one.verify_certification(primary, Tag::UserId, &user.id).is_ok()
            });
            let newest = own.max_by_key(|one| one.created())?;
            let revoked = user
                .signatures
                .iter()
                .any(|one| one.typ() == Some(SignatureType::CertRevocation));
            (!revoked).then_some((user.id.id(), newest))
        })
    }

    fn name(&self, times: Times) -> String {
        let counted = self.names().filter(|(_, word)| counted(word, times));
        let best = counted.max_by_key(|(_, word)| (word.is_primary(), word.created()));
        match best {
            Some((name, _)) => String::from_utf8_lossy(name).into_owned(),
            None => self.key.primary_key.fingerprint().to_string().to_uppercase(),
        }
    }

    /// Whether a subkey is the certificate's, for signing, and counts.
    fn binding(&self, subkey: &SignedPublicSubKey, times: Times) -> Result<(), &'static str> {
        let primary = &self.key.primary_key;
        let is_revoked = |one: &Signature| one.typ() == Some(SignatureType::SubkeyRevocation);
        if subkey.signatures.iter().any(is_revoked) {
            return Err("the subkey is revoked");
        }
        let bindings = subkey.signatures.iter().filter(|one| {
            one.typ() == Some(SignatureType::SubkeyBinding)
                && counted(one, times)
                && one.verify_subkey_binding(primary, &subkey.key).is_ok()
        });
        let newest = bindings.max_by_key(|one| one.created());
        let newest = newest.ok_or("the subkey is not bound to the key")?;
        if !flags(newest).is_some_and(|flags| flags.sign()) {
            return Err("the subkey is not one for signing");
        }
        let back = newest.embedded_signature().filter(|one| is_strong(one));
        let back = back.ok_or("the subkey does not name the key")?;
        (back.verify_primary_key_binding(&subkey.key, primary)).map_err(|_| "the subkey names another key")?;
        lasting(&subkey.key, newest, times)
    }
}

/// Whether a key's word for itself counts now.
fn counted(word: &Signature, now: Times) -> bool {
    is_strong(word) && Times::of(word, now.now).is_some_and(|times| times.counts(word))
}

/// Whether a key was there when something was signed, and is still.
fn lasting(key: &impl KeyDetails, word: &Signature, times: Times) -> Result<(), &'static str> {
    let created = i64::from(key.created_at().as_secs());
    if times.made < created {
        return Err("the key was made later");
    }
    let lasts = word.key_expiration_time().map_or(0, |one| i64::from(one.as_secs()));
    if lasts != 0 && created + lasts <= times.now {
        return Err("the key has expired");
    }
    Ok(())
}

fn flags(word: &Signature) -> Option<&KeyFlags> {
    let mut hashed = word.config()?.hashed_subpackets();
    hashed.find_map(|one| {
        let SubpacketData::KeyFlags(flags) = &one.data else {
            return None;
        };
        Some(flags)
    })
}

/// Old keys say nothing of what they are for, and are for everything.
fn may_sign(word: &Signature) -> bool {
    flags(word).is_none_or(|flags| flags.sign())
}

fn strong(params: &PublicParams) -> Result<(), VerifyError> {
    let is_strong = match params {
        PublicParams::RSA(rsa) => {
            // Its first number is the modulus, which begins with its bits.
            let bytes = rsa.to_bytes().map_err(|_| VerifyError::Unreadable)?;
            bytes
                .first_chunk()
                .is_some_and(|bits| u16::from_be_bytes(*bits) >= RSA_BITS)
        }
        PublicParams::ECDSA(_) | PublicParams::EdDSALegacy(_) | PublicParams::Ed25519(_) | PublicParams::Ed448(_) => {
            true
        }
        PublicParams::DSA(_)
        | PublicParams::ECDH(_)
        | PublicParams::Elgamal(_)
        | PublicParams::X25519(_)
        | PublicParams::X448(_)
        | PublicParams::Unknown { .. } => false,
    };
    if is_strong {
        Ok(())
    } else {
        Err(VerifyError::Weak(Weakness::Key))
    }
}
