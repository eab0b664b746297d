//! A snapshot: what was picked of one state of an origin, as it is kept across restarts.
//!
//! The text is the SHA-256 of all that follows in hexadecimal, a line feed, and JSON. What has another hash, or is of
//! another format, is as none.

use std::collections::BTreeMap;
use std::io::Read;

use k1s_manifests::RelPath;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::content::Content;
use crate::pick::{Pick, What};
use crate::tree::{Mark, Stillness};

/// The format; another is not read.
const FORMAT: u32 = 1;
/// The largest text that is written and read, in bytes: 128 MiB, some 500,000 files.
pub(crate) const KEPT_BYTES: usize = 128 << 20;
/// Letters of a SHA-256 in hexadecimal, and a line feed.
const DIGEST_LINE: usize = 65;

/// A snapshot cannot be written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeptError {
    /// It has no text.
    #[error("it has no text")]
    Json(#[source] serde_json::Error),
    /// It is longer than is read.
    #[error("it has {bytes} bytes, and the limit is {most}; name a part of the address, or fewer files")]
    TooLong {
        /// How long it is.
        bytes: usize,
        /// How long it may be.
        most: usize,
    },
}

/// What was picked of one state of an origin.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) struct Kept {
    format: u32,
    /// What it was picked by: with another wish it is out of date.
    pub(crate) wish: String,
    /// By which the origin knows the state again.
    pub(crate) mark: Mark,
    /// The state, for people.
    pub(crate) revision: String,
    /// The revision by which another place took the place of the first, if one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) place: Option<String>,
    /// Whether all of it was there at one time; if it was not, nothing else is taken for gone.
    #[serde(default, skip_serializing_if = "Stillness::is_still")]
    pub(crate) stillness: Stillness,
    /// The sub-directory that was chosen.
    pub(crate) root: String,
    /// What was picked, by the bytes of the paths.
    pub(crate) picks: Vec<Pick>,
    /// What comes from other places, by the paths of the directories that it is in, which begin above the sub-directory.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) modules: BTreeMap<String, Module>,
}

/// Another place than the one that is asked, from which some of it comes.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) struct Module {
    /// What makes it that place; without secrets.
    pub(crate) uri: String,
    /// The state of it.
    pub(crate) revision: String,
}

impl Kept {
    /// Puts a snapshot together.
    #[must_use]
    pub(crate) fn new(wish: String, mark: Mark, revision: String, root: &RelPath, picks: Vec<Pick>) -> Self {
        Self {
            format: FORMAT,
            wish,
            mark,
            revision,
            place: None,
            stillness: Stillness::Still,
            root: root.as_str().to_owned(),
            picks,
            modules: BTreeMap::new(),
        }
    }

    /// Says what comes from other places.
    #[must_use]
    pub(crate) fn of_modules(self, modules: BTreeMap<String, Module>) -> Self {
        Self { modules, ..self }
    }

    /// Returns where the pick of a path comes from if that is another place, and the path there.
    pub(crate) fn module(&self, pick: &str) -> Option<(&Module, String)> {
        if self.modules.is_empty() {
            return None;
        }
        let path = match &*self.root {
            "" => pick.to_owned(),
            root => format!("{root}/{pick}"),
        };
        let mut ends = path.rmatch_indices('/').map(|(end, _)| end);
        ends.find_map(|end| {
            let module = self.modules.get(path.get(..end)?)?;
            Some((module, path.get(end + 1..)?.to_owned()))
        })
    }

    /// Says by which revision another place took the place of the first.
    #[must_use]
    pub(crate) fn of_place(self, place: Option<String>) -> Self {
        Self { place, ..self }
    }

    /// Says whether all of it was there at one time.
    #[must_use]
    pub(crate) fn of_stillness(self, stillness: Stillness) -> Self {
        Self { stillness, ..self }
    }

    /// Returns whether the same is declared of both, whatever state it was picked of.
    #[must_use]
    pub(crate) fn declares_as(&self, other: &Self) -> bool {
        let is_same_place = (self.stillness, &self.place) == (other.stillness, &other.place);
        is_same_place && (&self.root, &self.picks) == (&other.root, &other.picks)
    }

