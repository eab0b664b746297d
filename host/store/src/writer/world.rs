//! What the writer keeps in memory about the store as a whole: kinds and namespaces.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::Hash;
use std::ops::ControlFlow;

use k1s_object::{DeclaredKey, GroupKind, Key, KindNames, KindScope};
use k1s_sync_engine::inventory::{KeyHash, Word};

use crate::engine::{EngineError, KeyRange, Read};
use crate::kinds::{KindOrigin, KindTable, definition_names};
use crate::place;
use crate::row::{self, Cause, CurrentRow, Live};
use crate::table::Table;
use crate::writer::objects::parse;

/// Kinds and namespaces as of the transaction in the making. When a transaction fails, it is loaded anew.
pub(crate) struct World {
    kinds: KindTable,
    /// The kind that each definition in the store defines.
    kind_by_definition: BTreeMap<Box<str>, GroupKind>,
    namespaces: BTreeSet<Box<str>>,
    /// Drawn at start; hashes of keys differ from one start to the next.
    seed: u64,
}

impl World {
    /// Loads what the store holds.
    pub(crate) fn load(tables: &dyn Read, seed: u64) -> Result<Self, EngineError> {
        let mut world = Self {
            kinds: KindTable::builtin(),
            kind_by_definition: BTreeMap::new(),
            namespaces: BTreeSet::new(),
            seed,
        };
        scan(tables, Table::Kinds, &[], &mut |_, names| {
            world
                .kinds
                .define(row::decode(Table::Kinds, names)?, KindOrigin::Source);
            Ok(())
        })?;
        for (key, live) in live_objects(tables, &definition_kind())? {
            let version = tables
                .get(Table::Versions, &place::version(live.revision))?
                .unwrap_or_default();
            world.object_written(&key, row::decode_head(&version)?.1)?;
        }
        for (key, _) in live_objects(tables, &namespace_kind())? {
            world.namespaces.insert(key.name);
        }
        Ok(world)
    }

    /// The kinds known now.
    pub(crate) fn kinds(&self) -> &KindTable {
        &self.kinds
    }

    /// The hash by which a scope's index knows an inventory row.
    pub(crate) fn row_hash(&self, key: &Key) -> KeyHash {
        KeyHash::of(key, self.seed)
    }

    /// The hash by which a scope's index knows the inventory row of an encoded key.
    pub(crate) fn encoded_row_hash(&self, key: &[u8]) -> KeyHash {
        KeyHash::of_encoded(key, self.seed)
    }

    /// The hash by which a scope's index knows what a row says.
    pub(crate) fn word(&self, said: &impl Hash) -> Word {
        Word::of(said, self.seed)
    }

    /// The hashes of two forms of what a row says.
    pub(crate) fn words<M: Hash>(&self, both: &impl Hash, more: [M; 2]) -> [Word; 2] {
        Word::forms(both, more, self.seed)
    }

    /// The hash by which a scope's index knows a pending row: never that of an inventory row of the same key.
    pub(crate) fn pending_hash(&self, declared: &DeclaredKey) -> KeyHash {
        KeyHash::of_declared(declared, !self.seed)
    }

    /// The hash of the pending row at a key of its table.
    pub(crate) fn pending_hash_at(&self, key: &Key) -> KeyHash {
        KeyHash::of(key, !self.seed)
    }

    /// The same world as the tables hold it now.
    pub(crate) fn reloaded(&self, tables: &dyn Read) -> Result<Self, EngineError> {
        Self::load(tables, self.seed)
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
    ///
    /// # Errors
    /// When the body of a definition is no JSON.
    pub(crate) fn object_written(&mut self, key: &Key, body: &[u8]) -> Result<Option<Cause>, EngineError> {
        if is_namespace(&key.group_kind) {
            self.namespaces.insert(key.name.clone());
            return Ok(Some(Cause::Namespace(key.name.clone())));
        }
        if !is_definition(&key.group_kind) {
            return Ok(None);
        }
        self.undefine(key);
        // A definition that names no kind is kept as an object and defines nothing.
        let Ok(names) = definition_names(&parse(body)?) else {
            return Ok(None);
        };
        let group_kind = names.group_kind.clone();
        self.kind_by_definition.insert(key.name.clone(), group_kind.clone());
        self.kinds.define(names, KindOrigin::Definition);
        Ok(Some(Cause::Kind(group_kind)))
    }

    /// Forgets what an object that was deleted had taught.
    pub(crate) fn object_deleted(&mut self, key: &Key) {
        if is_namespace(&key.group_kind) {
            self.namespaces.remove(&key.name);
        } else if is_definition(&key.group_kind) {
            self.undefine(key);
        }
    }

    fn undefine(&mut self, definition: &Key) {
        if let Some(group_kind) = self.kind_by_definition.remove(&definition.name) {
            self.kinds.remove(&group_kind, KindOrigin::Definition);
        }
    }
}

const NAMESPACE: (&str, &str) = ("", "Namespace");
const DEFINITION: (&str, &str) = ("apiextensions.k8s.io", "CustomResourceDefinition");

pub(crate) fn namespace_kind() -> GroupKind {
    GroupKind::new(NAMESPACE.0, NAMESPACE.1)
}

pub(crate) fn definition_kind() -> GroupKind {
    GroupKind::new(DEFINITION.0, DEFINITION.1)
}

fn is_namespace(group_kind: &GroupKind) -> bool {
    (&*group_kind.group, &*group_kind.kind) == NAMESPACE
}

fn is_definition(group_kind: &GroupKind) -> bool {
    (&*group_kind.group, &*group_kind.kind) == DEFINITION
}

fn live_objects(tables: &dyn Read, kind: &GroupKind) -> Result<Vec<(Key, Live)>, EngineError> {
    let mut objects = Vec::new();
    scan(tables, Table::Current, &Key::prefix(kind, None), &mut |key, current| {
        let current: CurrentRow = row::decode(Table::Current, current)?;
        let key = place::object(Table::Current, key)?;
        objects.extend(current.live.map(|live| (key, live)));
        Ok(())
    })?;
    Ok(objects)
}

/// Called for each row of a scan; failing ends it.
type TryVisit<'a> = dyn FnMut(&[u8], &[u8]) -> Result<(), EngineError> + 'a;

fn scan(tables: &dyn Read, table: Table, prefix: &[u8], visit: &mut TryVisit<'_>) -> Result<(), EngineError> {
    let mut result = Ok(());
    tables.scan(table, &KeyRange::prefix(prefix), &mut |key, value| {
        result = visit(key, value);
        if result.is_ok() {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    })?;
    result
}
