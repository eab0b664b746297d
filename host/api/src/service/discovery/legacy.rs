//! Discovery in one document for each version, as every client reads it.

use k1s_object::{ApiVersion, KindScope};
use serde_json::{Value, json};

use super::{kind_below, verbs_below};
use crate::service::kinds::{Served, ServedGroup, ServedKind};
use crate::service::path::GroupVersion;

/// `APIVersions`.
pub(super) fn core(groups: &[ServedGroup]) -> Value {
    let versions: Vec<&str> = groups
        .iter()
        .flat_map(|group| &group.versions)
        .map(|version| &**version)
        .collect();
    // Which address a client reached the API by is nothing the API knows.
    json!({"kind": "APIVersions", "versions": versions, "serverAddressByClientCIDRs": []})
}

/// `APIGroupList`.
pub(super) fn groups(groups: &[ServedGroup]) -> Value {
    let groups: Vec<Value> = groups.iter().map(entry).collect();
    json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups})
}

/// `APIGroup`.
pub(super) fn group(group: &ServedGroup) -> Value {
    let mut entry = entry(group);
    entry["kind"] = "APIGroup".into();
    entry["apiVersion"] = "v1".into();
    entry
}

fn entry(group: &ServedGroup) -> Value {
    let versions = group
        .versions
        .iter()
        .map(|version| json!({"groupVersion": format!("{}/{version}", group.name), "version": version}));
    let versions: Vec<Value> = versions.collect();
    json!({
        "name": group.name,
        "preferredVersion": versions.first(),
        "versions": versions,
    })
}

/// `APIResourceList`.
pub(super) fn resources(served: &Served, of: &GroupVersion) -> Value {
    let group_version = ApiVersion {
        group: of.group.clone(),
        version: of.version.clone(),
    };
    let kinds = served.kinds(of);
    let resources: Vec<Value> = kinds.iter().flat_map(rows).collect();
    json!({
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": group_version.to_string(),
        "resources": resources,
    })
}

/// The row of a kind, and those of what is below its objects.
fn rows(kind: &ServedKind<'_>) -> Vec<Value> {
    let namespaced = kind.scope == KindScope::Namespaced;
    let mut row = json!({
        "name": kind.plural,
        "singularName": kind.singular,
        "namespaced": namespaced,
        "kind": kind.kind,
        "verbs": kind.verbs,
    });
    if !kind.short_names.is_empty() {
        row["shortNames"] = json!(kind.short_names);
    }
    if !kind.categories.is_empty() {
        row["categories"] = json!(kind.categories);
    }
    let below = kind.below.iter().map(|below| {
        json!({
            "name": format!("{}/{}", kind.plural, below.name()),
            "singularName": "",
            "namespaced": namespaced,
            "kind": kind_below(*below),
            "verbs": verbs_below(*below),
        })
    });
    std::iter::once(row).chain(below).collect()
}
