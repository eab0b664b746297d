//! How the file comes to be, and how it is opened.
//!
//! A new file is made under a name of its own, filled and synced, and only then gets its name: a file that carries the
//! name and is no database was damaged, not interrupted.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use k1s_crash::{Point, pass};
use redb::{Builder, Database, ReadableDatabase, TableHandle};

use super::disk::Disk;
use super::failure::{self, guarded};
use super::{RedbCheck, RedbOptions, definition};
use crate::engine::EngineError;
use crate::table::Table;

const DIRECTORY_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;
/// Added to the name of a file that is being made.
const UNFINISHED: &str = ".new";

/// Opens a file, or makes it where there is none.
pub(super) fn open_or_create(path: &Path, options: RedbOptions) -> Result<Database, EngineError> {
    match open_existing(path, options) {
        Err(EngineError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => create(path, options),
        outcome => outcome,
    }
}

/// Opens a file that must be there.
pub(super) fn open_existing(path: &Path, options: RedbOptions) -> Result<Database, EngineError> {
    let io = |source| failure::from_io(path, source);
    let file = OpenOptions::new().read(true).write(true).open(path).map_err(io)?;
    if file.metadata().map_err(io)?.len() == 0 {
        return Err(failure::corrupt(path, "it is empty"));
    }
    restrict(path, &file)?;
    pass(Point::H11);
    let database = start(path, file, options)?;
    pass(Point::H12);
    add_tables(path, &database)?;
    Ok(database)
}

fn create(path: &Path, options: RedbOptions) -> Result<Database, EngineError> {
    let directory = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    DirBuilder::new()
        .recursive(true)
        .mode(DIRECTORY_MODE)
        .create(directory)
        .map_err(|source| failure::from_io(directory, source))?;
    let unfinished = unfinished(path);
    let io = |source| failure::from_io(&unfinished, source);
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(FILE_MODE)
        .open(&unfinished)
        .map_err(io)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(EngineError::Locked { path: path.into() }),
        Err(TryLockError::Error(source)) => return Err(io(source)),
    }
    // Whoever held the lock before gave the file its name; nobody fills another one then.
    if path.try_exists().map_err(io)? {
        match fs::remove_file(&unfinished) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => return Err(io(source)),
            Ok(()) | Err(_) => return open_existing(path, options),
        }
    }
    restrict(&unfinished, &file)?;
    // What an interrupted attempt left holds nothing.
    file.set_len(0).map_err(io)?;
    let database = start(&unfinished, file, options)?;
    add_tables(&unfinished, &database)?;
    fs::rename(&unfinished, path).map_err(io)?;
    File::open(directory)
        .and_then(|directory| directory.sync_all())
        .map_err(|source| failure::from_io(directory, source))?;
    Ok(database)
}

/// Takes a file from everyone but its owner.
fn restrict(path: &Path, file: &File) -> Result<(), EngineError> {
    let io = |source| failure::from_io(path, source);
    if file.metadata().map_err(io)?.permissions().mode() & 0o777 == FILE_MODE {
        return Ok(());
    }
    file.set_permissions(Permissions::from_mode(FILE_MODE)).map_err(io)
}

fn unfinished(path: &Path) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(UNFINISHED);
    PathBuf::from(name)
}

fn start(path: &Path, file: File, options: RedbOptions) -> Result<Database, EngineError> {
    let mut builder = Builder::new();
    builder
        .set_cache_size(options.cache_bytes)
        .set_check_integrity_on_open(match options.check {
            RedbCheck::Header => false,
            RedbCheck::EveryPage => true,
        });
    guarded(path, || builder.create_with_backend(Disk::new(file)?))
}

/// Adds the tables that a file lacks, so that readers find every one.
fn add_tables(path: &Path, database: &Database) -> Result<(), EngineError> {
    guarded(path, || {
        let present: BTreeSet<String> = database
            .begin_read()?
            .list_tables()?
            .map(|table| table.name().to_owned())
            .collect();
        if Table::ALL.iter().all(|table| present.contains(table.name())) {
            return Ok(());
        }
        let mut transaction = database.begin_write()?;
        transaction.set_quick_repair(true);
        for table in Table::ALL {
            transaction.open_table(definition(*table)).map(drop)?;
        }
        Ok::<_, redb::Error>(transaction.commit()?)
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    #[test]
    fn who_comes_late_to_create_a_file_opens_it_and_leaves_no_other() {
        let directory = tempfile::TempDir::new().unwrap();
        let path = directory.path().join("store");
        drop(create(&path, RedbOptions::default()).unwrap());
        let first = fs::metadata(&path).unwrap().ino();
        drop(create(&path, RedbOptions::default()).unwrap());
        assert_eq!(fs::metadata(&path).unwrap().ino(), first);
        assert!(!unfinished(&path).exists());
    }
}
