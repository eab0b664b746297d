//! Files that were changed behind the engine's back: told, never a panic, and found whole by a check of every page.

use std::fs;
use std::path::Path;

use k1s_store::Table;
use k1s_store::engine::{Engine, EngineError, KeyRange, RedbCheck, RedbEngine, RedbOptions};
use tempfile::TempDir;

use crate::subject::{Row, commit, open, put, rows};

const PAGE: usize = 4096;
const TABLES: [Table; 3] = [Table::Current, Table::Versions, Table::Inventory];

/// Every row of the file.
type Contents = Vec<Vec<Row>>;

/// A file of several hundred pages, some of them freed.
fn file(path: &Path) -> (Vec<u8>, Contents) {
    let engine = open(path).unwrap();
    for round in 0..12_u32 {
        commit(&engine, |transaction| {
            for number in (0..100).map(|index| round * 100 + index) {
                for table in TABLES {
                    transaction
                        .put(table, &number.to_be_bytes(), &[round as u8; 200])
                        .unwrap();
                }
                if let Some(old) = number.checked_sub(300) {
                    transaction.delete(Table::Current, &old.to_be_bytes()).unwrap();
                }
            }
        })
        .unwrap();
    }
    let contents = contents(&engine).unwrap();
    drop(engine);
    (fs::read(path).unwrap(), contents)
}

fn contents(engine: &RedbEngine) -> Result<Contents, EngineError> {
    let read = engine.read()?;
    Table::ALL
        .iter()
        .map(|table| rows(&*read, *table, &KeyRange::all(), usize::MAX))
        .collect()
}

fn opened(path: &Path, check: RedbCheck) -> Result<RedbEngine, EngineError> {
    RedbEngine::open(
        path,
        RedbOptions {
            check,
            ..RedbOptions::default()
        },
    )
}

/// Ways to damage a file, with a word for each.
fn damages(good: &[u8]) -> Vec<(String, Vec<u8>)> {
    let pages = good.len() / PAGE;
    let noise = |index: usize| (index.wrapping_mul(2_654_435_761) >> 7) as u8;
    let mut all = Vec::new();
    for page in (0..pages).step_by(8) {
        let mut bytes = good.to_vec();
        let start = page * PAGE;
        bytes
            .iter_mut()
            .enumerate()
            .skip(start)
            .take(PAGE)
            .for_each(|(index, byte)| *byte = noise(index));
        all.push((format!("noise in page {page}"), bytes));
    }
    for page in (1..pages).step_by(12) {
        let mut bytes = good.to_vec();
        bytes.copy_within((page - 1) * PAGE..page * PAGE, page * PAGE);
        all.push((format!("page {page} is the one before"), bytes));
    }
    for index in (0..512).step_by(13) {
        let mut bytes = good.to_vec();
        if let Some(byte) = bytes.get_mut(index) {
            *byte ^= 1 << (index % 8);
        }
        all.push((format!("a bit of byte {index}"), bytes));
    }
    for part in 1..8 {
        let length = good.len() * part / 8;
        all.push((
            format!("cut at {length}"),
            good.get(..length).unwrap_or_default().to_vec(),
        ));
    }
    all
}

#[test]
fn a_check_of_every_page_finds_all_damage() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("store");
    let (good, expected) = file(&path);
    let mut found = 0;
    for (what, bytes) in damages(&good) {
        fs::write(&path, &bytes).unwrap();
        match opened(&path, RedbCheck::EveryPage) {
            Ok(engine) => assert!(contents(&engine).unwrap() == expected, "{what} was not found"),
            Err(EngineError::Corrupt { path: named, .. }) => {
                assert_eq!(named, path);
                assert!(fs::read(&path).unwrap() == bytes, "{what}: the file was changed");
                found += 1;
            }
            Err(other) => panic!("{what}: {other}"),
        }
    }
    assert!(found > 30, "only {found} of the files were damaged where it matters");
}

#[test]
fn damage_that_is_not_looked_for_is_told_when_it_is_met() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("store");
    let (good, _) = file(&path);
    let mut met = 0;
    for (what, bytes) in damages(&good) {
        fs::write(&path, &bytes).unwrap();
        let outcome = opened(&path, RedbCheck::Header).and_then(|engine| {
            contents(&engine)?;
            put(&engine, Table::Current, &[(b"new", &[1; 10_000])])?;
            engine.reopen()
        });
        match outcome {
            Ok(()) => {}
            Err(EngineError::Corrupt { path: named, .. }) => {
                assert_eq!(named, path);
                met += 1;
            }
            Err(other) => panic!("{what}: {other}"),
        }
    }
    assert!(met > 25, "only {met} of the files told of their damage");
}
