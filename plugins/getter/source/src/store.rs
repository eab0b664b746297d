//! The origin that is a bucket of a store in a cloud: an object, or all that is below a prefix.
//!
//! A folder costs a listing and the objects whose entity tags are others than before; after a restart, one that lists the
//! same costs the listing. An object costs one question for its tag while that is the same.
//!
//! Who asks S3 is what is configured (`username` is the id of an access key, `password` its secret), else what the address
//! holds, else, at Amazon's own hosts and unless the addresses are somebody else's word, what `AWS_ACCESS_KEY_ID` and its
//! like say; who asks Google is the `token` that is configured, else what `GOOGLE_OAUTH_ACCESS_TOKEN` says, likewise;
//! who asks Azure is a `token`, or the account (`username`) and its key (`password`), else the signature in the address, else, at
//! Azure's own hosts, the account that `AZURE_STORAGE_ACCOUNT` names, likewise. Where a cloud is to lend (`cloud`), what it lends
//! takes the place of what the environment says.
//!
//! Invariant: what a look returns is of one listing; an object that is another by the time it is asked for is an error.

mod lent;
mod listing;
mod place;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use k1s_getter_address::{Checksum, Digest, Download};
use k1s_getter_bucket::{Bucket, BucketError, Entry as Object, Folder, Found};
#[cfg(feature = "s3")]
use k1s_getter_credentials::ProfileError;
#[cfg(feature = "gcs")]
use k1s_getter_net::UrlError;
use k1s_getter_net::{Class as NetClass, Client, Request, Validators};
use k1s_manifests::RelPath;
use tokio::task::{JoinSet, spawn_blocking};

use crate::cache::{Cache, CacheError, Put};
use crate::config::Access;
use crate::content::Content;
use crate::http::Asking;
use crate::origin::{Contents, Looked, Meter, Origin, OriginError, Pending};
use crate::sums;
use crate::tree::{Blob, Entry, Kind, Mark, Mode, Tree};
use crate::unpack::revision;
use crate::whose::whose;
use crate::wish::Wish;

use lent::{Lender, Lent};
use listing::{Known, Sorted};
pub(crate) use place::Place;

/// How many objects are asked for at the same time.
const PARALLEL: usize = 4;
/// How long what a cloud lent is asked with, before it is looked whether it still holds for some minutes.
const LENT_FOR: Duration = Duration::from_mins(1);

/// A bucket cannot be read as it is meant.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    /// The store does not answer, or not as it should.
    #[error(transparent)]
    Bucket(BucketError),
    /// A checksum is expected of a folder.
    #[error("it is a folder, and `checksum`, `archive` and `filename` are for objects")]
    NotAnObject,
    /// The file of checksums is elsewhere.
    #[error("its file of checksums is not in the store")]
    Sums,
    /// What is configured is nothing that a store takes.
    #[cfg(feature = "s3")]
    #[error("S3 takes an access key: its id is `username`, and its secret `password`")]
    Credential,
    /// What is configured is nothing that Google takes.
    #[cfg(feature = "gcs")]
    #[error("Google Cloud Storage takes a `token`")]
    Token,
    /// A variable of the environment names a server that is asked without protection.
    #[cfg(feature = "gcs")]
    #[error("{0} names a server of another machine without TLS; write `https://`")]
    Unprotected(&'static str),
    /// A profile of Amazon's shared files gives no key.
    #[cfg(feature = "s3")]
    #[error(transparent)]
    Profile(#[from] ProfileError),
    /// A profile is named by somebody else.
    #[cfg(feature = "s3")]
    #[error("an address that is somebody else's word names the profile {0:?}")]
    Stranger(String),
    /// What is configured is nothing that Azure takes.
    #[cfg(feature = "azure")]
    #[error(
        "Azure takes the key of the account: `username` is the account's name, and `password` its key; or a `token`"
    )]
    Account,
    /// A variable of the environment names no server.
    #[cfg(feature = "gcs")]
    #[error("{variable} names no server: {source}")]
    Elsewhere {
        /// Which.
        variable: &'static str,
        /// Why not.
        source: UrlError,
    },
    /// It has more objects than are read.
    #[error("more than {0} objects")]
    TooMany(u64),
    /// They are larger together than is read.
    #[error("its objects are more than {0} bytes together")]
    TooLarge(u64),
}

impl StoreError {
    /// Returns what may be done about it.
    #[must_use]
    pub(crate) fn class(&self) -> NetClass {
        match self {
            Self::Bucket(error) => error.class(),
            Self::NotAnObject | Self::Sums => NetClass::Refused,
            #[cfg(feature = "s3")]
            Self::Credential | Self::Stranger(_) => NetClass::Refused,
            #[cfg(feature = "s3")]
            Self::Profile(_) => NetClass::Auth,
            #[cfg(feature = "gcs")]
            Self::Token | Self::Elsewhere { .. } | Self::Unprotected(_) => NetClass::Refused,
            #[cfg(feature = "azure")]
            Self::Account => NetClass::Refused,
            Self::TooMany(_) | Self::TooLarge(_) => NetClass::TooLarge,
        }
    }

