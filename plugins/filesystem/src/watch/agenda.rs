//! What is to be done when: which paths are to be read, which doubts have settled, which deletes may be sent.
//!
//! Pure: time is an argument. What was noticed is collected until it has been quiet for the debounce, or for
//! [`MOST_DEBOUNCES`] of them in all. A path that cannot be read is in doubt until it could not be read for the settle
//! time. A key that nothing declares any more is missing; all that is missing is sent as deletes together, when nothing
//! new was missed for the settle time, or after [`MOST_SETTLES`] of them.
//!
//! Invariants: no delete is due while anything is to be read; while the root is gone nothing else is due.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use k1s_manifests::{CHART, RelPath};
use k1s_source::Key;

use super::interest::Interest;
use crate::config::Links;
use crate::ignored;
use crate::root::MARKER;

/// How many debounces what was noticed waits at most while more comes.
const MOST_DEBOUNCES: u32 = 10;
/// How many settle times a delete waits at most while more comes.
const MOST_SETTLES: u32 = 10;
/// The most paths that are read one by one; beyond that everything is looked at.
const MOST_PATHS: usize = 10_000;
/// How long until a root that is gone is looked for again, if nothing tells before.
const ROOT_RETRY: Duration = Duration::from_secs(1);

/// The waits of one folder.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timing {
    pub(crate) debounce: Duration,
    /// How long something must have been missing or unreadable to be told.
    pub(crate) settle: Duration,
    /// How often to look at everything.
    pub(crate) poll: Option<Duration>,
}

/// What is due.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Work {
    /// Read what changed.
    Look(Interest),
    /// Read these paths again, and send the deletes of what is still missing.
    Delete(Interest),
    /// List everything.
    Relist,
    /// Look whether the root is back.
    FindRoot,
}

/// What to do about a path that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Doubt {
    /// Say nothing yet; it is read again.
    Wait,
    /// It is so.
    Report,
}

/// What is to be done for one folder.
#[derive(Debug)]
pub(crate) struct Agenda {
    timing: Timing,
    links: Links,
    pending: Option<Pending>,
    doubtful: BTreeMap<RelPath, Instant>,
    missing: BTreeMap<Key, Missing>,
    next_poll: Option<Instant>,
    /// When to look for the root that is gone.
    find_root: Option<Instant>,
}

/// What was noticed and not yet read.
#[derive(Debug)]
struct Pending {
    first: Instant,
    last: Instant,
    what: Noticed,
}

#[derive(Debug)]
enum Noticed {
    Changes(Interest),
    /// It is not known what changed.
    Lost,
}

#[derive(Debug)]
struct Missing {
    path: RelPath,
    since: Instant,
}

impl Agenda {
    pub(crate) fn new(timing: Timing, links: Links) -> Self {
        Self {
            timing,
            links,
            pending: None,
            doubtful: BTreeMap::new(),
            missing: BTreeMap::new(),
            next_poll: None,
            find_root: None,
        }
    }

    /// Sets how often everything is looked at from `now` on.
    pub(crate) fn set_poll(&mut self, poll: Option<Duration>, now: Instant) {
        self.timing.poll = poll;
        self.next_poll = poll.map(|poll| now + poll);
    }

    /// Something happened to `path`.
    pub(crate) fn handle_change(&mut self, path: RelPath, now: Instant) {
        if path.name() == MARKER && path.parts().count() == 1 {
            return self.handle_loss(now);
        }
        // What these files say is about all that lies beside and below them.
        let decides = path.name() == ignored::FILE_NAME || path.name() == CHART;
        let path = path.parent().filter(|_| decides).unwrap_or(path);
        let interest = match self.links {
            // A link may lead through anything.
            Links::Follow => Interest::Everything,
            Links::Report => Interest::Paths([path].into()),
        };
        self.notice(Noticed::Changes(interest), now);
    }

    /// It is not known any more what happened.
    pub(crate) fn handle_loss(&mut self, now: Instant) {
        self.notice(Noticed::Lost, now);
    }

    /// The root is not there.
    pub(crate) fn handle_root_gone(&mut self, now: Instant) {
        self.pending = None;
        self.missing.clear();
        self.doubtful.clear();
        self.find_root = Some(now + ROOT_RETRY);
    }

    /// Everything was listed: only what was noticed meanwhile is still to be done.
    pub(crate) fn handle_listed(&mut self, now: Instant) {
        self.missing.clear();
        self.doubtful.clear();
        self.find_root = None;
        self.next_poll = self.timing.poll.map(|poll| now + poll);
    }

    fn notice(&mut self, what: Noticed, now: Instant) {
        let (first, what) = match self.pending.take() {
            None => (now, what),
            Some(Pending {
                first, what: before, ..
            }) => (first, before.and(what)),
        };
        self.pending = Some(Pending { first, last: now, what });
    }

