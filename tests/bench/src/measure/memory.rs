//! Memory: what the host grows by while objects stream through it into a new store, and what an object takes in a host and
//! a plugin that watch.

use std::fs;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use k1s_store::engine::RedbOptions;
use k1s_tests::eventually;
use k1s_tests::program::{self, FILESYSTEM_SOURCE};

use super::daemon::Daemon;
use super::figure::{Figure, Target, Unit};
use super::ground::Ground;
use super::measured::Measured;
use super::row::Row;
use super::{host, stream};
use crate::cost::{peak_memory, resident_memory};
use crate::manifests;

/// Over what the store may take.
const GROWTH: Figure = Figure::aimed("growth", Unit::Bytes, Target::Over((32 << 20) as f64));
const HOST: Figure = Figure::told("host, an object", Unit::Bytes);
const PLUGIN: Figure = Figure::told("plugin, an object", Unit::Bytes);
/// Bytes of the store's index of a scope for each row, at most (store.md).
const INDEX_BYTES: u64 = 32;
/// Longest wait for a listing.
const DEADLINE: Duration = Duration::from_secs(600);

pub(super) fn measure(ground: &Ground) -> anyhow::Result<Measured> {
    let objects = ground.scale.objects;
    let allowed = RedbOptions::DEFAULT_CACHE_BYTES as u64 + INDEX_BYTES * objects;
    let (root, data) = (ground.beside_trees("one"), ground.beside_stores("one"));
    manifests::make(&root, 1)?;
    let settings = [format!("path={}", root.display())];
    let mut measured = Measured::default();
    for _ in ground.runs() {
        measured.compare(GROWTH, growth(ground)? as f64, allowed as f64);
        let one = Resident::of(Daemon::start(ground, FILESYSTEM_SOURCE, &settings, &data)?)?;
        let all = Resident::of(ground.folder()?.host(ground, &[])?)?;
        let each = |one: u64, all: u64| (all as f64 - one as f64) / objects as f64;
        measured.take(HOST, each(one.host, all.host));
        measured.take(PLUGIN, each(one.plugin, all.plugin));
        measured.note(Row::Memory);
    }
    Ok(measured)
}

/// Bytes that the host has at most while objects stream into a new store, over what it had before the first.
fn growth(ground: &Ground) -> anyhow::Result<u64> {
    let objects = ground.scale.objects;
    let (data, begun) = (ground.beside_stores("grown"), ground.beside_stores("grown-begun"));
    let settings = [format!("objects={objects}"), format!("begun={}", begun.display())];
    let mut command = host::command(ground, ground.program(stream::SOURCE), &settings, &data);
    let host = program::start(command.arg("--once"))?;
    let id = host.id();
    let mut before = None;
    eventually(DEADLINE, "the listing begins", || {
        let is_begun = begun.exists();
        if !is_begun {
            before = resident_memory(id).or(before);
        }
        Ok(is_begun.then_some(()))
    })?;
    // Looked at all along: a host that is done is gone at once.
    let mut peak = None;
    eventually(DEADLINE, "the listing ends", || {
        peak = peak_memory(id).or(peak);
        Ok(host.printed()?.0.contains(host::SUMMARY).then_some(()))
    })?;
    let finished = host.wait(DEADLINE)?.expect_code(0)?;
    let expected = format!("{}{objects} created in ", host::SUMMARY);
    let said = finished.stdout.replace(',', "");
    ensure!(said.contains(&expected), "expected {expected:?}\n{said}");
    fs::remove_dir_all(&data)?;
    fs::remove_file(&begun)?;
    let (before, peak) = (
        before.context("no look before the listing")?,
        peak.context("no look after it")?,
    );
    Ok(peak.saturating_sub(before))
}

/// The memory of a host and its plugin.
struct Resident {
    host: u64,
    plugin: u64,
}

impl Resident {
    /// Looks at a host that has listed everything, and stops it.
    fn of(daemon: Daemon) -> anyhow::Result<Self> {
        let look = |process| resident_memory(process).context("a process is gone");
        let resident = Self {
            host: look(daemon.id())?,
            plugin: look(daemon.plugin()?)?,
        };
        daemon.stop()?;
        Ok(resident)
    }
}
