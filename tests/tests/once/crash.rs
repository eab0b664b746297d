//! SIGKILL of the host at any moment: no plugin stays, nothing is lost.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, Instant};

use anyhow::ensure;
use k1s_tests::eventually;
use k1s_tests::processes::{children, is_alive};
use k1s_tests::program::{host, start};
use k1s_tests::tree::Tree;
use rustix::process::Signal;

use crate::scene::{DEADLINE, Scene, kinds_of};

/// Runs that are killed; each at another share of the time a whole run takes.
const KILLS: u32 = 12;
/// The longest a plugin may outlive its host.
const ORPHAN_LIMIT: Duration = Duration::from_secs(2);

#[test]
fn no_plugin_outlives_a_killed_host() -> anyhow::Result<()> {
    let scene = Scene::new()?;
    Tree::new(3, 100).write(&scene.manifests())?;
    let mut host = start(&mut scene.sync_command(&[])?)?;
    host.until_printed("live:", DEADLINE)?;
    let plugins = children(host.id());
    ensure!(plugins.len() == 1, "{plugins:?}");
    host.signal(Signal::KILL)?;
    eventually(ORPHAN_LIMIT, "the plugin ends", || {
        Ok(plugins.iter().all(|id| !is_alive(*id)).then_some(()))
    })?;
    drop(host);
    let after = scene.sync(0)?;
    ensure!(after.stdout.contains("nothing written"), "{}", after.stdout);
    Ok(())
}

#[test]
fn a_first_sync_that_is_killed_again_and_again_converges() -> anyhow::Result<()> {
    let tree = Tree::new(4, 1_500);
    let whole = {
        let scene = Scene::new()?;
        tree.write(&scene.manifests())?;
        let begun = Instant::now();
        scene.sync(0)?;
        begun.elapsed()
    };
    let scene = Scene::new()?;
    tree.write(&scene.manifests())?;
    for kill in 1..=KILLS {
        let mut host = start(&mut scene.sync_command(&["--once"])?)?;
        let moment = Instant::now() + whole * kill / (KILLS + 1);
        eventually(DEADLINE, "the moment", || Ok((Instant::now() >= moment).then_some(())))?;
        // It may have been done before.
        drop(host.signal(Signal::KILL));
    }
    let finished = scene.sync(0)?;
    ensure!(!finished.stdout.contains("failed"), "{}", finished.stdout);
    let declared = tree.keys();
    let stored = scene.keys(&kinds_of(&declared))?;
    let lost: Vec<_> = declared.difference(&stored).collect();
    ensure!(lost.is_empty(), "{lost:?}");
    Ok(())
}

#[test]
fn ctrl_c_ends_the_host_within_two_seconds() -> anyhow::Result<()> {
    let scene = Scene::new()?;
    Tree::new(5, 100).write(&scene.manifests())?;
    let mut host = start(&mut scene.sync_command(&[])?)?;
    host.until_printed("live:", DEADLINE)?;
    let begun = Instant::now();
    host.signal(Signal::INT)?;
    host.wait(DEADLINE)?.expect_code(0)?;
    ensure!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    Ok(())
}

#[test]
fn a_run_that_is_interrupted_before_its_end_does_not_count_as_done() -> anyhow::Result<()> {
    let scene = Scene::new()?;
    scene.write("sleepy.sh", "#!/bin/sh\nexec sleep 1000\n")?;
    let plugin = scene.manifests().join("sleepy.sh");
    fs::set_permissions(&plugin, fs::Permissions::from_mode(0o755))?;
    let mut command = host(["--once", "--log-level", "error", "--plugin"])?;
    command.arg(&plugin).arg("--data-dir").arg(scene.data_dir());
    let mut host = start(&mut command)?;
    let id = host.id();
    eventually(DEADLINE, "the plugin", || Ok((!children(id).is_empty()).then_some(())))?;
    host.signal(Signal::INT)?;
    let ended = host.wait(DEADLINE)?.expect_code(1)?;
    ensure!(ended.stdout.contains("interrupted"), "{}", ended.stdout);
    Ok(())
}
