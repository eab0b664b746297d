//! Origins that are buckets of Google Cloud Storage, on a server that knows its API.

use std::fs;

use anyhow::ensure;
use k1s_tests::scene::{Scene, config_map};
use serde_json::json;

use crate::gcs_server::Gcs;
use crate::stage::{Stage, values};

const BUCKET: &str = "pail";

/// A bucket with two manifests below `shop/`, one beside it, and one by itself.
fn filled() -> anyhow::Result<Gcs> {
    let mut gcs = Gcs::start(0)?;
    for (key, name) in [
        ("shop/a.yaml", "a"),
        ("shop/deep/b.yaml", "b"),
        ("shop-other/c.yaml", "c"),
        ("lone", "lone"),
    ] {
        gcs.put(BUCKET, key, Some(&config_map(name, "1")))?;
    }
    Ok(gcs)
}

/// A source of what is named in the bucket, which asks each second; its token is in a file.
fn stage(gcs: &Gcs, rest: &str) -> anyhow::Result<Stage> {
    let scene = Scene::new()?;
    fs::write(scene.outside("token"), &gcs.token)?;
    let config = json!({
        "source": format!("gcs::https://www.googleapis.com/storage/v1/{BUCKET}/{rest}"),
        "interval": "1s",
        "credentials": {"token": "@token"},
    });
    let env = json!({"STORAGE_EMULATOR_HOST": format!("127.0.0.1:{}", gcs.port)});
    Ok(Stage::over(scene, config)?.in_environment(env))
}

#[test]
fn a_folder_of_google_is_followed() -> anyhow::Result<()> {
    let mut gcs = filled()?;
    let mut daemon = stage(&gcs, "shop")?.live()?;
    assert_eq!(values(&daemon.scene)?, ["a=1", "b=1"]);
    gcs.put(BUCKET, "shop/a.yaml", Some(&config_map("a", "2")))?;
    daemon.until("updated", "ConfigMap shop/a", 1)?;
    gcs.put(BUCKET, "shop/d.yaml", Some(&config_map("d", "1")))?;
    daemon.until("created", "ConfigMap shop/d", 1)?;
    gcs.put(BUCKET, "shop/d.yaml", None)?;
    daemon.until("deleted", "ConfigMap shop/d", 1)?;
    assert_eq!(values(&daemon.scene)?, ["a=2", "b=1"]);
    daemon.stop()?;
    Ok(())
}

#[test]
fn an_object_of_google_is_asked_for_when_it_is_another() -> anyhow::Result<()> {
    let mut gcs = filled()?;
    let stage = stage(&gcs, "lone")?;
    stage.once(0)?;
    assert_eq!(values(&stage.scene)?, ["lone=1"]);
    let again = stage.once(0)?;
    let is_unchanged = again.stdout.contains("1 unchanged") && again.stdout.contains("nothing written");
    ensure!(is_unchanged, "{}", again.stdout);
    gcs.put(BUCKET, "lone", Some(&config_map("lone", "2")))?;
    stage.once(0)?;
    assert_eq!(values(&stage.scene)?, ["lone=2"]);
    fs::write(stage.scene.outside("token"), "canary-token")?;
    let refused = stage.once(1)?;
    ensure!(refused.stdout.contains("AUTH"), "{}", refused.stdout);
    let told = format!("{}{}", refused.stdout, refused.stderr);
    ensure!(!told.contains("canary"), "the token is told");
    assert_eq!(values(&stage.scene)?, ["lone=2"]);
    Ok(())
}
