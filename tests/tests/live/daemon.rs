//! A host that stays, and what it says.

use std::collections::BTreeMap;
use std::process::Command;

use anyhow::{Context as _, ensure};
use k1s_tests::eventually;
use k1s_tests::processes::children;
use k1s_tests::program::{Running, run, start};
use k1s_tests::scene::{DEADLINE, Scene};
use rustix::process::Signal;

/// What happened to an object: the word for it, and the object as `Kind namespace/name`.
pub(crate) type Change = (String, String);

/// A host over a scene.
pub(crate) struct Daemon {
    pub(crate) scene: Scene,
    host: Running,
}

impl Daemon {
    /// Starts the host, and waits until the folder is live.
    pub(crate) fn over(scene: Scene) -> anyhow::Result<Self> {
        let mut host = start(&mut scene.sync_command(&[])?)?;
        host.until_printed("live:", DEADLINE)?;
        Ok(Self { scene, host })
    }

    /// How often each change was printed since the start, after the first listing.
    pub(crate) fn changes(&self) -> anyhow::Result<BTreeMap<Change, usize>> {
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
    pub(crate) fn until(&mut self, word: &str, object: &str, times: usize) -> anyhow::Result<()> {
        let change = (word.to_owned(), object.to_owned());
        self.until_all(&BTreeMap::from([(change, times)]))
    }

    /// Waits until each of some changes was printed so many times.
    pub(crate) fn until_all(&self, expected: &BTreeMap<Change, usize>) -> anyhow::Result<()> {
        let outcome = eventually(DEADLINE, "the host prints what changed", || {
            let printed = self.changes()?;
            let is_there = |(change, times): (&Change, &usize)| printed.get(change) >= Some(times);
            Ok(expected.iter().all(is_there).then_some(()))
        });
        outcome.with_context(|| format!("{:?}", self.host.printed()))
    }

    /// Waits until either output has a text.
    pub(crate) fn until_printed(&mut self, text: &str) -> anyhow::Result<()> {
        self.host.until_printed(text, DEADLINE)
    }

    /// The plugins that run.
    pub(crate) fn plugins(&self) -> Vec<u32> {
        children(self.host.id())
    }

    /// The objects that were ever deleted.
    pub(crate) fn deleted(&self) -> anyhow::Result<Vec<String>> {
        let deleted = self.changes()?.into_keys().filter(|(word, _)| word == "deleted");
        Ok(deleted.map(|(_, object)| object).collect())
    }

    /// Stops the host as Ctrl-C does; the store is then free to be read.
    pub(crate) fn stop(mut self) -> anyhow::Result<Scene> {
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

/// Runs git in the scene's folder.
pub(crate) fn git(scene: &Scene, arguments: &[&str]) -> anyhow::Result<()> {
    let mut command = Command::new("git");
    command
        .current_dir(scene.manifests())
        .args(["-c", "user.name=test", "-c", "user.email=test@example.com"]);
    command.args([
        "-c",
        "commit.gpgsign=false",
        "-c",
        "core.hooksPath=/dev/null",
        "-c",
        "gc.auto=0",
    ]);
    command
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_SYSTEM", "/dev/null");
    let finished = run(command.args(arguments), DEADLINE)?;
    ensure!(finished.status.success(), "git {arguments:?}: {}", finished.stderr);
    Ok(())
}
