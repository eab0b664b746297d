//! Whether a repository on this machine is all at its place: libgit2 follows what names other places, and waits for pipes.

use std::fs::{self, File, FileType, Metadata};
use std::io::{self, Read as _};
use std::path::Path;

use crate::limits::{Limit, Limits};
use crate::local::LocalError;

/// Files by which a repository says that part of it is elsewhere.
const POINTERS: [&str; 3] = ["commondir", "gitdir", "objects/info/alternates"];
/// Indexes of several packs, whose word for where an object is counts more than that of the packs' own.
const INDEXES: [&str; 2] = ["objects/pack/multi-pack-index", "objects/pack/multi-pack-index.d"];
/// Its files that are read, which need not all be there.
const FILES: [&str; 5] = ["HEAD", CONFIGURATIONS[0], CONFIGURATIONS[1], "packed-refs", "shallow"];
const CONFIGURATIONS: [&str; 2] = ["config", "config.worktree"];
/// Its directories, of which no part may be elsewhere.
const DIRECTORIES: [&str; 2] = ["objects", "refs"];
/// The longest configuration that is read, in bytes.
const CONFIGURATION_BYTES: u64 = 1 << 20;
/// How a configuration names another, without spaces and in small letters; `[includeIf` begins so, too.
const INCLUDE: &str = "[include";
/// How deep directories may lie in one another: names of references have no more parts.
const DEPTH: usize = 64;

/// Makes sure that a repository names no other place, by none of its files, directories and links.
pub(crate) fn check(directory: &Path, limits: &Limits) -> Result<(), LocalError> {
    let elsewhere = |name: &str| LocalError::Elsewhere(directory.join(name));
    for name in POINTERS {
        if look(&directory.join(name))?.is_some() {
            return Err(match name {
                "commondir" | "gitdir" => elsewhere(name),
                _ => LocalError::Alternates(directory.join(name)),
            });
        }
    }
    for name in INDEXES {
        let path = directory.join(name);
        if look(&path)?.is_some() {
            return Err(LocalError::Indexed(path));
        }
    }
    for name in FILES {
        if look(&directory.join(name))?.is_some_and(|found| !found.is_file()) {
            return Err(elsewhere(name));
        }
    }
    for name in CONFIGURATIONS {
        if includes(&directory.join(name))? {
            return Err(LocalError::Included(directory.join(name)));
        }
    }
    let mut walk = Walk {
        left: limits.objects,
        limits,
    };
    for name in DIRECTORIES {
        let path = directory.join(name);
        match look(&path)? {
            Some(found) if found.is_dir() => walk.below(&path, DEPTH)?,
            Some(_) => return Err(LocalError::Elsewhere(path)),
            None => {}
        }
    }
    Ok(())
}

/// What is still looked at.
struct Walk<'l> {
    left: u32,
    limits: &'l Limits,
}

impl Walk<'_> {
    /// Makes sure that there are only directories and files below a directory. What is removed meanwhile, as git does when it packs,
    /// is not there.
    fn below(&mut self, directory: &Path, depth: usize) -> Result<(), LocalError> {
        let unreadable = |source| LocalError::Unreadable {
            path: directory.to_owned(),
            source,
        };
        let Some(entries) = there(fs::read_dir(directory)).map_err(unreadable)? else {
            return Ok(());
        };
        for entry in entries {
            let Some(entry) = there(entry).map_err(unreadable)? else {
                return Ok(());
            };
            let left = self.left.checked_sub(1);
            self.left = left.ok_or(LocalError::Limit(Limit::Objects(self.limits.objects)))?;
            let kind: Option<FileType> = there(entry.file_type()).map_err(unreadable)?;
            let Some(kind) = kind else { continue };
            let Some(left) = depth.checked_sub(1).filter(|_| kind.is_dir() || kind.is_file()) else {
                return Err(LocalError::Elsewhere(entry.path()));
            };
            if kind.is_dir() {
                self.below(&entry.path(), left)?;
            }
        }
        Ok(())
    }
}

/// Tells apart what is not there any more.
fn there<T>(looked: io::Result<T>) -> io::Result<Option<T>> {
    match looked {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Tells whether a configuration names another, or is too long to tell.
fn includes(path: &Path) -> Result<bool, LocalError> {
    let unreadable = |source| LocalError::Unreadable {
        path: path.to_owned(),
        source,
    };
    let Some(file) = there(File::open(path)).map_err(unreadable)? else {
        return Ok(false);
    };
    let mut bytes = Vec::new();
    file.take(CONFIGURATION_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    let is_long = bytes.len() as u64 > CONFIGURATION_BYTES;
    bytes.retain(|byte| !byte.is_ascii_whitespace());
    bytes.make_ascii_lowercase();
    let mut places = bytes.windows(INCLUDE.len());
    Ok(is_long || places.any(|place| place == INCLUDE.as_bytes()))
}

fn look(path: &Path) -> Result<Option<Metadata>, LocalError> {
    match fs::symlink_metadata(path) {
        Ok(found) => Ok(Some(found)),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
        Err(source) => Err(LocalError::Unreadable {
            path: path.to_owned(),
            source,
        }),
    }
}
