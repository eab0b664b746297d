//! What can kill a process of a debug build is not in a release.

use std::fs;
use std::process::Command;

use anyhow::{Context as _, ensure};

use crate::workspace::{metadata, no, texts};

/// The crate that reads these variables, and a program that passes its points.
const CRASH: &str = "k1s-crash";
const PROBE: &str = "probe";
/// In two halves so that this file is not taken for one that knows them.
const VARIABLES: [&str; 3] = [
    concat!("K1S_", "CRASH_AT"),
    concat!("K1S_", "HOLD_AT"),
    concat!("K1S_", "CRASH_MARK"),
];

#[test]
fn only_one_crate_of_the_product_knows_how_to_crash() -> anyhow::Result<()> {
    let home = metadata()?.relative(metadata()?.member(CRASH)?.directory());
    let is_product = |path: &str| path.ends_with(".rs") && !path.starts_with("tests/");
    let mut complaints = Vec::new();
    for (path, text) in texts()?
        .iter()
        .filter(|(path, _)| is_product(path) || path.starts_with(&home))
    {
        let knows = VARIABLES.iter().any(|variable| text.contains(variable));
        let is_plan = *path == format!("{home}/src/plan.rs") || *path == format!("{home}/src/lib.rs");
        if knows && !is_plan {
            complaints.push(format!("{path} knows when to crash"));
        }
    }
    no(&complaints)
}

#[test]
fn a_release_passes_every_point_and_has_no_word_of_them() -> anyhow::Result<()> {
    let target = tempfile::tempdir()?;
    let built = Command::new(env!("CARGO"))
        .args([
            "build",
            "--quiet",
            "--release",
            "--locked",
            "--package",
            CRASH,
            "--example",
            PROBE,
        ])
        .arg("--target-dir")
        .arg(target.path())
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()?;
    ensure!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let program = target.path().join("release/examples").join(PROBE);
    let bytes = fs::read(&program).with_context(|| program.display().to_string())?;
    for variable in VARIABLES {
        let is_there = bytes
            .windows(variable.len())
            .any(|window| window == variable.as_bytes());
        ensure!(!is_there, "{variable} is in a release");
        let ran = Command::new(&program).env(variable, "K1").output()?;
        ensure!(ran.status.success() && ran.stdout == b"alive\n", "{variable}: {ran:?}");
    }
    Ok(())
}
