//! What the host holds of one scope, as far as this session knows it: told by the host, or sent by us.
//!
//! It only serves `Seen` and the choice between two declarations of one key; forgetting an entry costs sending an
//! object again and nothing else. Bounded by [`ENTRIES`]; beyond it new entries are not remembered.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::hash::{BuildHasher as _, RandomState};

use hashbrown::HashTable;
use k1s_source_proto::v1::Key;
use k1s_source_proto::{KnownObject, limits};
use sha2::{Digest as _, Sha256};

use self::slots::Slots;

/// Most entries of one scope.
const ENTRIES: usize = 4_000_000;
/// Room for " i/n" at the end of the version of one of several documents, in bytes.
const PLACE_BYTES: usize = 20;

/// What the host holds of one scope, by key and by path.
///
/// One allocation and about a hundred bytes beside its text for each object: a source may be told of millions.
#[derive(Debug, Default)]
pub struct Known {
    hasher: RandomState,
    slots: Slots,
    free: Vec<u32>,
    by_key: HashTable<Place>,
    /// The first entry of each path; the others follow from there.
    by_path: HashTable<Place>,
}

/// Where an entry is, and the hash by which it is found, so that an entry is looked at only when it is the one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    hash: u64,
    index: u32,
}

/// Group, kind, namespace and name.
pub(crate) type KeyParts<'k> = [&'k str; 4];

/// One object that the host holds.
#[derive(Debug)]
struct Entry {
    /// Group, kind, namespace, name, version and path, as they were told.
    text: Box<str>,
    /// Where each but the last of them ends.
    ends: [u32; 5],
    /// The last generation of this session that touched it; 0 before the first.
    touched: u64,
    /// Whether it was touched because nothing had changed.
    seen: bool,
    /// The neighbours among the entries of its path.
    before: Option<u32>,
    after: Option<u32>,
}

/// Where to find again what the host holds of a path; finding it by this costs less than by the path.
///
/// It stays valid while the host holds the same of the path, and is looked at again each time it is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finding(u32);

/// What the host holds of one path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownPath {
    /// The keys and their source versions, sorted.
    pub objects: BTreeMap<Key, String>,
    /// The version given for the whole path, if every one of its documents is held at it.
    pub version: Option<String>,
}

impl Known {
    /// Returns the source version at which the host holds `key`; empty where none was given.
    #[must_use]
    pub fn version(&self, key: &Key) -> Option<&str> {
        Some(self.find(key)?.version())
    }

    /// Returns the path that declared `key` when the host last accepted it.
    #[must_use]
    pub fn owner(&self, key: &Key) -> Option<&str> {
        Some(self.find(key)?.path())
    }

    /// Returns what the host holds of `path`; none where it holds nothing.
    #[must_use]
    pub fn path(&self, path: &str) -> Option<KnownPath> {
        let objects: BTreeMap<Key, String> = self
            .at(path)
            .map(|(_, entry)| (key_of(&entry.parts()), entry.version().to_owned()))
            .collect();
        if objects.is_empty() {
            return None;
        }
        let version = self.path_version(path).map(str::to_owned);
        Some(KnownPath { objects, version })
    }

    /// Returns the version given for the whole of `path`, if the host holds every one of its documents at it.
    #[must_use]
    pub fn path_version(&self, path: &str) -> Option<&str> {
        self.find_path(path).map(|(_, version)| version)
    }

    /// Returns the version given for the whole of `path`, if the host holds every one of its documents at it, and where
    /// to find that again.
    #[must_use]
    pub fn find_path(&self, path: &str) -> Option<(Finding, &str)> {
        let first = self.first_of(self.hasher.hash_one(path), path)?;
        self.found(first)
    }

