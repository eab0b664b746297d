//! What the writer keeps in memory about a source with a session: its policy, and an index of what its scopes own.

use std::collections::BTreeMap;

use k1s_object::Key;
use k1s_sync_engine::id::{ScopeId, SourceName};
use k1s_sync_engine::inventory::ScopeIndex;
use k1s_sync_engine::policy::SourcePolicy;
use k1s_sync_engine::work::Receipt;

use crate::engine::{EngineError, KeyRange, Read};
use crate::place;
use crate::table::Table;
use crate::writer::world::World;

/// One source while it has a session.
pub(crate) struct SourceState {
    pub(crate) name: SourceName,
    pub(crate) policy: SourcePolicy,
    scopes: BTreeMap<ScopeId, ScopeState>,
    /// What happened to its objects because of others, for its next receipt.
    late: Receipt,
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

impl SourceState {
    /// A source of which nothing is known yet.
    pub(crate) fn new(name: SourceName, policy: SourcePolicy) -> Self {
        Self {
            name,
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
        let mut state = Self::new(name.clone(), policy);
        for table in [Table::Scopes, Table::Held] {
            each_scope(tables, table, &name, &mut |scope| {
                state.scope(&scope);
            })?;
        }
        each_key(tables, Table::Inventory, &name, &mut |scope, key| {
            state.scope(&scope).index.insert(world.row_hash(&key));
        })?;
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

    /// The state of a scope, made when it is first named.
    pub(crate) fn scope(&mut self, scope: &ScopeId) -> &mut ScopeState {
        self.scopes.entry(scope.clone()).or_default()
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