    /// Returns the contents that are named.
    pub(crate) fn contents(&self) -> impl Iterator<Item = &Content> {
        self.picks.iter().filter_map(|pick| match &pick.what {
            What::File(blob) => Some(&blob.content),
            What::ChartPart | What::Link | What::Submodule | What::Refused(_) => None,
        })
    }

    /// Reads a snapshot; `None` for anything but a [text](Kept::text).
    pub(crate) fn read(from: impl Read) -> Option<Self> {
        let mut text = Vec::new();
        let most = u64::try_from(KEPT_BYTES).unwrap_or(u64::MAX);
        from.take(most).read_to_end(&mut text).ok()?;
        serde_json::from_slice(unsealed(&text)?)
            .ok()
            .filter(|kept: &Self| kept.format == FORMAT)
    }

    /// Returns the text of the snapshot, of at most so many bytes.
    ///
    /// # Errors
    /// Fails if it is longer.
    pub(crate) fn text(&self, most: usize) -> Result<Vec<u8>, KeptError> {
        let json = serde_json::to_vec(self).map_err(KeptError::Json)?;
        let bytes = DIGEST_LINE.saturating_add(json.len());
        if bytes > most {
            return Err(KeptError::TooLong { bytes, most });
        }
        Ok(sealed(&json))
    }
}

/// Puts the hash of a text before it.
#[must_use]
pub(crate) fn sealed(json: &[u8]) -> Vec<u8> {
    let mut text = digest_line(json).into_bytes();
    text.extend_from_slice(json);
    text
}

/// Returns what was [sealed]; `None` for anything else.
#[must_use]
pub(crate) fn unsealed(text: &[u8]) -> Option<&[u8]> {
    let (digest, json) = text.split_at_checked(DIGEST_LINE)?;
    (digest == digest_line(json).as_bytes()).then_some(json)
}

fn digest_line(json: &[u8]) -> String {
    format!("{}\n", hexadecimal(&Sha256::digest(json)))
}

/// Writes bytes as lower-case hexadecimal digits.
#[must_use]
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble & 15)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(*byte)]).collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::tree::{Blob, Mode};

    /// A snapshot of files.
    pub(crate) fn kept(files: &[(&str, Content)]) -> Kept {
        let picks = files.iter().map(|(path, content)| Pick {
            path: (*path).to_owned(),
            what: What::File(Blob {
                content: content.clone(),
                bytes: Some(3),
                mode: Mode::Plain,
            }),
        });
        let mark = Mark("m".to_owned());
        Kept::new("w".to_owned(), mark, "r".to_owned(), &RelPath::root(), picks.collect())
    }

    #[test]
    fn what_comes_from_another_place_says_so() {
        let module = |name: &str| Module {
            uri: format!("git::https://h.org/{name}"),
            revision: name.to_owned(),
        };
        let modules = [("apps/lib", "lib"), ("apps/lib/in/deep", "deep")];
        let modules = modules.map(|(path, name)| (path.to_owned(), module(name)));
        let mut kept = kept(&[]).of_modules(BTreeMap::from(modules));
        kept.root = "apps".to_owned();
        assert_eq!(
            Kept::read(kept.text(KEPT_BYTES).unwrap().as_slice()),
            Some(kept.clone())
        );
        let place = |pick: &str| kept.module(pick).map(|(module, path)| (module.revision.clone(), path));
        let of = |name: &str, path: &str| Some((name.to_owned(), path.to_owned()));
        assert_eq!(place("lib/a.yaml"), of("lib", "a.yaml"));
        assert_eq!(place("lib/in/b.yaml"), of("lib", "in/b.yaml"));
        assert_eq!(place("lib/in/deep/c/d.yaml"), of("deep", "c/d.yaml"));
        assert_eq!((place("library/a.yaml"), place("a.yaml")), (None, None));
    }

    #[test]
    fn a_snapshot_survives_its_text_and_a_changed_one_is_none() {
        let kept = kept(&[("a.yaml", Content::of(b"a"))]);
        let text = kept.text(KEPT_BYTES).unwrap();
        assert_eq!(Kept::read(text.as_slice()), Some(kept));
        for at in [0, 64, 65, text.len() - 1] {
            let mut changed = text.clone();
            changed[at] ^= 1;
            assert_eq!(Kept::read(changed.as_slice()), None, "byte {at}");
            assert_eq!(Kept::read(&text[..at]), None, "cut at {at}");
        }
    }
}