    /// Looks up many paths at once, as [`find_path`](Self::find_path) does one by one: where millions are held each look
    /// waits for memory, and here they wait together.
    #[must_use]
    pub fn find_paths<'p>(&self, paths: impl Iterator<Item = &'p str> + Clone) -> Vec<Option<(Finding, &str)>> {
        let hashes: Vec<u64> = paths.clone().map(|path| self.hasher.hash_one(path)).collect();
        let first = |hash: &u64| self.by_path.find(*hash, |place| place.hash == *hash);
        let firsts: Vec<Option<&Place>> = hashes.iter().map(first).collect();
        let held =
            |first: &Option<&Place>| first.and_then(|place| Some((place.index, self.entry(place.index)?.path())));
        let held: Vec<Option<(u32, &str)>> = firsts.iter().map(held).collect();
        paths
            .zip(held)
            .map(|(path, held)| match held? {
                (first, held) if held == path => self.found(first),
                // Another path has the same hash.
                _ => self.find_path(path),
            })
            .collect()
    }

    fn found(&self, first: u32) -> Option<(Finding, &str)> {
        let version = whole_version(self.from(first).map(|(_, entry)| entry.version()))?;
        Some((Finding(first), version))
    }

    /// Returns the paths that the host holds something of, in no order.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.by_path
            .iter()
            .filter_map(|place| Some(self.entry(place.index)?.path()))
    }

    /// Returns what `generation` has not touched, with the paths that declared it, in no order.
    pub(crate) fn untouched(&self, generation: u64) -> impl Iterator<Item = (Key, &str)> {
        let untouched = self.slots.iter().filter(move |entry| entry.touched != generation);
        untouched.map(|entry| (key_of(&entry.parts()), entry.path()))
    }

    /// Collects the entries of a path that is held at `version` in the order of their keys; none where it is not. What
    /// was found of the path before is looked at first.
    pub(crate) fn collect_at(&self, path: &str, version: &str, found: Option<Finding>, entries: &mut Vec<u32>) {
        entries.clear();
        let found = found.map(|Finding(first)| first);
        let first = found
            .filter(|first| self.entry(*first).is_some_and(|entry| entry.is_first_of(path)))
            .or_else(|| self.first_of(self.hasher.hash_one(path), path));
        let Some(first) = first else { return };
        if whole_version(self.from(first).map(|(_, entry)| entry.version())) != Some(version) {
            return;
        }
        entries.extend(self.from(first).map(|(index, _)| index));
        if entries.len() > 1 {
            entries.sort_unstable_by_key(|index| self.entry(*index).map(Entry::parts));
        }
    }

    /// Returns the path of a key that `generation` said to be unchanged.
    pub(crate) fn seen_at(&self, key: &Key, generation: u64) -> Option<&str> {
        let entry = self.find(key)?;
        (entry.seen && entry.touched == generation).then(|| entry.path())
    }

    /// Returns the entry of a key.
    pub(crate) fn entry_of(&self, key: &Key) -> Option<u32> {
        let parts = parts(key);
        self.index_of(self.hasher.hash_one(parts), &parts)
    }

    /// Returns the key of an entry.
    pub(crate) fn key_at(&self, entry: u32) -> Option<KeyParts<'_>> {
        self.entry(entry).map(Entry::parts)
    }

    /// Touches an entry because nothing has changed, and returns its key and its version.
    pub(crate) fn see_at(&mut self, entry: u32, generation: u64) -> Option<(Key, String)> {
        let entry = self.entry_mut(entry)?;
        entry.touched = generation;
        entry.seen = true;
        Some((key_of(&entry.parts()), entry.version().to_owned()))
    }

    pub(crate) fn told(&mut self, object: KnownObject) {
        if object.key().iter().any(|part| !part.is_empty()) {
            self.hold_all_of(object, 0);
        }
    }

    pub(crate) fn hold(&mut self, key: &Key, path: &str, version: &str, generation: u64) {
        self.hold_all_of(KnownObject::new(parts(key), version, path), generation);
    }

    fn hold_all_of(&mut self, object: KnownObject, generation: u64) {
        let parts = object.key();
        let key_hash = self.hasher.hash_one(parts);
        if let Some(index) = self.index_of(key_hash, &parts) {
            match self.entry_mut(index) {
                Some(entry) if entry.path() == object.path() => {
                    entry.set_version(object.source_version());
                    entry.touch(generation);
                    return;
                }
                Some(_) | None => self.drop_at(index),
            }
        }
        if self.by_key.len() >= ENTRIES {
            return;
        }
        let path_hash = self.hasher.hash_one(object.path());
        let after = self.first_of(path_hash, object.path());
        let entry = Entry {
            touched: generation,
            after,
            ..Entry::from(object)
        };
        let index = self.store(entry);
        let place = |hash: u64| Place { hash, index };
        self.by_key.insert_unique(key_hash, place(key_hash), |place| place.hash);
        match after {
            None => {
                self.by_path
                    .insert_unique(path_hash, place(path_hash), |place| place.hash);
            }
            Some(second) => {
                if let Some(first) = self.by_path.find_mut(path_hash, |first| first.index == second) {
                    first.index = index;
                }
                if let Some(second) = self.entry_mut(second) {
                    second.before = Some(index);
                }
            }
        }
    }

    pub(crate) fn touch(&mut self, key: &Key, generation: u64) {
        if let Some(entry) = self.entry_of(key).and_then(|entry| self.entry_mut(entry)) {
            entry.touch(generation);
        }
    }

    pub(crate) fn remove(&mut self, key: &Key) {
        if let Some(entry) = self.entry_of(key) {
            self.drop_at(entry);
        }
    }

    /// Forgets what a complete generation did not touch and no failure pins.
    pub(crate) fn complete(&mut self, generation: u64, pinned: impl Fn(&str) -> bool) {
        for index in 0..self.slots.end() {
            let is_gone = |entry: &Entry| entry.touched != generation && !pinned(entry.path());
            if self.entry(index).is_some_and(is_gone) {
                self.drop_at(index);
            }
        }
    }

    /// Forgets every version, so that nothing counts as seen; who declared what stays known.
    pub(crate) fn forget_versions(&mut self) {
        self.slots.iter_mut().for_each(|entry| entry.set_version(""));
    }

    fn entry(&self, index: u32) -> Option<&Entry> {
        self.slots.get(index)?.as_ref()
    }

    fn entry_mut(&mut self, index: u32) -> Option<&mut Entry> {
        self.slots.get_mut(index)?.as_mut()
    }

    fn find(&self, key: &Key) -> Option<&Entry> {
        self.entry(self.entry_of(key)?)
    }

    fn index_of(&self, hash: u64, parts: &KeyParts<'_>) -> Option<u32> {
        let is_it =
            |place: &Place| place.hash == hash && self.entry(place.index).is_some_and(|entry| entry.parts() == *parts);
        self.by_key.find(hash, is_it).map(|place| place.index)
    }

    fn first_of(&self, hash: u64, path: &str) -> Option<u32> {
        let is_it =
            |place: &Place| place.hash == hash && self.entry(place.index).is_some_and(|entry| entry.path() == path);
        self.by_path.find(hash, is_it).map(|place| place.index)
    }

    /// The entries of a path, the latest first.
    fn at(&self, path: &str) -> impl Iterator<Item = (u32, &Entry)> {
        let first = self.first_of(self.hasher.hash_one(path), path);
        first.into_iter().flat_map(|first| self.from(first))
    }

    /// An entry and those that follow it on its path.
    fn from(&self, first: u32) -> impl Iterator<Item = (u32, &Entry)> {
        let mut next = Some(first);
        std::iter::from_fn(move || {
            let index = next?;
            let entry = self.entry(index)?;
            next = entry.after;
            Some((index, entry))
        })
    }

    fn store(&mut self, entry: Entry) -> u32 {
        match self.free.pop() {
            Some(index) => {
                if let Some(slot) = self.slots.get_mut(index) {
                    *slot = Some(entry);
                }
                index
            }
            None => self.slots.push(entry),
        }
    }

    fn drop_at(&mut self, index: u32) {
        let Some(entry) = self.slots.get_mut(index).and_then(Option::take) else {
            return;
        };
        self.free.push(index);
        let is_it = |other: &Place| other.index == index;
        if let Ok(place) = self.by_key.find_entry(self.hasher.hash_one(entry.parts()), is_it) {
            place.remove();
        }
        let path_hash = self.hasher.hash_one(entry.path());
        if let Some(after) = entry.after.and_then(|after| self.entry_mut(after)) {
            after.before = entry.before;
        }
        match (entry.before, entry.after) {
            (Some(before), after) => {
                if let Some(before) = self.entry_mut(before) {
                    before.after = after;
                }
            }
            (None, Some(after)) => {
                if let Some(first) = self.by_path.find_mut(path_hash, is_it) {
                    first.index = after;
                }
            }
            (None, None) => {
                if let Ok(place) = self.by_path.find_entry(path_hash, is_it) {
                    place.remove();
                }
            }
        }
    }
}

