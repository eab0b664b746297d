//! Small files that only their owner may read, replaced whole or not at all.

use std::fs::{File, Permissions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// Longest file that is read, in bytes; a longer one is refused unread.
const MAX_FILE: u64 = 64 * 1024;

/// The rights of the group and of others.
const OTHERS: u32 = 0o077;

/// The rights of a file that is written.
const OWNER_ONLY: u32 = 0o600;

/// Why a file could not be read or written.
#[derive(Debug, Error)]
pub enum FileError {
    /// The system refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// It is longer than anything that was written here.
    #[error("{}: longer than {MAX_FILE} bytes", path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
    },
    /// It is not text.
    #[error("{}: not UTF-8 text", path.display())]
    NotText {
        /// The file.
        path: PathBuf,
    },
    /// Others than its owner have rights to it.
    #[error(
        "{}: mode {mode:04o} lets others in; if nobody has read it, run chmod go= on it, else delete it",
        path.display()
    )]
    TooOpen {
        /// The file or directory.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
}

impl FileError {
    pub(super) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, source }
    }
}

/// Reads a file that only its owner may read; none when it does not exist.
pub(super) fn read(path: &Path) -> Result<Option<String>, FileError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(FileError::io(path)(source)),
    };
    refuse_others(&file, path)?;
    let mut bytes = Vec::new();
    let mut bounded = file.take(MAX_FILE + 1);
    bounded.read_to_end(&mut bytes).map_err(FileError::io(path))?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > MAX_FILE {
        return Err(FileError::TooLong { path: path.to_owned() });
    }
    let text = String::from_utf8(bytes).map_err(|_| FileError::NotText { path: path.to_owned() })?;
    Ok(Some(text))
}

/// Replaces a file: a reader sees the old contents or the new, also after a crash. What a killed process leaves
/// behind begins with a dot and is never read.
pub(super) fn write(path: &Path, contents: &str) -> Result<(), FileError> {
    let directory = path.parent().unwrap_or(Path::new("."));
    let mut unfinished = tempfile::Builder::new()
        .prefix(".unfinished-")
        .permissions(Permissions::from_mode(OWNER_ONLY))
        .tempfile_in(directory)
        .map_err(FileError::io(directory))?;
    let filled = unfinished.write_all(contents.as_bytes());
    filled
        .and_then(|()| unfinished.as_file().sync_all())
        .map_err(FileError::io(unfinished.path()))?;
    unfinished
        .persist(path)
        .map_err(|refused| FileError::io(path)(refused.error))?;
    sync_directory(directory)
}

/// Makes renames in a directory durable.
pub(super) fn sync_directory(directory: &Path) -> Result<(), FileError> {
    File::open(directory)
        .and_then(|opened| opened.sync_all())
        .map_err(FileError::io(directory))
}

/// Refuses a file or directory that others than its owner have rights to.
pub(super) fn refuse_others(file: &File, path: &Path) -> Result<(), FileError> {
    let metadata = file.metadata().map_err(FileError::io(path))?;
    let mode = metadata.permissions().mode() & 0o7777;
    if mode & OTHERS == 0 {
        Ok(())
    } else {
        Err(FileError::TooOpen {
            path: path.to_owned(),
            mode,
        })
    }
}
