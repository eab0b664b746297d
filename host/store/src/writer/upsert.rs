//! What becomes of an object that a source declares: from the declaration to the decision.
//!
//! How the decision is carried out is in `settle.rs`.

use std::borrow::Cow;

use bytes::Bytes;
use k1s_object::{Canonical, DeclaredKey, Document, Key, KindScope, StatusRule};
use k1s_sync_engine::decide::{SourceState as Declared, decide};
use k1s_sync_engine::event::Verdict;
use k1s_sync_engine::policy::NamespaceCreation;
use serde_json::{Value, json};

use crate::engine::EngineError;
use crate::row::{Author, CurrentRow, InventoryRow, Mark, Origin, Standing};
use crate::table::Table;
use crate::writer::application::{Application, Declaration};
use crate::writer::objects::{ObjectWrite, parse};
use crate::writer::pending::Deferral;
use crate::writer::prune::Candidate;
use crate::writer::world::namespace_kind;

/// Everything known about a declaration whose key resolved.
pub(crate) struct Resolved<'d> {
    pub(crate) declaration: &'d Declaration,
    pub(crate) key: Key,
    pub(crate) transform: u64,
    pub(crate) row: Option<InventoryRow>,
}

/// A declaration that parsed, beside the object as it is.
pub(crate) struct Prepared<'d> {
    pub(crate) resolved: Resolved<'d>,
    pub(crate) api_version: Box<str>,
    pub(crate) source: Canonical,
    pub(crate) current: Option<CurrentRow>,
}

impl Application<'_, '_> {
    /// Applies a declaration, or keeps it as pending.
    pub(crate) fn upsert(&mut self, declaration: &Declaration) -> Result<(Option<Key>, Verdict), EngineError> {
        let Some(scope) = self.world.scope_of(&declaration.key.group_kind) else {
            let verdict = self.defer(declaration, Deferral::no_kind(declaration))?;
            return Ok((Some(declaration.key.unresolved()), verdict));
        };
        let key = self.resolved_as(&declaration.key, scope);
        let verdict = self.upsert_resolved(declaration, key.clone(), scope)?;
        Ok((Some(key), verdict))
    }

    fn upsert_resolved(
        &mut self,
        declaration: &Declaration,
        key: Key,
        scope: KindScope,
    ) -> Result<Verdict, EngineError> {
        if let Err(denial) = self.source.policy.permits(&key.group_kind, &key.namespace) {
            return self.defer(declaration, Deferral::denied(denial, &key));
        }
        let transform = self.source.transform(scope);
        let word = self.world.word(&self.said(declaration, transform));
        if self.touch_known(&key, &declaration.key, word)? {
            return Ok(Verdict::Unchanged);
        }
        let row = self.comparable_row(&key)?;
        if let Some(row) = row.as_ref().filter(|row| is_duplicate(row, declaration)) {
            let other = &row.provenance;
            return self.defer(declaration, Deferral::duplicate(&key, &other.path, other.line));
        }
        let resolved = Resolved {
            declaration,
            key,
            transform,
            row,
        };
        match &resolved.row {
            Some(row) if is_unchanged(row, declaration, resolved.transform) => {
                self.refresh(&resolved.key, row.clone(), declaration)?;
                Ok(Verdict::Unchanged)
            }
            Some(_) | None => self.apply(resolved),
        }
    }

    /// The row of a key. Of an orphan, and of an object that a user made anew, nobody keeps the version that was applied:
    /// once that is gone, there is nothing to compare with, and the row goes too, and with it the object's owner.
    fn comparable_row(&mut self, key: &Key) -> Result<Option<InventoryRow>, EngineError> {
        let Some(row) = self.row(key)? else { return Ok(None) };
        let is_settled = row.standing == Standing::Owned && row.mark == Mark::Clean;
        if is_settled || self.transaction.has_version(row.applied.revision)? {
            return Ok(Some(row));
        }
        if row.standing == Standing::Owned {
            self.transaction.given_up(&self.source.name, &key.group_kind);
        }
        let key = key.clone();
        self.give_up(&key)?;
        self.forget_row(&Candidate { key, row })?;
        Ok(None)
    }

