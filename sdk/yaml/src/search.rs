//! A search for one place while a document is composed again: places are not kept, they are looked for when asked.

/// What is looked for, and what is found.
#[derive(Debug)]
pub(crate) enum Search {
    /// Nothing: the first reading.
    None,
    /// The first occurrence of a key in the mapping that is `mapping`-th to be opened.
    Key {
        mapping: usize,
        key: String,
        found: Option<FirstKey>,
    },
    /// The value, and its key, at a JSON pointer.
    Pointer(PointerSearch),
}

/// Where a key is set first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FirstKey {
    pub(crate) offset: usize,
    pub(crate) merged: bool,
}

/// The offsets of a value and of its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) key: Option<usize>,
    pub(crate) value: usize,
}

/// The progress of a search for a pointer.
#[derive(Debug)]
pub(crate) struct PointerSearch {
    tokens: Vec<String>,
    /// How deep the reader is.
    depth: usize,
    /// How many tokens the way to there matches, from the front.
    matched: usize,
    pub(crate) found: Option<Place>,
}

impl PointerSearch {
    /// Prepares a search for `pointer` (RFC 6901); `None` if it is not one.
    pub(crate) fn new(pointer: &str) -> Option<Self> {
        let tokens = match pointer.strip_prefix('/') {
            Some(rest) => rest
                .split('/')
                .map(|token| token.replace("~1", "/").replace("~0", "~"))
                .collect(),
            None if pointer.is_empty() => Vec::new(),
            None => return None,
        };
        Some(Self {
            tokens,
            depth: 0,
            matched: 0,
            found: None,
        })
    }

    fn enter(&mut self, is_token: impl FnOnce(&str) -> bool, key: Option<usize>, value: usize) {
        if self.matched == self.depth && self.tokens.get(self.depth).is_some_and(|token| is_token(token)) {
            self.matched += 1;
            self.found_at(self.depth + 1, key, value);
        }
        self.depth += 1;
    }

    fn found_at(&mut self, depth: usize, key: Option<usize>, value: usize) {
        if self.found.is_none() && depth == self.tokens.len() && self.matched == depth {
            self.found = Some(Place { key, value });
        }
    }

    fn leave(&mut self) {
        if self.matched == self.depth {
            self.matched -= 1;
        }
        self.depth -= 1;
    }
}

impl Search {
    /// Notes where the root begins.
    pub(crate) fn root(&mut self, value: usize) {
        if let Self::Pointer(search) = self {
            search.found_at(0, None, value);
        }
    }

    /// Notes a key of the mapping `mapping`, before its value.
    pub(crate) fn key(&mut self, mapping: usize, name: &str, first: FirstKey, value: usize) {
        match self {
            Self::None => {}
            Self::Key {
                mapping: wanted,
                key,
                found,
            } => {
                if *wanted == mapping && key == name && found.is_none() {
                    *found = Some(first);
                }
            }
            Self::Pointer(search) => search.enter(|token| token == name, Some(first.offset), value),
        }
    }

    /// Notes an item of a sequence, before it is read.
    pub(crate) fn item(&mut self, index: usize, value: usize) {
        if let Self::Pointer(search) = self {
            search.enter(|token| token.parse() == Ok(index), None, value);
        }
    }

    /// Notes that the value of the last key or item has been read.
    pub(crate) fn leave(&mut self) {
        if let Self::Pointer(search) = self {
            search.leave();
        }
    }
}
