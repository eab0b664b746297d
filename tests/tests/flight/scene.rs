//! A host that stays over a configuration file, and two sources: one that keeps a journal, and a bystander.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, ensure};
use k1s_tests::eventually;
use k1s_tests::processes::{children, is_alive};
use k1s_tests::program::{Running, built, start};
use k1s_tests::scene::{DEADLINE, Scene};
use rustix::process::Signal;
use serde_json::Value;

/// The source that keeps a journal.
pub(crate) const FILES: &str = "files";
/// The source that nothing happens to.
pub(crate) const BYSTANDER: &str = "bystander";

/// What changes of the source that is changed: fields of it, and fields of its plugin's configuration.
#[derive(Clone, Debug, Default)]
pub(crate) struct Said {
    /// Fields of the source, each a line of YAML.
    pub(crate) fields: Vec<String>,
    /// Fields of its `config`, each a line of YAML.
    pub(crate) config: Vec<String>,
}

impl Said {
    /// One more field of the source.
    pub(crate) fn field(mut self, line: &str) -> Self {
        self.fields.push(line.to_owned());
        self
    }

    /// One more field of its plugin's configuration.
    pub(crate) fn config(mut self, line: &str) -> Self {
        self.config.push(line.to_owned());
        self
    }
}

/// A host over a configuration file.
pub(crate) struct Flight {
    pub(crate) scene: Scene,
    pub(crate) host: Running,
}

impl Flight {
    /// Starts a host with the two sources as they begin, and waits until both have listed.
    pub(crate) fn begin(declared: &str) -> anyhow::Result<Self> {
        let scene = Scene::new()?;
        fs::write(scene.outside("bystander.txt"), "elsewhere/x 1\n")?;
        declare(&scene, declared)?;
        write(&scene, &both(&Said::default())?)?;
        Self::over(scene)
    }

    /// Starts a host over what is there, and waits until both sources are live.
    pub(crate) fn over(scene: Scene) -> anyhow::Result<Self> {
        let mut host = start(&mut command(&scene, &["-f", "sync.yaml"])?)?;
        // Asked before it has the store, a verb would take that for itself.
        host.until_printed("api https://", DEADLINE)?;
        let flight = Self { scene, host };
        flight.until("both sources run", |flight| {
            Ok(flight.phase(FILES)? == "Running" && flight.phase(BYSTANDER)? == "Running")
        })?;
        flight.until("both sources have been live", |flight| {
            Ok(flight.ready(FILES)? && flight.ready(BYSTANDER)?)
        })?;
        Ok(flight)
    }

    /// Kills the host, and starts another over what is there.
    pub(crate) fn restart(self) -> anyhow::Result<Self> {
        let Self { scene, mut host } = self;
        host.signal(Signal::KILL)?;
        host.wait(DEADLINE)?;
        let mut host = start(&mut command(&scene, &["-f", "sync.yaml"])?)?;
        host.until_printed("api https://", DEADLINE)?;
        Ok(Self { scene, host })
    }

    /// Changes what is said of the source, as an editor that saves by renaming does.
    pub(crate) fn say(&self, said: &Said) -> anyhow::Result<()> {
        self.write(&both(said)?)
    }

    /// Replaces the configuration.
    pub(crate) fn write(&self, text: &str) -> anyhow::Result<()> {
        write(&self.scene, text)
    }

    /// Orders that the source got, in their order: `list`, or `resume:` and the token.
    pub(crate) fn journal(&self) -> anyhow::Result<Vec<String>> {
        let text = fs::read_to_string(self.scene.outside("files.journal")).unwrap_or_default();
        let order = |line: &str| line.split_once(' ').map(|(order, _)| order.to_owned());
        text.lines().map(|line| order(line).context("an order")).collect()
    }

    /// Waits until the source got so many orders, and returns the last of them.
    pub(crate) fn order(&self, number: usize) -> anyhow::Result<String> {
        self.until(&format!("order {number}"), |flight| {
            Ok(flight.journal()?.len() >= number)
        })?;
        let journal = self.journal()?;
        ensure!(journal.len() == number, "more orders than expected: {journal:?}");
        journal.last().cloned().context("an order")
    }

    /// A source as `status` tells.
    pub(crate) fn status(&self, source: &str) -> anyhow::Result<Value> {
        let answer = self.scene.host(&["status", source, "-o", "json"])?;
        Ok(serde_json::from_str(&answer.stdout).unwrap_or_default())
    }

    /// What a source does, in one word.
    pub(crate) fn phase(&self, source: &str) -> anyhow::Result<String> {
        let status = self.status(source)?;
        Ok(status
            .pointer("/status/phase")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned())
    }

    /// A condition of a source: status, reason, message.
    pub(crate) fn condition(&self, source: &str, kind: &str) -> anyhow::Result<Option<(String, String, String)>> {
        let status = self.status(source)?;
        let all = status.pointer("/status/conditions").and_then(Value::as_array).cloned();
        let found = all
            .unwrap_or_default()
            .into_iter()
            .find(|condition| condition["type"] == kind);
        let text = |condition: &Value, field: &str| condition[field].as_str().unwrap_or_default().to_owned();
        Ok(found.map(|found| (text(&found, "status"), text(&found, "reason"), text(&found, "message"))))
    }

