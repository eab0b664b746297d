//! `git checkout` between two branches: the store follows, and neither the host nor a watch that was opened before ever
//! says of anything that both have that it was deleted.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;

use anyhow::{Context as _, ensure};
use k1s_object::Key;
use k1s_tests::daemon::{Change, Daemon};
use k1s_tests::eventually;
use k1s_tests::kubectl::{Client, Event, Watch};
use k1s_tests::program::run;
use k1s_tests::scene::{DEADLINE, Scene, kinds_of};
use k1s_tests::tree::{Layout, Tree};

const FILES: usize = 500;
const DIFFERENT: usize = 100;
/// Bytes of an object: git's part of the time is not what is tested.
const OBJECT_BYTES: usize = 300;
/// Rounds there and back, unless the environment says otherwise.
const ROUNDS: usize = 3;
const ROUNDS_VARIABLE: &str = "K1S_CHECKOUT_ROUNDS";

fn rounds() -> anyhow::Result<usize> {
    match std::env::var(ROUNDS_VARIABLE) {
        Ok(text) => text.parse().with_context(|| format!("{ROUNDS_VARIABLE}={text}")),
        Err(_unset) => Ok(ROUNDS),
    }
}

/// Runs git in the scene's folder.
fn git(scene: &Scene, arguments: &[&str]) -> anyhow::Result<()> {
    let mut command = Command::new("git");
    command
        .current_dir(scene.manifests())
        .args(["-c", "user.name=test", "-c", "user.email=test@example.com"]);
    command.args([
        "-c",
        "commit.gpgsign=false",
        "-c",
        "core.hooksPath=/dev/null",
        "-c",
        "gc.auto=0",
    ]);
    command
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_SYSTEM", "/dev/null");
    let finished = run(command.args(arguments), DEADLINE)?;
    ensure!(finished.status.success(), "git {arguments:?}: {}", finished.stderr);
    Ok(())
}

/// Commits a tree on a branch of its own.
fn commit(scene: &Scene, branch: &str, tree: &Tree) -> anyhow::Result<()> {
    git(scene, &["checkout", "-q", "--orphan", branch])?;
    for entry in fs::read_dir(scene.manifests())? {
        let path = entry?.path();
        if !path.ends_with(".git") {
            if path.is_dir() {
                fs::remove_dir_all(path)?
            } else {
                fs::remove_file(path)?
            }
        }
    }
    tree.write(&scene.manifests())?;
    git(scene, &["add", "-A"])?;
    git(scene, &["commit", "-q", "-m", branch])
}

/// A key as the host prints it, with the namespace that the host gives to a document without one.
fn printed(key: &Key) -> String {
    match &*key.namespace {
        "" => format!("{} {}", key.group_kind.kind, key.name),
        namespace => format!("{} {namespace}/{}", key.group_kind.kind, key.name),
    }
}

/// What a watch showed, in the words of the host.
fn told(event: &Event) -> Change {
    let word = match event.kind.as_str() {
        "ADDED" => "created",
        "MODIFIED" => "updated",
        "DELETED" => "deleted",
        other => other,
    };
    let object = match event.name() {
        ("", name) => name.to_owned(),
        (namespace, name) => format!("{namespace}/{name}"),
    };
    let kind = event.object.get("kind").and_then(serde_json::Value::as_str);
    (word.to_owned(), format!("{} {object}", kind.unwrap_or_default()))
}

/// Watches all of some kinds, each with a client of its own, from the objects on that are there now.
fn watch_all(client: &Client, kinds: &str) -> anyhow::Result<Vec<Watch>> {
    kinds.split(',').map(|kind| client.watch(&[kind, "-A"])).collect()
}

/// Waits until the watches together showed each of some changes so many times.
fn until_watched(watches: &[Watch], expected: &BTreeMap<Change, usize>) -> anyhow::Result<()> {
    let mut missing = Vec::new();
    let outcome = eventually(DEADLINE, "the watches show what changed", || {
        let mut shown: BTreeMap<Change, usize> = BTreeMap::new();
        for watch in watches {
            for event in watch.events()? {
                *shown.entry(told(&event)).or_default() += 1;
            }
        }
        let missed = expected
            .iter()
            .filter(|(change, times)| shown.get(change) < Some(times));
        missing = missed.map(|(change, _)| change.clone()).collect();
        Ok(missing.is_empty().then_some(()))
    });
    outcome.with_context(|| format!("missing: {missing:?}"))
}

/// What watches that the host ends showed as deleted.
fn watched_deletes(watches: Vec<Watch>) -> anyhow::Result<BTreeSet<String>> {
    let mut deleted = BTreeSet::new();
    for watch in watches {
        let changes = watch.finish(DEADLINE)?.iter().map(told).collect::<Vec<_>>();
        deleted.extend(
            changes
                .into_iter()
                .filter(|(word, _)| word == "deleted")
                .map(|(_, object)| object),
        );
    }
    Ok(deleted)
}

#[test]
fn checkouts_delete_only_what_a_branch_lacks() -> anyhow::Result<()> {
    let first = Tree::shaped(11, FILES, OBJECT_BYTES, Layout::OnePerFile);
    let second = first.branch(DIFFERENT);
    let difference = first.difference(&second);
    ensure!(difference.len() == DIFFERENT, "{}", difference.len());
    let scene = Scene::new()?;
    git(&scene, &["init", "-q"])?;
    commit(&scene, "second", &second)?;
    commit(&scene, "first", &first)?;

    let daemon = Daemon::over(scene)?;
    let declared = first.keys();
    let kinds = kinds_of(&declared);
    let mut seen: BTreeMap<Change, usize> = declared
        .iter()
        .map(|key| (("created".to_owned(), printed(key)), 1))
        .collect();
    let client = daemon.kubectl()?;
    let watches = watch_all(&client, &kinds)?;
    until_watched(&watches, &seen)?;

    let mut expected: BTreeMap<Change, usize> = BTreeMap::new();
    for _ in 0..rounds()? {
        for (branch, lost, gained) in [
            ("second", &difference.only_first, &difference.only_second),
            ("first", &difference.only_second, &difference.only_first),
        ] {
            git(&daemon.scene, &["checkout", "-q", branch])?;
            let words = [("deleted", lost), ("created", gained), ("updated", &difference.edited)];
            for (word, keys) in words {
                for key in keys {
                    let change = (word.to_owned(), printed(key));
                    *seen.entry(change.clone()).or_default() += 1;
                    *expected.entry(change).or_default() += 1;
                }
            }
            daemon.until_all(&expected)?;
        }
    }
    let either: BTreeSet<String> = difference
        .only_first
        .union(&difference.only_second)
        .map(printed)
        .collect();
    let deleted: BTreeSet<String> = daemon.deleted()?.into_iter().collect();
    assert_eq!(deleted, either, "only what one branch lacks");
    until_watched(&watches, &seen)?;

    let scene = daemon.stop()?;
    assert_eq!(watched_deletes(watches)?, either, "only what one branch lacks");
    let mut made = first.undeclared_namespaces();
    made.extend(second.undeclared_namespaces());
    made.insert("default".to_owned());
    let namespaces = made.iter().map(|name| Key::new("", "Namespace", "", name));
    let expected: BTreeSet<Key> = declared.iter().cloned().chain(namespaces).collect();
    assert_eq!(scene.keys(&kinds)?, expected);
    Ok(())
}
