//! What a listing has mentioned, and so what the host holds that it has not: what is about to be deleted.
//!
//! Keys are remembered as 64-bit hashes. Two that collide cost one key its second look, not its safety
//! otherwise: the host's guards and the next listing stand behind it.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::hash::{BuildHasher as _, RandomState};

use k1s_source::{Documents, Key};

/// What has been mentioned so far.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    hasher: RandomState,
    keys: HashSet<u64>,
    /// Files and directories of which something failed: what they hold stays.
    failed: BTreeSet<Box<str>>,
}

impl Ledger {
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

    /// Returns what of the `unmentioned` nothing is known about, with the path that declared it: what waits for the end
    /// of the listing is not sent, and yet declared.
    pub(crate) fn missing<'k>(&self, unmentioned: impl Iterator<Item = (Key, &'k str)>) -> BTreeMap<Key, Box<str>> {
        let is_missing =
            |key: &Key, path: &str| !self.has_failed(path) && !self.keys.contains(&self.hasher.hash_one(key));
        unmentioned
            .filter(|(key, path)| is_missing(key, path))
            .map(|(key, path)| (key, path.into()))
            .collect()
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
