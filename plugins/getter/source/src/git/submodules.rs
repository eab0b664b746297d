//! The submodules of a repository, each fetched as an address of its own.
//!
//! Only those are looked at that the selection enters, and only with another state of the repository that has them: a poll that
//! finds what is known asks nobody for them. Of each, the commit comes that its repository names, and no other; where it is says
//! `.gitmodules` of the same commit. What may be asked is what an address may ask, a repository on a server names none on this
//! machine, and credentials go to the server of the address alone.
//!
//! One that cannot be had fails the state: a tree without it would be a smaller one.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use k1s_getter_address::{self as address, Address, Policy, Remote, Secret, Source};
use k1s_getter_git::{Entry, GitError, Kind, Limit, Modules, ModulesError, ObjectId};
use k1s_manifests::RelPath;
use k1s_source::Code;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tokio::task::spawn_blocking;

use super::contents::{Blobs, Store};
use super::fault::code_of_limit;
use super::named::{self, NamedError};
use super::place::{Place, Ways};
use super::{GitFault, supports};
use crate::cache::CacheError;
use crate::kept::{Module, hexadecimal};
use crate::origin::OriginError;
use crate::target::Target;
use crate::wish::Wish;

/// The most submodules of a state, with those that they have.
const SUBMODULES: usize = 128;
/// How deep they may lie in one another.
const DEPTH: usize = 8;
/// How often a repository may be within itself: one keeps its pages on a branch of its own.
const WITHIN_ITSELF: usize = 1;
/// The letters of a folder's name: enough of a SHA-256 that no two are the same.
const FOLDER_LETTERS: usize = 32;

/// A submodule cannot be had.
#[derive(Debug, thiserror::Error)]
#[error("the submodule `{path}`: {source}; `exclude` leaves it out")]
pub(crate) struct SubmoduleError {
    path: String,
    source: Why,
}

/// Why it cannot be had.
#[derive(Debug, thiserror::Error)]
enum Why {
    #[error("{0}")]
    Modules(#[source] ModulesError),
    #[error("`.gitmodules` is not there, or no file")]
    NoModules,
    #[error("`.gitmodules` names no URL for it")]
    Unnamed,
    #[error("{0}")]
    Named(#[source] NamedError),
    #[error("{0} is not supported in this version")]
    Unsupported(&'static str),
    #[error("its repository is within itself again and again")]
    Circle,
    #[error("more than {DEPTH} submodules lie one in another")]
    Deep,
    #[error("there are more than {SUBMODULES} submodules")]
    Many,
    #[error("with it, the repository is refused at the limit {0}")]
    Limit(Limit),
    #[error(
        "its server does not have the commit {0}, or hands out only what a branch or tag names: push that commit, or have the \
         server speak version 2 of git's protocol or set `uploadpack.allowAnySHA1InWant`"
    )]
    NotServed(ObjectId),
    #[error("{0}")]
    Origin(#[source] Box<OriginError>),
}

impl SubmoduleError {
    /// Returns the class.
    #[must_use]
    pub(crate) fn code(&self) -> Code {
        match &self.source {
            Why::Modules(_) | Why::NoModules | Why::Unnamed | Why::Circle => Code::DataInvalid,
            Why::Named(_) | Why::Unsupported(_) => Code::Unsupported,
            Why::Deep | Why::Many => Code::TooLarge,
            Why::Limit(limit) => code_of_limit(*limit),
            Why::NotServed(_) => Code::RootNotFound,
            Why::Origin(error) => error.code(),
        }
    }

    /// Returns what its origin failed by, if it was that.
    #[must_use]
    pub(crate) fn origin(&self) -> Option<&OriginError> {
        match &self.source {
            Why::Origin(error) => Some(error),
            Why::Modules(_)
            | Why::NoModules
            | Why::Unnamed
            | Why::Named(_)
            | Why::Unsupported(_)
            | Why::Circle
            | Why::Deep
            | Why::Many
            | Why::Limit(_)
            | Why::NotServed(_) => None,
        }
    }
}

impl From<OriginError> for Why {
    fn from(error: OriginError) -> Self {
        if let OriginError::Git(GitFault::Git(GitError::NotServed(commit))) = error {
            return Self::NotServed(commit);
        }
        Self::Origin(Box::new(error))
    }
}

/// What is remembered of a submodule.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(super) struct Taken {
    /// The folder of its objects.
    folder: String,
    commit: String,
    /// Where it is read instead, if that is on this machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    directory: Option<String>,
}

impl Taken {
    /// Returns the text of what is remembered; nothing of nothing.
    pub(super) fn text(taken: &[Self]) -> String {
        if taken.is_empty() {
            return String::new();
        }
        // What is of texts alone has a text.
        serde_json::to_string(taken).unwrap_or_default()
    }

