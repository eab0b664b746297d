//! `lock FILE SRC…`: notes in a lock file at which revision addresses are now, without a host.
//!
//! All of them are asked first, and the file is written once, so that a failure leaves it as it was. What it has of other
//! addresses stays.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;

use crate::command::{CommandError, Said, parsed};
use crate::config::Options;
use crate::errand::Errand;
use crate::lock::Lock;

/// Notes in a lock file at which revision addresses are now.
#[derive(Debug, Parser)]
#[command(name = "k1s-sync-getter lock", bin_name = "k1s-sync-getter lock")]
struct Arguments {
    /// The lock file; made if it is not there
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// What to lock, as it stands in the configuration; a relative path begins here
    #[arg(value_name = "SRC", required = true)]
    sources: Vec<String>,
    #[command(flatten)]
    options: Options,
}

/// Does what `lock` and its arguments ask for, and returns the exit code: 0 done, 2 failed.
#[must_use]
pub fn lock(arguments: &[OsString]) -> ExitCode {
    match parsed::<Arguments>(arguments) {
        Ok(arguments) => Said::of(run(&arguments)).tell(),
        Err(code) => code,
    }
}

fn run(arguments: &Arguments) -> Result<String, CommandError> {
    let here = std::env::current_dir().map_err(CommandError::at(Path::new(".")))?;
    let settings = arguments.options.settings(&arguments.sources, &here)?;
    let path = here.join(&arguments.file);
    let mut lock = Lock::read_if_there(&path)?;
    let mut said = String::new();
    for target in &settings.targets {
        // Its revision depends on what is picked of it.
        if target.local_folder().is_some() {
            return Err(CommandError::Folder(target.shown()));
        }
        let room = tempfile::tempdir().map_err(CommandError::at(&std::env::temp_dir()))?;
        let mut errand = Errand::new(target, &settings, &room.path().join("cache"), None)?;
        let revision = errand.look()?.revision;
        let last = lock.note(target, revision.clone());
        let was = match last {
            Some(last) if last == revision => " as before".to_owned(),
            Some(last) => format!(", was {last}"),
            None => String::new(),
        };
        said.push_str(&format!("{}: {revision}{was}\n", target.shown()));
    }
    lock.write(&path)?;
    Ok(said)
}
