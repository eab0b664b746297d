//! The kinds that the API serves, asked of it at once.

use k1s_object::{GroupKind, KindNames, KindScope};
use k1s_store::kinds::{FoundKind, KindOrigin, KindTable, UnknownKind};
use serde::Deserialize;
use serde_json::Value;

use crate::client::{Client, ClientError};

/// How everything that is served is asked for.
const DISCOVERY: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

/// The kinds that are served, by every word for them.
pub(super) struct Known {
    kinds: KindTable,
}

#[derive(Deserialize)]
struct Groups {
    items: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    #[serde(default)]
    metadata: Value,
    versions: Vec<Version>,
}

#[derive(Deserialize)]
struct Version {
    version: Box<str>,
    resources: Vec<Resource>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Resource {
    resource: Box<str>,
    response_kind: ResponseKind,
    scope: Box<str>,
    singular_resource: Box<str>,
    #[serde(default)]
    short_names: Vec<Box<str>>,
    #[serde(default)]
    categories: Vec<Box<str>>,
}

#[derive(Deserialize)]
struct ResponseKind {
    kind: Box<str>,
}

impl Known {
    /// Asks the API.
    ///
    /// # Errors
    /// When it refuses, or cannot be talked to.
    pub(super) async fn discover(client: &mut Client) -> Result<Self, ClientError> {
        let mut kinds = KindTable::builtin();
        for path in ["/api", "/apis"] {
            let Groups { items } = serde_json::from_value(client.get(path, DISCOVERY).await?)?;
            for group in items {
                define(&mut kinds, group);
            }
        }
        Ok(Self { kinds })
    }

    /// Finds what a word stands for.
    ///
    /// # Errors
    /// When it stands for nothing that is served.
    pub(super) fn find(&self, typed: &str) -> Result<Vec<FoundKind<'_>>, UnknownKind> {
        self.kinds.find(typed)
    }
}

/// A kind has every version that lists it, the preferred one first.
fn define(kinds: &mut KindTable, group: Group) {
    let name = group.metadata.get("name").and_then(Value::as_str).unwrap_or_default();
    for Version { version, resources } in group.versions {
        for resource in resources {
            let group_kind = GroupKind::new(name, &resource.response_kind.kind);
            let earlier = kinds.get(&group_kind).map(|names| names.versions.clone());
            let mut versions = earlier.unwrap_or_default();
            if !versions.contains(&version) {
                versions.push(version.clone());
            }
            let names = KindNames {
                group_kind,
                versions,
                plural: resource.resource,
                singular: resource.singular_resource,
                short_names: resource.short_names,
                categories: resource.categories,
                scope: match &*resource.scope {
                    "Namespaced" => KindScope::Namespaced,
                    _ => KindScope::Cluster,
                },
            };
            kinds.define(names, KindOrigin::Definition);
        }
    }
}
