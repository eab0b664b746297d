//! The files of a folder: each that may be wanted, by the bytes of its path.
//!
//! What is read is put into the cache; a file that has the stamp it had when it was read, and had settled then, is not
//! read again. Depth is bounded by the longest path that the system takes, memory by the number of entries.
//!
//! Invariant: of a folder in which names came, went or moved meanwhile it is told that they did: what was listed is there, and
//! each directory has the times that it had before it was listed, and the same names where those times were too young to tell.
//! Such a folder is walked again. If it never rests, what was found is told as less than may be there, unless that is other each
//! time in what decides about other files.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ffi::CStr;
use std::fs::File;
use std::os::fd::{AsFd as _, OwnedFd};
use std::time::SystemTime;

use k1s_getter_archive::Limits;
use k1s_manifests::{CHART, OpenError, RelPath, Special, Stamp};
use rustix::fs::{AtFlags, Dir, FileType, Stat, fstat, statat};
use rustix::io::Errno;
use sha2::{Digest as _, Sha256};

use super::LocalError;
use super::place::Folder;
use crate::cache::{Cache, Put};
use crate::origin::{Meter, OriginError};
use crate::tree::{Blob, Class, Entry, Kind, Mark, Mode, Refusal, Stillness, Tree};
use crate::unpack::revision;
use crate::wish::{IGNORE_FILE, Wish};

/// How often a file is read, and a folder walked, that changes meanwhile.
const TRIES: usize = 3;

/// What files had when they were read last.
#[derive(Debug, Default)]
pub(super) struct Memory(HashMap<RelPath, (Stamp, Blob)>);

/// By what a folder is walked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Means<'a> {
    pub(super) limits: &'a Limits,
    pub(super) cache: &'a Cache,
    /// What each entry is a step of.
    pub(super) meter: &'a Meter,
}

/// Lists a folder.
pub(super) fn tree(folder: &Folder, wish: &Wish, means: Means<'_>, memory: &mut Memory) -> Result<Tree, OriginError> {
    let mut tree = steady(|| {
        let mut walk = Walk::new(folder, wish, means, memory);
        let mut directories = vec![RelPath::root()];
        while let Some(directory) = directories.pop() {
            directories.extend(walk.directory(&directory)?);
        }
        let stillness = match walk.has_held_still() {
            true => Stillness::Still,
            false => Stillness::Moving,
        };
        let Walk { next, tree, .. } = walk;
        *memory = next;
        Ok(Tree { stillness, ..tree })
    })?;
    tree.entries.sort_by(|one, other| one.path.cmp(&other.path));
    let digest = digest(&tree);
    tree.revision = revision(&digest);
    tree.mark = Mark(match tree.stillness {
        Stillness::Still => tree.revision.clone(),
        Stillness::Moving => format!("{} moving", tree.revision),
    });
    Ok(tree)
}

/// Tries until something holds still. What never does is taken as it was at last, as long as what decides about other files was
/// the same each time.
fn steady(mut attempt: impl FnMut() -> Result<Tree, OriginError>) -> Result<Tree, OriginError> {
    let mut last = attempt()?;
    for _ in 1..TRIES {
        if last.stillness.is_still() {
            break;
        }
        let next = attempt()?;
        if !next.stillness.is_still() && rules(&next) != rules(&last) {
            return Err(LocalError::Changing.into());
        }
        last = next;
    }
    Ok(last)
}

/// Returns what decides about other files.
fn rules(tree: &Tree) -> BTreeMap<&RelPath, &Kind> {
    let is_rule = |entry: &&Entry| [IGNORE_FILE, CHART].contains(&entry.path.name());
    let rules = tree.entries.iter().filter(is_rule);
    rules.map(|entry| (&entry.path, &entry.kind)).collect()
}

struct Walk<'a> {
    folder: &'a Folder,
    wish: &'a Wish,
    means: Means<'a>,
    last: &'a Memory,
    next: Memory,
    tree: Tree,
    entries: u64,
    bytes: u64,
    /// Directories as they were when they were listed.
    listed: Vec<Listed>,
    /// Whether something that was listed was gone.
    has_missed: bool,
}

/// A directory as it was when it was listed.
struct Listed {
    path: RelPath,
    /// What it had before.
    stamp: Option<Stamp>,
    /// What was in it, if it had changed so shortly before that another change might not show in its times.
    names: Option<Names>,
}

/// The names in a directory.
type Names = BTreeSet<Vec<u8>>;

fn is_itself(name: &CStr) -> bool {
    matches!(name.to_bytes(), b"." | b"..")
}

fn names(fd: &OwnedFd) -> Result<Names, Errno> {
    let entries = Dir::read_from(fd)?;
    let entries = entries.filter(|entry| !entry.as_ref().is_ok_and(|entry| is_itself(entry.file_name())));
    entries
        .map(|entry| entry.map(|entry| entry.file_name().to_bytes().to_vec()))
        .collect()
}

