//! Events with their scalars resolved, and their record for aliases.
//!
//! Where a text has no `*` nothing is recorded. Else the nodes that have an anchor are, so that an alias replays them;
//! how many nodes that makes is the composer's to count, which bounds the record too.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::error::{ErrorKind, Fault};
use crate::event::{Event, Events, Located};
use crate::scalar::{self, Scalar};

/// One event of a document's content.
#[derive(Debug, Clone)]
pub(crate) enum Token {
    Scalar(Scalar),
    /// The recorded tokens that the alias stands for.
    Alias(Range<usize>),
    SequenceStart {
        anchor: Option<usize>,
    },
    SequenceEnd,
    MappingStart {
        anchor: Option<usize>,
    },
    MappingEnd,
}

/// A token and the byte offset at which it begins.
#[derive(Debug, Clone)]
pub(crate) struct Placed {
    pub(crate) token: Token,
    pub(crate) offset: usize,
}

/// The tokens of one document: live from its text, or from the record while an alias is expanded.
pub(crate) struct Tokens<E> {
    events: E,
    record: Option<Record>,
    /// What is left of the aliases being expanded, innermost last.
    replays: Vec<Range<usize>>,
}

#[derive(Default)]
struct Record {
    tokens: Vec<Placed>,
    /// How many of the anchors are open.
    open: usize,
    by_name: BTreeMap<String, usize>,
    anchors: Vec<Anchor>,
}

struct Anchor {
    start: usize,
    /// None while the node is still open.
    end: Option<usize>,
}

impl<E: Events> Tokens<E> {
    pub(crate) fn new(events: E, may_alias: Aliases) -> Self {
        let record = match may_alias {
            Aliases::Possible => Some(Record::default()),
            Aliases::Absent => None,
        };
        Self {
            events,
            record,
            replays: Vec::new(),
        }
    }

    /// Returns the source of the events, for what stands around the content.
    pub(crate) fn events(&mut self) -> &mut E {
        &mut self.events
    }

    /// Returns the next token of the content.
    pub(crate) fn next(&mut self) -> Result<Placed, Fault> {
        if let Some(at) = self.replays.last_mut().and_then(Iterator::next) {
            let recorded = self.record.as_ref().and_then(|record| record.tokens.get(at));
            return recorded
                .cloned()
                .ok_or_else(|| Fault::syntax("an alias has lost its anchor", 0));
        }
        let Located { event, offset } = self.events.next()?;
        let anchored = self.record.as_ref().map_or(0, |record| record.anchors.len());
        let token = token(event, offset, self.record.as_mut())?;
        let placed = Placed { token, offset };
        if let Some(record) = &mut self.record
            && (record.open > 0 || record.anchors.len() > anchored)
        {
            record.tokens.push(placed.clone());
        }
        Ok(placed)
    }

    /// Notes that the collection that began with `anchor` has ended with the last token.
    pub(crate) fn close(&mut self, anchor: Option<usize>) {
        if let (Some(record), Some(anchor), true) = (&mut self.record, anchor, self.replays.is_empty())
            && let Some(anchor) = record.anchors.get_mut(anchor)
        {
            anchor.end = Some(record.tokens.len());
            record.open -= 1;
        }
    }

    /// Makes the tokens of `range` the next ones, until `leave`.
    pub(crate) fn enter(&mut self, range: Range<usize>) {
        self.replays.push(range);
    }

    /// Ends the innermost expansion.
    pub(crate) fn leave(&mut self) {
        self.replays.pop();
    }

    /// Returns whether the next token comes from an alias.
    pub(crate) fn in_alias(&self) -> bool {
        !self.replays.is_empty()
    }

    /// Returns whether the alias stands for a mapping.
    pub(crate) fn is_mapping(&self, alias: &Range<usize>) -> bool {
        let first = self.record.as_ref().and_then(|record| record.tokens.get(alias.start));
        first.is_some_and(|first| matches!(first.token, Token::MappingStart { .. }))
    }
}

/// Whether a text can have aliases at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Aliases {
    Possible,
    Absent,
}

impl Record {
    /// Begins an anchor at the next token.
    fn anchor(&mut self, name: &str) -> usize {
        let id = self.anchors.len();
        self.anchors.push(Anchor {
            start: self.tokens.len(),
            end: None,
        });
        self.by_name.insert(name.to_owned(), id);
        id
    }

    fn alias(&self, name: &str) -> Result<Range<usize>, ErrorKind> {
        let anchor = self.by_name.get(name).and_then(|id| self.anchors.get(*id));
        let anchor = anchor.ok_or_else(|| ErrorKind::UnknownAnchor { name: name.to_owned() })?;
        let end = anchor
            .end
            .ok_or_else(|| ErrorKind::SelfReference { name: name.to_owned() })?;
        Ok(anchor.start..end)
    }
}

fn token(event: Event<'_>, offset: usize, record: Option<&mut Record>) -> Result<Token, Fault> {
    let start = |anchor: Option<&str>, record: Option<&mut Record>| {
        let (record, name) = (record?, anchor?);
        record.open += 1;
        Some(record.anchor(name))
    };
    match event {
        Event::Scalar { text, style, anchor } => {
            let scalar = scalar::resolve(text, style).map_err(|kind| Fault::new(kind, offset))?;
            if let (Some(name), Some(record)) = (anchor, record) {
                let id = record.anchor(name);
                if let Some(anchor) = record.anchors.get_mut(id) {
                    anchor.end = Some(anchor.start + 1);
                }
            }
            Ok(Token::Scalar(scalar))
        }
        Event::SequenceStart { anchor } => Ok(Token::SequenceStart {
            anchor: start(anchor, record),
        }),
        Event::SequenceEnd => Ok(Token::SequenceEnd),
        Event::MappingStart { anchor } => Ok(Token::MappingStart {
            anchor: start(anchor, record),
        }),
        Event::MappingEnd => Ok(Token::MappingEnd),
        Event::Alias { name } => {
            let unknown = || ErrorKind::UnknownAnchor { name: name.to_owned() };
            let range = record.ok_or_else(unknown).and_then(|record| record.alias(name));
            range.map(Token::Alias).map_err(|kind| Fault::new(kind, offset))
        }
        Event::StreamStart | Event::StreamEnd | Event::DocumentStart | Event::DocumentEnd => {
            Err(Fault::syntax("unexpected end of the document", offset))
        }
    }
}
