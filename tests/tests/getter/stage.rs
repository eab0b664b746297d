//! A host with one getter source, configured by a file.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::ensure;
use k1s_tests::daemon::Daemon;
use k1s_tests::program::{Finished, GETTER_SOURCE, built, host, run};
use k1s_tests::scene::{DEADLINE, Scene, config_map};
use serde_json::{Value, json};

/// A scene with a configuration.
pub(crate) struct Stage {
    pub(crate) scene: Scene,
    config: Value,
    env: Value,
}

impl Stage {
    /// A source with this configuration; it keeps what it fetched in the scene.
    pub(crate) fn with(config: Value) -> anyhow::Result<Self> {
        Self::over(Scene::new()?, config)
    }

    pub(crate) fn over(scene: Scene, mut config: Value) -> anyhow::Result<Self> {
        config["cacheDir"] = json!(scene.outside("cache"));
        let env = json!({});
        Ok(Self { scene, config, env })
    }

    /// The same in another environment.
    pub(crate) fn in_environment(self, env: Value) -> Self {
        Self { env, ..self }
    }

    /// The same with another value of a field.
    pub(crate) fn configured(mut self, field: &str, value: Value) -> Self {
        self.config[field] = value;
        self
    }

    /// The command of a host that writes into `data`.
    pub(crate) fn command(&self, data: &Path, arguments: &[&str]) -> anyhow::Result<Command> {
        let file = self.scene.outside("sync.yaml");
        let configuration = json!({
            "apiVersion": "sync.k1s.io/v1alpha1",
            "kind": "SyncConfiguration",
            "instanceId": "stage",
            "sources": [{
                "name": "getter", "plugin": built(GETTER_SOURCE)?, "config": self.config, "env": self.env,
            }],
        });
        fs::write(&file, configuration.to_string())?;
        let mut command = host(["run", "-f"])?;
        command.arg(file).arg("--data-dir").arg(data).args(arguments);
        Ok(command)
    }

    /// Syncs once, expecting an exit code.
    pub(crate) fn once(&self, code: i32) -> anyhow::Result<Finished> {
        run(&mut self.command(&self.scene.data_dir(), &["--once"])?, DEADLINE)?.expect_code(code)
    }

    /// Starts a host that stays, and waits until it has listed once.
    pub(crate) fn live(self) -> anyhow::Result<Daemon> {
        let mut command = self.command(&self.scene.data_dir(), &[])?;
        Daemon::of(self.scene, &mut command)
    }
}

/// Packs manifests, each with a value, into an archive.
pub(crate) fn archive(scene: &Scene, manifests: &[(&str, &str)]) -> anyhow::Result<Vec<u8>> {
    let folder = tempfile::tempdir_in(scene.outside(""))?;
    for (name, value) in manifests {
        let file = folder.path().join("top").join(format!("{name}.yaml"));
        fs::create_dir_all(file.parent().unwrap_or(folder.path()))?;
        fs::write(file, config_map(name, value))?;
    }
    let packed = scene.outside("packed.tar.gz");
    let status = Command::new("tar")
        .arg("czf")
        .arg(&packed)
        .arg("-C")
        .arg(folder.path())
        .arg("top")
        .status()?;
    ensure!(status.success(), "tar failed");
    Ok(fs::read(packed)?)
}

/// The names of the ConfigMaps that are there, with their values.
pub(crate) fn values(scene: &Scene) -> anyhow::Result<Vec<String>> {
    let text = |object: &Value, pointer: &str| {
        let found = object.pointer(pointer).and_then(Value::as_str);
        found.unwrap_or_default().to_owned()
    };
    let objects = scene.objects("configmaps")?;
    let mut values: Vec<String> = objects
        .iter()
        .map(|object| format!("{}={}", text(object, "/metadata/name"), text(object, "/data/value")))
        .collect();
    values.sort();
    Ok(values)
}
