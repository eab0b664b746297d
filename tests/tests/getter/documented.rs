//! The example of `docs/getter.md` runs.

use std::fs;
use std::process::Command;

use anyhow::{Context as _, ensure};
use k1s_tests::program::{host, run};
use k1s_tests::scene::{DEADLINE, Scene, config_map};

#[test]
fn the_example_is_synced() -> anyhow::Result<()> {
    let page = include_str!("../../../docs/getter.md");
    let example = page.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next());
    let scene = Scene::new()?;
    fs::write(scene.outside("sync.yaml"), example.context("an example")?)?;
    scene.write("deploy/a.yaml", &config_map("a", "1"))?;
    scene.write("deploy/a.json", "{}")?;
    for script in [
        "tar czf bundle.tar.gz -C manifests deploy",
        "sha256sum bundle.tar.gz > SHA256SUMS",
    ] {
        let status = Command::new("sh")
            .args(["-c", script])
            .current_dir(scene.outside(""))
            .status()?;
        ensure!(status.success(), "{script}");
    }
    let mut command = host(["run", "--once", "-f", "sync.yaml", "--data-dir"])?;
    command
        .arg(scene.data_dir())
        .current_dir(scene.outside(""))
        .env("HOME", scene.outside(""));
    let finished = run(&mut command, DEADLINE)?.expect_code(0)?;
    ensure!(finished.stdout.contains("1 created"), "{}", finished.stdout);
    ensure!(scene.outside(".cache/k1s-sync/getter").is_dir());
    Ok(())
}
