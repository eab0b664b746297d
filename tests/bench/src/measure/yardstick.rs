//! Starts this program again as a yardstick and reads its answer.

use std::ffi::OsStr;
use std::process::{Command, Stdio};

use anyhow::{Context as _, ensure};
use serde::de::DeserializeOwned;

/// Runs a yardstick in a process of its own, so that it begins as cold as the product does.
pub(super) fn run<T: DeserializeOwned>(arguments: &[&OsStr]) -> anyhow::Result<T> {
    let this = std::env::current_exe().context("finding this program")?;
    let output = Command::new(this)
        .args(arguments)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .context("starting a yardstick")?;
    ensure!(output.status.success(), "yardstick {arguments:?}: {}", output.status);
    serde_json::from_slice(&output.stdout).context("reading what a yardstick printed")
}
