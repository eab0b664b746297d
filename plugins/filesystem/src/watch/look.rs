//! One look at a part of the tree: what changed there is declared, and what is missing is noted.
//!
//! A key stays with the path that declares it as long as that does; only a path that was read again, or is gone, loses
//! it, and then another path that declares it takes over without a delete. What cannot be read keeps its keys.
//!
//! Invariants: nothing is deleted here but what the agenda says has settled, after this look read its path and those of
//! its rivals again; upserts are sent before deletes.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::time::Instant;

use k1s_manifests::RelPath;
use k1s_source::{At, Documents, Ignore, Key, Problem, Window};

use super::agenda::{Agenda, Doubt};
use super::interest::Interest;
use super::rivals::Rivals;
use super::told::Told;
use crate::memory::Memory;
use crate::page::{self, Outcome, Task};
use crate::pipeline::{Ground, Pipeline};
use crate::version::Version;
use crate::walk::What;

/// What is known of a folder beside what the host holds of it.
#[derive(Debug)]
pub(crate) struct Knowledge {
    pub(crate) agenda: Agenda,
    pub(crate) rivals: Rivals,
    pub(crate) told: Told,
    pub(crate) memory: Memory,
}

/// A look under way.
#[derive(Debug)]
pub(crate) struct Look<'a, 'c> {
    pub(crate) ground: &'a Ground,
    pub(crate) uri: &'a str,
    pub(crate) knowledge: &'a mut Knowledge,
    pub(crate) window: Window<'c>,
    pub(crate) now: Instant,
}

/// What a pass over a part of the tree came upon.
#[derive(Debug, Default)]
struct Pass {
    found: HashSet<RelPath>,
    faults: BTreeSet<RelPath>,
    /// Keys that the paths which declared them do not declare any more.
    gone: Vec<(Key, RelPath)>,
}

/// How the path that owns a key stands to it now.
#[derive(Debug)]
enum Standing {
    Declares(HashSet<Key>),
    Unreadable,
}

