//! One transaction of the writer: typed rows over an engine's tables, and the facts it gathers on its way.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use k1s_object::{GroupKind, Timestamp};
use k1s_sync_engine::guard::{GuardLimit, Judgement, ShrinkWindow};
use k1s_sync_engine::id::{Revision, SourceName};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::engine::{EngineError, Finish, KeyRange, Write};
use crate::meta::{self, Dropped};
use crate::place;
use crate::row::{self, Cause};
use crate::table::Table;

/// A transaction in the making.
pub(crate) struct Transaction<'t> {
    tables: &'t mut dyn Write,
    now: Timestamp,
    first: Revision,
    last: Revision,
    writes: usize,
    bytes: usize,
    flow_by_kind: BTreeMap<(SourceName, GroupKind), Flow>,
    arrived: BTreeSet<Cause>,
    dropped: Option<Dropped>,
    /// Places of inventory rows that were written or deleted, and that the indexes were not told of yet.
    rewritten: Vec<Vec<u8>>,
}

/// What a transaction did to an inventory.
#[derive(Clone, Copy, Default)]
struct Flow {
    added: u64,
    removed: u64,
    given_up: u64,
}

impl Flow {
    fn and(self, other: Self) -> Self {
        Self {
            added: self.added + other.added,
            removed: self.removed + other.removed,
            given_up: self.given_up + other.given_up,
        }
    }

    fn apply_to(self, window: &mut ShrinkWindow, now: Timestamp) {
        window.give_up(self.given_up);
        window.change(self.added, self.removed, now);
    }
}

impl<'t> Transaction<'t> {
    pub(crate) fn begin(tables: &'t mut dyn Write, now: Timestamp) -> Result<Self, EngineError> {
        let first = meta::revision(tables)?;
        Ok(Self {
            tables,
            now,
            first,
            last: first,
            writes: 0,
            bytes: 0,
            flow_by_kind: BTreeMap::new(),
            arrived: BTreeSet::new(),
            dropped: None,
            rewritten: Vec::new(),
        })
    }

    /// Writes what was gathered; says whether there is anything to commit, and up to which revision.
    pub(crate) fn finish(mut self) -> Result<(Finish, Revision), EngineError> {
        let mut flow_by_source: BTreeMap<SourceName, Flow> = BTreeMap::new();
        for ((source, group_kind), flow) in std::mem::take(&mut self.flow_by_kind) {
            self.record_flow(&place::shrink(&source, Some(&group_kind)), flow)?;
            let sum = flow_by_source.entry(source).or_default();
            *sum = sum.and(flow);
        }
        for (source, flow) in flow_by_source {
            self.record_flow(&place::shrink(&source, None), flow)?;
        }
        if let Some(dropped) = self.dropped {
            meta::raise_trimmed(self.tables, dropped)?;
        }
        if self.last != self.first {
            meta::set_revision(self.tables, self.last)?;
            self.writes += 1;
        }
        let finish = if self.writes == 0 {
            Finish::Abort
        } else {
            Finish::Commit
        };
        Ok((finish, self.last))
    }

    /// Notes that a version was dropped, for readers that may ask for it.
    pub(crate) fn dropped(&mut self, version: Dropped) {
        self.dropped = Some(self.dropped.map_or(version, |before| before.and(version)));
    }

    /// The tables, for reading.
    pub(crate) fn tables(&self) -> &dyn crate::engine::Read {
        &*self.tables
    }

    /// The last revision taken.
    pub(crate) fn last_revision(&self) -> Revision {
        self.last
    }

    /// Writes and deletes so far: equal before and after something that changed nothing.
    pub(crate) fn writes(&self) -> usize {
        self.writes
    }

