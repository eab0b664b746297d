//! What the writer keeps in memory about a source with a session: its policy, and an index of what its scopes own.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use k1s_object::{ContentHash, Key, KindScope};
use k1s_sync_engine::id::{ScopeId, SourceName};
use k1s_sync_engine::inventory::{KeyHash, ScopeIndex, Word};
use k1s_sync_engine::policy::SourcePolicy;
use k1s_sync_engine::work::Receipt;

use crate::engine::{EngineError, KeyRange, Read};
use crate::place;
use crate::row::{self, InventoryView, Mark, Standing};
use crate::table::Table;
use crate::writer::application::Declaration;
use crate::writer::world::World;

/// One source while it has a session.
pub(crate) struct SourceState {
    pub(crate) name: SourceName,
    /// Replaced by [`SourceState::set_policy`] only.
    pub(crate) policy: SourcePolicy,
    transforms: Transforms,
    scopes: BTreeMap<ScopeId, ScopeState>,
    indexing: Indexing,
    /// What happened to its objects because of others, for its next receipt.
    late: Receipt,
}

/// Whether the indexes of a source's scopes know its inventory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Indexing {
    /// Not yet: nothing may ask them.
    Due,
    /// As the tables have it.
    Done,
}

/// The policy's fingerprints of what turns declarations into objects, which are the same for each of them.
#[derive(Clone, Copy)]
struct Transforms {
    cluster: u64,
    namespaced: u64,
}

impl Transforms {
    fn of(policy: &SourcePolicy) -> Self {
        Self {
            cluster: policy.transform(KindScope::Cluster),
            namespaced: policy.transform(KindScope::Namespaced),
        }
    }
}

/// One scope of a source.
#[derive(Default)]
pub(crate) struct ScopeState {
    pub(crate) index: ScopeIndex,
    /// Rows in the table of pending declarations.
    pub(crate) pending: u64,
    /// Rows of its held prune.
    pub(crate) held: u64,
}

/// What a source says of an object, and all that decides what it means.
#[derive(Clone, Copy, Hash)]
pub(crate) struct Said<'s> {
    always: Always<'s>,
    /// Absent where the source left the object out, for it has not changed.
    sent: Option<Sent<'s>>,
}

/// What a source says with an object and without.
#[derive(Clone, Copy, Hash)]
struct Always<'s> {
    declared_namespace: &'s str,
    source_version: &'s str,
    source_type: &'s str,
    transform: u64,
    selection: u64,
}

/// What comes with an object.
#[derive(Clone, Copy, Hash)]
struct Sent<'s> {
    content_hash: ContentHash,
    uri: &'s str,
    path: &'s str,
    revision: &'s str,
    place: [u32; 3],
}

impl<'s> Said<'s> {
    /// What a row says that is as its source left it.
    fn of_row(row: &InventoryView<'s>) -> Self {
        Self {
            always: Always {
                declared_namespace: row.declared_namespace,
                source_version: row.source_version,
                source_type: row.source_type,
                transform: row.transform,
                selection: row.selection,
            },
            sent: Some(Sent {
                content_hash: row.content_hash,
                uri: row.uri,
                path: row.path,
                revision: row.origin_revision,
                place: [row.document, row.line, row.column],
            }),
        }
    }

    /// What a source says with an object.
    pub(crate) fn sent(declaration: &'s Declaration, transform: u64, policy: &'s SourcePolicy) -> Self {
        let place = &declaration.provenance;
        Self {
            always: Always {
                declared_namespace: &declaration.key.namespace,
                source_version: declaration.source_version.as_str(),
                source_type: &policy.source_type,
                transform,
                selection: policy.selection,
            },
            sent: Some(Sent {
                content_hash: declaration.content_hash,
                uri: &place.uri,
                path: &place.path,
                revision: &place.revision,
                place: [place.document, place.line, place.column],
            }),
        }
    }

    /// The same, said without the object.
    pub(crate) fn seen(self) -> Self {
        Self { sent: None, ..self }
    }

