//! What hosts write of an object into it, in the form that Kubernetes allows: it is no content, whoever wrote it.

use anyhow::{Context as _, ensure};
use k1s_tests::cluster::{ADMIN_TOKEN, Cluster, User, Verb};
use k1s_tests::scene::Scene;
use serde_json::{Value, json};

use crate::server::config_map;
use crate::stage::{SOURCE, Stage};

#[test]
fn what_another_instance_wrote_is_no_content_and_what_controls_is() -> anyhow::Result<()> {
    let cluster = Cluster::shared()?;
    let mut client = cluster.client()?;
    client.namespace("annotations", json!({}))?;
    let collection = "/api/v1/namespaces/annotations/configmaps";
    let mut object = config_map("marked");
    object["metadata"]["annotations"] = json!({
        "dev.sync.k1s.io/source": "elsewhere",
        "sync.k1s.io/source": "elsewhere",
        "sync.k1s.io/prune": "confirm",
        "example.com/note": "kept",
    });
    client.create(collection, object)?;
    let config = json!({"kinds": {"allow": ["configmaps"]}, "namespaces": {"allow": ["annotations"]}});
    let stage = Stage::at(cluster.endpoint(), User::Token(ADMIN_TOKEN.to_owned()), config);
    let mut daemon = stage.live(Scene::new()?)?;

    let marks = json!({"dev.sync.k1s.io/last-sync": "2026-11-24T00:00:00Z", "dev.sync.k1s.io/source": "another"});
    let patch = json!({"metadata": {"annotations": marks}});
    client.done(&format!("{collection}/marked"), &Verb::Merge(patch))?;
    // What comes behind it in the same watch was seen after it.
    client.create(collection, config_map("later"))?;
    daemon.until("created", "ConfigMap annotations/later", 1)?;
    let updated = ("updated".to_owned(), "ConfigMap annotations/marked".to_owned());
    ensure!(!daemon.changes()?.contains_key(&updated), "{:?}", daemon.changes()?);

    let objects = daemon.scene.objects("configmaps")?;
    let marked = objects.iter().find(|object| object["metadata"]["name"] == "marked");
    let annotations = &marked.context("the object")?["metadata"]["annotations"];
    assert_eq!(annotations["sync.k1s.io/source"], SOURCE, "{annotations}");
    assert_eq!(annotations["sync.k1s.io/prune"], "confirm", "{annotations}");
    assert_eq!(annotations["example.com/note"], "kept", "{annotations}");
    assert_eq!(annotations["dev.sync.k1s.io/source"], Value::Null, "{annotations}");
    daemon.stop().map(drop)
}
