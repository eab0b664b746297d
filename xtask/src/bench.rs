//! Measurements: builds the programs and lets `k1s-bench` measure them.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;

use crate::{process, workspace};

/// What measures, and its packages' programs that are measured.
const BENCH: &str = "k1s-bench";
const MEASURED: [&str; 3] = [BENCH, "k1s-sync-host", "k1s-sync-fs"];
/// Enough to see every step work.
const SMOKE_OBJECTS: u64 = 2_000;
/// The row about Kubernetes' own programs, which are built for it alone: what builds each below a target directory, and
/// the variable that tells where it is.
const PEER: &str = "peer";
const PEERS: [(&str, &str); 2] = [
    ("tests/kubectl/build", "K1S_KUBECTL"),
    ("tests/kube-apiserver/build", "K1S_KUBE_APISERVER"),
];

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Objects, and in the rows of files as many files [default: 100000].
    #[arg(long)]
    objects: Option<u64>,
    /// Objects of the rows about many more [default: ten times as many].
    #[arg(long)]
    many: Option<u64>,
    /// How often each row and its yardstick run [default: 5].
    #[arg(long)]
    runs: Option<u32>,
    /// Only this row, by its name in docs/performance.md; may be given again. `peer` runs only if it is given, and
    /// builds a Kubernetes API server with Go.
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
        beside.clone()
    } else {
        let packages = MEASURED.iter().flat_map(|package| ["--package", package]);
        process::run(
            workspace::cargo()
                .args(["build", "--release", "--locked"])
                .args(packages),
        )?;
        beside
            .clone()
            .parent()
            .context("the programs are in no directory")?
            .join("release")
    };
    let mut bench = Command::new(programs.join(BENCH));
    if arguments.rows.iter().any(|row| row == PEER) {
        bench.envs(peers(&beside)?);
    }
    process::run(bench.args(words(arguments)))
}

/// Builds the programs of [`PEER`] that no variable names yet, below the target directory that `programs` is in.
fn peers(programs: &Path) -> anyhow::Result<Vec<(&'static str, OsString)>> {
    let target = programs.parent().context("the programs are in no target directory")?;
    let mut paths = Vec::new();
    for (build, variable) in PEERS {
        if std::env::var_os(variable).is_none() {
            let built = process::output(Command::new(workspace::root()?.join(build)).arg(target))?;
            paths.push((variable, String::from_utf8(built)?.trim_end().into()));
        }
    }
    Ok(paths)
}

/// The command line of `k1s-bench`.
fn words(arguments: &Arguments) -> Vec<OsString> {
    let mut words = vec![OsString::from("measure")];
    let mut add = |name: &str, value: OsString| words.extend([name.into(), value]);
    if let Some(objects) = arguments.objects.or(arguments.smoke.then_some(SMOKE_OBJECTS)) {
        add("--objects", objects.to_string().into());
    }
    if let Some(many) = arguments.many {
        add("--many", many.to_string().into());
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
