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
    nodes: BTreeMap<String, Node>,
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
            match self.nodes.get(ancestor) {
                Some(Node::Leaf) => return refuse(PathFault::Below),
                // So are all above it: each directory is looked at once, however many paths go through it.
                Some(Node::Directory) => break,
                None => self.insert(ancestor, Node::Directory)?,
            }
        }
        match (self.nodes.get(path.as_str()), node) {
            (None, _) => self.insert(path.as_str(), node),
            (Some(Node::Directory), Node::Directory) => Ok(()),
            (Some(Node::Directory | Node::Leaf), _) => refuse(PathFault::Twice),
        }
    }

    fn insert(&mut self, path: &str, node: Node) -> Result<(), ArchiveError> {
        self.bytes += path.len();
        if self.bytes > PATHS_BYTES {
            return Err(ArchiveError::Limit(Limit::PathBytes(PATHS_BYTES)));
        }
        self.nodes.insert(path.to_owned(), node);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(tree: &mut Tree, path: &str, node: Node) -> Result<(), ArchiveError> {
        let path = EntryPath::parse(path.as_bytes(), 64)?;
        path.map_or(Ok(()), |path| tree.add(&path, node))
    }

    #[test]
    fn a_directory_is_kept_once_however_many_paths_go_through_it() {
        let mut tree = Tree::default();
        for name in ["1", "2", "3"] {
            add(&mut tree, &format!("a/b/c/{name}"), Node::Leaf).unwrap();
        }
        add(&mut tree, "a/b", Node::Directory).unwrap();
        assert_eq!(tree.nodes.len(), 6);
        assert_eq!(
            tree.bytes,
            "a".len() + "a/b".len() + "a/b/c".len() + 3 * "a/b/c/1".len()
        );
    }

    #[test]
    fn a_leaf_far_above_is_found_behind_new_directories() {
        let mut tree = Tree::default();
        add(&mut tree, "a/b/leaf", Node::Leaf).unwrap();
        for path in ["a/b/leaf/c", "a/b/leaf/c/d/e/f"] {
            let added = add(&mut tree, path, Node::Leaf);
            assert!(
                matches!(added, Err(ArchiveError::Path(PathFault::Below, _))),
                "{path}: {added:?}"
            );
            // The error ends the archive; another tree shows the next.
            tree = Tree::default();
            add(&mut tree, "a/b/leaf", Node::Leaf).unwrap();
        }
    }
}
