//! What happens to objects whose files are gone.

use std::fs;

use anyhow::ensure;

use crate::scene::{Scene, config_map};

fn fill(scene: &Scene, objects: usize) -> anyhow::Result<()> {
    (0..objects).try_for_each(|number| scene.write(&format!("{number}.yaml"), &config_map(&format!("m-{number}"), "1")))
}

#[test]
fn a_deleted_file_takes_its_object_with_it() -> anyhow::Result<()> {
    let scene = Scene::new()?;
    fill(&scene, 40)?;
    scene.sync(0)?;
    fs::remove_file(scene.manifests().join("7.yaml"))?;
    let finished = scene.sync(0)?;
    ensure!(
        finished.stdout.contains("1 deleted, 39 unchanged"),
        "{}",
        finished.stdout
    );
    ensure!(scene.keys("cm")?.len() == 39);
    Ok(())
}

#[test]
fn a_renamed_file_changes_nothing() -> anyhow::Result<()> {
    let scene = Scene::new()?;
    fill(&scene, 20)?;
    let first = scene.sync(0)?;
    fs::rename(scene.manifests().join("3.yaml"), scene.manifests().join("renamed.yaml"))?;
    let second = scene.sync(0)?;
    ensure!(second.stdout.contains("20 unchanged"), "{}", second.stdout);
    let third = scene.sync(0)?;
    ensure!(Scene::revision(&first)? == 0 && Scene::revision(&second)? == Scene::revision(&third)?);
    Ok(())
}

#[test]
fn more_than_the_guard_allows_is_held_whole() -> anyhow::Result<()> {
    let scene = Scene::new()?;
    fill(&scene, 50)?;
    scene.sync(0)?;
    for number in 0..16 {
        fs::remove_file(scene.manifests().join(format!("{number}.yaml")))?;
    }
    for _ in 0..2 {
        let finished = scene.sync(1)?;
        ensure!(finished.stdout.contains("16 deletes held"), "{}", finished.stdout);
        ensure!(
            finished
                .stdout
                .contains("16 of the last hour's objects would be gone, 15 may"),
            "{}",
            finished.stdout
        );
        ensure!(scene.keys("cm")?.len() == 50);
    }
    scene.write("0.yaml", &config_map("m-0", "1"))?;
    let finished = scene.sync(0)?;
    ensure!(finished.stdout.contains("15 deleted"), "{}", finished.stdout);
    ensure!(scene.keys("cm")?.len() == 35);
    Ok(())
}

#[test]
fn an_empty_or_vanished_folder_deletes_nothing() -> anyhow::Result<()> {
    let scene = Scene::new()?;
    fill(&scene, 5)?;
    scene.sync(0)?;
    for number in 0..5 {
        fs::remove_file(scene.manifests().join(format!("{number}.yaml")))?;
    }
    let emptied = scene.sync(1)?;
    ensure!(
        emptied.stdout.contains("everything the source has would be gone"),
        "{}",
        emptied.stdout
    );
    fs::remove_dir(scene.manifests())?;
    let vanished = run_any(&scene)?;
    ensure!(vanished.contains("ROOT_NOT_FOUND"), "{vanished}");
    ensure!(scene.keys("cm")?.len() == 5);
    Ok(())
}

/// What a run says that does not end well.
fn run_any(scene: &Scene) -> anyhow::Result<String> {
    let finished = k1s_tests::program::run(&mut scene.sync_command(&["--once"])?, crate::scene::DEADLINE)?;
    ensure!(!finished.status.success(), "{}", finished.stdout);
    Ok(finished.stdout + &finished.stderr)
}
