//! Which crates of the workspace may know which.

use std::collections::BTreeSet;

use crate::workspace::{Metadata, Package, metadata, no};

/// What a crate may depend on, directly, for building and for its tests alike.
const ARROWS: &[(&str, &[&str])] = &[
    ("k1s-object", &[]),
    ("k1s-sync-engine", &["k1s-object"]),
    ("k1s-crash", &[]),
    ("k1s-fuzz", &[]),
    ("k1s-store", &["k1s-crash", "k1s-object", "k1s-sync-engine"]),
    ("k1s-api", &["k1s-object", "k1s-sync-engine", "k1s-store"]),
    ("k1s-process", &[]),
    (
        "k1s-sync-host",
        &[
            "k1s-api",
            "k1s-crash",
            "k1s-object",
            "k1s-process",
            "k1s-source-proto",
            "k1s-store",
            "k1s-sync-engine",
            "k1s-yaml",
        ],
    ),
    ("k1s-source-proto", &[]),
    ("k1s-yaml", &[]),
    ("k1s-source", &["k1s-crash", "k1s-source-proto", "k1s-yaml"]),
    ("k1s-manifests", &["k1s-source"]),
    ("k1s-getter-address", &["k1s-fuzz"]),
    ("k1s-getter-archive", &["k1s-fuzz", "k1s-getter-address"]),
    ("k1s-getter-bucket", &["k1s-getter-address", "k1s-getter-net"]),
    ("k1s-getter-credentials", &["k1s-getter-address", "k1s-getter-net"]),
    ("k1s-getter-git", &["k1s-fuzz", "k1s-getter-address", "k1s-getter-net"]),
    ("k1s-getter-net", &["k1s-getter-address"]),
    ("k1s-getter-oci", &["k1s-getter-address", "k1s-getter-net"]),
    ("k1s-getter-signature", &[]),
    ("k1s-getter-ssh", &["k1s-getter-address", "k1s-getter-net"]),
    ("k1s-getter-webhook", &["k1s-getter-address"]),
    (
        "k1s-sync-getter",
        &[
            "k1s-getter-address",
            "k1s-getter-archive",
            "k1s-getter-bucket",
            "k1s-getter-credentials",
            "k1s-getter-git",
            "k1s-getter-net",
            "k1s-getter-oci",
            "k1s-getter-signature",
            "k1s-getter-ssh",
            "k1s-getter-webhook",
            "k1s-manifests",
            "k1s-source",
        ],
    ),
    ("k1s-kubernetes-watch", &[]),
    (
        "k1s-sync-kubernetes",
        &["k1s-kubernetes-watch", "k1s-source", "k1s-source-proto"],
    ),
];
/// What every crate in `plugins/` may depend on that has no line of its own.
const PLUGIN: &[&str] = &["k1s-manifests", "k1s-source", "k1s-source-proto", "k1s-yaml"];
/// Crates that look at everything and that nothing of the product may depend on.
const ONLOOKERS: &[&str] = &["k1s-bench", "k1s-tests", "xtask"];

fn allowed(metadata: &Metadata, package: &Package) -> Option<&'static [&'static str]> {
    let directory = metadata.relative(package.directory());
    let is_plugin = directory.starts_with("plugins/");
    let listed = ARROWS.iter().find(|(name, _)| *name == package.name);
    match listed {
        Some((_, allowed)) => Some(allowed),
        None => is_plugin.then_some(PLUGIN),
    }
}

#[test]
fn crates_depend_only_on_what_the_picture_allows() -> anyhow::Result<()> {
    let metadata = metadata()?;
    let members: BTreeSet<&str> = metadata.members().map(|package| package.name.as_str()).collect();
    let mut complaints = Vec::new();
    for package in metadata
        .members()
        .filter(|package| !ONLOOKERS.contains(&package.name.as_str()))
    {
        let Some(allowed) = allowed(metadata, package) else {
            complaints.push(format!("{} has no place among the arrows", package.name));
            continue;
        };
        for dependency in &metadata.node(package)?.deps {
            let target = metadata.target(dependency)?.name.as_str();
            if members.contains(target) && !allowed.contains(&target) {
                complaints.push(format!("{} may not depend on {target}", package.name));
            }
        }
    }
    no(&complaints)
}
