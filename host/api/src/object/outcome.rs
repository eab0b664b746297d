//! What the writing subresources take and answer.

use k1s_object::Key;
use k1s_store::command::{CommandOutcome, Switched};
use serde::{Deserialize, Serialize};

/// What `sources/NAME/sync` takes; an empty body means the defaults.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct SyncOptions {
    /// `sync.k1s.io/v1alpha1`, or empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub api_version: String,
    /// `SyncOptions`, or empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub kind: String,
    /// Takes the place as the right one although it is another one than before.
    pub accept_root: bool,
    /// Names the request; the time, if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requested_at: Option<String>,
}

/// Names an object.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ObjectRef {
    /// Its group; empty for the core group.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub group: String,
    /// Its kind.
    pub kind: String,
    /// Its namespace; empty for a cluster-scoped one.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl From<&Key> for ObjectRef {
    fn from(key: &Key) -> Self {
        Self {
            group: key.group_kind.group.to_string(),
            kind: key.group_kind.kind.to_string(),
            namespace: key.namespace.to_string(),
            name: key.name.to_string(),
        }
    }
}

/// What a command came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all_fields = "camelCase")]
pub enum CommandReport {
    /// Held deletes were approved.
    Approval {
        /// The whole id of the prune; an undo takes it.
        prune: String,
        /// The source.
        source: String,
        /// Objects that were deleted.
        deleted: u64,
        /// Rows for which nothing had to be deleted.
        released: u64,
        /// Objects that stay and stay held.
        kept: Vec<ObjectRef>,
    },
    /// Deletes were undone.
    Undo {
        /// The whole id of the prune.
        prune: String,
        /// The source.
        source: String,
        /// Objects that are back.
        restored: u64,
        /// Objects that exist again and were left alone.
        existing: Vec<ObjectRef>,
        /// Objects whose last state is not kept any more.
        lost: Vec<ObjectRef>,
    },
    /// A source was suspended or may run again.
    Switch {
        /// Whether it was the other way before.
        changed: bool,
    },
    /// A source begins anew.
    Reset {
        /// Scopes whose position and identity were forgotten.
        scopes: u64,
        /// Objects whose last known state was forgotten.
        objects: u64,
    },
    /// A place was taken as the right one.
    RootAcceptance {
        /// Scopes whose identity was forgotten.
        scopes: u64,
    },
}

impl From<CommandOutcome> for CommandReport {
    fn from(outcome: CommandOutcome) -> Self {
        let refs = |keys: Vec<Key>| keys.iter().map(ObjectRef::from).collect();
        match outcome {
            CommandOutcome::Approved(approved) => Self::Approval {
                prune: approved.id.0.to_string(),
                source: approved.source.to_string(),
                deleted: approved.deleted,
                released: approved.released,
                kept: refs(approved.kept),
            },
            CommandOutcome::Undone(undone) => Self::Undo {
                prune: undone.id.0.to_string(),
                source: undone.source.to_string(),
                restored: undone.restored,
                existing: refs(undone.existing),
                lost: refs(undone.lost),
            },
            CommandOutcome::Switched(switched) => Self::Switch {
                changed: switched == Switched::Now,
            },
            CommandOutcome::Reset { scopes, objects } => Self::Reset { scopes, objects },
            CommandOutcome::RootAccepted { scopes } => Self::RootAcceptance { scopes },
        }
    }
}
