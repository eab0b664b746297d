//! Kubernetes' YAML, exactly.
//!
//! A document means what sigs.k8s.io/yaml v1.6 (strict) makes of it after the reader of k8s.io/apimachinery split the
//! stream. Events come from libyaml (by libyaml-rs); types, keys, tags, merges and aliases are resolved here, by the
//! rules of go.yaml.in/yaml v2. `proto/fixtures/yaml` binds both to the Go modules and lists where they differ on
//! purpose.
//!
//! Does not expand lists of objects, does not look at `apiVersion` or `kind`, and does not preserve comments.
//!
//! Invariants: no input makes it panic; memory is at most the input plus one document's expansion, which
//! [`Limits`] bounds; maps are sorted; numbers are exact up to 64 bits, and floats keep their value.

#![deny(unsafe_code)]

mod compose;
mod decode;
mod document;
mod emit;
mod error;
mod event;
mod json;
#[expect(
    unsafe_code,
    reason = "libyaml's parser has a C interface; this module makes a safe one of it"
)]
mod libyaml;
mod limits;
mod number;
mod quirk;
mod scalar;
mod search;
mod split;
mod stream;
mod text;
mod timestamp;
mod token;

pub use decode::{DecodeError, DecodeErrorKind, from_document};
pub use document::{Document, Mark};
pub use emit::{EmitError, to_string};
pub use error::{Error, ErrorKind, Warning, WarningKind};
pub use limits::{Limits, MAX_ALIAS_BYTES, MAX_ALIAS_NODES, MAX_BYTES, MAX_DEPTH, MAX_DOCUMENTS, MAX_NODES};
pub use stream::Documents;
pub use text::Position;

/// Splits a stream and yields its documents in order; after a broken document of YAML the following ones still come.
///
/// Streams that begin with `{` are read as JSON for as long as they are JSON; a broken stream of JSON ends at the error.
#[must_use]
pub fn documents<'i>(input: &'i [u8], limits: &Limits) -> Documents<'i> {
    Documents::new(input, limits)
}

/// Counts libyaml's events of a stream, and makes nothing of them: the least that any reader by libyaml does, to measure
/// what is done beside it. `None` where libyaml finds that it is no YAML.
#[must_use]
pub fn count_events(input: &[u8]) -> Option<u64> {
    libyaml::Parser::new(input, None).count()
}

/// Reads an input that holds exactly one document, such as a configuration file.
///
/// # Errors
/// The document's own, [`ErrorKind::NoDocument`], or [`ErrorKind::MoreThanOne`] also where Kubernetes would ignore what
/// follows the document.
pub fn parse<'i>(input: &'i [u8], limits: &Limits) -> Result<Document<'i>, Error> {
    stream::single(input, limits)
}
