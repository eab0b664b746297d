//! What a tree has, by its objects alone.

use std::collections::BTreeSet;

use git2::ObjectType;

use crate::id::ObjectId;
use crate::limits::Limit;
use crate::name::{self, NameFault};
use crate::objects::{ObjectError, Objects, malformed, named};

/// The part of a mode that says what kind of entry it is, and the kinds.
const KIND: i32 = 0o170_000;
const DIRECTORY: i32 = 0o040_000;
const FILE: i32 = 0o100_000;
const LINK: i32 = 0o120_000;
const SUBMODULE: i32 = 0o160_000;

/// An entry of a tree that is no directory.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// Where it is, below the tree that was listed; of one that is refused, as far as it can be shown.
    pub path: String,
    /// What it names: the bytes of a file, the text of a link, the commit of a submodule.
    pub id: ObjectId,
    /// What it is.
    pub kind: Kind,
}

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A file.
    File,
    /// A file that can be executed.
    Executable,
    /// A symbolic link, which is not followed.
    Link,
    /// A submodule, which is not entered.
    Submodule,
    /// Something that is not used; if it is a directory, then with all that is in it.
    Refused(PathFault),
}

/// What is found at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// A directory.
    Tree(ObjectId),
    /// Something else.
    Entry(Entry),
}

/// Why an entry, or a path, is not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum PathFault {
    /// A name.
    #[error("has a name that {0}")]
    Name(NameFault),
    /// A mode that nothing has.
    #[error("has the mode {0:o}, which means nothing")]
    Mode(i32),
}

/// A tree cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum TreeError {
    /// An object of it cannot be read.
    #[error("{0}")]
    Object(#[from] ObjectError),
    /// It is more than a limit.
    #[error("the tree is refused at the limit {0}")]
    Limit(Limit),
    /// A path is none that a tree can have.
    #[error("the path {path:?} {fault}")]
    Path {
        /// The path.
        path: String,
        /// Why.
        fault: PathFault,
    },
    /// There is nothing.
    #[error("there is no {0:?}")]
    Absent(String),
    /// A path leads through something that is no directory: a link, a submodule, a file.
    #[error("{0:?} is no directory, and links and submodules are not followed")]
    Through(String),
}

/// An entry as it stands in its tree.
struct Member {
    name: Vec<u8>,
    id: ObjectId,
    mode: i32,
}

impl Objects {
    /// Returns what is at a path of a tree; the empty path is the tree itself.
    ///
    /// # Errors
    /// Fails if there is nothing, or the path leads through anything but directories.
    pub fn find(&self, tree: &ObjectId, path: &str) -> Result<Found, TreeError> {
        let mut found = Found::Tree(*tree);
        if path.is_empty() {
            return Ok(found);
        }
        let mut walked = String::new();
        for part in path.split('/') {
            name::entry(part.as_bytes()).map_err(|fault| TreeError::Path {
                path: path.to_owned(),
                fault: PathFault::Name(fault),
            })?;
            let Found::Tree(tree) = found else {
                return Err(TreeError::Through(walked));
            };
            walked = below(&walked, part);
            let mut members = self.members(&tree)?.into_iter();
            let member = members.find(|member| member.name == part.as_bytes());
            let member = member.ok_or_else(|| TreeError::Absent(walked.clone()))?;
            found = member.found(walked.clone());
        }
        Ok(found)
    }

    /// Returns all that a tree has but directories, sorted by path.
    ///
    /// # Errors
    /// Fails if a tree below is not there or damaged, or there is more than the limits allow.
    pub fn list(&self, tree: &ObjectId) -> Result<Vec<Entry>, TreeError> {
        let mut entries = self.walk(tree)?;
        entries.sort();
        Ok(entries)
    }

    /// Returns all trees below one, itself included, and adds what they have besides them to `files`. Each is read once, however
    /// often it is named.
    pub(crate) fn trees(
        &self,
        tree: &ObjectId,
        files: &mut BTreeSet<ObjectId>,
    ) -> Result<BTreeSet<ObjectId>, TreeError> {
        let mut trees = BTreeSet::from([*tree]);
        let mut open = vec![*tree];
        let mut counted = 0;
        while let Some(tree) = open.pop() {
            let members = self.members(&tree)?;
            self.count(&mut counted, members.len())?;
            for member in members {
                match member.mode & KIND {
                    DIRECTORY if name::entry(&member.name).is_err() => {}
                    DIRECTORY => open.extend(trees.insert(member.id).then_some(member.id)),
                    FILE | LINK => files.extend([member.id]),
                    _ => {}
                }
            }
        }
        Ok(trees)
    }

