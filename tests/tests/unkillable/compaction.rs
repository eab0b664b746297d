//! `store compact` is killed at its steps: before it syncs its file, and before it changes its length.

use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, ensure};
use k1s_tests::program::{host, run};
use k1s_tests::scene::DEADLINE;
use rustix::process::Signal;

use crate::trial::Series;

/// More often than a compaction of this size syncs its file, or changes its length.
const MOST_STEPS: usize = 200;
/// The steps that have to come for the test to be about something: those of the opening and the end, and some between.
const LEAST_STEPS: usize = 6;

/// Of so many steps one is followed by a look at what is stored: that every page is whole is checked behind each.
const LOOKED_INTO: usize = 4;

fn compact(data_directory: &Path) -> anyhow::Result<Command> {
    let mut command = host(["store", "compact"])?;
    command.arg("--data-dir").arg(data_directory);
    Ok(command)
}

#[test]
fn a_compaction_may_end_anywhere() -> anyhow::Result<()> {
    let mut series = Series::new(24)?;
    series.fill()?;
    // What was replaced and removed leaves room that can be given back.
    for _ in 0..2 {
        series.turn()?;
        series.fill()?;
    }
    let data_directory = series.stage.scene.data_dir();
    let file = data_directory.join("store.redb");
    let kept = series.stage.scene.outside("kept.redb");
    fs::copy(&file, &kept)?;
    let mut steps = 0;
    for point in ["H13", "H14"] {
        let mut number = 1;
        loop {
            ensure!(number <= MOST_STEPS, "{point} has more than {MOST_STEPS} steps");
            fs::copy(&kept, &file)?;
            let at = format!("{point}:{number}");
            let finished = run(compact(&data_directory)?.env("K1S_CRASH_AT", &at), DEADLINE)?;
            if finished.status.signal() != Some(Signal::KILL.as_raw()) {
                finished.expect_code(0).context(at)?;
                break;
            }
            steps += 1;
            let checked = series.stage.scene.host(&["store", "check"])?;
            checked.expect_code(0).with_context(|| at.clone())?;
            if steps % LOOKED_INTO == 0 {
                series.stage.check_file().context(at)?;
            }
            // Each of the first, and then fewer and fewer: what is between is alike.
            number += 1 + number / 8;
        }
    }
    ensure!(steps >= LEAST_STEPS, "only {steps} steps");
    ensure!(
        fs::metadata(&file)?.len() < fs::metadata(&kept)?.len(),
        "nothing was given back"
    );
    series.stage.check_file()?;
    series.turn()?;
    series.fill()?;
    series.stage.check_rest()
}

#[test]
fn a_store_that_a_host_has_open_is_left_alone() -> anyhow::Result<()> {
    let series = Series::new(25)?;
    let mut host = series.stage.start(&Vec::new(), &Vec::new())?;
    host.until_printed("live:", DEADLINE)?;
    let refused = run(&mut compact(&series.stage.scene.data_dir())?, DEADLINE)?.expect_code(2)?;
    ensure!(
        refused.stderr.contains("in use by another process"),
        "{}",
        refused.stderr
    );
    series.stage.stop(host)?.expect_code(0)?;
    Ok(())
}
