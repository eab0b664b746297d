//! The engines under test.

use std::path::{Path, PathBuf};

use k1s_store::Table;
use k1s_store::engine::{Engine, EngineError, Finish, KeyRange, MemoryEngine, Read, RedbEngine, RedbOptions, Write};
use tempfile::TempDir;

/// An engine under test, and how it goes on after a stop.
pub(crate) trait Subject: Sized {
    fn start() -> Self;
    fn engine(&self) -> &dyn Engine;
    fn engine_mut(&mut self) -> &mut dyn Engine;
    fn restart(self) -> Self;
}

pub(crate) struct Memory(MemoryEngine);

impl Subject for Memory {
    fn start() -> Self {
        Self(MemoryEngine::new())
    }

    fn engine(&self) -> &dyn Engine {
        &self.0
    }

    fn engine_mut(&mut self) -> &mut dyn Engine {
        &mut self.0
    }

    fn restart(self) -> Self {
        self.0.reopen().unwrap();
        self
    }
}

pub(crate) struct Redb {
    directory: TempDir,
    engine: RedbEngine,
}

impl Redb {
    fn file(directory: &TempDir) -> PathBuf {
        directory.path().join("state").join("store")
    }
}

impl Subject for Redb {
    fn start() -> Self {
        let directory = TempDir::new().unwrap();
        let engine = open(&Self::file(&directory)).unwrap();
        Self { directory, engine }
    }

    fn engine(&self) -> &dyn Engine {
        &self.engine
    }

    fn engine_mut(&mut self) -> &mut dyn Engine {
        &mut self.engine
    }

    fn restart(self) -> Self {
        let Self { directory, engine } = self;
        engine.reopen().unwrap();
        drop(engine);
        let engine = open(&Self::file(&directory)).unwrap();
        Self { directory, engine }
    }
}

pub(crate) type Row = (Vec<u8>, Vec<u8>);

/// Little memory for pages, so that large transactions spill to the file.
pub(crate) fn open(path: &Path) -> Result<RedbEngine, EngineError> {
    let options = RedbOptions {
        cache_bytes: 1 << 20,
        ..RedbOptions::default()
    };
    RedbEngine::open(path, options)
}

pub(crate) fn commit(engine: &dyn Engine, mut body: impl FnMut(&mut dyn Write)) -> Result<(), EngineError> {
    engine.write(&mut |transaction| {
        body(transaction);
        Ok(Finish::Commit)
    })
}

pub(crate) fn put(engine: &dyn Engine, table: Table, rows: &[(&[u8], &[u8])]) -> Result<(), EngineError> {
    engine.write(&mut |transaction| {
        for (key, value) in rows {
            transaction.put(table, key, value)?;
        }
        Ok(Finish::Commit)
    })
}

/// Rows of a range, at most `limit`.
pub(crate) fn rows(
    read: &(impl Read + ?Sized),
    table: Table,
    range: &KeyRange,
    limit: usize,
) -> Result<Vec<Row>, EngineError> {
    let mut rows = Vec::new();
    let mut visit = |key: &[u8], value: &[u8]| {
        rows.push((key.to_vec(), value.to_vec()));
        if rows.len() < limit {
            std::ops::ControlFlow::Continue(())
        } else {
            std::ops::ControlFlow::Break(())
        }
    };
    read.scan(table, range, &mut visit)?;
    Ok(rows)
}
