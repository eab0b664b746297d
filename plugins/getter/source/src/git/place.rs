//! Where a repository is, on a server or on this machine, and what is asked of it there.

use std::path::PathBuf;
use std::sync::Arc;

use k1s_getter_address::{self as address, Secret, Site, Transport};
use k1s_getter_git::{
    self as git, Daemon, Dialled, GitError, Local, ObjectId, Remote, RevisionError, SmartHttp, Target,
};
use k1s_getter_net::{Credential, Peer, Url};
use tokio::task::spawn_blocking;

use super::contents::Store;
use super::{Asking, GitFault};
use crate::guest::Guest;
use crate::local::confine;
use crate::network::{Network, NetworkError};
use crate::origin::{Meter, OriginError};

/// How repositories are reached.
#[derive(Clone)]
pub(super) struct Ways {
    pub(super) network: Arc<Network>,
    /// In what everything of this machine must lie.
    pub(super) local_root: Option<PathBuf>,
    pub(super) limits: git::Limits,
    pub(super) meter: Arc<Meter>,
    /// What reading on this machine has cost since the last look.
    pub(super) work: git::Work,
}

/// Where a repository is.
pub(super) enum Place {
    Directory(Arc<Directory>),
    Server(Box<Server>),
}

/// A repository on this machine.
pub(super) struct Directory {
    path: PathBuf,
    root: Option<PathBuf>,
    limits: git::Limits,
    work: git::Work,
}

/// A repository on a server.
pub(super) struct Server {
    site: Site,
    /// The key that the address has.
    key: Option<Secret>,
    ways: Ways,
    guest: Guest,
    /// Where its objects are kept.
    folder: PathBuf,
    /// Set up with the first look, and whenever another asks.
    asked: Option<(Remote, git::Cache)>,
}

/// What was found that is not what is known.
pub(super) struct Found {
    pub(super) target: Target,
    /// All that it has but directories.
    pub(super) entries: Vec<git::Entry>,
}

impl Place {
    /// Names a place; what a server hands out is kept in `folder`, and over SSH `key` counts where none is configured.
    pub(super) fn new(remote: &address::Remote, key: Option<Secret>, ways: &Ways, folder: PathBuf) -> Self {
        match remote {
            address::Remote::Directory(path) => Self::Directory(Arc::new(Directory {
                path: PathBuf::from(path),
                root: ways.local_root.clone(),
                limits: ways.limits,
                work: ways.work.clone(),
            })),
            address::Remote::Site(site) => Self::Server(Box::new(Server {
                site: site.clone(),
                key,
                ways: ways.clone(),
                guest: Guest::default(),
                folder,
                asked: None,
            })),
        }
    }

    /// Finds out what is there now, and fetches it, unless it is what is known.
    pub(super) async fn look(&mut self, asking: Asking) -> Result<Option<Found>, OriginError> {
        match self {
            Self::Directory(directory) => {
                let directory = Arc::clone(directory);
                spawn_blocking(move || directory.look(&asking)).await?
            }
            Self::Server(server) => {
                let looked = server.look(asking).await;
                server.guest.told(looked)
            }
        }
    }

    /// Fetches a commit, of which only its name is known, and returns all that it has but directories. Of `known`, which was
    /// fetched before, nothing comes again.
    pub(super) async fn take(
        &mut self,
        commit: ObjectId,
        known: Option<ObjectId>,
    ) -> Result<Vec<git::Entry>, OriginError> {
        match self {
            Self::Directory(directory) => {
                let directory = Arc::clone(directory);
                spawn_blocking(move || directory.take(&commit)).await?
            }
            Self::Server(server) => {
                let taken = server.take(commit, known).await;
                server.guest.told(taken)
            }
        }
    }

    /// Finds out whether it has a commit, whatever leads to it; `None` where that cannot be told.
    pub(super) async fn has(&mut self, commit: ObjectId) -> Result<Option<bool>, OriginError> {
        match self {
            Self::Directory(directory) => {
                let directory = Arc::clone(directory);
                spawn_blocking(move || directory.has(&commit).map(Some)).await?
            }
            Self::Server(server) => {
                let (remote, _) = server.asked().await?;
                Ok(remote.has_commit(&commit).await.map_err(GitFault::Git)?)
            }
        }
    }

