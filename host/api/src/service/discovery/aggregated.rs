//! Discovery of everything at once (KEP-3352), which spares a client a request for each version.

use k1s_object::KindScope;
use serde_json::{Value, json};

use super::{kind_below, verbs_below};
use crate::service::accept::DiscoveryVersion;
use crate::service::kinds::{Served, ServedGroup, ServedKind};
use crate::service::path::GroupVersion;

/// The media type of version 2; clients compare it letter by letter.
pub(super) const V2: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
/// The media type of version 2beta1.
pub(super) const V2BETA1: &str = "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList";

/// `APIGroupDiscoveryList`.
pub(super) fn list(served: &Served, groups: &[ServedGroup], version: DiscoveryVersion) -> Value {
    let items: Vec<Value> = groups.iter().map(|group| item(served, group)).collect();
    let api_version = match version {
        DiscoveryVersion::V2 => "apidiscovery.k8s.io/v2",
        DiscoveryVersion::V2Beta1 => "apidiscovery.k8s.io/v2beta1",
    };
    json!({"kind": "APIGroupDiscoveryList", "apiVersion": api_version, "metadata": {}, "items": items})
}

fn item(served: &Served, group: &ServedGroup) -> Value {
    let versions = group.versions.iter().map(|version| {
        let of = GroupVersion {
            group: group.name.clone(),
            version: version.clone(),
        };
        let resources: Vec<Value> = served.kinds(&of).iter().map(|kind| resource(&of, kind)).collect();
        json!({"version": version, "resources": resources, "freshness": "Current"})
    });
    let versions: Vec<Value> = versions.collect();
    let metadata = if group.name.is_empty() {
        json!({})
    } else {
        json!({"name": group.name})
    };
    json!({"metadata": metadata, "versions": versions})
}

fn resource(of: &GroupVersion, kind: &ServedKind<'_>) -> Value {
    let response = |kind: &str| json!({"group": of.group, "version": of.version, "kind": kind});
    let mut resource = json!({
        "resource": kind.plural,
        "responseKind": response(kind.kind),
        "scope": match kind.scope {
            KindScope::Namespaced => "Namespaced",
            KindScope::Cluster => "Cluster",
        },
        "singularResource": kind.singular,
        "verbs": kind.verbs,
    });
    if !kind.short_names.is_empty() {
        resource["shortNames"] = json!(kind.short_names);
    }
    if !kind.categories.is_empty() {
        resource["categories"] = json!(kind.categories);
    }
    let below = kind.below.iter().map(|below| {
        json!({
            "subresource": below.name(),
            "responseKind": response(kind_below(*below)),
            "verbs": verbs_below(*below),
        })
    });
    let below: Vec<Value> = below.collect();
    if !below.is_empty() {
        resource["subresources"] = below.into();
    }
    resource
}
