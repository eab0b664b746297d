//! The events that a document's text is read as, of YAML and of JSON alike.

use crate::error::Fault;

/// What a scalar's notation says about its type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style<'e> {
    /// Neither quotes nor tag: the text decides.
    Plain,
    /// Quoted or a block, without a tag: a string.
    Quoted,
    /// The long form of an explicit tag.
    Tagged(&'e str),
}

/// One event; what it borrows lives until the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event<'e> {
    StreamStart,
    StreamEnd,
    DocumentStart,
    DocumentEnd,
    Alias {
        name: &'e str,
    },
    Scalar {
        text: &'e str,
        style: Style<'e>,
        anchor: Option<&'e str>,
    },
    SequenceStart {
        anchor: Option<&'e str>,
    },
    SequenceEnd,
    MappingStart {
        anchor: Option<&'e str>,
    },
    MappingEnd,
}

/// An event and the byte offset at which it begins.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Located<'e> {
    pub(crate) event: Event<'e>,
    pub(crate) offset: usize,
}

/// A source of the events of one stream: `StreamStart`, documents, `StreamEnd` without end.
pub(crate) trait Events {
    /// Returns the next event.
    fn next(&mut self) -> Result<Located<'_>, Fault>;
}
