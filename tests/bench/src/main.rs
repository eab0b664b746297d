//! Measures the product against its yardsticks, and is each yardstick when it is started as one.
//!
//! `cargo xtask bench` builds what it needs and starts it.
#![forbid(unsafe_code)]

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use clap::{Parser, Subcommand};
use k1s_bench::{bare, events, insert, measure, scan, sink, walk};
use serde::Serialize;
use tokio::runtime::{Builder, Runtime};

#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Runs rows and their yardsticks.
    Measure(measure::Plan),
    /// The yardstick of a first sync.
    Insert {
        /// The tree that the host has read.
        tree: PathBuf,
        /// The file that it has filled.
        filled: PathBuf,
        /// The file to make.
        into: PathBuf,
    },
    /// The yardstick of an unchanged resync.
    Walk {
        /// The tree.
        tree: PathBuf,
    },
    /// The yardstick of a list.
    Scan {
        /// The file.
        file: PathBuf,
    },
    /// The host of the row about what is dropped.
    Discard {
        /// The plugin's program.
        plugin: PathBuf,
        /// What it lists.
        tree: PathBuf,
    },
    /// The yardstick of what is dropped.
    Events {
        /// The tree.
        tree: PathBuf,
    },
    /// The yardstick of a stream.
    Stream {
        /// How many.
        objects: u64,
    },
    /// The other end of the yardstick of a stream.
    Serve {
        /// Where to listen.
        socket: PathBuf,
        /// How many.
        objects: u64,
    },
}

fn main() -> ExitCode {
    match run(Arguments::parse().verb) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(verb: Verb) -> anyhow::Result<()> {
    match verb {
        Verb::Measure(plan) => measure::run(&plan),
        Verb::Insert { tree, filled, into } => answer(&insert::insert(&tree, &filled, &into)?),
        Verb::Walk { tree } => answer(&walk::stat(&tree)?),
        Verb::Scan { file } => answer(&scan::scan(&file)?),
        Verb::Discard { plugin, tree } => answer(&runtime()?.block_on(sink::discard(&plugin, &tree))?),
        Verb::Events { tree } => answer(&events::drain(&tree)?),
        Verb::Stream { objects } => stream(objects),
        Verb::Serve { socket, objects } => runtime()?.block_on(bare::serve(&socket, objects)),
    }
}

fn answer(answer: &impl Serialize) -> anyhow::Result<()> {
    println!("{}", serde_json::to_string(answer)?);
    Ok(())
}

fn stream(objects: u64) -> anyhow::Result<()> {
    let directory = tempfile::tempdir()?;
    let socket: &Path = &directory.path().join("s");
    let mut server = Command::new(std::env::current_exe()?);
    server.arg("serve").arg(socket).arg(objects.to_string());
    answer(&runtime()?.block_on(bare::receive(&mut server, socket, objects))?)
}

fn runtime() -> anyhow::Result<Runtime> {
    Ok(Builder::new_multi_thread().enable_all().build()?)
}
