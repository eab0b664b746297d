//! The walk through a root: every file that is to be read, by the bytes of its path, and everything that cannot be.
//!
//! Reads no file but `.k1signore`. Memory is bounded by the directories on the way down, each of at most
//! [`MOST_ENTRIES`](crate::listing::MOST_ENTRIES) entries. What vanishes under the walk is left out without a word.
//!
//! Invariants: ends for every tree, also with links in circles, because a directory is entered through at most one link;
//! the same tree is walked in the same order.

use std::collections::HashSet;
use std::os::fd::OwnedFd;
use std::vec;

use k1s_manifests::{OpenError, RelPath, Rules, Special, Stamp, Zone};
use rustix::fs::{AtFlags, FileType, Stat, statat};
use rustix::io::Errno;

use crate::config::Settings;
use crate::fault::Fault;
use crate::link;
use crate::listing::{self, Directory, Entry, Kind};
use crate::root::Root;
use crate::watch::{Interest, Lookout};

/// How many directories on the way down are kept open, to look up their entries by name alone; below them entries are
/// looked up by their whole path.
const OPEN_LEVELS: usize = 32;

/// What the walk comes upon.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) path: RelPath,
    pub(crate) what: What,
}

/// What lies at a path.
#[derive(Debug)]
pub(crate) enum What {
    /// A file to read.
    File(Candidate),
    /// Part of a Helm chart, which is no object.
    ChartPart,
    /// A link that is not followed.
    Link,
    /// A file that cannot be read, or a directory of which nothing can be.
    Fault(Fault),
}

/// A file to read.
#[derive(Clone, Debug)]
pub(crate) struct Candidate {
    /// Where it is, without links.
    pub(crate) real: RelPath,
    pub(crate) stamp: Option<Stamp>,
    /// Bytes.
    pub(crate) size: u64,
}

/// The walk, which yields what it finds; only the root itself can make it fail.
#[derive(Debug)]
pub(crate) struct Walk<'a> {
    root: &'a Root,
    settings: &'a Settings,
    interest: &'a Interest,
    lookout: &'a Lookout,
    levels: Vec<Level>,
    /// Targets of the directory links that were followed.
    followed: HashSet<RelPath>,
}

#[derive(Debug)]
struct Level {
    directory: Directory,
    folder: Option<OwnedFd>,
    entries: vec::IntoIter<Entry>,
    rules: Rules,
    zone: Zone,
}

impl<'a> Walk<'a> {
    /// Begins at the root, to find what is of `interest`. Each directory is shown to `lookout` before it is listed, so
    /// that what changes later is noticed.
    pub(crate) fn new(
        root: &'a Root,
        settings: &'a Settings,
        interest: &'a Interest,
        lookout: &'a Lookout,
    ) -> Result<Self, Fault> {
        let mut walk = Self {
            root,
            settings,
            interest,
            lookout,
            levels: Vec::new(),
            followed: HashSet::new(),
        };
        let top = Directory {
            path: RelPath::root(),
            real: RelPath::root(),
        };
        if !walk.enter(top, &Rules::default(), Zone::Plain)? {
            return Err(OpenError::Missing.into());
        }
        Ok(walk)
    }

    /// Lists a directory to go on with; false if there is none any more.
    fn enter(&mut self, directory: Directory, rules: &Rules, zone: Zone) -> Result<bool, Fault> {
        self.lookout.attend(&directory.real);
        let Some(listing) = listing::list(self.root, self.settings, &directory, rules)? else {
            return Ok(false);
        };
        let zone = if listing.is_chart { zone.with_chart() } else { zone };
        self.levels.push(Level {
            directory,
            folder: (self.levels.len() < OPEN_LEVELS).then_some(listing.folder),
            entries: listing.entries.into_iter(),
            rules: listing.rules,
            zone,
        });
        Ok(true)
    }

