//! How an engine's file comes to be, who may open it, and what happens when it cannot be opened.

use std::fs::{self, File, Permissions};
use std::io::ErrorKind;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Barrier;

use k1s_store::Table;
use k1s_store::engine::{Engine, EngineError, KeyRange, RedbEngine};
use redb::TableDefinition;
use tempfile::TempDir;

use crate::crash::assert_opens_without_repair;
use crate::subject::{commit, open, put, rows};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// A directory, and the path of a store in it.
fn place() -> (TempDir, PathBuf) {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("store");
    (directory, path)
}

#[test]
fn only_its_owner_reads_the_file() {
    let directory = TempDir::new().unwrap();
    let parent = directory.path().join("new").join("state");
    let path = parent.join("store");
    let engine = open(&path).unwrap();
    assert_eq!((mode(&parent), mode(&path)), (0o700, 0o600));
    assert_eq!(engine.path(), path);
    drop(engine);
    fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
    open(&path).unwrap();
    assert_eq!(mode(&path), 0o600);
}

#[test]
fn a_directory_that_is_there_keeps_its_mode() {
    let (directory, path) = place();
    fs::set_permissions(directory.path(), Permissions::from_mode(0o750)).unwrap();
    open(&path).unwrap();
    assert_eq!(mode(directory.path()), 0o750);
}

#[test]
fn one_at_a_time_has_the_file_open() {
    let (_directory, path) = place();
    let engine = open(&path).unwrap();
    for _ in 0..2 {
        let refused = open(&path);
        assert!(
            matches!(&refused, Err(EngineError::Locked { path: named }) if *named == path),
            "{refused:?}"
        );
    }
    put(&engine, Table::Meta, &[(b"a", b"1")]).unwrap();
    drop(engine);
    let engine = open(&path).unwrap();
    assert!(engine.read().unwrap().get(Table::Meta, b"a").unwrap().is_some());
}

#[test]
fn of_those_who_create_the_file_at_once_one_gets_it() {
    for _ in 0..10 {
        contend_for_creation();
    }
}

