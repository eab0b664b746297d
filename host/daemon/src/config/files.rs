//! Which files a path means, and what they hold.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::finding::{Finding, Place};
use super::node::MAX_FILE_BYTES;

/// Most files that are read of one directory.
pub(super) const MAX_FILES: usize = 1000;
/// How the names of files end that are read of a directory.
const ENDINGS: [&str; 3] = ["yaml", "yml", "json"];

/// A file and its content.
pub(super) struct FileText {
    pub(super) file: Arc<PathBuf>,
    pub(super) text: Arc<[u8]>,
}

/// The files that a `-f` means: itself, or those of the directory in the order of their names.
pub(super) fn meant_by(path: &Path) -> Result<Vec<PathBuf>, Finding> {
    let metadata = fs::metadata(path).map_err(|error| unreadable(path, &error))?;
    if !metadata.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let files = of_directory(path).map_err(|error| unreadable(path, &error))?;
    match files.len() {
        0 => Err(whole(path, format!("the directory has no *.{}", ENDINGS.join(", *.")))),
        1..=MAX_FILES => Ok(files),
        many => Err(whole(
            path,
            format!("the directory has {many} files; at most {MAX_FILES} are read"),
        )),
    }
}

/// The files of a directory that may be configuration, in the order of their names; hidden ones are left out.
pub(super) fn of_directory(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if is_candidate(&path) && path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn is_candidate(path: &Path) -> bool {
    let hidden = path
        .file_name()
        .is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
    let ending = path
        .extension()
        .is_some_and(|ending| ENDINGS.iter().any(|known| ending == *known));
    ending && !hidden
}

/// Reads a file of at most [`MAX_FILE_BYTES`].
pub(super) fn read(path: &Path) -> Result<FileText, Finding> {
    let mut text = Vec::new();
    let limit = MAX_FILE_BYTES as u64 + 1;
    File::open(path)
        .and_then(|file| file.take(limit).read_to_end(&mut text))
        .map_err(|error| unreadable(path, &error))?;
    Ok(FileText {
        file: Arc::new(path.to_owned()),
        text: text.into(),
    })
}

/// A finding about a whole file that the system refuses to show.
pub(super) fn unreadable(path: &Path, error: &io::Error) -> Finding {
    whole(path, format!("cannot be read: {error}"))
}

fn whole(path: &Path, message: String) -> Finding {
    Finding {
        place: Some(Place::whole(&Arc::new(path.to_owned()))),
        message,
    }
}
