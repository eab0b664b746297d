//! What is wanted of an origin, as far as paths alone tell. Pure.
//!
//! An origin asks before it fetches or keeps anything; the rest is decided by `pick` once everything is known
//! that ignore files and charts decide. So what is taken here may still be left out there, and never the reverse.

use std::sync::Arc;

use k1s_getter_address::Subdir;
use k1s_manifests::{CHART, RelPath, Selection};

/// The name of the files that say what a directory leaves out, by the grammar of gitignore.
pub(crate) const IGNORE_FILE: &str = ".sourceignore";

/// What is wanted of an origin.
#[derive(Clone, Debug)]
pub(crate) struct Wish {
    /// The part of it; `None` for all.
    pub(crate) subdir: Option<Subdir>,
    /// Which files of that part.
    pub(crate) files: Files,
    /// The largest file that is taken, in bytes; a larger one is refused, and the others are not.
    pub(crate) file_bytes: u64,
    /// The revision that is taken, where the origin can be asked for one by itself; it is looked at in any case.
    pub(crate) pinned: Option<String>,
}

/// Which files are wanted.
#[derive(Clone, Debug)]
pub(crate) enum Files {
    /// All.
    All,
    /// Manifests.
    Manifests(Arc<Selection>),
}

/// What a directory is to a wish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// Above the part that is wanted.
    Above,
    /// The part, or below it: the rest of the path begins at this byte.
    Within(usize),
    Beside,
}

impl Wish {
    /// Returns whether anything below a directory may be wanted.
    #[must_use]
    pub(crate) fn enters(&self, directory: &RelPath) -> bool {
        match self.standing(directory) {
            Standing::Above => true,
            Standing::Within(at) => self.enters_within(directory.as_str().get(at..).unwrap_or_default()),
            Standing::Beside => false,
        }
    }

    /// Returns whether the file at a path may be wanted, or what is in it decides about others.
    #[must_use]
    pub(crate) fn takes(&self, path: &RelPath) -> bool {
        let Some(directory) = path.parent() else { return false };
        let is_rule = matches!(self.files, Files::Manifests(_)) && path.name() == IGNORE_FILE;
        match self.standing(&directory) {
            Standing::Above => is_rule,
            Standing::Beside => false,
            Standing::Within(at) => {
                let below = directory.as_str().get(at..).unwrap_or_default();
                self.enters_within(below) && (is_rule || self.takes_within(path, below))
            }
        }
    }

    /// Returns whether a directory is what the sub-directory asked for may mean.
    #[must_use]
    pub(crate) fn is_root(&self, directory: &RelPath) -> bool {
        self.subdir
            .as_ref()
            .is_some_and(|subdir| subdir.choose([directory.as_str()]).is_ok())
    }

    fn takes_within(&self, path: &RelPath, below: &str) -> bool {
        match &self.files {
            Files::All => true,
            Files::Manifests(selection) => {
                let name = path.name();
                let relative = if below.is_empty() {
                    name.to_owned()
                } else {
                    format!("{below}/{name}")
                };
                name == CHART || selection.takes_file(&relative)
            }
        }
    }

    /// Returns whether every directory of a path below the part is entered.
    fn enters_within(&self, below: &str) -> bool {
        match &self.files {
            Files::All => true,
            Files::Manifests(selection) => {
                let ends = below.match_indices('/').map(|(at, _)| at).chain([below.len()]);
                ends.filter(|end| *end > 0)
                    .all(|end| below.get(..end).is_some_and(|above| selection.enters(above)))
            }
        }
    }

    fn standing(&self, directory: &RelPath) -> Standing {
        let Some(subdir) = &self.subdir else {
            return Standing::Within(0);
        };
        let depth = subdir.to_string().split('/').count();
        let path = directory.as_str();
        let parts = directory.parts().count();
        if parts < depth {
            return match subdir {
                Subdir::Path(meant) if !(path.is_empty() || meant.starts_with(&format!("{path}/"))) => Standing::Beside,
                Subdir::Path(_) | Subdir::Glob(_) => Standing::Above,
            };
        }
        let end = path
            .match_indices('/')
            .map(|(at, _)| at)
            .nth(depth - 1)
            .unwrap_or(path.len());
        let top = path.get(..end).unwrap_or_default();
        if subdir.choose([top]).is_err() {
            return Standing::Beside;
        }
        Standing::Within((end + 1).min(path.len()))
    }
}

#[cfg(test)]
mod tests {
    use k1s_getter_address::{Address, Policy};
    use k1s_manifests::INCLUDE;
    use k1s_source::OneOrMany;

    use super::*;

    fn wish(address: &str, exclude: &[&str]) -> Wish {
        let many = |texts: &[&str]| OneOrMany::Many(texts.iter().map(|text| (*text).to_owned()).collect());
        let selection = Selection::configured(&many(&INCLUDE), &many(exclude)).unwrap();
        Wish {
            subdir: Address::parse(address, &Policy::default()).unwrap().subdir,
            files: Files::Manifests(Arc::new(selection)),
            file_bytes: 1 << 20,
            pinned: None,
        }
    }

    #[test]
    fn files_of_the_part_are_taken_and_what_decides_about_them() {
        for (address, path, taken) in [
            ("/x", "a.yaml", true),
            ("/x", "a/b.yaml", true),
            ("/x", "a/b.txt", false),
            ("/x", "a/.git/b.yaml", false),
            ("/x", ".sourceignore", true),
            ("/x", "a/Chart.yaml", true),
            ("/x", "vendor/a.yaml", false),
            ("/x//sub/dir", "a.yaml", false),
            ("/x//sub/dir", "sub/a.yaml", false),
            ("/x//sub/dir", "sub/dir/a.yaml", true),
            ("/x//sub/dir", "sub/dir/vendor/a.yaml", false),
            ("/x//sub/dir", "sub/dirt/a.yaml", false),
            ("/x//sub/dir", "sub/.sourceignore", true),
            ("/x//sub/dir", "other/.sourceignore", false),
            ("/x//*/dir", "sub/dir/deep/a.yaml", true),
            ("/x//*/dir", "sub/other/a.yaml", false),
            ("/x//.hidden", ".hidden/a.yaml", true),
        ] {
            let wish = wish(address, &["/vendor/"]);
            assert_eq!(wish.takes(&RelPath::new(path).unwrap()), taken, "{path} of {address}");
        }
    }

    #[test]
    fn directories_on_the_way_are_entered() {
        for (address, path, entered, is_root) in [
            ("/x", "a", true, false),
            ("/x", ".git", false, false),
            ("/x//sub/dir", "sub", true, false),
            ("/x//sub/dir", "su", false, false),
            ("/x//sub/dir", "sub/dir", true, true),
            ("/x//sub/dir", "sub/dir/.git", false, false),
            ("/x//s*/dir", "other", true, false),
            ("/x//s*/dir", "sub/dir", true, true),
            ("/x//s*/dir", "sub/dir/x", true, false),
        ] {
            let (wish, path) = (wish(address, &[]), RelPath::new(path).unwrap());
            assert_eq!(
                (wish.enters(&path), wish.is_root(&path)),
                (entered, is_root),
                "{path} of {address}"
            );
        }
    }
}
