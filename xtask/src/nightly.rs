//! What takes too long for every change: the same tests that run then, for longer.

use anyhow::ensure;

use crate::{process, workspace};

/// A test of `k1s-tests` and what makes it long.
struct Part {
    name: &'static str,
    target: &'static str,
    test: &'static str,
    /// Variables, each with what it is unless the environment has it.
    settings: &'static [(&'static str, &'static str)],
}

const PARTS: &[Part] = &[
    Part {
        name: "kills",
        target: "unkillable",
        test: "random::kills_at_random_moments_lose_nothing",
        settings: &[("K1S_SEEDS", "500")],
    },
    Part {
        name: "load",
        target: "load",
        test: "a_steady_load_is_kept_up_with_in_flat_memory",
        settings: &[("K1S_LOAD_OBJECTS", "10000"), ("K1S_LOAD_SECONDS", "600")],
    },
];

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Runs only this part (kills, load); may be given again.
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
        let mut test = workspace::cargo();
        test.args(["test", "--locked", "--package", "k1s-tests", "--test", part.target]);
        test.args(["--", "--exact", "--nocapture", part.test]);
        for (variable, value) in part.settings {
            if std::env::var_os(variable).is_none() {
                test.env(variable, value);
            }
        }
        process::run(&mut test)?;
    }
    Ok(())
}
