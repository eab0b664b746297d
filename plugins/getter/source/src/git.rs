//! The origin that is a repository of git, on a server or on this machine.
//!
//! A look asks what the revision names now. Only if that is another commit are its trees fetched, and of its files only those
//! that are picked, as far as they are not there. Contents are git's own objects, under the ids that git gives them.
//!
//! Where it has to be signed, that is looked at before anything of it is listed, and again when it is another who is trusted.
//!
//! Links are told and not followed, and so are submodules, unless they are wanted ([`submodules`]). Files are as they are in the
//! repository: no filter of git's, no conversion of line ends, no large file storage.

mod contents;
mod fault;
mod named;
mod place;
#[cfg(feature = "ssh")]
mod ssh;
mod submodules;

use std::collections::BTreeSet;
use std::sync::Arc;

use k1s_getter_address as address;
use k1s_getter_git::{self as git, GitError, ObjectId, Objects, Revision, Target, Unsupported};
use k1s_manifests::RelPath;
use tokio::task::spawn_blocking;

use crate::cache::Cache;
use crate::config::{Access, Bounds, Repository};
use crate::content::Content;
use crate::origin::{Contents, Descent, Looked, Meter, Origin, OriginError, Pending};
use crate::tree::{Blob, Class, Entry, Kind, Mark, Mode, Refusal, Shape, Tree};
use crate::verify::Trusted;
use crate::wish::Wish;

use contents::Blobs;
use place::{Found, Place, Ways};
use submodules::{Submodules, Taken};

pub(crate) use fault::GitFault;
pub(crate) use place::supports;
pub(crate) use submodules::SubmoduleError;

/// Where the objects of a server's repository are, in the cache of its address.
const OBJECTS: &str = "git";
/// Where those of its submodules are.
const SUBMODULES: &str = "submodules";
/// What is remembered where nothing had to be signed.
const NOBODY: &str = "-";

/// A repository of git.
pub(crate) struct Git {
    place: Place,
    revision: Option<address::Revision>,
    asked: Repository,
    /// Where they are wanted.
    submodules: Option<Submodules>,
}

impl Git {
    /// Begins with what an address names.
    pub(crate) fn new(named: &address::Git, access: &Access, cache: &Cache, meter: Arc<Meter>) -> Self {
        let ways = Ways {
            network: Arc::clone(&access.network),
            local_root: access.local_root.clone(),
            limits: limits(&access.bounds),
            meter,
            work: git::Work::default(),
        };
        let folder = cache.folder().join(SUBMODULES);
        let policy = access.submodules.as_ref();
        Self {
            place: Place::new(
                &named.remote,
                named.ssh_key.clone(),
                &ways,
                cache.folder().join(OBJECTS),
            ),
            revision: named.revision.clone(),
            asked: access.repository.clone(),
            submodules: policy.map(|policy| Submodules::new(named, policy, ways, folder)),
        }
    }

    async fn changed(&mut self, last: Option<&Mark>, wish: &Wish) -> Result<Looked, OriginError> {
        let asking = self.asking(last, wish).await?;
        let taken = asking.known.as_ref().map(|known| known.taken.clone());
        let trusted = asking.trusted.as_ref().map_or(NOBODY, Trusted::mark).to_owned();
        let Some(found) = self.place.look(asking).await? else {
            if let (Some(submodules), Some(taken)) = (&mut self.submodules, taken) {
                submodules.recall(taken);
            }
            return Ok(Looked::Same);
        };
        let Found { target, mut entries } = found;
        let mut tree = Tree::default();
        let mut within = Vec::new();
        if let Some(submodules) = &mut self.submodules {
            let known = taken.as_deref().unwrap_or_default();
            entries = submodules.enter(&mut self.place, entries, wish, known).await?;
            tree.modules = submodules.modules();
            within = submodules.taken();
            // What is known by a mark that says nothing of it stays.
            if last.is_none() || taken.is_some() {
                submodules.sweep(known).await?;
            }
        }
        note(entries, wish, &mut tree);
        tree.revision = target.commit.to_string();
        tree.mark = Remembered {
            id: target.id,
            commit: target.commit,
            trusted,
            taken: within,
        }
        .mark();
        Ok(Looked::Other(tree))
    }

    async fn asking(&self, last: Option<&Mark>, wish: &Wish) -> Result<Asking, OriginError> {
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
        Ok(Asking {
            known: last.and_then(Remembered::read),
            revision,
            trusted,
        })
    }
}

