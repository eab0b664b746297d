//! A second tree that differs from the first in a known number of keys.

use std::collections::{BTreeMap, BTreeSet};

use k1s_object::Key;

use super::file::{File, Form};
use super::object::Object;
use super::{Kind, Tree, directory};

/// Objects of kinds that others depend on are only added in a branch, and at most this many of each, so that going back
/// stays inside the host's default guard, which lets 10 deletes of a kind pass.
const MAX_ADDED_ROOTS: usize = 10;

/// How two trees differ, by key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// Keys that only the first tree has.
    pub only_first: BTreeSet<Key>,
    /// Keys that only the second tree has.
    pub only_second: BTreeSet<Key>,
    /// Keys of both whose content differs.
    pub edited: BTreeSet<Key>,
}

impl Difference {
    /// The number of keys that differ.
    #[must_use]
    pub fn len(&self) -> usize {
        self.only_first.len() + self.only_second.len() + self.edited.len()
    }

    /// Whether both trees declare the same.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Tree {
    /// Makes a tree that differs from this one in exactly `keys` keys, spread evenly over the kinds: of each kind a third
    /// is removed, a third added and a third edited; Namespaces and definitions are only added, at most ten of each.
    #[must_use]
    pub fn branch(&self, keys: usize) -> Self {
        let mut branch = self.clone();
        let mut removed = BTreeSet::new();
        let mut edited = BTreeSet::new();
        let by_kind = self.ordinals_by_kind();
        for (kind, quota) in quotas(keys) {
            let present = by_kind.get(&kind).map_or(&[][..], Vec::as_slice);
            let is_spare = Kind::leaves().contains(&kind) && quota <= present.len();
            for number in 0..quota {
                // Evenly from first to last; as no two numbers choose the same, what is removed is not edited.
                let chosen = present.get(number * present.len() / quota).filter(|_| is_spare);
                match (number % 3, chosen) {
                    (0, Some(ordinal)) => {
                        removed.insert(*ordinal);
                    }
                    (1, Some(ordinal)) => {
                        edited.insert(*ordinal);
                    }
                    _ => branch.add(kind),
                }
            }
        }
        for file in branch.files.values_mut() {
            file.objects.retain(|object| !removed.contains(&object.ordinal));
            let changed = file
                .objects
                .iter_mut()
                .filter(|object| edited.contains(&object.ordinal));
            changed.for_each(|object| object.revision += 1);
        }
        branch.files.retain(|_, file| !file.objects.is_empty());
        branch
    }

    /// How this tree differs from another.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Difference {
        let by_key = |tree: &'_ Self| -> BTreeMap<Key, Object> {
            tree.objects().map(|object| (object.key(), object.clone())).collect()
        };
        let (first, second) = (by_key(self), by_key(other));
        let missing = |from: &BTreeMap<Key, Object>, all: &BTreeMap<Key, Object>| {
            all.keys().filter(|key| !from.contains_key(key)).cloned().collect()
        };
        let edited = first
            .iter()
            .filter(|(key, object)| second.get(key).is_some_and(|there| there != *object));
        Difference {
            only_first: missing(&second, &first),
            only_second: missing(&first, &second),
            edited: edited.map(|(key, _)| key.clone()).collect(),
        }
    }

    fn ordinals_by_kind(&self) -> BTreeMap<Kind, Vec<usize>> {
        let mut by_kind: BTreeMap<Kind, Vec<usize>> = BTreeMap::new();
        for object in self.objects() {
            by_kind.entry(object.kind).or_default().push(object.ordinal);
        }
        by_kind
    }

    /// Adds an object in a file of its own.
    fn add(&mut self, kind: Kind) {
        let ordinal = self.next_ordinal;
        self.next_ordinal += 1;
        let object = self.object(kind, ordinal);
        let path = format!("{}/{ordinal:06}-added.yaml", directory(ordinal));
        let file = File {
            form: Form::Documents,
            objects: vec![object],
        };
        self.files.insert(path, file);
    }
}

/// How many keys of each kind differ; the sum is `keys`.
fn quotas(keys: usize) -> BTreeMap<Kind, usize> {
    let mut quotas = BTreeMap::new();
    let mut left = keys;
    while left > 0 {
        for kind in Kind::ALL {
            let quota: &mut usize = quotas.entry(kind).or_default();
            let is_full = !Kind::leaves().contains(&kind) && *quota == MAX_ADDED_ROOTS;
            if left > 0 && !is_full {
                *quota += 1;
                left -= 1;
            }
        }
    }
    quotas
}
