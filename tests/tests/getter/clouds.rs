//! Origins that are buckets of other clouds than Amazon's, on servers that know their protocols.

use std::fs;

use anyhow::ensure;
use k1s_tests::scene::{Scene, config_map};
use serde_json::{Value, json};

use crate::azure_server::Azurite;
use crate::gcs_server::Gcs;
use crate::stage::{Stage, values};

const BUCKET: &str = "pail";

/// A server that runs.
enum Cloud {
    Google(Gcs),
    Azure(Azurite),
}

impl Cloud {
    /// Each of them, with two manifests below `shop/`, one beside it, and one by itself.
    fn each() -> anyhow::Result<[Self; 2]> {
        let mut clouds = [Self::Google(Gcs::start(0)?), Self::Azure(Azurite::start(0)?)];
        for cloud in &mut clouds {
            for (key, name) in [
                ("shop/a.yaml", "a"),
                ("shop/deep/b.yaml", "b"),
                ("shop-other/c.yaml", "c"),
                ("lone", "lone"),
            ] {
                cloud.put(key, Some(&config_map(name, "1")))?;
            }
        }
        Ok(clouds)
    }

    fn put(&mut self, key: &str, body: Option<&str>) -> anyhow::Result<()> {
        match self {
            Self::Google(gcs) => gcs.put(BUCKET, key, body),
            Self::Azure(azurite) => azurite.put(BUCKET, key, body),
        }
    }

    fn secret(&self) -> &str {
        match self {
            Self::Google(gcs) => &gcs.token,
            Self::Azure(azurite) => &azurite.key,
        }
    }

    /// A secret of the right form, which is not the cloud's.
    fn other_secret(&self) -> &'static str {
        match self {
            Self::Google(_) => "canary",
            Self::Azure(_) => "canarycanary",
        }
    }

    /// What the host is told when that is shown.
    fn refusal(&self) -> &'static str {
        match self {
            Self::Google(_) => "AUTH",
            Self::Azure(_) => "PERMISSION",
        }
    }

    /// A source of what is named in the bucket, which asks each second; its secret is in a file.
    fn stage(&self, rest: &str) -> anyhow::Result<Stage> {
        let scene = Scene::new()?;
        fs::write(scene.outside("secret"), self.secret())?;
        let (source, credentials, env): (String, Value, Value) = match self {
            Self::Google(gcs) => (
                format!("gcs::https://www.googleapis.com/storage/v1/{BUCKET}/{rest}"),
                json!({"token": "@secret"}),
                json!({"STORAGE_EMULATOR_HOST": format!("127.0.0.1:{}", gcs.port)}),
            ),
            Self::Azure(azurite) => (
                format!(
                    "azure::http://127.0.0.1:{}/{}/{BUCKET}/{rest}",
                    azurite.port, azurite.account
                ),
                json!({"username": azurite.account, "password": "@secret"}),
                json!({}),
            ),
        };
        let config = json!({"source": source, "allow": ["http"], "interval": "1s", "credentials": credentials});
        Ok(Stage::over(scene, config)?.in_environment(env))
    }
}

#[test]
fn a_folder_of_a_cloud_is_followed() -> anyhow::Result<()> {
    for mut cloud in Cloud::each()? {
        let mut daemon = cloud.stage("shop")?.live()?;
        assert_eq!(values(&daemon.scene)?, ["a=1", "b=1"]);
        cloud.put("shop/a.yaml", Some(&config_map("a", "2")))?;
        daemon.until("updated", "ConfigMap shop/a", 1)?;
        cloud.put("shop/d.yaml", Some(&config_map("d", "1")))?;
        daemon.until("created", "ConfigMap shop/d", 1)?;
        cloud.put("shop/d.yaml", None)?;
        daemon.until("deleted", "ConfigMap shop/d", 1)?;
        assert_eq!(values(&daemon.scene)?, ["a=2", "b=1"]);
        daemon.stop()?;
    }
    Ok(())
}

#[test]
fn an_object_of_a_cloud_is_asked_for_when_it_is_another() -> anyhow::Result<()> {
    for mut cloud in Cloud::each()? {
        let stage = cloud.stage("lone")?;
        stage.once(0)?;
        assert_eq!(values(&stage.scene)?, ["lone=1"]);
        let again = stage.once(0)?;
        let is_unchanged = again.stdout.contains("1 unchanged") && again.stdout.contains("nothing written");
        ensure!(is_unchanged, "{}", again.stdout);
        cloud.put("lone", Some(&config_map("lone", "2")))?;
        stage.once(0)?;
        assert_eq!(values(&stage.scene)?, ["lone=2"]);
        fs::write(stage.scene.outside("secret"), cloud.other_secret())?;
        let refused = stage.once(1)?;
        ensure!(refused.stdout.contains(cloud.refusal()), "{}", refused.stdout);
        let told = format!("{}{}", refused.stdout, refused.stderr);
        ensure!(!told.contains("canary"), "the secret is told");
        assert_eq!(values(&stage.scene)?, ["lone=2"]);
    }
    Ok(())
}
