//! S3, and stores that speak as it does.

mod listing;
mod place;
mod sign;

use std::time::SystemTime;

use http::header::{CONTENT_LENGTH, ETAG, IF_MATCH};
use http::{HeaderMap, HeaderValue};
use jiff::Timestamp;
use k1s_getter_address::{AccessKey, S3 as Address};
use k1s_getter_net::{Reference, Url, UrlError};

use crate::encode;
use crate::fault::BucketError;
use crate::page::{Entry, ListingError, Page};
use crate::store::{Ask, Authorizing, Headers, Signable, Store};

use place::Place;

/// What to ask with; it is read for each request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// The key's name.
    pub id: Reference,
    /// The secret.
    pub secret: Reference,
    /// The session token of a temporary key.
    pub token: Option<Reference>,
}

impl Access {
    /// Returns the key that an address holds.
    pub fn of(key: &AccessKey) -> Self {
        Self {
            id: Reference::Given(key.id.clone()),
            secret: Reference::Given(key.secret.clone()),
            token: key.token.clone().map(Reference::Given),
        }
    }

    async fn read(&self) -> Result<AccessKey, BucketError> {
        let token = match &self.token {
            Some(token) => Some(token.read().await.map_err(BucketError::Access)?),
            None => None,
        };
        Ok(AccessKey {
            id: self.id.read().await.map_err(BucketError::Access)?,
            secret: self.secret.read().await.map_err(BucketError::Access)?,
            token,
        })
    }
}

/// A bucket of S3.
#[derive(Debug)]
pub(crate) struct S3 {
    place: Place,
    region: String,
    access: Option<Access>,
}

impl S3 {
    pub(crate) fn new(s3: &Address, access: Option<Access>) -> Result<Self, UrlError> {
        Ok(Self {
            place: Place::of(s3)?,
            region: s3.region.clone(),
            access,
        })
    }

    fn path(&self, key: &str) -> String {
        format!("{}{}", self.place.base, encode::path(key))
    }

    async fn signed(&self, signable: Signable<'_>) -> Result<Headers, BucketError> {
        let Some(access) = &self.access else {
            return Ok(Headers::new());
        };
        let now = Timestamp::try_from(SystemTime::now()).map_err(|_| BucketError::Clock)?;
        let signed = sign::sign(signable, &access.read().await?, &self.region, now);
        signed.map_err(|_| BucketError::Characters)
    }
}

impl Store for S3 {
    fn root(&self) -> &Url {
        &self.place.root
    }

    fn head(&self, key: &str, version: Option<&str>) -> Ask {
        Ask::head(self.path(key)).with_some("versionId", version)
    }

    fn found(&self, key: &str, headers: &HeaderMap, _: &[u8]) -> Result<Option<Entry>, ListingError> {
        let text = |name| headers.get(name).and_then(|value| HeaderValue::to_str(value).ok());
        let entry = text(ETAG)
            .zip(text(CONTENT_LENGTH))
            .and_then(|(etag, size)| Entry::read(key.to_owned(), etag, size));
        entry.map(Some).ok_or(ListingError::Entry)
    }

    fn object(&self, key: &str, version: Option<&str>) -> Ask {
        Ask::get(self.path(key)).with_some("versionId", version)
    }

    fn entry(&self, entry: &Entry, version: Option<&str>) -> Result<Ask, ListingError> {
        let etag = HeaderValue::from_str(&entry.etag).map_err(|_| ListingError::Entry)?;
        Ok(self.object(&entry.key, version).header(IF_MATCH, etag))
    }

    fn page(&self, prefix: &str, most: usize, next: Option<&str>) -> Ask {
        Ask::get(self.place.bucket().to_owned())
            .with("list-type", "2")
            .with("encoding-type", "url")
            .with("max-keys", &most.to_string())
            .with("prefix", prefix)
            .with_some("continuation-token", next)
    }

    fn listed(&self, page: &[u8], prefix: &str) -> Result<Page, ListingError> {
        listing::parse(page, prefix)
    }

    fn authorize<'a>(&'a self, signable: Signable<'a>) -> Authorizing<'a> {
        Box::pin(self.signed(signable))
    }
}
