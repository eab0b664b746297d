//! The paths of an archive that were seen: each once, and none below a file or link.

use std::collections::BTreeMap;

use crate::fault::{ArchiveError, PathFault};
use crate::limits::{Limit, Limits};
use crate::path::EntryPath;

/// The most bytes of all paths together.
const PATHS_BYTES: usize = 32 << 20;

/// What is at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Node {
    Directory,
    /// A file or a link: nothing can be below it.
    Leaf,
}

/// The paths that were seen.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    nodes: BTreeMap<EntryPath, Node>,
    bytes: usize,
    entries: u64,
}

impl Tree {
    /// Counts an entry, whatever it is.
    pub(crate) fn count(&mut self, limits: &Limits) -> Result<(), ArchiveError> {
        self.entries += 1;
        if self.entries > limits.entries {
            return Err(ArchiveError::Limit(Limit::Entries(limits.entries)));
        }
        Ok(())
    }

    /// Adds a path.
    pub(crate) fn add(&mut self, path: &EntryPath, node: Node) -> Result<(), ArchiveError> {
        let refuse = |fault| Err(ArchiveError::Path(fault, path.to_string()));
        for ancestor in path.ancestors() {
            match self.nodes.get(&ancestor) {
                Some(Node::Leaf) => return refuse(PathFault::Below),
                Some(Node::Directory) => {}
                None => self.insert(ancestor, Node::Directory)?,
            }
        }
        match (self.nodes.get(path), node) {
            (None, _) => self.insert(path.clone(), node),
            (Some(Node::Directory), Node::Directory) => Ok(()),
            (Some(Node::Directory | Node::Leaf), _) => refuse(PathFault::Twice),
        }
    }

    fn insert(&mut self, path: EntryPath, node: Node) -> Result<(), ArchiveError> {
        self.bytes += path.as_str().len();
        if self.bytes > PATHS_BYTES {
            return Err(ArchiveError::Limit(Limit::PathBytes(PATHS_BYTES)));
        }
        self.nodes.insert(path, node);
        Ok(())
    }
}
