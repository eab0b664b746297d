//! One listing of one root: walk, read on all cores, declare in the order of paths.
//!
//! What the host holds and the walk did not come upon is about to be deleted, and a walk can miss what was renamed or
//! replaced under it. So where anything is missing there is a second look after [`SETTLE`], which only ever adds.
//!
//! Invariants: the same tree is declared in the same order; nothing goes unmentioned that both looks could have found;
//! a root that is no longer the one that the listing began with ends it as incomplete.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use k1s_manifests::RelPath;
use k1s_source::{At, Code, Documents, Finding, Ignore, Key, Problem, Progress, SnapshotWriter};
use tokio::task::spawn_blocking;

use crate::config::Settings;
use crate::ledger::Ledger;
use crate::memory::Memory;
use crate::page::{self, Held, Limits, Outcome, Task};
use crate::pipeline::{Ground, Pipeline};
use crate::root::{Root, RootError};
use crate::version::Version;
use crate::walk::{Candidate, Found, What};
use crate::watch::{Interest, Lookout, Rivals};

/// How long something must have been missing before it goes unmentioned (contract.md §4, `deleteSettle`).
const SETTLE: Duration = Duration::from_secs(1);

/// What is known after a listing that ended well.
#[derive(Debug)]
pub(crate) struct Listed {
    /// What the next listing may remember.
    pub(crate) memory: Memory,
    /// What makes the root this root.
    pub(crate) identity: String,
    /// Keys that more than one file declared, or another than before.
    pub(crate) rivals: Rivals,
    /// Files and directories of which something failed.
    pub(crate) failed: BTreeSet<Box<str>>,
}

/// Lists the root at `path`, and shows its directories to `lookout`.
pub(crate) async fn list(
    path: &Path,
    settings: &Arc<Settings>,
    last: &Memory,
    lookout: &Arc<Lookout>,
    out: &mut SnapshotWriter<'_>,
) -> Result<Listed, Problem> {
    let (root, identity) = open(path).await?;
    out.root_identity(identity.as_str())?;
    let mut listing = Listing {
        ground: Ground {
            root: Arc::clone(&root),
            settings: Arc::clone(settings),
            limits: Limits {
                file_bytes: settings.max_file_bytes,
                object: out.limits(),
            },
            lookout: Arc::clone(lookout),
        },
        last,
        rivals: Rivals::default(),
        next: Memory::default(),
        ledger: Ledger::default(),
        uri: format!("file://{}", path.display()),
        progress: Progress {
            phase: "reading".to_owned(),
            ..Progress::default()
        },
        out,
    };
    listing.first_look().await?;
    let missing = listing.ledger.missing(listing.out.unmentioned());
    if !missing.is_empty() {
        tokio::time::sleep(SETTLE).await;
        listing.second_look(missing).await?;
    }
    let Listing {
        next, rivals, ledger, ..
    } = listing;
    let confirmed = identity.clone();
    on_root(move || root.confirm(&confirmed)).await?;
    Ok(Listed {
        memory: next,
        identity,
        rivals,
        failed: ledger.into_failed(),
    })
}

/// Opens the root at `path`, and returns it with what makes it this root.
pub(crate) async fn open(path: &Path) -> Result<(Arc<Root>, String), Problem> {
    let path = path.to_owned();
    on_root(move || {
        let root = Root::open(&path)?;
        let identity = root.identity()?;
        Ok((Arc::new(root), identity))
    })
    .await
}

/// Does something about a root on a thread that may wait.
pub(crate) async fn on_root<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, RootError> + Send + 'static,
) -> Result<T, Problem> {
    spawn_blocking(work).await?.map_err(|error| error.problem())
}

/// A listing under way.
struct Listing<'a, 'c> {
    ground: Ground,
    rivals: Rivals,
    last: &'a Memory,
    next: Memory,
    ledger: Ledger,
    uri: String,
    progress: Progress,
    out: &'a mut SnapshotWriter<'c>,
}

impl Listing<'_, '_> {
    async fn first_look(&mut self) -> Result<(), Problem> {
        let mut pipeline = Pipeline::start(&self.ground, Interest::Everything);
        while let Some(landed) = pipeline.next(|page| self.tasks(page, self.last)).await? {
            for (path, outcome) in landed.outcomes {
                self.declare(&path, outcome).await?;
                self.progress.done += 1;
            }
            self.progress.bytes += landed.bytes;
            self.out.progress(self.progress.clone()).await?;
        }
        Ok(())
    }

    /// Walks again and declares what is new where it has to do with what is `missing`; everything else that changed
    /// meanwhile is left to the next listing.
    async fn second_look(&mut self, missing: BTreeMap<Key, Box<str>>) -> Result<(), Problem> {
        let mut pipeline = Pipeline::start(&self.ground, Interest::Everything);
        while let Some(landed) = pipeline.next(|page| self.tasks(page, &self.next)).await? {
            for (path, outcome) in landed.outcomes {
                match outcome {
                    Outcome::Parsed { version, documents } => {
                        self.complete(&path, &version, documents, &missing).await?;
                    }
                    Outcome::Report(what @ What::Fault(_)) if is_about(&path, &missing) => {
                        self.report(&path, what).await?;
                    }
                    Outcome::Report(_)
                    | Outcome::Unchanged { .. }
                    | Outcome::Same { .. }
                    | Outcome::Barren(_)
                    | Outcome::Vanished => {}
                }
            }
            self.out.progress(self.progress.clone()).await?;
        }
        Ok(())
    }

