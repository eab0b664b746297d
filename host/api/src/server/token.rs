//! The token: 256 random bits that admit whoever shows them, kept as a hash only.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustls::crypto::ring;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use thiserror::Error;

use super::private_file::{self, FileError};

/// Random bytes of a token.
const TOKEN_BYTES: usize = 32;

/// The file of the hash, in the identity's directory.
const HASH_FILE: &str = "token.sha256";

/// A token as clients show it: URL-safe base64 without padding. Its `Debug` form does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(Box<str>);

/// Why a token or its hash is not to be had.
#[derive(Debug, Error)]
pub enum TokenError {
    /// The hash cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// The hash is not one.
    #[error(
        "{}: not the SHA-256 of a token in hexadecimal; a new token (kubeconfig --rotate) replaces it",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
    },
    /// The system has no random bits.
    #[error("the system has no random bits for a token")]
    Random,
}

/// What is kept of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TokenHash([u8; 32]);

/// Says who may come in: whoever shows the token whose hash is on disk at that time.
///
/// The file is read at each request, so that a token that another process rotated away is refused at once. While
/// the file cannot be read, nobody is admitted.
#[derive(Clone, Debug)]
pub struct TokenGate {
    path: Arc<Path>,
}

impl Token {
    /// Makes a new one.
    pub(super) fn generate() -> Result<Self, TokenError> {
        let mut bytes = [0; TOKEN_BYTES];
        let random = ring::default_provider().secure_random;
        random.fill(&mut bytes).map_err(|_| TokenError::Random)?;
        Ok(Self(URL_SAFE_NO_PAD.encode(bytes).into()))
    }

    /// Takes text that has a token's form; none when it has not.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        (bytes.len() == TOKEN_BYTES).then(|| Self(text.into()))
    }

    /// The token itself; not for logs.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(***)")
    }
}

impl TokenHash {
    pub(super) fn of(bearer: &str) -> Self {
        Self(Sha256::digest(bearer.as_bytes()).into())
    }

    /// Compares in a time that does not depend on where the two differ.
    pub(super) fn is_of(self, bearer: &str) -> bool {
        self.0.ct_eq(&Self::of(bearer).0).into()
    }

    /// Reads the hash in a directory; none when there is none yet.
    pub(super) fn read(directory: &Path) -> Result<Option<Self>, TokenError> {
        let path = directory.join(HASH_FILE);
        match private_file::read(&path)? {
            None => Ok(None),
            Some(text) => Self::parse(&text).map(Some).ok_or(TokenError::Damaged { path }),
        }
    }

    pub(super) fn write(self, directory: &Path) -> Result<(), TokenError> {
        Ok(private_file::write(&directory.join(HASH_FILE), &format!("{self}\n"))?)
    }

    fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_suffix('\n').unwrap_or(text).as_bytes();
        let mut hash = [0; 32];
        if digits.len() != 2 * hash.len() {
            return None;
        }
        for (byte, pair) in hash.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = nibble(pair[0])? << 4 | nibble(pair[1])?;
        }
        Some(Self(hash))
    }
}

impl fmt::Display for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl TokenGate {
    pub(super) fn new(directory: &Path) -> Self {
        Self { path: directory.into() }
    }

    /// Says whether what a request shows after `Bearer ` is the token.
    #[must_use]
    pub fn admits(&self, bearer: &str) -> bool {
        match TokenHash::read(&self.path) {
            Ok(stored) => stored.is_some_and(|stored| stored.is_of(bearer)),
            Err(error) => {
                tracing::warn!(%error, "a request was refused, because the token cannot be checked");
                false
            }
        }
    }
}

fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_random_has_a_form_and_is_not_shown() {
        let token = Token::generate().unwrap();
        assert_ne!(token, Token::generate().unwrap());
        assert_eq!(token.reveal().len(), 43);
        assert_eq!(Token::parse(token.reveal()), Some(token.clone()));
        assert_eq!(format!("{token:?}"), "Token(***)");
        for wrong in ["", "abc", &token.reveal()[1..], &format!("{}=", token.reveal())] {
            assert_eq!(Token::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_hash_is_read_as_it_was_written_and_nothing_else_is() {
        // The SHA-256 of "abc", from FIPS 180-2, appendix B.1.
        let digits = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(TokenHash::of("abc").to_string(), digits);
        assert_eq!(TokenHash::parse(&format!("{digits}\n")), Some(TokenHash::of("abc")));
        assert!(TokenHash::of("abc").is_of("abc"));
        assert!(!TokenHash::of("abc").is_of("abd"));
        let wrong = [
            String::new(),
            digits[1..].to_owned(),
            format!("{digits}0"),
            digits.to_uppercase(),
            format!("+{}", &digits[1..]),
            format!("{digits}\n\n"),
        ];
        for text in wrong {
            assert_eq!(TokenHash::parse(&text), None, "{text:?}");
        }
    }
}
