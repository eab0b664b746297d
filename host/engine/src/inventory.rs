//! What a scope owns, as far as an open generation must know it: which rows exist and which have been touched.
//!
//! The index holds hashes, not keys: 16 bytes a row and the map's slack. Two keys with one hash count as one row, which
//! can only make an absent row look present: it then stays until another process starts with another seed.

use std::collections::{BTreeSet, HashMap};

use k1s_object::{DeclaredKey, GroupKind, Key};

use crate::id::Generation;
use crate::problem::Problem;

/// The hash of a key that the index goes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyHash(u64);

impl KeyHash {
    /// Hashes a key; `seed` is drawn once for each start of a host.
    #[must_use]
    pub fn of(key: &Key, seed: u64) -> Self {
        Self::of_parts(&key.group_kind, &key.namespace, &key.name, seed)
    }

    /// Hashes a key as declared: the hash of the key that takes it at its word.
    #[must_use]
    pub fn of_declared(key: &DeclaredKey, seed: u64) -> Self {
        Self::of_parts(&key.group_kind, &key.namespace, &key.name, seed)
    }

    fn of_parts(group_kind: &GroupKind, namespace: &str, name: &str, seed: u64) -> Self {
        // FNV-1a over the encoded key, finished by the mixer of SplitMix64: spread matters here, secrecy does not.
        let mut hash = 0xcbf2_9ce4_8422_2325_u64 ^ seed;
        for part in [&*group_kind.group, &*group_kind.kind, namespace, name] {
            for byte in part.bytes().chain([0]) {
                hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
            }
        }
        hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        Self(hash ^ (hash >> 31))
    }
}

/// The rows of one scope.
#[derive(Debug, Default)]
pub struct ScopeIndex {
    /// The generation that last touched each row; 0 for none.
    touched_by_row: HashMap<KeyHash, u64>,
    open: Option<OpenGeneration>,
}

/// A listing that has begun and not ended.
#[derive(Debug)]
pub struct OpenGeneration {
    generation: Generation,
    root_identity: String,
    touched: usize,
    pinned_paths: BTreeSet<Box<str>>,
    spoiled: Option<Problem>,
}

/// Whether a key has a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// There may be a row.
    Indexed,
    /// There is none.
    Absent,
}

impl ScopeIndex {
    /// Whether a key has a row.
    #[must_use]
    pub fn presence(&self, key: KeyHash) -> Presence {
        if self.touched_by_row.contains_key(&key) {
            Presence::Indexed
        } else {
            Presence::Absent
        }
    }

    /// Adds a row that was there before, or is new and not touched.
    pub fn insert(&mut self, key: KeyHash) {
        self.touched_by_row.entry(key).or_insert(0);
    }

    /// Drops a row.
    pub fn remove(&mut self, key: KeyHash) {
        let was = self.touched_by_row.remove(&key);
        if let Some(open) = &mut self.open
            && was == Some(open.generation.get())
        {
            open.touched -= 1;
        }
    }

    /// Rows there are.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.touched_by_row.len()
    }

    /// Begins a listing; one that was open is forgotten.
    pub fn begin(&mut self, generation: Generation, root_identity: String) {
        let open = OpenGeneration {
            generation,
            root_identity,
            touched: 0,
            pinned_paths: BTreeSet::new(),
            spoiled: None,
        };
        self.open = Some(open);
    }

    /// The open listing.
    #[must_use]
    pub fn open(&self) -> Option<&OpenGeneration> {
        self.open.as_ref()
    }

    /// Marks a key as touched by the open listing, adding a row for it.
    pub fn touch(&mut self, key: KeyHash) {
        let generation = self.open.as_ref().map_or(0, |open| open.generation.get());
        let before = self.touched_by_row.insert(key, generation).unwrap_or(0);
        if let Some(open) = &mut self.open
            && before != generation
        {
            open.touched += 1;
        }
    }

    /// Whether the open listing has touched a key.
    #[must_use]
    pub fn is_touched(&self, key: KeyHash) -> bool {
        let Some(open) = &self.open else { return false };
        self.touched_by_row.get(&key) == Some(&open.generation.get())
    }

    /// Whether a listing, open or ended, touched a key.
    #[must_use]
    pub fn was_touched(&self, key: KeyHash, generation: Generation) -> bool {
        self.touched_by_row.get(&key) == Some(&generation.get())
    }

    /// Pins everything last seen at a path, or below it, in the open listing.
    pub fn pin_path(&mut self, path: &str) {
        if let Some(open) = &mut self.open {
            open.pinned_paths.insert(path.into());
        }
    }

    /// Makes the open listing prove nothing; the first reason is kept.
    pub fn spoil(&mut self, problem: Problem) {
        if let Some(open) = &mut self.open {
            open.spoiled.get_or_insert(problem);
        }
    }

    /// Ends the open listing.
    pub fn end(&mut self) -> Option<OpenGeneration> {
        self.open.take()
    }
}

