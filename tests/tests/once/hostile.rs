//! Good objects beside files that were made to hurt.

use std::time::{Duration, Instant};

use anyhow::ensure;
use k1s_tests::hostile::{Answer, FILES, write};

use crate::scene::{Scene, config_map};

/// The longest this may take, in the contract of the filesystem source.
const LIMIT: Duration = Duration::from_secs(10);

#[test]
fn hostile_files_are_named_and_harm_no_other() -> anyhow::Result<()> {
    let scene = Scene::new()?;
    for number in 0..100 {
        scene.write(
            &format!("good/{number}.yaml"),
            &config_map(&format!("good-{number}"), "1"),
        )?;
    }
    write(&scene.manifests(), &scene.outside("outside.yaml"))?;
    let started = Instant::now();
    let finished = scene.sync(1)?;
    let took = started.elapsed();
    let out = &finished.stdout;
    ensure!(out.contains("live: 100 created, 9 failed, 1 ignored in"), "{out}");
    for file in FILES {
        let Answer::Failed { code, line } = file.answer else {
            continue;
        };
        let place = match line {
            Some(line) => format!("manifests/{}:{line}", file.name),
            None => format!("manifests/{} ", file.name),
        };
        let told = out.lines().find(|told| told.contains(&place));
        ensure!(
            told.is_some_and(|told| told.contains(code)),
            "{} {code} at {place:?}: {out}",
            file.name
        );
    }
    ensure!(scene.keys("cm")?.len() == 100);
    ensure!(took < LIMIT, "{took:?}");
    Ok(())
}
