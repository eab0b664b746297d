//! From tokens to a JSON value in one pass: what go-yaml's strict decoder and sigs.k8s.io/yaml's conversion make of a
//! document, with limits on depth and on what aliases add.
//!
//! Invariants: recursion is as deep as `Limits::depth`; each node costs one token; the counts of nodes are go-yaml's,
//! so that its alias ratio means the same here.

use std::ops::Range;

use serde_json::map::Entry;
use serde_json::{Map, Value};

use crate::Limits;
use crate::error::{ErrorKind, Fault, FaultKind};
use crate::event::{Event, Events};
use crate::scalar::Scalar;
use crate::search::{FirstKey, Search};
use crate::token::{Aliases, Placed, Token, Tokens};

/// A document's content.
#[derive(Debug)]
pub(crate) struct Composed {
    pub(crate) value: Value,
    /// The byte offset of the content.
    pub(crate) start: usize,
    /// The byte offset of content behind the document's end, which Kubernetes ignores.
    pub(crate) ignored: Option<usize>,
}

/// Composes the first document of a stream; `None` if there is no document.
pub(crate) fn compose<E: Events>(
    events: E,
    aliases: Aliases,
    limits: &Limits,
    search: &mut Search,
) -> Result<Option<Composed>, Fault> {
    let mut composer = Composer {
        tokens: Tokens::new(events, aliases),
        limits,
        search,
        depth: 0,
        mappings: 0,
        nodes: 0,
        alias_nodes: 0,
        alias_bytes: 0,
    };
    loop {
        match composer.tokens.events().next()?.event {
            Event::DocumentStart => break,
            Event::StreamEnd => return Ok(None),
            Event::StreamStart
            | Event::DocumentEnd
            | Event::Alias { .. }
            | Event::Scalar { .. }
            | Event::SequenceStart { .. }
            | Event::SequenceEnd
            | Event::MappingStart { .. }
            | Event::MappingEnd => {}
        }
    }
    let root = composer.tokens.next()?;
    let start = root.offset;
    composer.search.root(start);
    let value = composer.node(root)?;
    // The parser has looked one token ahead to know that the root is complete, as go-yaml's has.
    composer.tokens.events().next()?;
    let ignored = match composer.tokens.events().next() {
        Ok(located) if located.event == Event::StreamEnd => None,
        Ok(located) => Some(located.offset),
        Err(fault) => Some(fault.offset),
    };
    Ok(Some(Composed { value, start, ignored }))
}

struct Composer<'l, E> {
    tokens: Tokens<E>,
    limits: &'l Limits,
    search: &'l mut Search,
    depth: usize,
    /// The mappings opened so far, which numbers them.
    mappings: usize,
    nodes: usize,
    alias_nodes: usize,
    alias_bytes: usize,
}

/// A mapping under construction.
struct Entries {
    map: Map<String, Value>,
    /// Its number.
    mapping: usize,
}

/// How a key gets into a mapping.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Origin {
    Own,
    Merged,
}

