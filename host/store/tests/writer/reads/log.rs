//! Every change in order: what the store is held to.

use std::collections::{BTreeMap, BTreeSet};

use k1s_object::Key;
use k1s_store::reader::ChangeFilter;

/// An object as of some revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) value: String,
    pub(super) revision: u64,
    pub(super) generation: u64,
}

/// Every change there was: what it made of which object; the first has revision 1.
#[derive(Default)]
pub(super) struct Log {
    changes: Vec<(Key, Option<String>)>,
    now: BTreeMap<Key, Known>,
}

impl Log {
    pub(super) fn revision(&self) -> u64 {
        u64::try_from(self.changes.len()).expect("few")
    }

    pub(super) fn value(&self, key: &Key) -> Option<&str> {
        self.now.get(key).map(|known| known.value.as_str())
    }

    /// Takes what an object shall be; what it is already is no change.
    pub(super) fn set(&mut self, key: &Key, value: Option<&str>) {
        if self.value(key) == value {
            return;
        }
        self.changes.push((key.clone(), value.map(str::to_owned)));
        let revision = self.revision();
        apply(&mut self.now, key, value, revision);
    }

    /// The wanted objects as they were at a revision.
    pub(super) fn state(&self, at: u64, filter: &ChangeFilter) -> BTreeMap<Key, Known> {
        let mut state = BTreeMap::new();
        for ((key, value), revision) in self.changes.iter().zip(1..=at) {
            if filter.wants(key) {
                apply(&mut state, key, value.as_deref(), revision);
            }
        }
        state
    }

    /// The wanted changes after a revision: revision, key, value.
    pub(super) fn changes(&self, after: u64, filter: &ChangeFilter) -> Vec<(u64, Key, Option<String>)> {
        let numbered = (1..).zip(&self.changes).skip_while(|(revision, _)| *revision <= after);
        let wanted = numbered.filter(|(_, (key, _))| filter.wants(key));
        wanted
            .map(|(revision, (key, value))| (revision, key.clone(), value.clone()))
            .collect()
    }

    /// From which revision on changes, and states, can be told, when only these versions are kept.
    pub(super) fn oldest(&self, kept: &BTreeSet<u64>) -> (u64, u64) {
        let mut replaced_by = BTreeMap::new();
        let (mut watchable, mut listable) = (0, 0);
        for ((key, _), revision) in self.changes.iter().zip(1..).collect::<Vec<_>>().into_iter().rev() {
            if !kept.contains(&revision) {
                watchable = watchable.max(revision);
                listable = listable.max(replaced_by[key]);
            }
            replaced_by.insert(key, revision);
        }
        (watchable, listable)
    }
}

fn apply(state: &mut BTreeMap<Key, Known>, key: &Key, value: Option<&str>, revision: u64) {
    let Some(value) = value else {
        state.remove(key);
        return;
    };
    let generation = state.get(key).map_or(1, |known| known.generation + 1);
    let value = value.to_owned();
    state.insert(
        key.clone(),
        Known {
            value,
            revision,
            generation,
        },
    );
}
