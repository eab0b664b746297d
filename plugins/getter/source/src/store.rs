//! The origin that is a bucket of S3: an object, or all that is below a prefix.
//!
//! A folder costs a listing and the objects whose entity tags are others than before; after a restart, one that lists the
//! same costs the listing. An object is asked for on condition, as a file of HTTP is.
//!
//! Who asks is what is configured (`username` is the id of an access key, `password` its secret), else what the address
//! holds, else, at Amazon's own hosts and unless the addresses are somebody else's word, what `AWS_ACCESS_KEY_ID` and its
//! like say.
//!
//! Invariant: what a look returns is of one listing; an object that is another by the time it is asked for is an error.

mod listing;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use k1s_getter_address::{Checksum, Digest, Download, Endpoint, Origin as AddressOrigin, S3, SUMS_BYTES, Sums};
use k1s_getter_bucket::{Access as Signer, Bucket, BucketError, Entry as Object, Folder, Found};
use k1s_getter_net::{Class as NetClass, Client, Credential, Reference, Request};
use k1s_manifests::RelPath;
use tokio::task::{JoinSet, spawn_blocking};

use crate::cache::{Cache, CacheError, Put};
use crate::config::Access;
use crate::content::Content;
use crate::http::{Asking, Remembered};
use crate::network::{Author, Network};
use crate::origin::{Contents, Looked, Meter, Origin, OriginError, Pending};
use crate::tree::{Blob, Entry, Kind, Mark, Mode, Tree};
use crate::unpack::revision;
use crate::whose::whose;
use crate::wish::Wish;

use listing::{Known, Sorted};

/// How many objects are asked for at the same time.
const PARALLEL: usize = 4;
/// The variables that say who asks Amazon.
const KEY_ID: &str = "AWS_ACCESS_KEY_ID";
const KEY_SECRET: &str = "AWS_SECRET_ACCESS_KEY";
const KEY_TOKEN: &str = "AWS_SESSION_TOKEN";

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
    #[error("a store takes an access key: its id is `username`, and its secret `password`")]
    Credential,
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
            Self::NotAnObject | Self::Sums | Self::Credential => NetClass::Refused,
            Self::TooMany(_) | Self::TooLarge(_) => NetClass::TooLarge,
        }
    }

    /// Returns how long the store asked to be left alone.
    #[must_use]
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Bucket(error) => error.retry_after(),
            Self::NotAnObject | Self::Sums | Self::Credential | Self::TooMany(_) | Self::TooLarge(_) => None,
        }
    }
}

/// A bucket.
pub(crate) struct Store {
    s3: S3,
    download: Download,
    access: Access,
    cache: Arc<Cache>,
    meter: Arc<Meter>,
    /// Set up with the first look.
    asked: Option<Asked>,
    /// What objects were when they were last asked for.
    memory: Known,
}

/// What asks.
#[derive(Clone)]
struct Asked {
    client: Client,
    bucket: Bucket,
}

impl Store {
    /// Begins with what an address names.
    pub(crate) fn new(s3: &S3, download: &Download, access: &Access, cache: Arc<Cache>, meter: Arc<Meter>) -> Self {
        Self {
            s3: s3.clone(),
            download: download.clone(),
            access: access.clone(),
            cache,
            meter,
            asked: None,
            memory: Known::new(),
        }
    }

    async fn asked(&mut self) -> Result<Asked, OriginError> {
        if let Some(asked) = &self.asked {
            return Ok(asked.clone());
        }
        let network = Arc::clone(&self.access.network);
        // Certificates are read from files.
        let client = spawn_blocking(move || network.anonymous())
            .await?
            .map_err(OriginError::Network)?;
        let asked = Asked {
            bucket: self.bucket(client.clone(), &self.s3)?,
            client,
        };
        self.asked = Some(asked.clone());
        Ok(asked)
    }

    fn bucket(&self, client: Client, s3: &S3) -> Result<Bucket, OriginError> {
        let signer = signer(&self.access.network, s3, |name| std::env::var_os(name).is_some())?;
        Ok(Bucket::s3(client, s3, signer).map_err(StoreError::Bucket)?)
    }

    async fn changed(&mut self, last: Option<&Mark>, wish: &Wish) -> Result<Looked, OriginError> {
        let asked = self.asked().await?;
        if last.and_then(Remembered::read).is_some() {
            // It was an object, and mostly is still.
            match self.object(&asked, last, wish).await {
                Err(OriginError::Net(error)) if error.class() == NetClass::Missing => {}
                looked => return looked,
            }
        }
        match asked.bucket.find().await.map_err(StoreError::Bucket)? {
            Found::Object(_) => self.object(&asked, last, wish).await,
            Found::Folder(folder) => self.folder(&asked, folder, last, wish).await,
        }
    }

    async fn object(&self, asked: &Asked, last: Option<&Mark>, wish: &Wish) -> Result<Looked, OriginError> {
        let request = asked.bucket.object().await.map_err(StoreError::Bucket)?;
        let name = self.s3.key.rsplit('/').next().unwrap_or_default();
        let asking = Asking {
            client: &asked.client,
            request,
            whose: self.whose(),
            name: self.download.filename.clone().unwrap_or_else(|| name.to_owned()),
            archive: self.download.archive,
            expected: self.expected(&asked.client).await?,
            bounds: self.access.bounds,
            cache: &self.cache,
            meter: &self.meter,
        };
        asking.look(last, wish).await
    }

