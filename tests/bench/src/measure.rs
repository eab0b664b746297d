//! Runs rows: the product and its yardstick in turn, as often as asked, with their results checked.

mod client;
mod daemon;
mod discard;
mod edit;
mod fan_out;
mod figure;
mod first_sync;
mod folder;
mod ground;
mod growth;
mod host;
mod idle;
mod list;
mod machine;
mod many;
mod measured;
mod memory;
mod million;
mod peer;
mod percentile;
mod report;
mod row;
mod scale;
mod side;
mod spawn;
mod spread;
mod start;
mod store;
mod stream;
mod unchanged;
mod yardstick;

use std::num::NonZeroU32;
use std::path::PathBuf;

use anyhow::{Context as _, ensure};
use k1s_tests::program;

use ground::Ground;
use measured::Measured;
use report::Report;
use row::Row;
use scale::Scale;

/// What to measure.
#[derive(Debug, clap::Args)]
pub struct Plan {
    /// Objects, and in the rows of files as many files.
    #[arg(long, default_value_t = 100_000)]
    objects: u64,
    /// Objects of the rows that are about many more [default: ten times as many].
    #[arg(long)]
    many: Option<u64>,
    /// How often each row and its yardstick run.
    #[arg(long, default_value = "5")]
    runs: NonZeroU32,
    /// Only this row; may be given again.
    #[arg(long = "row", value_enum)]
    rows: Vec<Row>,
    /// A file for everything that was measured.
    #[arg(long)]
    json: Option<PathBuf>,
    /// A directory on tmpfs; trees are made in it.
    #[arg(long, default_value = "/dev/shm")]
    trees: PathBuf,
    /// A directory on a disk; stores are made in it [default: that of the programs].
    #[arg(long)]
    stores: Option<PathBuf>,
    /// What the figures are for.
    #[arg(long, value_enum, default_value_t = Judge::Times)]
    judge: Judge,
}

/// What a measurement is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Judge {
    /// To compare times with their targets; trees have to be in memory and stores on a disk.
    Times,
    /// To see that everything works and its results are right, whatever it takes.
    Results,
}

/// Measures, prints a table, and writes the file that is asked for.
///
/// # Errors
/// When a program is missing or fails, or a result is wrong. A target that is not met is none.
pub fn run(plan: &Plan) -> anyhow::Result<()> {
    let programs = programs()?;
    let stores = plan.stores.as_ref().unwrap_or(&programs).clone();
    let (objects, runs) = (plan.objects, plan.runs.get());
    let scale = match plan.judge {
        Judge::Times => Scale::of_figures(objects, plan.many, runs),
        Judge::Results => Scale::of_results(objects, plan.many, runs),
    };
    let ground = Ground::new(programs, &plan.trees, &stores, scale)?;
    match plan.judge {
        Judge::Times => ground.check_places()?,
        Judge::Results => {}
    }
    let mut report = Report::new(&ground)?;
    for row in Row::ALL {
        let is_asked = if plan.rows.is_empty() {
            row.is_default()
        } else {
            plan.rows.contains(&row)
        };
        if is_asked {
            let measured = measure(row, &ground).with_context(|| row.to_string())?;
            report.add(row, measured);
        }
    }
    match plan.judge {
        Judge::Times => print!("{report}"),
        Judge::Results => println!("every result is right; times of so small a run say nothing"),
    }
    if let Some(path) = &plan.json {
        let json = serde_json::to_vec_pretty(&report)?;
        std::fs::write(path, json).with_context(|| format!("writing {}", path.display()))?;
    }
    Ok(())
}

fn measure(row: Row, ground: &Ground) -> anyhow::Result<Measured> {
    match row {
        Row::FirstSync => first_sync::measure(ground),
        Row::Unchanged => unchanged::measure(ground),
        Row::Stream => stream::measure(ground),
        Row::Discard => discard::measure(ground),
        Row::Edit => edit::measure(ground),
        Row::FanOut => fan_out::measure(ground),
        Row::Spawn => spawn::measure(ground),
        Row::Memory => memory::measure(ground),
        Row::Idle => idle::measure(ground),
        Row::List => list::measure(ground),
        Row::Growth => growth::measure(ground),
        Row::Million => million::measure(ground),
        Row::Start => start::measure(ground),
        Row::Peer => peer::measure(ground),
    }
}

/// The directory of the programs, which is that of this one.
fn programs() -> anyhow::Result<PathBuf> {
    let this = std::env::current_exe().context("finding this program")?;
    let programs = this.parent().context("this program is in no directory")?.to_owned();
    for name in [
        program::HOST,
        program::FILESYSTEM_SOURCE,
        stream::SOURCE,
        spawn::LAUNCHER,
    ] {
        let path = programs.join(name);
        ensure!(
            path.is_file(),
            "{} is missing; `cargo xtask bench` builds it",
            path.display()
        );
    }
    Ok(programs)
}
