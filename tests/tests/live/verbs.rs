//! The verbs against a host that runs: the same words, the same answers.

use std::fs;

use anyhow::{Context as _, ensure};
use k1s_tests::daemon::Daemon;
use k1s_tests::eventually;
use k1s_tests::scene::{DEADLINE, Scene, config_map};
use serde_json::Value;

/// As the source is called that has no name of its own.
const SOURCE: &str = "k1s-sync-fs";
const OBJECTS: usize = 20;

fn filled() -> anyhow::Result<Scene> {
    let scene = Scene::new()?;
    for number in 0..OBJECTS {
        scene.write(&format!("{number}.yaml"), &config_map(&format!("m-{number}"), "1"))?;
    }
    Ok(scene)
}

fn names(scene: &Scene) -> anyhow::Result<usize> {
    let listed = scene.host(&["get", "cm", "-n", "shop", "-o", "name"])?.expect_code(0)?;
    Ok(listed.stdout.lines().count())
}

#[test]
fn a_running_host_suspends_resumes_syncs_and_resets() -> anyhow::Result<()> {
    let daemon = Daemon::over(filled()?)?;
    let scene = &daemon.scene;
    let suspended = scene.host(&["suspend", SOURCE])?.expect_code(0)?;
    ensure!(suspended.stdout.contains("suspended"), "{}", suspended.stdout);
    scene.write("new.yaml", &config_map("new", "1"))?;
    let status = scene.host(&["status"])?.expect_code(1)?;
    ensure!(status.stdout.contains("Suspended"), "{}", status.stdout);
    let refused = scene.host(&["sync", SOURCE, "--wait"])?.expect_code(2)?;
    ensure!(refused.stderr.contains("resume"), "{}", refused.stderr);
    assert_eq!(names(scene)?, OBJECTS);

    scene.host(&["resume", SOURCE])?.expect_code(0)?;
    let synced = scene.host(&["sync", SOURCE, "--wait"])?.expect_code(0)?;
    ensure!(synced.stdout.contains("live:"), "{}", synced.stdout);
    assert_eq!(names(scene)?, OBJECTS + 1);
    let again = scene.host(&["sync", SOURCE, "--wait"])?.expect_code(0)?;
    ensure!(again.stdout.contains("21 unchanged"), "{}", again.stdout);

    let reset = scene.host(&["reset", SOURCE])?.expect_code(0)?;
    ensure!(reset.stdout.contains("21 objects"), "{}", reset.stdout);
    scene.host(&["sync", SOURCE, "--wait"])?.expect_code(0)?;
    ensure!(daemon.deleted()?.is_empty(), "{:?}", daemon.deleted()?);
    daemon.stop()?;
    Ok(())
}

#[test]
fn a_held_prune_is_settled_while_the_host_runs() -> anyhow::Result<()> {
    let daemon = Daemon::over(filled()?)?;
    let scene = &daemon.scene;
    // Seen in one listing, all of them are one prune; one by one, the first few would be inside the guard.
    scene.host(&["suspend", SOURCE])?.expect_code(0)?;
    for number in 0..OBJECTS {
        fs::remove_file(scene.manifests().join(format!("{number}.yaml")))?;
    }
    scene.write("kept.yaml", &config_map("kept", "1"))?;
    scene.host(&["resume", SOURCE])?.expect_code(0)?;
    let id = eventually(DEADLINE, "a prune is held", || {
        let listed = scene.host(&["prunes", "list", "-o", "json"])?.expect_code(0)?;
        let listed: Value = serde_json::from_str(&listed.stdout)?;
        let first = listed["items"].as_array().context("items")?.first().cloned();
        let all = first.filter(|prune| prune["status"]["objects"] == OBJECTS);
        Ok(all.and_then(|prune| prune["metadata"]["name"].as_str().map(str::to_owned)))
    })?;
    let shown = scene.host(&["prunes", "show", &id[..5]])?.expect_code(0)?;
    ensure!(shown.stdout.contains("ConfigMap shop/m-7"), "{}", shown.stdout);
    let approved = scene.host(&["prunes", "approve", &id])?.expect_code(0)?;
    ensure!(approved.stdout.contains("20 deleted"), "{}", approved.stdout);
    assert_eq!(names(scene)?, 1);
    let undone = scene.host(&["prunes", "undo", &id])?.expect_code(0)?;
    ensure!(undone.stdout.contains("20 restored"), "{}", undone.stdout);
    for _ in 0..2 {
        scene.host(&["sync", SOURCE, "--wait"])?.expect_code(0)?;
        assert_eq!(names(scene)?, OBJECTS + 1);
    }
    daemon.stop()?;
    Ok(())
}

