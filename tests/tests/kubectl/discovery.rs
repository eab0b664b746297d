//! What the server says of itself.

use std::collections::BTreeSet;

use anyhow::{Context as _, ensure};
use serde_json::Value;

use crate::shop::{Shop, cells, lines};

#[test]
fn pages_about_the_server_are_there() -> anyhow::Result<()> {
    let shop = Shop::open()?;
    let raw = |path: &str| shop.client.answer(["get", "--raw", path]);
    for path in ["/healthz", "/livez", "/readyz"] {
        assert_eq!(raw(path)?, "ok", "{path}");
        ensure!(raw(&format!("{path}?verbose"))?.contains("ok"), "{path}");
    }
    let metrics = raw("/metrics")?;
    ensure!(metrics.contains("# TYPE ") && metrics.ends_with("# EOF\n"), "{metrics}");

    let json = |path: &str| -> anyhow::Result<Value> { Ok(serde_json::from_str(&raw(path)?)?) };
    assert_eq!(json("/version")?["major"], "1");
    assert_eq!(json("/api")?["versions"], serde_json::json!(["v1"]));
    let groups = json("/apis")?;
    let groups = groups["groups"].as_array().context("groups")?;
    let names: BTreeSet<&str> = groups.iter().filter_map(|group| group["name"].as_str()).collect();
    for group in [
        "apps",
        "batch",
        "apiextensions.k8s.io",
        "shop.example.com",
        "sync.k1s.io",
    ] {
        ensure!(names.contains(group), "{group} is missing in {names:?}");
        assert_eq!(json(&format!("/apis/{group}"))?["kind"], "APIGroup");
    }
    let resources = json("/apis/sync.k1s.io/v1alpha1")?;
    let resources = resources["resources"].as_array().context("resources")?;
    let names: BTreeSet<&str> = resources.iter().filter_map(|found| found["name"].as_str()).collect();
    for name in [
        "sources",
        "sources/sync",
        "heldprunes",
        "heldprunes/approve",
        "heldprunes/undo",
    ] {
        ensure!(names.contains(name), "{name} is missing in {names:?}");
    }
    Ok(())
}

#[test]
fn kinds_and_versions_are_told() -> anyhow::Result<()> {
    let shop = Shop::open()?;
    let answer = |arguments: &str| shop.client.answer(arguments.split(' '));
    let table = answer("api-resources --no-headers")?;
    let row = |kind: &str| {
        let rows = cells(&table);
        rows.into_iter()
            .find(|row| row.last() == Some(&kind))
            .with_context(|| format!("no {kind} in {table}"))
    };
    assert_eq!(row("ConfigMap")?, ["configmaps", "cm", "v1", "true", "ConfigMap"]);
    assert_eq!(
        row("Product")?,
        ["products", "prod", "shop.example.com/v1", "true", "Product"]
    );
    assert_eq!(row("Source")?, ["sources", "sync.k1s.io/v1alpha1", "false", "Source"]);
    assert_eq!(row("HeldPrune")?[2..], ["sync.k1s.io/v1alpha1", "false", "HeldPrune"]);
    let namespaced = answer("api-resources --namespaced=false -o name")?;
    ensure!(namespaced.contains("sources.sync.k1s.io") && !namespaced.contains("configmaps"));
    let writable = answer("api-resources --verbs=create -o name")?;
    ensure!(!lines(&writable)?.contains("configmaps"), "{writable}");

    let versions = lines(&answer("api-versions")?)?;
    for version in ["v1", "apps/v1", "sync.k1s.io/v1alpha1", "shop.example.com/v1"] {
        ensure!(versions.contains(version), "{version} is missing in {versions:?}");
    }
    let version = shop.client.json(["version", "-o", "json"])?;
    ensure!(version["serverVersion"]["gitVersion"].is_string(), "{version}");
    let address = answer("cluster-info")?;
    ensure!(address.contains("https://127.0.0.1:"), "{address}");
    Ok(())
}

#[test]
fn a_definition_that_comes_later_is_a_kind_at_once() -> anyhow::Result<()> {
    let mut shop = Shop::open()?;
    let unknown = shop.client.run(["get", "gadgets", "-A"])?.expect_code(1)?;
    ensure!(
        unknown
            .stderr
            .contains("the server doesn't have a resource type \"gadgets\""),
        "{}",
        unknown.stderr
    );
    let definition = "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata:\n  \
        name: gadgets.example.com\nspec:\n  group: example.com\n  scope: Cluster\n  names:\n    kind: Gadget\n    \
        plural: gadgets\n    singular: gadget\n    shortNames: [gd]\n  versions:\n  - name: v1\n    served: true\n    \
        storage: true\n    schema:\n      openAPIV3Schema:\n        type: object\n---\n\
        apiVersion: example.com/v1\nkind: Gadget\nmetadata:\n  name: first\n";
    shop.daemon.scene.write("gadgets.yaml", definition)?;
    shop.daemon.until("created", "Gadget first", 1)?;
    assert_eq!(
        shop.client.answer(["get", "gd", "-o", "name"])?,
        "gadget.example.com/first\n"
    );
    Ok(())
}

#[test]
fn what_the_server_has_no_schema_for_is_said() -> anyhow::Result<()> {
    let shop = Shop::open()?;
    let refused = shop.client.run(["explain", "configmaps"])?.expect_code(1)?;
    assert_eq!(
        (refused.stdout.as_str(), refused.stderr.as_str()),
        (
            "",
            "Error from server (NotFound): the server could not find the requested resource\n"
        )
    );
    Ok(())
}