    /// Reads such a text.
    pub(super) fn read(text: &str) -> Option<Vec<Self>> {
        if text.is_empty() {
            return Some(Vec::new());
        }
        serde_json::from_str(text).ok()
    }
}

/// The submodules of a repository.
pub(super) struct Submodules {
    policy: Policy,
    ways: Ways,
    /// How those are reached that are not to be told who asks.
    bare: Ways,
    /// In what each has a folder.
    folder: PathBuf,
    /// Where the repository is, and the key that its address has.
    top: Remote,
    key: Option<Secret>,
    /// What the last look found.
    within: Vec<Within>,
    /// What is read on this machine.
    directories: Vec<Place>,
}

/// A submodule that was taken.
struct Within {
    path: String,
    /// Where it is, without a revision and secrets.
    identity: String,
    taken: Taken,
    place: Place,
    /// What it has besides directories.
    names: BTreeSet<ObjectId>,
}

/// A repository whose submodules are looked for.
struct Level {
    /// Which of those that were taken; `None` for the repository itself.
    at: Option<usize>,
    /// Where it is in the repository, with a slash behind; empty for itself.
    prefix: String,
    remote: Remote,
    /// Those that it lies in, and itself.
    chain: Vec<String>,
    entries: Vec<Entry>,
}

/// What was found so far.
#[derive(Default)]
struct Counted {
    entries: usize,
    path_bytes: usize,
}

impl Submodules {
    pub(super) fn new(named: &address::Git, policy: &Policy, ways: Ways, folder: PathBuf) -> Self {
        Self {
            policy: policy.clone(),
            bare: Ways {
                network: Arc::new(ways.network.bare()),
                ..ways.clone()
            },
            ways,
            folder,
            top: named.remote.clone(),
            key: named.ssh_key.clone(),
            within: Vec::new(),
            directories: Vec::new(),
        }
    }

    /// Fetches the submodules that are entered, and returns all that is there with them. Of those that are known nothing comes
    /// again.
    pub(super) async fn enter(
        &mut self,
        top: &mut Place,
        entries: Vec<Entry>,
        wish: &Wish,
        known: &[Taken],
    ) -> Result<Vec<Entry>, OriginError> {
        self.within.clear();
        let before = self.ways.meter.bytes();
        let mut counted = Counted::default();
        let top_level = Level {
            at: None,
            prefix: String::new(),
            remote: self.top.clone(),
            chain: vec![identity(&self.top)],
            entries,
        };
        // Alone it is within the limits.
        counted.note(&top_level);
        let mut open = vec![top_level];
        let mut found = Vec::new();
        while let Some(mut level) = open.pop() {
            let mut links = Vec::new();
            for entry in std::mem::take(&mut level.entries) {
                let path = format!("{}{}", level.prefix, entry.path);
                let place = RelPath::new(&path).filter(|_| entry.kind == Kind::Submodule);
                if place.is_some_and(|path| wish.enters(&path)) {
                    links.push(entry);
                } else {
                    level
                        .entries
                        .extend((entry.path == Modules::FILE).then(|| entry.clone()));
                    found.push(Entry { path, ..entry });
                }
            }
            let Some(first) = links.first() else { continue };
            let at = |link: &Entry| format!("{}{}", level.prefix, link.path);
            let modules = self.modules_of(top, &level).await;
            let modules = modules.map_err(|why| fault(at(first), why))?;
            for link in links {
                let path = at(&link);
                let taken = self.take(&level, &modules, &link, known).await;
                let next = taken.and_then(|next| {
                    counted.add(&next, &self.ways)?;
                    let bytes = self.ways.meter.bytes() - before;
                    let most = self.ways.limits.pack_bytes;
                    if bytes > most {
                        return Err(Why::Limit(Limit::PackBytes(most)));
                    }
                    Ok(next)
                });
                open.push(next.map_err(|why| fault(path, why))?);
            }
        }
        Ok(found)
    }

