//! Unchanged: the same tree again, against a bare stat walk.

use anyhow::ensure;
use k1s_tests::program::FILESYSTEM_SOURCE;

use super::ground::{Ground, ensure_unwritten, store};
use super::row::{Measured, Pair, Row, Side};
use super::{note, yardstick};
use crate::walk::Walked;

pub(super) fn measure(ground: &Ground, runs: u32) -> anyhow::Result<Measured> {
    let tree = ground.tree()?;
    let settings = [format!("path={}", tree.display())];
    let data = ground.beside_stores("unchanged");
    let sync = |verdict: &str| {
        let expected = format!("{}{} {verdict} in ", super::host::SUMMARY, ground.objects);
        ground.host(FILESYSTEM_SOURCE, &settings, &data, expected)
    };
    sync("created")?;
    // The first run that finds nothing new says so in the source's status.
    sync("unchanged")?;
    let (mut before, size) = store(&data)?;
    let mut pairs = Vec::new();
    for run in 1..=runs {
        let product = sync("unchanged")?.side;
        let walked: Walked = yardstick::run(&["walk".as_ref(), tree.as_ref()])?;
        ensure!(walked.files == ground.objects, "{} files", walked.files);
        let (after, _) = store(&data)?;
        ensure_unwritten(&before, &after)?;
        before = after;

        let yardstick = Side::of(walked.cost);
        let pair = Pair { product, yardstick };
        note(Row::Unchanged, run, runs, &pair);
        pairs.push(pair);
    }
    Measured::new(pairs, Some(size))
}
