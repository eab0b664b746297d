//! What happens under a running host when plugins die and folders vanish.

use std::fs;

use anyhow::{Context as _, ensure};
use k1s_tests::daemon::Daemon;
use k1s_tests::eventually;
use k1s_tests::scene::{DEADLINE, Scene, config_map};
use rustix::process::{Pid, Signal, kill_process};

const OBJECTS: usize = 20;

fn filled() -> anyhow::Result<Scene> {
    let scene = Scene::new()?;
    for number in 0..OBJECTS {
        scene.write(&format!("{number}.yaml"), &config_map(&format!("m-{number}"), "1"))?;
    }
    Ok(scene)
}

#[test]
fn a_plugin_that_is_killed_comes_back_and_finds_what_changed_meanwhile() -> anyhow::Result<()> {
    let mut daemon = Daemon::over(filled()?)?;
    let plugins = daemon.plugins();
    ensure!(plugins.len() == 1, "{plugins:?}");
    let plugin = i32::try_from(plugins[0])
        .ok()
        .and_then(Pid::from_raw)
        .context("a process")?;
    // Held still, it cannot see the edits before it dies.
    kill_process(plugin, Signal::STOP)?;
    daemon.scene.write("0.yaml", &config_map("m-0", "edited"))?;
    daemon.scene.write("new.yaml", &config_map("new", "1"))?;
    kill_process(plugin, Signal::KILL)?;
    daemon.until_printed("killed by signal 9")?;
    daemon.until_printed("1 created, 1 updated, 19 unchanged")?;
    daemon.scene.write("1.yaml", &config_map("m-1", "after"))?;
    daemon.until("updated", "ConfigMap shop/m-1", 1)?;
    ensure!(daemon.deleted()?.is_empty(), "{:?}", daemon.deleted()?);
    let scene = daemon.stop()?;
    ensure!(scene.keys("configmaps")?.len() == OBJECTS + 1);
    Ok(())
}

#[test]
fn a_folder_that_vanishes_or_empties_deletes_nothing() -> anyhow::Result<()> {
    let mut daemon = Daemon::over(filled()?)?;
    fs::remove_dir_all(daemon.scene.manifests())?;
    daemon.until_printed("ROOT_NOT_FOUND")?;
    fs::create_dir(daemon.scene.manifests())?;
    daemon.until_printed("20 deletes held, everything the source has would be gone")?;
    ensure!(daemon.deleted()?.is_empty(), "{:?}", daemon.deleted()?);
    let scene = daemon.stop()?;
    ensure!(scene.keys("configmaps")?.len() == OBJECTS);
    let held = scene.host(&["prunes", "list"])?;
    ensure!(held.stdout.contains("20"), "{}", held.stdout);
    Ok(())
}

/// A host over a folder of two folders, the first of which is removed once it is live.
fn without(removed: usize, kept: usize) -> anyhow::Result<Daemon> {
    let scene = Scene::new()?;
    for (folder, count) in [("going", removed), ("staying", kept)] {
        for number in 0..count {
            let name = format!("{folder}-{number}");
            scene.write(&format!("{folder}/{number}.yaml"), &config_map(&name, "1"))?;
        }
    }
    let daemon = Daemon::over(scene)?;
    // Nothing is noticed before all of it is gone, however slow the machine is.
    fs::rename(daemon.scene.manifests().join("going"), daemon.scene.outside("gone"))?;
    Ok(daemon)
}

#[test]
fn what_is_removed_at_once_is_held_whole() -> anyhow::Result<()> {
    for (removed, kept) in [(300, 20), (40, 0), (2000, 100)] {
        let daemon = without(removed, kept)?;
        let held = match removed / 1000 {
            0 => format!("   {removed} "),
            thousands => format!("   {thousands},{:03} ", removed % 1000),
        };
        eventually(DEADLINE, "all of it is held", || {
            let list = daemon.scene.host(&["prunes", "list"])?.stdout;
            Ok(list.contains("Held").then_some(list))
        })
        .and_then(|list| {
            ensure!(list.contains(&held) && !list.contains("Pruned"), "{list}");
            Ok(())
        })?;
        let scene = daemon.stop()?;
        ensure!(scene.keys("configmaps")?.len() == removed + kept);
    }
    Ok(())
}

/// More than a batch holds, and less than the guard allows: one prune, which `undo` brings back as one.
#[test]
fn what_is_removed_at_once_goes_as_one() -> anyhow::Result<()> {
    let (removed, kept) = (600, 1500);
    let daemon = without(removed, kept)?;
    let list = eventually(DEADLINE, "all of it is deleted", || {
        let list = daemon.scene.host(&["prunes", "list"])?.stdout;
        Ok(list.contains("Pruned").then_some(list))
    })?;
    let prunes: Vec<&str> = list.lines().filter(|line| line.contains("Pruned")).collect();
    ensure!(prunes.len() == 1 && prunes[0].contains("   600 "), "{list}");
    let id = prunes[0].split_whitespace().next().context("an id")?;
    let undone = daemon.scene.host(&["prunes", "undo", id])?.expect_code(0)?;
    let scene = daemon.stop()?;
    ensure!(scene.keys("configmaps")?.len() == removed + kept, "{}", undone.stdout);
    Ok(())
}
