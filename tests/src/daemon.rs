//! A host that stays, what it says, and its API.

use std::collections::BTreeMap;
use std::process::Command;

use anyhow::Context as _;
use rustix::process::Signal;

use crate::eventually;
use crate::kubectl::{Client, Kubectl};
use crate::processes::children;
use crate::program::{Running, start};
use crate::scene::{DEADLINE, Scene};

/// What happened to an object: the word for it, and the object as `Kind namespace/name`.
pub type Change = (String, String);

/// A host over a scene. Dropping it kills it.
#[derive(Debug)]
pub struct Daemon {
    /// The folder and the store.
    pub scene: Scene,
    host: Running,
}

impl Daemon {
    /// Starts the host, and waits until the folder is live.
    ///
    /// # Errors
    /// When it cannot be started, or the folder is not live in time.
    pub fn over(scene: Scene) -> anyhow::Result<Self> {
        let mut command = scene.sync_command(&[])?;
        Self::of(scene, &mut command)
    }

    /// Starts a host by a command of its own, and waits until a source is live.
    ///
    /// # Errors
    /// As [`Daemon::over`].
    pub fn of(scene: Scene, command: &mut Command) -> anyhow::Result<Self> {
        let mut host = start(command)?;
        host.until_printed("live:", DEADLINE)?;
        Ok(Self { scene, host })
    }

    /// Starts a host by a command of its own over what another one left, and waits until its API serves: a source that goes on
    /// where it was does not say so.
    ///
    /// # Errors
    /// When it cannot be started, or does not serve in time.
    pub fn again(scene: Scene, command: &mut Command) -> anyhow::Result<Self> {
        let mut host = start(command)?;
        host.until_printed("api https://", DEADLINE)?;
        Ok(Self { scene, host })
    }

    /// Kubernetes' own client, of this host's API.
    ///
    /// # Errors
    /// When there is no client.
    pub fn kubectl(&self) -> anyhow::Result<Client> {
        Kubectl::ready()?.with(&self.scene.data_dir().join("kubeconfig"))
    }

    /// How often each change was printed since the start, after the first listing.
    ///
    /// # Errors
    /// When what it printed cannot be read.
    pub fn changes(&self) -> anyhow::Result<BTreeMap<Change, usize>> {
        let (stdout, _) = self.host.printed()?;
        let mut changes = BTreeMap::new();
        for line in stdout.lines() {
            if let Some(change) = change(line) {
                *changes.entry(change).or_default() += 1;
            }
        }
        Ok(changes)
    }

    /// Waits until a change was printed `times` times.
    ///
    /// # Errors
    /// When it was not in time; the error shows what was printed.
    pub fn until(&mut self, word: &str, object: &str, times: usize) -> anyhow::Result<()> {
        let change = (word.to_owned(), object.to_owned());
        self.until_all(&BTreeMap::from([(change, times)]))
    }

    /// Waits until each of some changes was printed so many times.
    ///
    /// # Errors
    /// When they were not in time; the error shows what was printed.
    pub fn until_all(&self, expected: &BTreeMap<Change, usize>) -> anyhow::Result<()> {
        let outcome = eventually(DEADLINE, "the host prints what changed", || {
            let printed = self.changes()?;
            let is_there = |(change, times): (&Change, &usize)| printed.get(change) >= Some(times);
            Ok(expected.iter().all(is_there).then_some(()))
        });
        outcome.with_context(|| format!("{:?}", self.host.printed()))
    }

    /// Waits until either output has a text.
    ///
    /// # Errors
    /// When it has not in time, or the host ends.
    pub fn until_printed(&mut self, text: &str) -> anyhow::Result<()> {
        self.host.until_printed(text, DEADLINE)
    }

    /// Everything it wrote so far, to both outputs.
    ///
    /// # Errors
    /// When what it printed cannot be read.
    pub fn printed(&self) -> anyhow::Result<String> {
        let (stdout, stderr) = self.host.printed()?;
        Ok(stdout + &stderr)
    }

    /// The plugins that run.
    #[must_use]
    pub fn plugins(&self) -> Vec<u32> {
        children(self.host.id())
    }

    /// The objects that were ever deleted.
    ///
    /// # Errors
    /// When what it printed cannot be read.
    pub fn deleted(&self) -> anyhow::Result<Vec<String>> {
        let deleted = self.changes()?.into_keys().filter(|(word, _)| word == "deleted");
        Ok(deleted.map(|(_, object)| object).collect())
    }

    /// Stops the host as Ctrl-C does; the store is then free to be read.
    ///
    /// # Errors
    /// When it does not end well, or not in time.
    pub fn stop(mut self) -> anyhow::Result<Scene> {
        self.host.signal(Signal::INT)?;
        self.host.wait(DEADLINE)?.expect_code(0)?;
        Ok(self.scene)
    }
}

/// Reads a line like `source files   updated ConfigMap shop/a (manifests/a.yaml:1)`.
fn change(line: &str) -> Option<Change> {
    let mut words = line.strip_prefix("source ")?.split_whitespace().skip(1);
    let word = words.next()?;
    if !["created", "updated", "deleted"].contains(&word) {
        return None;
    }
    Some((word.to_owned(), format!("{} {}", words.next()?, words.next()?)))
}
