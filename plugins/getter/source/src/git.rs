//! The origin that is a repository of git, on a server or on this machine.
//!
//! A look asks what the revision names now. Only if that is another commit are its trees fetched, and of its files only those
//! that are picked, as far as they are not there. Contents are git's own objects, under the ids that git gives them.
//!
//! Where it has to be signed, that is looked at before anything of it is listed, and again when it is another who is trusted.
//!
//! Links are told and not followed, and so are submodules. Files are as they are in the repository: no filter of git's, no
//! conversion of line ends, no large file storage.

mod contents;
mod fault;
#[cfg(feature = "ssh")]
mod ssh;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use k1s_getter_address::{self as address, Secret, Site, Transport};
use k1s_getter_git::{
    self as git, Daemon, Dialled, GitError, Local, ObjectId, Objects, Remote, Revision, RevisionError, SmartHttp,
    Target, Unsupported,
};
use k1s_getter_net::{Peer, Url};
use k1s_manifests::RelPath;
use tokio::task::spawn_blocking;

use crate::cache::Cache;
use crate::config::{Access, Bounds, Repository};
use crate::content::Content;
use crate::local::confine;
use crate::network::{Network, NetworkError};
use crate::origin::{Contents, Looked, Meter, Origin, OriginError, Pending};
use crate::tree::{Blob, Class, Descent, Entry, Kind, Mark, Mode, Refusal, Shape, Tree};
use crate::verify::Trusted;
use crate::wish::Wish;

use contents::{Blobs, Store};

pub(crate) use fault::GitFault;

/// Where the objects of a server's repository are, in the cache of its address.
const OBJECTS: &str = "git";
/// What is remembered where nothing had to be signed.
const NOBODY: &str = "-";

/// A repository of git.
pub(crate) struct Git {
    place: Place,
    revision: Option<address::Revision>,
    asked: Repository,
}

/// Where a repository is.
enum Place {
    Directory(Arc<Directory>),
    Server(Box<Server>),
}

/// A repository on this machine.
struct Directory {
    path: PathBuf,
    root: Option<PathBuf>,
    limits: git::Limits,
}

/// A repository on a server.
struct Server {
    site: Site,
    /// The key that the address has.
    key: Option<Secret>,
    network: Arc<Network>,
    /// Where its objects are kept.
    folder: PathBuf,
    meter: Arc<Meter>,
    limits: git::Limits,
    /// Set up with the first look.
    asked: Option<(Remote, git::Cache)>,
}

impl Git {
    /// Begins with what an address names.
    pub(crate) fn new(named: &address::Git, access: &Access, cache: &Cache, meter: Arc<Meter>) -> Self {
        let limits = limits(&access.bounds);
        let place = match &named.remote {
            address::Remote::Directory(path) => Place::Directory(Arc::new(Directory {
                path: PathBuf::from(path),
                root: access.local_root.clone(),
                limits,
            })),
            address::Remote::Site(site) => Place::Server(Box::new(Server {
                site: site.clone(),
                key: named.ssh_key.clone(),
                network: Arc::clone(&access.network),
                folder: cache.folder().join(OBJECTS),
                meter,
                limits,
                asked: None,
            })),
        };
        Self {
            place,
            revision: named.revision.clone(),
            asked: access.repository.clone(),
        }
    }

    async fn changed(&mut self, last: Option<&Mark>, wish: &Wish) -> Result<Looked, OriginError> {
        let wants_tag = self.asked.trust.as_ref().is_some_and(|trust| trust.mode.wants_tag());
        // Of a commit nobody knows which tag led to it.
        let pinned = wish.pinned.as_deref().filter(|_| !wants_tag);
        let pinned = pinned.and_then(|pinned| ObjectId::parse(pinned.as_bytes()));
        let revision = match (pinned, &self.asked.range) {
            (Some(commit), _) => Revision::Commit(commit),
            (None, Some(range)) => Revision::Newest(range.clone()),
            (None, None) => revision(self.revision.as_ref())?,
        };
        let trusted = match self.asked.trust.clone() {
            Some(trust) => Some(spawn_blocking(move || trust.read()).await?.map_err(GitFault::Trust)?),
            None => None,
        };
        let asking = Asking {
            known: last.and_then(Remembered::read),
            revision,
            trusted,
            wish: wish.clone(),
        };
        match &mut self.place {
            Place::Directory(directory) => {
                let directory = Arc::clone(directory);
                spawn_blocking(move || directory.look(asking)).await?
            }
            Place::Server(server) => server.look(asking).await,
        }
    }
}

