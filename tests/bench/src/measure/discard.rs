//! Discard: a plugin lists, reads, parses, hashes and sends a tree, and what arrives is dropped; beside what libyaml alone
//! takes for the same files.

use anyhow::ensure;
use k1s_tests::program::FILESYSTEM_SOURCE;

use super::figure::{Figure, Target, Unit};
use super::ground::Ground;
use super::measured::Measured;
use super::row::Row;
use super::yardstick;
use crate::events::Drained;
use crate::sink::Discarded;

const RATE: Figure = Figure::aimed("rate", Unit::ObjectsPerSecond, Target::Least(120_000.0));
const TIME: Figure = Figure::told("time", Unit::Seconds);
/// What no source can reach whose parser is libyaml.
const EVENTS: Figure = Figure::told("libyaml's events alone", Unit::ObjectsPerSecond);
const MEMORY: Figure = Figure::told("plugin memory", Unit::Bytes);

pub(super) fn measure(ground: &Ground) -> anyhow::Result<Measured> {
    let (plugin, tree) = (ground.program(FILESYSTEM_SOURCE), ground.tree()?);
    let mut measured = Measured::default();
    for _ in ground.runs() {
        let discarded: Discarded = yardstick::run(&["discard".as_ref(), plugin.as_ref(), tree.as_ref()])?;
        ensure!(
            discarded.objects == ground.scale.objects,
            "{} objects",
            discarded.objects
        );
        let drained: Drained = yardstick::run(&["events".as_ref(), tree.as_ref()])?;
        ensure!(drained.files == ground.scale.objects, "{} files", drained.files);
        let seconds = discarded.cost.seconds;
        measured.take(RATE, discarded.objects as f64 / seconds);
        measured.take(TIME, seconds);
        measured.take(EVENTS, drained.files as f64 / drained.cost.seconds);
        discarded
            .plugin_peak
            .iter()
            .for_each(|bytes| measured.take(MEMORY, *bytes as f64));
        measured.note(Row::Discard);
    }
    Ok(measured)
}
