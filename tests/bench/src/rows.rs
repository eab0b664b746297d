//! The rows of a store that a host has filled, by the object they are about.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::path::Path;

use anyhow::Context as _;
use k1s_store::Table;
use k1s_store::engine::{Engine as _, KeyRange, Read, RedbEngine, RedbOptions};

/// One row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) table: Table,
    pub(crate) key: Vec<u8>,
    pub(crate) value: Vec<u8>,
}

/// All rows of a store.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    /// Of what a source declared, by the object's encoded key.
    pub(crate) by_object: HashMap<Vec<u8>, Vec<Row>>,
    /// Everything else.
    pub(crate) rest: Vec<Row>,
}

impl Rows {
    /// Reads a file that no process has open. Each object is to have one version.
    ///
    /// # Errors
    /// When the engine fails, or a key is not what its table says.
    pub(crate) fn of(file: &Path) -> anyhow::Result<Self> {
        let engine = RedbEngine::open(file, RedbOptions::default())?;
        let reading = engine.read()?;
        let mut rows = Self::default();
        for row in table(&*reading, Table::Inventory)? {
            let object = in_scope(&row.key).context("a key of the inventory is not source, scope, object")?;
            rows.by_object.entry(object.to_owned()).or_default().push(row);
        }
        let mut objects = HashMap::new();
        for row in table(&*reading, Table::VersionsByKey)? {
            let (object, revision) = of_version(&row.key).context("a key of the versions is not object, revision")?;
            objects.insert(revision.to_owned(), object.to_owned());
            rows.add(Some(&object.to_owned()), row);
        }
        for row in table(&*reading, Table::Versions)? {
            rows.add(objects.get(&row.key), row);
        }
        for row in table(&*reading, Table::Current)? {
            rows.add(Some(&row.key.clone()), row);
        }
        let read = [Table::Inventory, Table::VersionsByKey, Table::Versions, Table::Current];
        for other in Table::ALL.iter().filter(|table| !read.contains(table)) {
            rows.rest.extend(table(&*reading, *other)?);
        }
        Ok(rows)
    }

    fn add(&mut self, object: Option<&Vec<u8>>, row: Row) {
        let rows = object.and_then(|object| self.by_object.get_mut(object));
        rows.unwrap_or(&mut self.rest).push(row);
    }
}

fn table(reading: &dyn Read, table: Table) -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::new();
    reading.scan(table, &KeyRange::all(), &mut |key, value| {
        rows.push(Row {
            table,
            key: key.to_owned(),
            value: value.to_owned(),
        });
        ControlFlow::Continue(())
    })?;
    Ok(rows)
}

/// What follows the source, the length of the scope and the scope.
fn in_scope(key: &[u8]) -> Option<&[u8]> {
    let end = key.iter().position(|byte| *byte == 0)?;
    let (length, rest) = key.get(end + 1..)?.split_first_chunk::<2>()?;
    rest.get(usize::from(u16::from_be_bytes(*length))..)
}

/// Splits a key that is object, zero byte, revision.
fn of_version(key: &[u8]) -> Option<(&[u8], &[u8])> {
    let (object, revision) = key.split_last_chunk::<8>()?;
    Some((object.strip_suffix(&[0])?, revision))
}

#[cfg(test)]
mod tests {
    use k1s_store::engine::{Finish, Write};

    use super::*;

    #[test]
    fn rows_are_gathered_by_what_was_declared() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("store");
        let revision = |number: u64| number.to_be_bytes().to_vec();
        let version_of = |object: &[u8], number: u64| [object, b"\0", &number.to_be_bytes()].concat();
        let declared = vec![
            (Table::Inventory, b"files\0\0\x01sa".to_vec()),
            (Table::VersionsByKey, version_of(b"a", 7)),
            (Table::Versions, revision(7)),
            (Table::Current, b"a".to_vec()),
        ];
        let rest = vec![
            (Table::VersionsByKey, version_of(b"made", 8)),
            (Table::Versions, revision(8)),
            (Table::Current, b"made".to_vec()),
            (Table::Meta, b"revision".to_vec()),
        ];
        let engine = RedbEngine::open(&path, RedbOptions::default()).unwrap();
        let put = &mut |tables: &mut dyn Write| {
            for (table, key) in declared.iter().chain(&rest) {
                tables.put(*table, key, b"v")?;
            }
            Ok(Finish::Commit)
        };
        engine.write(put).unwrap();
        drop(engine);

        let rows = Rows::of(&path).unwrap();
        let keys = |rows: &[Row]| rows.iter().map(|row| (row.table, row.key.clone())).collect::<Vec<_>>();
        assert_eq!(rows.by_object.keys().collect::<Vec<_>>(), [b"a"]);
        assert_eq!(keys(&rows.by_object[&b"a".to_vec()]), declared);
        assert_eq!(keys(&rows.rest), rest);
    }
}
