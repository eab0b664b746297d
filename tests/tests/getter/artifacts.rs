//! Origins behind TLS: whom a source believes, and artifacts of a registry.

use std::fmt::Write as _;
use std::fs;

use anyhow::ensure;
use k1s_tests::scene::{Scene, config_map};
use k1s_tests::web::{Page, Web};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::stage::{Stage, archive, values};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const REPOSITORY: &str = "/v2/team/config";

fn digest(bytes: &[u8]) -> String {
    let mut text = "sha256:".to_owned();
    for byte in Sha256::digest(bytes) {
        // A text never refuses to be written to.
        write!(text, "{byte:02x}").unwrap_or_default();
    }
    text
}

/// Puts an artifact of these layers at a tag; each has a media type, and a name if it is a file.
fn push(web: &Web, tag: &str, layers: &[(&str, Option<&str>, Vec<u8>)]) -> String {
    let described: Vec<_> = layers
        .iter()
        .map(|(media_type, title, bytes)| {
            let digest = digest(bytes);
            web.put(&format!("{REPOSITORY}/blobs/{digest}"), Page::of(bytes.clone()));
            let annotations = title.map_or(json!({}), |title| json!({"org.opencontainers.image.title": title}));
            json!({"mediaType": media_type, "digest": digest, "size": bytes.len(), "annotations": annotations})
        })
        .collect();
    let config = json!({"mediaType": "application/vnd.oci.empty.v1+json", "digest": digest(b"{}"), "size": 2});
    let manifest = json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": described});
    let bytes = manifest.to_string();
    let digest = digest(bytes.as_bytes());
    let page = Page::of(bytes)
        .with("Content-Type", MANIFEST)
        .with("Docker-Content-Digest", &digest);
    web.put(&format!("{REPOSITORY}/manifests/{tag}"), page.clone());
    web.put(&format!("{REPOSITORY}/manifests/{digest}"), page);
    digest
}

/// A registry, and a source of one of its tags that believes it.
fn served() -> anyhow::Result<(Web, Stage)> {
    let (web, scene) = (Web::start_with_tls()?, Scene::new()?);
    fs::write(scene.outside("ca.pem"), web.authority_pem())?;
    let source = format!("oci://localhost:{}/team/config:v1", web.port());
    let stage = Stage::over(scene, json!({"source": source, "caFile": "./ca.pem"}))?;
    Ok((web, stage))
}

#[test]
fn an_artifact_is_synced_and_an_unchanged_one_is_asked_without_a_body() -> anyhow::Result<()> {
    let (web, stage) = served()?;
    let packed = archive(&stage.scene, &[("a", "1"), ("b", "1")])?;
    let single = config_map("c", "1").into_bytes();
    let layers = [
        ("application/vnd.oci.image.layer.v1.tar+gzip", None, packed),
        ("application/yaml", Some("c.yaml"), single),
    ];
    push(&web, "v1", &layers);
    ensure!(stage.once(0)?.stdout.contains("3 created"));
    let asked = web.asked().len();
    let again = stage.once(0)?;
    ensure!(
        again.stdout.contains("3 unchanged") && again.stdout.contains("nothing written"),
        "{}",
        again.stdout
    );
    let methods: Vec<String> = web
        .asked()
        .split_off(asked)
        .into_iter()
        .map(|asked| asked.method)
        .collect();
    assert_eq!(methods, ["HEAD"]);
    push(&web, "v1", &layers[1..]);
    let moved = stage.once(0)?;
    ensure!(moved.stdout.contains("2 deleted, 1 unchanged"), "{}", moved.stdout);
    assert_eq!(values(&stage.scene)?, ["c=1"]);
    Ok(())
}

/// What a registry sends under a digest has it, or nothing of it is used.
#[test]
fn a_layer_that_is_another_takes_nothing_away() -> anyhow::Result<()> {
    let (web, stage) = served()?;
    push(
        &web,
        "v1",
        &[("application/yaml", Some("a.yaml"), config_map("a", "1").into_bytes())],
    );
    stage.once(0)?;
    let (said, sent) = (config_map("a", "2"), config_map("a", "3"));
    push(
        &web,
        "v1",
        &[("application/yaml", Some("a.yaml"), said.clone().into_bytes())],
    );
    web.put(
        &format!("{REPOSITORY}/blobs/{}", digest(said.as_bytes())),
        Page::of(sent),
    );
    let refused = stage.once(1)?;
    ensure!(refused.stdout.contains("DATA_INVALID"), "{}", refused.stdout);
    push(
        &web,
        "v1",
        &[("application/yaml", Some("../a.yaml"), said.into_bytes())],
    );
    let refused = stage.once(1)?;
    ensure!(
        refused.stdout.contains("which is no path below a folder"),
        "{}",
        refused.stdout
    );
    assert_eq!(values(&stage.scene)?, ["a=1"]);
    Ok(())
}

#[test]
fn h12_a_server_that_nobody_vouches_for_is_not_believed() -> anyhow::Result<()> {
    let (web, scene) = (Web::start_with_tls()?, Scene::new()?);
    web.put("/a.yaml", Page::of(config_map("a", "1")));
    fs::write(scene.outside("ca.pem"), web.authority_pem())?;
    let source = web.url("/a.yaml");
    let stage = Stage::over(scene, json!({"source": source}))?;
    let refused = stage.once(1)?;
    ensure!(
        refused.stdout.contains("of no authority that is trusted here"),
        "{}",
        refused.stdout
    );
    ensure!(web.asked().is_empty());
    let stage = Stage::over(stage.scene, json!({"source": source, "caFile": "./ca.pem"}))?;
    stage.once(0)?;
    let other = source.replace("localhost", "127.0.0.1");
    let stage = Stage::over(stage.scene, json!({"source": other, "caFile": "./ca.pem"}))?;
    let refused = stage.once(1)?;
    ensure!(
        refused.stdout.contains("its certificate is for other hosts"),
        "{}",
        refused.stdout
    );
    Ok(())
}
