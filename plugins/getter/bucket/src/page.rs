//! What a store says of objects, whatever kind it is of: pages of a listing, and what is in them.

/// The most keys of a page, which is what the protocol of S3 permits.
pub(crate) const PAGE_KEYS: usize = 1000;
/// The longest text by which a listing goes on, in bytes.
const NEXT_BYTES: usize = 4096;
/// The longest entity tag, in bytes.
const ETAG_BYTES: usize = 256;

/// Why a page is none. Quotes nothing of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ListingError {
    /// It is no XML, or not text.
    #[error("the listing is no XML, at byte {0}")]
    Xml(u64),
    /// It has a document type, entities of its own, or too much depth: nothing that a listing needs.
    #[error("the listing uses XML as no listing does, at byte {0}")]
    Strange(u64),
    /// It is no JSON, or lacks what belongs to it.
    #[error("the listing is no JSON of objects")]
    Json,
    /// It is of something else.
    #[error("the answer is not a listing of objects")]
    Other,
    /// It has more keys than it may.
    #[error("the listing has more than {PAGE_KEYS} keys on a page")]
    TooMany,
    /// A key lacks what belongs to it, or it is malformed.
    #[error("the listing lacks a key, an entity tag or a size, or has one that is none")]
    Entry,
    /// It is of other keys than those that were asked for, or does not say of which.
    #[error("the listing is not said to be of the prefix that was asked for")]
    Prefix,
    /// It does not say whether it is all.
    #[error("the listing does not say, once and as `true` or `false`, whether it goes on")]
    End,
    /// It says that it goes on, and not where, or the same as before.
    #[error("the listing does not say where it goes on")]
    Lost,
}

/// An object, as it is listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its key.
    pub key: String,
    /// Its entity tag, as headers have it. It says that objects of one key are the same, and nothing of their bytes.
    pub etag: String,
    /// How long it is.
    pub bytes: u64,
}

/// A page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Page {
    pub(crate) listed: Vec<Entry>,
    /// Where it goes on; none at the end.
    pub(crate) next: Option<String>,
}

impl Entry {
    /// Takes an object as it is listed; none if that cannot be. The tag may lack its quotes.
    pub(crate) fn read(key: String, etag: &str, size: &str) -> Option<Self> {
        let inner = etag
            .strip_prefix('"')
            .and_then(|rest| rest.strip_suffix('"'))
            .unwrap_or(etag);
        let is_tag = inner.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"') && !inner.is_empty();
        let is_number = size.bytes().all(|byte| byte.is_ascii_digit());
        (is_tag && inner.len() <= ETAG_BYTES && is_number && !key.is_empty()).then_some(())?;
        Some(Self {
            key,
            etag: format!("\"{inner}\""),
            bytes: size.parse().ok()?,
        })
    }
}

/// Takes what is said about where a listing goes on.
pub(crate) fn next(said: &str) -> Result<String, ListingError> {
    if said.is_empty() || said.len() > NEXT_BYTES {
        Err(ListingError::Lost)
    } else {
        Ok(said.to_owned())
    }
}
