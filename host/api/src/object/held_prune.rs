//! `HeldPrune`: deletes that a guard holds, and deletes that can still be undone.

use serde::{Deserialize, Serialize};

/// Whose objects a prune is about. Nothing of it can be written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HeldPruneSpec {
    /// The source.
    pub source: String,
    /// The scope; empty when the source has only one.
    #[serde(default)]
    pub scope: String,
}

/// How a prune stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HeldPruneStatus {
    /// Whether it happened.
    pub state: HeldPruneState,
    /// Which guard holds it, one word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Why, for a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// How many objects; which ones, the subresource `objects` tells.
    pub objects: u64,
    /// Since when it is held, or when it happened.
    pub since: String,
}

/// Whether a prune happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum HeldPruneState {
    /// It waits: `approve` does it.
    #[default]
    Held,
    /// It happened within the last 24 hours: `undo` brings the objects back.
    Pruned,
}

/// The objects of a prune, by key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PrunedObjectList {
    /// `sync.k1s.io/v1alpha1`.
    pub api_version: String,
    /// `PrunedObjectList`.
    pub kind: String,
    /// The objects.
    pub items: Vec<PrunedObjectRef>,
}

/// One object of a prune.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PrunedObjectRef {
    /// Which object.
    #[serde(flatten)]
    pub object: super::ObjectRef,
    /// Its identity then.
    pub uid: String,
    /// Where its source had read it: `path:line`, of a local file the whole path; absent when the source forgot it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
}
