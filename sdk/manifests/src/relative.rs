//! Paths below a root.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

/// A path below a root: UTF-8, parts joined by `/`, no `.`, no `..`, no leading `/`; empty for the root itself.
///
/// The order is that of the bytes, in which a walk yields files.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RelPath(Arc<str>);

impl RelPath {
    /// Returns the path of the root.
    pub fn root() -> Self {
        Self("".into())
    }

    /// Reads a path; `None` if it is not one below a root.
    pub fn new(text: &str) -> Option<Self> {
        let plain = |part: &str| !matches!(part, "" | "." | "..") && !part.contains('\0');
        (text.is_empty() || text.split('/').all(plain)).then(|| Self(text.into()))
    }

    /// Returns the path of the entry `name` in this directory.
    pub fn join(&self, name: &str) -> Self {
        debug_assert!(!name.contains('/'), "`{name}` is a name");
        if self.is_root() {
            Self(name.into())
        } else {
            Self([&*self.0, "/", name].concat().into())
        }
    }

    /// Returns what follows `directory` in this path, which lies below it.
    pub fn below(&self, directory: &Self) -> &str {
        self.0
            .strip_prefix(&*directory.0)
            .map_or(&*self.0, |rest| rest.strip_prefix('/').unwrap_or(rest))
    }

    /// Returns the directory that this path is in; none for the root.
    pub fn parent(&self) -> Option<Self> {
        if self.is_root() {
            return None;
        }
        Some(Self(self.0.rsplit_once('/').map_or("", |(parent, _)| parent).into()))
    }

    /// Returns the last part; empty for the root.
    pub fn name(&self) -> &str {
        self.0.rsplit_once('/').map_or(&*self.0, |(_, name)| name)
    }

    /// Returns the text; empty for the root.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the path in a form that the `*at` calls take.
    pub fn as_operand(&self) -> &str {
        if self.is_root() { "." } else { &self.0 }
    }

    /// Returns whether this is the root itself.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the parts from the root on; none for the root.
    pub fn parts(&self) -> impl Iterator<Item = &str> {
        self.0.split('/').filter(|part| !part.is_empty())
    }
}

impl Borrow<str> for RelPath {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RelPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_operand())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_below_a_root_are_read() {
        for good in ["", "a", "a/b.yaml", ".hidden/x", "..data/x", "a b"] {
            assert_eq!(RelPath::new(good).unwrap().as_str(), good);
        }
        for bad in ["/", "/a", "a/", "a//b", ".", "./a", "..", "a/../b", "a\0b"] {
            assert_eq!(RelPath::new(bad), None, "{bad}");
        }
        assert_eq!(RelPath::root().join("a").join("b").as_str(), "a/b");
        assert_eq!(RelPath::root().parts().count(), 0);
        let deep = RelPath::new("a/b/c.yaml").unwrap();
        assert_eq!((deep.name(), deep.parent()), ("c.yaml", RelPath::new("a/b")));
        assert_eq!(RelPath::root().join("a").parent(), Some(RelPath::root()));
        assert_eq!((RelPath::root().name(), RelPath::root().parent()), ("", None));
    }
}
