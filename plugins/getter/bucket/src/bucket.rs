//! What an address names in a bucket.

use std::collections::BTreeSet;
use std::sync::Arc;

use http::Method;
use k1s_getter_address::{Azure as AzureAddress, Gcs as GcsAddress, S3 as S3Address};
use k1s_getter_net::{Class, Client, Reference, Request, Url};

use crate::azure::{Azure, AzureAccess};
use crate::encode;
use crate::fault::BucketError;
use crate::folder::Folder;
use crate::gcs::Gcs;
use crate::page::{Entry, ListingError, PAGE_KEYS, Page};
use crate::s3::{Access, S3};
use crate::store::{Ask, Signable, Store};

/// The most keys below a prefix, folders' marks and keys that are no path included.
pub const KEYS: usize = 100_000;
/// The longest page of a listing, in bytes.
pub const PAGE_BYTES: u64 = 8 << 20;
/// The longest description of one object, in bytes.
const HEAD_BYTES: u64 = 256 << 10;

/// The most pages without a key before the first one.
const EMPTY_PAGES: usize = 100;

/// What an address names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// An object.
    Object(Entry),
    /// What is below a prefix; at least one object.
    Folder(Folder),
}

/// A bucket, and what of it is meant.
#[derive(Clone, Debug)]
pub struct Bucket {
    client: Client,
    store: Arc<dyn Store>,
    /// The key of an object, or a prefix.
    key: String,
    version: Option<String>,
}

impl Bucket {
    /// Takes an address of S3, and what to ask with; without that, everyone's objects are asked for.
    ///
    /// The key that the address itself may hold is not looked at: see [`Access::of`]. What is meant for Amazon belongs to its
    /// hosts only.
    ///
    /// # Errors
    ///
    /// A bucket that cannot be part of a URL.
    pub fn s3(client: Client, s3: &S3Address, access: Option<Access>) -> Result<Self, BucketError> {
        Ok(Self {
            client,
            store: Arc::new(S3::new(s3, access)?),
            key: s3.key.clone(),
            version: s3.version.clone(),
        })
    }

    /// Takes an address of Google Cloud Storage, and the token to ask with; without that, everyone's objects are asked for.
    ///
    /// Another server than Google's can be asked, such as an emulator: what is meant for Google is not for that.
    ///
    /// # Errors
    ///
    /// A bucket that cannot be part of a URL.
    pub fn gcs(
        client: Client,
        gcs: &GcsAddress,
        elsewhere: Option<Url>,
        token: Option<Reference>,
    ) -> Result<Self, BucketError> {
        Ok(Self {
            client,
            store: Arc::new(Gcs::new(gcs, elsewhere, token)?),
            key: gcs.object.clone(),
            version: gcs.generation.map(|generation| generation.to_string()),
        })
    }

    /// Takes an address of Azure Blob Storage, and what to ask with besides the signature that the address may hold.
    ///
    /// # Errors
    ///
    /// An account or container that cannot be part of a URL.
    pub fn azure(client: Client, azure: &AzureAddress, access: Option<AzureAccess>) -> Result<Self, BucketError> {
        Ok(Self {
            client,
            store: Arc::new(Azure::new(azure, access)?),
            key: azure.blob.clone(),
            version: None,
        })
    }

    /// Looks whether the address names an object, and otherwise lists what is below it.
    ///
    /// # Errors
    ///
    /// See [`BucketError`]; [`BucketError::Missing`] where there is neither.
    pub async fn find(&self) -> Result<Found, BucketError> {
        let is_folder = self.key.is_empty() || self.key.ends_with('/');
        if !is_folder && let Some(entry) = self.head_or_listed().await? {
            return Ok(Found::Object(entry));
        }
        if self.version.is_some() {
            // A version is one of an object.
            return Err(BucketError::Missing);
        }
        let prefix = if is_folder {
            self.key.clone()
        } else {
            format!("{}/", self.key)
        };
        let folder = self.list(&prefix).await?;
        if folder.entries.is_empty() {
            // A store that lists what was not asked for is not one whose folder is empty.
            return Err(match folder.refused_count {
                0 => BucketError::Missing,
                count => BucketError::NoPath(count),
            });
        }
        Ok(Found::Folder(folder))
    }