impl Git {
    /// Judges by whether the repository still has the commit that was taken; where that cannot be told, it is the same.
    async fn judged(&mut self, taken: Option<&str>) -> Result<Descent, OriginError> {
        let Some(taken) = taken else {
            return Ok(Descent::Unknown);
        };
        let Some(commit) = ObjectId::parse(taken.as_bytes()) else {
            return Ok(Descent::Another);
        };
        Ok(match self.place.has(commit).await? {
            Some(false) => Descent::Another,
            Some(true) | None => Descent::Same,
        })
    }
}

impl Origin for Git {
    fn look<'a>(&'a mut self, last: Option<&'a Mark>, wish: &'a Wish) -> Pending<'a, Looked> {
        Box::pin(self.changed(last, wish))
    }

    fn descent<'a>(&'a mut self, taken: Option<&'a str>) -> Pending<'a, Option<Descent>> {
        Box::pin(async move { self.judged(taken).await.map(Some) })
    }

    fn bring<'a>(&'a mut self, wanted: &'a BTreeSet<Content>) -> Pending<'a, ()> {
        Box::pin(async move {
            let mut ids: BTreeSet<ObjectId> = wanted.iter().filter_map(id).collect();
            if let Some(submodules) = &mut self.submodules {
                submodules.bring(&mut ids).await?;
            }
            let ids: Vec<ObjectId> = ids.into_iter().collect();
            self.place.bring(&ids).await
        })
    }

    fn contents(&self) -> Box<dyn Contents> {
        let mut blobs = Blobs::of(self.place.store());
        if let Some(submodules) = &self.submodules {
            submodules.shelve(&mut blobs);
        }
        Box::new(blobs)
    }
}

/// What is asked of a repository at one look.
struct Asking {
    revision: Revision,
    /// What is known of it.
    known: Option<Remembered>,
    /// Whose signature it must have.
    trusted: Option<Trusted>,
}

impl Asking {
    /// Returns whether what was found is what is known, verified as it must be now.
    fn knows(&self, target: &Target) -> bool {
        let trusted = self.trusted.as_ref().map_or(NOBODY, Trusted::mark);
        let is_it =
            |known: &Remembered| (known.id, known.commit, &*known.trusted) == (target.id, target.commit, trusted);
        self.known.as_ref().is_some_and(is_it)
    }

    /// Returns all that was found but directories, if it is signed as it must be.
    fn entries(&self, objects: &Objects, target: &Target) -> Result<Vec<git::Entry>, OriginError> {
        if let Some(trusted) = &self.trusted {
            trusted.check(objects, target).map_err(GitFault::Trust)?;
        }
        let commit = objects.commit(&target.commit).map_err(GitError::Object)?;
        Ok(objects.list(&commit.tree).map_err(GitError::Tree)?)
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

/// What is remembered of a state.
#[derive(Debug, PartialEq, Eq)]
struct Remembered {
    /// A tag that was made anew is another state, whatever it leads to.
    id: ObjectId,
    commit: ObjectId,
    /// Who was trusted with it; [`NOBODY`] where nothing had to be signed.
    trusted: String,
    /// The submodules.
    taken: Vec<Taken>,
}

impl Remembered {
    fn mark(&self) -> Mark {
        let Self {
            id,
            commit,
            trusted,
            taken,
        } = self;
        let taken = Taken::text(taken);
        Mark(format!("{id} {commit} {trusted} {taken}").trim_end().to_owned())
    }

    fn read(mark: &Mark) -> Option<Self> {
        let mut words = mark.0.splitn(4, ' ');
        let (id, commit, trusted) = (words.next()?, words.next()?, words.next()?);
        Some(Self {
            id: ObjectId::parse(id.as_bytes())?,
            commit: ObjectId::parse(commit.as_bytes())?,
            trusted: trusted.to_owned(),
            taken: Taken::read(words.next().unwrap_or_default())?,
        })
    }
}

/// Notes in a tree what may be wanted of what was found.
fn note(found: Vec<git::Entry>, wish: &Wish, tree: &mut Tree) {
    tree.shape = Shape::Many;
    for entry in found {
        let Some(path) = RelPath::new(&shown(&entry.path)) else {
            continue;
        };
        if wish.subdir.is_some() {
            note_roots(&path, wish, &mut tree.roots);
        }
        let kind = kind(&entry);
        let is_directory = matches!(kind, Kind::Submodule | Kind::Refused(_)) && wish.enters(&path);
        if wish.takes(&path) || wish.is_root(&path) && !matches!(kind, Kind::File(_)) || is_directory {
            tree.entries.push(Entry { path, kind });
        }
    }
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
