//! What a store of a host that has stopped holds and takes.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, ensure};
use k1s_store::Table;

use crate::dump::{Dump, STORE_FILE};

/// The rows that an unchanged run may change: the epoch of its launch.
const LAUNCHES: &[Table] = &[Table::Sources];

/// Takes what a store holds.
pub(super) fn dump(data: &Path) -> anyhow::Result<Dump> {
    Dump::of(&data.join(STORE_FILE))
}

/// Bytes of a store's file.
pub(super) fn file_bytes(data: &Path) -> anyhow::Result<u64> {
    let file = data.join(STORE_FILE);
    let metadata = fs::metadata(&file).with_context(|| format!("reading {}", file.display()))?;
    Ok(metadata.len())
}

/// Fails if a run that should have written nothing has changed more than what it notes of its launch.
pub(super) fn ensure_unwritten(before: &Dump, after: &Dump) -> anyhow::Result<()> {
    let differences = before.differences(after, LAUNCHES);
    let said: Vec<String> = differences.iter().map(ToString::to_string).collect();
    ensure!(said.is_empty(), "an unchanged run wrote: {}", said.join(", "));
    Ok(())
}