impl OpenGeneration {
    /// Which listing it is.
    #[must_use]
    pub fn generation(&self) -> Generation {
        self.generation
    }

    /// What the place says it is.
    #[must_use]
    pub fn root_identity(&self) -> &str {
        &self.root_identity
    }

    /// Rows touched so far.
    #[must_use]
    pub fn touched(&self) -> usize {
        self.touched
    }

    /// Why the listing proves nothing, if so.
    #[must_use]
    pub fn spoiled(&self) -> Option<&Problem> {
        self.spoiled.as_ref()
    }

    /// Whether something failed at this path, or at a directory above it.
    #[must_use]
    pub fn pins(&self, path: &str) -> bool {
        let directories = path.match_indices('/').map(|(at, _)| &path[..at]);
        std::iter::once(path)
            .chain(directories)
            .any(|prefix| self.pinned_paths.contains(prefix))
            || self.pinned_paths.contains("")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::problem::ProblemCode;

    fn hash(name: u8) -> KeyHash {
        KeyHash::of(&Key::new("", "ConfigMap", "shop", &name.to_string()), 7)
    }

    #[derive(Clone, Debug)]
    enum Step {
        Insert(u8),
        Remove(u8),
        Begin,
        Touch(u8),
        End,
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let name = 0..12_u8;
        let step = prop_oneof![
            name.clone().prop_map(Step::Insert),
            name.clone().prop_map(Step::Remove),
            Just(Step::Begin),
            name.prop_map(Step::Touch),
            Just(Step::End),
        ];
        prop::collection::vec(step, 0..80)
    }

    proptest! {
        #[test]
        fn the_index_equals_a_plain_map(steps in steps()) {
            let (mut index, mut model, mut open, mut generation) = (ScopeIndex::default(), BTreeMap::new(), None, 0);
            for step in steps {
                match step {
                    Step::Insert(name) => {
                        index.insert(hash(name));
                        model.entry(name).or_insert(None);
                    }
                    Step::Remove(name) => {
                        index.remove(hash(name));
                        model.remove(&name);
                    }
                    Step::Begin => {
                        generation += 1;
                        index.begin(Generation::new(generation), String::new());
                        open = Some(generation);
                    }
                    Step::Touch(name) => {
                        index.touch(hash(name));
                        model.insert(name, open);
                    }
                    Step::End => {
                        index.end();
                        open = None;
                    }
                }
                prop_assert_eq!(index.rows(), model.len());
                let touched = model.values().filter(|by| open.is_some() && **by == open).count();
                prop_assert_eq!(index.open().map_or(0, OpenGeneration::touched), touched);
                for name in 0..12 {
                    prop_assert_eq!(index.is_touched(hash(name)), open.is_some() && model.get(&name) == Some(&open));
                    prop_assert_eq!(index.presence(hash(name)) == Presence::Indexed, model.contains_key(&name));
                }
            }
        }
    }

    #[test]
    fn a_failed_path_pins_itself_and_what_lies_below() {
        let mut index = ScopeIndex::default();
        index.begin(Generation::new(1), String::new());
        index.pin_path("base/all.yaml");
        index.pin_path("shop");
        let open = index.open().expect("open");
        for (path, expected) in [
            ("base/all.yaml", true),
            ("base/all.yaml.bak", false),
            ("shop", true),
            ("shop/a/b.yaml", true),
            ("shopping/a.yaml", false),
            ("base", false),
        ] {
            assert_eq!(open.pins(path), expected, "{path}");
        }
    }

    #[test]
    fn the_first_reason_that_spoils_is_kept() {
        let mut index = ScopeIndex::default();
        index.spoil(Problem::with_object(ProblemCode::Internal, "no listing is open"));
        index.begin(Generation::new(1), String::new());
        index.spoil(Problem::with_object(ProblemCode::Partial, "first"));
        index.spoil(Problem::with_object(ProblemCode::Partial, "second"));
        assert_eq!(
            index.end().and_then(|open| open.spoiled.map(|problem| problem.message)),
            Some("first".to_owned())
        );
    }
}
