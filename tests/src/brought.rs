//! What the tests run of others, built or fetched below the target directory by a script of its own.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, ensure};

use crate::program::{run, target_directory};

/// The longest that fetching and compiling may take: kube-apiserver took four minutes on two cores.
const DEADLINE: Duration = Duration::from_secs(1800);

/// Returns what `tests/NAME/build` prints: the path of what it brought, unless it was there and up to date. Tests that ask at the
/// same time wait for one of them.
///
/// # Errors
/// When it is neither there nor can be brought.
pub(crate) fn brought(name: &str) -> anyhow::Result<PathBuf> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join(name).join("build");
    let target = target_directory()?;
    let directory = target.join(name);
    fs::create_dir_all(&directory)?;
    let lock = File::create(directory.join("lock"))?;
    lock.lock()
        .with_context(|| format!("waiting for another test that brings {name}"))?;
    let built = run(Command::new(&script).arg(&target), DEADLINE)?.expect_code(0)?;
    let path = PathBuf::from(built.stdout.trim_end());
    ensure!(path.exists(), "{} says it made {}", script.display(), path.display());
    Ok(path)
}
