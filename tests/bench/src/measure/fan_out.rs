//! Fan-out: from a file's close(2) until the last of many watches has the event.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::client::{self, Client, Seen};
use super::edit::{AT_ONCE, collection};
use super::figure::{Figure, Unit};
use super::folder::Folder;
use super::ground::Ground;
use super::measured::Measured;
use super::percentile::percentile;
use super::row::Row;
use crate::{cost, manifests, objects};

const LAST_P50: Figure = Figure::told("last has it, p50", Unit::Seconds);
const LAST_P99: Figure = Figure::told("last has it, p99", Unit::Seconds);
const APART_P50: Figure = Figure::told("first to last, p50", Unit::Seconds);
const APART_P99: Figure = Figure::told("first to last, p99", Unit::Seconds);
/// The object that is changed.
const CHANGED: u64 = 1;

/// What watches have seen: the number of the watch, and the event.
type Told = mpsc::Receiver<anyhow::Result<(usize, Seen)>>;

pub(super) fn measure(ground: &Ground) -> anyhow::Result<Measured> {
    let folder = ground.folder()?;
    let host = folder.host(ground, &[AT_ONCE])?;
    let measured = client::runtime()?.block_on(async {
        let watches = ground.scale.watches;
        let (tell, mut told) = mpsc::channel(watches);
        let from = Client::connect(&host.endpoint)
            .await?
            .revision(&collection(CHANGED))
            .await?;
        // End with this block.
        let mut watching = JoinSet::new();
        for number in 0..watches {
            let client = Client::connect(&host.endpoint).await?;
            let mut watch = client.watch(&collection(CHANGED), from).await?;
            let tell = tell.clone();
            watching.spawn(async move {
                loop {
                    let seen = watch.next().await.map(|seen| (number, seen));
                    if tell.send(seen).await.is_err() {
                        return;
                    }
                }
            });
        }
        runs(ground, folder, &mut told).await
    })?;
    manifests::write(&folder.root, CHANGED, 0)?;
    host.stop()?;
    Ok(measured)
}

async fn runs(ground: &Ground, folder: &Folder, told: &mut Told) -> anyhow::Result<Measured> {
    let mut measured = Measured::default();
    let mut revision = 0;
    for _ in ground.runs() {
        let (mut last, mut apart) = (Vec::new(), Vec::new());
        for _ in 0..ground.scale.changes {
            revision += 1;
            let change = change(folder, told, revision, ground.scale.watches).await?;
            last.push(change.last);
            apart.push(change.last.saturating_sub(change.first));
        }
        for (figure, times, part) in [
            (LAST_P50, &last, 0.5),
            (LAST_P99, &last, 0.99),
            (APART_P50, &apart, 0.5),
            (APART_P99, &apart, 0.99),
        ] {
            measured.take(figure, percentile(times, part).context("no change")?);
        }
        measured.note(Row::FanOut);
    }
    Ok(measured)
}

/// How long after a change the first and the last watch had it.
struct Reached {
    first: Duration,
    last: Duration,
}

/// Makes a change and waits until every watch has told of it once.
async fn change(folder: &Folder, told: &mut Told, revision: u32, watches: usize) -> anyhow::Result<Reached> {
    manifests::write(&folder.root, CHANGED, revision)?;
    let closed = cost::now();
    let mut times = vec![None; watches];
    for _ in 0..watches {
        let (number, seen) = told.recv().await.context("all watches ended")??;
        seen.ensure_changed(&objects::name(CHANGED), revision)?;
        let time = times.get_mut(number).context("a watch that was not begun")?;
        ensure!(time.is_none(), "a watch told twice of revision {revision}");
        *time = Some(seen.at.saturating_sub(closed));
    }
    let times = times.into_iter().flatten();
    let (first, last) = (times.clone().min(), times.max());
    Ok(Reached {
        first: first.context("no watch")?,
        last: last.context("no watch")?,
    })
}
