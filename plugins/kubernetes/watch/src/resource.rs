//! What a cluster serves, and the part of it that one scope follows.

use std::fmt;

/// How far the objects of a kind reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reach {
    /// Each belongs to the cluster.
    Cluster,
    /// Each is in a namespace.
    Namespaced,
}

/// A kind as a cluster serves it, in the version that is read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Resource {
    /// The API group; "" for the core group.
    pub group: String,
    /// The plural name in paths, for example `deployments`.
    pub plural: String,
    /// The version that is read, for example `v1`.
    pub version: String,
    /// The kind, for example `Deployment`.
    pub kind: String,
    /// How far its objects reach.
    pub reach: Reach,
}

impl Resource {
    /// Returns the `apiVersion` of its objects.
    #[must_use]
    pub fn api_version(&self) -> String {
        match self.group.as_str() {
            "" => self.version.clone(),
            group => format!("{group}/{}", self.version),
        }
    }

    /// Returns whether it is the kind of Secrets.
    #[must_use]
    pub fn is_secrets(&self) -> bool {
        self.group.is_empty() && self.plural == "secrets"
    }

    /// Returns whether it is the kind of namespaces.
    #[must_use]
    pub fn is_namespaces(&self) -> bool {
        self.group.is_empty() && self.plural == "namespaces"
    }

    /// Returns whether it is the kind of the definitions of other kinds.
    #[must_use]
    pub fn is_definitions(&self) -> bool {
        self.group == "apiextensions.k8s.io" && self.plural == "customresourcedefinitions"
    }
}

/// `deployments.apps`, or `pods` where the group is the core group.
impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.group.as_str() {
            "" => f.write_str(&self.plural),
            group => write!(f, "{}.{group}", self.plural),
        }
    }
}

/// The objects that one scope follows: those of one kind, everywhere or in one namespace.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Part {
    /// The kind.
    pub resource: Resource,
    /// The namespace; none for all, and for kinds that have none.
    pub namespace: Option<String>,
}

impl Part {
    /// Returns all objects of a kind.
    #[must_use]
    pub fn everywhere(resource: Resource) -> Self {
        Self {
            resource,
            namespace: None,
        }
    }

    /// Returns the path of its objects on the server.
    #[must_use]
    pub fn path(&self) -> String {
        let Resource {
            group, version, plural, ..
        } = &self.resource;
        let root = match group.as_str() {
            "" => format!("/api/{version}"),
            group => format!("/apis/{group}/{version}"),
        };
        match &self.namespace {
            Some(namespace) => format!("{root}/namespaces/{namespace}/{plural}"),
            None => format!("{root}/{plural}"),
        }
    }
}

/// `deployments.apps`, with `/shop` behind it for one namespace. The same whatever the version.
impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(f, "{}/{namespace}", self.resource),
            None => self.resource.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_have_paths_and_names() {
        let resource = |group: &str, plural: &str| Resource {
            group: group.to_owned(),
            plural: plural.to_owned(),
            version: "v1".to_owned(),
            kind: "K".to_owned(),
            reach: Reach::Namespaced,
        };
        for (group, plural, namespace, path, name) in [
            ("", "pods", None, "/api/v1/pods", "pods"),
            ("", "pods", Some("a"), "/api/v1/namespaces/a/pods", "pods/a"),
            (
                "apps",
                "deployments",
                None,
                "/apis/apps/v1/deployments",
                "deployments.apps",
            ),
            (
                "apps",
                "deployments",
                Some("b"),
                "/apis/apps/v1/namespaces/b/deployments",
                "deployments.apps/b",
            ),
        ] {
            let part = Part {
                resource: resource(group, plural),
                namespace: namespace.map(str::to_owned),
            };
            assert_eq!((part.path().as_str(), part.to_string().as_str()), (path, name));
        }
    }
}
