//! Deletes that are more than a batch holds, and a process that dies among their batches: none of them happens until all are
//! judged as one.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, ensure};
use k1s_tests::eventually;
use k1s_tests::program::{FILESYSTEM_SOURCE, Running, built, host, start};
use k1s_tests::scene::{DEADLINE, Scene, config_map};
use rustix::process::Signal;
use serde_json::json;

/// More than a batch holds, and fewer than the guard allows.
const GOING: usize = 600;
const STAYING: usize = 1500;

/// Who dies.
#[derive(Clone, Copy, Debug)]
enum Dies {
    /// The plugin, when it has sent the first of the batches.
    Plugin,
    /// The host, when it has the second of them.
    Host,
}

fn command(scene: &Scene, mark: &Path, dies: Dies) -> anyhow::Result<Command> {
    let (of_plugin, of_host) = match dies {
        Dies::Plugin => (json!({"K1S_CRASH_AT": "K9:2", "K1S_CRASH_MARK": mark}), None),
        Dies::Host => (json!({}), Some("H8,H3:2")),
    };
    let file = scene.outside("sync.json");
    let config = json!({"path": scene.manifests()});
    let source = json!({"name": "files", "plugin": built(FILESYSTEM_SOURCE)?, "config": config, "env": of_plugin});
    let configuration = json!({"apiVersion": "sync.k1s.io/v1alpha1", "kind": "SyncConfiguration", "sources": [source]});
    fs::write(&file, configuration.to_string())?;
    let mut command = host(["run", "-f"])?;
    command.arg(file).arg("--data-dir").arg(scene.data_dir());
    if let Some(at) = of_host {
        command.env("K1S_CRASH_AT", at).env("K1S_CRASH_MARK", mark);
    }
    Ok(command)
}

/// A host that has gone on after the death.
fn suffered(scene: &Scene, mark: &Path, dies: Dies, mut running: Running) -> anyhow::Result<Running> {
    match dies {
        Dies::Plugin => running.until_printed("killed by signal 9", DEADLINE)?,
        Dies::Host => {
            running.wait(DEADLINE)?;
            ensure!(scene.keys("configmaps")?.len() == GOING + STAYING, "some have gone");
            running = start(&mut command(scene, mark, dies)?)?;
            running.until_printed("live:", DEADLINE)?;
        }
    }
    Ok(running)
}

#[test]
fn a_window_that_is_cut_has_deleted_nothing() -> anyhow::Result<()> {
    for dies in [Dies::Plugin, Dies::Host] {
        let scene = Scene::new()?;
        for (folder, count) in [("going", GOING), ("staying", STAYING)] {
            for number in 0..count {
                let text = config_map(&format!("{folder}-{number}"), "1");
                scene.write(&format!("{folder}/{number}.yaml"), &text)?;
            }
        }
        let mark = scene.outside("mark");
        let mut running = start(&mut command(&scene, &mark, dies)?)?;
        running.until_printed("live:", DEADLINE)?;
        fs::rename(scene.manifests().join("going"), scene.outside("gone"))?;
        let died = eventually(DEADLINE, "it dies", || Ok(mark.exists().then_some(())));
        died.with_context(|| format!("{dies:?}: {:?}", running.printed()))?;
        let mut running = suffered(&scene, &mark, dies, running).with_context(|| format!("{dies:?}"))?;
        // One listing, one set.
        let prunes = eventually(DEADLINE, "what is gone is deleted", || {
            let list = scene.host(&["prunes", "list"])?.stdout;
            Ok(list.contains("Pruned").then_some(list))
        })?;
        let sets: Vec<&str> = prunes.lines().skip(1).collect();
        ensure!(sets.len() == 1 && sets[0].contains("   600 "), "{dies:?}: {prunes}");
        running.signal(Signal::INT)?;
        running.wait(DEADLINE)?.expect_code(0)?;
        ensure!(scene.keys("configmaps")?.len() == STAYING);
    }
    Ok(())
}