impl Listed {
    /// Returns whether no name came, went or moved in it since.
    fn has_held_still(&self, folder: &Folder) -> bool {
        let Ok(fd) = folder.open(&self.path) else { return false };
        let has_its_times = fstat(&fd).is_ok_and(|now| Stamp::of(&now) == self.stamp);
        let has_its_names = match &self.names {
            Some(before) => names(&fd).is_ok_and(|now| now == *before),
            None => true,
        };
        has_its_times && has_its_names
    }
}

impl<'a> Walk<'a> {
    fn new(folder: &'a Folder, wish: &'a Wish, means: Means<'a>, last: &'a Memory) -> Self {
        Self {
            folder,
            wish,
            means,
            last,
            next: Memory::default(),
            tree: Tree::default(),
            entries: 0,
            bytes: 0,
            listed: Vec::new(),
            has_missed: false,
        }
    }

    /// Returns whether no name came, went or moved in any directory that was listed.
    fn has_held_still(&self) -> bool {
        !self.has_missed && self.listed.iter().all(|listed| listed.has_held_still(self.folder))
    }

    /// Takes what lies in a directory, and returns the directories below it that are to be listed.
    fn directory(&mut self, directory: &RelPath) -> Result<Vec<RelPath>, OriginError> {
        let listed = self.folder.open(directory);
        let fd = match listed {
            Ok(fd) => fd,
            Err(error) if directory.is_root() => return Err(LocalError::Open(error).into()),
            Err(OpenError::Missing) => {
                self.has_missed = true;
                return Ok(Vec::new());
            }
            Err(error) => {
                self.refuse(directory.clone(), refusal(&error));
                return Ok(Vec::new());
            }
        };
        let mut below = Vec::new();
        let system = |errno: Errno| LocalError::Io(errno.into());
        let now = SystemTime::now();
        let stamp = Stamp::of(&fstat(&fd).map_err(system)?);
        let mut seen = Names::new();
        for entry in Dir::read_from(&fd).map_err(system)? {
            let entry = entry.map_err(system)?;
            let raw = entry.file_name();
            if is_itself(raw) {
                continue;
            }
            self.count()?;
            seen.insert(raw.to_bytes().to_vec());
            let path = directory.join(&raw.to_string_lossy());
            let stat = match statat(fd.as_fd(), raw, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) => stat,
                Err(Errno::NOENT) => {
                    self.has_missed = true;
                    continue;
                }
                // It is there, whatever it is: what was declared of it stays.
                Err(errno) => {
                    if self.wish.takes(&path) || self.wish.enters(&path) {
                        self.refuse(path, refusal(&unseen(errno)));
                    }
                    continue;
                }
            };
            if raw.to_str().is_err() {
                if self.wish.takes(&path) {
                    self.refuse(path, Refusal::new(Class::Invalid, "its name is not UTF-8"));
                }
                continue;
            }
            below.extend(self.entry(path, &stat)?);
        }
        let is_settled = stamp.is_some_and(|stamp| stamp.is_settled(now));
        self.listed.push(Listed {
            path: directory.clone(),
            stamp,
            names: (!is_settled).then_some(seen),
        });
        Ok(below)
    }

    fn count(&mut self) -> Result<(), LocalError> {
        self.means.meter.step();
        self.entries += 1;
        if self.entries > self.means.limits.entries {
            return Err(LocalError::TooMany(self.means.limits.entries));
        }
        Ok(())
    }

    /// Takes an entry; returns it if it is a directory to be listed.
    fn entry(&mut self, path: RelPath, stat: &Stat) -> Result<Option<RelPath>, OriginError> {
        match Special::of(FileType::from_raw_mode(stat.st_mode)) {
            None if self.wish.takes(&path) => self.file(path, stat)?,
            None => {}
            Some(Special::Directory) => {
                if self.wish.is_root(&path) {
                    self.tree.roots.insert(path.clone());
                }
                return Ok(self.wish.enters(&path).then_some(path));
            }
            Some(Special::Link) if self.wish.takes(&path) || self.wish.is_root(&path) => self.add(path, Kind::Link),
            Some(kind @ (Special::Fifo | Special::Socket | Special::Device | Special::Unknown))
                if self.wish.takes(&path) =>
            {
                self.refuse(path, refusal(&OpenError::NotAFile { kind }));
            }
            Some(Special::Link | Special::Fifo | Special::Socket | Special::Device | Special::Unknown) => {}
        }
        Ok(None)
    }

    fn file(&mut self, path: RelPath, stat: &Stat) -> Result<(), OriginError> {
        if let Some((stamp, blob)) = self.last.0.get(&path)
            && Stamp::of(stat) == Some(*stamp)
            && self.means.cache.has(&blob.content)
        {
            let (stamp, blob) = (*stamp, blob.clone());
            self.weigh(blob.bytes.unwrap_or(0))?;
            self.next.0.insert(path.clone(), (stamp, blob.clone()));
            self.add(path, Kind::File(blob));
            return Ok(());
        }
        for _ in 0..TRIES {
            match self.folder.open_file(&path) {
                Ok((file, before)) => {
                    if let Some(kind) = self.read(&path, file, &before)? {
                        self.add(path, kind);
                        return Ok(());
                    }
                }
                Err(OpenError::Missing) => {
                    self.has_missed = true;
                    return Ok(());
                }
                Err(error) => {
                    self.refuse(path, refusal(&error));
                    return Ok(());
                }
            }
        }
        self.refuse(path, Refusal::new(Class::Unavailable, "changes while it is read"));
        Ok(())
    }

    /// Reads a file; `None` if it did not hold still.
    fn read(&mut self, path: &RelPath, mut file: File, before: &Stat) -> Result<Option<Kind>, OriginError> {
        let now = SystemTime::now();
        let most = self.wish.file_bytes;
        let too_large = || {
            Kind::Refused(Refusal::new(
                Class::TooLarge,
                format!("larger than maxFileBytes, {most} bytes"),
            ))
        };
        if u64::try_from(before.st_size).unwrap_or(u64::MAX) > most {
            return Ok(Some(too_large()));
        }
        let Put::Whole { content, bytes } = self.means.cache.put(&mut file, most)? else {
            return Ok(Some(too_large()));
        };
        let after = fstat(&file).map_err(|errno| LocalError::Io(errno.into()))?;
        let stamp = Stamp::of(before);
        if stamp != Stamp::of(&after) || u64::try_from(after.st_size) != Ok(bytes) {
            return Ok(None);
        }
        self.weigh(bytes)?;
        let executable = before.st_mode & 0o111 != 0;
        let blob = Blob {
            content,
            bytes: Some(bytes),
            mode: if executable { Mode::Executable } else { Mode::Plain },
        };
        if let Some(stamp) = stamp.filter(|stamp| stamp.is_settled(now)) {
            self.next.0.insert(path.clone(), (stamp, blob.clone()));
        }
        Ok(Some(Kind::File(blob)))
    }

    fn weigh(&mut self, bytes: u64) -> Result<(), LocalError> {
        self.bytes = self.bytes.saturating_add(bytes);
        if self.bytes > self.means.limits.total_bytes {
            return Err(LocalError::TooLarge(self.means.limits.total_bytes));
        }
        Ok(())
    }

    fn add(&mut self, path: RelPath, kind: Kind) {
        self.tree.entries.push(Entry { path, kind });
    }

    fn refuse(&mut self, path: RelPath, refusal: Refusal) {
        self.add(path, Kind::Refused(refusal));
    }
}