impl Origin for Git {
    fn look<'a>(&'a mut self, last: Option<&'a Mark>, wish: &'a Wish) -> Pending<'a, Looked> {
        Box::pin(self.changed(last, wish))
    }

    fn bring<'a>(&'a mut self, wanted: &'a BTreeSet<Content>) -> Pending<'a, ()> {
        Box::pin(async move {
            match &mut self.place {
                // It is read where it is.
                Place::Directory(_) => Ok(()),
                Place::Server(server) => server.bring(wanted).await,
            }
        })
    }

    fn contents(&self) -> Box<dyn Contents> {
        let store = match &self.place {
            Place::Directory(directory) => Store::Directory(Arc::clone(directory)),
            Place::Server(server) => match &server.asked {
                Some((_, cache)) => Store::Cache(cache.clone(), server.limits),
                None => Store::Folder(server.folder.clone(), server.limits),
            },
        };
        Box::new(Blobs { store, objects: None })
    }
}

/// What is asked of a repository at one look.
struct Asking {
    revision: Revision,
    /// What is known of it.
    known: Option<Remembered>,
    /// Whose signature it must have.
    trusted: Option<Trusted>,
    wish: Wish,
}

impl Asking {
    /// Returns whether what was found is what is known, verified as it must be now.
    fn knows(&self, target: &Target) -> bool {
        let remembered = Remembered::of(target, self.trusted.as_ref());
        self.known.as_ref() == Some(&remembered)
    }

    /// Makes a tree of what may be wanted of what was found, if it is signed as it must be.
    fn tree(&self, objects: &Objects, target: &Target) -> Result<Tree, OriginError> {
        if let Some(trusted) = &self.trusted {
            trusted.check(objects, target).map_err(GitFault::Trust)?;
        }
        let commit = objects.commit(&target.commit).map_err(GitError::Object)?;
        let mut tree = tree(objects, &commit.tree, target, &self.wish)?;
        tree.mark = Remembered::of(target, self.trusted.as_ref()).mark();
        Ok(tree)
    }
}

impl Directory {
    fn open(&self) -> Result<Local, OriginError> {
        confine(&self.path, self.root.as_deref())?;
        Local::new(&self.path, self.limits).map_err(|error| GitFault::Local(error).into())
    }

    fn look(&self, asking: Asking) -> Result<Looked, OriginError> {
        let local = self.open()?;
        let revision = asking.revision.clone();
        let target = chosen(local.resolve(&[revision]).map_err(GitFault::Local)?)?;
        if asking.knows(&target) {
            return Ok(Looked::Same);
        }
        let objects = local.objects().map_err(GitFault::Local)?;
        let known = asking.known.as_ref();
        let has_known = known.map(|known| objects.has(&known.commit)).transpose();
        let descent = descent(has_known.map_err(GitError::Object)?);
        let tree = asking.tree(&objects, &target)?;
        Ok(Looked::Other(Tree { descent, ..tree }))
    }
}