    /// Returns whose view of what is seen there.
    fn whose(&self) -> String {
        let own = self.s3.access.as_ref().map(|access| access.id.expose());
        whose(
            self.access.network.credentials.word.as_ref(),
            &[own.unwrap_or_default()],
        )
    }

    /// Returns the checksum that the object must have, which may have to be asked for.
    async fn expected(&self, client: &Client) -> Result<Option<Digest>, OriginError> {
        let sums = match &self.download.checksum {
            None => return Ok(None),
            Some(Checksum::Digest(digest)) => return Ok(Some(digest.clone())),
            Some(Checksum::File(sums)) => sums,
        };
        let AddressOrigin::S3(place) = &sums.origin else {
            return Err(StoreError::Sums.into());
        };
        let request = self
            .bucket(client.clone(), place)?
            .object()
            .await
            .map_err(StoreError::Bucket)?;
        let most = u64::try_from(SUMS_BYTES).unwrap_or(u64::MAX);
        let answer = client.send(request.at_most(most)).await.map_err(OriginError::Net)?;
        let bytes = answer.into_body().collect(most).await.map_err(OriginError::Net)?;
        let sums = Sums::parse(&bytes).map_err(OriginError::Sums)?;
        let found = sums.find(&format!("/{}", self.s3.key), &format!("/{}", place.key));
        Ok(Some(found.map_err(OriginError::Sums)?.clone()))
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
        let mut missing = missing.into_iter();
        let mut running = JoinSet::new();
        loop {
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
        Box::pin(self.changed(last, wish))
    }

    fn bring<'a>(&'a mut self, _wanted: &'a BTreeSet<Content>) -> Pending<'a, ()> {
        // A look puts all that may be wanted into the cache.
        Box::pin(std::future::ready(Ok(())))
    }

    fn contents(&self) -> Box<dyn Contents> {
        Box::new(Arc::clone(&self.cache))
    }
}

/// Finds who asks; `is_set` tells which variables of the environment there are.
fn signer(network: &Network, s3: &S3, is_set: impl Fn(&str) -> bool) -> Result<Option<Signer>, StoreError> {
    match &network.credentials.word {
        Some(Credential::Basic { user, password }) => {
            return Ok(Some(Signer {
                id: Reference::Given(user.clone()),
                secret: password.clone(),
                token: None,
            }));
        }
        Some(Credential::Bearer(_) | Credential::Netrc(_)) => return Err(StoreError::Credential),
        None => {}
    }
    if let Some(key) = &s3.access {
        return Ok(Some(Signer::of(key)));
    }
    // Anyone can answer for another host, and whoever names buckets for somebody else could name that one's own.
    let is_ours = matches!(s3.endpoint, Endpoint::Amazon { .. }) && network.author == Author::User;
    let variable = |name: &str| Reference::Environment(name.to_owned());
    Ok((is_ours && is_set(KEY_ID)).then(|| Signer {
        id: variable(KEY_ID),
        secret: variable(KEY_SECRET),
        token: is_set(KEY_TOKEN).then(|| variable(KEY_TOKEN)),
    }))
}

#[cfg(test)]
mod tests {
    use k1s_getter_address::{Address, Policy, Secret, Source, Transport};

    use super::*;
    use crate::network::Credentials;

    fn s3(address: &str) -> S3 {
        let policy = Policy::default().allowing(Transport::Http);
        let Source::Download(download) = Address::parse(address, &policy).unwrap().source else {
            panic!("{address}");
        };
        let AddressOrigin::S3(s3) = download.origin else {
            panic!("{address}");
        };
        s3
    }

    fn network(author: Author, word: Option<Credential>) -> Network {
        Network {
            author,
            credentials: Credentials {
                word,
                ..Credentials::default()
            },
            ..Network::default()
        }
    }

    #[test]
    fn s05_the_environments_key_is_for_amazon_and_for_ones_own_addresses() {
        const AMAZON: &str = "s3::https://s3.eu-west-1.amazonaws.com/pail/key";
        const SPOOF: &str = "s3::https://s3.eu-west-1.amazonaws.com.evil.example/pail/key";
        const KEYED: &str =
            "s3::https://s3.amazonaws.com.evil.example/pail/key?aws_access_key_id=a&aws_access_key_secret=b";
        let environment = |name| Some(Reference::Environment(String::from(name)));
        let given = |text| Some(Reference::Given(Secret::new(text)));
        let own = || network(Author::User, None);
        let configured = Credential::Basic {
            user: Secret::new("id"),
            password: Reference::Given(Secret::new("secret")),
        };
        for (network, address, is_set, expected) in [
            (own(), AMAZON, true, environment(KEY_ID)),
            (own(), AMAZON, false, None),
            (own(), SPOOF, true, None),
            (network(Author::Stranger, None), AMAZON, true, None),
            (own(), KEYED, true, given("a")),
            (network(Author::User, Some(configured)), KEYED, true, given("id")),
        ] {
            let signer = signer(&network, &s3(address), |_| is_set).unwrap();
            assert_eq!(signer.map(|signer| signer.id), expected, "{address}");
        }
        let token = network(
            Author::User,
            Some(Credential::Bearer(Reference::Given(Secret::new("t")))),
        );
        assert!(matches!(
            signer(&token, &s3(AMAZON), |_| true),
            Err(StoreError::Credential)
        ));
    }
}
