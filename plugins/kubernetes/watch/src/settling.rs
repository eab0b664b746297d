//! Deletes on their way, and how far a scope may say that it has come.
//!
//! A delete is told once the object has been gone for a while with no word of it, so that what is replaced never seems
//! missing; deletes that come close together are told together. Until then the position stays before the first of them: a
//! restart hears of it again. Time is the time since any fixed moment.

use std::collections::BTreeMap;
use std::time::Duration;

/// The most deletes that wait; with more, all are told.
const MOST: usize = 4096;
/// How many times as long as one delete settles those that keep coming may hold each other up.
const TOGETHER: u32 = 5;

/// Namespace and name.
type Id = (String, String);

/// A delete that is to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// The namespace; "" where there is none.
    pub namespace: String,
    /// The name.
    pub name: String,
}

#[derive(Clone, Debug)]
struct Waiting {
    id: Id,
    since: Duration,
    /// Up to where everything was told before it.
    before: String,
}

/// Deletes on their way, and the position behind what was told.
#[derive(Clone, Debug)]
pub struct Settling {
    settle: Duration,
    /// In the order in which they came.
    waiting: BTreeMap<u64, Waiting>,
    turn_by_id: BTreeMap<Id, u64>,
    turns: u64,
    /// When the last delete came.
    last: Duration,
    /// How far the server has told.
    heard: String,
}

impl Settling {
    /// Begins at a resource version; each delete waits for `settle`.
    #[must_use]
    pub fn new(settle: Duration, at: impl Into<String>) -> Self {
        Self {
            settle,
            waiting: BTreeMap::new(),
            turn_by_id: BTreeMap::new(),
            turns: 0,
            last: Duration::ZERO,
            heard: at.into(),
        }
    }

    /// Notes that an object is there, as of a resource version.
    pub fn put(&mut self, namespace: &str, name: &str, version: &str) {
        self.forget(&(namespace.to_owned(), name.to_owned()));
        version.clone_into(&mut self.heard);
    }

    /// Notes that an object is gone, as of a resource version.
    pub fn gone(&mut self, namespace: &str, name: &str, version: &str, now: Duration) {
        let id = (namespace.to_owned(), name.to_owned());
        // Of two deletes of one object the first still bounds the position.
        if !self.turn_by_id.contains_key(&id) {
            let waiting = Waiting {
                id: id.clone(),
                since: now,
                before: self.heard.clone(),
            };
            self.waiting.insert(self.turns, waiting);
            self.turn_by_id.insert(id, self.turns);
            self.turns += 1;
        }
        self.last = now;
        version.clone_into(&mut self.heard);
    }

    /// Notes that everything up to a resource version was heard.
    pub fn heard(&mut self, version: &str) {
        version.clone_into(&mut self.heard);
    }

    /// Returns when [`Settling::take_due`] has something, if nothing more is heard.
    #[must_use]
    pub fn next_due(&self) -> Option<Duration> {
        let first = self.waiting.values().next()?;
        if self.waiting.len() > MOST {
            return Some(first.since);
        }
        let rested = self.last + self.settle;
        Some(rested.min(first.since + self.settle * TOGETHER))
    }

    /// Takes the deletes that are to be told now, in the order in which they came.
    pub fn take_due(&mut self, now: Duration) -> Vec<Due> {
        if self.next_due().is_none_or(|due| due > now) {
            return Vec::new();
        }
        let all = self.waiting.len() > MOST;
        let settled = |waiting: &Waiting| all || now.saturating_sub(waiting.since) >= self.settle;
        let due: Vec<u64> = self
            .waiting
            .iter()
            .filter(|(_, waiting)| settled(waiting))
            .map(|(turn, _)| *turn)
            .collect();
        let taken = due.into_iter().filter_map(|turn| self.waiting.remove(&turn));
        let taken = taken.map(|Waiting { id, .. }| {
            self.turn_by_id.remove(&id);
            let (namespace, name) = id;
            Due { namespace, name }
        });
        taken.collect()
    }

    /// Returns the resource version up to which everything was told, once what [`Settling::take_due`] returned is.
    #[must_use]
    pub fn position(&self) -> &str {
        self.waiting.values().next().map_or(&self.heard, |first| &first.before)
    }

    fn forget(&mut self, id: &Id) {
        if let Some(turn) = self.turn_by_id.remove(id) {
            self.waiting.remove(&turn);
        }
    }
}

#[cfg(test)]
mod tests;