    /// Reads `.gitmodules` of a repository.
    async fn modules_of(&mut self, top: &mut Place, level: &Level) -> Result<Modules, Why> {
        let is_file = |entry: &&Entry| matches!(entry.kind, Kind::File | Kind::Executable);
        let file = level.entries.iter().find(is_file).ok_or(Why::NoModules)?;
        let place = match level.at {
            None => top,
            Some(at) => self
                .within
                .get_mut(at)
                .map(|within| &mut within.place)
                .ok_or(Why::NoModules)?,
        };
        let bytes = place.read(file.id, Modules::BYTES).await?;
        Modules::parse(&bytes).map_err(Why::Modules)
    }

    /// Fetches a submodule.
    async fn take(&mut self, level: &Level, modules: &Modules, link: &Entry, known: &[Taken]) -> Result<Level, Why> {
        if self.within.len() >= SUBMODULES {
            return Err(Why::Many);
        }
        if level.chain.len() > DEPTH {
            return Err(Why::Deep);
        }
        let url = modules.url(&link.path).ok_or(Why::Unnamed)?;
        let remote = named::place(&level.remote, url, &self.policy).map_err(Why::Named)?;
        supports(&remote).map_err(Why::Unsupported)?;
        let identity = identity(&remote);
        if level.chain.iter().filter(|above| **above == identity).count() > WITHIN_ITSELF {
            return Err(Why::Circle);
        }
        let path = format!("{}{}", level.prefix, link.path);
        let taken = Taken {
            folder: folder(&path, &identity),
            commit: link.id.to_string(),
            directory: match &remote {
                Remote::Directory(path) => Some(path.clone()),
                Remote::Site(_) => None,
            },
        };
        let mut place = self.place(&remote, &taken.folder).await?;
        let known = known.iter().find(|known| known.folder == taken.folder);
        let known = known.and_then(|known| ObjectId::parse(known.commit.as_bytes()));
        let entries = place.take(link.id, known).await?;
        self.within.push(Within {
            names: entries.iter().map(|entry| entry.id).collect(),
            identity: identity.clone(),
            path: path.clone(),
            taken,
            place,
        });
        Ok(Level {
            at: Some(self.within.len() - 1),
            prefix: format!("{path}/"),
            remote,
            chain: level.chain.iter().cloned().chain([identity]).collect(),
            entries,
        })
    }

    /// Names the place of a submodule. Who asks is told where the repository is, and nowhere else.
    async fn place(&self, remote: &Remote, folder: &str) -> Result<Place, OriginError> {
        let (ways, key) = match (&self.top, remote) {
            (Remote::Site(top), Remote::Site(site)) if top.is_same_origin(site) => (&self.ways, self.key.clone()),
            (Remote::Site(_) | Remote::Directory(_), Remote::Site(_) | Remote::Directory(_)) => (&self.bare, None),
        };
        let path = self.folder.join(folder);
        if matches!(remote, Remote::Site(_)) {
            let above = self.folder.clone();
            let made = spawn_blocking(move || fs::create_dir_all(&above).map_err(unusable(&above)));
            made.await??;
        }
        Ok(Place::new(remote, key, ways, path))
    }

    /// Makes files readable without a network, and takes from `ids` those that are of submodules.
    pub(super) async fn bring(&mut self, ids: &mut BTreeSet<ObjectId>) -> Result<(), OriginError> {
        let before = self.ways.meter.bytes();
        let most = self.ways.limits.pack_bytes;
        for within in &mut self.within {
            let own: Vec<ObjectId> = ids.intersection(&within.names).copied().collect();
            if own.is_empty() {
                continue;
            }
            let brought = within.place.bring(&own).await;
            brought.map_err(|error| fault(within.path.clone(), error.into()))?;
            if self.ways.meter.bytes() - before > most {
                return Err(fault(within.path.clone(), Why::Limit(Limit::PackBytes(most))));
            }
            ids.retain(|id| !within.names.contains(id));
        }
        Ok(())
    }

