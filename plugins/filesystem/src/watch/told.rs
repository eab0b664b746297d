//! What was last told about paths that are not simply declared: failures, duplicates, things to ignore. Pure.
//!
//! Serves to say each only once while it stays as it is, and to know what has to be told again when it is mended. At
//! most [`MOST_PATHS`] are remembered; the others are told at each look.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, Hash, RandomState};

use k1s_manifests::RelPath;

/// The most paths that are remembered.
const MOST_PATHS: usize = 100_000;

/// What was told, by path, as a hash.
#[derive(Debug, Default)]
pub(crate) struct Told {
    hasher: RandomState,
    by_path: HashMap<RelPath, Option<u64>>,
}

impl Told {
    /// Notes that something unknown was told about `path`.
    pub(crate) fn add(&mut self, path: RelPath) {
        if self.by_path.len() < MOST_PATHS {
            self.by_path.insert(path, None);
        }
    }

    /// Returns whether `what` is news about `path`, and notes it.
    pub(crate) fn is_news(&mut self, path: &RelPath, what: impl Hash) -> bool {
        let hash = Some(self.hasher.hash_one(what));
        if self.by_path.get(path) == Some(&hash) {
            return false;
        }
        if self.by_path.len() < MOST_PATHS || self.by_path.contains_key(path) {
            self.by_path.insert(path.clone(), hash);
        }
        true
    }

    /// Returns whether anything was told about `path`.
    pub(crate) fn knows(&self, path: &RelPath) -> bool {
        self.by_path.contains_key(path)
    }

    /// There is nothing more to tell about `path`.
    pub(crate) fn forget(&mut self, path: &RelPath) {
        self.by_path.remove(path);
    }
}

#[cfg(test)]
mod tests {

    use super::*;

    #[test]
    fn a_thing_is_news_until_it_was_told() {
        let path = RelPath::root().join("a.yaml");
        let mut told = Told::default();
        told.add(path.clone());
        assert!(told.knows(&path) && told.is_news(&path, "broken"));
        assert!(!told.is_news(&path, "broken"));
        assert!(told.is_news(&path, "broken otherwise") && told.is_news(&path, "broken"));
        told.forget(&path);
        assert!(!told.knows(&path) && told.is_news(&path, "broken"));
    }
}
