//! How much is read of what says who is trusted, and of what is signed.

/// The longest commit or tag, in bytes.
pub const OBJECT_BYTES: usize = 4 << 20;
/// The longest signature, in bytes, as text.
pub const SIGNATURE_BYTES: usize = 64 << 10;
/// The longest file of allowed signers or keyring, in bytes.
pub const SIGNERS_BYTES: usize = 1 << 20;
/// The most keys that are trusted.
pub const KEYS: usize = 1_000;
/// How far in the future a signature may have been made, in seconds: clocks differ.
pub const AHEAD_SECONDS: i64 = 300;