fn contend_for_creation() {
    const CONTENDERS: usize = 6;
    let (directory, path) = place();
    let (ready, done) = (Barrier::new(CONTENDERS), Barrier::new(CONTENDERS));
    let winners = std::thread::scope(|scope| {
        let contend = || {
            ready.wait();
            let outcome = open(&path);
            // Whoever won has it open until all have tried.
            done.wait();
            match outcome {
                Ok(_) => 1,
                Err(EngineError::Locked { .. }) => 0,
                Err(other) => panic!("{other}"),
            }
        };
        let contenders: Vec<_> = (0..CONTENDERS).map(|_| scope.spawn(contend)).collect();
        contenders
            .into_iter()
            .map(|contender| contender.join().unwrap())
            .sum::<usize>()
    });
    assert_eq!(winners, 1);
    let names: Vec<_> = fs::read_dir(directory.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(names, ["store"]);
}

#[test]
fn an_interrupted_creation_is_begun_again() {
    for leftover in [&b""[..], &[0; 8192], b"redb\x1a\x0a\xa9\x0d\x0aand no more"] {
        let (directory, path) = place();
        fs::write(directory.path().join("store.new"), leftover).unwrap();
        let engine = open(&path).unwrap();
        put(&engine, Table::Meta, &[(b"a", b"1")]).unwrap();
        assert_eq!(mode(&path), 0o600);
        assert!(!directory.path().join("store.new").exists());
    }
}

#[test]
fn what_is_no_store_is_named_and_left_as_it_is() {
    let (_directory, good) = place();
    drop(open(&good).unwrap());
    let good = fs::read(&good).unwrap();
    for (what, bytes) in [
        ("empty", Vec::new()),
        ("short", b"x".to_vec()),
        ("text", b"apiVersion: v1\nkind: ConfigMap\n".repeat(1000)),
        ("zeroes", vec![0; good.len()]),
        ("another database", [&b"SQLite format 3\0"[..], &[7; 8192]].concat()),
        ("the magic number alone", good[..9].to_vec()),
        ("the header alone", good[..512].to_vec()),
        ("a page", good[..4096].to_vec()),
        ("half", good[..good.len() / 2].to_vec()),
        ("all but a byte", good[..good.len() - 1].to_vec()),
    ] {
        let (directory, path) = place();
        fs::write(&path, &bytes).unwrap();
        let outcome = open(&path);
        assert!(
            matches!(&outcome, Err(EngineError::Corrupt { path: named, .. }) if *named == path),
            "{what}: {outcome:?}"
        );
        assert!(fs::read(&path).unwrap() == bytes, "{what} was changed");
        assert_eq!(
            fs::read_dir(directory.path()).unwrap().count(),
            1,
            "{what} left another file"
        );
    }
}

#[test]
fn tables_of_other_types_are_no_store() {
    let (_directory, path) = place();
    let foreign = redb::Database::create(&path).unwrap();
    let transaction = foreign.begin_write().unwrap();
    transaction
        .open_table(TableDefinition::<u64, u64>::new(Table::Meta.name()))
        .unwrap()
        .insert(1, 2)
        .unwrap();
    transaction.commit().unwrap();
    drop(foreign);
    let outcome = open(&path);
    assert!(matches!(&outcome, Err(EngineError::Corrupt { .. })), "{outcome:?}");
}

#[test]
fn a_file_of_fewer_tables_gets_the_others() {
    let (_directory, path) = place();
    let earlier = redb::Database::create(&path).unwrap();
    let transaction = earlier.begin_write().unwrap();
    let meta = TableDefinition::<&[u8], &[u8]>::new(Table::Meta.name());
    transaction
        .open_table(meta)
        .unwrap()
        .insert(&b"format"[..], &b"0"[..])
        .unwrap();
    transaction.commit().unwrap();
    drop(earlier);
    let engine = open(&path).unwrap();
    let read = engine.read().unwrap();
    assert_eq!(read.get(Table::Meta, b"format").unwrap().as_deref(), Some(&b"0"[..]));
    for table in Table::ALL.iter().filter(|table| **table != Table::Meta) {
        assert_eq!(rows(&*read, *table, &KeyRange::all(), 1).unwrap(), []);
    }
}

#[test]
fn what_the_system_refuses_is_told_as_it_tells_it() {
    let (directory, path) = place();
    File::create(directory.path().join("file")).unwrap();
    fs::create_dir(&path).unwrap();
    for (path, kind) in [
        (path, ErrorKind::IsADirectory),
        (directory.path().join("file").join("store"), ErrorKind::NotADirectory),
        // Not even root makes a directory there.
        (PathBuf::from("/proc/store/store"), ErrorKind::NotFound),
    ] {
        let outcome = open(&path);
        assert!(
            matches!(&outcome, Err(EngineError::Io { source, .. }) if source.kind() == kind),
            "{outcome:?}"
        );
    }
}

#[test]
fn a_device_is_no_store() {
    let null = Path::new("/dev/null");
    let before = fs::metadata(null).unwrap();
    let outcome = RedbEngine::open(null, k1s_store::engine::RedbOptions::default());
    assert!(matches!(&outcome, Err(EngineError::Corrupt { .. })), "{outcome:?}");
    let after = fs::metadata(null).unwrap();
    assert!(after.file_type().is_char_device());
    assert_eq!(after.permissions(), before.permissions());
}

#[test]
fn reopening_never_makes_a_file() {
    let (directory, path) = place();
    let engine = open(&path).unwrap();
    put(&engine, Table::Meta, &[(b"a", b"1")]).unwrap();
    let aside = directory.path().join("aside");
    fs::rename(&path, &aside).unwrap();
    for _ in 0..2 {
        let outcome = engine.reopen();
        assert!(matches!(&outcome, Err(EngineError::Io { source, .. }) if source.kind() == ErrorKind::NotFound));
        assert!(!path.exists());
        assert!(matches!(engine.read().err(), Some(EngineError::Closed { .. })));
        assert!(matches!(
            put(&engine, Table::Meta, &[]),
            Err(EngineError::Closed { .. })
        ));
    }
    fs::rename(&aside, &path).unwrap();
    engine.reopen().unwrap();
    assert_eq!(
        engine.read().unwrap().get(Table::Meta, b"a").unwrap().as_deref(),
        Some(&b"1"[..])
    );
}

#[test]
fn a_reader_from_before_is_over_after_reopening() {
    let (_directory, path) = place();
    let engine = open(&path).unwrap();
    put(&engine, Table::Current, &[(b"a", &[1; 100_000])]).unwrap();
    let before = engine.read().unwrap();
    engine.reopen().unwrap();
    assert!(matches!(
        before.get(Table::Current, b"a"),
        Err(EngineError::Closed { .. })
    ));
    assert!(engine.read().unwrap().get(Table::Current, b"a").unwrap().is_some());
}

#[test]
fn a_compaction_gives_back_what_nothing_needs() {
    let (_directory, path) = place();
    let mut engine = open(&path).unwrap();
    let keys: Vec<[u8; 2]> = (0..2000_u16).map(u16::to_be_bytes).collect();
    let large = [7; 2000];
    for keys in keys.chunks(100) {
        let pairs: Vec<(&[u8], &[u8])> = keys.iter().map(|key| (&key[..], &large[..])).collect();
        put(&engine, Table::Versions, &pairs).unwrap();
    }
    commit(&engine, |transaction| {
        for key in &keys[100..] {
            transaction.delete(Table::Versions, key).unwrap();
        }
    })
    .unwrap();
    drop(engine);
    let before = fs::metadata(&path).unwrap().len();
    engine = open(&path).unwrap();
    engine.compact().unwrap();
    drop(engine);
    let after = fs::metadata(&path).unwrap().len();
    assert!(after * 4 < before, "{before} bytes became {after}");
    assert_opens_without_repair(&path);
    let engine = open(&path).unwrap();
    let read = engine.read().unwrap();
    assert_eq!(
        rows(&*read, Table::Versions, &KeyRange::all(), usize::MAX)
            .unwrap()
            .len(),
        100
    );
}
