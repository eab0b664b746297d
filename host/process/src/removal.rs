//! Removes a directory tree that a plugin has written, however it has set the permissions in it.
//!
//! Go's module cache, for one, is read-only, so that a plain removal fails.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// Removes `root` and all below it, taking permissions back where they are in the way; symbolic links are not followed.
pub(crate) fn remove_tree(root: &Path) -> io::Result<()> {
    match fs::remove_dir_all(root) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            take_back(root)?;
            fs::remove_dir_all(root)
        }
        done => done,
    }
}

fn take_back(root: &Path) -> io::Result<()> {
    let mut directories: Vec<PathBuf> = vec![root.to_owned()];
    while let Some(directory) = directories.pop() {
        fs::set_permissions(&directory, Permissions::from_mode(0o700))?;
        for entry in fs::read_dir(directory)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                directories.push(entry.path());
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closed_directories_are_opened_and_links_left_alone() {
        let home = tempfile::tempdir().unwrap();
        let mode = |name: &str| fs::metadata(home.path().join(name)).unwrap().permissions().mode() & 0o777;
        fs::create_dir_all(home.path().join("tree/a/b")).unwrap();
        fs::create_dir(home.path().join("elsewhere")).unwrap();
        std::os::unix::fs::symlink(home.path().join("elsewhere"), home.path().join("tree/a/link")).unwrap();
        for name in ["elsewhere", "tree/a/b", "tree/a", "tree"] {
            fs::set_permissions(home.path().join(name), Permissions::from_mode(0o500)).unwrap();
        }
        take_back(&home.path().join("tree")).unwrap();
        assert_eq!((mode("tree"), mode("tree/a"), mode("tree/a/b")), (0o700, 0o700, 0o700));
        assert_eq!(mode("elsewhere"), 0o500);
        remove_tree(&home.path().join("tree")).unwrap();
        assert!(home.path().join("elsewhere").exists() && !home.path().join("tree").exists());
    }
}
