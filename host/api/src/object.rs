//! The control objects of group `sync.k1s.io`, typed: what the host writes and the command line reads.
//!
//! Fields are only ever added. Times are RFC 3339 in UTC; a field that says nothing is absent.

mod held_prune;
mod outcome;
mod source;

pub use held_prune::{HeldPruneSpec, HeldPruneState, HeldPruneStatus, PrunedObjectList, PrunedObjectRef};
pub use outcome::{CommandReport, ObjectRef, SyncOptions};
pub use source::{Condition, ConditionStatus, Failure, LaunchedPlugin, Pass, SourceSpec, SourceStatus, Tallied};

use serde::de::DeserializeOwned;
use serde_json::Value;

/// The group of the control objects.
pub const GROUP: &str = "sync.k1s.io";
/// The version of the control objects.
pub const VERSION: &str = "v1alpha1";
/// Group and version as objects have them.
pub const API_VERSION: &str = "sync.k1s.io/v1alpha1";
/// The annotation of a `Source` that asks for a listing now: any text that is another one than before.
pub const REQUESTED_AT: &str = "sync.k1s.io/requestedAt";

/// A kind of control objects. All are cluster-scoped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ControlKind {
    /// One configured source, or one that the store remembers: [`SourceSpec`], [`SourceStatus`].
    Source,
    /// Deletes that a guard holds, or that were done and can be undone: [`HeldPruneSpec`], [`HeldPruneStatus`].
    HeldPrune,
}

impl ControlKind {
    /// Every kind.
    pub const ALL: [Self; 2] = [Self::Source, Self::HeldPrune];

    /// The kind as objects have it.
    #[must_use]
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Source => "Source",
            Self::HeldPrune => "HeldPrune",
        }
    }

    /// The resource's name in paths.
    #[must_use]
    pub const fn plural(self) -> &'static str {
        match self {
            Self::Source => "sources",
            Self::HeldPrune => "heldprunes",
        }
    }

    /// The name of one, as kubectl shows it.
    #[must_use]
    pub const fn singular(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::HeldPrune => "heldprune",
        }
    }

    /// What it may be called on a command line beside that.
    #[must_use]
    pub const fn short_names(self) -> &'static [&'static str] {
        match self {
            Self::Source => &[],
            Self::HeldPrune => &["hp"],
        }
    }

    /// The subresources that can be reached below one, each with its verb.
    #[must_use]
    pub const fn subresources(self) -> &'static [Subresource] {
        match self {
            Self::Source => &[Subresource::Sync, Subresource::Reset],
            Self::HeldPrune => &[Subresource::Approve, Subresource::Undo, Subresource::Objects],
        }
    }
}

/// Something below a control object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subresource {
    /// `POST`: list now. Takes [`SyncOptions`]; answers with the `Source`.
    Sync,
    /// `POST`: begin anew. Answers with a [`CommandReport`].
    Reset,
    /// `POST`: delete what is held. Answers with a [`CommandReport`].
    Approve,
    /// `POST`: bring back what was deleted. Answers with a [`CommandReport`].
    Undo,
    /// `GET`: the objects of a prune, a [`PrunedObjectList`].
    Objects,
}

impl Subresource {
    /// Its name in paths.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sync => "sync",
            Self::Reset => "reset",
            Self::Approve => "approve",
            Self::Undo => "undo",
            Self::Objects => "objects",
        }
    }
}

/// A control object, read.
#[derive(Clone, Debug, PartialEq)]
pub struct Typed<Spec, Status> {
    /// Its name.
    pub name: String,
    /// What is wanted.
    pub spec: Spec,
    /// What is so.
    pub status: Status,
}

impl<Spec: DeserializeOwned, Status: DeserializeOwned> Typed<Spec, Status> {
    /// Reads a served object.
    ///
    /// # Errors
    /// When it is not one of this kind.
    pub fn read(object: &Value) -> Result<Self, serde_json::Error> {
        let part = |name: &str| object.get(name).cloned().unwrap_or_default();
        let name = object.pointer("/metadata/name").and_then(Value::as_str);
        Ok(Self {
            name: name.unwrap_or_default().to_owned(),
            spec: serde_json::from_value(part("spec"))?,
            status: serde_json::from_value(part("status"))?,
        })
    }
}

/// A `Source`.
pub type Source = Typed<SourceSpec, SourceStatus>;
/// A `HeldPrune`.
pub type HeldPrune = Typed<HeldPruneSpec, HeldPruneStatus>;