    /// Takes over what is remembered of a state that is still there.
    pub(super) fn recall(&mut self, taken: Vec<Taken>) {
        let directories = taken.into_iter().filter_map(|taken| taken.directory);
        let here = directories.map(|path| Place::new(&Remote::Directory(path), None, &self.bare, PathBuf::new()));
        self.directories = here.collect();
    }

    /// Has contents of submodules read, too.
    pub(super) fn shelve(&self, blobs: &mut Blobs) {
        let here = self.within.iter().map(|within| &within.place).chain(&self.directories);
        for place in here {
            if let store @ Store::Directory(_) = place.store() {
                blobs.add(store);
            }
        }
        blobs.add_all(self.folder.clone(), self.ways.limits);
    }

    /// Returns what is remembered of what the last look found.
    pub(super) fn taken(&self) -> Vec<Taken> {
        self.within.iter().map(|within| within.taken.clone()).collect()
    }

    /// Returns where what the last look found comes from, by the paths.
    pub(super) fn modules(&self) -> BTreeMap<String, Module> {
        let module = |within: &Within| {
            let module = Module {
                uri: within.identity.clone(),
                revision: within.taken.commit.clone(),
            };
            (within.path.clone(), module)
        };
        self.within.iter().map(module).collect()
    }

    /// Removes the objects of submodules that are neither known nor were found by the last look.
    pub(super) async fn sweep(&self, known: &[Taken]) -> Result<(), OriginError> {
        let (above, found) = (self.folder.clone(), self.taken());
        let kept: BTreeSet<String> = known.iter().chain(&found).map(|taken| taken.folder.clone()).collect();
        let swept = spawn_blocking(move || {
            let entries = match fs::read_dir(&above) {
                Ok(entries) => entries,
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
                Err(error) => return Err(error),
            };
            for entry in entries {
                let entry = entry?;
                if !entry.file_name().to_str().is_some_and(|name| kept.contains(name)) {
                    fs::remove_dir_all(entry.path())?;
                }
            }
            Ok(())
        });
        let swept = swept.await?;
        Ok(swept.map_err(unusable(&self.folder))?)
    }
}

impl Counted {
    fn note(&mut self, level: &Level) {
        let bytes = level.entries.iter().map(|entry| level.prefix.len() + entry.path.len());
        self.path_bytes += bytes.sum::<usize>();
        self.entries += level.entries.len();
    }

    /// Counts what a repository has together with what others have, for each alone is within the limits.
    fn add(&mut self, level: &Level, ways: &Ways) -> Result<(), Why> {
        let limits = &ways.limits;
        self.note(level);
        if self.entries > limits.entries {
            return Err(Why::Limit(Limit::Entries(limits.entries)));
        }
        let longest = level.entries.iter().map(|entry| entry.path.len()).max();
        if level.prefix.len() + longest.unwrap_or_default() > limits.path_bytes {
            return Err(Why::Limit(Limit::PathBytes(limits.path_bytes)));
        }
        if self.path_bytes > limits.list_bytes {
            return Err(Why::Limit(Limit::ListBytes(limits.list_bytes)));
        }
        let parts = |path: &str| path.matches('/').count() + 1;
        let deepest = level.entries.iter().map(|entry| parts(&entry.path)).max();
        if parts(&level.prefix) - 1 + deepest.unwrap_or_default() > limits.path_depth {
            return Err(Why::Limit(Limit::PathDepth(limits.path_depth)));
        }
        Ok(())
    }
}

fn fault(path: String, source: Why) -> OriginError {
    GitFault::Submodule(Box::new(SubmoduleError { path, source })).into()
}

fn unusable(path: &std::path::Path) -> impl FnOnce(io::Error) -> CacheError {
    let path = path.to_owned();
    move |source| CacheError::Io { path, source }
}

/// Returns what makes a repository this one: where it is, without who asks.
fn identity(remote: &Remote) -> String {
    let git = address::Git {
        remote: remote.clone(),
        revision: None,
        depth: None,
        ssh_key: None,
    };
    let address = Address {
        source: Source::Git(git),
        subdir: None,
    };
    Target::new(address).identity
}

/// Names the folder of a submodule: one repository at two paths has two commits.
fn folder(path: &str, identity: &str) -> String {
    let mut name = hexadecimal(&Sha256::digest(format!("{path}\n{identity}")));
    name.truncate(FOLDER_LETTERS);
    name
}

#[cfg(test)]
mod tests;
