//! Kinds that come and go while a source runs.

use anyhow::Context as _;
use k1s_tests::cluster::{ADMIN_TOKEN, Client, Cluster, User, Verb};
use k1s_tests::eventually;
use k1s_tests::scene::{DEADLINE, Scene};
use serde_json::{Value, json};

use crate::server::config_map;
use crate::stage::{Stage, stored, until_same};

const CRDS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const CRD: &str = "widgets.kinds.example";
const WIDGETS: &str = "/apis/kinds.example/v1/namespaces/kinds/widgets";

fn definition() -> Value {
    let schema = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": CRD},
        "spec": {
            "group": "kinds.example", "scope": "Namespaced",
            "names": {"plural": "widgets", "singular": "widget", "kind": "Widget", "listKind": "WidgetList"},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": schema}}],
        },
    })
}

fn widget(name: &str) -> Value {
    json!({"apiVersion": "kinds.example/v1", "kind": "Widget", "metadata": {"name": name}, "spec": {"size": 1.5}})
}

/// Makes the kind and an object of it, as soon as the server takes one.
fn add(client: &mut Client, name: &str) -> anyhow::Result<()> {
    client.create(CRDS, definition())?;
    eventually(DEADLINE, "the server serves the kind", || {
        let answer = client.ask(WIDGETS, &Verb::Create(widget(name)))?;
        Ok((answer.status == 201).then_some(()))
    })
}

#[test]
fn a_kind_that_is_defined_later_is_followed_and_one_that_goes_is_let_go() -> anyhow::Result<()> {
    let cluster = Cluster::shared()?;
    let mut client = cluster.client()?;
    client.namespace("kinds", json!({}))?;
    let collection = "/api/v1/namespaces/kinds/configmaps";
    client.create(collection, config_map("a"))?;
    let config = json!({
        "kinds": {"allow": ["configmaps", "kinds.example/*"]}, "namespaces": {"allow": ["kinds"]},
    });
    let stage = Stage::at(cluster.endpoint(), User::Token(ADMIN_TOKEN.to_owned()), config);
    let mut daemon = stage.live(Scene::new()?)?;
    add(&mut client, "first")?;
    daemon.until("created", "Widget kinds/first", 1)?;
    until_same(&daemon, &mut client, CRD, &[WIDGETS])?;
    let patch = json!({"spec": {"size": 2.5}});
    client.done(&format!("{WIDGETS}/first"), &Verb::Merge(patch))?;
    until_same(&daemon, &mut client, CRD, &[WIDGETS])?;

    client.done(&format!("{CRDS}/{CRD}"), &Verb::Delete)?;
    eventually(DEADLINE, "the kind is gone", || {
        Ok(client.get(&format!("{CRDS}/{CRD}"))?.is_none().then_some(()))
    })?;
    client.create(collection, config_map("b"))?;
    until_same(&daemon, &mut client, "configmaps", &[collection])?;

    add(&mut client, "second")?;
    daemon.until("created", "Widget kinds/second", 1)?;
    let second = stored(&daemon.scene, CRD)?;
    let second = second.get("kinds/second").context("the second")?;
    assert_eq!(second["spec"]["size"], 1.5);
    client.create(collection, config_map("c"))?;
    until_same(&daemon, &mut client, "configmaps", &[collection])?;
    assert!(!daemon.deleted()?.iter().any(|object| object.contains("ConfigMap")));
    daemon.stop().map(drop)
}
