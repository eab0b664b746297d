//! Programs that this one starts.

use std::process::{Command, Stdio};

use anyhow::{Context as _, ensure};

/// Runs a program to its end with this one's standard streams.
///
/// # Errors
/// When it cannot be started or does not exit with 0.
pub(crate) fn run(command: &mut Command) -> anyhow::Result<()> {
    let status = command.status().with_context(|| format!("starting {command:?}"))?;
    ensure!(status.success(), "{command:?}: {status}");
    Ok(())
}

/// Runs a program to its end and returns what it printed; its standard error stays this one's.
///
/// # Errors
/// When it cannot be started or does not exit with 0; the error then shows what it printed.
pub(crate) fn output(command: &mut Command) -> anyhow::Result<Vec<u8>> {
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("starting {command:?}"))?;
    let printed = String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.success(), "{command:?}: {}\n{printed}", output.status);
    Ok(output.stdout)
}
