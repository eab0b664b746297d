//! What a plugin was told is durable is in the file of a host that died at once.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, ensure};
use k1s_tests::diary;
use k1s_tests::eventually;
use k1s_tests::oracle::Listing;
use k1s_tests::program::{built, host, start};
use k1s_tests::scene::{DEADLINE, Scene};
use rustix::process::Signal;
use serde_json::json;

/// Where the host dies: each time further on, over the same store. The last is killed from outside, when all is done.
const DEATHS: [&str; 8] = [
    "H3:3",
    "H5:40",
    "H3:9,H6",
    "H3:12,H7",
    "H3:20,H6:3",
    "H3:30,H7:2",
    "H8",
    "H8,H7",
];

fn command(scene: &Scene, diary: &Path, at: &str) -> anyhow::Result<Command> {
    let file = scene.outside("sync.json");
    let source = json!({"name": "diary", "plugin": built(diary::SOURCE)?, "env": {diary::DIARY: diary}});
    let configuration = json!({"apiVersion": "sync.k1s.io/v1alpha1", "kind": "SyncConfiguration", "sources": [source]});
    std::fs::write(&file, configuration.to_string())?;
    let mut command = host(["run"])?;
    command.arg("-f").arg(file).arg("--data-dir").arg(scene.data_dir());
    command.env("K1S_CRASH_AT", at);
    Ok(command)
}

/// Which process wrote each stored object.
fn stored(scene: &Scene) -> anyhow::Result<BTreeMap<k1s_tests::Key, String>> {
    let listing = Listing::of(scene.objects("configmaps")?)?;
    let process = |body: &serde_json::Value| body.pointer("/data/process")?.as_str().map(str::to_owned);
    let pairs = listing.objects.into_iter().map(|event| {
        let process = process(&event.body).with_context(|| event.body.to_string())?;
        Ok((event.key, process))
    });
    pairs.collect()
}

#[test]
fn what_was_acknowledged_is_durable() -> anyhow::Result<()> {
    let scene = Scene::new()?;
    let diary = scene.outside("diary");
    let mut acknowledged = 0;
    for at in DEATHS {
        let finished = start(&mut command(&scene, &diary, at)?)?.wait(DEADLINE)?;
        ensure!(finished.status.code().is_none(), "{at}: {finished:?}");
        let stored = stored(&scene).with_context(|| at.to_owned())?;
        // A launch before this one may have been overwritten by it.
        let Some((process, through)) = diary::read(&diary)?.into_iter().next_back() else {
            continue;
        };
        acknowledged += through;
        for (batch, object) in (1..=through).flat_map(|batch| (1..=diary::OBJECTS).map(move |object| (batch, object))) {
            let key = diary::key(batch, object);
            let written = stored
                .get(&key)
                .with_context(|| format!("{at}: {key} was acknowledged and is lost"))?;
            ensure!(
                *written == process.to_string(),
                "{at}: {key} is of {written}, and {process} was told it is durable"
            );
        }
        std::fs::remove_file(&diary)?;
    }
    ensure!(
        acknowledged > 2 * diary::BATCHES,
        "only {acknowledged} batches were acknowledged"
    );

    let mut host = start(&mut command(&scene, &diary, "H11:99")?)?;
    host.until_printed("live:", DEADLINE)?;
    let all = || {
        Ok(diary::read(&diary)?
            .into_values()
            .any(|through| through == diary::BATCHES)
            .then_some(()))
    };
    eventually(DEADLINE, "everything is acknowledged", all)?;
    host.signal(Signal::KILL)?;
    host.wait(DEADLINE)?;
    ensure!(stored(&scene)?.len() as u64 == diary::BATCHES * diary::OBJECTS);
    Ok(())
}
