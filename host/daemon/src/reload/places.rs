//! On which entries of which directories it depends what a path leads to.
//!
//! A path is walked as the system would: each name is an entry of a directory, and a symbolic link leads on from where it
//! stands. An editor that saves by renaming changes the last entry, a volume of a ConfigMap that is updated the link
//! `..data` in the middle, and a directory that is made only later its own entry; all of them are noticed by watching the
//! directories of the walk.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ffi::{OsStr, OsString};
use std::path::{Component, Path, PathBuf};

/// Most links that are followed on one way, as many as Linux follows.
const MAX_LINKS: usize = 40;

/// Which entries of a directory matter.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Interest {
    Names(BTreeSet<OsString>),
    All,
}

/// Entries of directories.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Places {
    interest_by_directory: BTreeMap<PathBuf, Interest>,
}

impl Places {
    /// Walks to each of some absolute paths; of those that are directories, every entry matters.
    pub(super) fn of(paths: impl IntoIterator<Item = PathBuf>) -> Self {
        let mut places = Self::default();
        for path in paths {
            places.walk(&path);
        }
        places
    }

    /// The directories to watch.
    pub(super) fn directories(&self) -> impl Iterator<Item = &Path> {
        self.interest_by_directory.keys().map(PathBuf::as_path)
    }

    /// Whether any of some paths is one of the entries.
    pub(super) fn concern(&self, paths: &[PathBuf]) -> bool {
        paths.iter().any(|path| {
            let (Some(directory), Some(name)) = (path.parent(), path.file_name()) else {
                return false;
            };
            match self.interest_by_directory.get(directory) {
                Some(Interest::All) => true,
                Some(Interest::Names(names)) => names.contains(name),
                None => false,
            }
        })
    }

    fn walk(&mut self, path: &Path) {
        let (mut at, mut links) = (PathBuf::new(), 0);
        let mut rest: VecDeque<PathBuf> = steps(path);
        while let Some(step) = rest.pop_front() {
            match step.components().next() {
                Some(Component::Normal(name)) => {
                    self.add(&at, name);
                    at.push(name);
                }
                Some(Component::ParentDir) => {
                    at.pop();
                    continue;
                }
                Some(Component::RootDir | Component::Prefix(_)) => {
                    at = step;
                    continue;
                }
                Some(Component::CurDir) | None => continue,
            }
            let Ok(metadata) = std::fs::symlink_metadata(&at) else {
                return;
            };
            if !metadata.is_symlink() {
                continue;
            }
            links += 1;
            let Ok(target) = std::fs::read_link(&at) else { return };
            if links > MAX_LINKS {
                return;
            }
            at.pop();
            for step in steps(&target).into_iter().rev() {
                rest.push_front(step);
            }
        }
        if at.is_dir() {
            self.interest_by_directory.insert(at, Interest::All);
        }
    }

    fn add(&mut self, directory: &Path, name: &OsStr) {
        let none = || Interest::Names(BTreeSet::new());
        match self
            .interest_by_directory
            .entry(directory.to_owned())
            .or_insert_with(none)
        {
            Interest::Names(names) => drop(names.insert(name.to_owned())),
            Interest::All => {}
        }
    }
}

fn steps(path: &Path) -> VecDeque<PathBuf> {
    path.components().map(|step| PathBuf::from(step.as_os_str())).collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// A directory by its real name.
    fn real(directory: &tempfile::TempDir) -> PathBuf {
        std::fs::canonicalize(directory.path()).expect("there")
    }

    #[test]
    fn a_file_its_links_and_its_directories_matter_and_nothing_else() {
        let directory = tempfile::tempdir().expect("a directory");
        let root = real(&directory);
        // As the volume of a ConfigMap is laid out.
        std::fs::create_dir_all(root.join("volume/..one")).expect("made");
        std::fs::write(root.join("volume/..one/sync.yaml"), "").expect("written");
        symlink("..one", root.join("volume/..data")).expect("linked");
        symlink("..data/sync.yaml", root.join("volume/sync.yaml")).expect("linked");
        symlink("volume", root.join("link")).expect("linked");
        let places = Places::of([root.join("link/./sync.yaml")]);
        for (path, expected) in [
            ("link", true),
            ("volume", true),
            ("volume/sync.yaml", true),
            ("volume/..data", true),
            ("volume/..one", true),
            ("volume/..one/sync.yaml", true),
            ("volume/other", false),
            ("other", false),
            ("link/sync.yaml", false),
        ] {
            assert_eq!(places.concern(&[root.join(path)]), expected, "{path}");
        }
    }

    #[test]
    fn everything_in_a_directory_matters_and_so_does_one_that_is_made_later() {
        let directory = tempfile::tempdir().expect("a directory");
        let root = real(&directory);
        let late = root.join("conf.d/more");
        let places = Places::of([late.clone()]);
        assert!(places.concern(&[root.join("conf.d")]));
        assert!(!places.concern(&[late.join("a.yaml")]));
        std::fs::create_dir_all(&late).expect("made");
        let places = Places::of([late.clone()]);
        assert!(places.concern(&[late.join("a.yaml")]));
        assert!(places.concern(&[root.join("conf.d/more")]));
        assert!(!places.concern(&[root.join("conf.d/other")]));
    }

    #[test]
    fn links_in_a_circle_end() {
        let directory = tempfile::tempdir().expect("a directory");
        let root = real(&directory);
        symlink("b", root.join("a")).expect("linked");
        symlink("a", root.join("b")).expect("linked");
        let places = Places::of([root.join("a")]);
        assert!(places.concern(&[root.join("a")]) && places.concern(&[root.join("b")]));
    }
}
