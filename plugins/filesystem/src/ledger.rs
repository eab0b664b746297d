//! What a listing has mentioned, and so what the host holds that it has not: what is about to be deleted.
//!
//! Paths and keys are remembered as 64-bit hashes. Two that collide cost one key its second look, not its safety
//! otherwise: the host's guards and the next listing stand behind it.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::hash::{BuildHasher as _, RandomState};

use k1s_source::{Documents, Key, Known};

/// What has been mentioned so far.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    hasher: RandomState,
    /// Paths of which everything held was mentioned, and that need no look.
    whole: HashSet<u64>,
    keys: HashSet<u64>,
    /// Files and directories of which something failed: what they hold stays.
    failed: BTreeSet<Box<str>>,
}

impl Ledger {
    /// Notes that all of `path` is as it was.
    pub(crate) fn unchanged(&mut self, path: &str) {
        self.whole.insert(self.hasher.hash_one(path));
    }

    /// Notes what `path` declares now.
    pub(crate) fn declared(&mut self, path: &str, documents: &Documents) {
        for key in documents.keys() {
            self.keys.insert(self.hasher.hash_one(key));
        }
        if documents.problems().next().is_some() {
            self.failed(path);
        }
    }

    /// Notes that `path`, or everything below it, could not be read.
    pub(crate) fn failed(&mut self, path: &str) {
        self.failed.insert(path.into());
    }

    /// Returns what the host holds and nothing has mentioned, with the path that declared it.
    pub(crate) fn missing(&self, known: &Known) -> BTreeMap<Key, Box<str>> {
        let mut missing = BTreeMap::new();
        for path in known
            .paths()
            .filter(|path| !self.whole.contains(&self.hasher.hash_one(*path)))
        {
            if self.has_failed(path) {
                continue;
            }
            let held = known.path(path).map(|held| held.objects).unwrap_or_default();
            let unmentioned = held
                .into_keys()
                .filter(|key| !self.keys.contains(&self.hasher.hash_one(key)));
            missing.extend(unmentioned.map(|key| (key, path.into())));
        }
        missing
    }

    /// Returns the files and directories of which something failed.
    pub(crate) fn into_failed(self) -> BTreeSet<Box<str>> {
        self.failed
    }

    fn has_failed(&self, path: &str) -> bool {
        let slashes = path.match_indices('/').map(|(end, _)| end);
        slashes
            .chain([path.len()])
            .filter_map(|end| path.get(..end))
            .any(|part| self.failed.contains(part))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_covers_its_path_and_what_is_below() {
        let mut ledger = Ledger::default();
        ledger.failed("a/b");
        for (path, failed) in [
            ("a/b", true),
            ("a/b/c.yaml", true),
            ("a/b/c/d.yaml", true),
            ("a", false),
            ("a/bc", false),
            ("b", false),
        ] {
            assert_eq!(ledger.has_failed(path), failed, "{path}");
        }
    }
}