impl<'c> Look<'_, 'c> {
    /// Looks at what is of `interest`, and then at the rivals of what turned out to be gone.
    pub(crate) async fn run(mut self, interest: Interest) -> Result<Window<'c>, Problem> {
        let mut visited: BTreeSet<RelPath> = BTreeSet::new();
        let mut next = interest;
        loop {
            let gone = self.pass(&next).await?;
            let mut heirs = BTreeSet::new();
            for (key, path) in gone {
                // Another path may have taken it over meanwhile.
                if self.owner(&key).as_ref() == Some(&path) {
                    heirs.extend(self.knowledge.rivals.of(&key, &path).cloned());
                    self.knowledge.rivals.remove(&key, &path);
                    self.knowledge.agenda.handle_missing(key, &path, self.now);
                }
            }
            heirs.retain(|path| visited.insert(path.clone()));
            if heirs.is_empty() {
                return Ok(self.window);
            }
            next = Interest::Paths(heirs);
        }
    }

    async fn pass(&mut self, interest: &Interest) -> Result<Vec<(Key, RelPath)>, Problem> {
        let mut pass = Pass::default();
        let mut pipeline = Pipeline::start(self.ground, interest.clone());
        while let Some(landed) = pipeline
            .next(|page| page::decided(page, |path, what| self.task(path, what)))
            .await?
        {
            let standings = self.standings(&landed.outcomes).await?;
            for (path, outcome) in landed.outcomes {
                self.judge(path, outcome, &standings, &mut pass).await?;
            }
        }
        self.forget_unfound(interest, &pass);
        for path in self.unfound(interest, &pass) {
            let held = self.held(&path);
            pass.gone.extend(held.into_iter().map(|key| (key, path.clone())));
        }
        Ok(pass.gone)
    }

    /// Decides by the stamp whether a file has to be read.
    fn task(&self, path: &RelPath, what: What) -> Task {
        let What::File(candidate) = what else {
            return Task::Report(what);
        };
        let held = self.window.known().find_path(path.as_str());
        // What was complained of has to be declared again, also as it was before.
        let held = held.filter(|_| !self.knowledge.told.knows(path));
        Task::of(path, candidate, held, &self.knowledge.memory)
    }

    async fn judge(
        &mut self,
        path: RelPath,
        outcome: Outcome,
        standings: &BTreeMap<RelPath, Standing>,
        pass: &mut Pass,
    ) -> Result<(), Problem> {
        match outcome {
            Outcome::Vanished => return Ok(()),
            Outcome::Unchanged { .. } => self.confirm(&path),
            Outcome::Same { read, .. } => {
                self.knowledge.memory.confirm(&path, &read);
                self.confirm(&path);
            }
            Outcome::Barren(documents) => {
                self.knowledge.agenda.handle_readable(&path);
                pass.gone.extend(self.gone(&path, &documents));
            }
            Outcome::Parsed { version, documents } => {
                self.parsed(&path, &version, documents, standings, pass).await?;
            }
            Outcome::Report(What::Fault(fault)) => {
                pass.faults.insert(path.clone());
                self.unreadable(&path, &fault.problem()).await?;
            }
            Outcome::Report(What::ChartPart) => self.ignored(&path, Ignore::NotAnObject, pass).await?,
            Outcome::Report(What::Link) => self.ignored(&path, Ignore::Link, pass).await?,
            Outcome::Report(What::File(_)) => {}
        }
        pass.found.insert(path);
        Ok(())
    }

    /// The file is as the host holds it.
    fn confirm(&mut self, path: &RelPath) {
        self.knowledge.agenda.handle_readable(path);
        self.keep(path);
    }

    /// What the path declared stays.
    fn keep(&mut self, path: &RelPath) {
        for key in self.held(path) {
            self.knowledge.agenda.handle_declared(&key);
        }
    }

    async fn parsed(
        &mut self,
        path: &RelPath,
        version: &Version,
        documents: Documents,
        standings: &BTreeMap<RelPath, Standing>,
        pass: &mut Pass,
    ) -> Result<(), Problem> {
        let is_broken = documents.problems().next().is_some();
        if is_broken && self.knowledge.agenda.handle_unreadable(path, self.now) == Doubt::Wait {
            self.keep(path);
            return Ok(());
        }
        if is_broken {
            self.keep(path);
        } else {
            self.knowledge.agenda.handle_readable(path);
            pass.gone.extend(self.gone(path, &documents));
            self.knowledge.memory.set_barren(path, version, &documents);
        }
        let mut winners = BTreeMap::new();
        for key in documents.keys() {
            match self.winner(key, path, standings) {
                Some(winner) => {
                    self.knowledge.rivals.add(key, path);
                    winners.insert(key.clone(), winner);
                }
                None => self.knowledge.agenda.handle_declared(key),
            }
        }
        if winners.is_empty() && !is_broken {
            if self.is_held(path, version, &documents) {
                return Ok(());
            }
            self.knowledge.told.forget(path);
        } else if !self
            .knowledge
            .told
            .is_news(path, (version.hash, &winners_text(&winners)))
        {
            return Ok(());
        }
        let at = self.at(path).version(version.to_string());
        let winner = |key: &Key| winners.get(key).map(|winner| At::path(winner.as_str()));
        self.window.documents_unless(documents, at, winner).await
    }

    /// Returns whether the host holds all of `documents` as they were read with this content, so that nothing is new.
    fn is_held(&self, path: &RelPath, version: &Version, documents: &Documents) -> bool {
        let known = self.window.known().path(path.as_str());
        let objects = known.map(|known| known.objects).unwrap_or_default();
        let is_same = |held: &String| {
            // Behind the blank stands which of the path's findings it is.
            let held = held.split_once(' ').map(|(version, _)| version.parse::<Version>());
            matches!(held, Some(Ok(held)) if held.hash == version.hash)
        };
        !self.knowledge.told.knows(path) && documents.keys().all(|key| objects.get(key).is_some_and(is_same))
    }

    async fn unreadable(&mut self, path: &RelPath, problem: &Problem) -> Result<(), Problem> {
        self.keep(path);
        if self.knowledge.agenda.handle_unreadable(path, self.now) == Doubt::Report
            && self.knowledge.told.is_news(path, problem.message())
        {
            self.window.failed(self.at(path), problem.clone()).await?;
        }
        Ok(())
    }

    async fn ignored(&mut self, path: &RelPath, ignore: Ignore, pass: &mut Pass) -> Result<(), Problem> {
        self.knowledge.agenda.handle_readable(path);
        pass.gone.extend(self.gone(path, &Documents::default()));
        if self.knowledge.told.is_news(path, "ignored") {
            self.window.ignored(self.at(path), ignore).await?;
        }
        Ok(())
    }

    /// Returns the path that keeps `key` against `path`, if there is one.
    fn winner(&self, key: &Key, path: &RelPath, standings: &BTreeMap<RelPath, Standing>) -> Option<RelPath> {
        let owner = self.owner(key).filter(|owner| owner != path)?;
        match standings.get(&owner)? {
            Standing::Declares(keys) => keys.contains(key).then_some(owner),
            Standing::Unreadable => Some(owner),
        }
    }

    /// Reads the paths again that own what others were found to declare.
    async fn standings(&self, outcomes: &[(RelPath, Outcome)]) -> Result<BTreeMap<RelPath, Standing>, Problem> {
        let mut owners = BTreeSet::new();
        for (path, outcome) in outcomes {
            if let Outcome::Parsed { documents, .. } = outcome {
                let foreign = documents.keys().filter_map(|key| self.owner(key));
                owners.extend(foreign.filter(|owner| owner != path));
            }
        }
        let mut standings = BTreeMap::new();
        if owners.is_empty() {
            return Ok(standings);
        }
        let read = |_: &RelPath, what| match what {
            What::File(candidate) => Task::Read { candidate, held: None },
            What::ChartPart | What::Link | What::Fault(_) => Task::Report(what),
        };
        let mut faults = BTreeSet::new();
        let mut pipeline = Pipeline::start(self.ground, Interest::Paths(owners.clone()));
        while let Some(landed) = pipeline.next(|page| page::decided(page, read)).await? {
            for (path, outcome) in landed.outcomes {
                match outcome {
                    Outcome::Parsed { documents, .. } if documents.problems().next().is_none() => {
                        standings.insert(path, Standing::Declares(documents.keys().cloned().collect()));
                    }
                    Outcome::Parsed { .. } | Outcome::Report(What::Fault(_)) => {
                        faults.insert(path);
                    }
                    Outcome::Report(_)
                    | Outcome::Unchanged { .. }
                    | Outcome::Same { .. }
                    | Outcome::Barren(_)
                    | Outcome::Vanished => {}
                }
            }
        }
        let below_faults = Interest::Paths(faults);
        let unreadable = owners.into_iter().filter(|owner| below_faults.covers(owner));
        standings.extend(unreadable.map(|owner| (owner, Standing::Unreadable)));
        Ok(standings)
    }

    /// There is nothing to say any more about paths that were looked for one by one and are not there.
    fn forget_unfound(&mut self, interest: &Interest, pass: &Pass) {
        match interest {
            Interest::Paths(paths) => {
                for path in paths.iter().filter(|path| !pass.found.contains(*path)) {
                    self.knowledge.agenda.handle_readable(path);
                    self.knowledge.told.forget(path);
                }
            }
            Interest::Everything => {}
        }
    }

    /// Returns the paths of interest that the host holds something of and that the pass did not come upon.
    fn unfound(&self, interest: &Interest, pass: &Pass) -> Vec<RelPath> {
        let known = self.window.known();
        let faults = Interest::Paths(pass.faults.clone());
        let is_unfound = |path: &RelPath| !pass.found.contains(path) && !faults.covers(path);
        let is_file = |path: &RelPath| pass.found.contains(path) || known.path(path.as_str()).is_some();
        match interest {
            Interest::Paths(paths) if paths.iter().all(is_file) => {
                paths.iter().filter(|path| is_unfound(path)).cloned().collect()
            }
            Interest::Paths(_) | Interest::Everything => known
                .paths()
                .filter_map(RelPath::new)
                .filter(|path| interest.covers(path) && is_unfound(path))
                .collect(),
        }
    }

    /// Returns what the host holds of `path` and `documents` do not declare.
    fn gone(&self, path: &RelPath, documents: &Documents) -> Vec<(Key, RelPath)> {
        let declared: HashSet<&Key> = documents.keys().collect();
        let held = self.held(path).into_iter().filter(|key| !declared.contains(key));
        held.map(|key| (key, path.clone())).collect()
    }

    fn held(&self, path: &RelPath) -> Vec<Key> {
        let known = self.window.known().path(path.as_str());
        known
            .map(|known| known.objects.into_keys().collect())
            .unwrap_or_default()
    }

    fn owner(&self, key: &Key) -> Option<RelPath> {
        self.window.known().owner(key).and_then(RelPath::new)
    }

    fn at(&self, path: &RelPath) -> At {
        At::path(path.as_str()).uri(self.uri)
    }
}

fn winners_text(winners: &BTreeMap<Key, RelPath>) -> String {
    winners.iter().map(|(key, path)| format!("{key:?} {path}\n")).collect()
}
