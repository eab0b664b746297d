//! A folder, a data directory, and the host run over them.

use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;

use anyhow::Context as _;
use k1s_object::Key;
use serde_json::Value;
use tempfile::TempDir;

use crate::program::{FILESYSTEM_SOURCE, Finished, built, host, run};

/// Long enough for any of these runs on a busy machine.
pub const DEADLINE: Duration = Duration::from_secs(120);

/// One user's folder and store.
#[derive(Debug)]
pub struct Scene {
    directory: TempDir,
}

impl Scene {
    /// Makes an empty folder.
    ///
    /// # Errors
    /// When the system allows no directory.
    pub fn new() -> anyhow::Result<Self> {
        let directory = tempfile::tempdir()?;
        std::fs::create_dir(directory.path().join("manifests"))?;
        Ok(Self { directory })
    }

    /// The folder that is synced.
    #[must_use]
    pub fn manifests(&self) -> std::path::PathBuf {
        self.directory.path().join("manifests")
    }

    /// A path beside the folder.
    #[must_use]
    pub fn outside(&self, name: &str) -> std::path::PathBuf {
        self.directory.path().join(name)
    }

    /// The directory of the store.
    #[must_use]
    pub fn data_dir(&self) -> std::path::PathBuf {
        self.directory.path().join("data")
    }

    /// Writes a file in the folder, with the directories above it.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, path: &str, text: &str) -> anyhow::Result<()> {
        let file = self.manifests().join(path);
        std::fs::create_dir_all(file.parent().context("a directory")?)?;
        Ok(std::fs::write(file, text)?)
    }

    /// The command that syncs the folder, with further arguments.
    ///
    /// # Errors
    /// When a program was not built.
    pub fn sync_command(&self, arguments: &[&str]) -> anyhow::Result<Command> {
        let mut command = host([] as [&str; 0])?;
        command.arg("--plugin").arg(built(FILESYSTEM_SOURCE)?);
        command.arg("--set").arg(format!("path={}", self.manifests().display()));
        command.arg("--data-dir").arg(self.data_dir()).args(arguments);
        command.current_dir(self.directory.path());
        Ok(command)
    }

    /// Syncs once, expecting an exit code.
    ///
    /// # Errors
    /// When it ends otherwise, or not in time.
    pub fn sync(&self, code: i32) -> anyhow::Result<Finished> {
        run(&mut self.sync_command(&["--once"])?, DEADLINE)?.expect_code(code)
    }

    /// Runs another verb on the data directory.
    ///
    /// # Errors
    /// When it does not end in time.
    pub fn host(&self, arguments: &[&str]) -> anyhow::Result<Finished> {
        let mut command = host(arguments)?;
        command
            .arg("--data-dir")
            .arg(self.data_dir())
            .current_dir(self.directory.path());
        run(&mut command, DEADLINE)
    }

    /// Every object of some kinds, as `get` answers.
    ///
    /// # Errors
    /// When `get` fails, or does not answer JSON.
    pub fn objects(&self, kinds: &str) -> anyhow::Result<Vec<Value>> {
        let answer = self.host(&["get", kinds, "-A", "-o", "json"])?.expect_code(0)?;
        let list: Value = serde_json::from_str(&answer.stdout)?;
        Ok(list.get("items").and_then(Value::as_array).cloned().unwrap_or_default())
    }

    /// Status, reason and message of a condition of a source, if it has one.
    ///
    /// # Errors
    /// When `status` does not tell.
    pub fn condition(&self, source: &str, kind: &str) -> anyhow::Result<Option<[String; 3]>> {
        let text = self.host(&["status", source, "-o", "json"])?.stdout;
        let status: Value = serde_json::from_str(&text).with_context(|| text.clone())?;
        let conditions = status.pointer("/status/conditions").and_then(Value::as_array);
        let mut conditions = conditions.context(text)?.iter();
        let found = conditions.find(|condition| condition["type"] == kind);
        Ok(found.map(|found| {
            ["status", "reason", "message"].map(|field| found[field].as_str().unwrap_or_default().to_owned())
        }))
    }

    /// The keys of every object of some kinds.
    ///
    /// # Errors
    /// When `get` fails, or an object has no key.
    pub fn keys(&self, kinds: &str) -> anyhow::Result<BTreeSet<Key>> {
        self.objects(kinds)?
            .iter()
            .map(|object| key(object).context("an object without a key"))
            .collect()
    }

    /// The store's revision, as the banner of a run says it.
    ///
    /// # Errors
    /// When there is none.
    pub fn revision(finished: &Finished) -> anyhow::Result<u64> {
        let (_, rest) = finished
            .stdout
            .split_once("revision ")
            .context("no revision in the banner")?;
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        Ok(digits.parse()?)
    }
}

fn key(object: &Value) -> Option<Key> {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str);
    let group = text("/apiVersion")?.rsplit_once('/').map_or("", |(group, _)| group);
    Some(Key::new(
        group,
        text("/kind")?,
        text("/metadata/namespace").unwrap_or_default(),
        text("/metadata/name")?,
    ))
}

/// A small valid object.
#[must_use]
pub fn config_map(name: &str, value: &str) -> String {
    format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\n  namespace: shop\ndata:\n  value: {value:?}\n"
    )
}

/// The words that `get` takes for the kinds of some keys.
#[must_use]
pub fn kinds_of<'k>(keys: impl IntoIterator<Item = &'k Key>) -> String {
    let kinds: BTreeSet<String> = keys.into_iter().map(|key| key.group_kind.to_string()).collect();
    kinds.into_iter().collect::<Vec<_>>().join(",")
}