    /// Both forms of it, as a scope's index knows them.
    pub(crate) fn words(self, world: &World) -> [Word; 2] {
        world.words(&self.always, [self.sent, None])
    }
}

impl SourceState {
    /// A source of which nothing is known yet.
    pub(crate) fn new(name: SourceName, policy: SourcePolicy) -> Self {
        Self {
            name,
            transforms: Transforms::of(&policy),
            policy,
            scopes: BTreeMap::new(),
            indexing: Indexing::Done,
            late: Receipt::default(),
        }
    }

    /// Loads the index of every scope the source has rows of.
    pub(crate) fn load(
        tables: &dyn Read,
        name: SourceName,
        policy: SourcePolicy,
        world: &World,
    ) -> Result<Self, EngineError> {
        let mut state = Self::outline(tables, name, policy, world)?;
        state.fill_indexes(tables, world)?;
        Ok(state)
    }

    /// Loads all but the inventory, which takes longest, but finds every scope that the source has rows of;
    /// [`fill_indexes`](Self::fill_indexes) is to follow before anything is done for the source.
    pub(crate) fn outline(
        tables: &dyn Read,
        name: SourceName,
        policy: SourcePolicy,
        world: &World,
    ) -> Result<Self, EngineError> {
        let mut state = Self::new(name.clone(), policy);
        for table in [Table::Scopes, Table::Held] {
            each_scope(tables, table, &name, &mut |scope| {
                state.scope(&scope);
            })?;
        }
        for scope in scopes_of(tables, Table::Inventory, &name)? {
            state.scope(&scope);
        }
        state.indexing = Indexing::Due;
        each_key(tables, Table::Pending, &name, &mut |scope, key| {
            let of_scope = state.scope(&scope);
            of_scope.index.insert(world.pending_hash_at(&key));
            of_scope.pending += 1;
        })?;
        each_key(tables, Table::HeldRows, &name, &mut |scope, _| {
            state.scope(&scope).held += 1
        })?;
        Ok(state)
    }

    /// Whether anything waits to be applied.
    pub(crate) fn has_pending(&self) -> bool {
        self.scopes.values().any(|scope| scope.pending > 0)
    }

    /// Indexes every inventory row, unless that was done, with what it says where it is as its source left it.
    pub(crate) fn fill_indexes(&mut self, tables: &dyn Read, world: &World) -> Result<(), EngineError> {
        if self.indexing == Indexing::Due {
            self.index_inventory(tables, world)?;
            self.indexing = Indexing::Done;
        }
        Ok(())
    }

    fn index_inventory(&mut self, tables: &dyn Read, world: &World) -> Result<(), EngineError> {
        let mut failure = None;
        let mut at: Option<(ScopeId, Vec<u8>)> = None;
        let range = KeyRange::prefix(&place::source(&self.name));
        let name = self.name.clone();
        tables.scan(Table::Inventory, &range, &mut |place, value| {
            let result = (|| {
                // Rows of one scope follow each other.
                let scope = match at.take().filter(|(_, prefix)| place.starts_with(prefix)) {
                    Some(same) => same,
                    None => {
                        let (scope, _) = place::split_row(Table::Inventory, &name, place)?;
                        let prefix = place::scope(&name, &scope);
                        (scope, prefix)
                    }
                };
                let (scope, prefix) = at.insert(scope);
                let key = world.encoded_row_hash(place.get(prefix.len()..).unwrap_or_default());
                let row = row::view(value)?;
                let is_as_left = row.standing == Standing::Owned && row.mark == Mark::Clean;
                let words = is_as_left.then(|| Said::of_row(&row).words(world));
                self.scope(scope).index.load(key, words);
                Ok(())
            })();
            match result {
                Ok(()) => ControlFlow::Continue(()),
                Err(error) => {
                    failure = Some(error);
                    ControlFlow::Break(())
                }
            }
        })?;
        failure.map_or(Ok(()), Err)
    }