#[test]
fn a_running_host_and_a_stopped_one_answer_the_same() -> anyhow::Result<()> {
    let daemon = Daemon::over(filled()?)?;
    let asked: [&[&str]; 4] = [
        &["get", "cm", "-A", "-o", "json"],
        &["get", "cm,ns", "-A", "-o", "name"],
        &["get", "cm", "m-3", "-n", "shop", "-o", "yaml", "--export"],
        &["prunes", "list", "-o", "json"],
    ];
    let answers = |scene: &Scene| -> anyhow::Result<Vec<String>> {
        let answer = |arguments: &&[&str]| Ok(scene.host(arguments)?.expect_code(0)?.stdout);
        asked.iter().map(answer).collect()
    };
    let running = answers(&daemon.scene)?;
    let unknown = daemon
        .scene
        .host(&["get", "cm", "none", "-n", "shop"])?
        .expect_code(2)?;
    let scene = daemon.stop()?;
    assert_eq!(answers(&scene)?, running);
    let stopped = scene.host(&["get", "cm", "none", "-n", "shop"])?.expect_code(2)?;
    assert_eq!(stopped.stderr, unknown.stderr);
    let watched = scene.host(&["get", "cm", "--watch"])?.expect_code(2)?;
    ensure!(watched.stderr.contains("no daemon runs"), "{}", watched.stderr);
    let synced = scene.host(&["sync", SOURCE])?.expect_code(2)?;
    ensure!(synced.stderr.contains("no daemon runs"), "{}", synced.stderr);
    Ok(())
}

#[test]
fn another_root_is_accepted_while_the_host_runs() -> anyhow::Result<()> {
    let scene = filled()?;
    scene.write(".k1s-root", "one\n")?;
    let daemon = Daemon::over(scene)?;
    let scene = &daemon.scene;
    scene.write(".k1s-root", "another\n")?;
    fs::remove_file(scene.manifests().join("0.yaml"))?;
    let held = scene.host(&["sync", SOURCE, "--wait"])?.expect_code(1)?;
    ensure!(held.stdout.contains("live:"), "{}", held.stdout);
    let status = scene.host(&["status", SOURCE])?.expect_code(1)?;
    ensure!(status.stdout.contains("--accept-root"), "{}", status.stdout);
    assert_eq!(names(scene)?, OBJECTS);
    scene
        .host(&["sync", SOURCE, "--wait", "--accept-root"])?
        .expect_code(0)?;
    assert_eq!(names(scene)?, OBJECTS - 1);
    daemon.stop()?;
    Ok(())
}

#[test]
fn a_watch_tells_what_is_there_and_what_changes() -> anyhow::Result<()> {
    let daemon = Daemon::over(filled()?)?;
    let mut command = k1s_tests::program::host(["get", "cm", "-n", "shop", "--watch", "--data-dir"])?;
    command.arg(daemon.scene.data_dir());
    let mut watch = k1s_tests::program::start(&mut command)?;
    watch.until_printed("m-19", DEADLINE)?;
    daemon.scene.write("late.yaml", &config_map("late", "1"))?;
    watch.until_printed("late", DEADLINE)?;
    daemon.stop()?;
    Ok(())
}