impl Server {
    async fn look(&mut self, asking: Asking) -> Result<Looked, OriginError> {
        let meter = Arc::clone(&self.meter);
        let (remote, cache) = self.asked().await?;
        let revision = asking.revision.clone();
        let target = chosen(remote.resolve(&[revision]).await.map_err(GitFault::Git)?)?;
        if asking.knows(&target) {
            return Ok(Looked::Same);
        }
        let known = asking.known.as_ref().map(|known| &known.commit);
        let has_known = match known {
            Some(known) => remote.has_commit(known).await.map_err(GitFault::Git)?,
            None => None,
        };
        let descent = descent(has_known);
        let before = remote.taken();
        let fetched = remote.fetch(cache, &target, known).await;
        meter.add(remote.taken() - before);
        fetched.map_err(GitFault::Git)?;
        let (cache, limits) = (cache.clone(), self.limits);
        let looked = spawn_blocking(move || {
            let objects = cache.objects(&limits).map_err(GitError::Cache)?;
            asking.tree(&objects, &target)
        });
        let tree = looked.await??;
        Ok(Looked::Other(Tree { descent, ..tree }))
    }

    async fn bring(&mut self, wanted: &BTreeSet<Content>) -> Result<(), OriginError> {
        let ids: Vec<ObjectId> = wanted.iter().filter_map(id).collect();
        let meter = Arc::clone(&self.meter);
        let (remote, cache) = self.asked().await?;
        let before = remote.taken();
        let brought = remote.fetch_blobs(cache, &ids).await;
        meter.add(remote.taken() - before);
        brought.map_err(|error| GitFault::Git(error).into())
    }

    /// Returns what asks and where its answers are kept, which are set up the first time.
    async fn asked(&mut self) -> Result<&mut (Remote, git::Cache), OriginError> {
        let asked = match self.asked.take() {
            Some(asked) => asked,
            None => {
                let (network, site, folder) = (Arc::clone(&self.network), self.site.clone(), self.folder.clone());
                let (key, limits) = (self.key.clone(), self.limits);
                let made = spawn_blocking(move || {
                    let remote = Remote::new(transport(&network, &site, key.as_ref())?, limits);
                    let cache = git::Cache::open(&folder).map_err(GitError::Cache)?;
                    Ok::<_, OriginError>((remote, cache))
                });
                made.await??
            }
        };
        Ok(self.asked.insert(asked))
    }
}

/// Judges by whether a repository has the commit that was known; where that cannot be told, it is the same.
fn descent(has_known: Option<bool>) -> Descent {
    match has_known {
        Some(false) => Descent::Another,
        Some(true) | None => Descent::Same,
    }
}

/// Returns the way to a server, over SSH with the key of its address where none is configured.
fn transport(network: &Network, site: &Site, key: Option<&Secret>) -> Result<Box<dyn git::Transport>, OriginError> {
    let client = network.client(site).map_err(OriginError::Network)?;
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
        Transport::Ssh => Ok(ssh::transport(client, site, &network.credentials.ssh, key)?),
        #[cfg(not(feature = "ssh"))]
        Transport::Ssh => Err(GitFault::Transport(site.transport.scheme()).into()),
        Transport::File => Err(GitFault::Transport(site.transport.scheme()).into()),
    }
}