    /// Returns how long the store asked to be left alone.
    #[must_use]
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Bucket(error) => error.retry_after(),
            Self::NotAnObject | Self::Sums | Self::TooMany(_) | Self::TooLarge(_) => None,
            #[cfg(feature = "s3")]
            Self::Credential | Self::Profile(_) | Self::Stranger(_) => None,
            #[cfg(feature = "gcs")]
            Self::Token | Self::Elsewhere { .. } | Self::Unprotected(_) => None,
            #[cfg(feature = "azure")]
            Self::Account => None,
        }
    }
}

/// A bucket.
pub(crate) struct Store {
    place: Place,
    download: Download,
    access: Access,
    cache: Arc<Cache>,
    meter: Arc<Meter>,
    /// Set up with the first look.
    client: Option<Client>,
    /// Who lends what is asked with, where a cloud does; set up with the first look.
    lender: Option<Lender>,
    /// What objects were when they were last asked for.
    memory: Known,
}

/// What asks.
#[derive(Clone)]
struct Asked {
    client: Client,
    bucket: Bucket,
    lent: Option<Lent>,
}

impl Store {
    /// Begins with what an address names.
    pub(crate) fn new(
        place: Place,
        download: &Download,
        access: &Access,
        cache: Arc<Cache>,
        meter: Arc<Meter>,
    ) -> Self {
        Self {
            place,
            download: download.clone(),
            access: access.clone(),
            cache,
            meter,
            client: None,
            lender: None,
            memory: Known::new(),
        }
    }

    /// Sets up what asks. Who asks is found anew with each look: the files that say it may have changed.
    async fn asked(&mut self) -> Result<Asked, OriginError> {
        let lent = self.lent().await?;
        let (network, place, client) = (
            Arc::clone(&self.access.network),
            self.place.clone(),
            self.client.clone(),
        );
        // Files are read for both.
        let asked = spawn_blocking(move || {
            let client = match client {
                Some(client) => client,
                None => network.anonymous().map_err(OriginError::Network)?,
            };
            let bucket = place.bucket(client.clone(), &network, lent.as_ref())?;
            Ok::<_, OriginError>(Asked { client, bucket, lent })
        })
        .await??;
        self.client = Some(asked.client.clone());
        Ok(asked)
    }

    /// Returns what a cloud lends, if one is to.
    async fn lent(&mut self) -> Result<Option<Lent>, OriginError> {
        if self.access.network.credentials.cloud.is_none() || self.place.says_who() {
            return Ok(None);
        }
        let lender = match self.lender.take() {
            Some(lender) => lender,
            None => {
                let (network, place) = (Arc::clone(&self.access.network), self.place.clone());
                // Certificates are read from files.
                spawn_blocking(move || Lender::of(&place, &network))
                    .await?
                    .map_err(OriginError::Network)?
            }
        };
        let lent = self.lender.insert(lender).lend().await;
        lent.map(Some).map_err(OriginError::Lent)
    }

    /// Has something else lent if what came of this is that it was refused.
    fn told<T>(&mut self, outcome: Result<T, OriginError>) -> Result<T, OriginError> {
        if let (Err(error), Some(lender)) = (&outcome, &mut self.lender)
            && error.is_refusal()
        {
            lender.forget();
        }
        outcome
    }

    async fn changed(&mut self, last: Option<&Mark>, wish: &Wish) -> Result<Looked, OriginError> {
        let asked = self.asked().await?;
        match asked.bucket.find().await.map_err(StoreError::Bucket)? {
            Found::Object(object) => self.object(&asked, &object, last, wish).await,
            Found::Folder(folder) => self.folder(&asked, folder, last, wish).await,
        }
    }

    async fn object(
        &self,
        asked: &Asked,
        object: &Object,
        last: Option<&Mark>,
        wish: &Wish,
    ) -> Result<Looked, OriginError> {
        let request = asked.bucket.entry(object).await.map_err(StoreError::Bucket)?;
        let name = self.place.key().rsplit('/').next().unwrap_or_default();
        let asking = Asking {
            client: &asked.client,
            request,
            whose: self.whose(),
            known: Some(Validators::of_tag(&object.etag)),
            name: self.download.filename.clone().unwrap_or_else(|| name.to_owned()),
            archive: self.download.archive,
            expected: self.expected(asked).await?,
            bounds: self.access.bounds,
            cache: &self.cache,
            meter: &self.meter,
        };
        asking.look(last, wish).await
    }

