//! Who declares what in one generation, and which of two declarations of one key is used.
//!
//! Pure. The rule (two declarations of one key in one generation): the path that the host applied now keeps the key
//! until the generation ends; then the lowest path wins and every other declaration is a DUPLICATE_KEY. Without a
//! path applied now, the first one sent keeps it until then. Bodies are kept only of declarations that may still
//! win, at most [`HELD_BYTES`] of them; beyond that the rule degrades to "the one sent first wins".

use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;

use k1s_source_proto::v1::Key;

use crate::known::{KeyParts, key_of, parts};
use crate::object::Object;
use crate::{At, Problem};

/// Most bytes of objects whose turn is decided at the end of the generation.
const HELD_BYTES: usize = 16 * 1024 * 1024;

/// What to do with a declaration now.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Send it: it is the first, or the same place said it again.
    Send,
    /// Wait for the end of the generation.
    Held,
    /// It lost, and there is no room to reconsider.
    Refused(Problem),
}

/// What the end of a generation decided about one declaration.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Settled {
    Won(Object, At),
    Lost(Key, At, Problem),
}

/// The declarations of one generation.
#[derive(Debug, Default)]
pub(crate) struct Declared {
    hashers: [RandomState; 2],
    place_by_key: HashMap<u128, Place>,
    paths: Vec<Arc<str>>,
    index_by_path: HashMap<Arc<str>, u32>,
    failed_paths: HashSet<Arc<str>>,
    held_by_key: BTreeMap<Key, Vec<Held>>,
    held_bytes: usize,
    calls: u32,
}

/// Where a key was declared; a few words instead of the strings, for there is one for each key.
#[derive(Clone, Copy, Debug, Default)]
struct Place {
    path: u32,
    document: u32,
    line: u32,
    column: u32,
    call: u32,
}

#[derive(Debug)]
struct Held {
    object: Object,
    at: At,
    call: u32,
}

impl Declared {
    /// Begins the declarations of one whole path; the same path declared by a later call replaces them.
    pub(crate) fn next_call(&mut self) -> u32 {
        self.calls += 1;
        self.calls
    }

    /// Judges a declaration. `owner` is the path whose declaration of the key the host applied last.
    pub(crate) fn declare(&mut self, object: &Object, at: &At, call: u32, owner: Option<&str>) -> Standing {
        let hash = self.hash(&parts(&object.key));
        let sitting = self.place_by_key.get(&hash).copied();
        match sitting {
            Some(place) if !self.is_replaced(place, at, call) => {
                if self.hold(object, at, call) {
                    return Standing::Held;
                }
                Standing::Refused(Problem::duplicate_key(&object.key, &self.at(place)))
            }
            None if owner.is_some_and(|owner| owner != at.path) && self.hold(object, at, call) => Standing::Held,
            Some(_) | None => {
                let place = self.place(at, call);
                self.place_by_key.insert(hash, place);
                Standing::Send
            }
        }
    }

    /// Tells whether `path` may say that it still declares `key`; not if another place declared it in this generation,
    /// also where that is still to be decided: the path must then be declared, for what loses is told with its place.
    pub(crate) fn may_see(&self, key: &KeyParts<'_>, path: &str) -> bool {
        if !self.held_by_key.is_empty() && self.held_by_key.contains_key(&key_of(key)) {
            return false;
        }
        if self.place_by_key.is_empty() {
            return true;
        }
        let sitting = self.place_by_key.get(&self.hash(key));
        sitting.is_none_or(|sitting| self.path_at(*sitting) == path)
    }

    /// Records that `path` still declares `key`, unless the key has a place.
    pub(crate) fn saw(&mut self, key: &KeyParts<'_>, path: &str) {
        let hash = self.hash(key);
        if !self.place_by_key.contains_key(&hash) {
            let place = Place {
                path: self.path_index(path),
                ..Place::default()
            };
            self.place_by_key.insert(hash, place);
        }
    }

    /// Records that something of `path` failed: what it declared before counts as still declared by it.
    pub(crate) fn failed(&mut self, path: &str) {
        if !path.is_empty() && !self.failed_paths.contains(path) {
            self.failed_paths.insert(path.into());
        }
    }

    /// Tells whether something of `path` failed, or a directory above it.
    pub(crate) fn has_failed(&self, path: &str) -> bool {
        let slashes = path.match_indices('/').map(|(end, _)| end);
        let mut parts = slashes.chain([path.len()]).filter_map(|end| path.get(..end));
        !self.failed_paths.is_empty() && parts.any(|part| self.failed_paths.contains(part))
    }

