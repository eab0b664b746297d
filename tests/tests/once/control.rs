//! What a person decides about sources and deletes, between runs of the host.

use std::fs;

use anyhow::{Context as _, ensure};
use serde_json::Value;

use crate::scene::{DEADLINE, Scene, config_map};

/// As the source is called that has no name of its own.
const SOURCE: &str = "k1s-sync-fs";

fn fill(scene: &Scene, objects: usize) -> anyhow::Result<()> {
    (0..objects).try_for_each(|number| scene.write(&format!("{number}.yaml"), &config_map(&format!("m-{number}"), "1")))
}

fn remove(scene: &Scene, numbers: std::ops::Range<usize>) -> anyhow::Result<()> {
    numbers
        .into_iter()
        .try_for_each(|number| Ok(fs::remove_file(scene.manifests().join(format!("{number}.yaml")))?))
}

/// The answer of a verb, as JSON.
fn answer(scene: &Scene, arguments: &[&str], code: i32) -> anyhow::Result<Value> {
    let finished = scene.host(&[arguments, &["-o", "json"]].concat())?.expect_code(code)?;
    Ok(serde_json::from_str(&finished.stdout)?)
}

/// The only prune there is: id and state.
fn only_prune(scene: &Scene) -> anyhow::Result<(String, String)> {
    let prunes = answer(scene, &["prunes", "list"], 0)?;
    let all = prunes["items"].as_array().context("a list")?;
    ensure!(all.len() == 1, "{prunes}");
    let text = |field: &str| Some(all.first()?.pointer(field)?.as_str()?.to_owned());
    Ok((
        text("/metadata/name").context("an id")?,
        text("/status/state").context("a state")?,
    ))
}

/// The types of what is true of the only source, without `Ready`.
fn conditions(scene: &Scene, code: i32) -> anyhow::Result<Vec<String>> {
    let status = answer(scene, &["status", SOURCE], code)?;
    let all = status
        .pointer("/status/conditions")
        .and_then(Value::as_array)
        .context("conditions")?;
    let kinds = all.iter().filter_map(|condition| condition.get("type")?.as_str());
    Ok(kinds.filter(|kind| *kind != "Ready").map(str::to_owned).collect())
}

fn has(scene: &Scene, numbers: std::ops::Range<usize>) -> anyhow::Result<usize> {
    let keys = scene.keys("cm")?;
    let names = numbers.map(|number| format!("m-{number}"));
    Ok(names.filter(|name| keys.iter().any(|key| *key.name == **name)).count())
}

#[test]
fn a_held_prune_is_shown_approved_and_undone_for_good() -> anyhow::Result<()> {
    let scene = Scene::new()?;
    fill(&scene, 50)?;
    scene.sync(0)?;
    let quiet = scene.host(&["status"])?.expect_code(0)?;
    ensure!(quiet.stdout.contains("True"), "{}", quiet.stdout);
    remove(&scene, 0..16)?;
    scene.sync(1)?;

    let (id, state) = only_prune(&scene)?;
    ensure!(state == "Held", "{state}");
    assert_eq!(conditions(&scene, 1)?, ["PruneHeld"]);
    let status = scene.host(&["status"])?.expect_code(1)?;
    ensure!(
        status.stdout.contains(&format!("k1s-sync-host prunes show {id}")),
        "{}",
        status.stdout
    );
    let shown = scene.host(&["prunes", "show", &id[..4]])?.expect_code(0)?;
    ensure!(shown.stdout.contains("ConfigMap shop/m-7"), "{}", shown.stdout);
    ensure!(
        shown.stdout.contains("manifests/7.yaml") || shown.stdout.contains("7.yaml:1"),
        "{}",
        shown.stdout
    );
    ensure!(!shown.stdout.contains("m-16"), "{}", shown.stdout);

    let approved = scene.host(&["prunes", "approve", &id])?.expect_code(0)?;
    ensure!(approved.stdout.contains("16 deleted"), "{}", approved.stdout);
    assert_eq!((has(&scene, 0..16)?, has(&scene, 16..50)?), (0, 34));
    ensure!(only_prune(&scene)? == (id.clone(), "Pruned".to_owned()));
    scene.host(&["prunes", "approve", &id])?.expect_code(2)?;
    ensure!(conditions(&scene, 0)?.is_empty());

    let undone = scene.host(&["prunes", "undo", &id[..6]])?.expect_code(0)?;
    ensure!(undone.stdout.contains("16 restored"), "{}", undone.stdout);
    for _ in 0..2 {
        let finished = scene.sync(0)?;
        ensure!(finished.stdout.contains("34 unchanged"), "{}", finished.stdout);
        assert_eq!((has(&scene, 0..16)?, has(&scene, 16..50)?), (16, 34));
    }
    // Declared again, they belong to their source again, and nothing is written for it.
    fill(&scene, 50)?;
    let finished = scene.sync(0)?;
    ensure!(finished.stdout.contains("50 unchanged"), "{}", finished.stdout);
    ensure!(finished.stdout.contains("nothing written"), "{}", finished.stdout);
    let wide = scene
        .host(&["get", "cm", "m-7", "-n", "shop", "-o", "wide"])?
        .expect_code(0)?;
    ensure!(wide.stdout.contains("k1s-sync-fs   7.yaml:1"), "{}", wide.stdout);
    Ok(())
}

