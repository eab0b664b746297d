//! Runs rows: the product and its yardstick in turn, as often as asked, with their results checked.

mod figures;
mod first_sync;
mod ground;
mod host;
mod machine;
mod report;
mod row;
mod stream;
mod unchanged;
mod yardstick;

use std::num::NonZeroU32;
use std::path::PathBuf;

use anyhow::Context as _;

use ground::Ground;
use report::Report;
use row::{Pair, Row};

/// What to measure.
#[derive(Debug, clap::Args)]
pub struct Plan {
    /// Objects, and in the rows of files as many files.
    #[arg(long, default_value_t = 100_000)]
    objects: u64,
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
    let programs = host::programs()?;
    let stores = plan.stores.clone().unwrap_or_else(|| programs.clone());
    let ground = Ground::new(programs, &plan.trees, &stores, plan.objects)?;
    match plan.judge {
        Judge::Times => ground.check_places()?,
        Judge::Results => {}
    }
    let mut report = Report::new(&ground, plan.runs.get())?;
    for row in Row::ALL {
        if !plan.rows.is_empty() && !plan.rows.contains(&row) {
            continue;
        }
        let measured = match row {
            Row::FirstSync => first_sync::measure(&ground, plan.runs.get()),
            Row::Unchanged => unchanged::measure(&ground, plan.runs.get()),
            Row::Stream => stream::measure(&ground, plan.runs.get()),
        };
        report.add(row, measured.with_context(|| format!("{row}"))?);
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

/// Says on standard error how far a row is.
fn note(row: Row, run: u32, runs: u32, pair: &Pair) {
    let (product, yardstick) = (pair.product.cost.seconds, pair.yardstick.cost.seconds);
    let ratio = pair.ratio(row);
    eprintln!("{row} {run}/{runs}: {product:.3} s, yardstick {yardstick:.3} s, {ratio:.2} ×");
}
