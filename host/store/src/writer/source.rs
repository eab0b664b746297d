//! What the writer keeps in memory about a source with a session: its policy, and an index of what its scopes own.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use k1s_object::{Key, KindScope};
use k1s_sync_engine::id::{ScopeId, SourceName};
use k1s_sync_engine::inventory::{KeyHash, ScopeIndex};
use k1s_sync_engine::policy::SourcePolicy;
use k1s_sync_engine::work::Receipt;

use crate::engine::{EngineError, KeyRange, Read};
use crate::place;
use crate::table::Table;
use crate::writer::rows::ScopeRows;
use crate::writer::world::World;

/// One source while it has a session.
pub(crate) struct SourceState {
    pub(crate) name: SourceName,
    /// Replaced by [`SourceState::set_policy`] only.
    pub(crate) policy: SourcePolicy,
    transforms: Transforms,
    scopes: BTreeMap<ScopeId, ScopeState>,
    /// What happened to its objects because of others, for its next receipt.
    late: Receipt,
}

/// Whether the index of a scope knows its inventory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Indexing {
    /// Not yet: nothing may ask it.
    Due,
    /// As the tables have it.
    #[default]
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
    indexing: Indexing,
    /// Rows in the table of pending declarations.
    pub(crate) pending: u64,
    /// Rows of its held prune.
    pub(crate) held: u64,
}

impl ScopeState {
    fn take_rows(&mut self, rows: ScopeRows) {
        self.index.take_in(rows.into_index());
        self.indexing = Indexing::Done;
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
            state.scope(&scope).indexing = Indexing::Due;
        }
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

    /// Takes what somebody else read of a scope's rows, unless they are indexed. Nobody has written them since: whoever
    /// does has had them indexed before ([`Job::asks_indexes`](crate::writer::job::Job::asks_indexes)).
    pub(crate) fn take_rows(&mut self, scope: &ScopeId, rows: ScopeRows) {
        if let Some(state) = self
            .scopes
            .get_mut(scope)
            .filter(|state| state.indexing == Indexing::Due)
        {
            state.take_rows(rows);
        }
    }

    /// Indexes the inventory rows of every scope of which that was not done.
    pub(crate) fn fill_indexes(&mut self, tables: &dyn Read, world: &World) -> Result<(), EngineError> {
        let Self { name, scopes, .. } = self;
        for (scope, state) in scopes.iter_mut().filter(|(_, state)| state.indexing == Indexing::Due) {
            state.take_rows(ScopeRows::read(tables, &place::scope(name, scope), world.seed())?);
        }
        Ok(())
    }

    /// Whether the rows of every scope are indexed.
    pub(crate) fn is_indexed(&self) -> bool {
        self.scopes.values().all(|state| state.indexing == Indexing::Done)
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
