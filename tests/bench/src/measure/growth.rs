//! Growth: what an object takes on the disk, and how the file grows while one object in a hundred changes again and again.

use std::fs;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use k1s_tests::program::FILESYSTEM_SOURCE;
use tokio::time::{interval, timeout};

use super::client::{self, Client};
use super::daemon::Daemon;
use super::edit::collection;
use super::figure::{Figure, Unit};
use super::folder::Folder;
use super::ground::Ground;
use super::measured::Measured;
use super::row::Row;
use super::store;
use crate::manifests;

const ROWS: Figure = Figure::told("rows, an object", Unit::Bytes);
const FILE: Figure = Figure::told("file, an object", Unit::Bytes);
const GROWN_ROWS: Figure = Figure::told("rows after all rounds", Unit::Bytes);
const GROWN_FILE: Figure = Figure::told("file after all rounds", Unit::Bytes);
/// One object among this many changes in a round.
const OBJECTS_PER_CHANGE: u64 = 100;
/// How often the revision is asked for while a round goes on.
const BETWEEN_LOOKS: Duration = Duration::from_millis(20);
/// Longest wait for the end of a round.
const DEADLINE: Duration = Duration::from_secs(120);

/// It runs once: sizes do not vary as times do.
pub(super) fn measure(ground: &Ground) -> anyhow::Result<Measured> {
    let folder = ground.folder()?;
    let data = ground.beside_stores("growth");
    folder.copy_store(&data)?;
    let objects = ground.scale.objects as f64;
    let mut measured = Measured::default();
    let (rows, file) = (store::dump(&data)?.bytes() as f64, store::file_bytes(&data)? as f64);
    measured.take(ROWS, rows / objects);
    measured.take(FILE, file / objects);

    let host = Daemon::start(ground, FILESYSTEM_SOURCE, &folder.settings(&[]), &data)?;
    client::runtime()?.block_on(change(ground, folder, &host))?;
    host.stop()?;
    measured.compare(GROWN_ROWS, store::dump(&data)?.bytes() as f64, rows);
    measured.compare(GROWN_FILE, store::file_bytes(&data)? as f64, file);
    measured.note(Row::Growth);
    folder.restore(ground)?;
    fs::remove_dir_all(&data)?;
    Ok(measured)
}

/// Changes one object in a hundred, waits until every change is there, and goes on with others.
async fn change(ground: &Ground, folder: &Folder, host: &Daemon) -> anyhow::Result<()> {
    let mut client = Client::connect(&host.endpoint).await?;
    let mut revision = client.revision(&collection(0)).await?;
    for round in 0..ground.scale.rounds {
        let numbers = (round % OBJECTS_PER_CHANGE..ground.scale.objects).step_by(OBJECTS_PER_CHANGE as usize);
        for number in numbers {
            manifests::write(&folder.root, number, u32::try_from(round)? + 1)?;
            revision += 1;
        }
        let reached = timeout(DEADLINE, until(&mut client, revision)).await;
        reached.with_context(|| format!("round {round} does not end"))??;
    }
    Ok(())
}

/// Waits until the store has a revision, and no later one.
async fn until(client: &mut Client, expected: u64) -> anyhow::Result<()> {
    let mut looks = interval(BETWEEN_LOOKS);
    loop {
        looks.tick().await;
        let revision = client.revision(&collection(0)).await?;
        ensure!(revision <= expected, "{} changes too many", revision - expected);
        if revision == expected {
            return Ok(());
        }
    }
}
