//! Google Cloud Storage, by its JSON API.
//!
//! What is the entity tag elsewhere is the generation here: the API tells it of every object, and takes it back.

mod listing;

use http::HeaderMap;
use http::header::AUTHORIZATION;
use k1s_getter_address::Gcs as Address;
use k1s_getter_net::{KeyError, Reference, Url, UrlError};

use crate::encode;
use crate::fault::BucketError;
use crate::page::{Entry, ListingError, Page};
use crate::store::{Ask, Authorizing, Headers, Signable, Store, bearer};

/// Where the API is.
const ROOT: &str = "https://storage.googleapis.com/";

/// A bucket of Google Cloud Storage.
#[derive(Debug)]
pub(crate) struct Gcs {
    root: Url,
    /// The path of the bucket's objects, encoded.
    base: String,
    token: Option<Reference>,
}

impl Gcs {
    pub(crate) fn new(gcs: &Address, elsewhere: Option<Url>, token: Option<Reference>) -> Result<Self, UrlError> {
        Ok(Self {
            root: match elsewhere {
                Some(root) => root,
                None => Url::parse(ROOT)?,
            },
            base: format!("/storage/v1/b/{}/o", encode::part(&gcs.bucket)),
            token,
        })
    }

    fn path(&self, key: &str) -> String {
        format!("{}/{}", self.base, encode::part(key))
    }

    async fn authorization(&self) -> Result<Headers, BucketError> {
        let Some(token) = &self.token else {
            return Ok(Headers::new());
        };
        let token = token.read().await.map_err(BucketError::Access)?;
        let value = bearer(&token).ok_or(BucketError::Access(KeyError::Characters))?;
        Ok(vec![(AUTHORIZATION, value)])
    }
}

impl Store for Gcs {
    fn root(&self) -> &Url {
        &self.root
    }

    fn head(&self, key: &str, version: Option<&str>) -> Ask {
        Ask::get(self.path(key))
            .with("fields", listing::FIELDS)
            .with_some("generation", version)
    }

    fn found(&self, key: &str, _: &HeaderMap, body: &[u8]) -> Result<Option<Entry>, ListingError> {
        listing::object(body, key).map(Some)
    }

    fn object(&self, key: &str, version: Option<&str>) -> Ask {
        Ask::get(self.path(key))
            .with("alt", "media")
            .with_some("generation", version)
    }

    fn entry(&self, entry: &Entry, _: Option<&str>) -> Result<Ask, ListingError> {
        Ok(self.object(&entry.key, Some(entry.etag.trim_matches('"'))))
    }

    fn page(&self, prefix: &str, most: usize, next: Option<&str>) -> Ask {
        Ask::get(self.base.clone())
            .with("fields", listing::PAGE_FIELDS)
            .with("maxResults", &most.to_string())
            .with("prefix", prefix)
            .with_some("pageToken", next)
    }

    fn listed(&self, page: &[u8], _: &str) -> Result<Page, ListingError> {
        listing::page(page)
    }

    fn authorize<'a>(&'a self, _: Signable<'a>) -> Authorizing<'a> {
        Box::pin(self.authorization())
    }
}
