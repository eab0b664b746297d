//! Million: what an object takes among many more, against what it takes among the objects of the other rows.
//!
//! The many are synced once, the others as often as every row runs; unchanged is both.

use std::fs;

use anyhow::Context as _;
use k1s_tests::program::FILESYSTEM_SOURCE;

use super::figure::{Figure, Target, Unit};
use super::ground::Ground;
use super::host;
use super::measured::Measured;
use super::row::Row;
use super::side::Side;
use super::spread::Spread;

const FIRST: Figure = Figure::aimed("first sync, an object", Unit::Seconds, Target::Times(1.3));
const UNCHANGED: Figure = Figure::aimed("unchanged, an object", Unit::Seconds, Target::Times(1.3));

pub(super) fn measure(ground: &Ground) -> anyhow::Result<Measured> {
    let (objects, many) = (ground.scale.objects, ground.scale.many);
    let settings = [format!("path={}", ground.tree()?.display())];
    let data = ground.beside_stores("few");
    let sync = |verdict: &str| {
        let expected = format!("{}{objects} {verdict} in ", host::SUMMARY);
        anyhow::Ok(host::once(ground, FILESYSTEM_SOURCE, &settings, &data, &expected)?.side)
    };
    let mut few_first = Vec::new();
    for run in ground.runs() {
        few_first.push(each(&sync("created")?, objects));
        if run < ground.scale.runs {
            fs::remove_dir_all(&data)?;
        }
    }
    let few_first = Spread::of(few_first).context("nothing was run")?;
    let all = ground.many()?;
    let mut measured = Measured::default();
    measured.compare(FIRST, each(&all.first, many), few_first.median);
    measured.sizes(&all.first);
    measured.note(Row::Million);

    // The first run that finds nothing new says so in the source's status.
    sync("unchanged")?;
    let expected = format!("{}{many} unchanged in ", host::SUMMARY);
    for _ in ground.runs() {
        let few = sync("unchanged")?;
        let same = host::once(ground, FILESYSTEM_SOURCE, &all.settings, &all.data, &expected)?.side;
        measured.compare(UNCHANGED, each(&same, many), each(&few, objects));
        measured.others.push(same.cost.others);
        measured.note(Row::Million);
    }
    fs::remove_dir_all(&data)?;
    Ok(measured)
}

/// Seconds for each of some objects.
fn each(side: &Side, objects: u64) -> f64 {
    side.cost.seconds / objects as f64
}
