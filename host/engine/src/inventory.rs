//! What a scope owns, as far as an open generation must know it: which rows exist and which have been touched.
//!
//! The index holds hashes, not keys: 32 bytes a row and the map's slack. Two keys with one hash count as one row, which
//! can only make an absent row look present: it then stays until another process starts with another seed.
//!
//! Of a row that is as its source left it, the index can hold what it says, hashed under the same secret seed, so that
//! a source which says the same again is answered without reading the row. A change would be taken for none if the two
//! words of 64 bits collided under a seed that no source knows: once in 2⁶⁴ changes.

use std::collections::{BTreeSet, HashMap};
use std::hash::{BuildHasherDefault, DefaultHasher, Hash, Hasher};

use k1s_object::{DeclaredKey, GroupKind, Key};

use crate::id::Generation;
use crate::problem::Problem;

/// The hash of a key that the index goes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
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
        let mut hasher = seeded(seed);
        for part in [&*group_kind.group, &*group_kind.kind, namespace] {
            hasher.write(part.as_bytes());
            hasher.write(&[0]);
        }
        hasher.write(name.as_bytes());
        Self(hasher.finish())
    }

    /// Hashes a key as [`Key::encode`] writes it.
    #[must_use]
    pub fn of_encoded(key: &[u8], seed: u64) -> Self {
        let mut hasher = seeded(seed);
        hasher.write(key);
        Self(hasher.finish())
    }
}

impl Hash for KeyHash {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.0);
    }
}

/// What a row says, hashed: a source that says just this again changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Word(std::num::NonZeroU64);

impl Word {
    /// Hashes what a source says of an object, with all that decides what it means; `seed` as for [`KeyHash::of`].
    #[must_use]
    pub fn of(said: &impl Hash, seed: u64) -> Self {
        let mut hasher = seeded(seed);
        said.hash(&mut hasher);
        Self::ending(&hasher)
    }

    /// Hashes two forms of one thing, `more` of each after what both begin with: each as [`of`](Self::of) hashes a pair
    /// of `both` and it.
    #[must_use]
    pub fn forms<M: Hash>(both: &impl Hash, more: [M; 2], seed: u64) -> [Self; 2] {
        let mut begun = seeded(seed);
        both.hash(&mut begun);
        more.map(|more| {
            let mut hasher = begun.clone();
            more.hash(&mut hasher);
            Self::ending(&hasher)
        })
    }

    fn ending(hasher: &DefaultHasher) -> Self {
        Self(std::num::NonZeroU64::new(hasher.finish()).unwrap_or(std::num::NonZeroU64::MIN))
    }
}

fn seeded(seed: u64) -> DefaultHasher {
    let mut hasher = DefaultHasher::new();
    hasher.write_u64(seed);
    hasher
}

/// Takes a [`KeyHash`] for the hash that it is.
#[derive(Clone, Copy, Debug, Default)]
struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 << 8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }
}

/// What is remembered of a row.
#[derive(Clone, Copy, Debug, Default)]
struct Row {
    /// The generation that last touched it; 0 for none.
    touched: u64,
    words: Option<[Word; 2]>,
}