/// Tells whether a repository can be asked over what its address names.
pub(crate) fn supports(named: &address::Git) -> Result<(), &'static str> {
    match &named.remote {
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

fn limits(bounds: &Bounds) -> git::Limits {
    git::Limits {
        pack_bytes: bounds.download_bytes,
        object_bytes: bounds.archive.file_bytes,
        // Trees and deltas are no files, and yet unpacked.
        total_bytes: bounds.archive.total_bytes.saturating_mul(2),
        entries: usize::try_from(bounds.archive.entries).unwrap_or(usize::MAX),
        path_depth: bounds.archive.depth,
        ..git::Limits::default()
    }
}

fn revision(named: Option<&address::Revision>) -> Result<Revision, GitFault> {
    match named {
        None => Ok(Revision::Default),
        Some(address::Revision::Commit(id)) => ObjectId::parse(id.as_bytes())
            .map(Revision::Commit)
            .ok_or(GitFault::Git(GitError::Unsupported(Unsupported::Format))),
        Some(address::Revision::Name(name)) => Ok(Revision::parse(name)?),
    }
}

/// Returns the answer to the one question.
fn chosen(found: Vec<Result<Target, RevisionError>>) -> Result<Target, GitFault> {
    let first = found.into_iter().next().unwrap_or(Err(RevisionError::Unborn));
    Ok(first?)
}

/// What is remembered of a state.
#[derive(Debug, PartialEq, Eq)]
struct Remembered {
    /// A tag that was made anew is another state, whatever it leads to.
    id: ObjectId,
    commit: ObjectId,
    /// Who was trusted with it; [`NOBODY`] where nothing had to be signed.
    trusted: String,
}

impl Remembered {
    fn of(target: &Target, trusted: Option<&Trusted>) -> Self {
        Self {
            id: target.id,
            commit: target.commit,
            trusted: trusted.map_or(NOBODY, Trusted::mark).to_owned(),
        }
    }

    fn mark(&self) -> Mark {
        Mark(format!("{} {} {}", self.id, self.commit, self.trusted))
    }

    fn read(mark: &Mark) -> Option<Self> {
        let mut words = mark.0.split(' ');
        let (id, commit, trusted) = (words.next()?, words.next()?, words.next()?);
        Some(Self {
            id: ObjectId::parse(id.as_bytes())?,
            commit: ObjectId::parse(commit.as_bytes())?,
            trusted: trusted.to_owned(),
        })
    }
}

/// Makes a tree of what may be wanted of a commit's.
fn tree(objects: &Objects, root: &ObjectId, target: &Target, wish: &Wish) -> Result<Tree, OriginError> {
    let listed = objects.list(root).map_err(GitError::Tree)?;
    let mut roots = BTreeSet::new();
    let mut entries = Vec::new();
    for entry in listed {
        let Some(path) = RelPath::new(&shown(&entry.path)) else {
            continue;
        };
        if wish.subdir.is_some() {
            note_roots(&path, wish, &mut roots);
        }
        let kind = kind(&entry);
        let is_directory = matches!(kind, Kind::Submodule | Kind::Refused(_)) && wish.enters(&path);
        if wish.takes(&path) || wish.is_root(&path) && !matches!(kind, Kind::File(_)) || is_directory {
            entries.push(Entry { path, kind });
        }
    }
    Ok(Tree {
        revision: target.commit.to_string(),
        mark: Mark::default(),
        descent: Descent::Same,
        shape: Shape::Many,
        roots,
        entries,
    })
}

fn kind(entry: &git::Entry) -> Kind {
    let file = |mode| {
        Content::git(&entry.id.to_string()).map(|content| {
            Kind::File(Blob {
                content,
                bytes: None,
                mode,
            })
        })
    };
    let refused = |said: String| Kind::Refused(Refusal::new(Class::Unsupported, said));
    let known = match entry.kind {
        git::Kind::File => file(Mode::Plain),
        git::Kind::Executable => file(Mode::Executable),
        git::Kind::Link => Some(Kind::Link),
        git::Kind::Submodule => Some(Kind::Submodule),
        git::Kind::Refused(fault) => Some(refused(fault.to_string())),
    };
    known.unwrap_or_else(|| refused("has no content".to_owned()))
}

fn note_roots(path: &RelPath, wish: &Wish, roots: &mut BTreeSet<RelPath>) {
    let mut next = path.parent();
    while let Some(directory) = next {
        next = directory.parent();
        if wish.is_root(&directory) {
            roots.insert(directory);
        }
    }
}

/// Returns a path of the repository with what no path of ours has made visible; only of entries that are refused anything
/// changes.
fn shown(path: &str) -> String {
    let part = |part: &str| match part {
        "" | "." | ".." => format!("\u{fffd}{part}"),
        part => part
            .chars()
            .map(|char| if char.is_control() { '\u{fffd}' } else { char })
            .collect(),
    };
    let parts: Vec<String> = path.split('/').map(part).collect();
    parts.join("/")
}

fn id(content: &Content) -> Option<ObjectId> {
    match content {
        Content::Git(id) => ObjectId::parse(id.as_bytes()),
        Content::Sha256(_) => None,
    }
}

impl From<GitError> for OriginError {
    fn from(error: GitError) -> Self {
        Self::Git(GitFault::Git(error))
    }
}

#[cfg(test)]
mod tests;