#[test]
fn another_root_is_held_until_a_reset_accepts_it() -> anyhow::Result<()> {
    let scene = Scene::new()?;
    fill(&scene, 20)?;
    scene.write(".k1s-root", "one\n")?;
    scene.sync(0)?;
    scene.write(".k1s-root", "another\n")?;
    remove(&scene, 0..2)?;
    for _ in 0..2 {
        scene.sync(1)?;
        assert_eq!(conditions(&scene, 1)?, ["RootChanged", "PruneHeld"]);
        assert_eq!(has(&scene, 0..20)?, 20);
    }
    let reset = scene.host(&["reset", SOURCE])?.expect_code(0)?;
    ensure!(reset.stdout.contains("20 objects"), "{}", reset.stdout);
    assert_eq!(has(&scene, 0..20)?, 20);
    let finished = scene.sync(0)?;
    ensure!(
        finished.stdout.contains("2 deleted, 18 unchanged"),
        "{}",
        finished.stdout
    );
    ensure!(conditions(&scene, 0)?.is_empty());
    let again = scene.sync(0)?;
    ensure!(again.stdout.contains("nothing written"), "{}", again.stdout);
    Ok(())
}

#[test]
fn a_suspended_source_does_nothing_until_it_is_resumed() -> anyhow::Result<()> {
    let scene = Scene::new()?;
    fill(&scene, 3)?;
    let first = scene.sync(0)?;
    scene.host(&["suspend", SOURCE])?.expect_code(0)?;
    assert_eq!(conditions(&scene, 1)?, ["Suspended"]);
    remove(&scene, 0..1)?;
    let suspended = scene.sync(1)?;
    ensure!(
        suspended.stdout.contains("suspended: k1s-sync-host resume k1s-sync-fs"),
        "{}",
        suspended.stdout
    );
    assert_eq!(has(&scene, 0..3)?, 3);
    let twice = scene.host(&["suspend", SOURCE])?.expect_code(0)?;
    ensure!(twice.stdout.contains("nothing changed"), "{}", twice.stdout);
    scene.host(&["resume", SOURCE])?.expect_code(0)?;
    let resumed = scene.sync(0)?;
    ensure!(resumed.stdout.contains("1 deleted, 2 unchanged"), "{}", resumed.stdout);
    ensure!(Scene::revision(&first)? < Scene::revision(&resumed)?);
    Ok(())
}

#[test]
fn status_and_sources_know_what_a_stopped_host_left() -> anyhow::Result<()> {
    let scene = Scene::new()?;
    fill(&scene, 3)?;
    scene.write("bad.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: b\n")?;
    scene.write(
        "kind.yaml",
        "apiVersion: example.com/v1\nkind: Unheard\nmetadata: {name: c}\n",
    )?;
    scene.sync(1)?;
    let status = answer(&scene, &["status", SOURCE], 1)?;
    let number = |pointer: &str| status.pointer(pointer).and_then(Value::as_u64);
    assert_eq!(
        [
            number("/status/objects"),
            number("/status/pending"),
            number("/status/failed"),
            number("/status/lastPass/tally/created")
        ],
        [Some(3), Some(1), Some(1), Some(3)]
    );
    let page = scene.host(&["status", SOURCE])?.expect_code(1)?;
    for expected in ["PendingObjects", "manifests/bad.yaml:", "NO_KIND", "3 created"] {
        ensure!(page.stdout.contains(expected), "{expected} is not in {}", page.stdout);
    }
    let sources = scene.host(&["sources"])?.expect_code(0)?;
    ensure!(
        sources.stdout.contains(SOURCE) && sources.stdout.contains("filesystem"),
        "{}",
        sources.stdout
    );
    scene.sync(1)?;
    let after = answer(&scene, &["status", SOURCE], 1)?;
    assert_eq!(
        after.pointer("/status/lastPass"),
        status.pointer("/status/lastPass"),
        "an unchanged pass is no news"
    );
    let unknown = scene.host(&["status", "other"])?.expect_code(2)?;
    ensure!(
        unknown
            .stderr
            .contains("no source other in this store; there are k1s-sync-fs"),
        "{}",
        unknown.stderr
    );
    Ok(())
}

#[test]
fn a_place_that_is_gone_is_remembered_as_trouble_until_it_is_back() -> anyhow::Result<()> {
    let scene = Scene::new()?;
    fill(&scene, 3)?;
    scene.sync(0)?;
    fs::rename(scene.manifests(), scene.outside("away"))?;
    let gone = k1s_tests::program::run(&mut scene.sync_command(&["--once"])?, DEADLINE)?;
    ensure!(!gone.status.success(), "{}", gone.stdout);
    ensure!(conditions(&scene, 1)?.contains(&"Stale".to_owned()));
    fs::rename(scene.outside("away"), scene.manifests())?;
    scene.sync(0)?;
    ensure!(conditions(&scene, 0)?.is_empty());
    Ok(())
}