    fn visit(&mut self, entry: Entry) -> Option<Found> {
        let Level {
            directory, rules, zone, ..
        } = self.levels.last()?;
        let (rules, zone) = (rules.clone(), *zone);
        let name = entry.name();
        let real = match directory.path == directory.real {
            true => entry.path.clone(),
            false => directory.real.join(name),
        };
        let path = &entry.path;
        if !(self.interest.covers(path) || self.interest.leads_below(path)) {
            return None;
        }
        let (below, is_helms) = (zone.below(name), zone.is_helms(name));
        let Entry { path, kind } = entry;
        self.attend_way(&kind, &real);
        let directory_at = |real: RelPath| Directory {
            path: path.clone(),
            real,
        };
        let what = match kind {
            Kind::File | Kind::FileLink(_) if is_helms => Some(What::ChartPart),
            Kind::File => self.entry(real),
            Kind::FileLink(target) => self.file(target),
            Kind::Directory => self.directory(directory_at(real), &rules, below),
            Kind::DirectoryLink(target) => {
                let is_new = !self.levels.iter().any(|level| level.directory.real == target)
                    && self.followed.insert(target.clone());
                match is_new {
                    true => self.directory(directory_at(target), &rules, below),
                    false => Some(What::Link),
                }
            }
            Kind::Link => Some(What::Link),
            Kind::Fault(fault) => Some(What::Fault(fault)),
        };
        what.map(|what| Found { path, what })
    }

    fn directory(&mut self, directory: Directory, rules: &Rules, zone: Zone) -> Option<What> {
        self.enter(directory, rules, zone).err().map(What::Fault)
    }

    /// Shows the directories that decide where a followed link leads to the lookout.
    fn attend_way(&self, kind: &Kind, real: &RelPath) {
        match kind {
            Kind::FileLink(_) | Kind::DirectoryLink(_) | Kind::Fault(Fault::Nowhere) => {
                for directory in link::way(self.root, real) {
                    self.lookout.attend_way(&directory);
                }
            }
            Kind::File | Kind::Directory | Kind::Link | Kind::Fault(_) => {}
        }
    }

    /// Looks at a file of the directory that is being walked.
    fn entry(&self, real: RelPath) -> Option<What> {
        match self.levels.last().and_then(|level| level.folder.as_ref()) {
            Some(folder) => {
                let stat = statat(folder, real.name(), AtFlags::SYMLINK_NOFOLLOW);
                candidate(real, stat)
            }
            None => self.file(real),
        }
    }

    /// Looks at a file wherever it is.
    fn file(&self, real: RelPath) -> Option<What> {
        let stat = statat(self.root.folder(), real.as_operand(), AtFlags::SYMLINK_NOFOLLOW);
        candidate(real, stat)
    }
}

/// Tells what lies at a path; `None` if nothing does any more.
fn candidate(real: RelPath, stat: rustix::io::Result<Stat>) -> Option<What> {
    let stat = match stat {
        Ok(stat) => stat,
        Err(Errno::NOENT | Errno::NOTDIR) => return None,
        Err(errno) => return Some(What::Fault(OpenError::from(errno).into())),
    };
    Some(match Special::of(FileType::from_raw_mode(stat.st_mode)) {
        None => What::File(Candidate::new(real, &stat)),
        Some(kind) => What::Fault(OpenError::NotAFile { kind }.into()),
    })
}

impl Candidate {
    fn new(real: RelPath, stat: &Stat) -> Self {
        Self {
            real,
            stamp: Stamp::of(stat),
            size: u64::try_from(stat.st_size).unwrap_or(0),
        }
    }
}

impl Iterator for Walk<'_> {
    type Item = Found;

    fn next(&mut self) -> Option<Found> {
        loop {
            match self.levels.last_mut()?.entries.next() {
                None => {
                    self.levels.pop();
                }
                Some(entry) => {
                    if let Some(found) = self.visit(entry) {
                        return Some(found);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
