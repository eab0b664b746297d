//! A folder, its store, whoever watches, and the host that comes and goes.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, ensure};
use k1s_tests::oracle::{Collection, Folder, History, Listing, Watcher, outlived, verdict};
use k1s_tests::processes::started_with;
use k1s_tests::program::{FILESYSTEM_SOURCE, Finished, Running, built, host, run, start};
use k1s_tests::scene::{DEADLINE, Scene, kinds_of};
use k1s_tests::tree::{Kind, Tree};
use k1s_tests::{Key, eventually};
use rustix::process::Signal;
use serde_json::{Value, json};

/// Marks the plugins of a stage among all processes.
const STAGE: &str = "K1S_STAGE";

/// What a process is told beside what it always is.
pub(crate) type Environment = Vec<(&'static str, String)>;

pub(crate) struct Stage {
    pub(crate) scene: Scene,
    pub(crate) watcher: Watcher,
    pub(crate) history: History,
}

impl Stage {
    /// A stage over an empty store, with a tree in the folder.
    pub(crate) fn over(tree: &Tree) -> anyhow::Result<Self> {
        let scene = Scene::new()?;
        tree.write(&scene.manifests())?;
        let collections = Kind::ALL.map(|kind| Collection::new(kind.group_version_kind()));
        let watcher = Watcher::start(&scene.data_dir().join("kubeconfig"), collections.to_vec())?;
        let mut history = History::new(Folder::default());
        history.record(Folder::read(&scene.manifests())?);
        Ok(Self {
            scene,
            watcher,
            history,
        })
    }

    /// Remembers what the folder holds now.
    pub(crate) fn record(&mut self) -> anyhow::Result<()> {
        self.history.record(Folder::read(&self.scene.manifests())?);
        Ok(())
    }

    /// The file that a process leaves just before it dies.
    pub(crate) fn mark(&self) -> PathBuf {
        self.scene.outside("mark")
    }

    fn command(&self, of_plugin: &Environment) -> anyhow::Result<Command> {
        let name = self.scene.outside("").display().to_string();
        let mut environment = json!({ STAGE: name });
        for (variable, value) in of_plugin {
            environment[*variable] = value.as_str().into();
        }
        let file = self.scene.outside("sync.json");
        let source = json!({
            "name": "files",
            "plugin": built(FILESYSTEM_SOURCE)?,
            "config": {"path": self.scene.manifests()},
            "env": environment,
        });
        let configuration = json!({
            "apiVersion": "sync.k1s.io/v1alpha1",
            "kind": "SyncConfiguration",
            "sources": [source],
        });
        std::fs::write(&file, configuration.to_string())?;
        let mut command = host(["run"])?;
        command.arg("-f").arg(file).arg("--data-dir").arg(self.scene.data_dir());
        Ok(command)
    }

    /// Starts a host that stays.
    pub(crate) fn start(&self, of_host: &Environment, of_plugin: &Environment) -> anyhow::Result<Running> {
        start(self.command(of_plugin)?.envs(of_host.iter().cloned()))
    }

    /// Waits until the watcher was told of what the folder holds, and has the oracle judge.
    pub(crate) fn settle(&mut self, host: &mut Running) -> anyhow::Result<()> {
        host.until_printed("live:", DEADLINE)?;
        let declared = self.history.now().objects.clone();
        let outcome = eventually(DEADLINE, "the watcher is told what the folder holds", || {
            let present = self.watcher.journal().present();
            let holds = |(key, body): (&Key, &Value)| present.get(key).is_some_and(|event| event.body == *body);
            let is_gone = |key| declared.contains_key(key) || &*key.group_kind.kind == "Namespace";
            Ok((declared.iter().all(holds) && present.into_keys().all(is_gone)).then_some(()))
        });
        let judged = outcome.and_then(|()| {
            let listing = self.watcher.list()?;
            verdict(&self.history, self.watcher.journal(), &listing)
        });
        judged.with_context(|| format!("{:?}", host.printed()))
    }

    /// With no host: what a watcher was told is in the file, and no plugin is left.
    pub(crate) fn check_file(&mut self) -> anyhow::Result<()> {
        let name = self.scene.outside("").display().to_string();
        eventually(DEADLINE, "every plugin is gone", || {
            Ok(started_with(&format!("{STAGE}={name}")).is_empty().then_some(()))
        })?;
        let journal = self.watcher.journal().clone();
        let kinds = kinds_of(journal.last().into_keys());
        if kinds.is_empty() {
            return Ok(());
        }
        outlived(&self.history, &journal, &Listing::of(self.scene.objects(&kinds)?)?)
    }

    /// Asks a host to end. It may not have come so far that it answers signals, and then dies of this one; of Ctrl-C's it
    /// would hear nothing where a shell has let its background jobs ignore that.
    pub(crate) fn stop(&self, mut host: Running) -> anyhow::Result<Finished> {
        host.signal(Signal::TERM)?;
        host.wait(DEADLINE)
    }

    /// A run over what has settled writes nothing.
    pub(crate) fn check_rest(&self) -> anyhow::Result<()> {
        let finished = run(self.command(&Vec::new())?.arg("--once"), DEADLINE)?.expect_code(0)?;
        ensure!(finished.stdout.contains("nothing written"), "{}", finished.stdout);
        Ok(())
    }
}