    /// Returns the request for the object that the address names.
    ///
    /// # Errors
    ///
    /// An access key that cannot be had.
    pub async fn object(&self) -> Result<Request, BucketError> {
        self.request(self.store.object(&self.key, self.version.as_deref()))
            .await
    }

    /// Returns the request for an object that was found, as it was then: if it is another now, the answer is a failure.
    ///
    /// # Errors
    ///
    /// An access key that cannot be had.
    pub async fn entry(&self, entry: &Entry) -> Result<Request, BucketError> {
        let version = self.version.as_deref().filter(|_| entry.key == self.key);
        self.request(self.store.entry(entry, version)?).await
    }

    /// Asks for an object's head; none where there is none. What is there and may not be seen is an error, and not a folder.
    async fn head_or_listed(&self) -> Result<Option<Entry>, BucketError> {
        match self.head().await {
            // Without the right to list, what is missing is forbidden, too; the listing then says which it is.
            Err(error) if error.class() == Class::Permission && self.version.is_none() => {
                if self.is_listed().await? {
                    return Err(error);
                }
                Ok(None)
            }
            answered => answered,
        }
    }

    /// Returns whether the object is listed: of all keys that begin with its own, that is the first. Pages before it may be
    /// empty.
    async fn is_listed(&self) -> Result<bool, BucketError> {
        let mut next = None;
        for _ in 0..EMPTY_PAGES {
            let page = self.page(&self.key, 1, next.as_deref()).await?;
            if let Some(first) = page.listed.first() {
                return Ok(first.key == self.key);
            }
            next = page.next;
            if next.is_none() {
                return Ok(false);
            }
        }
        Err(ListingError::Lost.into())
    }

    /// Asks for an object's head; none where there is none.
    async fn head(&self) -> Result<Option<Entry>, BucketError> {
        let request = self
            .request(self.store.head(&self.key, self.version.as_deref()))
            .await?;
        let answer = match self.client.send(request).await {
            Ok(answer) => answer,
            Err(error) if error.class() == Class::Missing => return Ok(None),
            Err(error) => return Err(BucketError::of(error)),
        };
        let headers = answer.headers().clone();
        let body = answer.into_body().collect(HEAD_BYTES).await.map_err(BucketError::of)?;
        Ok(self.store.found(&self.key, &headers, &body)?)
    }

    /// Lists what is below a prefix.
    async fn list(&self, prefix: &str) -> Result<Folder, BucketError> {
        let mut folder = Folder::default();
        let (mut seen, mut keys, mut next) = (BTreeSet::new(), 0, None);
        loop {
            let page = self.page(prefix, PAGE_KEYS, next.as_deref()).await?;
            keys += page.listed.len();
            if keys > KEYS {
                return Err(BucketError::Keys(KEYS));
            }
            for object in page.listed {
                folder.add(prefix, object);
            }
            let Some(token) = page.next else {
                return Ok(folder);
            };
            // A page without a key, or the same token again, would go on for ever.
            if !seen.insert(token.clone()) || seen.len() > KEYS {
                return Err(ListingError::Lost.into());
            }
            next = Some(token);
        }
    }

    /// Asks for a page of what begins with a prefix.
    async fn page(&self, prefix: &str, most: usize, next: Option<&str>) -> Result<Page, BucketError> {
        let request = self.request(self.store.page(prefix, most, next)).await?;
        let answer = self.client.send(request).await.map_err(BucketError::of)?;
        let page = answer.into_body().collect(PAGE_BYTES).await.map_err(BucketError::of)?;
        Ok(self.store.listed(&page, prefix)?)
    }

    async fn request(&self, ask: Ask) -> Result<Request, BucketError> {
        let query = encode::query(&ask.parameters);
        let root = self.store.root();
        let url = root.with(&ask.path, Some(query.as_str()).filter(|query| !query.is_empty()))?;
        let signable = Signable {
            method: &ask.method,
            host: &url.origin().authority(),
            path: &ask.path,
            query: &query,
            parameters: &ask.parameters,
            headers: &ask.headers,
        };
        let signed = self.store.authorize(signable).await?;
        let request = if ask.method == Method::HEAD {
            Request::head(url)
        } else {
            Request::get(url)
        };
        let request = if self.store.is_resumable() {
            request
        } else {
            request.at_once()
        };
        let headers = ask.headers.into_iter().chain(signed);
        Ok(headers.fold(request, |request, (name, value)| request.header(name, value)))
    }
}
