//! Several sources over one store, and sources that go.

use std::fs;

use anyhow::ensure;
use k1s_tests::program::{FILESYSTEM_SOURCE, Finished, built, host, run};

use crate::scene::{DEADLINE, Scene, config_map};

/// Syncs folders of the scene once, each as a source of its own.
fn sync(scene: &Scene, folders: &[&str], code: i32) -> anyhow::Result<Finished> {
    let mut command = host(["--once", "--data-dir"])?;
    command.arg(scene.data_dir());
    for folder in folders {
        command
            .arg("--plugin")
            .arg(built(FILESYSTEM_SOURCE)?)
            .args(["--name", folder, "--set"]);
        command.arg(format!("path={}", scene.manifests().join(folder).display()));
    }
    run(&mut command, DEADLINE)?.expect_code(code)
}

/// The source that owns a ConfigMap, as `get -o wide` tells.
fn owner(scene: &Scene, name: &str) -> anyhow::Result<String> {
    let objects = scene.objects("configmaps")?;
    let object = objects
        .iter()
        .find(|object| object.pointer("/metadata/name").is_some_and(|found| found == name));
    let source = object.and_then(|object| object.pointer("/metadata/annotations/sync.k1s.io~1source")?.as_str());
    Ok(source.unwrap_or("nobody").to_owned())
}

#[test]
fn a_file_that_moves_to_another_sources_folder_takes_its_object_along() -> anyhow::Result<()> {
    let scene = Scene::new()?;
    scene.write("a/one.yaml", &config_map("one", "1"))?;
    scene.write("b/two.yaml", &config_map("two", "1"))?;
    sync(&scene, &["a", "b"], 0)?;
    fs::rename(
        scene.manifests().join("b/two.yaml"),
        scene.manifests().join("a/two.yaml"),
    )?;
    let moved = sync(&scene, &["a", "b"], 0)?;
    ensure!(!moved.stdout.contains("deleted"), "{}", moved.stdout);
    assert_eq!(owner(&scene, "two")?, "a");
    fs::remove_file(scene.manifests().join("a/two.yaml"))?;
    let removed = sync(&scene, &["a", "b"], 0)?;
    ensure!(removed.stdout.contains("1 deleted"), "{}", removed.stdout);
    ensure!(scene.keys("configmaps")?.len() == 1);
    Ok(())
}

#[test]
fn what_a_source_that_is_gone_had_stays_and_can_be_taken_over() -> anyhow::Result<()> {
    let scene = Scene::new()?;
    scene.write("a/one.yaml", &config_map("one", "1"))?;
    sync(&scene, &["a"], 0)?;
    scene.write("b/other.yaml", &config_map("other", "1"))?;
    let without = sync(&scene, &["b"], 0)?;
    ensure!(
        without
            .stdout
            .contains("source a   no longer configured: its 1 objects stay"),
        "{}",
        without.stdout
    );
    assert_eq!(owner(&scene, "one")?, "nobody");
    scene.write("b/one.yaml", &config_map("one", "1"))?;
    sync(&scene, &["b"], 0)?;
    assert_eq!(owner(&scene, "one")?, "b");
    Ok(())
}
