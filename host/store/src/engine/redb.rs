//! The engine that keeps its tables in one file, on redb.
//!
//! A commit returns after the file is synced. Every commit records what redb needs to open the file again after a kill
//! without walking it. One process at a time has the file open.
//!
//! After a failed write redb refuses every call; the engine then answers [`EngineError::Closed`] until
//! [`Engine::reopen`]. The file is never replaced: one that is empty, shorter than it says or something else is
//! [`EngineError::Corrupt`]. So is one that redb panics over, as it does on pages that were changed behind its back; this
//! needs panics to unwind.

use std::array;
use std::cell::OnceCell;
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock};

use k1s_crash::{Point, pass};
use redb::{
    Database, ReadOnlyTable, ReadTransaction, ReadableDatabase, ReadableTable, TableDefinition, WriteTransaction,
};

use super::{Engine, EngineError, Finish, KeyRange, Read, TransactionLimits, Visit, Write, WriteBody};
use crate::table::Table;

use failure::guarded;

mod disk;
mod failure;
mod file;

type Bytes = &'static [u8];

const fn definition(table: Table) -> TableDefinition<'static, Bytes, Bytes> {
    TableDefinition::new(table.name())
}

/// How a file is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RedbOptions {
    /// Memory for pages, in bytes; a transaction writes pages to the file early rather than exceed half of it.
    pub cache_bytes: usize,
    /// How much of the file is verified when it is opened.
    pub check: RedbCheck,
}

impl RedbOptions {
    /// Page memory unless told otherwise, in bytes.
    pub const DEFAULT_CACHE_BYTES: usize = 64 << 20;
}

impl Default for RedbOptions {
    fn default() -> Self {
        Self {
            cache_bytes: Self::DEFAULT_CACHE_BYTES,
            check: RedbCheck::Header,
        }
    }
}

/// How much of a file is verified when it is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RedbCheck {
    /// Header and roots; takes milliseconds whatever the size. Damage elsewhere shows when it is read: as pages or rows
    /// that do not decode, and not at all where a byte changed inside a value that still decodes.
    Header,
    /// The checksum of every page; reads the whole file.
    EveryPage,
}

/// An engine on one redb file.
#[derive(Debug)]
pub struct RedbEngine {
    path: PathBuf,
    options: RedbOptions,
    /// `None` while reopening failed.
    database: RwLock<Option<Database>>,
}

impl RedbEngine {
    /// Opens a file, or creates it with mode 0600, and its directory with mode 0700 where that is missing.
    ///
    /// # Errors
    /// [`EngineError::Locked`], at once, when the file is open elsewhere; [`EngineError::Corrupt`] when it is no file of
    /// this engine; [`EngineError::Io`].
    pub fn open(path: &Path, options: RedbOptions) -> Result<Self, EngineError> {
        Ok(Self {
            path: path.to_owned(),
            options,
            database: RwLock::new(Some(file::open_or_create(path, options)?)),
        })
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn begin<T>(&self, begin: impl FnOnce(&Database) -> Result<T, redb::TransactionError>) -> Result<T, EngineError> {
        let database = self.database.read().unwrap_or_else(PoisonError::into_inner);
        let database = database.as_ref().ok_or_else(|| EngineError::Closed {
            path: self.path.clone(),
        })?;
        guarded(&self.path, || begin(database))
    }
}

impl Engine for RedbEngine {
    fn limits(&self) -> TransactionLimits {
        TransactionLimits::NONE
    }

    fn read(&self) -> Result<Box<dyn Read + '_>, EngineError> {
        Ok(Box::new(Reading {
            path: &self.path,
            transaction: self.begin(Database::begin_read)?,
            tables: array::from_fn(|_| OnceCell::new()),
        }))
    }

    fn write(&self, body: &mut WriteBody<'_>) -> Result<(), EngineError> {
        let mut transaction = self.begin(Database::begin_write)?;
        transaction.set_quick_repair(true);
        let mut writing = Writing {
            path: &self.path,
            transaction: &transaction,
            tables: array::from_fn(|_| OnceCell::new()),
        };
        let finish = body(&mut writing);
        let closed = guarded(&self.path, || {
            drop(writing);
            Ok::<_, redb::Error>(())
        });
        match finish.and_then(|finish| closed.map(|()| finish)) {
            Ok(Finish::Commit) => {
                pass(Point::H6);
                guarded(&self.path, || transaction.commit())?;
                pass(Point::H7);
                Ok(())
            }
            Ok(Finish::Abort) => guarded(&self.path, || transaction.abort()),
            // What went wrong first is what counts; what keeps the abort from ending stops the next call too.
            Err(error) => match guarded(&self.path, || transaction.abort()) {
                Ok(()) | Err(_) => Err(error),
            },
        }
    }

