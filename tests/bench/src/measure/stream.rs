//! Stream: everything is sent and nothing has changed, against [`bare`](crate::bare).

use std::fs;
use std::time::Duration;

use anyhow::{Context as _, ensure};

use super::figure::{Figure, Target, Unit};
use super::ground::Ground;
use super::host::Finished;
use super::measured::Measured;
use super::row::Row;
use super::side::Side;
use super::{host, store, yardstick};
use crate::bare::Streamed;

/// The program of the replaying source.
pub(super) const SOURCE: &str = "k1s-bench-source";
const TIME: Figure = Figure::aimed("time", Unit::Seconds, Target::Rate(0.5));
/// The absolute aim; the ratio is the target.
const RATE: Figure = Figure::aimed("rate", Unit::ObjectsPerSecond, Target::Least(250_000.0));

pub(super) fn measure(ground: &Ground) -> anyhow::Result<Measured> {
    let (data, begun) = (ground.beside_stores("stream"), ground.beside_stores("begun"));
    let objects = ground.scale.objects;
    let settings = [format!("objects={objects}"), format!("begun={}", begun.display())];
    let sync = |verdict: &str| {
        let expected = format!("{}{objects} {verdict} in ", host::SUMMARY);
        host::once(ground, SOURCE, &settings, &data, &expected)
    };
    sync("created")?;
    // The first run that finds nothing new says so in the source's status.
    sync("unchanged")?;
    let mut before = store::dump(&data)?;
    let mut measured = Measured::default();
    for _ in ground.runs() {
        let Finished { side, told } = sync("unchanged")?;
        let begun = nanoseconds(&fs::read_to_string(&begun)?)?;
        let took = told.checked_sub(begun).context("the listing ended before it began")?;
        let streamed: Streamed = yardstick::run(&["stream".as_ref(), objects.to_string().as_ref()])?;
        ensure!(streamed.objects == objects, "{} streamed", streamed.objects);
        let after = store::dump(&data)?;
        store::ensure_unwritten(&before, &after)?;
        before = after;

        let mut product = side;
        product.cost.seconds = took.as_secs_f64();
        measured.sides(TIME, &product, &Side::of(streamed.cost));
        measured.take(RATE, objects as f64 / took.as_secs_f64());
        measured.note(Row::Stream);
    }
    Ok(measured)
}

/// Reads a time of [`cost::now`](crate::cost::now) as other processes write it.
pub(super) fn nanoseconds(text: &str) -> anyhow::Result<Duration> {
    let number = text.trim().parse().with_context(|| format!("{text:?} is no time"))?;
    Ok(Duration::from_nanos(number))
}