/// The rows of one scope.
#[derive(Debug, Default)]
pub struct ScopeIndex {
    row_by_key: HashMap<KeyHash, Row, BuildHasherDefault<AsItIs>>,
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
        if self.row_by_key.contains_key(&key) {
            Presence::Indexed
        } else {
            Presence::Absent
        }
    }

    /// Adds a row that was there before, or is new and not touched.
    pub fn insert(&mut self, key: KeyHash) {
        self.row_by_key.entry(key).or_default();
    }

    /// Adds a row that was there before, with what it says where it is as its source left it.
    pub fn load(&mut self, key: KeyHash, words: Option<[Word; 2]>) {
        let row = self.row_by_key.entry(key).or_default();
        row.words = words.or(row.words);
    }

    /// Notes what a row says that is as its source left it, in two forms; a row that is not indexed is passed over.
    pub fn note(&mut self, key: KeyHash, words: [Word; 2]) {
        if let Some(row) = self.row_by_key.get_mut(&key) {
            row.words = Some(words);
        }
    }

    /// Forgets what a row said: it was written since.
    pub fn unnote(&mut self, key: KeyHash) {
        if let Some(row) = self.row_by_key.get_mut(&key) {
            row.words = None;
        }
    }

    /// Whether a row is known to say just this, in either form.
    #[must_use]
    pub fn says(&self, key: KeyHash, word: Word) -> bool {
        let words = self.row_by_key.get(&key).and_then(|row| row.words);
        words.is_some_and(|words| words.contains(&word))
    }

    /// Marks a row as touched by the open listing if it is known to say just this, in either form; says whether it is.
    pub fn touch_if_says(&mut self, key: KeyHash, word: Word) -> bool {
        let generation = self.open.as_ref().map_or(0, |open| open.generation.get());
        let row = self.row_by_key.get_mut(&key);
        let Some(row) = row.filter(|row| row.words.is_some_and(|words| words.contains(&word))) else {
            return false;
        };
        let before = std::mem::replace(&mut row.touched, generation);
        if let Some(open) = &mut self.open
            && before != generation
        {
            open.touched += 1;
        }
        true
    }

    /// Drops a row.
    pub fn remove(&mut self, key: KeyHash) {
        let was = self.row_by_key.remove(&key);
        if let Some(open) = &mut self.open
            && was.is_some_and(|row| row.touched == open.generation.get())
        {
            open.touched -= 1;
        }
    }

    /// Rows there are.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.row_by_key.len()
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
        let row = self.row_by_key.entry(key).or_default();
        let before = std::mem::replace(&mut row.touched, generation);
        if let Some(open) = &mut self.open
            && before != generation
        {
            open.touched += 1;
        }
    }

    /// Whether the open listing has touched a key.
    #[must_use]
    pub fn is_touched(&self, key: KeyHash) -> bool {
        let open = self.open.as_ref();
        open.is_some_and(|open| self.was_touched(key, open.generation))
    }

    /// Whether a listing, open or ended, touched a key.
    #[must_use]
    pub fn was_touched(&self, key: KeyHash, generation: Generation) -> bool {
        let row = self.row_by_key.get(&key);
        row.is_some_and(|row| row.touched == generation.get())
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

    proptest! {
        #[test]
        fn a_key_and_its_encoded_form_have_one_hash(
            parts in proptest::array::uniform4("[a-zA-Z.-]{0,12}"),
            seed in any::<u64>(),
        ) {
            let [group, kind, namespace, name] = parts;
            let key = Key::new(&group, &kind, &namespace, &name);
            prop_assert_eq!(KeyHash::of(&key, seed), KeyHash::of_encoded(&key.encode(), seed));
        }
    }

    #[test]
    fn forms_are_hashed_as_pairs() {
        let forms = Word::forms(&("a", 1), [Some("b"), None], 7);
        assert_eq!(forms, [Some("b"), None].map(|more| Word::of(&(("a", 1), more), 7)));
        assert_ne!(forms[0], forms[1]);
    }

    #[test]
    fn a_row_that_was_there_before_is_loaded_with_what_it_says() {
        let mut index = ScopeIndex::default();
        let words = [Word::of(&"long", 7), Word::of(&"short", 7)];
        index.load(hash(1), Some(words));
        index.load(hash(2), None);
        assert_eq!(index.rows(), 2);
        assert!(index.says(hash(1), words[0]) && index.says(hash(1), words[1]));
        assert!(!index.says(hash(2), words[0]));
        assert_eq!(index.presence(hash(2)), Presence::Indexed);
        // Two keys of one hash count as one row.
        index.load(hash(1), None);
        assert!(index.says(hash(1), words[0]));
        assert_eq!(index.rows(), 2);
    }

    #[test]
    fn what_a_row_says_is_known_until_it_is_written() {
        let word = |text: &str| Word::of(&text, 7);
        let words = |text: &str| [word(text), word(&text.repeat(2))];
        let mut index = ScopeIndex::default();
        index.note(hash(1), words("a"));
        assert!(!index.says(hash(1), word("a")), "there is no row");
        index.insert(hash(1));
        assert!(!index.says(hash(1), word("a")));
        index.note(hash(1), words("a"));
        index.begin(Generation::new(1), String::new());
        index.touch(hash(1));
        assert!(index.says(hash(1), word("a")) && index.says(hash(1), word("aa")));
        assert!(!index.says(hash(1), word("b")));
        assert!(!index.says(hash(2), word("a")));
        assert!(!index.touch_if_says(hash(1), word("b")) && !index.touch_if_says(hash(2), word("a")));
        assert_eq!(index.open().map(OpenGeneration::touched), Some(1));
        index.begin(Generation::new(2), String::new());
        assert!(!index.is_touched(hash(1)));
        assert!(index.touch_if_says(hash(1), word("a")) && index.touch_if_says(hash(1), word("aa")));
        assert!(index.is_touched(hash(1)));
        assert_eq!(index.open().map(OpenGeneration::touched), Some(1));
        index.unnote(hash(1));
        assert!(!index.says(hash(1), word("a")));
        assert!(!index.touch_if_says(hash(1), word("a")));
        index.note(hash(1), words("b"));
        index.remove(hash(1));
        index.insert(hash(1));
        assert!(!index.says(hash(1), word("b")), "it is another row");
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
