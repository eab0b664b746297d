//! The lock file: which revision an address has to be at.
//!
//! It is JSON that is kept with the configuration: addresses without their secrets, and the revision that each had when it was
//! locked: a commit, the digest of an artifact, or the hash of a file. A source only reads it, with every look; `k1s-sync-getter
//! lock` writes it.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tempfile::NamedTempFile;

use crate::kept::hexadecimal;
use crate::target::Target;

/// The format; another is not read.
const VERSION: u32 = 1;
/// The longest file that is read, in bytes: 4 MiB.
const LOCK_BYTES: u64 = 4 << 20;
/// Digits that tell the queries of one address apart.
const QUERY_DIGITS: usize = 16;

/// What a lock file says.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Lock {
    version: u32,
    /// By address.
    revisions: BTreeMap<String, String>,
}

/// A lock file cannot be used, or does not let something be taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LockError {
    /// It cannot be read or written.
    #[error("the lock file {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// It is none.
    #[error("the lock file {} cannot be understood: {source}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// It is of another format, or too long.
    #[error("the lock file {} is not of version {VERSION}, or longer than {LOCK_BYTES} bytes", .0.display())]
    Foreign(PathBuf),
    /// It has no such address.
    #[error("the lock file {} does not have it; {}", path.display(), way_out(path))]
    Absent {
        /// The file.
        path: PathBuf,
    },
    /// It says another revision.
    #[error("it is at {found}, and the lock file {} says {locked}; if that is meant, {}", path.display(), way_out(path))]
    Moved {
        /// The file.
        path: PathBuf,
        /// What it says.
        locked: String,
        /// What is there.
        found: String,
    },
}

fn way_out(path: &Path) -> String {
    format!("run `k1s-sync-getter lock {} ADDRESS`", path.display())
}

/// A lock file that holds for an address.
#[derive(Clone, Debug)]
pub(crate) struct Locked {
    path: PathBuf,
    key: String,
}

impl Default for Lock {
    fn default() -> Self {
        Self {
            version: VERSION,
            revisions: BTreeMap::new(),
        }
    }
}

impl Lock {
    /// Reads a lock file.
    ///
    /// # Errors
    /// Fails if it cannot be read, or is none.
    pub(crate) fn read(path: &Path) -> Result<Self, LockError> {
        let fault = |source| LockError::Io {
            path: path.to_owned(),
            source,
        };
        let mut text = Vec::new();
        let file = File::open(path).map_err(fault)?;
        let read = file.take(LOCK_BYTES + 1).read_to_end(&mut text).map_err(fault)?;
        if u64::try_from(read).unwrap_or(u64::MAX) > LOCK_BYTES {
            return Err(LockError::Foreign(path.to_owned()));
        }
        let lock: Self = serde_json::from_slice(&text).map_err(|source| LockError::Malformed {
            path: path.to_owned(),
            source,
        })?;
        if lock.version != VERSION {
            return Err(LockError::Foreign(path.to_owned()));
        }
        Ok(lock)
    }

    /// Reads a lock file; one that is not there has nothing.
    ///
    /// # Errors
    /// As [`Lock::read`].
    pub(crate) fn read_if_there(path: &Path) -> Result<Self, LockError> {
        match Self::read(path) {
            Err(LockError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            read => read,
        }
    }

    /// Notes the revision of an address, and returns the one that was noted.
    pub(crate) fn note(&mut self, target: &Target, revision: String) -> Option<String> {
        self.revisions.insert(key(target), revision)
    }

    /// Writes the file, which takes its place in one step.
    ///
    /// # Errors
    /// Fails if the system refuses.
    pub(crate) fn write(&self, path: &Path) -> Result<(), LockError> {
        let fault = |source| LockError::Io {
            path: path.to_owned(),
            source,
        };
        let mut text = serde_json::to_string_pretty(self).map_err(|error| fault(error.into()))?;
        text.push('\n');
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let mut file = NamedTempFile::new_in(parent.unwrap_or(Path::new("."))).map_err(fault)?;
        file.write_all(text.as_bytes()).map_err(fault)?;
        file.as_file().sync_all().map_err(fault)?;
        // It is as anybody may read as the last; one that is new as any that is kept with a configuration.
        let mode = fs::metadata(path).map(|last| last.permissions());
        let mode = mode.unwrap_or_else(|_new| std::os::unix::fs::PermissionsExt::from_mode(0o644));
        file.as_file().set_permissions(mode).map_err(fault)?;
        file.persist(path).map_err(|error| fault(error.error))?;
        Ok(())
    }
}

impl Locked {
    /// Has the file at `path` hold for an address.
    #[must_use]
    pub(crate) fn new(path: &Path, target: &Target) -> Self {
        Self {
            path: path.to_owned(),
            key: key(target),
        }
    }