    /// A path could not be read.
    pub(crate) fn handle_unreadable(&mut self, path: &RelPath, now: Instant) -> Doubt {
        let since = *self.doubtful.entry(path.clone()).or_insert(now);
        self.missing.retain(|_, missing| missing.path != *path);
        if now < since + self.timing.settle {
            return Doubt::Wait;
        }
        self.doubtful.remove(path);
        Doubt::Report
    }

    /// A path could be read, or is gone.
    pub(crate) fn handle_readable(&mut self, path: &RelPath) {
        self.doubtful.remove(path);
    }

    /// Nothing declares `key`, which `path` declared.
    pub(crate) fn handle_missing(&mut self, key: Key, path: &RelPath, now: Instant) {
        self.missing.entry(key).or_insert_with(|| Missing {
            path: path.clone(),
            since: now,
        });
    }

    /// Something declares `key`, or may.
    pub(crate) fn handle_declared(&mut self, key: &Key) {
        self.missing.remove(key);
    }

    /// Returns whether there is nothing left to read.
    pub(crate) fn is_quiet(&self) -> bool {
        self.pending.is_none()
    }

    /// Takes what has been missing for the settle time, with the paths that declared it.
    pub(crate) fn take_settled(&mut self, now: Instant) -> BTreeMap<Key, RelPath> {
        let settle = self.timing.settle;
        let settled = self.missing.extract_if(.., |_, missing| now >= missing.since + settle);
        settled.map(|(key, missing)| (key, missing.path)).collect()
    }

    /// Returns when something is due.
    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        if self.find_root.is_some() {
            return [self.find_root, self.pending_due()].into_iter().flatten().min();
        }
        let deletes = self.deletes_due().filter(|_| self.is_quiet());
        [self.pending_due(), self.doubt_due(), deletes, self.next_poll]
            .into_iter()
            .flatten()
            .min()
    }

    /// Returns what is due, the most urgent first.
    pub(crate) fn take(&mut self, now: Instant) -> Option<Work> {
        let is_due = |due: Option<Instant>| due.is_some_and(|due| due <= now);
        if let Some(retry) = self.find_root {
            let is_told = is_due(self.pending_due());
            if !is_told && retry > now {
                return None;
            }
            self.pending = None;
            self.find_root = Some(now + ROOT_RETRY);
            return Some(Work::FindRoot);
        }
        if is_due(self.pending_due()) {
            return self.pending.take().map(|pending| match pending.what {
                Noticed::Lost => Work::Relist,
                Noticed::Changes(interest) => Work::Look(interest),
            });
        }
        if is_due(self.next_poll) {
            self.next_poll = self.timing.poll.map(|poll| now + poll);
            return Some(Work::Look(Interest::Everything));
        }
        if is_due(self.doubt_due()) {
            let settled = self
                .doubtful
                .iter()
                .filter(|(_, since)| **since + self.timing.settle <= now);
            return Some(Work::Look(Interest::Paths(
                settled.map(|(path, _)| path.clone()).collect(),
            )));
        }
        if self.is_quiet() && is_due(self.deletes_due()) {
            let paths: BTreeSet<_> = self.missing.values().map(|missing| missing.path.clone()).collect();
            return Some(Work::Delete(Interest::Paths(paths)));
        }
        None
    }

    fn pending_due(&self) -> Option<Instant> {
        let Pending { first, last, .. } = self.pending.as_ref()?;
        let debounce = self.timing.debounce;
        Some((*last + debounce).min(*first + debounce * MOST_DEBOUNCES))
    }

    fn doubt_due(&self) -> Option<Instant> {
        self.doubtful.values().min().map(|since| *since + self.timing.settle)
    }

    fn deletes_due(&self) -> Option<Instant> {
        let since = || self.missing.values().map(|missing| missing.since);
        let settle = self.timing.settle;
        Some((since().max()? + settle).min(since().min()? + settle * MOST_SETTLES))
    }
}

impl Noticed {
    fn and(self, more: Self) -> Self {
        match (self, more) {
            (Self::Lost, _) | (_, Self::Lost) => Self::Lost,
            (Self::Changes(Interest::Paths(mut paths)), Self::Changes(Interest::Paths(more))) => {
                paths.extend(more);
                if paths.len() > MOST_PATHS {
                    Self::Changes(Interest::Everything)
                } else {
                    Self::Changes(Interest::Paths(paths))
                }
            }
            (Self::Changes(_), Self::Changes(_)) => Self::Changes(Interest::Everything),
        }
    }
}

#[cfg(test)]
mod tests;