    /// Declares a file of the second look if it declares what is missing, or fails and declared what is missing.
    async fn complete(
        &mut self,
        path: &RelPath,
        version: &Version,
        documents: Documents,
        missing: &BTreeMap<Key, Box<str>>,
    ) -> Result<(), Problem> {
        let is_found = documents.keys().any(|key| missing.contains_key(key));
        let is_pinned = documents.problems().next().is_some() && missing.values().any(|from| **from == *path.as_str());
        if !is_found && !is_pinned {
            return Ok(());
        }
        let is_ours = |key: &Key| self.out.known().owner(key).is_none_or(|owner| owner == path.as_str());
        if !documents.keys().all(|key| missing.contains_key(key) || is_ours(key)) {
            // A key that another path declared in the first look: which of the two is right only a new listing tells.
            return Err(Problem::new(
                Code::Partial,
                format!("{path} changed places while the folder was read"),
            ));
        }
        self.out.documents(documents, self.at(path, version)).await
    }

    /// Decides by their stamps which files have to be read.
    fn tasks(&self, page: Vec<Found>, memory: &Memory) -> Vec<(RelPath, Task)> {
        let held = self
            .out
            .known()
            .find_paths(page.iter().map(|found| found.path.as_str()));
        let decided = page.into_iter().zip(held).map(|(Found { path, what }, held)| {
            let task = match what {
                What::File(candidate) => Task::of(&path, candidate, held, memory),
                what @ (What::ChartPart | What::Link | What::Fault(_)) => Task::Report(what),
            };
            (path, task)
        });
        decided.collect()
    }

    async fn declare(&mut self, path: &RelPath, outcome: Outcome) -> Result<(), Problem> {
        match outcome {
            Outcome::Report(what) => self.report(path, what).await,
            Outcome::Unchanged { held, candidate } => {
                let Held { version, found } = held;
                if self.unchanged(path, version, Some(found)).await? {
                    self.next.keep(path, self.last);
                    return Ok(());
                }
                self.read(path, candidate).await
            }
            Outcome::Same { held, read, candidate } => {
                if self.unchanged(path, held.to_string(), None).await? {
                    self.next.confirm(path, &read);
                    return Ok(());
                }
                self.read(path, candidate).await
            }
            Outcome::Barren(documents) => {
                self.next.keep(path, self.last);
                self.out.documents(documents, self.place(path)).await
            }
            Outcome::Parsed { version, documents } => self.documents(path, &version, documents).await,
            Outcome::Vanished => Ok(()),
        }
    }

    async fn unchanged(
        &mut self,
        path: &RelPath,
        version: impl Into<String>,
        found: Option<Finding>,
    ) -> Result<bool, Problem> {
        let at = At::path(path.as_str()).version(version);
        self.out.unchanged_as_found(&at, found).await
    }

    /// Reads a file that looked unchanged, because another path declares one of its keys now.
    async fn read(&mut self, path: &RelPath, candidate: Candidate) -> Result<(), Problem> {
        let Ground { root, limits, .. } = self.ground.clone();
        match spawn_blocking(move || page::read(&root, candidate, None, &limits)).await? {
            Outcome::Parsed { version, documents } => self.documents(path, &version, documents).await,
            Outcome::Report(what) => self.report(path, what).await,
            Outcome::Vanished | Outcome::Unchanged { .. } | Outcome::Same { .. } | Outcome::Barren(_) => Ok(()),
        }
    }

    async fn documents(&mut self, path: &RelPath, version: &Version, documents: Documents) -> Result<(), Problem> {
        self.ledger.declared(path.as_str(), &documents);
        for key in documents.keys() {
            let owner = self.out.known().owner(key).and_then(RelPath::new);
            if let Some(owner) = owner.filter(|owner| owner != path) {
                self.rivals.add(key, path);
                self.rivals.add(key, &owner);
            }
        }
        self.next.set_barren(path, version, &documents);
        self.out.documents(documents, self.at(path, version)).await
    }

    async fn report(&mut self, path: &RelPath, what: What) -> Result<(), Problem> {
        match what {
            What::ChartPart => self.out.ignored(self.place(path), Ignore::NotAnObject).await,
            What::Link => self.out.ignored(self.place(path), Ignore::Link).await,
            What::Fault(fault) => {
                self.ledger.failed(path.as_str());
                self.out.failed(self.place(path), fault.problem()).await
            }
            What::File(_) => Ok(()),
        }
    }

    fn place(&self, path: &RelPath) -> At {
        At::path(path.as_str()).uri(self.uri.as_str())
    }

    fn at(&self, path: &RelPath, version: &Version) -> At {
        self.place(path).version(version.to_string())
    }
}

/// Returns whether `path` declared something that is missing, or is a directory above what did.
fn is_about(path: &RelPath, missing: &BTreeMap<Key, Box<str>>) -> bool {
    let is_below = |from: &str| {
        from.strip_prefix(path.as_str())
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    missing.values().any(|from| is_below(from))
}
