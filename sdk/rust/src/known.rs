//! What the host holds of one scope, as far as this session knows it: told by the host, or sent by us.
//!
//! It only serves `Seen` and the choice between two declarations of one key; forgetting an entry costs sending an
//! object again and nothing else. Bounded by [`ENTRIES`]; beyond it new entries are not remembered.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use k1s_source_proto::limits;
use k1s_source_proto::v1::{Key, KnownObject};
use sha2::{Digest as _, Sha256};

/// Most entries of one scope.
const ENTRIES: usize = 4_000_000;
/// Room for " i/n" at the end of the version of one of several documents, in bytes.
const PLACE_BYTES: usize = 20;

/// What the host holds of one scope, by key and by path.
#[derive(Debug, Default)]
pub struct Known {
    by_key: HashMap<Arc<PackedKey>, Held>,
    /// May name keys that have moved to another path since; `by_key` decides.
    keys_by_path: HashMap<Arc<str>, Vec<Arc<PackedKey>>>,
}

#[derive(Debug)]
struct Held {
    path: Arc<str>,
    version: Box<str>,
    /// The last generation of this session that touched it; 0 before the first.
    touched: u64,
}

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
        self.by_key.get(&PackedKey::new(key)).map(|held| &*held.version)
    }

    /// Returns the path that declared `key` when the host last accepted it.
    #[must_use]
    pub fn owner(&self, key: &Key) -> Option<&str> {
        self.by_key.get(&PackedKey::new(key)).map(|held| &*held.path)
    }

    /// Returns what the host holds of `path`; none where it holds nothing.
    #[must_use]
    pub fn path(&self, path: &str) -> Option<KnownPath> {
        let objects: BTreeMap<Key, String> = self
            .held_by(path)
            .map(|(key, version)| (key, version.to_owned()))
            .collect();
        if objects.is_empty() {
            return None;
        }
        let version = whole_version(objects.values().map(String::as_str)).map(str::to_owned);
        Some(KnownPath { objects, version })
    }

    /// Returns the paths that the host holds something of, in no order; a path may have lost its objects since.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.keys_by_path.keys().map(|path| &**path)
    }

    fn held_by(&self, path: &str) -> impl Iterator<Item = (Key, &str)> {
        let keys = self.keys_by_path.get(path).map(Vec::as_slice).unwrap_or_default();
        keys.iter().filter_map(move |key| {
            let held = self.by_key.get(key).filter(|held| &*held.path == path)?;
            Some((key.unpack(), &*held.version))
        })
    }

    pub(crate) fn told(&mut self, object: KnownObject) {
        let KnownObject {
            key,
            source_version,
            path,
        } = object;
        if let Some(key) = key {
            self.hold(&key, &path, &source_version, 0);
        }
    }

    pub(crate) fn hold(&mut self, key: &Key, path: &str, version: &str, generation: u64) {
        let packed = PackedKey::new(key);
        if let Some(held) = self.by_key.get_mut(&packed).filter(|held| &*held.path == path) {
            held.version = version.into();
            held.touched = generation;
            return;
        }
        if self.by_key.len() >= ENTRIES {
            return;
        }
        let packed = Arc::new(packed);
        let shared = self.keys_by_path.get_key_value(path).map(|(path, _)| Arc::clone(path));
        let path = shared.unwrap_or_else(|| path.into());
        self.keys_by_path
            .entry(Arc::clone(&path))
            .or_default()
            .push(Arc::clone(&packed));
        self.by_key.insert(
            packed,
            Held {
                path,
                version: version.into(),
                touched: generation,
            },
        );
    }

    pub(crate) fn touch(&mut self, key: &Key, generation: u64) {
        if let Some(held) = self.by_key.get_mut(&PackedKey::new(key)) {
            held.touched = generation;
        }
    }

    pub(crate) fn remove(&mut self, key: &Key) {
        self.by_key.remove(&PackedKey::new(key));
    }

    /// Forgets what a complete generation did not touch and no failure pins.
    pub(crate) fn complete(&mut self, generation: u64, pinned: impl Fn(&str) -> bool) {
        self.by_key
            .retain(|_, held| held.touched == generation || pinned(&held.path));
        self.keys_by_path.retain(|path, keys| {
            keys.retain(|key| self.by_key.get(key).is_some_and(|held| held.path == *path));
            keys.sort_unstable();
            keys.dedup();
            !keys.is_empty()
        });
    }

    /// Forgets every version, so that nothing counts as seen; who declared what stays known.
    pub(crate) fn forget_versions(&mut self) {
        self.by_key.values_mut().for_each(|held| held.version = "".into());
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
pub(crate) fn bounded_path_version(version: &str) -> String {
    bounded(version, limits::SOURCE_VERSION_BYTES - PLACE_BYTES)
}

/// Returns what stands for the version of one object: itself, or its SHA-256 where it is too long.
pub(crate) fn bounded_version(version: &str) -> String {
    bounded(version, limits::SOURCE_VERSION_BYTES)
}

fn bounded(version: &str, bytes: usize) -> String {
    if version.len() <= bytes {
        return version.to_owned();
    }
    Sha256::digest(version.as_bytes())
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Returns what a path's documents have as their common version, if they are all there.
fn whole_version<'a>(versions: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let mut seen = Vec::new();
    let mut whole = None;
    for version in versions {
        let (base, place) = version.rsplit_once(' ')?;
        let (index, count) = place.split_once('/')?;
        let (index, count): (usize, usize) = (index.parse().ok()?, count.parse().ok()?);
        if *whole.get_or_insert((base, count)) != (base, count) {
            return None;
        }
        seen.push(index);
    }
    let (base, count) = whole?;
    seen.sort_unstable();
    seen.iter().copied().eq(1..=count).then_some(base)
}

/// A key in one allocation: its four parts joined, and where the first three end.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct PackedKey {
    text: Box<str>,
    ends: [u32; 3],
}

impl PackedKey {
    pub(crate) fn new(key: &Key) -> Self {
        let Key {
            group,
            kind,
            namespace,
            name,
        } = key;
        let end =
            |parts: &[&str]| u32::try_from(parts.iter().map(|part| part.len()).sum::<usize>()).unwrap_or(u32::MAX);
        let ends = [end(&[group]), end(&[group, kind]), end(&[group, kind, namespace])];
        Self {
            text: [group.as_str(), kind, namespace, name].concat().into(),
            ends,
        }
    }

    fn unpack(&self) -> Key {
        let [group, kind, namespace] = self.ends.map(|end| end as usize);
        let part = |from: usize, to: usize| self.text.get(from..to).unwrap_or_default().to_owned();
        Key {
            group: part(0, group),
            kind: part(group, kind),
            namespace: part(kind, namespace),
            name: part(namespace, self.text.len()),
        }
    }
}

#[cfg(test)]
mod tests;