    fn ready(&self, source: &str) -> anyhow::Result<bool> {
        Ok(self
            .condition(source, "Ready")?
            .is_some_and(|(status, ..)| status == "True"))
    }

    /// Every ConfigMap as `namespace/name owner`, sorted.
    pub(crate) fn objects(&self) -> anyhow::Result<Vec<String>> {
        objects(&self.scene)
    }

    /// Waits until there are these ConfigMaps, and nothing but these.
    pub(crate) fn until_objects(&self, expected: &[&str]) -> anyhow::Result<()> {
        self.until(&format!("{expected:?}"), |flight| {
            Ok(flight.objects().is_ok_and(|objects| objects == expected))
        })
        .with_context(|| format!("{:?}", self.objects()))
    }

    /// The process of the bystander's plugin.
    pub(crate) fn bystander(&self) -> anyhow::Result<u32> {
        let text = fs::read_to_string(self.scene.outside("bystander.journal"))?;
        let last = text.lines().last().and_then(|line| line.rsplit_once(' '));
        let id = last.context("a line of its journal")?.1.parse()?;
        ensure!(is_alive(id), "the bystander's plugin has ended");
        Ok(id)
    }

    /// Plugins that run.
    pub(crate) fn plugins(&self) -> usize {
        children(self.host.id()).into_iter().filter(|id| is_alive(*id)).count()
    }

    /// What either output has.
    pub(crate) fn printed(&self) -> anyhow::Result<String> {
        let (stdout, stderr) = self.host.printed()?;
        Ok(stdout + &stderr)
    }

    /// Waits until a text was printed.
    pub(crate) fn until_printed(&mut self, text: &str) -> anyhow::Result<()> {
        self.host.until_printed(text, DEADLINE)
    }

    /// Waits for something; the error shows what was printed.
    pub(crate) fn until(&self, what: &str, is_so: impl Fn(&Self) -> anyhow::Result<bool>) -> anyhow::Result<()> {
        eventually(DEADLINE, what, || Ok(is_so(self)?.then_some(())))
            .with_context(|| self.printed().unwrap_or_default())
    }

    /// Stops the host as Ctrl-C does.
    pub(crate) fn stop(mut self) -> anyhow::Result<Scene> {
        self.host.signal(Signal::INT)?;
        self.host.wait(DEADLINE)?.expect_code(0)?;
        Ok(self.scene)
    }
}

/// A host without a terminal, so that SIGHUP means to reload.
pub(crate) fn command(scene: &Scene, arguments: &[&str]) -> anyhow::Result<Command> {
    let mut command = Command::new("setsid");
    command.arg(built(k1s_tests::program::HOST)?).args(arguments);
    command.arg("--data-dir").arg(scene.data_dir());
    command.current_dir(sync_file(scene).parent().context("a directory")?);
    Ok(command)
}

/// Where the configuration is.
pub(crate) fn sync_file(scene: &Scene) -> PathBuf {
    scene.outside("sync.yaml")
}

/// Every ConfigMap as `namespace/name owner`, sorted.
pub(crate) fn objects(scene: &Scene) -> anyhow::Result<Vec<String>> {
    let text = |object: &Value, pointer: &str| object.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    let mut objects = Vec::new();
    for object in scene.objects("configmaps")? {
        let namespace = text(&object, "/metadata/namespace").context("a namespace")?;
        let name = text(&object, "/metadata/name").context("a name")?;
        let owner = text(&object, "/metadata/annotations/sync.k1s.io~1source");
        objects.push(format!(
            "{namespace}/{name} {}",
            owner.unwrap_or_else(|| "nobody".to_owned())
        ));
    }
    objects.sort();
    Ok(objects)
}

/// Replaces the configuration as an editor does that saves by renaming.
pub(crate) fn write(scene: &Scene, text: &str) -> anyhow::Result<()> {
    let head = "apiVersion: sync.k1s.io/v1alpha1\nkind: SyncConfiguration\n";
    let saved = scene.outside("sync.yaml~");
    fs::write(&saved, format!("{head}{text}"))?;
    Ok(fs::rename(saved, sync_file(scene))?)
}

fn declare(scene: &Scene, text: &str) -> anyhow::Result<()> {
    Ok(fs::write(scene.outside("files.txt"), text)?)
}

/// Both sources, as a configuration says it.
pub(crate) fn both(said: &Said) -> anyhow::Result<String> {
    let sources = entry(FILES, said)? + &entry(BYSTANDER, &Said::default())?;
    Ok(format!("sources:\n{sources}"))
}

/// One source, as a configuration says it; its files are named like it.
pub(crate) fn entry(name: &str, said: &Said) -> anyhow::Result<String> {
    let plugin = built("k1s-test-source")?;
    let mut text = format!("- name: {name}\n  plugin: {}\n", plugin.display());
    for line in &said.fields {
        text.push_str(&format!("  {line}\n"));
    }
    let base = if name == BYSTANDER { BYSTANDER } else { FILES };
    text.push_str(&format!(
        "  config:\n    file: {base}.txt\n    journal: {base}.journal\n"
    ));
    for line in &said.config {
        text.push_str(&format!("    {line}\n"));
    }
    Ok(text)
}
