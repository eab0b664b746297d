//! What is remembered of the place that an address names, apart from every snapshot: what was taken of it last, and whether
//! another has taken its place.
//!
//! It is a file of its own in the cache, whose form is that of a snapshot. It depends neither on what was wished for nor on
//! whether what was taken can still be read, and is on the disk before anything that follows from it is published: whatever is
//! lost behind it, a repository in the place of another is never taken for the first.

use std::io::Read;

use serde::{Deserialize, Serialize};

use crate::kept::{Kept, sealed, unsealed};

/// The format; another is not read.
const FORMAT: u32 = 1;
/// The largest text that is read, in bytes: two revisions, and words around them.
const PAST_BYTES: u64 = 16 << 10;

/// What is remembered of a place.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) struct Past {
    format: u32,
    /// The revision that was taken last.
    pub(crate) taken: String,
    /// The revision by which another place took the place of the first, if one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) place: Option<String>,
}

impl Past {
    /// Puts together what is remembered.
    #[must_use]
    pub(crate) fn new(taken: String, place: Option<String>) -> Self {
        Self {
            format: FORMAT,
            taken,
            place,
        }
    }

    /// Returns what a snapshot tells of it, whatever it was wished for: it is as old as the snapshot, so what is there now is
    /// judged by what was taken then.
    #[must_use]
    pub(crate) fn of(kept: &Kept) -> Self {
        Self::new(kept.revision.clone(), kept.place.clone())
    }

    /// Reads what was remembered; `None` for anything but a [text](Past::text).
    pub(crate) fn read(from: impl Read) -> Option<Self> {
        let mut text = Vec::new();
        from.take(PAST_BYTES).read_to_end(&mut text).ok()?;
        serde_json::from_slice(unsealed(&text)?)
            .ok()
            .filter(|past: &Self| past.format == FORMAT)
    }

    /// Returns the text.
    ///
    /// # Errors
    /// Fails if it has none.
    pub(crate) fn text(&self) -> Result<Vec<u8>, serde_json::Error> {
        Ok(sealed(&serde_json::to_vec(self)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_survives_its_text_and_a_changed_one_is_none() {
        for past in [
            Past::new("1".to_owned(), None),
            Past::new("2".repeat(40), Some("1".repeat(40))),
        ] {
            let text = past.text().unwrap();
            assert_eq!(Past::read(text.as_slice()), Some(past));
            for at in [0, 64, 65, text.len() - 1] {
                let mut changed = text.clone();
                changed[at] ^= 1;
                assert_eq!(Past::read(changed.as_slice()), None, "byte {at}");
                assert_eq!(Past::read(&text[..at]), None, "cut at {at}");
            }
        }
    }
}
