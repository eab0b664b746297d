//! The README's first command: the main job, on `examples/manifests`, once and then live.

use std::ffi::OsString;
use std::fs;
use std::io::{ErrorKind, IsTerminal as _};
use std::path::Path;
use std::process::Command;

use anyhow::Context as _;

use crate::{process, workspace};

const HOST: &str = "k1s-sync-host";
const SOURCE: &str = "k1s-sync-fs";
/// What is shown of the store: kubectl's `all`, what it leaves out of a shop, and the shop's own kinds.
const SHOWN_KINDS: &str = "all,ns,cm,ing,products,regions";

pub(crate) fn run() -> anyhow::Result<()> {
    // Unoptimised, because on a machine that has built nothing yet compiling is most of the first minute.
    process::run(workspace::cargo().args(["build", "--locked", "--package", HOST, "--package", SOURCE]))?;
    let programs = workspace::programs()?;
    let manifests = workspace::root()?.join("examples/manifests");
    let data = programs.with_file_name("demo");
    remove(&data)?;

    let mut setting = OsString::from("path=");
    setting.push(&manifests);
    let sync = |arguments: &[&str]| {
        let mut command = Command::new(programs.join(HOST));
        command
            .arg("--plugin")
            .arg(programs.join(SOURCE))
            .arg("--set")
            .arg(&setting);
        command.arg("--data-dir").arg(&data).args(arguments);
        command
    };
    shown(&mut sync(&["--once"]))?;
    let mut get = Command::new(programs.join(HOST));
    shown(get.args(["get", SHOWN_KINDS, "-A", "--data-dir"]).arg(&data))?;
    // Where nobody can press Ctrl-C, the job is shown and done.
    if !std::io::stdin().is_terminal() {
        return Ok(());
    }
    println!(
        "\nLive from here: edit, add or remove a file of {} and watch. Ctrl-C stops.",
        manifests.display()
    );
    shown(&mut sync(&[]))
}

/// Prints a command as one would type it, then runs it.
fn shown(command: &mut Command) -> anyhow::Result<()> {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let line: Vec<_> = words.map(|word| word.to_string_lossy()).collect();
    println!("\n$ {}", line.join(" "));
    process::run(command)
}

/// Removes what an earlier run left, so that this one is a first sync.
fn remove(directory: &Path) -> anyhow::Result<()> {
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("removing {}", directory.display()))
        }
        _ => Ok(()),
    }
}
