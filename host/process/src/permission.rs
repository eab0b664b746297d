//! Checks before a launch: what is executed must be a program that nobody else can alter.
//!
//! "Others" are judged by permission bits: everyone, or a group that is neither root's nor the caller's private group
//! (the group whose number equals the user's, as `useradd` makes it). Who owns the files is not judged: a path is the
//! user's own word. The path as written and the path it resolves to are both walked up to the root.
//! There is a moment between check and start; a pinned plugin closes it by being run from a private copy.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

const WRITE_GROUP: u32 = 0o020;
const WRITE_EVERYONE: u32 = 0o002;
const STICKY: u32 = 0o1000;
const EXECUTE: u32 = 0o111;

/// Says why a program is not started; each message names the path and the way out.
#[derive(Debug, thiserror::Error)]
pub enum PermissionError {
    /// The path does not begin at the root.
    #[error("plugin {} is not an absolute path; write it out from /", path.display())]
    NotAbsolute {
        /// The path as given.
        path: PathBuf,
    },
    /// The file or a directory above it cannot be looked at.
    #[error("plugin {} cannot be found or read; check the path and the permissions of the directories above it", path.display())]
    Unreachable {
        /// The path that failed.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The path names a directory, a device or a pipe.
    #[error("plugin {} is not a regular file; name the executable itself", path.display())]
    NotAFile {
        /// The path as given.
        path: PathBuf,
    },
    /// The file has no execute bit, or none that applies to this user.
    #[error("plugin {path} is not executable; run `chmod +x {path}`", path = path.display())]
    NotExecutable {
        /// The path as given.
        path: PathBuf,
    },
    /// Other users can alter the file or put another in its place.
    #[error("{path} is writable by others, who could replace plugin {program}; run `chmod go-w {path}` or move the plugin", path = path.display(), program = program.display())]
    WritableByOthers {
        /// The file or directory that others can write to.
        path: PathBuf,
        /// The program that was to be started.
        program: PathBuf,
    },
    /// A file, or a directory above one, cannot be looked at.
    #[error("{} cannot be found or read; check the permissions of the directories above it", path.display())]
    Hidden {
        /// The path that failed.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Other users can alter a file that decides what is started, or put another in its place.
    #[error("{path} is writable by others, who could change which programs are started; run `chmod go-w {path}`", path = path.display())]
    Alterable {
        /// The file or directory that others can write to.
        path: PathBuf,
        /// The file that was to be read.
        file: PathBuf,
    },
}

/// Checks that `program` is an absolute path to a regular, executable file that no other user can alter or replace.
pub fn check_executable(program: &Path) -> Result<(), PermissionError> {
    if !program.is_absolute() {
        return Err(PermissionError::NotAbsolute {
            path: program.to_owned(),
        });
    }
    let unreachable = |path: &Path, source| PermissionError::Unreachable {
        path: path.to_owned(),
        source,
    };
    let resolved = fs::canonicalize(program).map_err(|source| unreachable(program, source))?;
    let metadata = fs::metadata(&resolved).map_err(|source| unreachable(program, source))?;
    if !metadata.is_file() {
        return Err(PermissionError::NotAFile {
            path: program.to_owned(),
        });
    }
    if metadata.mode() & EXECUTE == 0 || !may_execute(&resolved) {
        return Err(PermissionError::NotExecutable {
            path: program.to_owned(),
        });
    }
    match alterable_at(program, &resolved, &metadata)? {
        Some(path) => Err(PermissionError::WritableByOthers {
            path,
            program: program.to_owned(),
        }),
        None => Ok(()),
    }
}

/// Checks that no other user can alter or replace the file `path`, for example one that names programs to start; the
/// path is absolute.
pub fn check_unalterable(path: &Path) -> Result<(), PermissionError> {
    let unreachable = |source| PermissionError::Hidden {
        path: path.to_owned(),
        source,
    };
    let resolved = fs::canonicalize(path).map_err(unreachable)?;
    let metadata = fs::metadata(&resolved).map_err(unreachable)?;
    match alterable_at(path, &resolved, &metadata)? {
        Some(writable) => Err(PermissionError::Alterable {
            path: writable,
            file: path.to_owned(),
        }),
        None => Ok(()),
    }
}

/// Finds the file itself or a directory above it that others can write to, as written and as resolved.
fn alterable_at(written: &Path, resolved: &Path, metadata: &Metadata) -> Result<Option<PathBuf>, PermissionError> {
    if is_writable_by_others(metadata) {
        return Ok(Some(resolved.to_owned()));
    }
    let search = |path| replaceable_directory(path).map_err(|(path, source)| PermissionError::Hidden { path, source });
    match search(resolved)? {
        Some(found) => Ok(Some(found)),
        None => search(written),
    }
}

/// Finds a directory above `path` in which others could replace an entry; a sticky one is fine.
pub(crate) fn replaceable_directory(path: &Path) -> Result<Option<PathBuf>, (PathBuf, io::Error)> {
    for directory in path.ancestors().skip(1) {
        let metadata = fs::metadata(directory).map_err(|source| (directory.to_owned(), source))?;
        if is_writable_by_others(&metadata) && metadata.mode() & STICKY == 0 {
            return Ok(Some(directory.to_owned()));
        }
    }
    Ok(None)
}

/// Tells whether permission bits let another user write.
pub(crate) fn is_writable_by_others(metadata: &Metadata) -> bool {
    let user = rustix::process::geteuid().as_raw();
    let group = rustix::process::getegid().as_raw();
    writable_by_others(metadata.mode(), metadata.gid(), user, group)
}

fn writable_by_others(mode: u32, file_group: u32, user: u32, group: u32) -> bool {
    let group_is_private = file_group == 0 || (file_group == group && group == user);
    mode & WRITE_EVERYONE != 0 || (mode & WRITE_GROUP != 0 && !group_is_private)
}

fn may_execute(path: &Path) -> bool {
    rustix::fs::access(path, rustix::fs::Access::EXEC_OK).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    struct Tree {
        root: tempfile::TempDir,
    }

    impl Tree {
        fn new() -> Self {
            let tree = Self {
                root: tempfile::tempdir().unwrap(),
            };
            fs::create_dir(tree.path("dir")).unwrap();
            fs::write(tree.path("dir/plugin"), "#!/bin/sh\n").unwrap();
            tree.set_mode("dir", 0o755);
            tree.set_mode("dir/plugin", 0o755);
            tree
        }

        fn path(&self, name: &str) -> PathBuf {
            self.root.path().join(name)
        }

        fn set_mode(&self, name: &str, mode: u32) {
            fs::set_permissions(self.path(name), fs::Permissions::from_mode(mode)).unwrap();
        }

        fn check(&self, name: &str) -> Result<(), String> {
            check_executable(&self.path(name)).map_err(|error| error.to_string())
        }
    }

    #[test]
    fn a_private_program_below_a_sticky_directory_is_fine() {
        let tree = Tree::new();
        tree.set_mode("dir", 0o1777);
        assert_eq!(tree.check("dir/plugin"), Ok(()));
    }

    #[test]
    fn what_others_can_write_is_refused_by_name() {
        let tree = Tree::new();
        tree.set_mode("dir/plugin", 0o757);
        let message = tree.check("dir/plugin").unwrap_err();
        let file = tree.path("dir/plugin").display().to_string();
        assert!(message.contains(&format!("chmod go-w {file}")), "{message}");

        tree.set_mode("dir/plugin", 0o755);
        tree.set_mode("dir", 0o777);
        let message = tree.check("dir/plugin").unwrap_err();
        let directory = tree.path("dir").display().to_string();
        assert!(
            message.starts_with(&format!("{directory} is writable by others")),
            "{message}"
        );
    }

    #[test]
    fn a_link_is_judged_where_it_stands_and_where_it_leads() {
        let tree = Tree::new();
        fs::create_dir(tree.path("links")).unwrap();
        symlink(tree.path("dir/plugin"), tree.path("links/plugin")).unwrap();
        tree.set_mode("links", 0o755);
        assert_eq!(tree.check("links/plugin"), Ok(()));
        tree.set_mode("links", 0o777);
        assert!(
            tree.check("links/plugin")
                .unwrap_err()
                .contains("links is writable by others")
        );
        tree.set_mode("links", 0o755);
        tree.set_mode("dir", 0o777);
        assert!(
            tree.check("links/plugin")
                .unwrap_err()
                .contains("dir is writable by others")
        );
    }

    #[test]
    fn a_file_that_names_programs_is_judged_like_them() {
        let tree = Tree::new();
        let check = |tree: &Tree| check_unalterable(&tree.path("dir/plugin")).map_err(|error| error.to_string());
        tree.set_mode("dir/plugin", 0o644);
        assert_eq!(check(&tree), Ok(()));
        tree.set_mode("dir/plugin", 0o646);
        assert!(check(&tree).unwrap_err().contains("plugin is writable by others"));
        tree.set_mode("dir/plugin", 0o644);
        tree.set_mode("dir", 0o777);
        assert!(check(&tree).unwrap_err().contains("dir is writable by others"));
        tree.set_mode("dir", 0o1777);
        assert_eq!(check(&tree), Ok(()));
        assert!(matches!(
            check_unalterable(&tree.path("absent")),
            Err(PermissionError::Hidden { .. })
        ));
    }

    #[test]
    fn what_is_not_a_program_is_refused() {
        let tree = Tree::new();
        assert!(tree.check("dir").unwrap_err().contains("not a regular file"));
        assert!(tree.check("absent").unwrap_err().contains("cannot be found"));
        tree.set_mode("dir/plugin", 0o644);
        assert!(tree.check("dir/plugin").unwrap_err().contains("chmod +x"));
        let relative = check_executable(Path::new("plugin")).unwrap_err();
        assert!(matches!(relative, PermissionError::NotAbsolute { .. }), "{relative}");
    }

    #[test]
    fn groups_count_as_others_unless_private() {
        let (user, group) = (1000, 1000);
        let cases = [
            (0o755, 50, false),
            (0o775, 50, true),
            (0o775, 0, false),
            (0o775, 1000, false),
            (0o777, 1000, true),
            (0o757, 0, true),
        ];
        for (mode, file_group, expected) in cases {
            assert_eq!(
                writable_by_others(mode, file_group, user, group),
                expected,
                "{mode:o} {file_group}"
            );
        }
        assert!(
            writable_by_others(0o775, 100, 1000, 100),
            "a primary group shared by all users is not private"
        );
    }
}