    /// Keeps a row that still holds and is as its source left it, bringing up to date what is remembered beside the
    /// content.
    pub(crate) fn refresh(
        &mut self,
        key: &Key,
        row: InventoryRow,
        declaration: &Declaration,
    ) -> Result<(), EngineError> {
        self.drop_pending(&declaration.key)?;
        self.touch(key)?;
        let after = InventoryRow {
            source_version: declaration.source_version.clone(),
            source_type: self.source.policy.source_type.clone(),
            provenance: declaration.provenance.clone(),
            selection: self.source.policy.selection,
            ..row.clone()
        };
        if after != row {
            self.transaction.put(Table::Inventory, &self.place(key), &after)?;
        }
        self.note_said(key, declaration, row.transform);
        Ok(())
    }

    fn apply(&mut self, resolved: Resolved<'_>) -> Result<Verdict, EngineError> {
        let document = match read(resolved.declaration, self.source.policy.status) {
            Ok(document) => document,
            Err(message) => return self.defer(resolved.declaration, Deferral::invalid(message)),
        };
        let api_version = document.api_version().to_string().into();
        let source = document.canonical_in(&resolved.key.namespace);
        self.conclude(resolved, api_version, source)
    }

    /// Decides on a declaration in canonical form, and acts.
    fn conclude(
        &mut self,
        resolved: Resolved<'_>,
        api_version: Box<str>,
        source: Canonical,
    ) -> Result<Verdict, EngineError> {
        if let Some(deferral) = self.missing_namespace(&resolved.key)? {
            return self.defer(resolved.declaration, deferral);
        }
        let current = self.transaction.current(&resolved.key)?;
        let prepared = Prepared {
            resolved,
            api_version,
            source,
            current,
        };
        let declared = prepared.declared();
        let local = self.local_state(&prepared)?;
        let action = decide(
            self.source.policy.conflict,
            self.source.policy.adoption,
            declared,
            local,
        );
        self.act(prepared, action, local)
    }

    /// Makes the namespace of an object, or says what is missing.
    fn missing_namespace(&mut self, key: &Key) -> Result<Option<Deferral>, EngineError> {
        if key.namespace.is_empty() || self.world.has_namespace(&key.namespace) {
            return Ok(None);
        }
        match self.source.policy.namespace_creation {
            NamespaceCreation::Declared => Ok(Some(Deferral::no_namespace(key))),
            NamespaceCreation::Automatic => self.make_namespace(&key.namespace).map(|()| None),
        }
    }

