//! Where an address leads: what is there now, and the contents of it.
//!
//! An [`Origin`] is asked in three steps, so that nobody fetches what nobody needs: [`look`](Origin::look) finds out
//! whether there is another state than the one that is known and, if so, its paths and names of contents;
//! [`bring`](Origin::bring) makes contents readable without a network, all that are wanted at once; and
//! [`contents`](Origin::contents) reads them. How often an origin is asked is not its concern.
//!
//! Invariant: a state that is not whole is an error and never a smaller tree.

use std::collections::BTreeSet;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use k1s_getter_address::{Mismatch, SumsError};
use k1s_getter_archive::ArchiveError;
#[cfg(feature = "bucket")]
use k1s_getter_bucket::BucketError;
#[cfg(any(feature = "bucket", feature = "github-app"))]
use k1s_getter_credentials::CredentialError;
#[cfg(any(feature = "bucket", feature = "github-app"))]
use k1s_getter_net::Fault as NetFault;
#[cfg(feature = "net")]
use k1s_getter_net::{Class, NetError};
#[cfg(feature = "oci")]
use k1s_getter_oci::OciError;
use k1s_source::{Code, Problem, Retry};
use tokio::task::JoinError;

use crate::attention::Silent;
use crate::cache::{Cache, CacheError};
use crate::content::Content;
use crate::custody::Broken;
#[cfg(feature = "git")]
use crate::git::GitFault;
use crate::local::LocalError;
use crate::lock::LockError;
#[cfg(feature = "hg")]
use crate::mercurial::MercurialError;
#[cfg(feature = "net")]
use crate::network::NetworkError;
use crate::pick::PickError;
#[cfg(feature = "bucket")]
use crate::store::StoreError;
use crate::tree::{Mark, Refusal, Tree};
use crate::wish::Wish;

/// An answer of an origin that is being waited for.
pub(crate) type Pending<'a, T> = Pin<Box<dyn Future<Output = Result<T, OriginError>> + Send + 'a>>;

/// Where an address leads; asked by one caller at a time.
pub(crate) trait Origin: Send {
    /// Finds out what is there now, unless it is still what `last` is the mark of.
    fn look<'a>(&'a mut self, last: Option<&'a Mark>, wish: &'a Wish) -> Pending<'a, Looked>;

    /// Finds out whether what the last look found goes on from a revision that was taken before; none where places have no
    /// history by which one could be told from another.
    fn descent<'a>(&'a mut self, _taken: Option<&'a str>) -> Pending<'a, Option<Descent>> {
        Box::pin(std::future::ready(Ok(None)))
    }

    /// Makes contents of the last look readable without a network.
    fn bring<'a>(&'a mut self, wanted: &'a BTreeSet<Content>) -> Pending<'a, ()>;

    /// Returns what reads contents that were brought, on any thread.
    fn contents(&self) -> Box<dyn Contents>;
}

/// Reads contents that are on this machine.
pub(crate) trait Contents: Send {
    /// Reads a content of at most so many bytes; what it returns has that name.
    ///
    /// # Errors
    /// Fails if it is not there, or larger.
    fn read(&mut self, content: &Content, most: u64) -> Result<Vec<u8>, OriginError>;
}

impl Contents for Arc<Cache> {
    fn read(&mut self, content: &Content, most: u64) -> Result<Vec<u8>, OriginError> {
        Ok(Cache::read(self, content, most)?)
    }
}

/// What a look found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Looked {
    /// The state that the mark is of.
    Same,
    /// Another.
    Other(Tree),
}

/// Whether a state is of the place that something was taken of before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(not(feature = "git"), expect(dead_code, reason = "only git can tell"))]
pub(crate) enum Descent {
    /// It is, or nothing speaks against it.
    Same,
    /// The place has lost what was taken: it is another place at the same address.
    Another,
    /// Nothing was taken, as far as is remembered.
    Unknown,
}

/// How much an origin has brought, and of how much, where that is known; shared with whoever shows it.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    bytes: AtomicU64,
    /// How many bytes there will be; none where that is not known.
    expected: AtomicU64,
    /// How many there are of what comes in pieces, and of how many.
    pieces: (AtomicU64, AtomicU64),
    /// Grows whenever something is done.
    steps: AtomicU64,
}

