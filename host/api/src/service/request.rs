//! A request for resources, decoded: which kind, which object, and the parameters.

use k1s_object::KindNames;

use super::accept::Accept;
use super::failure::Named;
use super::query::Query;
use crate::object::{ControlKind, GROUP};

/// A request for one object or for many of one kind.
#[derive(Clone, Debug)]
pub(crate) struct ResourceCall {
    /// What is asked for.
    pub(crate) resource: Resource,
    /// The namespace in the path; `None` for cluster-scoped kinds and for all namespaces.
    pub(crate) namespace: Option<Box<str>>,
    /// The name in the path; `None` for lists.
    pub(crate) name: Option<Box<str>>,
    /// What is below the object; stored kinds have nothing there.
    pub(crate) subresource: Option<Box<str>>,
    /// The parameters.
    pub(crate) query: Query,
    /// In which form the answer is wanted.
    pub(crate) accept: Accept,
}

/// A kind that is served, in a version.
#[derive(Clone, Debug)]
pub(crate) enum Resource {
    /// Objects of the store.
    Stored {
        /// What the kind is called.
        names: KindNames,
        /// The version in the path; one of those of the kind.
        version: Box<str>,
    },
    /// Objects of the board.
    Control(ControlKind),
}

impl Resource {
    /// The group; empty for the core group.
    pub(crate) fn group(&self) -> &str {
        match self {
            Self::Stored { names, .. } => &names.group_kind.group,
            Self::Control(_) => GROUP,
        }
    }

    /// The kind, for example `ConfigMap`.
    pub(crate) fn kind(&self) -> &str {
        match self {
            Self::Stored { names, .. } => &names.group_kind.kind,
            Self::Control(kind) => kind.kind(),
        }
    }

    /// The name in paths, for example `configmaps`.
    pub(crate) fn plural(&self) -> &str {
        match self {
            Self::Stored { names, .. } => &names.plural,
            Self::Control(kind) => kind.plural(),
        }
    }

    /// What a failure calls this resource.
    pub(crate) fn named(&self) -> Named {
        Named {
            group: self.group().into(),
            resource: self.plural().into(),
        }
    }
}

impl ResourceCall {
    /// What a failure calls the resource that is asked for.
    pub(crate) fn named(&self) -> Named {
        self.resource.named()
    }
}