    /// Bytes of the rows written so far.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.now
    }

    /// Takes the revision of one change of an object.
    pub(crate) fn next_revision(&mut self) -> Revision {
        self.last = self.last.next();
        self.last
    }

    pub(crate) fn get<T: DeserializeOwned>(&self, table: Table, key: &[u8]) -> Result<Option<T>, EngineError> {
        self.tables
            .get(table, key)?
            .map(|bytes| row::decode(table, &bytes))
            .transpose()
    }

    pub(crate) fn get_bytes(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, EngineError> {
        self.tables.get(table, key)
    }

    pub(crate) fn put<T: Serialize>(&mut self, table: Table, key: &[u8], value: &T) -> Result<(), EngineError> {
        let bytes = row::encode(table, value)?;
        self.put_bytes(table, key, &bytes)
    }

    pub(crate) fn put_bytes(&mut self, table: Table, key: &[u8], value: &[u8]) -> Result<(), EngineError> {
        self.writes += 1;
        self.bytes += key.len() + value.len();
        self.note_rewritten(table, key);
        self.tables.put(table, key, value)
    }

    pub(crate) fn delete(&mut self, table: Table, key: &[u8]) -> Result<(), EngineError> {
        self.writes += 1;
        self.note_rewritten(table, key);
        self.tables.delete(table, key)
    }

    /// Every write goes through here, so no index can miss one.
    fn note_rewritten(&mut self, table: Table, key: &[u8]) {
        if table == Table::Inventory {
            self.rewritten.push(key.to_vec());
        }
    }

    /// Takes the places of inventory rows that were written or deleted since this was asked last.
    pub(crate) fn take_rewritten(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.rewritten)
    }

    /// Gives back places that concern others.
    pub(crate) fn give_back_rewritten(&mut self, places: Vec<Vec<u8>>) {
        self.rewritten.extend(places);
    }

    /// The keys of a range, without what they begin with.
    pub(crate) fn keys_after(&self, table: Table, prefix: &[u8]) -> Result<Vec<Vec<u8>>, EngineError> {
        self.first_keys_after(table, prefix, usize::MAX)
    }

    /// At most `limit` keys of a range, without what they begin with.
    pub(crate) fn first_keys_after(
        &self,
        table: Table,
        prefix: &[u8],
        limit: usize,
    ) -> Result<Vec<Vec<u8>>, EngineError> {
        let mut keys = Vec::new();
        self.tables.scan(table, &KeyRange::prefix(prefix), &mut |key, _| {
            keys.extend(key.strip_prefix(prefix).map(<[u8]>::to_vec));
            if keys.len() < limit {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        })?;
        Ok(keys)
    }

    /// The rows of a range for which `wanted` says so, with the rest of their keys.
    pub(crate) fn rows_where<T: DeserializeOwned>(
        &self,
        table: Table,
        prefix: &[u8],
        wanted: &mut dyn FnMut(&[u8]) -> bool,
    ) -> Result<Vec<(Vec<u8>, T)>, EngineError> {
        let (mut rows, mut failure) = (Vec::new(), None);
        self.tables.scan(table, &KeyRange::prefix(prefix), &mut |key, value| {
            let Some(rest) = key.strip_prefix(prefix).filter(|rest| wanted(rest)) else {
                return ControlFlow::Continue(());
            };
            match row::decode(table, value) {
                Ok(decoded) => {
                    rows.push((rest.to_vec(), decoded));
                    ControlFlow::Continue(())
                }
                Err(error) => {
                    failure = Some(error);
                    ControlFlow::Break(())
                }
            }
        })?;
        failure.map_or(Ok(rows), Err)
    }

    /// Notes that a source's inventory of a kind grew.
    pub(crate) fn gained(&mut self, source: &SourceName, group_kind: &GroupKind) {
        self.flow(source, group_kind).added += 1;
    }

    /// Notes that a source's inventory of a kind shrank.
    pub(crate) fn lost(&mut self, source: &SourceName, group_kind: &GroupKind) {
        self.flow(source, group_kind).removed += 1;
    }

    /// Notes that a source left an object to itself: its inventory shrank, but nothing is gone.
    pub(crate) fn given_up(&mut self, source: &SourceName, group_kind: &GroupKind) {
        self.flow(source, group_kind).given_up += 1;
    }

    fn flow(&mut self, source: &SourceName, group_kind: &GroupKind) -> &mut Flow {
        self.flow_by_kind
            .entry((source.clone(), group_kind.clone()))
            .or_default()
    }

    fn record_flow(&mut self, key: &[u8], flow: Flow) -> Result<(), EngineError> {
        let mut window: ShrinkWindow = self.get(Table::Shrink, key)?.unwrap_or_default();
        flow.apply_to(&mut window, self.now);
        self.put(Table::Shrink, key, &window)
    }

    /// Objects a source owns, as of this transaction so far.
    pub(crate) fn inventory_count(&self, source: &SourceName) -> Result<u64, EngineError> {
        Ok(self.window(source, None)?.count())
    }

    /// Asks the guard whether so many objects of a kind, or of all kinds, may go.
    pub(crate) fn judge(
        &self,
        source: &SourceName,
        group_kind: Option<&GroupKind>,
        removals: u64,
        limit: GuardLimit,
    ) -> Result<Judgement, EngineError> {
        Ok(self.window(source, group_kind)?.judge(removals, limit, self.now))
    }

    fn window(&self, source: &SourceName, group_kind: Option<&GroupKind>) -> Result<ShrinkWindow, EngineError> {
        let stored: Option<ShrinkWindow> = self.get(Table::Shrink, &place::shrink(source, group_kind))?;
        let mut window = stored.unwrap_or_default();
        let flows = self
            .flow_by_kind
            .iter()
            .filter(|((owner, kind), _)| owner == source && group_kind.is_none_or(|wanted| wanted == kind));
        let sum = flows.fold(Flow::default(), |sum, (_, flow)| sum.and(*flow));
        sum.apply_to(&mut window, self.now);
        Ok(window)
    }

    /// Notes that something others may wait for is there now.
    pub(crate) fn arrived(&mut self, cause: Cause) {
        self.arrived.insert(cause);
    }

    /// Takes one of the things that arrived.
    pub(crate) fn take_arrival(&mut self) -> Option<Cause> {
        self.arrived.pop_first()
    }
}
