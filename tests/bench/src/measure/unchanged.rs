//! Unchanged: the same tree again, against a bare stat walk.

use anyhow::ensure;
use k1s_tests::program::FILESYSTEM_SOURCE;

use super::figure::{Figure, Target, Unit};
use super::ground::Ground;
use super::measured::Measured;
use super::row::Row;
use super::side::Side;
use super::{host, store, yardstick};
use crate::walk::Walked;

const TIME: Figure = Figure::aimed("time", Unit::Seconds, Target::Times(3.0));

pub(super) fn measure(ground: &Ground) -> anyhow::Result<Measured> {
    let tree = ground.tree()?;
    let objects = ground.scale.objects;
    let settings = [format!("path={}", tree.display())];
    let data = ground.beside_stores("unchanged");
    let sync = |verdict: &str| {
        let expected = format!("{}{objects} {verdict} in ", host::SUMMARY);
        host::once(ground, FILESYSTEM_SOURCE, &settings, &data, &expected)
    };
    sync("created")?;
    // The first run that finds nothing new says so in the source's status.
    sync("unchanged")?;
    let mut before = store::dump(&data)?;
    let mut measured = Measured::default();
    for _ in ground.runs() {
        let product = sync("unchanged")?.side;
        let walked: Walked = yardstick::run(&["walk".as_ref(), tree.as_ref()])?;
        ensure!(walked.files == objects, "{} files", walked.files);
        let after = store::dump(&data)?;
        store::ensure_unwritten(&before, &after)?;
        before = after;

        measured.sides(TIME, &product, &Side::of(walked.cost));
        measured.note(Row::Unchanged);
    }
    Ok(measured)
}
