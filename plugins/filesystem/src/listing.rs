//! The entries of one directory that matter, sorted.
//!
//! Does not look into files and enters no directory. What the configuration does not select is not in the listing at
//! all; what cannot be read although it is selected is in it as a fault.

use std::cmp::Ordering;
use std::ffi::CStr;
use std::os::fd::{AsFd as _, OwnedFd};

use k1s_manifests::{CHART, Entry as Asked, OpenError, RelPath, Rules, Special};
use rustix::fs::{AtFlags, Dir, DirEntry, FileType, OFlags, statat};

use crate::config::{Depth, Links, Settings};
use crate::fault::Fault;
use crate::ignored;
use crate::link::{self, Target};
use crate::root::Root;

/// The most entries of one directory that are kept in memory; a directory with more fails.
pub(crate) const MOST_ENTRIES: usize = 1_000_000;

/// What lies in a directory.
#[derive(Debug)]
pub(crate) struct Listing {
    /// By the bytes of their paths, those of directories with a slash at the end.
    pub(crate) entries: Vec<Entry>,
    pub(crate) rules: Rules,
    /// The directory itself, to look up its entries in.
    pub(crate) folder: OwnedFd,
    /// Whether there is a `Chart.yaml`.
    pub(crate) is_chart: bool,
}

/// An entry that matters.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) path: RelPath,
    pub(crate) kind: Kind,
}

/// What an entry is.
#[derive(Debug)]
pub(crate) enum Kind {
    File,
    Directory,
    /// A link that is followed, to the file with this path.
    FileLink(RelPath),
    /// A link that is followed, to the directory with this path.
    DirectoryLink(RelPath),
    /// A link that is left alone.
    Link,
    Fault(Fault),
}

/// A directory: where the user sees it, and where it is.
#[derive(Clone, Debug)]
pub(crate) struct Directory {
    pub(crate) path: RelPath,
    /// Without links; differs from `path` below a link that is followed.
    pub(crate) real: RelPath,
}

/// Lists a directory; `Ok(None)` if there is none any more.
pub(crate) fn list(
    root: &Root,
    settings: &Settings,
    directory: &Directory,
    above: &Rules,
) -> Result<Option<Listing>, Fault> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOCTTY;
    let folder = match root.open_beneath(&directory.real, flags) {
        Ok(folder) => folder,
        Err(OpenError::Missing) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let raw = read(&folder)?;
    let rules = match raw
        .iter()
        .any(|(name, _)| name.as_ref() == Ok(&ignored::FILE_NAME.into()))
    {
        true => ignored::read(above.clone(), root, &directory.path, &directory.real).map_err(Fault::Rules)?,
        false => above.clone(),
    };
    let is_chart = raw
        .iter()
        .any(|(name, kind)| *kind == FileType::RegularFile && name.as_ref() == Ok(&CHART.into()));
    let sieve = Sieve {
        root,
        settings,
        directory,
        rules: &rules,
    };
    let mut entries: Vec<Entry> = raw
        .into_iter()
        .filter_map(|(name, kind)| sieve.keep(name, kind))
        .collect();
    entries.sort_by(Entry::order);
    Ok(Some(Listing {
        entries,
        rules,
        folder,
        is_chart,
    }))
}

/// A name, or what can be shown of one that is not UTF-8.
type Name = Result<Box<str>, Box<str>>;

fn read(folder: &OwnedFd) -> Result<Vec<(Name, FileType)>, Fault> {
    let fault = |errno: rustix::io::Errno| Fault::Read(errno.into());
    let mut raw = Vec::new();
    for entry in Dir::read_from(folder).map_err(fault)? {
        let entry = entry.map_err(fault)?;
        if matches!(entry.file_name().to_bytes(), b"." | b"..") {
            continue;
        }
        if raw.len() == MOST_ENTRIES {
            return Err(Fault::TooManyEntries);
        }
        let Some(kind) = type_of(folder, &entry) else { continue };
        raw.push((name(entry.file_name()), kind));
    }
    Ok(raw)
}

fn name(raw: &CStr) -> Name {
    raw.to_str()
        .map(Into::into)
        .map_err(|_not_utf8| raw.to_string_lossy().into())
}

