//! Which files declare, or lately declared, a key that another file is the owner of. Pure.
//!
//! Only a hint where to look when the owner goes: what a file declares is read again before it counts. At most
//! [`MOST_KEYS`] keys are remembered; the loser of a further one is found by the next listing.

use std::collections::{BTreeMap, BTreeSet};

use k1s_manifests::RelPath;
use k1s_source::Key;

/// The most keys that are remembered.
const MOST_KEYS: usize = 100_000;

/// Files that declare what others own.
#[derive(Debug, Default)]
pub(crate) struct Rivals {
    paths_by_key: BTreeMap<Key, BTreeSet<RelPath>>,
}

impl Rivals {
    /// Notes that `path` declares `key`.
    pub(crate) fn add(&mut self, key: &Key, path: &RelPath) {
        if let Some(paths) = self.paths_by_key.get_mut(key) {
            paths.insert(path.clone());
        } else if self.paths_by_key.len() < MOST_KEYS {
            self.paths_by_key.insert(key.clone(), [path.clone()].into());
        }
    }

    /// Returns the files that may declare `key`, but for `owner`.
    pub(crate) fn of<'a>(&'a self, key: &Key, owner: &'a RelPath) -> impl Iterator<Item = &'a RelPath> {
        let paths = self.paths_by_key.get(key).into_iter().flatten();
        paths.filter(move |path| *path != owner)
    }

    /// Forgets that `path` may declare `key`.
    pub(crate) fn remove(&mut self, key: &Key, path: &RelPath) {
        if let Some(paths) = self.paths_by_key.get_mut(key) {
            paths.remove(path);
            if paths.is_empty() {
                self.paths_by_key.remove(key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rivals_are_all_but_the_owner() {
        let path = |text: &str| RelPath::new(text).unwrap();
        let key = Key {
            kind: "ConfigMap".to_owned(),
            name: "a".to_owned(),
            ..Key::default()
        };
        let mut rivals = Rivals::default();
        for text in ["c", "a", "b"] {
            rivals.add(&key, &path(text));
        }
        let of = |rivals: &Rivals, owner: &str| -> Vec<String> {
            rivals.of(&key, &path(owner)).map(RelPath::to_string).collect()
        };
        assert_eq!(of(&rivals, "b"), ["a", "c"]);
        rivals.remove(&key, &path("a"));
        assert_eq!(of(&rivals, "none"), ["b", "c"]);
        assert_eq!(rivals.of(&Key::default(), &path("b")).count(), 0);
    }
}
