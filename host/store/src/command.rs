//! What a person can tell the store: one command, its outcome, and why it is refused.
//!
//! A command is handled by the writer, all of it in one transaction, and every check is made inside that transaction on
//! the rows it changes. The command line and the API hand over the same values. Nothing here speaks to a source that
//! runs: a session that a command contradicts is ended, and whoever drives it begins a new one.

use std::fmt;
use std::str::FromStr;

use k1s_object::Key;
use k1s_sync_engine::id::SourceName;
use k1s_sync_engine::work::HeldPruneId;
use thiserror::Error;

/// Characters of a prune's whole id.
const ID_CHARACTERS: usize = 16;
/// The fewest characters that name a prune.
const FEWEST_CHARACTERS: usize = 4;
/// Ids or names that an error about an unknown one offers.
const NAMED_IN_ERRORS: usize = 5;

/// What a person wants done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Delete what is held, as far as it is still held and is still the object it was.
    ApprovePrune {
        /// Names the held prune.
        prune: PruneRef,
    },
    /// Bring back what a prune deleted, as orphans.
    UndoPrune {
        /// Names the prune.
        prune: PruneRef,
    },
    /// Keep a source from running; what it has stays.
    Suspend {
        /// The source.
        source: SourceName,
    },
    /// Let a suspended source run again.
    Resume {
        /// The source.
        source: SourceName,
    },
    /// Forget where a source went on from and which place it read; its inventory and its objects stay.
    Reset {
        /// The source.
        source: SourceName,
    },
    /// Forget which place a source read, so that the next complete listing says which it is and what is absent.
    AcceptRoot {
        /// The source.
        source: SourceName,
    },
}

/// What came of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommandOutcome {
    /// Of an approval.
    Approved(Approved),
    /// Of an undo.
    Undone(Undone),
    /// The source is suspended, or may run again.
    Switched(Switched),
    /// The source begins anew.
    Reset {
        /// Scopes whose position and identity were forgotten.
        scopes: u64,
        /// Objects whose last known state was forgotten.
        objects: u64,
    },
    /// The source's next complete listing says which place it is.
    RootAccepted {
        /// Scopes whose place was forgotten.
        scopes: u64,
    },
}

/// What an approval led to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approved {
    /// The whole id; an undo takes it.
    pub id: HeldPruneId,
    /// The source whose objects these were.
    pub source: SourceName,
    /// Objects that were deleted.
    pub deleted: u64,
    /// Rows without an object of the source's own, or handed over to another source: nothing was deleted for them.
    pub released: u64,
    /// Objects that stay and stay held: they forbid it themselves, or hold others that would stay.
    pub kept: Vec<Key>,
}

/// What an undo led to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undone {
    /// The whole id.
    pub id: HeldPruneId,
    /// The source whose objects these were.
    pub source: SourceName,
    /// Objects that are back, with a new uid.
    pub restored: u64,
    /// Objects that exist again, or are owned again; nothing was done to them.
    pub existing: Vec<Key>,
    /// Objects whose last state is not kept any more.
    pub lost: Vec<Key>,
}

/// Whether a switch had to be turned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Switched {
    /// It was the other way.
    Now,
    /// It was like that before; nothing was written.
    Before,
}

/// How a person names a prune: its id, or at least its first four characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PruneRef(Box<str>);

impl PruneRef {
    /// Whether it names this prune.
    #[must_use]
    pub fn names(&self, id: &HeldPruneId) -> bool {
        id.0.starts_with(&*self.0)
    }

    /// The only one of some ids that it names.
    pub(crate) fn choose(&self, mut ids: Vec<HeldPruneId>) -> Result<HeldPruneId, CommandError> {
        ids.sort_unstable();
        ids.dedup();
        let meant: Vec<HeldPruneId> = ids.iter().filter(|id| self.names(id)).cloned().collect();
        match meant.as_slice() {
            [id] => Ok(id.clone()),
            [] => {
                ids.sort_by_key(|id| strsim::damerau_levenshtein(&id.0, &self.0));
                ids.truncate(NAMED_IN_ERRORS);
                Err(CommandError::UnknownPrune {
                    prune: self.clone(),
                    near: ids,
                })
            }
            [_, ..] => Err(CommandError::AmbiguousPrune {
                prune: self.clone(),
                ids: meant,
            }),
        }
    }
}