/// Not every file system tells the type with the name; `None` if the entry vanished.
fn type_of(folder: &OwnedFd, entry: &DirEntry) -> Option<FileType> {
    let told = entry.file_type();
    if told != FileType::Unknown {
        return Some(told);
    }
    let stat = statat(folder.as_fd(), entry.file_name(), AtFlags::SYMLINK_NOFOLLOW).ok()?;
    Some(FileType::from_raw_mode(stat.st_mode))
}

/// Decides which entries matter.
struct Sieve<'a> {
    root: &'a Root,
    settings: &'a Settings,
    directory: &'a Directory,
    rules: &'a Rules,
}

impl Sieve<'_> {
    fn keep(&self, name: Name, kind: FileType) -> Option<Entry> {
        let (name, readable) = match name {
            Ok(name) => (name, true),
            Err(shown) => (shown, false),
        };
        let path = self.directory.path.join(&name);
        let kind = match Special::of(kind) {
            None => self.takes_file(&path).then_some(Kind::File),
            Some(Special::Directory) => self.enters(&path).then_some(Kind::Directory),
            Some(Special::Link) => self.link(&name, &path),
            Some(kind @ (Special::Fifo | Special::Socket | Special::Device | Special::Unknown)) => self
                .takes_file(&path)
                .then_some(Kind::Fault(Fault::Open(OpenError::NotAFile { kind }))),
        }?;
        Some(Entry {
            path,
            kind: if readable { kind } else { Kind::Fault(Fault::Name) },
        })
    }

    fn takes_file(&self, path: &RelPath) -> bool {
        self.settings.selection.takes_file(path.as_str()) && !self.rules.leave_out(path, Asked::File)
    }

    fn enters(&self, path: &RelPath) -> bool {
        self.settings.depth == Depth::Recursive
            && self.settings.selection.enters(path.as_str())
            && !self.rules.leave_out(path, Asked::Directory)
    }

    fn link(&self, name: &str, path: &RelPath) -> Option<Kind> {
        let (as_file, as_directory) = (self.takes_file(path), self.enters(path));
        if !as_file && !as_directory {
            return None;
        }
        let follow = self.settings.links == Links::Follow;
        match link::resolve(self.root, &self.directory.real.join(name)) {
            Target::File(real) => as_file.then_some(if follow { Kind::FileLink(real) } else { Kind::Link }),
            Target::Directory(real) => {
                as_directory.then_some(if follow { Kind::DirectoryLink(real) } else { Kind::Link })
            }
            Target::Special(_) if !follow => as_file.then_some(Kind::Link),
            Target::Special(kind) => as_file.then_some(Kind::Fault(Fault::Open(OpenError::NotAFile { kind }))),
            Target::DirectoryOutside => as_directory.then_some(Kind::Fault(Fault::Outside)),
            Target::Outside => as_file.then_some(Kind::Fault(Fault::Outside)),
            Target::Nowhere if !follow => as_file.then_some(Kind::Link),
            Target::Nowhere => as_file.then_some(Kind::Fault(Fault::Nowhere)),
            Target::Unresolved(fault) => Some(Kind::Fault(fault)),
        }
    }
}

impl Entry {
    /// Returns the last part of the path.
    pub(crate) fn name(&self) -> &str {
        self.path.name()
    }

    /// Orders two entries of one directory as the paths of the tree; most differ before either ends.
    fn order(&self, other: &Self) -> Ordering {
        let (one, two) = (self.path.as_str().as_bytes(), other.path.as_str().as_bytes());
        let common = one.len().min(two.len());
        let beginnings = one[..common].cmp(&two[..common]);
        beginnings.then_with(|| self.sort_key().cmp(other.sort_key()))
    }

    /// A directory stands where its files do.
    fn sort_key(&self) -> impl Iterator<Item = u8> {
        let slash = match self.kind {
            Kind::Directory | Kind::DirectoryLink(_) => Some(b'/'),
            Kind::File | Kind::FileLink(_) | Kind::Link | Kind::Fault(_) => None,
        };
        self.path.as_str().bytes().chain(slash)
    }
}
