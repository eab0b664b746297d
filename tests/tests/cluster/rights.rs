//! What a source may not see, and what it may not see yet.

use std::fs;

use anyhow::ensure;
use k1s_tests::authority::Good;
use k1s_tests::cluster::{Cluster, Grant, User, Verb};
use k1s_tests::proxy::{Kind, Proxy};
use k1s_tests::scene::Scene;
use serde_json::json;

use crate::server::config_map;
use crate::stage::{Stage, stored, until_condition, until_same};

const READ: &[&str] = &["list", "watch"];

fn service(name: &str) -> serde_json::Value {
    json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": {"ports": [{"port": 80}]}})
}

#[test]
fn a_kind_that_is_forbidden_waits_and_the_others_go_on() -> anyhow::Result<()> {
    let cluster = Cluster::shared()?;
    let mut client = cluster.client()?;
    for namespace in ["rights-a", "rights-b"] {
        client.namespace(namespace, json!({}))?;
        client.create(&format!("/api/v1/namespaces/{namespace}/configmaps"), config_map("map"))?;
        client.create(&format!("/api/v1/namespaces/{namespace}/services"), service("service"))?;
    }
    let account = cluster.account("rights-a", "reader")?;
    let of = |resource: &'static str, namespace: Option<&'static str>| Grant {
        verbs: READ,
        group: "",
        resource,
        namespace,
    };
    // The place is known by its first namespace; which namespaces there are says who may list them.
    account.grant(&Grant {
        verbs: &["get", "list", "watch"],
        ..of("namespaces", None)
    })?;
    account.grant(&of("configmaps", None))?;
    account.grant(&of("services", Some("rights-a")))?;
    let config = json!({
        "kinds": {"allow": ["configmaps", "services"]}, "namespaces": {"allow": ["rights-a", "rights-b"]},
    });
    let proxy = Proxy::before(cluster)?;
    let daemon = Stage::at(proxy.endpoint(), User::Token(account.token()?), config).live(Scene::new()?)?;
    let maps = [
        "/api/v1/namespaces/rights-a/configmaps",
        "/api/v1/namespaces/rights-b/configmaps",
    ];
    let services = [
        "/api/v1/namespaces/rights-a/services",
        "/api/v1/namespaces/rights-b/services",
    ];
    until_same(&daemon, &mut client, "configmaps", &maps)?;
    until_same(&daemon, &mut client, "services", &services[..1])?;
    client.create(maps[1], config_map("later"))?;
    until_same(&daemon, &mut client, "configmaps", &maps)?;
    assert_eq!(stored(&daemon.scene, "services")?.len(), 1);

    // What is allowed later comes later.
    account.grant(&of("services", Some("rights-b")))?;
    until_same(&daemon, &mut client, "services", &services)?;
    assert!(daemon.deleted()?.is_empty(), "{:?}", daemon.deleted()?);
    daemon.stop().map(drop)
}

#[test]
fn a_token_that_is_replaced_is_read_again() -> anyhow::Result<()> {
    let cluster = Cluster::shared()?;
    let mut client = cluster.client()?;
    client.namespace("rotation", json!({}))?;
    let collection = "/api/v1/namespaces/rotation/configmaps";
    client.create(collection, config_map("before"))?;
    let everything = Grant {
        verbs: &["*"],
        group: "",
        resource: "*",
        namespace: None,
    };
    let (first, second) = (
        cluster.account("rotation", "first")?,
        cluster.account("rotation", "second")?,
    );
    first.grant(&everything)?;
    second.grant(&everything)?;
    let scene = Scene::new()?;
    let token = scene.outside("token");
    fs::write(&token, first.token()?)?;
    let proxy = Proxy::before(cluster)?;
    let config = json!({"kinds": {"allow": ["configmaps"]}, "namespaces": {"allow": ["rotation"]}});
    let daemon = Stage::at(proxy.endpoint(), User::TokenFile(token.clone()), config).live(scene)?;
    first.delete()?;
    // A watch that was allowed once goes on; the next one is not.
    proxy.cut(Kind::Watch)?;
    proxy.cut(Kind::WatchList)?;
    proxy.until("the old token is refused", |asked| {
        asked.iter().any(|asked| asked.status == Some(401))
    })?;
    assert_eq!(stored(&daemon.scene, "configmaps")?.len(), 1);
    client.create(collection, config_map("after"))?;
    fs::write(&token, second.token()?)?;
    until_same(&daemon, &mut client, "configmaps", &[collection])?;
    daemon.stop().map(drop)
}

#[test]
fn a_certificate_that_is_no_longer_good_takes_nothing_away() -> anyhow::Result<()> {
    let cluster = Cluster::shared()?;
    let mut client = cluster.client()?;
    client.namespace("expiry", json!({}))?;
    let collection = "/api/v1/namespaces/expiry/configmaps";
    client.create(collection, config_map("kept"))?;
    let config = json!({"kinds": {"allow": ["configmaps"]}, "namespaces": {"allow": ["expiry"]}});
    let stage = |good| {
        let person = cluster.authority().person("ada", Some("system:masters"), good)?;
        anyhow::Ok(Stage::at(cluster.endpoint(), User::Certificate(person), config.clone()))
    };
    let scene = stage(Good::Always)?.live(Scene::new()?)?.stop()?;
    client.done(&format!("{collection}/kept"), &Verb::Delete)?;
    let refused = stage(Good::Once)?.once(&scene, 2)?;
    ensure!(refused.stdout.contains("AUTH"), "{refused:?}");
    assert_eq!(stored(&scene, "configmaps")?.len(), 1);
    let daemon = stage(Good::Always)?.again(scene)?;
    client.create(collection, config_map("new"))?;
    until_same(&daemon, &mut client, "configmaps", &[collection])?;
    until_condition(&daemon, "Ready", "")?;
    daemon.stop().map(drop)
}