/// Why an entry cannot be looked at.
fn unseen(errno: Errno) -> OpenError {
    match errno {
        Errno::ACCESS | Errno::PERM => OpenError::Denied,
        errno => OpenError::Io(errno.into()),
    }
}

fn refusal(error: &OpenError) -> Refusal {
    let class = match error {
        OpenError::Denied => Class::Permission,
        OpenError::Link | OpenError::NotAFile { .. } | OpenError::PathTooLong => Class::Unsupported,
        OpenError::Missing | OpenError::Io(_) => Class::Unavailable,
    };
    Refusal::new(class, format!("cannot be read: {error}"))
}

/// The state of a folder: paths, and what is there.
fn digest(tree: &Tree) -> [u8; 32] {
    let mut hasher = Sha256::new();
    let mut add = |text: &str| {
        hasher.update(u64::try_from(text.len()).unwrap_or(u64::MAX).to_be_bytes());
        hasher.update(text);
    };
    for root in &tree.roots {
        add(root.as_str());
    }
    for Entry { path, kind } in &tree.entries {
        add(path.as_str());
        match kind {
            Kind::File(blob) => add(&format!("{} {:?}", blob.content, blob.mode)),
            Kind::Link => add("link"),
            Kind::Submodule => add("submodule"),
            Kind::Refused(refusal) => add(&refusal.said),
        }
    }
    hasher.finalize().into()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::local::place::{Opened, Place};
    use crate::wish::Files;

    /// A folder with a file in each of two directories, and a cache beside it.
    struct Room {
        directory: tempfile::TempDir,
        cache: Cache,
        limits: Limits,
        meter: Meter,
        wish: Wish,
    }

    impl Room {
        fn new() -> Self {
            let directory = tempfile::tempdir().unwrap();
            for name in ["a", "b"] {
                fs::create_dir_all(directory.path().join("top").join(name)).unwrap();
                fs::write(directory.path().join("top").join(name).join("x.yaml"), name).unwrap();
            }
            Self {
                cache: Cache::open(&directory.path().join("cache")).unwrap(),
                directory,
                limits: Limits::default(),
                meter: Meter::default(),
                wish: Wish {
                    subdir: None,
                    files: Files::All,
                    file_bytes: 100,
                    pinned: None,
                },
            }
        }

        fn means(&self) -> Means<'_> {
            Means {
                limits: &self.limits,
                cache: &self.cache,
                meter: &self.meter,
            }
        }

        /// Walks, and does something once the root was listed and before the rest is.
        fn walk(&self, meanwhile: impl FnOnce(&std::path::Path)) -> (bool, usize) {
            let top = self.directory.path().join("top");
            let Opened::Folder(folder) = Place::new(&top, None).open().unwrap() else {
                panic!("it is a folder");
            };
            let memory = Memory::default();
            let mut walk = Walk::new(&folder, &self.wish, self.means(), &memory);
            let below = walk.directory(&RelPath::root()).unwrap();
            meanwhile(&top);
            for directory in below {
                walk.directory(&directory).unwrap();
            }
            (walk.has_held_still(), walk.tree.entries.len())
        }
    }

    #[test]
    fn a_folder_that_holds_still_is_told() {
        assert_eq!(Room::new().walk(|_| ()), (true, 2));
    }

    /// What was renamed is neither where it was nor where it is: such a tree never was.
    #[test]
    fn what_moves_while_it_is_walked_is_not_told_as_gone() {
        let (has_held_still, entries) = Room::new().walk(|top| fs::rename(top.join("a"), top.join("c")).unwrap());
        assert_eq!((has_held_still, entries), (false, 1));
        let moved = Room::new().walk(|top| fs::rename(top.join("a/x.yaml"), top.join("y.yaml")).unwrap());
        assert_eq!(moved, (false, 1));
        // Nothing is missed here, and yet a file came that was not listed.
        let came = Room::new().walk(|top| fs::write(top.join("new.yaml"), "new").unwrap());
        assert_eq!(came, (false, 2));
    }

    /// Within one tick of the clock a directory changes without other times: its names are looked at again while it is young.
    #[test]
    fn what_changes_within_a_tick_is_seen_by_its_names() {
        let room = Room::new();
        let top = room.directory.path().join("top");
        let Opened::Folder(folder) = Place::new(&top, None).open().unwrap() else {
            panic!("it is a folder");
        };
        let memory = Memory::default();
        let mut walk = Walk::new(&folder, &room.wish, room.means(), &memory);
        walk.directory(&RelPath::root()).unwrap();
        let mut listed = walk.listed.pop().unwrap();
        assert!(listed.has_held_still(&folder) && listed.names.is_some());
        fs::rename(top.join("a"), top.join("c")).unwrap();
        listed.stamp = Stamp::of(&fstat(folder.open(&RelPath::root()).unwrap()).unwrap());
        assert!(!listed.has_held_still(&folder));
    }

    /// A tree of a file, and of others that decide about it.
    fn found(stillness: Stillness, rules: &[&str]) -> Tree {
        let entry = |path: &&str| Entry {
            path: RelPath::new(path).unwrap(),
            kind: Kind::Link,
        };
        Tree {
            stillness,
            entries: ["a.yaml"].iter().chain(rules).map(entry).collect(),
            ..Tree::default()
        }
    }

    #[test]
    fn a_folder_is_walked_until_it_holds_still_or_some_times() {
        use Stillness::{Moving, Still};
        for (walks, stillness) in [
            (vec![Still], Still),
            (vec![Moving, Still], Still),
            (vec![Moving, Moving, Still], Still),
            (vec![Moving, Moving, Moving], Moving),
        ] {
            let mut left = walks.iter();
            let tree = steady(|| Ok(found(*left.next().unwrap(), &[".sourceignore"]))).unwrap();
            assert_eq!((tree.stillness, left.len()), (stillness, 0), "{walks:?}");
        }
        for missed in [".sourceignore", "chart/Chart.yaml"] {
            let only = [missed];
            let mut walks = [&only[..], &[], &only].into_iter();
            let error = steady(|| Ok(found(Moving, walks.next().unwrap()))).unwrap_err();
            assert!(matches!(error, OriginError::Local(LocalError::Changing)), "{error}");
            let mut walks = [(Moving, &only[..]), (Still, &[])].into_iter();
            let tree = steady(|| Ok(walks.next().map(|(stillness, rules)| found(stillness, rules)).unwrap()));
            assert!(tree.unwrap().stillness.is_still(), "it is gone");
        }
    }
}
