//! A batch of events, applied all together.

use std::collections::BTreeMap;

use bytes::Bytes;
use k1s_crash::{Point, pass};
use k1s_object::{ContentHash, DeclaredKey, Document, Key};
use k1s_sync_engine::event::{Change, Event, Provenance, Verdict};
use k1s_sync_engine::message::{Batch, Refusal};
use k1s_sync_engine::order::ApplyOrder;
use k1s_sync_engine::problem::{Problem, ProblemCode};
use k1s_sync_engine::work::Receipt;

use crate::engine::EngineError;
use crate::row::Standing;
use crate::writer::ahead::Documents;
use crate::writer::application::{Application, Declaration, Occasion};
use crate::writer::prune::Trigger;
use crate::writer::source::SourceState;
use crate::writer::transaction::Transaction;
use crate::writer::world::World;

/// Stands for the hash of an object that its source left out; nothing compares it.
const UNSENT: ContentHash = ContentHash::from_bytes([0; 32]);

/// What a batch says is declared no longer, unless a later event of it says otherwise.
type Deletes = BTreeMap<DeclaredKey, Provenance>;

/// Applies a batch and returns its receipt: creates and updates first, then deletes as one set with those of its window, then
/// the token.
pub(crate) fn apply(
    transaction: &mut Transaction<'_>,
    world: &mut World,
    source: &mut SourceState,
    batch: Batch,
    documents: Documents,
) -> Result<Receipt, EngineError> {
    let mut receipt = Receipt {
        seq: Some(batch.seq),
        ..Receipt::default()
    };
    let mut application = Application {
        transaction,
        world,
        source,
        scope: batch.scope,
        occasion: Occasion::Sent,
        receipt: &mut receipt,
    };
    let mut deletes = Deletes::new();
    for event in batch.earlier {
        application.earlier_delete(event, &mut deletes)?;
    }
    for (index, event, document) in in_order(batch.events, documents, application.world) {
        application.event(index, event, document, &mut deletes)?;
        pass(Point::H5);
    }
    application.delete(deletes)?;
    if let Some(token) = batch.token {
        application.store_token(token)?;
    }
    Ok(receipt)
}

/// What others need comes first; among equals, the order sent.
fn in_order(events: Vec<Event>, documents: Documents, world: &World) -> Vec<(u32, Event, Option<Document>)> {
    let beside = documents.beside(events);
    let mut indexed: Vec<_> = (0..)
        .zip(beside)
        .map(|(index, (event, document))| (index, event, document))
        .collect();
    indexed.sort_by_cached_key(|(_, event, _)| {
        let key = event.change.key();
        key.map(|key| ApplyOrder::of(&key.group_kind, world.scope_of(&key.group_kind)))
    });
    indexed
}

impl Application<'_, '_> {
    /// Takes a delete of an earlier batch of the same window. What it cannot be is told, though not to the source: the
    /// place in its batch is not known any more.
    fn earlier_delete(&mut self, event: Event, deletes: &mut Deletes) -> Result<(), EngineError> {
        if let Some(problem) = refused(&event.change) {
            self.report(None, Verdict::Error(problem), &event.provenance);
            return Ok(());
        }
        if let Change::Delete { key } = event.change {
            self.withdraw(&key)?;
            deletes.insert(key, event.provenance);
        }
        Ok(())
    }

    fn event(
        &mut self,
        index: u32,
        event: Event,
        document: Option<Document>,
        deletes: &mut Deletes,
    ) -> Result<(), EngineError> {
        let Event {
            change,
            provenance,
            source_version,
        } = event;
        if let Some(problem) = refused(&change) {
            // Whatever of its place was known stays: the document may have been another before.
            let key = self.pin_path(&provenance.path, &problem);
            self.conclude_event(index, key, Verdict::Error(problem), &provenance);
            return Ok(());
        }
        let (key, verdict, provenance) = match change {
            Change::Upsert {
                key,
                object,
                content_hash,
            } => {
                deletes.remove(&key);
                let declaration = Declaration {
                    key,
                    object,
                    document,
                    content_hash,
                    source_version,
                    provenance,
                };
                let (key, verdict) = self.upsert(&declaration)?;
                (key, verdict, declaration.provenance)
            }
            Change::Seen { key } => {
                deletes.remove(&key);
                let declaration = Declaration {
                    key,
                    object: Bytes::new(),
                    document: None,
                    content_hash: UNSENT,
                    source_version,
                    provenance,
                };
                let (key, verdict) = self.seen_or_pinned(&declaration)?;
                (key, verdict, declaration.provenance)
            }
            Change::Delete { key } => {
                self.withdraw(&key)?;
                deletes.insert(key, provenance);
                return Ok(());
            }
            Change::Ignored { code, .. } => (None, Verdict::Ignored(code), provenance),
            Change::Failed { key, problem } => {
                let key = match key {
                    Some(key) => {
                        deletes.remove(&key);
                        Some(self.pin_key(&key)?)
                    }
                    None => self.pin_path(&provenance.path, &problem),
                };
                (key, Verdict::Error(problem), provenance)
            }
        };
        self.conclude_event(index, key, verdict, &provenance);
        Ok(())
    }

