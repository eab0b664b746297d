//! What a stream may cost.

/// The most bytes of one input by default: 8 MiB.
pub const MAX_BYTES: usize = 8 << 20;
/// The most documents of one stream by default, empty ones included.
pub const MAX_DOCUMENTS: usize = 100_000;
/// The deepest nesting of mappings and sequences.
pub const MAX_DEPTH: usize = 64;
/// The most nodes of one document by default, keys included: about 8 MiB of ordinary manifests, and less than 200 MiB
/// of memory for the costliest (mappings of one key).
pub const MAX_NODES: usize = 750_000;
/// The most nodes that aliases of one document add by default.
pub const MAX_ALIAS_NODES: usize = 100_000;
/// The most bytes of text that aliases of one document add by default: 8 MiB.
pub const MAX_ALIAS_BYTES: usize = 8 << 20;

/// The limits under which a stream is read; the default is the constants of the same names.
///
/// Whatever the limits, aliases may not exceed the share of a document that go-yaml allows: 99 % up to 400,000 nodes,
/// falling to 10 % at 4,000,000.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The most bytes of the input; at the limit nothing of it is read.
    pub bytes: usize,
    /// The most documents, empty ones included; at the limit reading ends.
    pub documents: usize,
    /// The deepest nesting, aliases expanded; the document is refused. The stack is used in proportion to it.
    pub depth: usize,
    /// The most nodes of a document, keys and what aliases add included; the document is refused.
    pub nodes: usize,
    /// The most nodes that aliases add; the document is refused.
    pub alias_nodes: usize,
    /// The most bytes of text that aliases add; the document is refused.
    pub alias_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            bytes: MAX_BYTES,
            documents: MAX_DOCUMENTS,
            depth: MAX_DEPTH,
            nodes: MAX_NODES,
            alias_nodes: MAX_ALIAS_NODES,
            alias_bytes: MAX_ALIAS_BYTES,
        }
    }
}
