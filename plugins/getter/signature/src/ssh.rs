//! SSH signatures, and the file of allowed signers that says whose count.

mod line;
mod time;

use ssh_key::{Algorithm, HashAlg, SshSig};

use self::line::Allowed;
use crate::fault::{SignersError, VerifyError, Weakness};
use crate::limits::{KEYS, SIGNERS_BYTES};
use crate::signed::Signed;
use crate::signers::Signer;

/// What git signs for.
const NAMESPACE: &str = "git";
/// The shortest RSA key, in bits.
const RSA_BITS: usize = 2_048;

/// Everyone whose SSH signature counts.
#[derive(Debug, Default)]
pub(crate) struct AllowedSigners {
    allowed: Vec<Allowed>,
}

impl AllowedSigners {
    /// Adds those of a file.
    pub(crate) fn read(&mut self, file: &str) -> Result<(), SignersError> {
        if file.len() > SIGNERS_BYTES {
            return Err(SignersError::TooLong(SIGNERS_BYTES));
        }
        let mut found = Vec::new();
        for (number, text) in (1..).zip(file.lines()) {
            let text = text.trim();
            if text.is_empty() || text.starts_with('#') {
                continue;
            }
            let allowed = Allowed::parse(text).map_err(|fault| SignersError::Line { line: number, fault })?;
            found.push(allowed);
        }
        if found.is_empty() {
            return Err(SignersError::Empty);
        }
        if self.allowed.len() + found.len() > KEYS {
            return Err(SignersError::TooMany(KEYS));
        }
        self.allowed.append(&mut found);
        Ok(())
    }

    pub(crate) fn verify(&self, signed: &Signed) -> Result<Signer, VerifyError> {
        let signature: SshSig = signed.signature().parse().map_err(|_| VerifyError::Unreadable)?;
        if signature.namespace() != NAMESPACE {
            return Err(VerifyError::Purpose(signature.namespace().to_owned()));
        }
        let fingerprint = signature.public_key().fingerprint(HashAlg::Sha256).to_string();
        let lines: Vec<&Allowed> = (self.allowed.iter())
            .filter(|allowed| allowed.key.key_data() == signature.public_key())
            .filter(|allowed| allowed.is_for(NAMESPACE))
            .collect();
        let Some(first) = lines.first() else {
            return Err(VerifyError::Untrusted(fingerprint));
        };
        // A key may have several lines, of which each has its own time.
        let valid = lines.iter().find(|allowed| allowed.outside(signed.made()).is_none());
        let Some(allowed) = valid else {
            return Err(VerifyError::NotThen {
                signer: first.principals.clone(),
                why: first.outside(signed.made()).unwrap_or_default(),
            });
        };
        strong(&signature).map_err(VerifyError::Weak)?;
        let key = &allowed.key;
        (key.verify(NAMESPACE, signed.payload(), &signature)).map_err(|_| VerifyError::Mismatch)?;
        Ok(Signer {
            name: allowed.principals.clone(),
            fingerprint,
        })
    }
}

fn strong(signature: &SshSig) -> Result<(), Weakness> {
    if signature.algorithm() == (Algorithm::Rsa { hash: None }) {
        return Err(Weakness::Hash);
    }
    let Some(rsa) = signature.public_key().rsa() else {
        return Ok(());
    };
    // Without the byte that keeps the number positive.
    let bytes = rsa.n.as_positive_bytes().map_or(0, <[u8]>::len);
    if bytes * 8 < RSA_BITS {
        return Err(Weakness::Key);
    }
    Ok(())
}
