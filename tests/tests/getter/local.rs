//! Origins on this machine.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use anyhow::{bail, ensure};
use k1s_tests::program::run;
use k1s_tests::scene::{DEADLINE, Scene, config_map};
use serde_json::json;

use crate::stage::{Stage, archive, values};

#[test]
fn a_folder_is_synced_and_an_unchanged_one_writes_nothing() -> anyhow::Result<()> {
    let scene = Scene::new()?;
    scene.write("a.yaml", &config_map("a", "1"))?;
    scene.write("deep/b.yaml", &config_map("b", "1"))?;
    scene.write("skipped/c.yaml", &config_map("c", "1"))?;
    scene.write(".sourceignore", "skipped/\n")?;
    let stage = Stage::over(scene, json!({"source": "./manifests"}))?;
    ensure!(stage.once(0)?.stdout.contains("2 created"));
    let again = stage.once(0)?;
    ensure!(
        again.stdout.contains("2 unchanged") && again.stdout.contains("nothing written"),
        "{}",
        again.stdout
    );
    stage.scene.write("a.yaml", &config_map("a", "2"))?;
    stage.scene.write("deep/b.yaml", "apiVersion: v1\nkind: [\n")?;
    let broken = stage.once(1)?;
    ensure!(broken.stdout.contains("deep/b.yaml:"), "{}", broken.stdout);
    assert_eq!(values(&stage.scene)?, ["a=2", "b=1"]);
    Ok(())
}

#[test]
fn a_broken_or_missing_archive_takes_nothing_away() -> anyhow::Result<()> {
    let stage = Stage::with(json!({"source": "./bundle.tar.gz//t*"}))?;
    let bundle = stage.scene.outside("bundle.tar.gz");
    let whole = archive(&stage.scene, &[("a", "1"), ("b", "1")])?;
    fs::write(&bundle, &whole)?;
    stage.once(0)?;
    fs::write(&bundle, &whole[..whole.len() / 2])?;
    let half = stage.once(1)?;
    ensure!(half.stdout.contains("the archive is damaged or cut"), "{}", half.stdout);
    fs::remove_file(&bundle)?;
    let gone = stage.once(1)?;
    ensure!(gone.stdout.contains("ROOT_NOT_FOUND"), "{}", gone.stdout);
    ensure!(
        gone.stdout.contains("incomplete, nothing was deleted"),
        "{}",
        gone.stdout
    );
    assert_eq!(values(&stage.scene)?, ["a=1", "b=1"]);
    fs::write(&bundle, archive(&stage.scene, &[("a", "2")])?)?;
    let replaced = stage.once(0)?;
    ensure!(replaced.stdout.contains("1 updated, 1 deleted"), "{}", replaced.stdout);
    assert_eq!(values(&stage.scene)?, ["a=2"]);
    Ok(())
}

#[test]
fn an_edit_arrives_within_the_interval_and_a_gone_folder_deletes_nothing() -> anyhow::Result<()> {
    let scene = Scene::new()?;
    scene.write("a.yaml", &config_map("a", "1"))?;
    scene.write("b.yaml", &config_map("b", "1"))?;
    let mut daemon = Stage::over(scene, json!({"source": "./manifests", "interval": "1s"}))?.live()?;
    daemon.scene.write("a.yaml", &config_map("a", "2"))?;
    daemon.until("updated", "ConfigMap shop/a", 1)?;
    let away = daemon.scene.outside("away");
    fs::rename(daemon.scene.manifests(), &away)?;
    daemon.until_printed("ROOT_NOT_FOUND")?;
    fs::write(away.join("b.yaml"), config_map("b", "3"))?;
    fs::rename(&away, daemon.scene.manifests())?;
    daemon.until("updated", "ConfigMap shop/b", 1)?;
    fs::remove_file(daemon.scene.manifests().join("b.yaml"))?;
    daemon.until("deleted", "ConfigMap shop/b", 1)?;
    assert_eq!(daemon.deleted()?, ["ConfigMap shop/b"]);
    let scene = daemon.stop()?;
    assert_eq!(values(&scene)?, ["a=2"]);
    Ok(())
}

/// P10: what is configured as the root is never left, by whatever way.
#[test]
fn p10_nothing_outside_of_the_local_root_is_read() -> anyhow::Result<()> {
    let scene = Scene::new()?;
    scene.write("a.yaml", &config_map("a", "1"))?;
    fs::create_dir(scene.outside("secret"))?;
    fs::write(scene.outside("secret/s.yaml"), config_map("s", "1"))?;
    std::os::unix::fs::symlink(scene.outside("secret"), scene.manifests().join("link"))?;
    let outside = |source: &str| json!({"source": source, "localRoot": "./manifests", "untrusted": true});
    let mut stage = Stage::over(scene, outside("./manifests"))?;
    stage.once(0)?;
    for (source, said) in [
        ("./secret", "lies outside"),
        ("./manifests/../secret", "lies outside"),
        ("./manifests/link", "a link on its way leads elsewhere"),
        ("./manifests/link/s.yaml", "a link on its way leads elsewhere"),
    ] {
        stage = Stage::over(stage.scene, outside(source))?;
        let refused = stage.once(1)?;
        ensure!(refused.stdout.contains(said), "{source}: {}", refused.stdout);
    }
    assert_eq!(values(&stage.scene)?, ["a=1"]);
    Ok(())
}

/// A folder in which a name moves to and fro until it is stopped.
struct Restless {
    is_over: Arc<AtomicBool>,
    moving: JoinHandle<std::io::Result<()>>,
}

impl Restless {
    fn start(folder: PathBuf) -> anyhow::Result<Self> {
        let is_over = Arc::new(AtomicBool::new(false));
        let (here, there) = (folder.join("here"), folder.join("there"));
        fs::write(&here, "")?;
        let over = Arc::clone(&is_over);
        let moving = std::thread::spawn(move || {
            while !over.load(Ordering::Relaxed) {
                fs::rename(&here, &there)?;
                fs::rename(&there, &here)?;
            }
            Ok(())
        });
        Ok(Self { is_over, moving })
    }

    fn stop(self) -> anyhow::Result<()> {
        self.is_over.store(true, Ordering::Relaxed);
        let Ok(moved) = self.moving.join() else {
            bail!("what moves the name panicked");
        };
        Ok(moved?)
    }
}

#[test]
fn a_folder_that_never_rests_is_applied_and_nothing_of_it_is_taken_for_gone() -> anyhow::Result<()> {
    let scene = Scene::new()?;
    scene.write("a.yaml", &config_map("a", "1"))?;
    scene.write("b.yaml", &config_map("b", "1"))?;
    let stage = Stage::over(scene, json!({"source": "./manifests"}))?;
    stage.once(0)?;
    let restless = Restless::start(stage.scene.manifests())?;
    stage.scene.write("a.yaml", &config_map("a", "2"))?;
    fs::remove_file(stage.scene.manifests().join("b.yaml"))?;
    let finished = run(&mut stage.command(&stage.scene.data_dir(), &["--once"])?, DEADLINE)?;
    let expected: &[&str] = match finished.status.code() {
        // By chance it held still while it was walked.
        Some(0) => &["a=2"],
        Some(1) => {
            ensure!(
                finished.stdout.contains("names in it come and go"),
                "{}",
                finished.stdout
            );
            &["a=2", "b=1"]
        }
        _ => bail!("{finished:?}"),
    };
    assert_eq!(values(&stage.scene)?, expected);
    restless.stop()?;
    stage.once(0)?;
    assert_eq!(values(&stage.scene)?, ["a=2"]);
    Ok(())
}
