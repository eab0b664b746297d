//! Why a signature, or a word about whom to trust, is refused.

/// A commit or tag that cannot be taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignedError {
    /// More than a limit.
    #[error("it is longer than {0} bytes")]
    TooLong(usize),
    /// It has more than one signature, of which one could be good.
    #[error("it has more than one signature")]
    Several,
    /// The signature is of a kind that git does not make.
    #[error("its signature has an unknown format")]
    Unknown,
    /// X.509, which nothing here verifies.
    #[error("it is signed with X.509, which is not supported: sign it with SSH or OpenPGP")]
    X509,
    /// The signature is not text.
    #[error("its signature is not text")]
    NotText,
    /// There is no time at which it was made.
    #[error("it does not say when it was made")]
    NoTime,
}

/// A file that says who is trusted, and cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignersError {
    /// More than a limit.
    #[error("it is longer than {0} bytes")]
    TooLong(usize),
    /// More keys than a limit.
    #[error("it has more than {0} keys")]
    TooMany(usize),
    /// Nobody would be trusted.
    #[error("it has no key")]
    Empty,
    /// A line of a file of allowed signers.
    #[error("line {line}: {fault}")]
    Line {
        /// Which, from 1.
        line: usize,
        /// What is wrong.
        fault: &'static str,
    },
    /// A keyring.
    #[error("it is no OpenPGP keyring: {0}")]
    Keyring(String),
    /// This program was built without the format.
    #[error("{0} signatures are not built in")]
    NotBuilt(&'static str),
}

/// Why a signature counts for nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// This program was built without the format.
    #[error("{0} signatures are not built in")]
    NotBuilt(&'static str),
    /// It cannot be read.
    #[error("the signature cannot be read")]
    Unreadable,
    /// It is for something else than git.
    #[error("the signature was made for {0:?}, not for git")]
    Purpose(String),
    /// Nobody trusted has the key; its fingerprint, or the number it was made with.
    #[error("it is signed with a key that is not trusted: {0}")]
    Untrusted(String),
    /// The key is trusted, but was not then.
    #[error("{signer} signed it when their key was not trusted: {why}")]
    NotThen {
        /// Who.
        signer: String,
        /// What was wrong then.
        why: &'static str,
    },
    /// It is too weak to count.
    #[error("the signature is too weak: {0}")]
    Weak(Weakness),
    /// It is not over these bytes.
    #[error("the signature does not match: what was signed was changed, or it belongs to something else")]
    Mismatch,
}

/// What git would take, and this does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Weakness {
    /// A hash for which two texts can be made that have the same.
    #[error("it uses a hash that is broken; sign with SHA-256 or better")]
    Hash,
    /// A key that is too short, or of a kind that is given up.
    #[error("its key is DSA, or RSA of fewer than 2048 bits; sign with a key that is neither")]
    Key,
}
