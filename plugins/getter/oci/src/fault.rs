//! Why an artifact is not brought.

use k1s_getter_address::{Mismatch, Reference};
use k1s_getter_net::{NetError, Origin, SettingsError, UrlError};

use crate::limits::{LAYERS, TEXT_BYTES};

/// Why an artifact is not brought.
#[derive(Debug, thiserror::Error)]
pub enum OciError {
    /// It could not be asked, or answered with a failure.
    #[error(transparent)]
    Net(#[from] NetError),
    /// Settings cannot be used.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The address makes no URL.
    #[error(transparent)]
    Url(#[from] UrlError),
    /// The registry wants the credential brought to somebody who was not named.
    #[error("the registry wants its credential shown to {0}; if that is right, name it as an origin of tokens")]
    Realm(Origin),
    /// The registry wants something that is not known.
    #[error("the registry wants another proof than a token or a password")]
    Challenge,
    /// The service of tokens answers without one.
    #[error("{0} answers without a token")]
    NoToken(Origin),
    /// A digest is of an algorithm that proves nothing.
    #[error("the registry names a digest that is neither sha256 nor sha512")]
    Digest,
    /// What came is not what was asked for.
    #[error("the registry sent something else than was asked for: {0}")]
    Mismatch(#[from] Mismatch),
    /// What came is shorter than it said.
    #[error("the registry sent {sent} bytes of a layer that has {size}")]
    Size {
        /// What came.
        sent: u64,
        /// What the manifest says.
        size: u64,
    },
    /// The manifest cannot be used.
    #[error("the manifest: {0}")]
    Manifest(#[from] ManifestError),
    /// What was brought cannot be read again.
    #[error("what was downloaded cannot be read: {0}")]
    File(#[source] std::io::Error),
    /// The reference is not one.
    #[error("the address names no artifact: {0:?}")]
    Reference(Reference),
}

/// Why a manifest cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// It is not JSON, or lacks what it must have.
    #[error("it cannot be read: {0}")]
    Unreadable(String),
    /// It is of another kind than an image's or an index.
    #[error("it is of the kind {0:?}, not that of an artifact with layers")]
    Kind(String),
    /// It could be read as two kinds.
    #[error("it contradicts itself: it says {0}")]
    Ambiguous(&'static str),
    /// It is an index of several.
    #[error("it is an index of {0} manifests; name one of them by its digest")]
    Several(usize),
    /// It has more layers than a limit.
    #[error("it has more than {LAYERS} layers")]
    Layers,
    /// A text is longer than a limit.
    #[error("it has a media type or name longer than {TEXT_BYTES} bytes")]
    Text,
    /// A digest is none.
    #[error("it has a digest that is neither sha256 nor sha512")]
    Digest,
}