impl From<KnownObject> for Entry {
    fn from(object: KnownObject) -> Self {
        let (text, ends) = object.into_parts();
        Self {
            text: text.into(),
            // No message is that long.
            ends: ends.map(|end| u32::try_from(end).unwrap_or(u32::MAX)),
            touched: 0,
            seen: false,
            before: None,
            after: None,
        }
    }
}

impl Entry {
    fn part(&self, from: u32, to: u32) -> &str {
        self.text.get(from as usize..to as usize).unwrap_or_default()
    }

    fn parts(&self) -> KeyParts<'_> {
        let [group, kind, namespace, name, _] = self.ends;
        [
            self.part(0, group),
            self.part(group, kind),
            self.part(kind, namespace),
            self.part(namespace, name),
        ]
    }

    fn version(&self) -> &str {
        self.part(self.ends[3], self.ends[4])
    }

    fn path(&self) -> &str {
        self.text.get(self.ends[4] as usize..).unwrap_or_default()
    }

    fn is_first_of(&self, path: &str) -> bool {
        self.before.is_none() && self.path() == path
    }

    fn touch(&mut self, generation: u64) {
        self.seen &= self.touched == generation;
        self.touched = generation;
    }

    fn set_version(&mut self, version: &str) {
        if self.version() != version {
            let object = KnownObject::new(self.parts(), version, self.path());
            *self = Self {
                before: self.before,
                after: self.after,
                touched: self.touched,
                seen: self.seen,
                ..Self::from(object)
            };
        }
    }
}

