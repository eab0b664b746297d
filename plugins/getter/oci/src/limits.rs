//! How much is taken of a registry's word.

/// The longest manifest, in bytes; registries take no longer ones (the OCI distribution specification).
pub const MANIFEST_BYTES: u64 = 4 << 20;
/// The most layers of a manifest.
pub const LAYERS: usize = 1_000;
/// The longest answer of a service of tokens, in bytes.
pub const TOKEN_BYTES: u64 = 64 << 10;
/// The longest media type or name of a file, in bytes.
pub const TEXT_BYTES: usize = 1_024;
