//! What people and editors do to files.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context as _, ensure};
use k1s_tests::daemon::Daemon;
use k1s_tests::scene::{Scene, config_map};

/// More than the guard looks at closely: of 40, ten may go.
const OBJECTS: usize = 40;

fn filled() -> anyhow::Result<Scene> {
    let scene = Scene::new()?;
    for number in 0..OBJECTS {
        scene.write(
            &format!("d{}/{number}.yaml", number % 4),
            &config_map(&format!("m-{number}"), "1"),
        )?;
    }
    Ok(scene)
}

/// The values of all ConfigMaps by name.
fn values(scene: &Scene) -> anyhow::Result<BTreeMap<String, String>> {
    let text = |object: &serde_json::Value, pointer: &str| {
        let text = object.pointer(pointer).and_then(serde_json::Value::as_str);
        text.map(str::to_owned)
            .with_context(|| format!("no {pointer} in {object}"))
    };
    let objects = scene.objects("configmaps")?;
    let pairs = objects
        .iter()
        .map(|object| Ok((text(object, "/metadata/name")?, text(object, "/data/value")?)));
    pairs.collect()
}

#[test]
fn edits_arrive_and_moves_delete_nothing() -> anyhow::Result<()> {
    let mut daemon = Daemon::over(filled()?)?;
    let root = daemon.scene.manifests();
    daemon.scene.write("d0/0.yaml", &config_map("m-0", "edited"))?;
    daemon.until("updated", "ConfigMap shop/m-0", 1)?;

    daemon.scene.write("d1/.1.yaml.tmp", &config_map("m-1", "saved"))?;
    fs::rename(root.join("d1/.1.yaml.tmp"), root.join("d1/1.yaml"))?;
    daemon.until("updated", "ConfigMap shop/m-1", 1)?;

    fs::rename(root.join("d2/2.yaml"), root.join("d2/renamed.yaml"))?;
    daemon.scene.write("d2/renamed.yaml", &config_map("m-2", "renamed"))?;
    daemon.until("updated", "ConfigMap shop/m-2", 1)?;

    fs::rename(root.join("d3"), root.join("moved"))?;
    daemon.scene.write("moved/3.yaml", &config_map("m-3", "moved"))?;
    daemon.until("updated", "ConfigMap shop/m-3", 1)?;

    daemon.scene.write("new/deep/tree/n.yaml", &config_map("new", "1"))?;
    daemon.until("created", "ConfigMap shop/new", 1)?;
    fs::remove_file(root.join("d0/4.yaml"))?;
    daemon.until("deleted", "ConfigMap shop/m-4", 1)?;

    assert_eq!(daemon.deleted()?, ["ConfigMap shop/m-4"]);
    let scene = daemon.stop()?;
    let mut expected: BTreeMap<_, _> = (0..OBJECTS)
        .map(|number| (format!("m-{number}"), "1".to_owned()))
        .collect();
    expected.remove("m-4");
    for (name, value) in [
        ("m-0", "edited"),
        ("m-1", "saved"),
        ("m-2", "renamed"),
        ("m-3", "moved"),
        ("new", "1"),
    ] {
        expected.insert(name.to_owned(), value.to_owned());
    }
    assert_eq!(values(&scene)?, expected);
    let again = scene.sync(0)?;
    ensure!(again.stdout.contains("40 unchanged"), "{}", again.stdout);
    Ok(())
}

#[test]
fn a_broken_file_is_told_with_its_place_and_the_last_good_object_stays() -> anyhow::Result<()> {
    let mut daemon = Daemon::over(filled()?)?;
    daemon.scene.write("d1/5.yaml", "apiVersion: v1\nkind: [\n")?;
    daemon.until_printed("d1/5.yaml:")?;
    daemon.scene.write("d2/6.yaml", &config_map("m-6", "2"))?;
    daemon.until("updated", "ConfigMap shop/m-6", 1)?;
    assert_eq!(daemon.deleted()?, [""; 0]);
    let scene = daemon.stop()?;
    assert_eq!(values(&scene)?.len(), OBJECTS);
    Ok(())
}

#[test]
fn a_folder_that_is_removed_deletes_nothing_and_goes_on_when_it_is_back() -> anyhow::Result<()> {
    let mut daemon = Daemon::over(filled()?)?;
    let (root, aside) = (daemon.scene.manifests(), daemon.scene.outside("aside"));
    fs::rename(&root, &aside)?;
    daemon.until_printed("ROOT_NOT_FOUND")?;
    fs::rename(&aside, &root)?;
    daemon.until_printed("live: 40 unchanged")?;
    daemon.scene.write("d0/0.yaml", &config_map("m-0", "2"))?;
    daemon.until("updated", "ConfigMap shop/m-0", 1)?;
    assert_eq!(daemon.deleted()?, [""; 0]);
    let scene = daemon.stop()?;
    assert_eq!(values(&scene)?.len(), OBJECTS);
    Ok(())
}