    fn reopen(&self) -> Result<(), EngineError> {
        let mut database = self.database.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(failed) = database.take() {
            guarded(&self.path, || {
                drop(failed);
                Ok::<_, redb::Error>(())
            })?;
        }
        *database = Some(file::open_existing(&self.path, self.options)?);
        Ok(())
    }

    fn compact(&mut self) -> Result<(), EngineError> {
        let database = self.database.get_mut().unwrap_or_else(PoisonError::into_inner);
        let database = database.as_mut().ok_or_else(|| EngineError::Closed {
            path: self.path.clone(),
        })?;
        guarded(&self.path, || database.compact()).map(drop)
    }
}

/// Tables of one transaction, each opened when it is first used.
type Opened<T> = [OnceCell<T>; Table::ALL.len()];

fn opened<'o, T>(
    path: &Path,
    tables: &'o Opened<T>,
    table: Table,
    open: impl FnOnce() -> Result<T, redb::TableError>,
) -> Result<&'o T, EngineError> {
    let cell = &tables[table as usize];
    if let Some(rows) = cell.get() {
        return Ok(rows);
    }
    let rows = guarded(path, open)?;
    Ok(cell.get_or_init(|| rows))
}

fn get(path: &Path, rows: &impl ReadableTable<Bytes, Bytes>, key: &[u8]) -> Result<Option<Vec<u8>>, EngineError> {
    guarded(path, || {
        Ok::<_, redb::Error>(rows.get(key)?.map(|value| value.value().to_vec()))
    })
}

fn scan(
    path: &Path,
    rows: &impl ReadableTable<Bytes, Bytes>,
    range: &KeyRange,
    visit: &mut Visit<'_>,
) -> Result<(), EngineError> {
    let Some(bounds) = range.bounds() else { return Ok(()) };
    let mut rows = guarded(path, || rows.range::<&[u8]>(bounds))?;
    while let Some((key, value)) = guarded(path, || rows.next().transpose())? {
        let (key, value) = guarded(path, || Ok::<_, redb::Error>((key.value(), value.value())))?;
        if visit(key, value).is_break() {
            break;
        }
    }
    Ok(())
}

struct Reading<'e> {
    path: &'e Path,
    transaction: ReadTransaction,
    tables: Opened<ReadOnlyTable<Bytes, Bytes>>,
}

impl Reading<'_> {
    fn rows(&self, table: Table) -> Result<&ReadOnlyTable<Bytes, Bytes>, EngineError> {
        opened(self.path, &self.tables, table, || {
            self.transaction.open_table(definition(table))
        })
    }
}

impl Read for Reading<'_> {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, EngineError> {
        get(self.path, self.rows(table)?, key)
    }

    fn scan(&self, table: Table, range: &KeyRange, visit: &mut Visit<'_>) -> Result<(), EngineError> {
        scan(self.path, self.rows(table)?, range, visit)
    }
}

struct Writing<'t> {
    path: &'t Path,
    transaction: &'t WriteTransaction,
    tables: Opened<redb::Table<'t, Bytes, Bytes>>,
}

impl<'t> Writing<'t> {
    fn rows(&self, table: Table) -> Result<&redb::Table<'t, Bytes, Bytes>, EngineError> {
        opened(self.path, &self.tables, table, || {
            self.transaction.open_table(definition(table))
        })
    }

    fn change(
        &mut self,
        table: Table,
        change: impl FnOnce(&mut redb::Table<'t, Bytes, Bytes>) -> Result<(), redb::StorageError>,
    ) -> Result<(), EngineError> {
        self.rows(table)?;
        let rows = self.tables[table as usize].get_mut();
        guarded(self.path, || rows.map_or(Ok(()), change))
    }
}

impl Read for Writing<'_> {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, EngineError> {
        get(self.path, self.rows(table)?, key)
    }

    fn scan(&self, table: Table, range: &KeyRange, visit: &mut Visit<'_>) -> Result<(), EngineError> {
        scan(self.path, self.rows(table)?, range, visit)
    }
}

impl Write for Writing<'_> {
    fn put(&mut self, table: Table, key: &[u8], value: &[u8]) -> Result<(), EngineError> {
        self.change(table, |rows| rows.insert(key, value).map(drop))
    }

    fn delete(&mut self, table: Table, key: &[u8]) -> Result<(), EngineError> {
        self.change(table, |rows| rows.remove(key).map(drop))
    }
}
