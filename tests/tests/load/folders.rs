//! The folders that change.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};
use k1s_tests::kubectl::Client;
use k1s_tests::program::{FILESYSTEM_SOURCE, built, host};
use k1s_tests::scene::Scene;
use serde_json::Value;

/// Objects in a directory.
const DIRECTORY: usize = 100;
/// Bytes of a value, so that an object has about 1.5 KB.
const VALUE: usize = 1_300;

/// One folder for each source, each with as many objects.
pub(crate) struct Folders {
    root: PathBuf,
    /// By source, the number each object was changed to last.
    values: Vec<Vec<u64>>,
    changes: u64,
}

impl Folders {
    pub(crate) fn new(root: &Path, sources: usize, objects: usize) -> anyhow::Result<Self> {
        let folders = Self {
            root: root.to_owned(),
            values: vec![vec![0; objects]; sources],
            changes: 0,
        };
        for source in 0..sources {
            for object in 0..objects {
                let path = folders.path(source, object);
                fs::create_dir_all(path.parent().context("a directory")?)?;
                fs::write(path, manifest(source, object, 0))?;
            }
        }
        Ok(folders)
    }

    pub(crate) fn sources(&self) -> impl Iterator<Item = String> {
        (0..self.values.len()).map(name)
    }

    /// How many objects there are.
    pub(crate) fn objects(&self) -> u64 {
        self.values.iter().map(|objects| objects.len() as u64).sum()
    }

    /// The host with a source for each folder.
    pub(crate) fn command(&self, scene: &Scene) -> anyhow::Result<Command> {
        let mut command = host([] as [&str; 0])?;
        for source in self.sources() {
            let path = self.root.join(&source);
            command.arg("--plugin").arg(built(FILESYSTEM_SOURCE)?);
            command
                .args(["--name", &source, "--set"])
                .arg(format!("path={}", path.display()));
        }
        command.arg("--data-dir").arg(scene.data_dir());
        Ok(command)
    }

    /// Changes the next object: every source in turn, and of each one object after the other.
    pub(crate) fn change(&mut self) -> anyhow::Result<()> {
        let turn = usize::try_from(self.changes)?;
        let source = turn % self.values.len();
        let objects = self.values.get_mut(source).context("a source")?;
        // A step that shares no factor with the count reaches every object.
        let object = (turn / 10).wrapping_mul(7_919) % objects.len();
        self.changes += 1;
        if let Some(value) = objects.get_mut(object) {
            *value = self.changes;
        }
        let path = self.path(source, object);
        let beside = path.with_extension("new");
        fs::write(&beside, manifest(source, object, self.changes))?;
        Ok(fs::rename(beside, path)?)
    }

    /// Compares what the API serves with what was written last.
    pub(crate) fn assert_stored(&self, kubectl: &Client) -> anyhow::Result<()> {
        for (source, objects) in self.values.iter().enumerate() {
            let list = kubectl.json([
                "get",
                "configmaps",
                "-n",
                &name(source),
                "-o",
                "json",
                "--chunk-size=500",
            ])?;
            let items = list["items"].as_array().context("a list")?;
            let found: BTreeMap<&str, u64> = items.iter().filter_map(number).collect();
            let named = (0..objects.len()).map(object_name).collect::<Vec<_>>();
            let expected = named.iter().map(String::as_str).zip(objects.iter().copied()).collect();
            ensure!(found == expected, "{} differs", name(source));
        }
        Ok(())
    }

    fn path(&self, source: usize, object: usize) -> PathBuf {
        let directory = self.root.join(name(source)).join(format!("{:03}", object / DIRECTORY));
        directory.join(format!("{}.yaml", object_name(object)))
    }
}

fn number(item: &Value) -> Option<(&str, u64)> {
    let name = item.pointer("/metadata/name")?.as_str()?;
    let number = item.pointer("/data/number")?.as_str()?.parse().ok()?;
    Some((name, number))
}

fn name(source: usize) -> String {
    format!("load-{source}")
}

fn object_name(object: usize) -> String {
    format!("o-{object:05}")
}

fn manifest(source: usize, object: usize, number: u64) -> String {
    format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {}\n  namespace: {}\ndata:\n  number: \"{number}\"\n  filler: {}\n",
        object_name(object),
        name(source),
        "x".repeat(VALUE)
    )
}
