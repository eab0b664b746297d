//! The yardstick of a list: the rows that a list of everything is made of, read from a file in the order in which they are.

use std::ops::ControlFlow;
use std::path::Path;

use k1s_store::Table;
use k1s_store::engine::{Engine as _, KeyRange, RedbEngine, RedbOptions};
use serde::{Deserialize, Serialize};

use crate::cost::{Cost, Stopwatch, Whose};

/// What was read.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Scanned {
    /// What it cost, from the opening of the file.
    pub cost: Cost,
    /// Rows that say which version of an object is current.
    pub current: u64,
    /// Versions.
    pub versions: u64,
    /// Bytes of keys and values.
    pub bytes: u64,
}

/// Reads every row of both tables of a file that no process has open.
///
/// # Errors
/// When the engine fails.
pub fn scan(file: &Path) -> anyhow::Result<Scanned> {
    let watch = Stopwatch::start(Whose::Own)?;
    let engine = RedbEngine::open(file, RedbOptions::default())?;
    let reading = engine.read()?;
    let (mut rows, mut bytes) = ([0, 0], 0);
    for (table, rows) in [Table::Current, Table::Versions].into_iter().zip(&mut rows) {
        reading.scan(table, &KeyRange::all(), &mut |key, value| {
            *rows += 1;
            bytes += (key.len() + std::hint::black_box(value).len()) as u64;
            ControlFlow::Continue(())
        })?;
    }
    let [current, versions] = rows;
    Ok(Scanned {
        cost: watch.stop()?,
        current,
        versions,
        bytes,
    })
}

#[cfg(test)]
mod tests {
    use k1s_store::engine::{Finish, Write};

    use super::*;

    #[test]
    fn every_row_of_objects_is_read_and_nothing_else() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("store");
        let engine = RedbEngine::open(&path, RedbOptions::default()).unwrap();
        let put = &mut |tables: &mut dyn Write| {
            tables.put(Table::Current, b"a", b"12")?;
            tables.put(Table::Versions, b"r1", b"345")?;
            tables.put(Table::Versions, b"r2", b"6")?;
            tables.put(Table::Meta, b"other", b"7")?;
            Ok(Finish::Commit)
        };
        engine.write(put).unwrap();
        drop(engine);
        let scanned = scan(&path).unwrap();
        assert_eq!((scanned.current, scanned.versions, scanned.bytes), (1, 2, 11));
    }
}