impl From<HeldPruneId> for PruneRef {
    fn from(id: HeldPruneId) -> Self {
        Self(id.0)
    }
}

impl fmt::Display for PruneRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for PruneRef {
    type Err = NotAPruneId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let lower = text.to_ascii_lowercase();
        let right_length = (FEWEST_CHARACTERS..=ID_CHARACTERS).contains(&lower.len());
        if right_length && lower.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            Ok(Self(lower.into()))
        } else {
            Err(NotAPruneId(text.into()))
        }
    }
}

/// A text that cannot name a prune.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0:?} is not the id of a prune: give 4 to 16 hexadecimal characters, as `prunes list` shows them")]
pub struct NotAPruneId(Box<str>);

/// Why a command is refused; nothing was written.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CommandError {
    /// No prune has this id.
    #[error("no prune {prune}{}", hint(.near))]
    UnknownPrune {
        /// As asked for.
        prune: PruneRef,
        /// The ids there are that are most like it.
        near: Vec<HeldPruneId>,
    },
    /// Several prunes begin like this.
    #[error("{prune} names several prunes: {}", joined(.ids))]
    AmbiguousPrune {
        /// As asked for.
        prune: PruneRef,
        /// What it could mean.
        ids: Vec<HeldPruneId>,
    },
    /// An approval of what happened already.
    #[error("prune {} is not held, its objects are deleted; `prunes undo` brings them back", .id.0)]
    NotHeld {
        /// Its whole id.
        id: HeldPruneId,
    },
    /// An undo of what did not happen.
    #[error("prune {} is held, nothing of it is deleted; `prunes approve` would delete it", .id.0)]
    StillHeld {
        /// Its whole id.
        id: HeldPruneId,
    },
    /// No such source ever ran here.
    #[error("no source {source_name} in this store{}", sources(.known))]
    UnknownSource {
        /// As asked for.
        source_name: SourceName,
        /// The sources there are, the most like it first.
        known: Vec<SourceName>,
    },
}

impl CommandError {
    /// Of a source that none of these is.
    pub(crate) fn unknown_source(asked: &SourceName, mut known: Vec<SourceName>) -> Self {
        known.sort_by_key(|name| strsim::damerau_levenshtein(name.as_str(), asked.as_str()));
        known.truncate(NAMED_IN_ERRORS);
        Self::UnknownSource {
            source_name: asked.clone(),
            known,
        }
    }
}

fn joined(ids: &[HeldPruneId]) -> String {
    let texts: Vec<&str> = ids.iter().map(|id| &*id.0).collect();
    texts.join(", ")
}

fn hint(near: &[HeldPruneId]) -> String {
    if near.is_empty() {
        "; none is held and none can be undone".to_owned()
    } else {
        format!("; there are {}", joined(near))
    }
}

fn sources(known: &[SourceName]) -> String {
    let names: Vec<&str> = known.iter().map(SourceName::as_str).collect();
    if names.is_empty() {
        "; it has none yet".to_owned()
    } else {
        format!("; there are {}", names.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prune_is_named_by_four_characters_or_more() {
        let id = HeldPruneId("9c41aa00bb11cc22".into());
        for (text, expected) in [
            ("9c41", Some(true)),
            ("9C41AA", Some(true)),
            ("9c41aa00bb11cc22", Some(true)),
            ("9c42", Some(false)),
            ("9c4", None),
            ("9c41aa00bb11cc22f", None),
            ("9c4g", None),
            ("", None),
        ] {
            let named = text.parse::<PruneRef>().ok().map(|prune| prune.names(&id));
            assert_eq!(named, expected, "{text}");
        }
    }
}
