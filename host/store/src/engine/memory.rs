//! An engine that forgets everything at exit, for tests and for hosts that keep no file.
//!
//! Tables are persistent red-black trees: a transaction changes copies that share all untouched nodes, and committing
//! swaps them in. A reader keeps the trees it began with, so readers and the writer never wait for each other; a reader
//! that is kept open keeps alive the rows that were replaced since.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use rpds::RedBlackTreeMapSync;

use super::{Bounds, Engine, EngineError, Finish, KeyRange, Read, TransactionLimits, Visit, Write, WriteBody};
use crate::table::Table;

type Rows = RedBlackTreeMapSync<Box<[u8]>, Box<[u8]>>;
type Tables = BTreeMap<Table, Rows>;

/// An engine that keeps its tables in memory.
#[derive(Debug, Default)]
pub struct MemoryEngine {
    committed: RwLock<Arc<Tables>>,
    writing: Mutex<()>,
}

impl MemoryEngine {
    /// Creates an empty engine.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn committed(&self) -> Arc<Tables> {
        Arc::clone(&self.committed.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Engine for MemoryEngine {
    fn limits(&self) -> TransactionLimits {
        TransactionLimits::NONE
    }

    fn read(&self) -> Result<Box<dyn Read + '_>, EngineError> {
        Ok(Box::new(self.committed()))
    }

    fn write(&self, body: &mut WriteBody<'_>) -> Result<(), EngineError> {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut tables = Tables::clone(&self.committed());
        match body(&mut tables)? {
            Finish::Commit => *self.committed.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(tables),
            Finish::Abort => {}
        }
        Ok(())
    }

    fn reopen(&self) -> Result<(), EngineError> {
        Ok(())
    }

    fn compact(&mut self) -> Result<(), EngineError> {
        Ok(())
    }
}

impl Read for Tables {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, EngineError> {
        let value = BTreeMap::get(self, &table).and_then(|rows| rows.get(key));
        Ok(value.map(|value| value.to_vec()))
    }

    fn scan(&self, table: Table, range: &KeyRange, visit: &mut Visit<'_>) -> Result<(), EngineError> {
        let Some(rows) = BTreeMap::get(self, &table) else {
            return Ok(());
        };
        let Some(bounds) = range.bounds() else { return Ok(()) };
        for (key, value) in rows.range::<[u8], Bounds<'_>>(bounds) {
            if visit(key, value).is_break() {
                break;
            }
        }
        Ok(())
    }
}

impl Read for Arc<Tables> {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, EngineError> {
        Read::get(&**self, table, key)
    }

    fn scan(&self, table: Table, range: &KeyRange, visit: &mut Visit<'_>) -> Result<(), EngineError> {
        Read::scan(&**self, table, range, visit)
    }
}

impl Write for Tables {
    fn put(&mut self, table: Table, key: &[u8], value: &[u8]) -> Result<(), EngineError> {
        self.entry(table).or_default().insert_mut(key.into(), value.into());
        Ok(())
    }

    fn delete(&mut self, table: Table, key: &[u8]) -> Result<(), EngineError> {
        if let Some(rows) = self.get_mut(&table) {
            rows.remove_mut(key);
        }
        Ok(())
    }
}
