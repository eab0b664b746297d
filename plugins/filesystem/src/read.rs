//! Reading one file whole: bounded, hashed, and only if it held still.

use std::fs::File;
use std::io::Read;
use std::time::SystemTime;

use k1s_manifests::{OpenError, RelPath, Stamp};
use rustix::fs::{Stat, fstat};
use sha2::{Digest as _, Sha256};

use crate::fault::Fault;
use crate::root::Root;
use crate::version::Version;

/// How often a file is read that changes meanwhile.
const TRIES: usize = 3;

/// A file's content and the state it was read in.
#[derive(Debug)]
pub(crate) struct Content {
    pub(crate) bytes: Vec<u8>,
    pub(crate) version: Version,
}

/// Reads the file at `path`; `Ok(None)` if there is none any more.
pub(crate) fn read(root: &Root, path: &RelPath, limit: u64) -> Result<Option<Content>, Fault> {
    for _ in 0..TRIES {
        let (file, before) = match root.open_file(path) {
            Ok(opened) => opened,
            Err(OpenError::Missing) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let now = SystemTime::now();
        if u64::try_from(before.st_size).unwrap_or(u64::MAX) > limit {
            return Err(Fault::TooLarge { limit });
        }
        let bytes = read_bounded(&file, &before, limit)?;
        let after = fstat(&file).map_err(|errno| Fault::Read(errno.into()))?;
        if held_still(&before, &after, bytes.len()) {
            let stamp = Stamp::of(&after).filter(|stamp| stamp.is_settled(now));
            let version = Version {
                stamp,
                hash: Sha256::digest(&bytes).into(),
            };
            return Ok(Some(Content { bytes, version }));
        }
    }
    Err(Fault::Changing)
}

/// Reads to the end, or fails one byte behind the limit: the size of a file in /proc says nothing.
fn read_bounded(file: &File, stat: &Stat, limit: u64) -> Result<Vec<u8>, Fault> {
    let mut bytes = Vec::with_capacity(usize::try_from(stat.st_size).unwrap_or(0));
    file.take(limit.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(Fault::Read)?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > limit {
        Err(Fault::TooLarge { limit })
    } else {
        Ok(bytes)
    }
}

/// Returns whether nothing was written between the two states; the size of files that have none is not compared.
fn held_still(before: &Stat, after: &Stat, read: usize) -> bool {
    let state = |stat: &Stat| {
        (
            stat.st_mtime,
            stat.st_mtime_nsec,
            stat.st_ctime,
            stat.st_ctime_nsec,
            stat.st_size,
        )
    };
    state(before) == state(after) && (after.st_size == 0 || usize::try_from(after.st_size) == Ok(read))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;
    use std::time::Duration;

    use super::*;

    fn path(text: &str) -> RelPath {
        RelPath::new(text).unwrap()
    }

    #[test]
    fn a_file_is_remembered_by_its_stamp_only_when_it_has_settled() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::open(folder.path()).unwrap();
        fs::write(folder.path().join("a.yaml"), "a: 1\n").unwrap();
        let young = read(&root, &path("a.yaml"), 100).unwrap().unwrap();
        assert_eq!(young.bytes, b"a: 1\n");
        assert_eq!(young.version.stamp, None);
        let hash: [u8; 32] = Sha256::digest(b"a: 1\n").into();
        assert_eq!(young.version.hash, hash);

        // An old time of modification is not enough: setting it is itself a change.
        let file = File::options().write(true).open(folder.path().join("a.yaml")).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(60)).unwrap();
        assert_eq!(read(&root, &path("a.yaml"), 100).unwrap().unwrap().version.stamp, None);
    }

    #[test]
    fn a_settled_file_is_remembered_by_its_stamp() {
        // Older than this test, for it had to be there to build it.
        let root = Root::open(Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap();
        let stat = rustix::fs::stat(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")).unwrap();
        let content = read(&root, &path("Cargo.toml"), 1 << 20).unwrap().unwrap();
        assert_eq!(content.version.stamp, Stamp::of(&stat));
        assert!(content.version.stamp.is_some());
    }

    #[test]
    fn a_file_that_is_gone_is_no_fault() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::open(folder.path()).unwrap();
        assert!(read(&root, &path("a.yaml"), 100).unwrap().is_none());
    }

    #[test]
    fn files_beyond_the_limit_are_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::open(folder.path()).unwrap();
        let sparse = File::create(folder.path().join("sparse.yaml")).unwrap();
        sparse.set_len(1 << 40).unwrap();
        assert!(matches!(
            read(&root, &path("sparse.yaml"), 100),
            Err(Fault::TooLarge { limit: 100 })
        ));
        fs::write(folder.path().join("exact.yaml"), [b'#'; 100]).unwrap();
        assert_eq!(read(&root, &path("exact.yaml"), 100).unwrap().unwrap().bytes.len(), 100);
        fs::write(folder.path().join("more.yaml"), [b'#'; 101]).unwrap();
        assert!(matches!(
            read(&root, &path("more.yaml"), 100),
            Err(Fault::TooLarge { limit: 100 })
        ));
    }

    #[test]
    fn a_file_without_a_size_is_bounded_by_what_it_gives() {
        let root = Root::open(Path::new("/proc/self")).unwrap();
        assert!(matches!(
            read(&root, &path("maps"), 16),
            Err(Fault::TooLarge { limit: 16 })
        ));
        let status = read(&root, &path("status"), 1 << 20).unwrap().unwrap();
        assert!(status.bytes.starts_with(b"Name:"));
    }
}
