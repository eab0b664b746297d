//! The commands of `docs/migration.md` do what the page says.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::process::Command;

use anyhow::{Context as _, ensure};
use k1s_tests::cluster::{ADMIN_TOKEN, Cluster, Kubeconfig, User, Verb};
use k1s_tests::program::{Finished, HOST, built, run};
use k1s_tests::scene::{DEADLINE, Scene};
use serde_json::{Value, json};

use crate::server::config_map;
use crate::stage::{Objects, difference, stored, there};

const PAGE: &str = include_str!("../../../docs/migration.md");
const COLLECTIONS: [&str; 3] = [
    "/api/v1/namespaces/shop/configmaps",
    "/api/v1/namespaces/shop/services",
    "/apis/apps/v1/namespaces/shop/deployments",
];
const KINDS: &str = "configmaps,services,deployments";

/// The blocks of the page in a language, in their order.
fn blocks(language: &str) -> Vec<&'static str> {
    let fence = format!("```{language}\n");
    let blocks = PAGE.split(fence.as_str()).skip(1);
    blocks.filter_map(|rest| rest.split("```").next()).collect()
}

/// Runs a block as somebody would who has the programs in the path.
fn type_in(scene: &Scene, block: &str) -> anyhow::Result<Finished> {
    let programs = built(HOST)?;
    let programs = programs.parent().context("a directory")?.display();
    let path = format!("{programs}:{}", env::var("PATH").unwrap_or_default());
    let mut shell = Command::new("sh");
    shell
        .args(["-euc", block])
        .current_dir(scene.outside(""))
        .env("PATH", path);
    run(&mut shell, DEADLINE)?.expect_code(0)
}

fn same(found: &Objects, expected: &Objects) -> anyhow::Result<()> {
    ensure!(found == expected, "{}", difference(found, expected));
    Ok(())
}

/// The uid of each object.
fn identities(scene: &Scene) -> anyhow::Result<BTreeMap<String, Value>> {
    let objects = scene.objects(KINDS)?.into_iter();
    let pairs = objects.map(|object| {
        let metadata = &object["metadata"];
        (
            format!("{} {}", object["kind"], metadata["name"]),
            metadata["uid"].clone(),
        )
    });
    Ok(pairs.collect())
}

fn deployment() -> Value {
    let labels = json!({"app": "till"});
    let container = json!({"name": "till", "image": "till:1", "ports": [{"containerPort": 80}]});
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "till"},
        "spec": {"replicas": 2, "selector": {"matchLabels": labels}, "template": {
            "metadata": {"labels": labels}, "spec": {"containers": [container]},
        }},
    })
}

#[test]
fn a_cluster_is_read_followed_and_left() -> anyhow::Result<()> {
    let cluster = Cluster::shared()?;
    let mut client = cluster.client()?;
    client.namespace("shop", json!({}))?;
    for name in ["prices", "gone"] {
        client.create(COLLECTIONS[0], config_map(name))?;
    }
    let service = json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "till"},
        "spec": {"selector": {"app": "till"}, "ports": [{"port": 80}]},
    });
    client.create(COLLECTIONS[1], service)?;
    client.create(COLLECTIONS[2], deployment())?;

    let scene = Scene::new()?;
    fs::remove_dir(scene.manifests())?;
    let administrator = User::Token(ADMIN_TOKEN.to_owned());
    Kubeconfig::of("production", cluster.endpoint(), administrator).write(&scene.outside("kubeconfig"))?;
    let (files, commands) = (blocks("yaml"), blocks("sh"));
    let [read, follow, export, take_over] = commands[..] else {
        anyhow::bail!("{} blocks of commands", commands.len());
    };
    fs::write(scene.outside("sync.yaml"), files.first().context("a configuration")?)?;
    let shown = type_in(&scene, read)?;
    ensure!(
        shown.stdout.contains("prices") && shown.stdout.contains("till"),
        "{shown:?}"
    );
    same(&stored(&scene, KINDS)?, &there(&mut client, &COLLECTIONS)?)?;

    client.done(&format!("{}/gone", COLLECTIONS[0]), &Verb::Delete)?;
    let patch = json!({"data": {"value": "higher"}});
    client.done(&format!("{}/prices", COLLECTIONS[0]), &Verb::Merge(patch))?;
    type_in(&scene, follow)?;
    let last = there(&mut client, &COLLECTIONS)?;
    same(&stored(&scene, KINDS)?, &last)?;

    let before = identities(&scene)?;
    type_in(&scene, export)?;
    fs::write(scene.outside("files.yaml"), files.get(1).context("a configuration")?)?;
    let taken = type_in(&scene, take_over)?;
    ensure!(!taken.stdout.contains("deleted"), "{taken:?}");
    same(&stored(&scene, KINDS)?, &last)?;
    assert_eq!(identities(&scene)?, before);
    let manifest = scene.manifests().join("shop.yaml");
    fs::write(&manifest, fs::read_to_string(&manifest)?.replace("higher", "lower"))?;
    let changed = type_in(&scene, take_over)?;
    ensure!(changed.stdout.contains("1 updated"), "{changed:?}");
    Ok(())
}