/// Shows a key as its parts.
pub(crate) fn parts(key: &Key) -> KeyParts<'_> {
    [&key.group, &key.kind, &key.namespace, &key.name]
}

/// Makes a key of its parts.
pub(crate) fn key_of(parts: &KeyParts<'_>) -> Key {
    let [group, kind, namespace, name] = parts.map(str::to_owned);
    Key {
        group,
        kind,
        namespace,
        name,
    }
}

/// Makes the source version of one of the documents of a path.
pub(crate) fn document_version(path_version: &str, index: usize, count: usize) -> String {
    if path_version.is_empty() {
        return String::new();
    }
    format!("{} {}/{count}", bounded_path_version(path_version), index + 1)
}

/// Returns what stands for the version of a whole path: itself, or its SHA-256 where it is too long.
pub(crate) fn bounded_path_version(version: &str) -> Cow<'_, str> {
    bounded(version, limits::SOURCE_VERSION_BYTES - PLACE_BYTES)
}

/// Returns what stands for the version of one object: itself, or its SHA-256 where it is too long.
pub(crate) fn bounded_version(version: &str) -> Cow<'_, str> {
    bounded(version, limits::SOURCE_VERSION_BYTES)
}

fn bounded(version: &str, bytes: usize) -> Cow<'_, str> {
    if version.len() <= bytes {
        return Cow::Borrowed(version);
    }
    let digest = Sha256::digest(version.as_bytes());
    Cow::Owned(digest.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Returns what a path's documents have as their common version, if they are all there.
fn whole_version<'a>(mut versions: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let (whole, first, count) = document_of(versions.next()?)?;
    if count == 1 {
        return (first == 1 && versions.next().is_none()).then_some(whole);
    }
    let mut seen = vec![first];
    for version in versions {
        let (base, index, of) = document_of(version)?;
        if (base, of) != (whole, count) {
            return None;
        }
        seen.push(index);
    }
    seen.sort_unstable();
    seen.iter().copied().eq(1..=count).then_some(whole)
}

/// Splits the version of one of the documents of a path into the path's, which of them it is, and of how many.
fn document_of(version: &str) -> Option<(&str, usize, usize)> {
    let (base, place) = version.rsplit_once(' ')?;
    let (index, count) = place.split_once('/')?;
    Some((base, index.parse().ok()?, count.parse().ok()?))
}

mod slots;
#[cfg(test)]
mod tests;