    /// Takes another policy.
    pub(crate) fn set_policy(&mut self, policy: SourcePolicy) {
        self.transforms = Transforms::of(&policy);
        self.policy = policy;
    }

    /// The fingerprint of what turns a declaration of a kind into an object.
    pub(crate) fn transform(&self, scope: KindScope) -> u64 {
        match scope {
            KindScope::Cluster => self.transforms.cluster,
            KindScope::Namespaced => self.transforms.namespaced,
        }
    }

    /// Forgets what an inventory row said, for it was written.
    pub(crate) fn unnote(&mut self, scope: &ScopeId, key: KeyHash) {
        if let Some(state) = self.scopes.get_mut(scope) {
            state.index.unnote(key);
        }
    }

    /// The state of a scope, made when it is first named.
    pub(crate) fn scope(&mut self, scope: &ScopeId) -> &mut ScopeState {
        self.scopes.entry(scope.clone()).or_default()
    }

    /// The index of a scope that was named before.
    pub(crate) fn index(&self, scope: &ScopeId) -> Option<&ScopeIndex> {
        self.scopes.get(scope).map(|state| &state.index)
    }

    /// The scopes there are.
    pub(crate) fn scopes(&self) -> impl Iterator<Item = &ScopeId> {
        self.scopes.keys()
    }

    /// Keeps what happened because of others for the next receipt.
    pub(crate) fn put_by(&mut self, late: Receipt) {
        self.late.tally.add(&late.tally);
        self.late.events.extend(late.events);
    }

    /// Completes a receipt with what is only known now: what happened because of others, and what is still pending.
    pub(crate) fn complete(&mut self, receipt: &mut Receipt) {
        let late = std::mem::take(&mut self.late);
        receipt.tally.add(&late.tally);
        receipt.events.extend(late.events);
        if let Some(closed) = &mut receipt.closed {
            closed.pending = self.scope(&closed.scope).pending;
        }
    }

    /// Drops a scope from memory.
    pub(crate) fn forget_scope(&mut self, scope: &ScopeId) {
        self.scopes.remove(scope);
    }
}

fn each_key(
    tables: &dyn Read,
    table: Table,
    source: &SourceName,
    visit: &mut dyn FnMut(ScopeId, Key),
) -> Result<(), EngineError> {
    let mut failure = None;
    tables.scan(table, &KeyRange::prefix(&place::source(source)), &mut |bytes, _| {
        match place::split_row(table, source, bytes) {
            Ok((scope, key)) => visit(scope, key),
            Err(error) => failure = Some(error),
        }
        if failure.is_some() {
            std::ops::ControlFlow::Break(())
        } else {
            std::ops::ControlFlow::Continue(())
        }
    })?;
    failure.map_or(Ok(()), Err)
}

/// The scopes that a source has rows of, by one step into the table for each.
fn scopes_of(tables: &dyn Read, table: Table, source: &SourceName) -> Result<Vec<ScopeId>, EngineError> {
    let mut scopes = Vec::new();
    let mut rest = KeyRange::prefix(&place::source(source));
    loop {
        let mut first = None;
        tables.scan(table, &rest, &mut |bytes, _| {
            first = Some(place::split_row(table, source, bytes));
            ControlFlow::Break(())
        })?;
        let Some(found) = first else { return Ok(scopes) };
        let (scope, _) = found?;
        rest = rest.behind(&KeyRange::prefix(&place::scope(source, &scope)));
        scopes.push(scope);
    }
}

/// Visits the scopes of a table whose keys are source and scope.
pub(crate) fn each_scope(
    tables: &dyn Read,
    table: Table,
    source: &SourceName,
    visit: &mut dyn FnMut(ScopeId),
) -> Result<(), EngineError> {
    let prefix = place::source(source);
    tables.scan(table, &KeyRange::prefix(&prefix), &mut |bytes, _| {
        if let Some((scope, _)) = bytes.strip_prefix(&*prefix).and_then(place::split_scope) {
            visit(scope);
        }
        std::ops::ControlFlow::Continue(())
    })
}
