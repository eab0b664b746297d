//! Words that are signed with a key of one's own (JWT with RS256, RFC 7519 and RFC 7518, section 3.3).

use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use k1s_getter_address::Secret;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::{Value, json};

use crate::fault::Fault;

/// Signs claims with a key in PEM; `id` is the key's name where it has one.
pub(crate) fn sign(claims: &Value, pem: &Secret, id: Option<&str>) -> Result<Secret, Fault> {
    let key = match PrivateKeyDer::from_pem_slice(pem.expose().as_bytes()) {
        Ok(PrivateKeyDer::Pkcs1(key)) => RsaKeyPair::from_der(key.secret_pkcs1_der()),
        Ok(PrivateKeyDer::Pkcs8(key)) => RsaKeyPair::from_pkcs8(key.secret_pkcs8_der()),
        Ok(_) | Err(_) => return Err(Fault::Key),
    };
    let key = key.map_err(|_| Fault::Key)?;
    let mut header = json!({"alg": "RS256", "typ": "JWT"});
    if let Some(id) = id {
        header["kid"] = json!(id);
    }
    let coded = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
    let said = format!(
        "{}.{}",
        coded(header.to_string().as_bytes()),
        coded(claims.to_string().as_bytes())
    );
    let mut signature = vec![0; key.public().modulus_len()];
    let signed = key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), said.as_bytes(), &mut signature);
    signed.map_err(|_| Fault::Key)?;
    Ok(Secret::new(&format!("{said}.{}", coded(&signature))))
}

/// Returns a time as JWT writes it.
pub(crate) fn seconds(time: SystemTime) -> Result<u64, Fault> {
    let since = time.duration_since(SystemTime::UNIX_EPOCH);
    since.map(|since| since.as_secs()).map_err(|_| Fault::Clock)
}

/// Returns the times at which something is said, by a clock that may be fast, and until which that counts.
pub(crate) fn times(now: SystemTime, slack: Duration, lasting: Duration) -> Result<(u64, u64), Fault> {
    let now = seconds(now)?;
    Ok((now.saturating_sub(slack.as_secs()), now + lasting.as_secs()))
}
