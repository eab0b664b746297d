//! Everything in a store's file, small enough to compare: rows, bytes and a hash of each table.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::ControlFlow;
use std::path::Path;

use k1s_store::Table;
use k1s_store::engine::{Engine as _, KeyRange, RedbEngine, RedbOptions};
use sha2::{Digest as _, Sha256};

/// The name of a store's file in its data directory.
pub const STORE_FILE: &str = "store.redb";

/// What a file holds, by the name of the table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dump {
    tables: BTreeMap<&'static str, Content>,
}

/// What a table holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Content {
    rows: u64,
    /// Of keys and values.
    bytes: u64,
    /// Of the keys and values in their order, each after its length.
    hash: [u8; 32],
}

impl Dump {
    /// Reads every row of every table of a file that no process has open.
    ///
    /// # Errors
    /// When the engine fails.
    pub fn of(file: &Path) -> anyhow::Result<Self> {
        let engine = RedbEngine::open(file, RedbOptions::default())?;
        let reading = engine.read()?;
        let mut tables = BTreeMap::new();
        for table in Table::ALL {
            let (mut rows, mut bytes, mut hash) = (0, 0, Sha256::new());
            reading.scan(*table, &KeyRange::all(), &mut |key, value| {
                rows += 1;
                for part in [key, value] {
                    bytes += part.len() as u64;
                    hash.update((part.len() as u64).to_be_bytes());
                    hash.update(part);
                }
                ControlFlow::Continue(())
            })?;
            let hash = hash.finalize().into();
            tables.insert(table.name(), Content { rows, bytes, hash });
        }
        Ok(Self { tables })
    }

    /// The tables in which two files differ, those of `except` aside.
    #[must_use]
    pub fn differences(&self, other: &Self, except: &[Table]) -> Vec<Difference> {
        let is_excepted = |name: &str| except.iter().any(|table| table.name() == name);
        let names = self.tables.keys().filter(|name| !is_excepted(name));
        names
            .map(|name| Difference {
                table: name,
                one: self.rows(name),
                other: other.rows(name),
                is_equal: self.tables.get(name) == other.tables.get(name),
            })
            .filter(|difference| !difference.is_equal)
            .collect()
    }

    /// Bytes of all keys and values.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.tables.values().map(|content| content.bytes).sum()
    }

    fn rows(&self, table: &str) -> u64 {
        self.tables.get(table).map_or(0, |content| content.rows)
    }
}

/// A table that is not the same in two files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    table: &'static str,
    one: u64,
    other: u64,
    is_equal: bool,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { table, one, other, .. } = self;
        write!(f, "table {table} with {one} and {other} rows")
    }
}

#[cfg(test)]
mod tests {
    use k1s_store::engine::{Finish, Write};

    use super::*;

    fn file(directory: &Path, name: &str, rows: &[(Table, &[u8], &[u8])]) -> Dump {
        let path = directory.join(name);
        let engine = RedbEngine::open(&path, RedbOptions::default()).unwrap();
        let put = &mut |tables: &mut dyn Write| {
            for (table, key, value) in rows {
                tables.put(*table, key, value)?;
            }
            Ok(Finish::Commit)
        };
        engine.write(put).unwrap();
        drop(engine);
        Dump::of(&path).unwrap()
    }

    #[test]
    fn one_byte_makes_a_difference_and_says_where() {
        let directory = tempfile::tempdir().unwrap();
        let one = file(
            directory.path(),
            "one",
            &[(Table::Current, b"a", b"bc"), (Table::Meta, b"k", b"v")],
        );
        let same = file(
            directory.path(),
            "same",
            &[(Table::Meta, b"k", b"v"), (Table::Current, b"a", b"bc")],
        );
        let moved = file(
            directory.path(),
            "moved",
            &[(Table::Current, b"ab", b"c"), (Table::Meta, b"k", b"v")],
        );
        let less = file(directory.path(), "less", &[(Table::Meta, b"k", b"v")]);

        assert_eq!(one.differences(&same, &[]), []);
        assert_eq!(one.bytes(), 5);
        for other in [&moved, &less] {
            let differences = one.differences(other, &[]);
            assert!(
                matches!(&*differences, [Difference { table: "current", .. }]),
                "{differences:?}"
            );
            assert_eq!(one.differences(other, &[Table::Current]), []);
        }
        let said = one.differences(&less, &[])[0].to_string();
        assert_eq!(said, "table current with 1 and 0 rows");
    }
}
