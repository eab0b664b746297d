//! Objects below a prefix, by their paths.

use std::collections::BTreeMap;

use crate::page::Entry;
use crate::path::{KeyFault, KeyPath};

/// The most keys that are no path and are reported; of more there is only the number.
pub const REFUSED: usize = 100;

/// Objects below a prefix.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Folder {
    /// Them, by their paths.
    pub entries: BTreeMap<KeyPath, Entry>,
    /// Keys that cannot be paths, at most [`REFUSED`] of them, and why; their objects are not asked for.
    pub refused: BTreeMap<String, KeyFault>,
    /// How many of those there are.
    pub refused_count: usize,
}

impl Folder {
    /// Sorts objects by their paths below a prefix, which is empty or ends with `/`.
    pub fn of(prefix: &str, objects: impl IntoIterator<Item = Entry>) -> Self {
        let mut folder = Self::default();
        for object in objects {
            folder.add(prefix, object);
        }
        folder
    }

    pub(crate) fn add(&mut self, prefix: &str, object: Entry) {
        match KeyPath::below(prefix, &object.key) {
            Ok(Some(path)) => {
                self.entries.insert(path, object);
            }
            Ok(None) => {}
            Err(fault) => {
                self.refused_count += 1;
                if self.refused.len() < REFUSED {
                    self.refused.insert(object.key, fault);
                }
            }
        }
    }
}
