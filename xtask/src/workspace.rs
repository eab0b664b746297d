//! Where things are in this repository.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;

use crate::process;

/// The directory of the workspace's manifest.
pub(crate) fn root() -> anyhow::Result<&'static Path> {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .context("xtask is not inside the workspace")
}

/// The directory that Cargo puts programs of this profile in, which is where this one runs from.
pub(crate) fn programs() -> anyhow::Result<PathBuf> {
    let this = env::current_exe().context("finding this program")?;
    Ok(this.parent().context("this program is in no directory")?.to_path_buf())
}

/// The Cargo that runs this program, started in the caller's directory.
pub(crate) fn cargo() -> Command {
    Command::new(env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")))
}

/// Builds every target in the development profile: what the tests run is what this leaves.
///
/// # Errors
/// When something does not build.
pub(crate) fn build_everything() -> anyhow::Result<()> {
    process::run(cargo().args(["build", "--workspace", "--all-targets", "--locked"]))
}