    /// Returns whose view of what is seen there.
    fn whose(&self) -> String {
        let credentials = &self.access.network.credentials;
        whose(credentials.word.as_ref(), &[self.place.asker(), &credentials.lender()])
    }

    /// Returns the checksum that the object must have, which may have to be asked for.
    async fn expected(&self, asked: &Asked) -> Result<Option<Digest>, OriginError> {
        let sums = match &self.download.checksum {
            None => return Ok(None),
            Some(Checksum::Digest(digest)) => return Ok(Some(digest.clone())),
            Some(Checksum::File(sums)) => sums,
        };
        let place = Place::of(&sums.origin).ok_or(StoreError::Sums)?;
        let request = place
            .bucket(asked.client.clone(), &self.access.network, asked.lent.as_ref())?
            .object()
            .await
            .map_err(StoreError::Bucket)?;
        let (own, place) = (format!("/{}", self.place.key()), format!("/{}", place.key()));
        sums::ask(&asked.client, request, &own, &place).await.map(Some)
    }

    async fn folder(
        &mut self,
        asked: &Asked,
        folder: Folder,
        last: Option<&Mark>,
        wish: &Wish,
    ) -> Result<Looked, OriginError> {
        if self.download.checksum.is_some() || self.download.archive.is_some() || self.download.filename.is_some() {
            return Err(StoreError::NotAnObject.into());
        }
        let revision = revision(&listing::hash(&folder));
        let mark = Mark(revision.clone());
        if last == Some(&mark) {
            return Ok(Looked::Same);
        }
        let Sorted { mut tree, wanted } = listing::sort(&folder, wish, &self.access.bounds.archive)?;
        self.fetch(asked, &wanted, wish.file_bytes).await?;
        let mut known = Known::new();
        for (path, object) in wanted {
            // Whatever is missing is an error, and never a smaller tree.
            let last = self.memory.remove(&object.key);
            let last = last.ok_or(StoreError::Bucket(BucketError::Missing))?;
            let kind = Kind::File(Blob {
                content: last.1.clone(),
                bytes: Some(object.bytes),
                mode: Mode::Plain,
            });
            tree.entries.push(Entry { path, kind });
            known.insert(object.key, last);
        }
        self.memory = known;
        Ok(Looked::Other(Tree { revision, mark, ..tree }))
    }

    /// Brings objects into the cache, those that are not there as they are now. What came before a failure is remembered.
    async fn fetch(&mut self, asked: &Asked, wanted: &[(RelPath, Object)], most: u64) -> Result<(), OriginError> {
        let missing = listing::missing(wanted, &self.memory, |content| self.cache.has(content));
        let bytes = missing.iter().map(|object| object.bytes);
        self.meter.expect(bytes.fold(0, u64::saturating_add));
        let mut missing = missing.into_iter();
        let mut running = JoinSet::new();
        let (mut asked, mut looked) = (asked.clone(), Instant::now());
        loop {
            if self.lender.is_some() && looked.elapsed() > LENT_FOR {
                (asked, looked) = (self.asked().await?, Instant::now());
            }
            while running.len() < PARALLEL
                && let Some(object) = missing.next()
            {
                running.spawn(bring(asked.clone(), object, Arc::clone(&self.cache), most));
            }
            let Some(brought) = running.join_next().await else {
                return Ok(());
            };
            let (object, content) = brought??;
            self.meter.add(object.bytes);
            self.memory.insert(object.key, (object.etag, content));
        }
    }
}

/// Brings one object into the cache.
async fn bring(asked: Asked, object: Object, cache: Arc<Cache>, most: u64) -> Result<(Object, Content), OriginError> {
    let request: Request = asked.bucket.entry(&object).await.map_err(StoreError::Bucket)?;
    let answer = asked
        .client
        .send(request.at_most(object.bytes))
        .await
        .map_err(OriginError::Net)?;
    let bytes = answer
        .into_body()
        .collect(object.bytes)
        .await
        .map_err(OriginError::Net)?;
    let put = spawn_blocking(move || cache.put(&mut bytes.as_ref(), most)).await??;
    match put {
        Put::Whole { content, .. } => Ok((object, content)),
        Put::TooLarge => Err(CacheError::TooLarge(most).into()),
    }
}

impl Origin for Store {
    fn look<'a>(&'a mut self, last: Option<&'a Mark>, wish: &'a Wish) -> Pending<'a, Looked> {
        Box::pin(async move {
            let changed = self.changed(last, wish).await;
            self.told(changed)
        })
    }

    fn bring<'a>(&'a mut self, _wanted: &'a BTreeSet<Content>) -> Pending<'a, ()> {
        // A look puts all that may be wanted into the cache.
        Box::pin(std::future::ready(Ok(())))
    }

    fn contents(&self) -> Box<dyn Contents> {
        Box::new(Arc::clone(&self.cache))
    }
}