    fn walk(&self, tree: &ObjectId) -> Result<Vec<Entry>, TreeError> {
        let mut entries = Vec::new();
        let (mut counted, mut list_bytes) = (0, 0);
        let mut open = vec![(String::new(), *tree, 0)];
        while let Some((path, tree, depth)) = open.pop() {
            if depth >= self.limits.path_depth {
                return Err(TreeError::Limit(Limit::PathDepth(self.limits.path_depth)));
            }
            let members = self.members(&tree)?;
            self.count(&mut counted, members.len())?;
            let mut names = BTreeSet::new();
            for member in &members {
                let checked = name::entry(&member.name).and_then(|name| {
                    if names.insert(name) {
                        Ok(name)
                    } else {
                        Err(NameFault::Twice)
                    }
                });
                let name = String::from_utf8_lossy(&member.name);
                let path = self.measured(below(&path, &name), &mut list_bytes)?;
                match checked.map(|_| member.mode & KIND) {
                    Ok(DIRECTORY) => open.push((path, member.id, depth + 1)),
                    Ok(_) => entries.push(member.entry(path)),
                    Err(fault) => entries.push(Entry {
                        path,
                        id: member.id,
                        kind: Kind::Refused(PathFault::Name(fault)),
                    }),
                }
            }
        }
        Ok(entries)
    }

    /// Counts entries.
    fn count(&self, counted: &mut usize, more: usize) -> Result<(), TreeError> {
        *counted += more;
        if *counted > self.limits.entries {
            return Err(TreeError::Limit(Limit::Entries(self.limits.entries)));
        }
        Ok(())
    }

    /// Counts the bytes of a path.
    fn measured(&self, path: String, list_bytes: &mut usize) -> Result<String, TreeError> {
        *list_bytes += path.len();
        if path.len() > self.limits.path_bytes {
            return Err(TreeError::Limit(Limit::PathBytes(self.limits.path_bytes)));
        }
        if *list_bytes > self.limits.list_bytes {
            return Err(TreeError::Limit(Limit::ListBytes(self.limits.list_bytes)));
        }
        Ok(path)
    }

    fn members(&self, id: &ObjectId) -> Result<Vec<Member>, TreeError> {
        // Read first, so that damage of the disk is told from what a server sent.
        self.bytes(id, ObjectType::Tree)?;
        let tree = self.repository().find_tree(named(id)?);
        let tree = tree.map_err(|source| malformed(id, source))?;
        if tree.len() > self.limits.entries {
            return Err(TreeError::Limit(Limit::Entries(self.limits.entries)));
        }
        let members = tree.iter().map(|entry| {
            Ok(Member {
                name: entry.name_bytes().to_vec(),
                id: ObjectId::from_bytes(entry.id().as_bytes()).ok_or(ObjectError::Missing(*id))?,
                mode: entry.filemode_raw(),
            })
        });
        members.collect()
    }
}

impl Member {
    fn found(&self, path: String) -> Found {
        match self.mode & KIND {
            DIRECTORY => Found::Tree(self.id),
            _ => Found::Entry(self.entry(path)),
        }
    }

    /// Returns what it is, which is no directory.
    fn entry(&self, path: String) -> Entry {
        let kind = match self.mode & KIND {
            FILE if self.mode & 0o111 == 0 => Kind::File,
            FILE => Kind::Executable,
            LINK => Kind::Link,
            SUBMODULE => Kind::Submodule,
            _ => Kind::Refused(PathFault::Mode(self.mode)),
        };
        Entry {
            path,
            id: self.id,
            kind,
        }
    }
}

fn below(directory: &str, name: &str) -> String {
    if directory.is_empty() {
        name.to_owned()
    } else {
        format!("{directory}/{name}")
    }
}