    pub(crate) fn make_namespace(&mut self, name: &str) -> Result<(), EngineError> {
        let kind = namespace_kind();
        let key = Key::new(&kind.group, &kind.kind, "", name);
        let body = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});

        let write = ObjectWrite {
            key: &key,
            body: &Canonical::of_body(&body, &key, self.source.policy.status),
            // Whoever owned a former life of it declares it anew, or does not.
            owner: None,
            author: Author::Host,
            origin: Origin::HostMade,
            provenance: None,
            applied: None,
        };
        self.transaction.write_object(self.world, write, None)?;
        Ok(())
    }

    /// Confirms a declaration by the source's word alone; `None` when the host does not hold that state.
    pub(crate) fn seen(&mut self, declaration: &Declaration) -> Result<Option<(Option<Key>, Verdict)>, EngineError> {
        if let Some(scope) = self.world.scope_of(&declaration.key.group_kind) {
            let key = self.resolved_as(&declaration.key, scope);
            let transform = self.source.transform(scope);
            let word = self.world.word(&self.said(declaration, transform).seen());
            if self.touch_known(&key, &declaration.key, word)? {
                return Ok(Some((Some(key), Verdict::Unchanged)));
            }
            if let Some(row) = self
                .comparable_row(&key)?
                .filter(|row| is_seen(row, declaration, transform))
            {
                let verdict = self.confirm(declaration, &key, row, transform)?;
                return Ok(Some((Some(key), verdict)));
            }
        }

        match self.pending_row(&declaration.key)? {
            Some(row) if row.source_version == declaration.source_version => self.upsert(&row.into()).map(Some),
            Some(_) | None => Ok(None),
        }
    }

    /// Keeps a row that still holds; decides anew where somebody else wrote the object.
    fn confirm(
        &mut self,
        declaration: &Declaration,
        key: &Key,
        row: InventoryRow,
        transform: u64,
    ) -> Result<Verdict, EngineError> {
        let declaration = Declaration {
            content_hash: row.content_hash,
            provenance: row.provenance.clone(),
            ..declaration.clone()
        };
        match row.mark {
            Mark::Clean => self.refresh(key, row, &declaration).map(|()| Verdict::Unchanged),
            Mark::Written => {
                let base = self.base(key, &row)?;
                let source = Canonical::from_sorted(base.to_string().into_bytes());
                let declaration = Declaration {
                    object: as_declared(base, &declaration.key),
                    ..declaration
                };
                let api_version = row.api_version.clone();
                let resolved = Resolved {
                    declaration: &declaration,
                    key: key.clone(),
                    transform,
                    row: Some(row),
                };
                self.conclude(resolved, api_version, source)
            }
        }
    }
}

impl Prepared<'_> {
    /// The declaration's canonical form, taken apart.
    pub(crate) fn value(&self) -> Result<Value, EngineError> {
        parse(self.source.bytes())
    }

    fn declared(&self) -> Declared {
        match &self.resolved.row {
            None => Declared::New,
            Some(row) if row.base_hash == self.source.hash() => Declared::Same,
            Some(_) => Declared::Changed,
        }
    }
}

/// Two declarations of one scope that differ only in the namespace they leave out mean one object. The later one waits;
/// when the source no longer declares the earlier one, it takes its place.
fn is_duplicate(row: &InventoryRow, declaration: &Declaration) -> bool {
    row.standing == Standing::Owned && row.declared_namespace != declaration.key.namespace
}

fn is_unchanged(row: &InventoryRow, declaration: &Declaration, transform: u64) -> bool {
    row.content_hash == declaration.content_hash
        && row.transform == transform
        && row.mark == Mark::Clean
        && row.standing == Standing::Owned
        && row.declared_namespace == declaration.key.namespace
}

fn is_seen(row: &InventoryRow, declaration: &Declaration, transform: u64) -> bool {
    row.source_version == declaration.source_version
        && row.transform == transform
        && row.standing == Standing::Owned
        && row.declared_namespace == declaration.key.namespace
}

/// A base as its source could have sent it, for the case that it has to wait.
fn as_declared(mut base: Value, declared: &DeclaredKey) -> Bytes {
    if let Some(metadata) = base.get_mut("metadata").and_then(Value::as_object_mut) {
        if declared.namespace.is_empty() {
            metadata.remove("namespace");
        } else {
            metadata.insert("namespace".to_owned(), Value::from(&*declared.namespace));
        }
    }
    base.to_string().into()
}

/// Reads a declaration's object, unless that was done ahead under the same rule.
fn read(declaration: &Declaration, status: StatusRule) -> Result<Cow<'_, Document>, String> {
    let document = match &declaration.document {
        Some(document) if document.status() == status => Cow::Borrowed(document),
        Some(_) | None => Cow::Owned(Document::read(&declaration.object, status).map_err(|error| error.to_string())?),
    };
    if document.key() == &declaration.key {
        Ok(document)
    } else {
        Err(format!(
            "the object says {}, the source says {}",
            document.key(),
            declaration.key
        ))
    }
}
