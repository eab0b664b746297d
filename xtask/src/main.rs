//! The commands of the README and of `.ci/run`, as `cargo xtask COMMAND`.
//!
//! Runs from any directory of the workspace. It builds and starts programs and writes generated files; it holds no part
//! of the product, and nothing depends on it.
#![forbid(unsafe_code)]

mod bench;
mod demo;
mod kinds;
mod nightly;
mod process;
mod tree;
mod workspace;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Says which random cases property tests draw.
const SEED: &str = "PROPTEST_RNG_SEED";
/// The seed of a change's own tests: what it breaks fails each time, and nothing else fails by chance. Other seeds are
/// tried at night.
const FIXED_SEED: &str = "20261123";

/// Commands for working on this repository.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Builds the host and the filesystem source, syncs `examples/manifests` and shows the store; on a terminal, then follows edits.
    Demo,
    /// Builds everything once and runs all tests.
    Test {
        /// Passed on to `cargo test`, for example a test's name.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Makes the table of built-in Kubernetes kinds, `host/store/kinds.tsv`.
    Kinds(kinds::Arguments),
    /// Writes a tree of manifests to try things on.
    Tree(tree::Arguments),
    /// Measures the product against its yardsticks; `docs/performance.md` explains the figures.
    Bench(bench::Arguments),
    /// Builds everything once and runs the tests that take long; `docs/reliability.md` says what they prove.
    Nightly(nightly::Arguments),
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Demo => demo::run(),
        Command::Test { arguments } => test(&arguments),
        Command::Kinds(arguments) => kinds::run(&arguments),
        Command::Tree(arguments) => tree::run(&arguments),
        Command::Bench(arguments) => bench::run(&arguments),
        Command::Nightly(arguments) => nightly::run(&arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Builds all targets in one go, so that the end-to-end tests find the programs they run, then runs every test.
fn test(arguments: &[OsString]) -> anyhow::Result<()> {
    workspace::build_everything()?;
    let mut test = workspace::cargo();
    test.args(["test", "--workspace", "--locked"]).args(arguments);
    if std::env::var_os(SEED).is_none() {
        test.env(SEED, FIXED_SEED);
    }
    process::run(&mut test)
}