    /// Makes files readable without a network.
    pub(super) async fn bring(&mut self, ids: &[ObjectId]) -> Result<(), OriginError> {
        match self {
            // It is read where it is.
            Self::Directory(_) => Ok(()),
            Self::Server(server) => {
                let brought = server.bring(ids).await;
                server.guest.told(brought)
            }
        }
    }

    /// Brings and reads one file of at most so many bytes.
    pub(super) async fn read(&mut self, id: ObjectId, most: u64) -> Result<Vec<u8>, OriginError> {
        self.bring(&[id]).await?;
        let store = self.store();
        spawn_blocking(move || Ok(store.open()?.blob(&id, most).map_err(GitError::Object)?)).await?
    }

    /// Returns where contents are read.
    pub(super) fn store(&self) -> Store {
        match self {
            Self::Directory(directory) => Store::Directory(Arc::clone(directory)),
            Self::Server(server) => match &server.asked {
                Some((_, cache)) => Store::Cache(cache.clone(), server.ways.limits),
                None => Store::Folder(server.folder.clone(), server.ways.limits),
            },
        }
    }
}

impl Directory {
    pub(super) fn open(&self) -> Result<Local, OriginError> {
        confine(&self.path, self.root.as_deref())?;
        let local = Local::new(&self.path, self.limits).map_err(GitFault::Local)?;
        Ok(local.counting(&self.work))
    }

    fn look(&self, asking: &Asking) -> Result<Option<Found>, OriginError> {
        self.work.begin();
        let local = self.open()?;
        let revision = asking.revision.clone();
        let target = chosen(local.resolve(&[revision]).map_err(GitFault::Local)?)?;
        if asking.knows(&target) {
            return Ok(None);
        }
        let objects = local.objects().map_err(GitFault::Local)?;
        Ok(Some(Found {
            entries: asking.entries(&objects, &target)?,
            target,
        }))
    }

    fn has(&self, commit: &ObjectId) -> Result<bool, OriginError> {
        let objects = self.open()?.objects().map_err(GitFault::Local)?;
        Ok(objects.has(commit).map_err(GitError::Object)?)
    }

    fn take(&self, commit: &ObjectId) -> Result<Vec<git::Entry>, OriginError> {
        let objects = self.open()?.objects().map_err(GitFault::Local)?;
        if !objects.has(commit).map_err(GitError::Object)? {
            return Err(GitError::NotServed(*commit).into());
        }
        let tree = objects.commit(commit).map_err(GitError::Object)?.tree;
        Ok(objects.list(&tree).map_err(GitError::Tree)?)
    }
}

impl Server {
    async fn look(&mut self, asking: Asking) -> Result<Option<Found>, OriginError> {
        let limits = self.ways.limits;
        let (remote, cache) = self.asked().await?;
        let revision = asking.revision.clone();
        let target = chosen(remote.resolve(&[revision]).await.map_err(GitFault::Git)?)?;
        if asking.knows(&target) {
            return Ok(None);
        }
        let known = asking.known.as_ref().map(|known| &known.commit);
        remote.fetch(cache, &target, known).await?;
        let cache = cache.clone();
        let listing = spawn_blocking(move || {
            let objects = cache.objects(&limits).map_err(GitError::Cache)?;
            let entries = asking.entries(&objects, &target)?;
            Ok::<_, OriginError>((target, entries))
        });
        let (target, entries) = listing.await??;
        Ok(Some(Found { target, entries }))
    }

    async fn take(&mut self, commit: ObjectId, known: Option<ObjectId>) -> Result<Vec<git::Entry>, OriginError> {
        let limits = self.ways.limits;
        let (remote, cache) = self.asked().await?;
        let target = Target {
            reference: None,
            id: commit,
            commit,
        };
        remote.fetch(cache, &target, known.as_ref()).await?;
        let cache = cache.clone();
        let listing = spawn_blocking(move || {
            let objects = cache.objects(&limits).map_err(GitError::Cache)?;
            let tree = objects.commit(&commit).map_err(GitError::Object)?.tree;
            Ok(objects.list(&tree).map_err(GitError::Tree)?)
        });
        listing.await?
    }

