//! Repositories on this machine, which are read where they are.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use git2::{ErrorCode, Reference, Repository, RepositoryOpenFlags};

use crate::advertised::Advertised;
use crate::enclosed;
use crate::id::ObjectId;
use crate::limits::{Limit, Limits};
use crate::name::RefName;
use crate::objects::Objects;
use crate::revision::{Revision, RevisionError, Target};
use crate::size::{Author, Sizes, Work};

/// What a work tree has its repository in.
const DOT_GIT: &str = ".git";
const TAGS: &str = "refs/tags/*";

/// A repository on this machine, bare or in a work tree. Reading blocks; nothing is written, and no program is run.
///
/// Its configuration and the user's are read by libgit2, which takes of them what kind of repository it is and whose it may be. It
/// must belong to whoever reads it, as git demands (`safe.directory`).
#[derive(Clone, Debug)]
pub struct Local {
    directory: PathBuf,
    limits: Limits,
    work: Work,
}

/// A repository on this machine cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum LocalError {
    /// There is none.
    #[error("{} is no repository of git: {source}", path.display())]
    Absent {
        /// Where.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It is elsewhere, or part of it is: `.git` is a file that names another place, there is a link, or something that is neither a
    /// file nor a directory.
    #[error("{} says that the repository is elsewhere, which is not followed; name that place", .0.display())]
    Elsewhere(PathBuf),
    /// It has an index of several packs, which would have to be believed.
    #[error("{} is an index of several packs, which is not read; `git repack -a -d` and removing it ends that, and with \
             `core.multiPackIndex` false it does not come again", .0.display())]
    Indexed(PathBuf),
    /// Its configuration names another file.
    #[error("{} includes other files, which are not read; write what they say into it", .0.display())]
    Included(PathBuf),
    /// Part of it cannot be read.
    #[error("{} cannot be read: {source}", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Its objects are partly in another repository.
    #[error("{} takes objects from other repositories, which is not followed; `git repack -a -d` and removing it ends that", .0.display())]
    Alternates(PathBuf),
    /// It cannot be opened: it belongs to somebody else, or is of a kind that is not known.
    #[error("the repository cannot be opened: {0}")]
    Open(#[source] git2::Error),
    /// Its references cannot be read.
    #[error("the references of the repository cannot be read: {0}")]
    References(#[source] git2::Error),
    /// It is more than a limit.
    #[error("the repository is refused at the limit {0}")]
    Limit(Limit),
}

impl Local {
    /// Names a repository by the path of its work tree, or of itself if it is bare.
    ///
    /// # Errors
    /// Fails if there is none, or it is not all at that place.
    pub fn new(path: &Path, limits: Limits) -> Result<Self, LocalError> {
        let absent = |source| LocalError::Absent {
            path: path.to_owned(),
            source,
        };
        let inner = path.join(DOT_GIT);
        let directory = match fs::symlink_metadata(&inner) {
            Ok(found) if found.is_dir() => inner,
            Ok(_) => return Err(LocalError::Elsewhere(inner)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => path.to_owned(),
            Err(error) => return Err(absent(error)),
        };
        for name in ["HEAD", "objects", "refs"] {
            fs::symlink_metadata(directory.join(name)).map_err(absent)?;
        }
        let work = Work::default();
        let local = Self {
            directory,
            limits,
            work,
        };
        local.open().map(|_| local)
    }

    /// Counts what reading costs together with what it cost before.
    #[must_use]
    pub fn counting(self, work: &Work) -> Self {
        Self {
            work: work.clone(),
            ..self
        }
    }

    /// Finds out what some revisions are now. What the repository does not have is an error of its own, in its place; that it has
    /// a commit is for whoever reads it to see.
    ///
    /// # Errors
    /// Fails if the references cannot be read.
    pub fn resolve(&self, revisions: &[Revision]) -> Result<Vec<Result<Target, RevisionError>>, LocalError> {
        let objects = self.objects()?;
        let repository = objects.repository();
        let mut found = Vec::new();
        for name in revisions.iter().flat_map(Revision::names) {
            match repository.find_reference(&name) {
                Ok(reference) => found.extend(advertised(&objects, &reference)),
                Err(error) if matches!(error.code(), ErrorCode::NotFound | ErrorCode::InvalidSpec) => {}
                Err(error) => return Err(LocalError::References(error)),
            }
        }
        if revisions.iter().any(|revision| matches!(revision, Revision::Newest(_))) {
            let tags = repository.references_glob(TAGS).map_err(LocalError::References)?;
            for (seen, tag) in tags.enumerate() {
                if seen >= self.limits.references {
                    return Err(LocalError::Limit(Limit::References(self.limits.references)));
                }
                found.extend(advertised(&objects, &tag.map_err(LocalError::References)?));
            }
        }
        Ok(revisions.iter().map(|revision| revision.choose(&found)).collect())
    }

    /// Opens the objects.
    ///
    /// # Errors
    /// Fails if the repository cannot be opened any more.
    pub fn objects(&self) -> Result<Objects, LocalError> {
        let sizes = Sizes::new(self.directory.join("objects"), Author::Anybody, self.work.clone());
        Ok(Objects::of(self.open()?, sizes, &self.limits))
    }

    /// Opens the repository, which may have changed since the last time.
    fn open(&self) -> Result<Repository, LocalError> {
        enclosed::check(&self.directory, &self.limits)?;
        let flags = RepositoryOpenFlags::NO_SEARCH | RepositoryOpenFlags::BARE | RepositoryOpenFlags::NO_DOTGIT;
        let nowhere: [&Path; 0] = [];
        Repository::open_ext(&self.directory, flags, nowhere).map_err(LocalError::Open)
    }
}

/// Returns a reference as a server would list it; one that leads nowhere has no commit yet.
fn advertised(objects: &Objects, reference: &Reference<'_>) -> Option<Advertised> {
    let id = |oid: git2::Oid| ObjectId::from_bytes(oid.as_bytes());
    let name = RefName::parse(std::str::from_utf8(reference.name_bytes()).ok()?)?;
    let stands_for = reference.symbolic_target().ok().flatten();
    let direct = reference.resolve().ok();
    let named = direct.as_ref().and_then(Reference::target).and_then(id);
    let peeled = named.and_then(|named| objects.peel(&named).ok());
    Some(Advertised {
        name,
        id: named,
        peeled: peeled.filter(|peeled| objects.commit(peeled).is_ok()),
        stands_for: stands_for.and_then(RefName::parse),
    })
}
