//! What takes too long for every change: the same tests that run then, for longer.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, ensure};

use crate::{SEED, process, workspace};

/// Tests and what makes them long.
struct Part {
    name: &'static str,
    /// What follows `cargo test`.
    tests: &'static [&'static str],
    /// Variables, each with what it is unless the environment has it.
    settings: &'static [(&'static str, &'static str)],
    draws: Draws,
}

/// What random cases are drawn from.
enum Draws {
    /// The test's own numbers.
    Own,
    /// As many new seeds, each in a run of its own.
    Seeds(u64),
}

const PARTS: &[Part] = &[
    Part {
        name: "kills",
        tests: &[
            "--package",
            "k1s-tests",
            "--test",
            "unkillable",
            "--",
            "--exact",
            "--nocapture",
            "random::kills_at_random_moments_lose_nothing",
        ],
        settings: &[("K1S_SEEDS", "500")],
        draws: Draws::Own,
    },
    Part {
        name: "load",
        tests: &[
            "--package",
            "k1s-tests",
            "--test",
            "load",
            "--",
            "--exact",
            "--nocapture",
            "a_steady_load_is_kept_up_with_in_flat_memory",
        ],
        settings: &[("K1S_LOAD_OBJECTS", "10000"), ("K1S_LOAD_SECONDS", "600")],
        draws: Draws::Own,
    },
    Part {
        name: "fuzz",
        tests: &[
            "--package",
            "k1s-getter-address",
            "--package",
            "k1s-getter-archive",
            "--package",
            "k1s-getter-git",
            "--",
            "--nocapture",
            "fuzz::changed",
        ],
        settings: &[("K1S_FUZZ_TIMES", "100")],
        draws: Draws::Seeds(1),
    },
    Part {
        name: "properties",
        tests: &["--workspace", "--exclude", "k1s-tests", "--exclude", "k1s-bench"],
        settings: &[],
        draws: Draws::Seeds(10),
    },
];

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Runs only this part (kills, load, fuzz, properties); may be given again.
    #[arg(long = "only", value_name = "PART")]
    parts: Vec<String>,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let names: Vec<&str> = PARTS.iter().map(|part| part.name).collect();
    for name in &arguments.parts {
        ensure!(
            names.contains(&name.as_str()),
            "there is no part {name:?}, but {names:?}"
        );
    }
    workspace::build_everything()?;
    let is_wanted = |part: &&Part| arguments.parts.is_empty() || arguments.parts.iter().any(|name| name == part.name);
    for part in PARTS.iter().filter(is_wanted) {
        println!("== {}", part.name);
        match part.draws {
            Draws::Own => run_tests(part, None)?,
            Draws::Seeds(count) => {
                let first = since_1970()?.as_secs();
                for seed in first..first + count {
                    println!("== {SEED}={seed}");
                    run_tests(part, Some(seed))?;
                }
            }
        }
    }
    Ok(())
}

fn run_tests(part: &Part, seed: Option<u64>) -> anyhow::Result<()> {
    let mut test = workspace::cargo();
    test.args(["test", "--locked"]).args(part.tests);
    for (variable, value) in part.settings {
        if std::env::var_os(variable).is_none() {
            test.env(variable, value);
        }
    }
    if let Some(seed) = seed {
        test.env(SEED, seed.to_string());
    }
    process::run(&mut test)
}

fn since_1970() -> anyhow::Result<Duration> {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .context("the clock is before 1970")
}
