//! Which part of a tree a walk is about. Pure.

use std::collections::BTreeSet;
use std::ops::Bound;

use k1s_manifests::RelPath;

/// The part of a tree that a walk is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Interest {
    /// All of it.
    Everything,
    /// What lies at these paths, or below them.
    Paths(BTreeSet<RelPath>),
}

impl Interest {
    /// Returns whether `path` is of interest itself.
    pub(crate) fn covers(&self, path: &RelPath) -> bool {
        match self {
            Self::Everything => true,
            Self::Paths(paths) => {
                let text = path.as_str();
                let ends = text.match_indices('/').map(|(end, _)| end).chain([text.len()]);
                paths.contains("") || ends.filter_map(|end| text.get(..end)).any(|part| paths.contains(part))
            }
        }
    }

    /// Returns whether something below `directory` is of interest.
    pub(crate) fn leads_below(&self, directory: &RelPath) -> bool {
        match self {
            Self::Everything => true,
            Self::Paths(paths) if directory.is_root() => !paths.is_empty(),
            Self::Paths(paths) => {
                let below = format!("{directory}/");
                let mut from = paths.range::<str, _>((Bound::Included(below.as_str()), Bound::Unbounded));
                from.next().is_some_and(|path| path.as_str().starts_with(&below))
            }
        }
    }
}

#[cfg(test)]
mod tests {

    use super::*;

    #[test]
    fn a_path_covers_what_is_below_it_and_is_led_to_from_above() {
        let path = |text: &str| RelPath::new(text).unwrap();
        let interest = Interest::Paths([path("a/b"), path("c.yaml")].into());
        for (text, covers, leads) in [
            ("", false, true),
            ("a", false, true),
            ("a/b", true, false),
            ("a/b/c/d.yaml", true, false),
            ("a/b.yaml", false, false),
            ("a/bc", false, false),
            ("a-b", false, false),
            ("c.yaml", true, false),
            ("d", false, false),
        ] {
            assert_eq!(interest.covers(&path(text)), covers, "{text}");
            assert_eq!(interest.leads_below(&path(text)), leads, "{text}");
            assert!(Interest::Everything.covers(&path(text)));
            assert!(Interest::Paths([RelPath::root()].into()).covers(&path(text)));
        }
    }
}