    /// Takes a word that an object is unchanged, which the declaration lacks.
    fn seen_or_pinned(&mut self, declaration: &Declaration) -> Result<(Option<Key>, Verdict), EngineError> {
        match self.seen(declaration)? {
            Some(found) => Ok(found),
            None => self.pin_unknown(&declaration.key),
        }
    }

    /// Tells the source what was refused, and counts the verdict.
    fn conclude_event(&mut self, index: u32, key: Option<Key>, verdict: Verdict, provenance: &Provenance) {
        if let Verdict::Error(problem) | Verdict::Pending(problem) = &verdict {
            self.receipt.refusals.push(Refusal {
                event: index,
                code: problem.code,
                message: problem.message.clone(),
            });
        }
        self.report(key, verdict, provenance);
    }

    /// A state the host does not hold: the row stays, and the listing proves nothing.
    fn pin_unknown(&mut self, declared: &DeclaredKey) -> Result<(Option<Key>, Verdict), EngineError> {
        let problem = Problem::with_object(
            ProblemCode::Partial,
            format!("{declared} was reported as unchanged since a state the host does not hold"),
        );
        let key = self.pin_key(declared)?;
        self.scope_state().index.spoil(problem.clone());
        self.receipt.unknown_seen = Some(self.scope.clone());
        Ok((Some(key), Verdict::Error(problem)))
    }

    /// What could not be read stays: all that was last seen at its path, or else the listing proves nothing.
    fn pin_path(&mut self, path: &str, problem: &Problem) -> Option<Key> {
        let index = &mut self.scope_state().index;
        if path.is_empty() {
            index.spoil(problem.clone());
        } else {
            index.pin_path(path);
        }
        None
    }

    /// Keeps whatever there is of a key.
    fn pin_key(&mut self, declared: &DeclaredKey) -> Result<Key, EngineError> {
        if self.pending_row(declared)?.is_some() {
            self.touch_hash(self.pending_hash(declared));
        }
        self.touch_declared_row(declared)?;
        Ok(self.resolved(declared).unwrap_or_else(|| declared.unresolved()))
    }

    /// Deletes what is declared no longer, judged as one set.
    fn delete(&mut self, deletes: Deletes) -> Result<(), EngineError> {
        let mut candidates = Vec::new();
        for (declared, provenance) in deletes {
            let row = self.declared_row(&declared)?;
            match row.filter(|candidate| candidate.row.standing == Standing::Owned) {
                Some(candidate) => candidates.push(candidate),
                None => self.report(None, Verdict::Unchanged, &provenance),
            }
        }
        if !candidates.is_empty() {
            self.receipt.declared = Some(self.prune(candidates, &Trigger::Declared)?);
        }
        Ok(())
    }
}

/// What is wrong with an event whose key cannot be kept. What is passed over needs no key.
fn refused(change: &Change) -> Option<Problem> {
    match change {
        Change::Upsert { key, .. } | Change::Delete { key } | Change::Seen { key } => unstorable(key),
        Change::Failed { key, problem } => key.as_ref().and_then(unstorable).map(|_| problem.clone()),
        Change::Ignored { .. } => None,
    }
}

/// Why a key cannot be kept: its parts are told apart by a zero byte, and no name in Kubernetes has a control character.
fn unstorable(key: &DeclaredKey) -> Option<Problem> {
    let parts = [
        ("group", &key.group_kind.group),
        ("kind", &key.group_kind.kind),
        ("namespace", &key.namespace),
        ("name", &key.name),
    ];
    // Of most no byte needs a second look: of what lies behind ASCII, only a character tells.
    let is_suspect = |text: &str| text.bytes().any(|byte| !(b' '..=b'~').contains(&byte));
    let has_control = |text: &str| is_suspect(text) && text.contains(char::is_control);
    let (part, text) = parts.into_iter().find(|(_, text)| has_control(text))?;
    let message = format!("the {part} {text:?} has a control character");
    Some(Problem::with_object(ProblemCode::DataInvalid, message))
}