    /// Returns the revision that the address has to be at.
    ///
    /// # Errors
    /// Fails if the file cannot be read, or does not have the address.
    pub(crate) fn revision(&self) -> Result<String, LockError> {
        let mut lock = Lock::read(&self.path)?;
        let revision = lock.revisions.remove(&self.key);
        revision.ok_or_else(|| LockError::Absent {
            path: self.path.clone(),
        })
    }

    /// Makes sure that the address is at its revision.
    ///
    /// # Errors
    /// Fails if it is at another.
    pub(crate) fn check(&self, locked: &str, found: &str) -> Result<(), LockError> {
        if locked == found {
            return Ok(());
        }
        Err(LockError::Moved {
            path: self.path.clone(),
            locked: locked.to_owned(),
            found: found.to_owned(),
        })
    }
}

/// Returns what an address is called in a lock file: its text without secrets, and a little of the hash of a query.
fn key(target: &Target) -> String {
    let query = target.query();
    if query.is_empty() {
        return target.shown();
    }
    let mut hash = hexadecimal(&Sha256::digest(query));
    hash.truncate(QUERY_DIGITS);
    format!("{} {hash}", target.shown())
}

#[cfg(test)]
mod tests {
    use k1s_getter_address::{Address, Policy};

    use super::*;

    fn target(address: &str) -> Target {
        Target::new(Address::parse(address, &Policy::default()).unwrap())
    }

    #[test]
    fn what_is_noted_is_read_and_anything_else_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("getter.lock");
        let (one, other) = (
            target("git::https://h.org/r.git?ref=main"),
            target("https://h.org/a.yaml"),
        );
        let locked = |target: &Target| Locked::new(&path, target);
        assert!(matches!(locked(&one).revision(), Err(LockError::Io { .. })));
        let mut lock = Lock::read_if_there(&path).unwrap();
        assert_eq!(lock.note(&one, "1".to_owned()), None);
        lock.write(&path).unwrap();
        assert_eq!(locked(&one).revision().unwrap(), "1");
        assert!(matches!(locked(&other).revision(), Err(LockError::Absent { .. })));
        let moved = locked(&one).check("1", "2").unwrap_err();
        assert!(moved.to_string().contains("it is at 2") && moved.to_string().contains("k1s-sync-getter lock"));
        assert!(locked(&one).check("1", "1").is_ok());
        for text in ["", "{", r#"{"version": 2, "revisions": {}}"#, r#"{"version": 1}"#] {
            fs::write(&path, text).unwrap();
            assert!(Lock::read_if_there(&path).is_err(), "{text}");
        }
    }

    #[test]
    fn s01_nothing_secret_is_in_it_and_queries_differ() {
        let key = |query: &str| key(&target(&format!("https://canary:canary@h.org/raw?{query}")));
        let new = key("file=canary&token=canary");
        assert!(!new.contains("canary"), "{new}");
        assert_ne!(new, key("file=old&token=canary"));
        assert_eq!(new, key("file=canary&token=other"));
    }
}