    /// Forgets that `key` is declared.
    pub(crate) fn deleted(&mut self, key: &Key) {
        self.place_by_key.remove(&self.hash(&parts(key)));
    }

    /// Decides about everything held, in the order of keys. `owner` is as in [`declare`](Self::declare).
    pub(crate) fn settle<'o>(&mut self, owner: impl Fn(&Key) -> Option<&'o str>) -> Vec<Settled> {
        self.held_bytes = 0;
        let mut settled = Vec::new();
        for (key, mut held) in std::mem::take(&mut self.held_by_key) {
            held.sort_by(|left, right| rank(&left.at).cmp(&rank(&right.at)));
            let sitting = self
                .place_by_key
                .get(&self.hash(&parts(&key)))
                .map(|place| self.at(*place));
            let unreadable = owner(&key)
                .filter(|path| sitting.is_none() && self.has_failed(path))
                .map(At::path);
            let best = held.first().map(|held| rank(&held.at));
            let stays = match &sitting {
                Some(at) => best.is_none_or(|best| rank(at) < best),
                None => unreadable.is_some(),
            };
            if stays {
                let winner = sitting.or(unreadable).unwrap_or_default();
                settled.extend(held.into_iter().map(|held| lost(&key, held.at, &winner)));
            } else {
                self.replace(&key, sitting, held, &mut settled);
            }
        }
        settled
    }

    /// The first of `held` wins against the one that sits and all others.
    fn replace(&mut self, key: &Key, sitting: Option<At>, held: Vec<Held>, settled: &mut Vec<Settled>) {
        let mut held = held.into_iter();
        let Some(winner) = held.next() else { return };
        let place = self.place(&winner.at, winner.call);
        self.place_by_key.insert(self.hash(&parts(key)), place);
        let losers = sitting.into_iter().chain(held.map(|held| held.at));
        let losses: Vec<Settled> = losers.map(|at| lost(key, at, &winner.at)).collect();
        settled.push(Settled::Won(winner.object, winner.at));
        settled.extend(losses);
    }

    /// A later call for the same path replaces what that path said; so does the same place saying it again.
    fn is_replaced(&self, place: Place, at: &At, call: u32) -> bool {
        let same_path = self.path_at(place) == at.path;
        let same_place = (place.document, place.line, place.column) == (at.document, at.line, at.column);
        same_path && (if call == 0 { same_place } else { place.call != call })
    }

    fn hold(&mut self, object: &Object, at: &At, call: u32) -> bool {
        let held = self.held_by_key.entry(object.key.clone()).or_default();
        let replaced = held.extract_if(.., |held| held.at.path == at.path && held.call != call);
        self.held_bytes -= replaced.map(|held| held.object.json.len()).sum::<usize>();
        let bytes = object.json.len();
        if self.held_bytes + bytes > HELD_BYTES {
            if held.is_empty() {
                self.held_by_key.remove(&object.key);
            }
            return false;
        }
        self.held_bytes += bytes;
        held.push(Held {
            object: object.clone(),
            at: at.clone(),
            call,
        });
        true
    }

    fn place(&mut self, at: &At, call: u32) -> Place {
        Place {
            path: self.path_index(&at.path),
            document: at.document,
            line: at.line,
            column: at.column,
            call,
        }
    }

    fn path_index(&mut self, path: &str) -> u32 {
        if let Some(index) = self.index_by_path.get(path) {
            return *index;
        }
        let path: Arc<str> = path.into();
        let index = u32::try_from(self.paths.len()).unwrap_or(u32::MAX);
        self.paths.push(Arc::clone(&path));
        self.index_by_path.insert(path, index);
        index
    }

    /// 128 bits under two secret seeds: at a billion keys the chance of two alike is below 10^-20, also for keys chosen
    /// to collide.
    fn hash(&self, key: &KeyParts<'_>) -> u128 {
        let [high, low] = self.hashers.each_ref().map(|hasher| u128::from(hasher.hash_one(key)));
        (high << 64) | low
    }

    fn path_at(&self, place: Place) -> &str {
        let path = self.paths.get(place.path as usize);
        path.map(|path| &**path).unwrap_or_default()
    }

    fn at(&self, place: Place) -> At {
        let Place {
            document, line, column, ..
        } = place;
        At {
            path: self.path_at(place).to_owned(),
            document,
            line,
            column,
            ..At::default()
        }
    }
}

fn rank(at: &At) -> (&str, u32, u32, u32) {
    (&at.path, at.document, at.line, at.column)
}

fn lost(key: &Key, at: At, winner: &At) -> Settled {
    Settled::Lost(key.clone(), at, Problem::duplicate_key(key, winner))
}

#[cfg(test)]
mod tests;
