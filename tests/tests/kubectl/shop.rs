//! The shop of the examples, with more settings than a page holds, under a host that stays.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, ensure};
use k1s_tests::daemon::Daemon;
use k1s_tests::kubectl::Client;
use k1s_tests::scene::Scene;

const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/manifests");
/// ConfigMaps in namespace `many`.
pub(crate) const SETTINGS: usize = 25;
/// ConfigMaps of the examples.
pub(crate) const OTHERS: usize = 4;
/// As the source is called that has no name of its own.
pub(crate) const SOURCE: &str = "k1s-sync-fs";

/// The examples, the settings, and a client.
pub(crate) struct Shop {
    pub(crate) daemon: Daemon,
    pub(crate) client: Client,
}

impl Shop {
    /// Starts the host, and waits until everything is there.
    pub(crate) fn open() -> anyhow::Result<Self> {
        let scene = Scene::new()?;
        copy(Path::new(EXAMPLES), &scene.manifests())?;
        for number in 0..SETTINGS {
            scene.write(&file(number), &setting(number, "1"))?;
        }
        let daemon = Daemon::over(scene)?;
        let client = daemon.kubectl()?;
        Ok(Self { daemon, client })
    }

    /// Gives a setting another value, and waits until the host says so.
    pub(crate) fn edit(&mut self, number: usize, value: &str) -> anyhow::Result<()> {
        self.daemon.scene.write(&file(number), &setting(number, value))?;
        self.until("updated", number)
    }

    /// Waits until the host says that something happened to a setting.
    pub(crate) fn until(&mut self, word: &str, number: usize) -> anyhow::Result<()> {
        self.daemon.until(word, &format!("ConfigMap many/{}", name(number)), 1)
    }

    /// Removes a setting's file.
    pub(crate) fn remove(&self, number: usize) -> anyhow::Result<()> {
        Ok(fs::remove_file(self.daemon.scene.manifests().join(file(number)))?)
    }
}

/// The name of a setting.
pub(crate) fn name(number: usize) -> String {
    format!("s-{number:02}")
}

/// The file of a setting.
pub(crate) fn file(number: usize) -> String {
    format!("many/{number}.yaml")
}

/// A setting: every second one is of app `red`, the others of `blue`; of three, one is of tier `front`, one of `back`.
pub(crate) fn setting(number: usize, value: &str) -> String {
    let app = ["red", "blue"][number % 2];
    let tier = ["\n    tier: front", "\n    tier: back", ""][number % 3];
    let name = name(number);
    format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\n  namespace: many\n  labels:\n    app: {app}{tier}\n\
         data:\n  value: {value:?}\n  number: \"{number}\"\n"
    )
}

/// The names of the settings that `wanted` chooses, as `-o name` shows them.
pub(crate) fn settings(wanted: impl Fn(usize) -> bool) -> BTreeSet<String> {
    let numbers = (0..SETTINGS).filter(|number| wanted(*number));
    numbers.map(|number| format!("configmap/{}", name(number))).collect()
}

/// The cells of each line of a table; its columns are more than two spaces apart.
pub(crate) fn cells(table: &str) -> Vec<Vec<&str>> {
    let cells = |line| str::split(line, "  ").map(str::trim).filter(|cell| !cell.is_empty());
    table.lines().map(|line| cells(line).collect()).collect()
}

/// The lines of an answer, none of them twice.
pub(crate) fn lines(answer: &str) -> anyhow::Result<BTreeSet<String>> {
    let lines: BTreeSet<String> = answer.lines().map(str::to_owned).collect();
    ensure!(lines.len() == answer.lines().count(), "a line twice:\n{answer}");
    Ok(lines)
}

fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    for entry in fs::read_dir(from).with_context(|| format!("reading {}", from.display()))? {
        let path = entry?.path();
        let target = to.join(path.file_name().context("a name")?);
        if path.is_dir() {
            fs::create_dir_all(&target)?;
            copy(&path, &target)?;
        } else {
            fs::copy(&path, &target)?;
        }
    }
    Ok(())
}
