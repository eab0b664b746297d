//! What a source takes of a cluster: which namespaces, which objects of them, which kinds, and of which cluster.

use std::collections::BTreeSet;

use k1s_tests::cluster::{ADMIN_TOKEN, Client, Cluster, Kubeconfig, User, Verb, Write};
use k1s_tests::proxy::Proxy;
use k1s_tests::scene::Scene;
use serde_json::json;

use crate::server::config_map;
use crate::stage::{SOURCE, Stage, stored, there, until_condition, until_same, until_stored};

fn administrator() -> User {
    User::Token(ADMIN_TOKEN.to_owned())
}

#[test]
fn of_fifty_namespaces_globs_and_selectors_choose() -> anyhow::Result<()> {
    let cluster = Cluster::shared()?;
    let mut client = cluster.client()?;
    let mut writes = Vec::new();
    let mut expected = BTreeSet::new();
    for number in 0..50 {
        let namespace = format!("glob-{number:02}");
        client.namespace(&namespace, json!({}))?;
        for (name, app) in [("chosen", "shop"), ("other", "office")] {
            let mut object = config_map(name);
            object["metadata"]["labels"] = json!({"app": app});
            writes.push(Write {
                path: format!("/api/v1/namespaces/{namespace}/configmaps"),
                verb: Verb::Create(object),
            });
        }
        if number >= 20 && !(40..45).contains(&number) {
            expected.insert(format!("{namespace}/chosen"));
        }
    }
    cluster.write_all(&writes)?;
    let config = json!({
        "kinds": {"allow": ["configmaps"]},
        "namespaces": {"allow": ["glob-*"], "deny": ["glob-[01]*", "glob-4[0-4]"]},
        "labelSelector": "app=shop",
    });
    let daemon = Stage::at(cluster.endpoint(), administrator(), config).live(Scene::new()?)?;
    let chosen = |client: &mut Client, expected: &BTreeSet<String>| {
        let mut objects = there(client, &["/api/v1/configmaps?labelSelector=app%3Dshop"])?;
        objects.retain(|key, _| expected.contains(key));
        anyhow::ensure!(objects.len() == expected.len(), "{} are there", objects.len());
        Ok(objects)
    };
    until_stored(&daemon, "configmaps", &chosen(&mut client, &expected)?)?;

    // A namespace that comes later is chosen as well, and an object that is not chosen any more goes.
    client.namespace("glob-99", json!({}))?;
    let mut object = config_map("late");
    object["metadata"]["labels"] = json!({"app": "shop"});
    client.create("/api/v1/namespaces/glob-99/configmaps", object)?;
    let relabel = json!({"metadata": {"labels": {"app": "office"}}});
    client.done("/api/v1/namespaces/glob-30/configmaps/chosen", &Verb::Merge(relabel))?;
    expected.insert("glob-99/late".to_owned());
    expected.remove("glob-30/chosen");
    until_stored(&daemon, "configmaps", &chosen(&mut client, &expected)?)?;
    daemon.stop().map(drop)
}

#[test]
fn secrets_are_never_asked_for_unless_somebody_wants_them() -> anyhow::Result<()> {
    let cluster = Cluster::shared()?;
    let mut client = cluster.client()?;
    client.namespace("secrets", json!({}))?;
    client.create("/api/v1/namespaces/secrets/configmaps", config_map("plain"))?;
    client.create(
        "/api/v1/namespaces/secrets/secrets",
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "hidden"}, "stringData": {"word": "sesame"}}),
    )?;
    let proxy = Proxy::before(cluster)?;
    let namespaces = json!({"allow": ["secrets"]});
    let without = Stage::at(proxy.endpoint(), administrator(), json!({"namespaces": namespaces}));
    let daemon = without.live(Scene::new()?)?;
    let plain = ["/api/v1/namespaces/secrets/configmaps"];
    until_same(&daemon, &mut client, "configmaps", &plain)?;
    let scene = daemon.stop()?;
    assert!(stored(&scene, "secrets")?.is_empty());
    assert!(proxy.asked()?.iter().all(|asked| asked.resource != "secrets"));

    let wanted = json!({
        "namespaces": namespaces, "includeSecrets": true, "kinds": {"allow": ["configmaps", "secrets"]},
    });
    let with = Stage::at(proxy.endpoint(), administrator(), wanted);
    let daemon = with.again(scene)?;
    until_same(&daemon, &mut client, "secrets", &["/api/v1/namespaces/secrets/secrets"])?;
    daemon.stop().map(drop)
}

#[test]
fn two_clusters_are_followed_at_once_and_another_in_the_place_of_one_deletes_nothing() -> anyhow::Result<()> {
    let (one, other) = (Cluster::shared()?, Cluster::start()?);
    let collection = "/api/v1/namespaces/roots/configmaps";
    for (cluster, names) in [(one, ["a", "b"]), (&other, ["b", "c"])] {
        let mut client = cluster.client()?;
        client.namespace("roots", json!({}))?;
        for name in names {
            client.create(collection, config_map(name))?;
        }
    }
    let rules = json!({"kinds": {"allow": ["configmaps"]}, "namespaces": {"allow": ["roots"]}});
    let stage = |cluster: &Cluster| Stage::at(cluster.endpoint(), administrator(), rules.clone());
    let daemon = stage(one).live(Scene::new()?)?;
    until_same(&daemon, &mut one.client()?, "configmaps", &[collection])?;
    let scene = daemon.stop()?;

    let daemon = stage(&other).again(scene)?;
    until_condition(&daemon, "RootChanged", "--accept-root")?;
    let mut both = there(&mut one.client()?, &[collection])?;
    both.extend(there(&mut other.client()?, &[collection])?);
    until_stored(&daemon, "configmaps", &both)?;
    let accepted = daemon.scene.host(&["sync", SOURCE, "--accept-root", "--wait"])?;
    accepted.expect_code(0)?;
    until_same(&daemon, &mut other.client()?, "configmaps", &[collection])?;
    daemon.stop()?;

    let contexts = Kubeconfig::of("one", one.endpoint(), administrator());
    let contexts = contexts.and("other", other.endpoint(), administrator());
    let mut config = rules;
    config["contexts"] = json!([{"context": "one", "name": "one"}, {"context": "other", "name": "other"}]);
    one.client()?.done(&format!("{collection}/b"), &Verb::Delete)?;
    let daemon = Stage::of(contexts, config).live(Scene::new()?)?;
    let mut both = there(&mut one.client()?, &[collection])?;
    both.extend(there(&mut other.client()?, &[collection])?);
    until_stored(&daemon, "configmaps", &both)?;
    daemon.stop().map(drop)
}
