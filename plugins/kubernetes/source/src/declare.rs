//! What is said of an object of a cluster: whether it is chosen, and where and how it is declared.

use k1s_kubernetes_watch::{Extent, Object, Part, Reach, Resource};
use k1s_source::{At, Key, KindInfo};
use serde_json::Value;

use crate::config::Settings;

/// What one scope follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Followed {
    pub(crate) part: Part,
    pub(crate) extent: Extent,
}

/// Groups that every host knows the kinds of; those of others have a dot.
fn is_described_by_kubernetes(resource: &Resource) -> bool {
    !resource.group.contains('.')
}

impl Followed {
    /// Returns whether an object is one of those that are chosen.
    pub(crate) fn chooses(&self, object: &Object, settings: &Settings) -> bool {
        let resource = &self.part.resource;
        let in_place = match resource.reach {
            Reach::Namespaced => settings.namespaces.choose(&object.namespace),
            Reach::Cluster if resource.is_namespaces() => settings.namespaces.choose(&object.name),
            Reach::Cluster => true,
        };
        in_place
            && match self.extent {
                Extent::Whole => true,
                Extent::Definitions => settings.kinds.chooses_defined(object),
            }
    }

    /// Makes of an object what is declared of it, and where.
    pub(crate) fn declared(&self, object: Object, settings: &Settings, url: &str) -> (Value, At) {
        let at = self.at(&object.namespace, &object.name, url).version(object.version);
        let mut value = object.value;
        settings.fields.prune(&mut value);
        (value, at)
    }

    /// Returns where an object is.
    pub(crate) fn at(&self, namespace: &str, name: &str, url: &str) -> At {
        let part = Part {
            resource: self.part.resource.clone(),
            namespace: (!namespace.is_empty()).then(|| namespace.to_owned()),
        };
        At::path(format!("{}/{name}", part.path().trim_start_matches('/'))).uri(url)
    }

    /// Returns the key of an object.
    pub(crate) fn key(&self, namespace: &str, name: &str) -> Key {
        Key {
            group: self.part.resource.group.clone(),
            kind: self.part.resource.kind.clone(),
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        }
    }

    /// Returns what a host has to be told of the kind, if it may not know it.
    pub(crate) fn kind_info(&self) -> Option<KindInfo> {
        let resource = &self.part.resource;
        (!is_described_by_kubernetes(resource)).then(|| KindInfo {
            group: resource.group.clone(),
            version: resource.version.clone(),
            kind: resource.kind.clone(),
            plural: resource.plural.clone(),
            namespaced: resource.reach == Reach::Namespaced,
        })
    }
}
