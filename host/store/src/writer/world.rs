//! What the writer keeps in memory about the store as a whole: kinds and namespaces.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use k1s_object::{GroupKind, Key, KindNames, KindScope};
use serde_json::Value;

use crate::engine::{EngineError, KeyRange, Read};
use crate::kinds::{KindOrigin, KindTable, definition_names};
use crate::place;
use crate::row::{self, Cause, CurrentRow};
use crate::table::Table;
use crate::writer::objects::parse;

/// Kinds and namespaces as of the transaction in the making. When a transaction fails, it is loaded anew.
pub(crate) struct World {
    kinds: KindTable,
    namespaces: BTreeSet<Box<str>>,
    /// Drawn at start; hashes of keys differ from one start to the next.
    pub(crate) seed: u64,
}

impl World {
    /// Loads what the store holds.
    pub(crate) fn load(tables: &dyn Read, seed: u64) -> Result<Self, EngineError> {
        let mut world = Self {
            kinds: KindTable::builtin(),
            namespaces: BTreeSet::new(),
            seed,
        };
        for bytes in values(tables, Table::Kinds, &[])? {
            world
                .kinds
                .define(row::decode(Table::Kinds, &bytes.1)?, KindOrigin::Source);
        }
        for (key, current) in values(tables, Table::Current, &Key::prefix(&definition_kind(), None))? {
            let current: CurrentRow = row::decode(Table::Current, &current)?;
            let Some(live) = current.live else { continue };
            let version = tables
                .get(Table::Versions, &place::version(live.revision))?
                .unwrap_or_default();
            let key = Key::decode(&key).map_err(|error| EngineError::Row {
                table: Table::Current.name(),
                detail: error.to_string(),
            })?;
            world.object_written(&key, &parse(row::decode_head(&version)?.1)?);
        }
        for (key, current) in values(tables, Table::Current, &Key::prefix(&namespace_kind(), None))? {
            let current: CurrentRow = row::decode(Table::Current, &current)?;
            if let (Some(_), Ok(key)) = (current.live, Key::decode(&key)) {
                world.namespaces.insert(key.name);
            }
        }
        Ok(world)
    }

    /// The kinds known now.
    pub(crate) fn into_kinds(self) -> KindTable {
        self.kinds
    }

    /// Whether objects of a kind have a namespace; `None` for an unknown kind.
    pub(crate) fn scope_of(&self, group_kind: &GroupKind) -> Option<KindScope> {
        self.kinds.get(group_kind).map(|names| names.scope)
    }

    /// Whether a namespace exists.
    pub(crate) fn has_namespace(&self, name: &str) -> bool {
        self.namespaces.contains(name)
    }

    /// Takes a kind that a source described; says what may have waited for it.
    pub(crate) fn describe_kind(&mut self, names: KindNames) -> Cause {
        let cause = Cause::Kind(names.group_kind.clone());
        self.kinds.define(names, KindOrigin::Source);
        cause
    }

    /// Learns from an object that was written; says what may have waited for it.
    pub(crate) fn object_written(&mut self, key: &Key, body: &Value) -> Option<Cause> {
        if key.group_kind == namespace_kind() {
            self.namespaces.insert(key.name.clone());
            return Some(Cause::Namespace(key.name.clone()));
        }
        if key.group_kind != definition_kind() {
            return None;
        }
        // A definition that names no kind is kept as an object and defines nothing.
        let names = definition_names(body).ok()?;
        let cause = Cause::Kind(names.group_kind.clone());
        self.kinds.define(names, KindOrigin::Definition);
        Some(cause)
    }

    /// Forgets what an object that was deleted had taught.
    pub(crate) fn object_deleted(&mut self, key: &Key, body: &Value) {
        if key.group_kind == namespace_kind() {
            self.namespaces.remove(&key.name);
        } else if key.group_kind == definition_kind()
            && let Ok(names) = definition_names(body)
        {
            self.kinds.remove(&names.group_kind, KindOrigin::Definition);
        }
    }
}

pub(crate) fn namespace_kind() -> GroupKind {
    GroupKind::new("", "Namespace")
}

pub(crate) fn definition_kind() -> GroupKind {
    GroupKind::new("apiextensions.k8s.io", "CustomResourceDefinition")
}

fn values(tables: &dyn Read, table: Table, prefix: &[u8]) -> Result<Vec<(Vec<u8>, Vec<u8>)>, EngineError> {
    let mut rows = Vec::new();
    tables.scan(table, &KeyRange::prefix(prefix), &mut |key, value| {
        rows.push((key.to_vec(), value.to_vec()));
        ControlFlow::Continue(())
    })?;
    Ok(rows)
}
