//! Edit: from a file's close(2) to the event of a watch, against one write with fdatasync of the same bytes.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::time::Duration;

use anyhow::Context as _;

use super::client::{self, Client, Watch};
use super::figure::{Figure, Target, Unit};
use super::folder::Folder;
use super::ground::Ground;
use super::measured::Measured;
use super::percentile::percentile;
use super::row::Row;
use crate::{cost, manifests, objects};

const P50: Figure = Figure::aimed("p50", Unit::Seconds, Target::Over(0.003));
const P99: Figure = Figure::aimed("p99", Unit::Seconds, Target::Over(0.015));
/// What is read at once rather than after a while in which more might come.
pub(super) const AT_ONCE: &str = "debounce=0s";
/// The object that is edited.
const EDITED: u64 = 0;

pub(super) fn measure(ground: &Ground) -> anyhow::Result<Measured> {
    let folder = ground.folder()?;
    let host = folder.host(ground, &[AT_ONCE])?;
    let scratch = File::create(ground.beside_stores("synced"))?;
    let measured = client::runtime()?.block_on(async {
        let path = collection(EDITED);
        let mut client = Client::connect(&host.endpoint).await?;
        let from = client.revision(&path).await?;
        let mut watch = client.watch(&path, from).await?;
        runs(ground, folder, &mut watch, &scratch).await
    })?;
    manifests::write(&folder.root, EDITED, 0)?;
    host.stop()?;
    Ok(measured)
}

/// The collection that an object is in.
pub(super) fn collection(number: u64) -> String {
    format!("/api/v1/namespaces/{}/configmaps", objects::namespace(number))
}

async fn runs(ground: &Ground, folder: &Folder, watch: &mut Watch, scratch: &File) -> anyhow::Result<Measured> {
    let mut measured = Measured::default();
    let mut revision = 0;
    for _ in ground.runs() {
        let (mut seen, mut synced) = (Vec::new(), Vec::new());
        for _ in 0..ground.scale.edits {
            revision += 1;
            seen.push(edit(folder, watch, revision).await?);
            synced.push(sync(scratch, revision)?);
        }
        for (figure, part) in [(P50, 0.5), (P99, 0.99)] {
            let of = |times: &[Duration]| percentile(times, part).context("no edit");
            measured.compare(figure, of(&seen)?, of(&synced)?);
        }
        measured.note(Row::Edit);
    }
    Ok(measured)
}

/// How long it takes until an edit is seen.
async fn edit(folder: &Folder, watch: &mut Watch, revision: u32) -> anyhow::Result<Duration> {
    manifests::write(&folder.root, EDITED, revision)?;
    let closed = cost::now();
    let seen = watch.next().await?;
    seen.ensure_changed(&objects::name(EDITED), revision)?;
    Ok(seen.at.saturating_sub(closed))
}

/// How long it takes to make the bytes of an edit durable.
fn sync(scratch: &File, revision: u32) -> anyhow::Result<Duration> {
    let bytes = manifests::yaml(EDITED, revision);
    let begun = cost::now();
    scratch.write_all_at(bytes.as_bytes(), 0)?;
    scratch.sync_data()?;
    Ok(cost::now().saturating_sub(begun))
}
