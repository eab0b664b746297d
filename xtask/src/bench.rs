//! Measurements: builds the programs and lets `k1s-bench` measure them.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;

use anyhow::Context as _;

use crate::{process, workspace};

/// What measures, and its packages' programs that are measured.
const BENCH: &str = "k1s-bench";
const MEASURED: [&str; 3] = [BENCH, "k1s-sync-host", "k1s-sync-fs"];
/// Enough to see every step work.
const SMOKE_OBJECTS: u64 = 2_000;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Objects, and in the rows of files as many files [default: 100000].
    #[arg(long)]
    objects: Option<u64>,
    /// How often each row and its yardstick run [default: 5].
    #[arg(long)]
    runs: Option<u32>,
    /// Only this row (first-sync, unchanged, stream); may be given again.
    #[arg(long = "row")]
    rows: Vec<String>,
    /// A file for everything that was measured.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Runs each row once on few objects, with the programs that `cargo xtask test` builds: checks results, not times.
    #[arg(long)]
    smoke: bool,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let beside = workspace::programs()?;
    let programs = if arguments.smoke {
        workspace::build_everything()?;
        beside
    } else {
        let packages = MEASURED.iter().flat_map(|package| ["--package", package]);
        process::run(
            workspace::cargo()
                .args(["build", "--release", "--locked"])
                .args(packages),
        )?;
        beside
            .parent()
            .context("the programs are in no directory")?
            .join("release")
    };
    process::run(Command::new(programs.join(BENCH)).args(words(arguments)))
}

/// The command line of `k1s-bench`.
fn words(arguments: &Arguments) -> Vec<OsString> {
    let mut words = vec![OsString::from("measure")];
    let mut add = |name: &str, value: OsString| words.extend([name.into(), value]);
    if let Some(objects) = arguments.objects.or(arguments.smoke.then_some(SMOKE_OBJECTS)) {
        add("--objects", objects.to_string().into());
    }
    if let Some(runs) = arguments.runs.or(arguments.smoke.then_some(1)) {
        add("--runs", runs.to_string().into());
    }
    if arguments.smoke {
        add("--judge", "results".into());
    }
    for row in &arguments.rows {
        add("--row", row.into());
    }
    if let Some(json) = &arguments.json {
        add("--json", json.into());
    }
    words
}
