//! The yardstick of an unchanged resync, a bare stat walk; and the walk of the yardstick of a first sync.
//!
//! Both are those of the standard library, on one thread. Entries are asked for relative to their directory, as the
//! filesystem source does.

use std::fs::{self, DirEntry};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use crate::cost::{Cost, Stopwatch, Whose};

/// What a walk found.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Walked {
    /// What it cost.
    pub cost: Cost,
    /// Regular files.
    pub files: u64,
    /// When the last of them was changed, in nanoseconds since 1970.
    pub newest: i64,
}

/// Asks for the state of everything below a directory.
///
/// # Errors
/// When something cannot be listed or asked for.
pub fn stat(root: &Path) -> anyhow::Result<Walked> {
    let watch = Stopwatch::start(Whose::Own)?;
    let (mut files, mut newest) = (0, i64::MIN);
    let mut directories = vec![root.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(&directory).with_context(|| format!("listing {}", directory.display()))? {
            let entry = entry?;
            let state = entry
                .metadata()
                .with_context(|| format!("reading {:?}", entry.path()))?;
            if state.is_dir() {
                directories.push(entry.path());
            } else {
                files += 1;
                newest = newest.max(changed(&state));
            }
        }
    }
    Ok(Walked {
        cost: watch.stop()?,
        files,
        newest,
    })
}

fn changed(state: &fs::Metadata) -> i64 {
    use std::os::unix::fs::MetadataExt as _;
    state.ctime() * 1_000_000_000 + state.ctime_nsec()
}

/// Gives every file below a directory to `found`, by the order of names; stops when `found` says no.
///
/// # Errors
/// When something cannot be listed.
pub fn files(root: &Path, found: &mut impl FnMut(PathBuf) -> bool) -> anyhow::Result<()> {
    let mut levels = vec![entries(root)?.into_iter()];
    while let Some(level) = levels.last_mut() {
        let Some(entry) = level.next() else {
            levels.pop();
            continue;
        };
        if entry.file_type()?.is_dir() {
            levels.push(entries(&entry.path())?.into_iter());
        } else if !found(entry.path()) {
            break;
        }
    }
    Ok(())
}

fn entries(directory: &Path) -> anyhow::Result<Vec<DirEntry>> {
    let listed = fs::read_dir(directory).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let mut entries = listed.with_context(|| format!("listing {}", directory.display()))?;
    entries.sort_by_cached_key(DirEntry::file_name);
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_found_once_and_in_order() {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir_all(directory.path().join("b/c")).unwrap();
        for name in ["d", "b/c/x", "b/a", "a"] {
            fs::write(directory.path().join(name), "").unwrap();
        }
        let mut found = Vec::new();
        files(directory.path(), &mut |path| {
            found.push(path.strip_prefix(directory.path()).unwrap().to_owned());
            true
        })
        .unwrap();
        assert_eq!(found, ["a", "b/a", "b/c/x", "d"].map(PathBuf::from));
        let walked = stat(directory.path()).unwrap();
        assert_eq!(walked.files, 4);
        let newest = fs::metadata(directory.path().join("a")).unwrap();
        assert_eq!(walked.newest, changed(&newest));
    }

    #[test]
    fn a_walk_can_be_left() {
        let directory = tempfile::tempdir().unwrap();
        for name in ["a", "b"] {
            fs::write(directory.path().join(name), "").unwrap();
        }
        let mut count = 0;
        files(directory.path(), &mut |_| {
            count += 1;
            false
        })
        .unwrap();
        assert_eq!(count, 1);
    }
}
