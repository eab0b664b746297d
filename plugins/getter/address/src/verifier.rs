//! Whether bytes have the checksum that is expected of them.

use sha2::Digest as _;

use crate::checksum::{Algorithm, Digest};

/// Takes the bytes of a file, and says at their end whether it is the one that is meant.
#[derive(Clone, Debug)]
#[must_use = "only its end says whether the bytes are right"]
pub struct Verifier {
    expected: Digest,
    hasher: Hasher,
}

#[derive(Clone, Debug)]
enum Hasher {
    Md5(md5::Md5),
    Sha1(sha1::Sha1),
    Sha256(sha2::Sha256),
    Sha512(sha2::Sha512),
}

/// Bytes are not those that are meant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the checksum is {actual}, not {expected}")]
pub struct Mismatch {
    /// What was expected.
    pub expected: Digest,
    /// What it is.
    pub actual: Digest,
}

impl Verifier {
    /// Begins with no bytes.
    pub fn new(expected: Digest) -> Self {
        let hasher = match expected.algorithm() {
            Algorithm::Md5 => Hasher::Md5(md5::Md5::new()),
            Algorithm::Sha1 => Hasher::Sha1(sha1::Sha1::new()),
            Algorithm::Sha256 => Hasher::Sha256(sha2::Sha256::new()),
            Algorithm::Sha512 => Hasher::Sha512(sha2::Sha512::new()),
        };
        Self { expected, hasher }
    }

    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        match &mut self.hasher {
            Hasher::Md5(hasher) => hasher.update(bytes),
            Hasher::Sha1(hasher) => hasher.update(bytes),
            Hasher::Sha256(hasher) => hasher.update(bytes),
            Hasher::Sha512(hasher) => hasher.update(bytes),
        }
    }

    /// Ends.
    ///
    /// # Errors
    /// Fails if the bytes have another checksum.
    pub fn finish(self) -> Result<(), Mismatch> {
        let bytes: Box<[u8]> = match self.hasher {
            Hasher::Md5(hasher) => hasher.finalize().as_slice().into(),
            Hasher::Sha1(hasher) => hasher.finalize().as_slice().into(),
            Hasher::Sha256(hasher) => hasher.finalize().as_slice().into(),
            Hasher::Sha512(hasher) => hasher.finalize().as_slice().into(),
        };
        let actual = self.expected.with_bytes(bytes);
        if actual == self.expected {
            Ok(())
        } else {
            Err(Mismatch {
                expected: self.expected,
                actual,
            })
        }
    }
}
