//! Stream: everything is sent and nothing has changed, against [`bare`](crate::bare).

use std::fs;
use std::time::Duration;

use anyhow::{Context as _, ensure};

use super::ground::{Ground, ensure_unwritten, store};
use super::host::Finished;
use super::row::{Measured, Pair, Row, Side};
use super::{note, yardstick};
use crate::bare::Streamed;

/// The program of the replaying source.
pub(super) const SOURCE: &str = "k1s-bench-source";

pub(super) fn measure(ground: &Ground, runs: u32) -> anyhow::Result<Measured> {
    let (data, begun) = (ground.beside_stores("stream"), ground.beside_stores("begun"));
    let objects = ground.objects;
    let settings = [format!("objects={objects}"), format!("begun={}", begun.display())];
    let sync = |verdict: &str| {
        let expected = format!("{}{objects} {verdict} in ", super::host::SUMMARY);
        ground.host(SOURCE, &settings, &data, expected)
    };
    sync("created")?;
    // The first run that finds nothing new says so in the source's status.
    sync("unchanged")?;
    let (mut before, size) = store(&data)?;
    let mut pairs = Vec::new();
    for run in 1..=runs {
        let Finished { side, told } = sync("unchanged")?;
        let begun = nanoseconds(&fs::read_to_string(&begun)?)?;
        let took = told.checked_sub(begun).context("the listing ended before it began")?;
        let streamed: Streamed = yardstick::run(&["stream".as_ref(), objects.to_string().as_ref()])?;
        ensure!(streamed.objects == objects, "{} streamed", streamed.objects);
        let (after, _) = store(&data)?;
        ensure_unwritten(&before, &after)?;
        before = after;

        let mut product = side;
        product.cost.seconds = took.as_secs_f64();
        let yardstick = Side::of(streamed.cost);
        let pair = Pair { product, yardstick };
        note(Row::Stream, run, runs, &pair);
        pairs.push(pair);
    }
    Measured::new(pairs, Some(size))
}

fn nanoseconds(text: &str) -> anyhow::Result<Duration> {
    let number = text.trim().parse().with_context(|| format!("{text:?} is no time"))?;
    Ok(Duration::from_nanos(number))
}
