//! The order in which one transaction applies what it was given.

use k1s_object::{GroupKind, KindScope};

/// Where a kind stands: what others need comes first. Deletes go the other way round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ApplyOrder {
    /// Namespaces.
    Namespace,
    /// Definitions of kinds.
    Definition,
    /// Everything else without a namespace.
    Cluster,
    /// Everything in a namespace, and kinds not known yet.
    Namespaced,
}

impl ApplyOrder {
    /// The place of a kind; `scope` is `None` while it is not known.
    #[must_use]
    pub fn of(group_kind: &GroupKind, scope: Option<KindScope>) -> Self {
        match (&*group_kind.group, &*group_kind.kind, scope) {
            ("", "Namespace", _) => Self::Namespace,
            ("apiextensions.k8s.io", "CustomResourceDefinition", _) => Self::Definition,
            (_, _, Some(KindScope::Cluster)) => Self::Cluster,
            (_, _, Some(KindScope::Namespaced) | None) => Self::Namespaced,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_need_comes_first() {
        let place = |group, kind, scope| ApplyOrder::of(&GroupKind::new(group, kind), scope);
        let places = [
            place("", "Namespace", Some(KindScope::Cluster)),
            place(
                "apiextensions.k8s.io",
                "CustomResourceDefinition",
                Some(KindScope::Cluster),
            ),
            place("rbac.authorization.k8s.io", "ClusterRole", Some(KindScope::Cluster)),
            place("", "ConfigMap", Some(KindScope::Namespaced)),
        ];
        assert!(places.is_sorted());
        assert_eq!(place("example.com", "Namespace", None), ApplyOrder::Namespaced);
    }
}
