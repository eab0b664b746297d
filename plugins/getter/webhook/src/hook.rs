//! Whether a request comes from somebody who knows the secret.

use std::fmt;
use std::sync::Arc;

use hmac::{Hmac, KeyInit as _, Mac as _};
use http::HeaderMap;
use k1s_getter_address::Secret;
use sha2::{Sha256, Sha512};
use subtle::ConstantTimeEq as _;

/// The shortest secret that is taken, in bytes: below, it can be found by trying.
pub(crate) const SECRET_BYTES: usize = 16;

/// Who sends requests, which decides where their signature is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sender {
    /// GitHub: HMAC-SHA-256 in `X-Hub-Signature-256`.
    GitHub,
    /// GitLab: the secret itself in `X-Gitlab-Token`.
    GitLab,
    /// Gitea, Forgejo and Gogs: HMAC-SHA-256 in `X-Gitea-Signature`, `X-Forgejo-Signature` or `X-Gogs-Signature`.
    Gitea,
    /// Anybody: HMAC in `X-Signature`, as `sha256=…` or `sha512=…`.
    Generic,
}

/// What a request with a right signature says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// It is worth looking.
    Look,
    /// The sender tries whether it is heard.
    Ping,
}

/// Why a request counts for nothing. Whoever sent it learns none of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It has no signature where the sender would put one, or several.
    #[error("it has no signature, or not exactly one")]
    Unsigned,
    /// Its signature is of another secret or of another body.
    #[error("its signature is of another secret, or of another body")]
    Wrong,
    /// There is no secret to compare with, or one that is too short.
    #[error("there is no secret of {SECRET_BYTES} bytes or more to compare with")]
    NoSecret,
}

/// Where the secrets come from that count now: mostly one, and two while one is exchanged for another.
pub type Secrets = Arc<dyn Fn() -> Vec<Secret> + Send + Sync>;

/// One path at which requests are heard.
#[derive(Clone)]
pub struct Hook {
    sender: Sender,
    secrets: Secrets,
}

impl fmt::Debug for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hook({:?})", self.sender)
    }
}

impl Hook {
    /// Hears a sender who knows one of the secrets.
    pub fn new(sender: Sender, secrets: Secrets) -> Self {
        Self { sender, secrets }
    }

    /// Decides over a request by its headers and its whole body.
    ///
    /// # Errors
    /// Why it counts for nothing.
    pub fn judge(&self, headers: &HeaderMap, body: &[u8]) -> Result<Word, Refusal> {
        let proof = self.sender.proof(headers).ok_or(Refusal::Unsigned)?;
        let mut secrets = (self.secrets)();
        secrets.retain(|secret| secret.expose().len() >= SECRET_BYTES);
        if secrets.is_empty() {
            return Err(Refusal::NoSecret);
        }
        if !secrets
            .iter()
            .any(|secret| proof.holds(secret.expose().as_bytes(), body))
        {
            return Err(Refusal::Wrong);
        }
        Ok(self.sender.word(headers))
    }
}

/// What a request shows of its sender's secret.
enum Proof {
    Sha256(Vec<u8>),
    Sha512(Vec<u8>),
    Token(Vec<u8>),
}

impl Sender {
    fn proof(self, headers: &HeaderMap) -> Option<Proof> {
        match self {
            Self::GitHub => {
                let signature = only(headers, "x-hub-signature-256")?.strip_prefix(b"sha256=")?;
                hexadecimal(signature).map(Proof::Sha256)
            }
            Self::GitLab => only(headers, "x-gitlab-token").map(|token| Proof::Token(token.to_vec())),
            Self::Gitea => {
                let names = ["x-gitea-signature", "x-forgejo-signature", "x-gogs-signature"];
                let signature = names.into_iter().find_map(|name| only(headers, name))?;
                hexadecimal(signature).map(Proof::Sha256)
            }
            Self::Generic => {
                let signature = only(headers, "x-signature")?;
                if let Some(signature) = signature.strip_prefix(b"sha256=") {
                    return hexadecimal(signature).map(Proof::Sha256);
                }
                hexadecimal(signature.strip_prefix(b"sha512=")?).map(Proof::Sha512)
            }
        }
    }

    fn word(self, headers: &HeaderMap) -> Word {
        let is_ping = match self {
            Self::GitHub => only(headers, "x-github-event") == Some(b"ping"),
            Self::GitLab | Self::Gitea | Self::Generic => false,
        };
        if is_ping { Word::Ping } else { Word::Look }
    }
}

impl Proof {
    fn holds(&self, secret: &[u8], body: &[u8]) -> bool {
        match self {
            Self::Sha256(signature) => {
                let mac = Hmac::<Sha256>::new_from_slice(secret);
                mac.is_ok_and(|mac| mac.chain_update(body).verify_slice(signature).is_ok())
            }
            Self::Sha512(signature) => {
                let mac = Hmac::<Sha512>::new_from_slice(secret);
                mac.is_ok_and(|mac| mac.chain_update(body).verify_slice(signature).is_ok())
            }
            Self::Token(token) => token.as_slice().ct_eq(secret).into(),
        }
    }
}

/// The value of a header that is there once.
fn only<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a [u8]> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?;
    values.next().is_none().then_some(value.as_bytes())
}

/// The bytes that pairs of hexadecimal digits stand for.
fn hexadecimal(text: &[u8]) -> Option<Vec<u8>> {
    let digit = |digit: u8| {
        char::from(digit)
            .to_digit(16)
            .and_then(|digit| u8::try_from(digit).ok())
    };
    let (pairs, []) = text.as_chunks::<2>() else {
        return None;
    };
    pairs
        .iter()
        .map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?))
        .collect()
}
