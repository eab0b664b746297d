//! A host with one Kubernetes source, and what is in its store beside what is in the cluster.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use anyhow::Context as _;
use k1s_tests::cluster::{Client, Endpoint, Kubeconfig, User};
use k1s_tests::daemon::Daemon;
use k1s_tests::eventually;
use k1s_tests::program::{Finished, KUBERNETES_SOURCE, built, host, run};
use k1s_tests::scene::{DEADLINE, Scene};
use serde_json::{Value, json};

/// The name of the source.
pub(crate) const SOURCE: &str = "cluster";
/// What a server writes into an object, and a source does not declare.
const SERVERS: [&str; 7] = [
    "managedFields",
    "finalizers",
    "ownerReferences",
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
];

/// Objects by `namespace/name`, without what a server writes into them.
pub(crate) type Objects = BTreeMap<String, Value>;

/// What a host is configured with.
pub(crate) struct Stage {
    kubeconfig: Kubeconfig,
    config: Value,
}

impl Stage {
    /// A source with this configuration, for somebody at a server.
    pub(crate) fn at(endpoint: Endpoint, user: User, config: Value) -> Self {
        Self::of(Kubeconfig::of("test", endpoint, user), config)
    }

    /// A source with this configuration, which follows the current context of a kubeconfig if it names none.
    pub(crate) fn of(kubeconfig: Kubeconfig, config: Value) -> Self {
        Self { kubeconfig, config }
    }

    fn command(&self, scene: &Scene, arguments: &[&str]) -> anyhow::Result<Command> {
        let (kubeconfig, file) = (scene.outside("kubeconfig"), scene.outside("sync.yaml"));
        self.kubeconfig.write(&kubeconfig)?;
        let mut config = self.config.clone();
        if config.get("contexts").is_none() {
            config["contexts"] = json!([{"name": "test"}]);
        }
        for context in config["contexts"].as_array_mut().into_iter().flatten() {
            context["kubeconfig"] = json!(kubeconfig);
        }
        let configuration = json!({
            "apiVersion": "sync.k1s.io/v1alpha1",
            "kind": "SyncConfiguration",
            "instanceId": "stage",
            "sources": [{"name": SOURCE, "plugin": built(KUBERNETES_SOURCE)?, "config": config}],
        });
        fs::write(&file, configuration.to_string())?;
        let mut command = host(["run", "-f"])?;
        command
            .arg(file)
            .arg("--data-dir")
            .arg(scene.data_dir())
            .args(arguments);
        Ok(command)
    }

    /// Syncs once, expecting an exit code.
    pub(crate) fn once(&self, scene: &Scene, code: i32) -> anyhow::Result<Finished> {
        run(&mut self.command(scene, &["--once"])?, DEADLINE)?.expect_code(code)
    }

    /// Starts a host that stays, and waits until the source has been live.
    pub(crate) fn live(&self, scene: Scene) -> anyhow::Result<Daemon> {
        let mut command = self.command(&scene, &[])?;
        Daemon::of(scene, &mut command)
    }

    /// Starts a host over what another one left.
    pub(crate) fn again(&self, scene: Scene) -> anyhow::Result<Daemon> {
        let mut command = self.command(&scene, &[])?;
        Daemon::again(scene, &mut command)
    }
}

/// Waits until a condition of the source is true and says something.
pub(crate) fn until_condition(daemon: &Daemon, kind: &str, said: &str) -> anyhow::Result<()> {
    let mut last = None;
    let outcome = eventually(DEADLINE, &format!("{kind} says {said:?}"), || {
        last = daemon.scene.condition(SOURCE, kind)?;
        let is_so = |found: &[String; 3]| found[0] == "True" && found.iter().any(|text| text.contains(said));
        Ok(last.as_ref().is_some_and(is_so).then_some(()))
    });
    outcome.with_context(|| format!("{last:?}\n{:?}", daemon.printed()))
}

/// What the store has of some kinds.
pub(crate) fn stored(scene: &Scene, kinds: &str) -> anyhow::Result<Objects> {
    bare(scene.objects(kinds)?)
}

/// What some collections of a cluster have.
pub(crate) fn there(client: &mut Client, collections: &[&str]) -> anyhow::Result<Objects> {
    let mut all = Vec::new();
    for collection in collections {
        all.extend(client.list(collection)?);
    }
    bare(all)
}

/// Waits until the store has of some kinds what some collections have.
pub(crate) fn until_same(
    daemon: &Daemon,
    client: &mut Client,
    kinds: &str,
    collections: &[&str],
) -> anyhow::Result<Objects> {
    let expected = there(client, collections)?;
    until_stored(daemon, kinds, &expected)?;
    Ok(expected)
}

/// Waits until the store has these of some kinds.
pub(crate) fn until_stored(daemon: &Daemon, kinds: &str, expected: &Objects) -> anyhow::Result<()> {
    let mut found = Objects::new();
    let outcome = eventually(DEADLINE, "the store is as the cluster", || {
        found = stored(&daemon.scene, kinds)?;
        Ok((found == *expected).then_some(()))
    });
    outcome.with_context(|| format!("{}\n{:?}", difference(&found, expected), daemon.printed()))
}

/// The objects that are not the same, in words.
pub(crate) fn difference(found: &Objects, expected: &Objects) -> String {
    let missing = expected.keys().filter(|key| !found.contains_key(*key));
    let more = found.keys().filter(|key| !expected.contains_key(*key));
    let differ = (found.iter())
        .filter_map(|(key, found)| Some((key, found, expected.get(key)?)))
        .find(|(_, found, expected)| found != expected);
    format!(
        "missing {:?}\nmore {:?}\ndifferent {differ:?}",
        missing.collect::<Vec<_>>(),
        more.collect::<Vec<_>>()
    )
}

fn bare(objects: Vec<Value>) -> anyhow::Result<Objects> {
    objects.into_iter().map(stripped).collect()
}

/// An object without what a server writes into it, and without what lists leave out.
fn stripped(mut object: Value) -> anyhow::Result<(String, Value)> {
    let fields = object.as_object_mut().context("an object")?;
    for field in ["apiVersion", "kind", "status"] {
        fields.remove(field);
    }
    let metadata = fields.get_mut("metadata").and_then(Value::as_object_mut);
    let metadata = metadata.context("metadata")?;
    for field in SERVERS {
        metadata.remove(field);
    }
    if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
        annotations.retain(|name, _| !name.contains("sync.k1s.io/"));
        if annotations.is_empty() {
            metadata.remove("annotations");
        }
    }
    let text = |field: &str| metadata.get(field).and_then(Value::as_str).unwrap_or_default();
    Ok((format!("{}/{}", text("namespace"), text("name")), object))
}
