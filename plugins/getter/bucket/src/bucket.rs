//! What an address names in a bucket.

use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;

use http::header::{CONTENT_LENGTH, ETAG, IF_MATCH};
use http::{HeaderValue, Method};
use jiff::Timestamp;
use k1s_getter_address::{AccessKey, S3};
use k1s_getter_net::{Class, Client, Reference, Request};

use crate::encode;
use crate::fault::BucketError;
use crate::listing::{self, Entry, ListingError, PAGE_KEYS, Page};
use crate::path::{KeyFault, KeyPath};
use crate::place::Place;
use crate::sign::{Signable, sign};

/// The most keys below a prefix, folders' marks and keys that are no path included.
pub const KEYS: usize = 100_000;
/// The longest page of a listing, in bytes.
pub const PAGE_BYTES: u64 = 8 << 20;
/// The most keys that are no path and are reported; of more there is only the number.
pub const REFUSED: usize = 100;

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

/// Objects below a prefix.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Folder {
    /// Them, by their paths.
    pub entries: BTreeMap<KeyPath, Entry>,
    /// Keys that cannot be paths, at most [`REFUSED`] of them, and why; their objects are not asked for.
    pub refused: BTreeMap<String, KeyFault>,
    /// How many of those there are.
    pub refused_count: usize,
}

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
    place: Place,
    region: String,
    /// The key of an object, or a prefix.
    key: String,
    version: Option<String>,
    access: Option<Access>,
}

impl Bucket {
    /// Takes an address, and what to ask with; without that, everyone's objects are asked for.
    ///
    /// The key that the address itself may hold is not looked at: see [`Access::of`]. What is meant for Amazon belongs to its
    /// hosts only.
    ///
    /// # Errors
    ///
    /// A bucket that cannot be part of a URL.
    pub fn new(client: Client, s3: &S3, access: Option<Access>) -> Result<Self, BucketError> {
        Ok(Self {
            client,
            place: Place::of(s3)?,
            region: s3.region.clone(),
            key: s3.key.clone(),
            version: s3.version.clone(),
            access,
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
        self.request(Method::GET, &self.path(&self.key), &self.of_version())
            .await
    }

    /// Returns the request for an object that was found, as it was then: if it is another now, the answer is 412.
    ///
    /// # Errors
    ///
    /// An access key that cannot be had.
    pub async fn entry(&self, entry: &Entry) -> Result<Request, BucketError> {
        let version = if entry.key == self.key {
            self.of_version()
        } else {
            BTreeMap::new()
        };
        let request = self.request(Method::GET, &self.path(&entry.key), &version).await?;
        let etag = HeaderValue::from_str(&entry.etag).map_err(|_| ListingError::Entry)?;
        Ok(request.header(IF_MATCH, etag))
    }

    fn path(&self, key: &str) -> String {
        format!("{}{}", self.place.base, encode::path(key))
    }

    fn of_version(&self) -> BTreeMap<&'static str, String> {
        self.version
            .iter()
            .map(|version| ("versionId", version.clone()))
            .collect()
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

    /// Returns whether the object is listed: of all keys that begin with its own, that is the first.
    async fn is_listed(&self) -> Result<bool, BucketError> {
        let parameters = BTreeMap::from([("max-keys", "1".to_owned())]);
        let page = self.page(&self.key, parameters).await?;
        Ok(page.listed.first().is_some_and(|first| first.key == self.key))
    }

    /// Asks for an object's head; none where there is none.
    async fn head(&self) -> Result<Option<Entry>, BucketError> {
        let request = self
            .request(Method::HEAD, &self.path(&self.key), &self.of_version())
            .await?;
        let answer = match self.client.send(request).await {
            Ok(answer) => answer,
            Err(error) if error.class() == Class::Missing => return Ok(None),
            Err(error) => return Err(BucketError::of(error)),
        };
        let text = |name| {
            answer
                .headers()
                .get(name)
                .and_then(|value| HeaderValue::to_str(value).ok())
        };
        let bytes = text(CONTENT_LENGTH).and_then(|digits| digits.parse().ok());
        let etag = text(ETAG).map(str::to_owned);
        match (etag, bytes) {
            (Some(etag), Some(bytes)) => Ok(Some(Entry {
                key: self.key.clone(),
                etag,
                bytes,
            })),
            (None, _) | (_, None) => Err(ListingError::Entry.into()),
        }
    }

    /// Lists what is below a prefix.
    async fn list(&self, prefix: &str) -> Result<Folder, BucketError> {
        let mut folder = Folder::default();
        let mut parameters = BTreeMap::from([("max-keys", PAGE_KEYS.to_string())]);
        let (mut tokens, mut keys) = (BTreeSet::new(), 0);
        loop {
            let page = self.page(prefix, parameters.clone()).await?;
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
            if !tokens.insert(token.clone()) || tokens.len() > KEYS {
                return Err(ListingError::Lost.into());
            }
            parameters.insert("continuation-token", token);
        }
    }

    /// Asks for a page of what begins with a prefix.
    async fn page(&self, prefix: &str, mut parameters: BTreeMap<&str, String>) -> Result<Page, BucketError> {
        parameters.extend([
            ("list-type", "2".to_owned()),
            ("encoding-type", "url".to_owned()),
            ("prefix", prefix.to_owned()),
        ]);
        let request = self.request(Method::GET, self.place.bucket(), &parameters).await?;
        let answer = self.client.send(request).await.map_err(BucketError::of)?;
        let page = answer.into_body().collect(PAGE_BYTES).await.map_err(BucketError::of)?;
        Ok(listing::parse(&page, prefix)?)
    }

    async fn request(
        &self,
        method: Method,
        path: &str,
        parameters: &BTreeMap<&str, String>,
    ) -> Result<Request, BucketError> {
        let query = encode::query(parameters);
        let url = self
            .place
            .root
            .with(path, Some(query.as_str()).filter(|query| !query.is_empty()))?;
        let host = url.origin().authority();
        let mut headers = Vec::new();
        if let Some(access) = &self.access {
            let signable = Signable {
                method: &method,
                host: &host,
                path,
                query: &query,
            };
            let now = Timestamp::try_from(SystemTime::now()).map_err(|_| BucketError::Clock)?;
            let signed = sign(signable, &access.read().await?, &self.region, now);
            headers = signed.map_err(|_| BucketError::Characters)?;
        }
        let request = if method == Method::HEAD {
            Request::head(url)
        } else {
            Request::get(url)
        };
        Ok(headers
            .into_iter()
            .fold(request, |request, (name, value)| request.header(name, value)))
    }
}

impl Folder {
    /// Sorts objects by their paths below a prefix, which is empty or ends with `/`.
    pub fn of(prefix: &str, objects: impl IntoIterator<Item = Entry>) -> Self {
        let mut folder = Self::default();
        for object in objects {
            folder.add(prefix, object);
        }
        folder
    }

    fn add(&mut self, prefix: &str, object: Entry) {
        match KeyPath::below(prefix, &object.key) {
            Ok(Some(path)) => {
                self.entries.insert(path, object);
            }
            Ok(None) => {}
            Err(fault) => {
                self.refused_count += 1;
                if self.refused.len() < REFUSED {
                    self.refused.insert(object.key, fault);
                }
            }
        }
    }
}
