//! A server that others wrote, as a process that says where it is and then takes orders; for the tests of whoever asks one.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use anyhow::{Context as _, ensure};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// A server. It ends when its standard input does, which is when this process does.
pub(crate) struct Emulator {
    process: Child,
    stdout: BufReader<ChildStdout>,
}

impl Emulator {
    /// Starts one; returns what it says of itself, too.
    pub(crate) fn start<T: DeserializeOwned>(command: &mut Command) -> anyhow::Result<(T, Self)> {
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let mut stdout = BufReader::new(process.stdout.take().context("its output")?);
        let mut line = String::new();
        stdout.read_line(&mut line)?;
        let told = serde_json::from_str(&line).with_context(|| format!("it says {line:?}"))?;
        Ok((told, Self { process, stdout }))
    }

    /// Puts an object there, or deletes it.
    pub(crate) fn put(&mut self, bucket: &str, key: &str, body: Option<&str>) -> anyhow::Result<()> {
        self.order(&serde_json::json!({"bucket": bucket, "key": key, "body": body}))
    }

    fn order(&mut self, order: &Value) -> anyhow::Result<()> {
        let stdin = self.process.stdin.as_mut().context("its input")?;
        writeln!(stdin, "{order}")?;
        let mut line = String::new();
        ensure!(self.stdout.read_line(&mut line)? > 0, "the server is gone");
        Ok(())
    }
}

/// Runs what sets something up below the directory of what is built, and returns the path that it prints. Whoever asks for the
/// same at the same time waits.
pub(crate) fn set_up(name: &str, build: impl FnOnce(&Path) -> Command) -> anyhow::Result<PathBuf> {
    let program = std::env::current_exe()?;
    let target = program.ancestors().nth(3).context("the directory of what is built")?;
    let place = target.join(name);
    fs::create_dir_all(&place)?;
    let lock = File::create(place.join("lock"))?;
    lock.lock().context("waiting for another test that sets it up")?;
    let build = build(target).stderr(Stdio::inherit()).output()?;
    ensure!(build.status.success(), "{name} cannot be set up");
    Ok(PathBuf::from(String::from_utf8(build.stdout)?.trim_end()))
}
