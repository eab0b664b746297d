//! A batch of events, applied all together.

use k1s_object::{ContentHash, Key};
use k1s_sync_engine::event::{Change, Event, Verdict};
use k1s_sync_engine::message::{Batch, Refusal};
use k1s_sync_engine::order::ApplyOrder;
use k1s_sync_engine::problem::{Problem, ProblemCode};
use k1s_sync_engine::work::Receipt;

use crate::engine::EngineError;
use crate::place;
use crate::row::{InventoryRow, PendingRow, ScopeRow, Standing};
use crate::table::Table;
use crate::writer::application::{Application, Declaration};
use crate::writer::prune::{Candidate, Trigger};
use crate::writer::source::SourceState;
use crate::writer::transaction::Transaction;
use crate::writer::world::World;

/// Applies a batch and returns its receipt.
pub(crate) fn apply(
    transaction: &mut Transaction<'_>,
    world: &mut World,
    source: &mut SourceState,
    batch: Batch,
) -> Result<Receipt, EngineError> {
    let mut receipt = Receipt {
        seq: Some(batch.seq),
        ..Receipt::default()
    };
    let mut application = Application {
        transaction,
        world,
        source,
        scope: batch.scope.clone(),
        receipt: &mut receipt,
    };
    let mut deletes = Vec::new();
    for (index, event) in in_order(batch.events, application.world) {
        application.event(index, event, &mut deletes)?;
    }
    if !deletes.is_empty() {
        application.prune(deletes, &Trigger::Declared)?;
    }
    if let Some(token) = batch.token {
        application.store_token(Some(token))?;
    }
    Ok(receipt)
}

/// What others need comes first; among equals, the order sent.
fn in_order(events: Vec<Event>, world: &World) -> Vec<(u32, Event)> {
    let mut indexed: Vec<(u32, Event)> = (0..).zip(events).collect();
    indexed.sort_by_key(|(_, event)| {
        event
            .change
            .key()
            .map(|key| ApplyOrder::of(&key.group_kind, world.scope_of(&key.group_kind)))
    });
    indexed
}

impl Application<'_, '_> {
    fn event(&mut self, index: u32, event: Event, deletes: &mut Vec<Candidate>) -> Result<(), EngineError> {
        let Event {
            change,
            provenance,
            source_version,
        } = event;
        let declaration = |key, object, content_hash| Declaration {
            key,
            object,
            content_hash,
            source_version: source_version.clone(),
            provenance: provenance.clone(),
        };
        let (key, verdict) = match change {
            Change::Upsert {
                key,
                object,
                content_hash,
            } => self.upsert(&declaration(key, object, content_hash))?,
            Change::Seen { key } => {
                let declared = declaration(key, bytes::Bytes::new(), ContentHash::of(&[]));
                let verdict = self.seen(&declared)?;
                let key = Some(declared.key.unresolved());
                (key, verdict.map_or_else(|| self.pin_unknown(&declared), Ok)?)
            }
            Change::Delete { key } => {
                return self.delete(&declaration(key, bytes::Bytes::new(), ContentHash::of(&[])), deletes);
            }
            Change::Ignored { code, .. } => (None, Verdict::Ignored(code)),
            Change::Failed { key, problem } => {
                let key = self.pin_failed(key.as_ref(), &provenance.path, &problem)?;
                (key, Verdict::Error(problem))
            }
        };
        if let Verdict::Error(problem) | Verdict::Pending(problem) = &verdict {
            let refusal = Refusal {
                event: index,
                code: problem.code,
                message: problem.message.clone(),
            };
            self.receipt.refusals.push(refusal);
        }
        self.report(key, verdict, &provenance);
        Ok(())
    }

    /// A state the host does not hold: the row stays, and the listing proves nothing.
    fn pin_unknown(&mut self, declaration: &Declaration) -> Result<Verdict, EngineError> {
        let problem = Problem::with_object(
            ProblemCode::Partial,
            format!(
                "{} was reported as unchanged since a state the host does not hold",
                declaration.key
            ),
        );
        self.pin_key(&declaration.key)?;
        self.scope_state().index.spoil(problem.clone());
        self.receipt.unknown_seen = Some(self.scope.clone());
        Ok(Verdict::Error(problem))
    }

    /// What could not be read stays: by its key, else by its path, else the listing proves nothing.
    fn pin_failed(
        &mut self,
        key: Option<&k1s_object::DeclaredKey>,
        path: &str,
        problem: &Problem,
    ) -> Result<Option<Key>, EngineError> {
        match key {
            Some(key) => self.pin_key(key).map(Some),
            None if path.is_empty() => {
                self.scope_state().index.spoil(problem.clone());
                Ok(None)
            }
            None => {
                self.scope_state().index.pin_path(path);
                Ok(None)
            }
        }
    }

    fn pin_key(&mut self, declared: &k1s_object::DeclaredKey) -> Result<Key, EngineError> {
        let unresolved = declared.unresolved();
        let scope = self.world.scope_of(&declared.group_kind);
        let resolved = scope.map(|scope| declared.resolve(scope, &self.source.policy.default_namespace));
        for key in [Some(&unresolved), resolved.as_ref()].into_iter().flatten() {
            let hash = self.hash(key);
            match self.scope_state().index.presence(hash) {
                k1s_sync_engine::inventory::Presence::Indexed => self.touch(key)?,
                k1s_sync_engine::inventory::Presence::Absent => {}
            }
        }
        Ok(resolved.unwrap_or(unresolved))
    }

    /// Collects an explicit delete; the set is judged as a whole after the upserts.
    fn delete(&mut self, declaration: &Declaration, deletes: &mut Vec<Candidate>) -> Result<(), EngineError> {
        self.drop_pending(&declaration.key)?;
        let scope = self.world.scope_of(&declaration.key.group_kind);
        let key = scope.map(|scope| declaration.key.resolve(scope, &self.source.policy.default_namespace));
        let Some(key) = key else {
            self.report(None, Verdict::Unchanged, &declaration.provenance);
            return Ok(());
        };
        match self
            .row(&key)?
            .filter(|row: &InventoryRow| row.standing == Standing::Owned)
        {
            Some(row) => deletes.push(Candidate { key, row }),
            None => self.report(Some(key), Verdict::Unchanged, &declaration.provenance),
        }
        Ok(())
    }

    /// Tries a pending declaration again.
    pub(crate) fn retry(&mut self, row: PendingRow) -> Result<(Option<Key>, Verdict), EngineError> {
        let declaration = Declaration {
            key: row.key,
            object: row.object.into(),
            content_hash: row.content_hash,
            source_version: row.source_version,
            provenance: row.provenance,
        };
        self.upsert(&declaration)
    }

    pub(crate) fn store_token(&mut self, token: Option<k1s_sync_engine::id::Token>) -> Result<(), EngineError> {
        let before = self.scope_row()?;
        let after = ScopeRow {
            token,
            selection: self.source.policy.selection,
            ..before.clone()
        };
        self.put_scope_row(&before, &after)
    }

    pub(crate) fn scope_row(&self) -> Result<ScopeRow, EngineError> {
        let place = place::scope(&self.source.name, &self.scope);
        Ok(self.transaction.get(Table::Scopes, &place)?.unwrap_or_default())
    }

    pub(crate) fn put_scope_row(&mut self, before: &ScopeRow, after: &ScopeRow) -> Result<(), EngineError> {
        if before == after {
            return Ok(());
        }
        let place = place::scope(&self.source.name, &self.scope);
        self.transaction.put(Table::Scopes, &place, after)
    }
}
