//! The objects of a tree: what kind, what name, and where they say they live.

use k1s_object::Key;

/// The kinds in a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Made now and then; many namespaces of a tree are declared nowhere.
    Namespace,
    /// Defines the two custom kinds, and in a branch some that nothing uses.
    CustomResourceDefinition,
    /// Cluster-scoped.
    ClusterRole,
    /// With a file of several lines in its data.
    ConfigMap,
    /// Base64 of text that is obviously no secret.
    Secret,
    /// Named by workloads.
    ServiceAccount,
    /// Of type `ClusterIP`.
    Service,
    /// With one container.
    Deployment,
    /// With a volume claim.
    StatefulSet,
    /// With a schedule that YAML readers like to misread.
    CronJob,
    /// With one host.
    Ingress,
    /// `autoscaling/v2`.
    HorizontalPodAutoscaler,
    /// Ingress rules only.
    NetworkPolicy,
    /// With a percentage.
    PodDisruptionBudget,
    /// A custom resource, namespaced.
    Order,
}

impl Kind {
    /// Every kind of a tree.
    pub const ALL: [Self; 15] = [
        Self::Namespace,
        Self::CustomResourceDefinition,
        Self::ClusterRole,
        Self::ConfigMap,
        Self::Secret,
        Self::ServiceAccount,
        Self::Service,
        Self::Deployment,
        Self::StatefulSet,
        Self::CronJob,
        Self::Ingress,
        Self::HorizontalPodAutoscaler,
        Self::NetworkPolicy,
        Self::PodDisruptionBudget,
        Self::Order,
    ];

    /// The kinds that nothing else depends on, so that any of their objects may come and go.
    pub(super) fn leaves() -> &'static [Self] {
        &Self::ALL[2..]
    }

    /// Group, version and name of the kind.
    #[must_use]
    pub fn group_version_kind(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Namespace => ("", "v1", "Namespace"),
            Self::CustomResourceDefinition => ("apiextensions.k8s.io", "v1", "CustomResourceDefinition"),
            Self::ClusterRole => ("rbac.authorization.k8s.io", "v1", "ClusterRole"),
            Self::ConfigMap => ("", "v1", "ConfigMap"),
            Self::Secret => ("", "v1", "Secret"),
            Self::ServiceAccount => ("", "v1", "ServiceAccount"),
            Self::Service => ("", "v1", "Service"),
            Self::Deployment => ("apps", "v1", "Deployment"),
            Self::StatefulSet => ("apps", "v1", "StatefulSet"),
            Self::CronJob => ("batch", "v1", "CronJob"),
            Self::Ingress => ("networking.k8s.io", "v1", "Ingress"),
            Self::HorizontalPodAutoscaler => ("autoscaling", "v2", "HorizontalPodAutoscaler"),
            Self::NetworkPolicy => ("networking.k8s.io", "v1", "NetworkPolicy"),
            Self::PodDisruptionBudget => ("policy", "v1", "PodDisruptionBudget"),
            Self::Order => (CUSTOM_GROUP, "v1", "Order"),
        }
    }

    fn is_namespaced(self) -> bool {
        !matches!(
            self,
            Self::Namespace | Self::CustomResourceDefinition | Self::ClusterRole
        )
    }
}

/// The group of the custom kinds.
pub(super) const CUSTOM_GROUP: &str = "shop.example.com";
/// The plural of [`Kind::Order`].
const CUSTOM_PLURAL: &str = "orders";

/// One object; its document is made when it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Object {
    pub(super) kind: Kind,
    /// Unique in the tree.
    pub(super) ordinal: usize,
    pub(super) name: Box<str>,
    /// What the document says; empty for cluster-scoped kinds and where a document leaves it out.
    pub(super) namespace: Box<str>,
    /// Raised by an edit.
    pub(super) revision: u32,
}

impl Object {
    /// The definition of [`Kind::Order`].
    pub(super) fn definition_of_orders(ordinal: usize) -> Self {
        Self {
            name: format!("{CUSTOM_PLURAL}.{CUSTOM_GROUP}").into(),
            ..Self::new(Kind::CustomResourceDefinition, ordinal, "")
        }
    }

    /// An object with a name of its own; `namespace` matters to namespaced kinds only.
    pub(super) fn new(kind: Kind, ordinal: usize, namespace: &str) -> Self {
        let name = match kind {
            Kind::Namespace => format!("shop-{ordinal:06}"),
            Kind::CustomResourceDefinition => format!("part{ordinal:06}s.{CUSTOM_GROUP}"),
            Kind::ClusterRole
            | Kind::ConfigMap
            | Kind::Secret
            | Kind::ServiceAccount
            | Kind::Service
            | Kind::Deployment
            | Kind::StatefulSet
            | Kind::CronJob
            | Kind::Ingress
            | Kind::HorizontalPodAutoscaler
            | Kind::NetworkPolicy
            | Kind::PodDisruptionBudget
            | Kind::Order => format!("{}-{ordinal:06}", WORDS[ordinal % WORDS.len()]),
        };
        Self {
            kind,
            ordinal,
            name: name.into(),
            namespace: if kind.is_namespaced() {
                namespace.into()
            } else {
                "".into()
            },
            revision: 0,
        }
    }

    /// The key in a store whose source has no default namespace of its own.
    pub(super) fn key(&self) -> Key {
        let (group, _, kind) = self.kind.group_version_kind();
        let namespace = if self.kind.is_namespaced() && self.namespace.is_empty() {
            "default"
        } else {
            &self.namespace
        };
        Key::new(group, kind, namespace, &self.name)
    }
}

/// What names and texts are made of; a few of them are words that YAML 1.1 takes for something else.
pub(super) const WORDS: [&str; 16] = [
    "cart", "checkout", "catalog", "invoice", "parcel", "payment", "search", "stock", "web", "yes", "no", "off", "on",
    "null", "true", "y",
];