    async fn bring(&mut self, ids: &[ObjectId]) -> Result<(), OriginError> {
        let (remote, cache) = self.asked().await?;
        Ok(remote.fetch_blobs(cache, ids).await?)
    }

    /// Returns what asks and where its answers are kept, which are set up the first time, and whenever another asks.
    async fn asked(&mut self) -> Result<&mut (Remote, git::Cache), OriginError> {
        let word = self.guest.word(&self.ways.network).await?;
        if word.is_other {
            self.asked = None;
        }
        let asked = match self.asked.take() {
            Some(asked) => asked,
            None => {
                let (ways, site, folder) = (self.ways.clone(), self.site.clone(), self.folder.clone());
                let key = self.key.clone();
                let made = spawn_blocking(move || {
                    let transport = transport(&ways.network, &site, key.as_ref(), word.credential)?;
                    let remote = Remote::new(transport, ways.limits);
                    let remote = remote.watched_by(ways.meter);
                    let cache = git::Cache::open(&folder).map_err(GitError::Cache)?;
                    Ok::<_, OriginError>((remote, cache))
                });
                made.await??
            }
        };
        Ok(self.asked.insert(asked))
    }
}

/// Returns the answer to the one question.
fn chosen(found: Vec<Result<Target, RevisionError>>) -> Result<Target, GitFault> {
    let first = found.into_iter().next().unwrap_or(Err(RevisionError::Unborn));
    Ok(first?)
}

/// Returns the way to a server, over SSH with the key of its address where none is configured.
#[cfg_attr(not(feature = "ssh"), expect(unused_variables, reason = "keys are for SSH"))]
fn transport(
    network: &Network,
    site: &Site,
    key: Option<&Secret>,
    word: Option<Credential>,
) -> Result<Box<dyn git::Transport>, OriginError> {
    let client = network.client(site, word).map_err(OriginError::Network)?;
    match site.transport {
        Transport::Http | Transport::Https => {
            let url = Url::of(site).map_err(|error| OriginError::Network(NetworkError::Url(error)))?;
            Ok(Box::new(SmartHttp::new(client, url)))
        }
        Transport::Git => {
            let peer = Peer::of(site).ok().flatten().ok_or(GitFault::Place)?;
            let host = match site.port {
                Some(port) => format!("{}:{port}", site.host),
                None => site.host.to_string(),
            };
            let dial = Box::new(Dialled::new(client, peer));
            let daemon = Daemon::new(dial, &host, &site.decoded_path()).ok_or(GitFault::Place)?;
            Ok(Box::new(daemon))
        }
        #[cfg(feature = "ssh")]
        Transport::Ssh => Ok(super::ssh::transport(client, site, &network.credentials.ssh, key)?),
        #[cfg(not(feature = "ssh"))]
        Transport::Ssh => Err(GitFault::Transport(site.transport.scheme()).into()),
        Transport::File => Err(GitFault::Transport(site.transport.scheme()).into()),
    }
}

/// Tells whether a repository can be asked over what its address names.
pub(crate) fn supports(remote: &address::Remote) -> Result<(), &'static str> {
    match remote {
        address::Remote::Directory(_) => Ok(()),
        address::Remote::Site(site) => match site.transport {
            Transport::Http | Transport::Https | Transport::Git => Ok(()),
            #[cfg(feature = "ssh")]
            Transport::Ssh => Ok(()),
            #[cfg(not(feature = "ssh"))]
            Transport::Ssh => Err("git over SSH"),
            Transport::File => Err("a repository by `file`"),
        },
    }
}

impl git::Watch for Meter {
    fn came(&self, bytes: u64) {
        self.add(bytes);
    }

    fn counted(&self, objects: u64, of: u64) {
        self.count(objects, of);
    }
}