impl Meter {
    /// Adds bytes.
    pub(crate) fn add(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.step();
    }

    /// Says how many bytes are still to come.
    #[cfg_attr(not(feature = "http"), expect(dead_code, reason = "only servers say so"))]
    pub(crate) fn expect(&self, bytes: u64) {
        self.expected
            .store(self.bytes().saturating_add(bytes), Ordering::Relaxed);
    }

    /// Says how many pieces there are, and of how many.
    #[cfg_attr(not(feature = "git"), expect(dead_code, reason = "only packs say so"))]
    pub(crate) fn count(&self, done: u64, of: u64) {
        self.pieces.0.store(done, Ordering::Relaxed);
        self.pieces.1.store(of, Ordering::Relaxed);
        self.step();
    }

    /// Returns how far it is, as a part and a whole in whatever can be counted; `None` where the whole is not known.
    pub(crate) fn part(&self) -> Option<(u64, u64)> {
        let read = |(done, of): (u64, &AtomicU64)| (done, of.load(Ordering::Relaxed));
        let pieces = read((self.pieces.0.load(Ordering::Relaxed), &self.pieces.1));
        let bytes = read((self.bytes(), &self.expected));
        [pieces, bytes].into_iter().find(|(done, of)| *of > 0 && done <= of)
    }

    /// Notes that something was done, though nothing was brought.
    pub(crate) fn step(&self) {
        self.steps.fetch_add(1, Ordering::Relaxed);
    }

    /// Returns how many bytes there were.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Returns a number that is another whenever something was done.
    pub(crate) fn steps(&self) -> u64 {
        self.steps.load(Ordering::Relaxed)
    }
}

