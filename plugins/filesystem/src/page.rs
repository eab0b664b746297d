//! Pages: the files of a walk in portions, each read and parsed as a whole on one thread.
//!
//! The order within a page is kept. A page is as large as [`PAGE_FILES`] or [`PAGE_BYTES`] allow, so that what waits in
//! memory is bounded by the number of pages in flight and, at most once a page, by the largest file.

use k1s_manifests::RelPath;
use k1s_source::{Documents, Finding, ObjectLimits};

use crate::fault::Fault;
use crate::memory::Memory;
use crate::read::{self, Content};
use crate::root::Root;
use crate::version::{Version, has_stamp};
use crate::walk::{Candidate, Found, What};

/// The most files of a page.
const PAGE_FILES: usize = 128;
/// The most bytes of a page's files; one larger file ends its page.
const PAGE_BYTES: u64 = 1 << 20;

/// What the host holds of a whole file, and where that was found.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    pub(crate) version: Box<str>,
    pub(crate) found: Finding,
}

/// What is to be done about one thing the walk found.
#[derive(Debug)]
pub(crate) enum Task {
    /// Say it as it is.
    Report(What),
    /// Say that nothing has changed since the version that the host holds.
    Unchanged { held: Held, candidate: Candidate },
    /// Say again what is in a file without objects.
    Barren(Documents),
    /// Read it. `held` is what the host holds of the whole file.
    Read {
        candidate: Candidate,
        held: Option<Version>,
    },
}

/// What became of one thing the walk found.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// Still to be said as it is.
    Report(What),
    /// The file is as the host holds it at `held`, and was not read.
    Unchanged { held: Held, candidate: Candidate },
    /// The file was read and is as the host holds it at `held`.
    Same {
        held: Version,
        read: Version,
        candidate: Candidate,
    },
    /// The file was not read and has no objects.
    Barren(Documents),
    /// The file was read.
    Parsed { version: Version, documents: Documents },
    /// The file vanished.
    Vanished,
}

/// Collects what a walk finds into pages.
#[derive(Debug)]
pub(crate) struct Pages<I> {
    found: I,
}

impl<I: Iterator<Item = Found>> Pages<I> {
    /// Takes over a walk.
    pub(crate) fn of(found: I) -> Self {
        Self { found }
    }
}

impl<I: Iterator<Item = Found>> Iterator for Pages<I> {
    type Item = Vec<Found>;

    fn next(&mut self) -> Option<Vec<Found>> {
        let (mut page, mut bytes) = (Vec::new(), 0);
        while page.len() < PAGE_FILES && bytes < PAGE_BYTES {
            let Some(found) = self.found.next() else { break };
            if let What::File(candidate) = &found.what {
                bytes += candidate.size;
            }
            page.push(found);
        }
        (!page.is_empty()).then_some(page)
    }
}

impl Task {
    /// Decides by the stamp whether a file has to be read, of which the host holds all at the version `held`.
    pub(crate) fn of(path: &RelPath, candidate: Candidate, held: Option<(Finding, &str)>, memory: &Memory) -> Self {
        let parsed = || held.and_then(|(_, version)| version.parse::<Version>().ok());
        let Some(stamp) = candidate.stamp else {
            let held = parsed();
            return Self::Read { candidate, held };
        };
        let is_unchanged = |text: &str| has_stamp(text, &stamp) || memory.is_confirmed(path, &stamp, text);
        if let Some((found, version)) = held.filter(|(_, version)| is_unchanged(version)) {
            let version = version.into();
            return Self::Unchanged {
                held: Held { version, found },
                candidate,
            };
        }
        let held = parsed();
        match memory.barren(path, &stamp).filter(|_| held.is_none()) {
            Some(documents) => Self::Barren(documents.clone()),
            None => Self::Read { candidate, held },
        }
    }

    /// Returns whether it can be done without a file.
    fn is_idle(&self) -> bool {
        match self {
            Self::Report(_) | Self::Unchanged { .. } | Self::Barren(_) => true,
            Self::Read { .. } => false,
        }
    }
}

/// Decides about the things of a page one by one.
pub(crate) fn decided(page: Vec<Found>, decide: impl Fn(&RelPath, What) -> Task) -> Vec<(RelPath, Task)> {
    let decided = page.into_iter().map(|Found { path, what }| {
        let task = decide(&path, what);
        (path, task)
    });
    decided.collect()
}

/// Returns whether none of the tasks of a page needs a file.
pub(crate) fn is_idle(tasks: &[(RelPath, Task)]) -> bool {
    tasks.iter().all(|(_, task)| task.is_idle())
}

/// Does the tasks of a page in their order.
pub(crate) fn work(root: &Root, tasks: Vec<(RelPath, Task)>, limits: &Limits) -> Vec<(RelPath, Outcome)> {
    tasks
        .into_iter()
        .map(|(path, task)| (path, outcome(root, task, limits)))
        .collect()
}

/// What a file may cost.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// `maxFileBytes`.
    pub(crate) file_bytes: u64,
    pub(crate) object: ObjectLimits,
}

fn outcome(root: &Root, task: Task, limits: &Limits) -> Outcome {
    match task {
        Task::Report(what) => Outcome::Report(what),
        Task::Unchanged { held, candidate } => Outcome::Unchanged { held, candidate },
        Task::Barren(documents) => Outcome::Barren(documents),
        Task::Read { candidate, held } => read(root, candidate, held, limits),
    }
}

/// Reads a file, and parses it unless it is as the host holds it.
pub(crate) fn read(root: &Root, candidate: Candidate, held: Option<Version>, limits: &Limits) -> Outcome {
    let fault = |fault: Fault| Outcome::Report(What::Fault(fault));
    let Content { bytes, version: read } = match read::read(root, &candidate.real, limits.file_bytes) {
        Ok(Some(content)) => content,
        Ok(None) => return Outcome::Vanished,
        Err(error) => return fault(error),
    };
    match held {
        Some(held) if held.hash == read.hash => Outcome::Same { held, read, candidate },
        Some(_) | None => Outcome::Parsed {
            version: read,
            documents: Documents::parse(&bytes, &limits.object),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_ends_at_its_files_or_its_bytes() {
        let file = |size: u64| Found {
            path: RelPath::root(),
            what: What::File(Candidate {
                real: RelPath::root(),
                stamp: None,
                size,
            }),
        };
        let sizes = |found: Vec<Found>| Pages::of(found.into_iter()).map(|page| page.len()).collect::<Vec<_>>();
        assert_eq!(sizes((0..300).map(|_| file(10)).collect()), [128, 128, 44]);
        assert_eq!(sizes([1, PAGE_BYTES, PAGE_BYTES - 1, 1, 1].map(file).into()), [2, 2, 1]);
        assert_eq!(sizes(Vec::new()), [0; 0]);
    }
}
