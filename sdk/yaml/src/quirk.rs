//! Where libyaml reads double quotes and flow collections otherwise than go-yaml's port of it, and what to do there.
//!
//! go-yaml refuses `\/`, which libyaml takes; takes `\'`, which libyaml refuses; ends an unquoted scalar in a flow
//! collection at `?`, which then is an error; and takes a comma into the tag before it. All but the second are found
//! behind the parser and refused. For the second the text is patched where it fails and read again: `\'` becomes a
//! character of the same length that the text does not have.

use std::borrow::Cow;
use std::ops::Range;

use memchr::memmem;

use crate::error::{ErrorKind, Fault, FaultKind};

/// libyaml's words for an escape that it does not know.
const UNKNOWN_ESCAPE: &str = "found unknown escape character";

/// The most bytes of one document that are read again for `\'`; beyond, the document is refused as by libyaml.
const MAX_REREAD: usize = 32 << 20;

/// Returns the fault of a double-quoted scalar that go-yaml refuses; `source` is the scalar with its quotes.
pub(crate) fn double_quoted(source: &[u8], offset: usize) -> Option<Fault> {
    // Most scalars end here.
    memchr::memchr(b'\\', source)?;
    let at = escapes(source).find(|at| source.get(at + 1) == Some(&b'/'))?;
    Some(Fault::syntax(UNKNOWN_ESCAPE, offset + at))
}

/// Returns the fault of an unquoted scalar in a flow collection that go-yaml refuses.
pub(crate) fn plain_in_flow(text: &str, offset: usize) -> Option<Fault> {
    let at = text.find('?')?;
    Some(Fault::syntax(
        "found `?` in an unquoted scalar within [] or {}; quote the scalar",
        offset + at,
    ))
}

/// Returns the fault of a tag that a comma follows at once, which go-yaml takes into the tag; `tag` is what an empty
/// scalar consists of, if anything.
pub(crate) fn tag_before_comma(source: &[u8], tag: Range<usize>) -> Option<Fault> {
    let problem = "found `,` right behind a tag; put a blank between them";
    let is_tag = source
        .get(tag.clone())
        .is_some_and(|tag| memchr::memchr(b'!', tag).is_some());
    (is_tag && source.get(tag.end) == Some(&b',')).then(|| Fault::syntax(problem, tag.end))
}

/// Returns the offsets of the backslashes that begin an escape.
fn escapes(source: &[u8]) -> impl Iterator<Item = usize> {
    let mut behind = 0;
    memchr::memchr_iter(b'\\', source).filter(move |at| {
        let begins = *at >= behind;
        if begins {
            behind = at + 2;
        }
        begins
    })
}

/// A text that libyaml reads, with what stands for `\'` in it.
#[derive(Debug, Clone)]
pub(crate) struct Patched<'t> {
    pub(crate) bytes: Cow<'t, [u8]>,
    pub(crate) apostrophe: Option<char>,
    reread: usize,
}

impl<'t> Patched<'t> {
    pub(crate) fn new(bytes: &'t [u8]) -> Self {
        Self {
            bytes: Cow::Borrowed(bytes),
            apostrophe: None,
            reread: 0,
        }
    }

    /// Patches the scalar in which libyaml found `\'`; returns whether to read again.
    pub(crate) fn patch(&mut self, fault: &Fault) -> bool {
        let FaultKind::Error(ErrorKind::Syntax { problem }) = &fault.kind else {
            return false;
        };
        self.reread += self.bytes.len();
        if problem != UNKNOWN_ESCAPE
            || self.bytes.get(fault.offset..fault.offset + 2) != Some(br"\'")
            || self.reread > MAX_REREAD
        {
            return false;
        }
        let Some(substitute) = self.apostrophe.or_else(|| unused(&self.bytes)) else {
            return false;
        };
        self.apostrophe = Some(substitute);
        let scalar = &self.bytes[fault.offset..];
        let quotes = memchr::memchr_iter(b'"', scalar).collect::<Vec<_>>();
        let escaped: Vec<usize> = escapes(scalar).collect();
        let end = quotes
            .into_iter()
            .find(|quote| escaped.binary_search(&(quote - 1)).is_err())
            .unwrap_or(scalar.len());
        let found = escaped
            .into_iter()
            .take_while(|at| *at < end)
            .filter(|at| scalar.get(at + 1) == Some(&b'\''));
        let found: Vec<usize> = found.map(|at| fault.offset + at).collect();
        let bytes = self.bytes.to_mut();
        for at in found {
            substitute.encode_utf8(&mut bytes[at..at + 2]);
        }
        true
    }
}

/// Returns a character of two bytes that is nowhere in the text, nor written as an escape.
fn unused(text: &[u8]) -> Option<char> {
    let folded = text.to_ascii_lowercase();
    ('\u{780}'..='\u{7ff}').find(|candidate| {
        let mut bytes = [0; 2];
        candidate.encode_utf8(&mut bytes);
        memmem::find(&folded, &bytes).is_none()
            && memmem::find(&folded, format!("{:x}", u32::from(*candidate)).as_bytes()).is_none()
    })
}
