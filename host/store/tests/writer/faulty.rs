//! An engine that counts what it commits, and fails where it is told to.

use std::io;
use std::ops::ControlFlow;
use std::sync::Mutex;

use k1s_store::Table;
use k1s_store::engine::{Engine, EngineError, Finish, KeyRange, Read, TransactionLimits, Visit, Write, WriteBody};

/// Where a failure comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// At the n-th put or delete from now on, counted from 0.
    Write(usize),
    /// At the n-th commit, counted from 0: nothing of it is kept.
    Commit(usize),
    /// At the n-th commit, counted from 0: it fails, and is durable all the same.
    LateCommit(usize),
}

/// Counts of what went through, and what is to fail.
#[derive(Debug, Default)]
struct Progress {
    rows_read: usize,
    writes: usize,
    commits: usize,
    fault: Option<Fault>,
    room: Option<usize>,
    closed: bool,
    reopened: usize,
}

/// An engine that counts and fails, over one that does not.
#[derive(Debug)]
pub(crate) struct FaultyEngine {
    tables: Box<dyn Engine>,
    progress: Mutex<Progress>,
}

impl FaultyEngine {
    pub(crate) fn over(tables: Box<dyn Engine>) -> Self {
        Self {
            tables,
            progress: Mutex::default(),
        }
    }

    /// Commits so far.
    pub(crate) fn commits(&self) -> usize {
        self.progress.lock().expect("not poisoned").commits
    }

    /// Inventory rows that transactions looked up so far.
    pub(crate) fn rows_read(&self) -> usize {
        self.progress.lock().expect("not poisoned").rows_read
    }

    /// Puts and deletes so far.
    pub(crate) fn writes(&self) -> usize {
        self.progress.lock().expect("not poisoned").writes
    }

    /// How often the engine was opened anew.
    pub(crate) fn reopened(&self) -> usize {
        self.progress.lock().expect("not poisoned").reopened
    }

    /// Lets one failure come.
    pub(crate) fn fail(&self, fault: Fault) {
        let mut progress = self.progress.lock().expect("not poisoned");
        progress.fault = Some(match fault {
            Fault::Write(nth) => Fault::Write(progress.writes + nth),
            Fault::Commit(nth) => Fault::Commit(progress.commits + nth),
            Fault::LateCommit(nth) => Fault::LateCommit(progress.commits + nth),
        });
    }

    /// Lets every transaction fail that puts more than so many bytes, each row on a page of its own; or none any more.
    pub(crate) fn leave_room(&self, bytes: Option<usize>) {
        self.progress.lock().expect("not poisoned").room = bytes;
    }

    /// Takes back a failure that has not come; says whether it has.
    pub(crate) fn has_failed(&self) -> bool {
        self.progress.lock().expect("not poisoned").fault.take().is_none()
    }

    /// Counts one write; fails when it is the one.
    fn count_write(&self) -> Result<(), EngineError> {
        let mut progress = self.progress.lock().expect("not poisoned");
        if progress.fault == Some(Fault::Write(progress.writes)) {
            return Err(progress.break_down());
        }
        progress.writes += 1;
        Ok(())
    }
}

impl Progress {
    /// As redb does: after a failure every call is refused until the storage was opened anew.
    fn break_down(&mut self) -> EngineError {
        self.fault = None;
        self.closed = true;
        EngineError::Io {
            path: "faulty".into(),
            source: io::Error::other("as told"),
        }
    }

    fn check(&self) -> Result<(), EngineError> {
        if self.closed {
            Err(EngineError::Closed { path: "faulty".into() })
        } else {
            Ok(())
        }
    }
}

impl Engine for FaultyEngine {
    fn limits(&self) -> TransactionLimits {
        self.tables.limits()
    }

    fn read(&self) -> Result<Box<dyn Read + '_>, EngineError> {
        self.progress.lock().expect("not poisoned").check()?;
        self.tables.read()
    }

    fn write(&self, body: &mut WriteBody<'_>) -> Result<(), EngineError> {
        self.progress.lock().expect("not poisoned").check()?;
        let mut late = Ok(());
        self.tables.write(&mut |tables| {
            let finish = body(&mut FaultyWrite {
                tables,
                engine: self,
                taken: 0,
            })?;
            if finish == Finish::Commit {
                let mut progress = self.progress.lock().expect("not poisoned");
                if progress.fault == Some(Fault::Commit(progress.commits)) {
                    return Err(progress.break_down());
                }
                if progress.fault == Some(Fault::LateCommit(progress.commits)) {
                    late = Err(progress.break_down());
                }
                progress.commits += 1;
            }
            Ok(finish)
        })?;
        late
    }

    fn reopen(&self) -> Result<(), EngineError> {
        let mut progress = self.progress.lock().expect("not poisoned");
        progress.closed = false;
        progress.reopened += 1;
        Ok(())
    }

    fn compact(&mut self) -> Result<(), EngineError> {
        self.tables.compact()
    }
}

struct FaultyWrite<'t> {
    tables: &'t mut dyn Write,
    engine: &'t FaultyEngine,
    /// Bytes put so far.
    taken: usize,
}

/// What a row takes at least.
const PAGE: usize = 4096;

impl Read for FaultyWrite<'_> {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, EngineError> {
        if table == Table::Inventory {
            self.engine.progress.lock().expect("not poisoned").rows_read += 1;
        }
        self.tables.get(table, key)
    }

    fn scan(&self, table: Table, range: &KeyRange, visit: &mut Visit<'_>) -> Result<(), EngineError> {
        self.tables.scan(table, range, visit)
    }
}

impl Write for FaultyWrite<'_> {
    fn put(&mut self, table: Table, key: &[u8], value: &[u8]) -> Result<(), EngineError> {
        self.engine.count_write()?;
        self.taken += value.len().next_multiple_of(PAGE);
        let mut progress = self.engine.progress.lock().expect("not poisoned");
        if progress.room.is_some_and(|room| self.taken > room) {
            return Err(progress.break_down());
        }
        drop(progress);
        self.tables.put(table, key, value)
    }

    fn delete(&mut self, table: Table, key: &[u8]) -> Result<(), EngineError> {
        self.engine.count_write()?;
        self.tables.delete(table, key)
    }
}

/// Every row of every table, for comparing whole stores.
pub(crate) fn rows(engine: &dyn Engine) -> Vec<(Table, Vec<u8>, Vec<u8>)> {
    let tables = engine.read().expect("readable");
    let mut rows = Vec::new();
    for table in Table::ALL {
        tables
            .scan(*table, &KeyRange::all(), &mut |key, value| {
                rows.push((*table, key.to_vec(), value.to_vec()));
                ControlFlow::Continue(())
            })
            .expect("readable");
    }
    rows
}
