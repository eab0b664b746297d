//! Folders and archives to fetch, and the program run on them.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tar::{EntryType, Header};
use tempfile::TempDir;

/// A directory in which to fetch.
pub(crate) struct Room {
    directory: TempDir,
}

impl Room {
    pub(crate) fn new() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Writes a file, with the directories above it.
    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        path
    }

    /// Runs the program in the room.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_k1s-sync-getter"));
        command.args(arguments).current_dir(self.directory.path());
        command.output().unwrap()
    }

    /// Fetches into `out`; a relative address begins in the room.
    pub(crate) fn fetch(&self, source: &str) -> Output {
        self.run(&["fetch", "--allow=file", source, "out"])
    }

    /// Fetches, and returns what came.
    pub(crate) fn fetched(&self, source: &str) -> BTreeMap<String, String> {
        let output = self.fetch(source);
        assert!(output.status.success(), "{source}: {}", said(&output));
        files(&self.path("out"))
    }

    /// Fetches what must be refused, and returns what was said. Nothing may be left of it.
    pub(crate) fn refused(&self, source: &str) -> String {
        let before = names(self.directory.path());
        let output = self.fetch(source);
        assert_eq!(output.status.code(), Some(2), "{source}: {}", said(&output));
        assert_eq!(names(self.directory.path()), before, "{source} left something");
        said(&output)
    }
}

pub(crate) fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout)
}

fn names(directory: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

/// The files below a directory, by their paths.
pub(crate) fn files(top: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut directories = vec![top.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let kind = fs::symlink_metadata(&path).unwrap().file_type();
            if kind.is_dir() {
                directories.push(path);
            } else {
                assert!(kind.is_file(), "{} is no file", path.display());
                let name = path.strip_prefix(top).unwrap().to_string_lossy().into_owned();
                found.insert(name, fs::read_to_string(path).unwrap());
            }
        }
    }
    found
}

/// One entry of a tar archive; `path` and `target` go into its header as they are.
pub(crate) fn entry(kind: EntryType, path: &str, target: &str, content: &str) -> Vec<u8> {
    let mut header = Header::new_ustar();
    header.set_entry_type(kind);
    header.set_mode(0o644);
    header.set_size(content.len() as u64);
    let old = header.as_old_mut();
    old.name[..path.len()].copy_from_slice(path.as_bytes());
    old.linkname[..target.len()].copy_from_slice(target.as_bytes());
    header.set_cksum();
    let mut bytes = header.as_bytes().to_vec();
    bytes.extend_from_slice(content.as_bytes());
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    bytes
}

pub(crate) fn file(path: &str, content: &str) -> Vec<u8> {
    entry(EntryType::Regular, path, "", content)
}

/// Joins entries to an archive.
pub(crate) fn tar(entries: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = entries.concat();
    bytes.extend_from_slice(&[0; 1024]);
    bytes
}

pub(crate) fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    writer.write_all(bytes).unwrap();
    writer.finish().unwrap()
}

/// The files that are expected, by their paths.
pub(crate) fn expected(files: &[(&str, &str)]) -> BTreeMap<String, String> {
    let owned = |(path, text): &(&str, &str)| ((*path).to_owned(), (*text).to_owned());
    files.iter().map(owned).collect()
}