impl<E: Events> Composer<'_, E> {
    fn node(&mut self, placed: Placed) -> Result<Value, Fault> {
        self.count(&placed)?;
        let offset = placed.offset;
        match placed.token {
            Token::Scalar(scalar) => scalar.into_value().map_err(|kind| Fault::new(kind, offset)),
            Token::Alias(range) => self.expand(range, Self::next_node),
            Token::SequenceStart { anchor } => self.nested(offset, |composer| composer.sequence(anchor)),
            Token::MappingStart { anchor } => self.nested(offset, |composer| composer.mapping(anchor)),
            Token::SequenceEnd | Token::MappingEnd => Err(Fault::syntax("unexpected end of a collection", offset)),
        }
    }

    fn next_node(&mut self) -> Result<Value, Fault> {
        let placed = self.tokens.next()?;
        self.node(placed)
    }

    fn expand<T>(&mut self, range: Range<usize>, read: impl FnOnce(&mut Self) -> Result<T, Fault>) -> Result<T, Fault> {
        self.tokens.enter(range);
        let read = read(self);
        self.tokens.leave();
        read
    }

    fn nested<T>(&mut self, offset: usize, read: impl FnOnce(&mut Self) -> Result<T, Fault>) -> Result<T, Fault> {
        if self.depth == self.limits.depth {
            return Err(Fault::new(
                ErrorKind::TooDeep {
                    limit: self.limits.depth,
                },
                offset,
            ));
        }
        self.depth += 1;
        let read = read(self);
        self.depth -= 1;
        read
    }

    /// Counts one visit of go-yaml's decoder, and what aliases add.
    fn count(&mut self, placed: &Placed) -> Result<(), Fault> {
        self.nodes += 1;
        if self.tokens.in_alias() {
            self.alias_nodes += 1;
            if let Token::Scalar(Scalar::String(text)) = &placed.token {
                self.alias_bytes += text.len();
            }
        }
        if self.nodes > self.limits.nodes {
            let limit = self.limits.nodes;
            return Err(Fault::new(ErrorKind::TooManyNodes { limit }, placed.offset));
        }
        let beyond = self.alias_nodes > self.limits.alias_nodes || self.alias_bytes > self.limits.alias_bytes;
        if beyond || is_excessive(self.alias_nodes, self.nodes) {
            return Err(Fault::new(ErrorKind::AliasBomb, placed.offset));
        }
        Ok(())
    }

    fn sequence(&mut self, anchor: Option<usize>) -> Result<Value, Fault> {
        let mut items = Vec::new();
        loop {
            let placed = self.tokens.next()?;
            if matches!(placed.token, Token::SequenceEnd) {
                self.tokens.close(anchor);
                return Ok(Value::Array(items));
            }
            self.search.item(items.len(), placed.offset);
            items.push(self.node(placed)?);
            self.search.leave();
        }
    }

    fn mapping(&mut self, anchor: Option<usize>) -> Result<Value, Fault> {
        let mut entries = Entries {
            map: Map::new(),
            mapping: self.mappings,
        };
        self.mappings += 1;
        self.entries(&mut entries, Origin::Own, anchor)?;
        Ok(Value::Object(entries.map))
    }

    fn entries(&mut self, entries: &mut Entries, origin: Origin, anchor: Option<usize>) -> Result<(), Fault> {
        loop {
            let key = self.tokens.next()?;
            let offset = key.offset;
            match key.token {
                Token::MappingEnd => {
                    self.tokens.close(anchor);
                    return Ok(());
                }
                Token::Scalar(Scalar::Merge) => self.merge(entries)?,
                Token::Scalar(_)
                | Token::Alias(_)
                | Token::SequenceStart { .. }
                | Token::SequenceEnd
                | Token::MappingStart { .. } => {
                    let key = self.key(key)?;
                    self.entry(entries, origin, key, offset)?;
                }
            }
        }
    }

    fn entry(&mut self, entries: &mut Entries, origin: Origin, key: String, offset: usize) -> Result<(), Fault> {
        let first = FirstKey {
            offset,
            merged: origin == Origin::Merged,
        };
        match entries.map.entry(key) {
            Entry::Occupied(entry) => {
                let kind = FaultKind::KeyTwice {
                    mapping: entries.mapping,
                    key: entry.key().clone(),
                    merged: first.merged,
                };
                Err(Fault { kind, offset })
            }
            Entry::Vacant(entry) => {
                let value = self.tokens.next()?;
                self.search.key(entries.mapping, entry.key(), first, value.offset);
                entry.insert(self.node(value)?);
                self.search.leave();
                Ok(())
            }
        }
    }

    fn key(&mut self, placed: Placed) -> Result<String, Fault> {
        self.count(&placed)?;
        let offset = placed.offset;
        let found = match placed.token {
            Token::Scalar(scalar) => return scalar.into_key().map_err(|kind| Fault::new(kind, offset)),
            Token::Alias(range) => {
                return self.expand(range, |composer| {
                    let placed = composer.tokens.next()?;
                    composer.key(placed)
                });
            }
            Token::SequenceStart { .. } | Token::SequenceEnd => "a sequence",
            Token::MappingStart { .. } | Token::MappingEnd => "a mapping",
        };
        Err(Fault::new(ErrorKind::KeyType { found }, offset))
    }

    /// Reads the value of `<<` into the mapping that has it.
    fn merge(&mut self, entries: &mut Entries) -> Result<(), Fault> {
        let placed = self.tokens.next()?;
        match placed.token {
            Token::SequenceStart { anchor } => loop {
                let placed = self.tokens.next()?;
                if matches!(placed.token, Token::SequenceEnd) {
                    self.tokens.close(anchor);
                    return Ok(());
                }
                self.merge_one(entries, placed)?;
            },
            Token::Scalar(_)
            | Token::Alias(_)
            | Token::SequenceEnd
            | Token::MappingStart { .. }
            | Token::MappingEnd => self.merge_one(entries, placed),
        }
    }

    fn merge_one(&mut self, entries: &mut Entries, placed: Placed) -> Result<(), Fault> {
        self.count(&placed)?;
        let offset = placed.offset;
        match placed.token {
            Token::MappingStart { anchor } => {
                self.nested(offset, |composer| composer.entries(entries, Origin::Merged, anchor))
            }
            Token::Alias(range) if self.tokens.is_mapping(&range) => self.expand(range, |composer| {
                let placed = composer.tokens.next()?;
                composer.merge_one(entries, placed)
            }),
            Token::Scalar(_)
            | Token::Alias(_)
            | Token::SequenceStart { .. }
            | Token::SequenceEnd
            | Token::MappingEnd => Err(Fault::new(ErrorKind::MergeValue, offset)),
        }
    }
}

/// The nodes up to which go-yaml allows 99 % of a document to come from aliases.
const RATIO_LOW: f64 = 400_000.0;
/// The nodes from which it allows 10 %.
const RATIO_HIGH: f64 = 4_000_000.0;

/// go-yaml's guard: `allowedAliasRatio` in decode.go, which counts the document as a node too.
#[expect(clippy::cast_precision_loss, reason = "the counts are far below 2^52")]
fn is_excessive(alias_nodes: usize, nodes: usize) -> bool {
    let nodes = nodes + 1;
    if alias_nodes <= 100 || nodes <= 1000 {
        return false;
    }
    let nodes = nodes as f64;
    let scale = ((nodes - RATIO_LOW) / (RATIO_HIGH - RATIO_LOW)).clamp(0.0, 1.0);
    alias_nodes as f64 / nodes > 0.99 - 0.89 * scale
}
