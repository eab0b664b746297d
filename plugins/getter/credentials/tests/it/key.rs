//! Keys of RSA, and words that they sign.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, ensure};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use ring::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RsaKeyPair, UnparsedPublicKey};
use serde_json::Value;

/// A private key in PEM, as `form` of ssh-keygen: `PEM` (PKCS #1, which GitHub gives) or `PKCS8` (which Google gives).
pub(crate) fn make(folder: &Path, form: &str) -> anyhow::Result<PathBuf> {
    let path = folder.join(form);
    let status = Command::new("ssh-keygen")
        .args(["-q", "-t", "rsa", "-b", "2048", "-N", "", "-m", form, "-f"])
        .arg(&path)
        .status()?;
    ensure!(status.success(), "no key is made");
    Ok(path)
}

/// The public half of a key in PEM.
pub(crate) fn public(pem: &str) -> anyhow::Result<Vec<u8>> {
    let lines: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    let der = base64::prelude::BASE64_STANDARD.decode(lines)?;
    let pair = RsaKeyPair::from_der(&der).or_else(|_| RsaKeyPair::from_pkcs8(&der));
    let pair = pair.map_err(anyhow::Error::msg)?;
    Ok(pair.public_key().as_ref().to_vec())
}

/// What a word says, in its header and its claims, once it is known to be signed and to count now.
pub(crate) fn verified(word: &str, public: &[u8]) -> anyhow::Result<(Value, Value)> {
    let (said, signature) = word.rsplit_once('.').context("a signature")?;
    let decode = |text: &str| BASE64_URL_SAFE_NO_PAD.decode(text);
    let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, public);
    let verified = key.verify(said.as_bytes(), &decode(signature)?);
    ensure!(verified.is_ok(), "it is signed by somebody else");
    let (header, claims) = said.split_once('.').context("claims")?;
    let header: Value = serde_json::from_slice(&decode(header)?)?;
    let claims: Value = serde_json::from_slice(&decode(claims)?)?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let time = |name: &str| claims[name].as_u64().context("a time");
    ensure!(
        time("iat")? <= now && now < time("exp")?,
        "it does not count now: {claims}"
    );
    ensure!(header["alg"] == "RS256" && header["typ"] == "JWT", "{header}");
    Ok((header, claims))
}