/// Nothing is known of an origin now; what was known holds on. Nothing secret is in it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OriginError {
    /// This machine has it not, or does not let it be read.
    #[error(transparent)]
    Local(#[from] LocalError),
    /// The archive is refused.
    #[error(transparent)]
    Archive(ArchiveError),
    /// It is not what the checksum says.
    #[error(transparent)]
    Mismatch(Mismatch),
    /// The file of checksums does not say what it should be.
    #[error(transparent)]
    Sums(SumsError),
    /// The file of checksums is elsewhere, and so somebody else's word.
    #[error("the file of checksums is of another origin")]
    ForeignSums,
    /// What is wanted of it is not there.
    #[error(transparent)]
    Pick(PickError),
    /// The cache cannot be used.
    #[error(transparent)]
    Cache(#[from] CacheError),
    /// Nothing is known of it yet.
    #[error("nothing is known of it yet")]
    Unknown,
    /// It is not at the revision that is locked.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// It has more ignore files than are read.
    #[error("more than {0} files `.sourceignore`")]
    IgnoreFiles(usize),
    /// Its ignore files are longer together than is read.
    #[error("its files `.sourceignore` are more than {0} bytes together")]
    IgnoreBytes(u64),
    /// Its files are larger together than is taken.
    #[error("its files are more than the limit totalBytes, {0} bytes, together")]
    TooMuch(u64),
    /// It cannot be had from the network.
    #[cfg(feature = "http")]
    #[error(transparent)]
    Net(NetError),
    /// Nothing can be asked with what is configured.
    #[cfg(feature = "net")]
    #[error(transparent)]
    Network(NetworkError),
    /// Nothing is lent that could be asked with.
    #[cfg(any(feature = "bucket", feature = "github-app"))]
    #[error(transparent)]
    Lent(CredentialError),
    /// The repository does not give what is wanted.
    #[cfg(feature = "git")]
    #[error(transparent)]
    Git(#[from] GitFault),
    /// A repository of Mercurial does not give what is wanted.
    #[cfg(feature = "hg")]
    #[error(transparent)]
    Mercurial(#[from] MercurialError),
    /// A bucket cannot be read as it is meant.
    #[cfg(feature = "bucket")]
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It cannot be had from a registry.
    #[cfg(feature = "oci")]
    #[error(transparent)]
    Oci(OciError),
    /// The layers of an artifact are more than is downloaded.
    #[cfg(feature = "oci")]
    #[error("its layers have more than the limit downloadBytes, {0} bytes")]
    Layers(u64),
    /// A layer is a file whose name is no path.
    #[cfg(feature = "oci")]
    #[error("a layer is a file with the name {0:?}, which is no path below a folder")]
    Title(String),
    /// It is a page for people.
    #[cfg(feature = "http")]
    #[error("it is a page for people (HTML) and no manifest; is the address right, and does it need credentials?")]
    Page,
    /// The work on it goes on, and nobody waits for it any more.
    #[error(transparent)]
    Silent(#[from] Silent),
    /// The work on it was broken off.
    #[error("the work on it was broken off")]
    Broken(#[source] Option<JoinError>),
}

impl From<JoinError> for OriginError {
    fn from(error: JoinError) -> Self {
        Self::Broken(Some(error))
    }
}

impl From<Broken> for OriginError {
    fn from(Broken(error): Broken) -> Self {
        Self::Broken(error)
    }
}

impl OriginError {
    /// Returns what the host is told about the origin that is shown as `address`.
    #[must_use]
    pub(crate) fn problem(&self, address: &str) -> Problem {
        let retry = self.retry_after().map_or(Retry::Backoff, Retry::After);
        let problem = Problem::new(self.code(), format!("{address}: {self}")).retry(retry);
        match std::error::Error::source(self) {
            Some(source) => problem.because(source),
            None => problem,
        }
    }

    /// Returns how long the origin asked to be left alone.
    #[must_use]
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        match self {
            #[cfg(feature = "http")]
            Self::Net(error) => error.retry_after(),
            #[cfg(feature = "net")]
            Self::Network(_) => None,
            #[cfg(any(feature = "bucket", feature = "github-app"))]
            Self::Lent(error) => error.retry_after(),
            #[cfg(feature = "git")]
            Self::Git(fault) => fault.net().and_then(NetError::retry_after),
            #[cfg(feature = "hg")]
            Self::Mercurial(error) => error.net().and_then(NetError::retry_after),
            #[cfg(feature = "bucket")]
            Self::Store(error) => error.retry_after(),
            #[cfg(feature = "oci")]
            Self::Oci(OciError::Net(error)) => error.retry_after(),
            #[cfg(feature = "oci")]
            Self::Oci(_) | Self::Layers(_) | Self::Title(_) => None,
            #[cfg(feature = "http")]
            Self::Page => None,
            Self::Local(_)
            | Self::Archive(_)
            | Self::Mismatch(_)
            | Self::Sums(_)
            | Self::ForeignSums
            | Self::Pick(_)
            | Self::Cache(_)
            | Self::Unknown
            | Self::Lock(_)
            | Self::IgnoreFiles(_)
            | Self::IgnoreBytes(_)
            | Self::TooMuch(_)
            | Self::Silent(_)
            | Self::Broken(_) => None,
        }
    }

    /// Returns whether what asked was refused: some stores say of a token that has expired that the question is a bad one.
    #[cfg(any(feature = "bucket", feature = "github-app"))]
    #[must_use]
    pub(crate) fn is_refusal(&self) -> bool {
        let is_refused = |error: &NetError| {
            if let NetFault::Status { status, .. } = &error.fault {
                return matches!(status.as_u16(), 400..=403);
            }
            false
        };
        #[cfg(feature = "git")]
        if let Self::Git(fault) = self {
            return fault.net().is_some_and(is_refused);
        }
        #[cfg(feature = "bucket")]
        if let Self::Store(StoreError::Bucket(BucketError::Net(error))) = self {
            return is_refused(error);
        }
        if let Self::Net(error) = self {
            return is_refused(error);
        }
        false
    }

    /// Returns what is said of the one file whose content is larger than `limit`, `most` bytes, or no file; `None` for
    /// whatever is not that file's own.
    pub(crate) fn refusal(&self, limit: &str, most: u64) -> Option<Refusal> {
        let Self::Cache(error) = self else { return None };
        error.refusal(limit, most)
    }

    /// Returns the class.
    #[must_use]
    pub(crate) fn code(&self) -> Code {
        match self {
            Self::Local(error) => error.code(),
            Self::Archive(error) => code_of_archive(error),
            Self::Mismatch(_) | Self::Sums(_) | Self::ForeignSums => Code::DataInvalid,
            Self::Unknown => Code::Unavailable,
            Self::Lock(LockError::Moved { .. }) => Code::DataInvalid,
            Self::Lock(_) => Code::ConfigInvalid,
            Self::IgnoreFiles(_) | Self::IgnoreBytes(_) | Self::TooMuch(_) => Code::TooLarge,
            Self::Pick(_) => Code::RootNotFound,
            Self::Cache(error) => error.code(),
            #[cfg(feature = "http")]
            Self::Net(error) => code_of_net(error.class()),
            #[cfg(feature = "net")]
            Self::Network(_) => Code::ConfigInvalid,
            #[cfg(any(feature = "bucket", feature = "github-app"))]
            Self::Lent(error) => code_of_net(error.class()),
            #[cfg(feature = "git")]
            Self::Git(fault) => fault.code(),
            #[cfg(feature = "hg")]
            Self::Mercurial(error) => code_of_net(error.class()),
            #[cfg(feature = "bucket")]
            Self::Store(error) => code_of_net(error.class()),
            #[cfg(feature = "oci")]
            Self::Oci(error) => code_of_oci(error),
            #[cfg(feature = "oci")]
            Self::Layers(_) => Code::TooLarge,
            #[cfg(feature = "oci")]
            Self::Title(_) => Code::DataInvalid,
            #[cfg(feature = "http")]
            Self::Page => Code::DataInvalid,
            Self::Silent(_) => Code::Timeout,
            Self::Broken(_) => Code::Internal,
        }
    }
}

/// Returns what the host calls a class of failures of the network.
#[cfg(feature = "net")]
pub(crate) fn code_of_net(class: Class) -> Code {
    match class {
        Class::Auth => Code::Auth,
        Class::Permission => Code::Permission,
        Class::Missing => Code::RootNotFound,
        Class::Busy => Code::RateLimited,
        Class::Unavailable => Code::Unavailable,
        Class::Timeout => Code::Timeout,
        Class::TooLarge => Code::TooLarge,
        Class::Refused => Code::Unsupported,
        Class::Broken => Code::DataInvalid,
    }
}

#[cfg(feature = "oci")]
fn code_of_oci(error: &OciError) -> Code {
    match error {
        OciError::Net(error) => code_of_net(error.class()),
        OciError::Settings(_) | OciError::Url(_) | OciError::Reference(_) => Code::ConfigInvalid,
        OciError::Realm(_) | OciError::Challenge | OciError::NoToken(_) => Code::Auth,
        OciError::Digest | OciError::Mismatch(_) | OciError::Size { .. } => Code::DataInvalid,
        OciError::Manifest(_) => Code::Unsupported,
        OciError::File(_) => Code::Unavailable,
    }
}

fn code_of_archive(error: &ArchiveError) -> Code {
    match error {
        ArchiveError::Limit(_) => Code::TooLarge,
        ArchiveError::Damaged(_) | ArchiveError::Contradiction(_) | ArchiveError::Path(..) => Code::DataInvalid,
        ArchiveError::Kind { .. }
        | ArchiveError::Encrypted(_)
        | ArchiveError::Unsupported(_)
        | ArchiveError::NotBuilt(_) => Code::Unsupported,
        ArchiveError::Taker(_) => Code::Unavailable,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// Contents in memory.
    #[derive(Debug, Default)]
    pub(crate) struct Shelf {
        /// `None` for what is no file.
        bytes_by_content: BTreeMap<Content, Option<Vec<u8>>>,
        /// How often a content was read.
        pub(crate) reads: usize,
    }

    impl Shelf {
        pub(crate) fn put(&mut self, bytes: &[u8]) -> Content {
            let content = Content::of(bytes);
            self.bytes_by_content.insert(content.clone(), Some(bytes.to_vec()));
            content
        }

        /// Puts something that is no file, as a tree of git.
        pub(crate) fn put_no_file(&mut self, name: &[u8]) -> Content {
            let content = Content::of(name);
            self.bytes_by_content.insert(content.clone(), None);
            content
        }
    }

    impl Contents for Shelf {
        fn read(&mut self, content: &Content, most: u64) -> Result<Vec<u8>, OriginError> {
            self.reads += 1;
            match self.bytes_by_content.get(content) {
                None => Err(CacheError::Lost(content.clone()).into()),
                Some(None) => Err(CacheError::NoFile(content.clone()).into()),
                Some(Some(bytes)) if bytes.len() as u64 > most => Err(CacheError::TooLarge(most).into()),
                Some(Some(bytes)) => Ok(bytes.clone()),
            }
        }
    }
}
