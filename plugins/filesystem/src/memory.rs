//! What this session remembers of files beyond what the host holds.
//!
//! The host holds the versions of objects; a file that was touched without a change, or that was too young when its
//! objects were sent, has another stamp than its version says, and a file without objects has no version at all.
//! Forgetting costs reading a file again and nothing else, so only a listing that ended well is remembered.

use std::collections::HashMap;

use k1s_manifests::{RelPath, Stamp};
use k1s_source::Documents;

use crate::version::{ContentHash, Version};

/// The most files without objects that are remembered.
const BARREN_FILES: usize = 100_000;

/// The files of one root.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    confirmed: HashMap<RelPath, Confirmed>,
    barren: HashMap<RelPath, Barren>,
}

/// A file whose content was found to be what the host holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Confirmed {
    stamp: Stamp,
    hash: ContentHash,
}

/// A file in which nothing is an object and nothing failed.
#[derive(Clone, Debug)]
struct Barren {
    stamp: Stamp,
    documents: Documents,
}

impl Memory {
    /// Returns whether a file with this stamp was found to have the content that the host holds as `version`.
    pub(crate) fn is_confirmed(&self, path: &RelPath, stamp: &Stamp, version: &str) -> bool {
        let confirmed = self.confirmed.get(path).filter(|confirmed| confirmed.stamp == *stamp);
        confirmed.is_some_and(|confirmed| {
            let held = version.parse::<Version>();
            held.is_ok_and(|held| held.hash == confirmed.hash)
        })
    }

    /// Returns what a file without objects holds, if it still has this stamp.
    pub(crate) fn barren(&self, path: &RelPath, stamp: &Stamp) -> Option<&Documents> {
        self.barren
            .get(path)
            .filter(|barren| barren.stamp == *stamp)
            .map(|barren| &barren.documents)
    }

    /// Keeps what `last` remembers of a file.
    pub(crate) fn keep(&mut self, path: &RelPath, last: &Self) {
        if let Some(confirmed) = last.confirmed.get(path) {
            self.confirmed.insert(path.clone(), *confirmed);
        }
        if let Some(barren) = last.barren.get(path) {
            self.barren.insert(path.clone(), barren.clone());
        }
    }

    /// Remembers that a file was read and has the content that the host holds.
    pub(crate) fn confirm(&mut self, path: &RelPath, read: &Version) {
        if let Some(stamp) = read.stamp {
            self.confirmed
                .insert(path.clone(), Confirmed { stamp, hash: read.hash });
        }
    }

    /// Remembers a file in which nothing is an object and nothing failed.
    pub(crate) fn set_barren(&mut self, path: &RelPath, read: &Version, documents: &Documents) {
        let is_barren = documents.keys().next().is_none() && documents.problems().next().is_none();
        if let Some(stamp) = read.stamp.filter(|_| is_barren && self.barren.len() < BARREN_FILES) {
            self.barren.insert(
                path.clone(),
                Barren {
                    stamp,
                    documents: documents.clone(),
                },
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use k1s_source::ObjectLimits;

    use super::*;

    fn stamp(modified: i64) -> Stamp {
        Stamp {
            modified,
            changed: 2,
            size: 3,
            inode: 4,
        }
    }

    fn path() -> RelPath {
        RelPath::root().join("a.yaml")
    }

    #[test]
    fn a_file_is_confirmed_by_its_stamp_and_what_was_in_it() {
        let version = |stamp: Option<Stamp>, hash| Version { stamp, hash };
        let held = version(Some(stamp(1)), [1; 32]).to_string();
        let mut memory = Memory::default();
        assert!(!memory.is_confirmed(&path(), &stamp(9), &held));
        memory.confirm(&path(), &version(None, [1; 32]));
        assert!(!memory.is_confirmed(&path(), &stamp(9), &held));
        memory.confirm(&path(), &version(Some(stamp(9)), [1; 32]));
        assert!(memory.is_confirmed(&path(), &stamp(9), &held));
        assert!(!memory.is_confirmed(&path(), &stamp(8), &held));
        let other = version(Some(stamp(1)), [2; 32]).to_string();
        assert!(!memory.is_confirmed(&path(), &stamp(9), &other));
        assert!(!memory.is_confirmed(&path(), &stamp(9), "no version"));
    }

    #[test]
    fn only_files_without_objects_and_failures_are_barren() {
        for (text, remembered) in [
            ("replicas: 1\n", true),
            ("# nothing\n", true),
            ("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n", false),
            ("replicas: 1\n---\na: [\n", false),
        ] {
            let documents = Documents::parse(text.as_bytes(), &ObjectLimits::default());
            let mut memory = Memory::default();
            memory.set_barren(
                &path(),
                &Version {
                    stamp: Some(stamp(1)),
                    hash: [0; 32],
                },
                &documents,
            );
            assert_eq!(memory.barren(&path(), &stamp(1)).is_some(), remembered, "{text}");
            assert!(memory.barren(&path(), &stamp(2)).is_none(), "{text}");
            let mut next = Memory::default();
            next.keep(&path(), &memory);
            assert_eq!(next.barren(&path(), &stamp(1)).is_some(), remembered, "{text}");
        }
    }
}
