//! Checksums of what is downloaded.

use std::fmt;

use crate::address::Download;

/// A function that makes checksums.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    /// MD5: finds accidents, but anyone can make another file with the same checksum.
    Md5,
    /// SHA-1: as MD5, with more effort.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-512.
    Sha512,
}

impl Algorithm {
    const ALL: [Self; 4] = [Self::Md5, Self::Sha1, Self::Sha256, Self::Sha512];

    /// Returns the name, in lower case.
    pub fn name(self) -> &'static str {
        match self {
            Self::Md5 => "md5",
            Self::Sha1 => "sha1",
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512",
        }
    }

    /// Returns the length of its checksums in bytes.
    pub fn length(self) -> usize {
        match self {
            Self::Md5 => 16,
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha512 => 64,
        }
    }

    /// Returns the one of a name, in whatever case.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|algorithm| name.eq_ignore_ascii_case(algorithm.name()))
    }

    pub(crate) fn names() -> impl Iterator<Item = &'static str> {
        Self::ALL.into_iter().map(Self::name)
    }
}

/// A checksum that is expected; as long as its algorithm makes them.
#[derive(Clone, PartialEq, Eq)]
pub struct Digest {
    algorithm: Algorithm,
    bytes: Box<[u8]>,
}

/// Why a text is no checksum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DigestError {
    /// The algorithm is not known.
    #[error("is of an algorithm other than md5, sha1, sha256 and sha512")]
    Algorithm,
    /// It is not hexadecimal.
    #[error("is not hexadecimal")]
    Hexadecimal,
    /// Its length is not that of its algorithm, or of any.
    #[error("has not the length of a checksum")]
    Length,
}

impl Digest {
    /// Reads the hexadecimal checksum of an algorithm.
    ///
    /// # Errors
    /// Fails if it is not hexadecimal or of another length.
    pub fn of(algorithm: Algorithm, hexadecimal: &str) -> Result<Self, DigestError> {
        let bytes = decode(hexadecimal)?;
        if bytes.len() != algorithm.length() {
            return Err(DigestError::Length);
        }
        Ok(Self { algorithm, bytes })
    }

    /// Reads a hexadecimal checksum whose length tells the algorithm.
    ///
    /// # Errors
    /// Fails if it is not hexadecimal, or no algorithm makes checksums of that length.
    pub fn guess(hexadecimal: &str) -> Result<Self, DigestError> {
        let bytes = decode(hexadecimal)?;
        let algorithm = Algorithm::ALL
            .into_iter()
            .find(|algorithm| algorithm.length() == bytes.len());
        algorithm
            .map(|algorithm| Self { algorithm, bytes })
            .ok_or(DigestError::Length)
    }

    /// Returns what the same algorithm made of other bytes.
    pub(crate) fn with_bytes(&self, bytes: Box<[u8]>) -> Self {
        Self {
            algorithm: self.algorithm,
            bytes,
        }
    }

    /// Returns the algorithm.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Returns the checksum.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// Writes `algorithm:hexadecimal`.
impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.algorithm.name())?;
        self.bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn decode(hexadecimal: &str) -> Result<Box<[u8]>, DigestError> {
    let nibble = |byte: &u8| {
        let digit = char::from(*byte)
            .to_digit(16)
            .and_then(|digit| u8::try_from(digit).ok());
        digit.ok_or(DigestError::Hexadecimal)
    };
    let longest = 2 * Algorithm::Sha512.length();
    if hexadecimal.len() > longest || !hexadecimal.len().is_multiple_of(2) {
        return Err(DigestError::Length);
    }
    let pairs = hexadecimal.as_bytes().chunks_exact(2);
    pairs
        .map(|pair| Ok(nibble(&pair[0])? << 4 | nibble(&pair[1])?))
        .collect()
}

/// What says whether a download is what was meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Checksum {
    /// This checksum.
    Digest(Digest),
    /// The one that a file of checksums has for it. The file is of the same origin.
    File(Box<Download>),
}
