//! What a cluster says that it serves: aggregated discovery, as `/api` and `/apis` answer since Kubernetes 1.26.
//!
//! Of each kind the version is taken that the server names first. Only what can be both listed and watched counts. A group
//! whose own server does not answer is uncertain: what it served before is not gone.

use std::collections::BTreeSet;

use serde::Deserialize;
use thiserror::Error;

use crate::resource::{Reach, Resource};

/// What to ask `/api` and `/apis` for.
pub const ACCEPT: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,\
                          application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList";
/// The paths to ask, whose answers [`Served::add`] takes.
pub const PATHS: [&str; 2] = ["/api", "/apis"];

/// Why an answer says nothing.
#[derive(Debug, Error)]
pub enum DiscoveryError {
    /// It is no JSON of the expected form.
    #[error("what the server says about its kinds cannot be read: {0}")]
    Shape(#[source] serde_json::Error),
    /// The server does not know aggregated discovery.
    #[error("the server does not tell its kinds at once ({0:?}); Kubernetes does since 1.26")]
    NotAggregated(String),
}

/// What a cluster serves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Served {
    /// The kinds that can be listed and watched, each once.
    pub resources: BTreeSet<Resource>,
    /// The groups of which it is not known now what they serve.
    pub uncertain: BTreeSet<String>,
}

#[derive(Deserialize)]
struct Groups {
    #[serde(default)]
    kind: String,
    #[serde(default)]
    items: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    #[serde(default)]
    metadata: Name,
    #[serde(default)]
    versions: Vec<Version>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Name {
    name: String,
}

#[derive(Deserialize)]
struct Version {
    version: String,
    #[serde(default)]
    resources: Vec<Entry>,
    #[serde(default)]
    freshness: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    resource: String,
    response_kind: Option<ResponseKind>,
    #[serde(default)]
    scope: String,
    #[serde(default)]
    verbs: Vec<String>,
}

#[derive(Deserialize)]
struct ResponseKind {
    kind: String,
}

impl Served {
    /// Adds what one of [`PATHS`] answered.
    ///
    /// # Errors
    /// Refuses an answer of another form.
    pub fn add(&mut self, body: &[u8]) -> Result<(), DiscoveryError> {
        let Groups { kind, items } = serde_json::from_slice(body).map_err(DiscoveryError::Shape)?;
        if kind != "APIGroupDiscoveryList" {
            return Err(DiscoveryError::NotAggregated(kind));
        }
        for Group { metadata, versions } in items {
            let mut taken = BTreeSet::new();
            for Version {
                version,
                resources,
                freshness,
            } in versions
            {
                if freshness == "Stale" {
                    self.uncertain.insert(metadata.name.clone());
                }
                let found = resources
                    .into_iter()
                    .filter_map(|entry| entry.resource(&metadata.name, &version));
                for resource in found {
                    if taken.insert(resource.plural.clone()) {
                        self.resources.insert(resource);
                    }
                }
            }
        }
        Ok(())
    }
}

impl Entry {
    fn resource(self, group: &str, version: &str) -> Option<Resource> {
        let can = |verb: &str| self.verbs.iter().any(|other| other == verb);
        if !(can("list") && can("watch")) {
            return None;
        }
        Some(Resource {
            group: group.to_owned(),
            version: version.to_owned(),
            kind: self.response_kind?.kind,
            reach: match self.scope.as_str() {
                "Namespaced" => Reach::Namespaced,
                _ => Reach::Cluster,
            },
            plural: self.resource,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn entry(plural: &str, kind: &str, scope: &str, verbs: &[&str]) -> Value {
        json!({"resource": plural, "responseKind": {"group": "", "version": "", "kind": kind}, "scope": scope, "verbs": verbs})
    }

    fn served(groups: &Value) -> Served {
        let mut served = Served::default();
        let list = json!({"kind": "APIGroupDiscoveryList", "items": groups});
        served.add(list.to_string().as_bytes()).unwrap();
        served
    }

    #[test]
    fn the_first_version_of_each_kind_is_taken() {
        let both = ["get", "list", "watch"];
        let served = served(&json!([
            {"versions": [{"version": "v1", "freshness": "Current", "resources": [
                entry("pods", "Pod", "Namespaced", &both),
                entry("namespaces", "Namespace", "Cluster", &both),
                entry("bindings", "Binding", "Namespaced", &["create"]),
                {"resource": "odd", "scope": "Cluster", "verbs": both},
            ]}]},
            {"metadata": {"name": "x.example"}, "versions": [
                {"version": "v2", "resources": [entry("things", "Thing", "Namespaced", &both), entry("lists", "L", "Cluster", &["list"])]},
                {"version": "v1", "resources": [entry("things", "Thing", "Namespaced", &both), entry("lists", "L", "Cluster", &both)]},
            ]},
        ]));
        let found: Vec<String> = served
            .resources
            .iter()
            .map(|resource| format!("{resource} {} {} {:?}", resource.version, resource.kind, resource.reach))
            .collect();
        assert_eq!(
            found,
            [
                "namespaces v1 Namespace Cluster",
                "pods v1 Pod Namespaced",
                "lists.x.example v1 L Cluster",
                "things.x.example v2 Thing Namespaced"
            ]
        );
        assert_eq!(served.uncertain, BTreeSet::new());
    }

    #[test]
    fn a_group_that_does_not_answer_is_uncertain() {
        let served =
            served(&json!([{"metadata": {"name": "m"}, "versions": [{"version": "v1", "freshness": "Stale"}]}]));
        assert_eq!(served.uncertain, BTreeSet::from(["m".to_owned()]));
    }

    #[test]
    fn another_answer_is_refused() {
        let mut served = Served::default();
        let old = served.add(br#"{"kind":"APIVersions","versions":["v1"]}"#);
        assert!(matches!(old, Err(DiscoveryError::NotAggregated(kind)) if kind == "APIVersions"));
        assert!(matches!(served.add(b"<html>"), Err(DiscoveryError::Shape(_))));
    }
}
