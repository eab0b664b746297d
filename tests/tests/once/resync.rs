//! First sync, unchanged sync, and one broken file.

use std::collections::BTreeSet;

use anyhow::ensure;
use k1s_object::Key;
use k1s_tests::tree::Tree;

use crate::scene::{Scene, config_map, kinds_of};

const OBJECTS: usize = 5_000;

/// What the store must hold beside the declared objects: namespaces that no file declares, made by the host.
fn host_made(tree: &Tree) -> BTreeSet<Key> {
    let mut namespaces = tree.undeclared_namespaces();
    namespaces.insert("default".to_owned());
    namespaces
        .iter()
        .map(|name| Key::new("", "Namespace", "", name))
        .collect()
}

#[test]
fn five_thousand_objects_arrive_and_a_second_run_writes_nothing() -> anyhow::Result<()> {
    let scene = Scene::new()?;
    let tree = Tree::new(7, OBJECTS);
    tree.write(&scene.manifests())?;
    let first = scene.sync(0)?;
    let declared = tree.keys();
    ensure!(declared.len() == OBJECTS, "{}", declared.len());
    let kinds = kinds_of(&declared);
    ensure!(kinds.split(',').count() == 15, "{kinds}");

    let expected: BTreeSet<Key> = declared.union(&host_made(&tree)).cloned().collect();
    assert_eq!(scene.keys(&kinds)?, expected);
    ensure!(first.stdout.contains("live: 5,000 created in"), "{}", first.stdout);

    let second = scene.sync(0)?;
    ensure!(second.stdout.contains("live: 5,000 unchanged in"), "{}", second.stdout);
    ensure!(second.stdout.contains("nothing written"), "{}", second.stdout);
    let third = scene.sync(0)?;
    assert_eq!(Scene::revision(&second)?, Scene::revision(&third)?);
    Ok(())
}

#[test]
fn a_broken_file_is_named_on_every_run_until_it_is_mended() -> anyhow::Result<()> {
    let scene = Scene::new()?;
    let tree = Tree::new(8, 300);
    tree.write(&scene.manifests())?;
    scene.sync(0)?;
    let kinds = kinds_of(&tree.keys());
    let before = scene.objects(&kinds)?;

    let path = tree.files().next().expect("a file").to_owned();
    let broken = tree.break_syntax(&path)?;
    broken.spoil.apply(&scene.manifests())?;
    scene.write("zz-later/one.yaml", &config_map("later", "1"))?;
    let place = format!("manifests/{path}:{}:", broken.line);
    for run in ["created", "unchanged"] {
        let finished = scene.sync(1)?;
        ensure!(
            finished.stdout.contains(&place),
            "{place} is not in {}",
            finished.stdout
        );
        ensure!(finished.stdout.contains("1 failed"), "{}", finished.stdout);
        ensure!(finished.stdout.contains(run), "{}", finished.stdout);
        let held = scene.objects(&kinds)?;
        let lost: Vec<_> = before.iter().filter(|object| !held.contains(object)).collect();
        ensure!(lost.is_empty(), "{lost:?}");
        // The new file's object, and its namespace.
        ensure!(held.len() == before.len() + 2, "{} and {}", held.len(), before.len());
    }
    broken.mend.apply(&scene.manifests())?;
    let mended = scene.sync(0)?;
    ensure!(!mended.stdout.contains("failed"), "{}", mended.stdout);
    Ok(())
}

#[test]
fn an_edit_updates_exactly_one_object() -> anyhow::Result<()> {
    let scene = Scene::new()?;
    let mut tree = Tree::new(9, 200);
    tree.write(&scene.manifests())?;
    scene.sync(0)?;
    let key = tree
        .keys()
        .into_iter()
        .find(|key| &*key.group_kind.kind == "Deployment")
        .expect("a Deployment");
    tree.edit(&key)?.apply(&scene.manifests())?;
    let finished = scene.sync(0)?;
    ensure!(
        finished.stdout.contains("live: 1 updated, 199 unchanged"),
        "{}",
        finished.stdout
    );
    Ok(())
}
