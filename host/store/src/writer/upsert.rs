//! What becomes of an object that a source declares.

use k1s_object::{Canonical, ContentHash, Document, Key, KindScope, agree_on, overlay};
use k1s_sync_engine::decide::{Action, Likeness, LocalState, SourceState as Declared, decide};
use k1s_sync_engine::event::Verdict;
use k1s_sync_engine::inventory::Presence;
use k1s_sync_engine::policy::{Denial, NamespaceCreation, Undeclared};
use k1s_sync_engine::problem::{Problem, ProblemCode};
use serde_json::{Value, json};

use crate::engine::EngineError;
use crate::row::{Applied, Author, BaseAt, Cause, CurrentRow, InventoryRow, Live, Mark, Origin, Standing};
use crate::table::Table;
use crate::writer::application::{Application, Declaration, Deferral};
use crate::writer::objects::{ObjectWrite, parse};
use crate::writer::world::namespace_kind;

/// Everything known about a declaration whose key resolved.
struct Resolved<'d> {
    declaration: &'d Declaration,
    key: Key,
    transform: u64,
    row: Option<InventoryRow>,
}

/// A declaration that parsed, beside the object as it is.
struct Prepared<'d> {
    resolved: Resolved<'d>,
    api_version: Box<str>,
    source: Canonical,
    value: Value,
    current: Option<CurrentRow>,
}

/// The body an action leads to, and what the object was before.
struct Outcome {
    body: Canonical,
    before: Option<Live>,
}

impl Application<'_, '_> {
    /// Applies a declaration, or keeps it as pending.
    pub(crate) fn upsert(&mut self, declaration: &Declaration) -> Result<(Option<Key>, Verdict), EngineError> {
        let group_kind = &declaration.key.group_kind;
        let Some(scope) = self.world.scope_of(group_kind) else {
            let verdict = self.defer(declaration, no_kind(declaration))?;
            return Ok((Some(declaration.key.unresolved()), verdict));
        };
        let key = declaration.key.resolve(scope, &self.source.policy.default_namespace);
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
            return self.defer(declaration, denied(denial, &key));
        }
        let transform = self.source.policy.transform(scope);
        let row = self.row(&key)?;
        if let Some(problem) = self.duplicate(declaration, &key, row.as_ref()) {
            return Ok(Verdict::Error(problem));
        }
        let resolved = Resolved {
            declaration,
            key,
            transform,
            row,
        };
        if let Some(row) = &resolved.row
            && is_unchanged(row, declaration, transform)
        {
            self.refresh(&resolved.key, row.clone(), declaration)?;
            return Ok(Verdict::Unchanged);
        }
        self.apply(resolved)
    }

    /// Two declarations of one listing that differ only in the namespace they leave out mean one object.
    fn duplicate(&mut self, declaration: &Declaration, key: &Key, row: Option<&InventoryRow>) -> Option<Problem> {
        let row = row.filter(|row| row.standing == Standing::Owned)?;
        let hash = self.hash(key);
        let twice = self.scope_state().index.is_touched(hash) && row.declared_namespace != declaration.key.namespace;
        let message = || {
            let other = &row.provenance;
            format!("{key}, also in {}:{}", other.path, other.line)
        };
        twice.then(|| Problem::with_object(ProblemCode::DuplicateKey, message()))
    }

    /// Keeps a row that still holds, bringing only the source's words about it up to date.
    pub(crate) fn refresh(
        &mut self,
        key: &Key,
        row: InventoryRow,
        declaration: &Declaration,
    ) -> Result<(), EngineError> {
        self.touch(key)?;
        self.drop_pending(&declaration.key)?;
        if row.source_version != declaration.source_version || row.provenance != declaration.provenance {
            let row = InventoryRow {
                source_version: declaration.source_version.clone(),
                provenance: declaration.provenance.clone(),
                ..row
            };
            self.transaction.put(Table::Inventory, &self.place(key), &row)?;
        }
        Ok(())
    }

    fn apply(&mut self, resolved: Resolved<'_>) -> Result<Verdict, EngineError> {
        let declaration = resolved.declaration;
        let document = match read(declaration) {
            Ok(document) => document,
            Err(message) => return self.defer(declaration, invalid(message)),
        };
        if let Some(deferral) = self.missing_namespace(&resolved.key)? {
            return self.defer(declaration, deferral);
        }
        let api_version = document.api_version().to_string().into();
        let source = Canonical::of(document, &resolved.key, self.source.policy.status);
        self.conclude(resolved, api_version, source)
    }

    /// Decides on a declaration in canonical form, and acts.
    fn conclude(
        &mut self,
        resolved: Resolved<'_>,
        api_version: Box<str>,
        source: Canonical,
    ) -> Result<Verdict, EngineError> {
        let value = parse(source.bytes())?;
        let current = self.transaction.current(&resolved.key)?;
        let prepared = Prepared {
            resolved,
            api_version,
            source,
            value,
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

    /// Decides anew on an object that somebody else wrote, with what the source last declared.
    fn reconsider(
        &mut self,
        declaration: &Declaration,
        key: &Key,
        row: InventoryRow,
        transform: u64,
    ) -> Result<Verdict, EngineError> {
        let source = Canonical::from_sorted(self.base(key, &row)?.to_string().into_bytes());
        let api_version = row.api_version.clone();
        let declaration = Declaration {
            content_hash: row.content_hash,
            ..declaration.clone()
        };
        let resolved = Resolved {
            declaration: &declaration,
            key: key.clone(),
            transform,
            row: Some(row),
        };
        self.conclude(resolved, api_version, source)
    }

    /// Makes the namespace of an object, or says what is missing.
    fn missing_namespace(&mut self, key: &Key) -> Result<Option<Deferral>, EngineError> {
        if key.namespace.is_empty() || self.world.has_namespace(&key.namespace) {
            return Ok(None);
        }
        match self.source.policy.namespace_creation {
            NamespaceCreation::Declared => Ok(Some(Deferral {
                code: ProblemCode::NoNamespace,
                message: format!(
                    "{key}: namespace {} does not exist; declare it, or set createNamespaces",
                    key.namespace
                ),
                cause: Cause::Namespace(key.namespace.clone()),
            })),
            NamespaceCreation::Automatic => self.make_namespace(&key.namespace).map(|()| None),
        }
    }

    fn make_namespace(&mut self, name: &str) -> Result<(), EngineError> {
        let kind = namespace_kind();
        let key = Key::new(&kind.group, &kind.kind, "", name);
        let body = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
        let body = Canonical::of_body(body, &key, self.source.policy.status);
        let owner = self.transaction.current(&key)?.and_then(|current| current.owner);
        let write = ObjectWrite {
            key: &key,
            body: &body,
            owner,
            author: Author::Host,
            origin: Origin::HostMade,
            provenance: None,
            applied: None,
        };
        self.transaction.write_object(self.world, write, None)?;
        Ok(())
    }

    fn local_state(&mut self, prepared: &Prepared<'_>) -> Result<LocalState, EngineError> {
        let Some(current) = &prepared.current else {
            return Ok(LocalState::Absent);
        };
        if current.owner.as_ref().is_some_and(|owner| *owner != self.owner()) {
            return Ok(LocalState::OwnedByOther);
        }
        let Some(live) = &current.live else {
            return Ok(LocalState::Absent);
        };
        let row = prepared.resolved.row.as_ref().filter(|row| row.applied.uid == live.uid);
        match row {
            Some(row) if row.applied.revision == live.revision => Ok(LocalState::Untouched),
            Some(row) => {
                let (base, applied) = (
                    self.base(&prepared.resolved.key, row)?,
                    self.value(row.applied.revision)?,
                );
                let same = agree_on(&base, Some(&self.value(live.revision)?), Some(&applied));
                Ok(if same {
                    LocalState::Untouched
                } else {
                    LocalState::Edited
                })
            }
            None if live.origin == Origin::HostMade => Ok(LocalState::HostMade),
            // Handed over by its former owner.
            None if current.owner.is_some() => Ok(LocalState::Edited),
            None => {
                let equal = agree_on(
                    &prepared.value,
                    Some(&self.value(live.revision)?),
                    Some(&prepared.value),
                );
                Ok(LocalState::Unowned(if equal {
                    Likeness::Equal
                } else {
                    Likeness::Different
                }))
            }
        }
    }

    fn value(&self, revision: k1s_sync_engine::id::Revision) -> Result<Value, EngineError> {
        parse(&self.transaction.body(revision)?)
    }

    /// The document the source last declared and the host applied.
    fn base(&self, key: &Key, row: &InventoryRow) -> Result<Value, EngineError> {
        match row.base {
            BaseAt::Applied => self.value(row.applied.revision),
            BaseAt::Beside => {
                let bytes = self.transaction.get_bytes(Table::Bases, &self.place(key))?;
                parse(&bytes.ok_or_else(|| EngineError::Row {
                    table: Table::Bases.name(),
                    detail: format!("the base of {key} is missing"),
                })?)
            }
        }
    }

    fn act(&mut self, prepared: Prepared<'_>, action: Action, local: LocalState) -> Result<Verdict, EngineError> {
        let declaration = prepared.resolved.declaration;
        match action {
            Action::Create | Action::Recreate => {
                let body = prepared.source.clone();
                self.settle(prepared, Outcome { body, before: None })
            }
            Action::Adopt | Action::Update | Action::Revert => {
                let outcome = self.laid_over(&prepared, local)?;
                self.settle(prepared, outcome)
            }
            // Nothing to write; the row still learns the new hash and transform.
            Action::Keep | Action::Forget | Action::Prune => {
                let outcome = self.as_it_is(&prepared)?;
                self.settle(prepared, outcome)
            }
            Action::RefuseAdoption => self.defer(declaration, in_the_way(&prepared.resolved.key)),
            Action::Claim => self.defer(declaration, claimed(&prepared, &self.owner())),
        }
    }

    fn as_it_is(&self, prepared: &Prepared<'_>) -> Result<Outcome, EngineError> {
        match prepared.live() {
            Some(live) => {
                let body = Canonical::from_sorted(self.transaction.body(live.revision)?);
                Ok(Outcome {
                    body,
                    before: Some(live.clone()),
                })
            }
            None => Ok(Outcome {
                body: prepared.source.clone(),
                before: None,
            }),
        }
    }

    /// Lays the declaration over the object that is there.
    fn laid_over(&self, prepared: &Prepared<'_>, local: LocalState) -> Result<Outcome, EngineError> {
        let Some(live) = prepared.live() else {
            return Ok(Outcome {
                body: prepared.source.clone(),
                before: None,
            });
        };
        let row = prepared.resolved.row.as_ref().filter(|row| row.applied.uid == live.uid);
        let replaces = row.is_some_and(|row| row.base == BaseAt::Applied && row.applied.revision == live.revision);
        if replaces || self.source.policy.undeclared == Undeclared::Strip {
            return Ok(Outcome {
                body: prepared.source.clone(),
                before: Some(live.clone()),
            });
        }
        // Across a version bump the old base speaks of other fields: only an untouched object can be compared with it.
        let comparable =
            |row: &&InventoryRow| local == LocalState::Untouched || row.api_version == prepared.api_version;
        let base = row
            .filter(comparable)
            .map(|row| self.base(&prepared.resolved.key, row))
            .transpose()?;
        let value = overlay(&self.value(live.revision)?, base.as_ref(), &prepared.value);
        Ok(Outcome {
            body: Canonical::from_sorted(value.to_string().into_bytes()),
            before: Some(live.clone()),
        })
    }

    /// Writes the object if its body differs, and the row that says what this source applied.
    fn settle(&mut self, prepared: Prepared<'_>, outcome: Outcome) -> Result<Verdict, EngineError> {
        let key = &prepared.resolved.key;
        let owner = Some(self.owner());
        let differs = outcome
            .before
            .as_ref()
            .is_none_or(|live| live.hash != outcome.body.hash());
        let live = match outcome.before {
            Some(live) if !differs => {
                let adopted = Live {
                    origin: Origin::Written,
                    ..live.clone()
                };
                let row = CurrentRow {
                    owner,
                    live: Some(adopted.clone()),
                };
                if prepared.current.as_ref() != Some(&row) {
                    self.transaction.put(Table::Current, &key.encode(), &row)?;
                }
                adopted
            }
            before => {
                let write = ObjectWrite {
                    key,
                    body: &outcome.body,
                    owner,
                    author: Author::Source(self.source.name.clone()),
                    origin: Origin::Written,
                    provenance: Some(prepared.resolved.declaration.provenance.clone()),
                    applied: None,
                };
                let written = self.transaction.write_object(self.world, write, before.as_ref())?;
                self.remember(&prepared, &written, outcome.body.hash(), Change::Real)?;
                return Ok(if before.is_some() {
                    Verdict::Updated
                } else {
                    Verdict::Created
                });
            }
        };
        self.remember(&prepared, &live, outcome.body.hash(), Change::None)?;
        Ok(Verdict::Unchanged)
    }

    fn remember(
        &mut self,
        prepared: &Prepared<'_>,
        live: &Live,
        result: ContentHash,
        change: Change,
    ) -> Result<(), EngineError> {
        let Resolved {
            declaration,
            key,
            transform,
            row,
        } = &prepared.resolved;
        let place = self.place(key);
        let base = if result == prepared.source.hash() {
            BaseAt::Applied
        } else {
            BaseAt::Beside
        };
        match (base, row.as_ref().map(|row| row.base)) {
            (BaseAt::Beside, _) => self
                .transaction
                .put_bytes(Table::Bases, &place, prepared.source.bytes())?,
            (BaseAt::Applied, Some(BaseAt::Beside)) => self.transaction.delete(Table::Bases, &place)?,
            (BaseAt::Applied, Some(BaseAt::Applied) | None) => {}
        }
        let (generation, last_sync) = match (change, row) {
            (Change::None, Some(row)) => (row.generation, row.last_sync),
            (Change::None | Change::Real, _) => {
                (row.as_ref().map_or(1, |row| row.generation + 1), self.transaction.now())
            }
        };
        let new = InventoryRow {
            declared_namespace: declaration.key.namespace.clone(),
            content_hash: declaration.content_hash,
            base_hash: prepared.source.hash(),
            base,
            api_version: prepared.api_version.clone(),
            applied: Applied {
                revision: live.revision,
                uid: live.uid,
            },
            source_version: declaration.source_version.clone(),
            source_type: self.source.policy.source_type.clone(),
            provenance: declaration.provenance.clone(),
            transform: *transform,
            selection: self.source.policy.selection,
            standing: Standing::Owned,
            mark: Mark::Clean,
            generation,
            last_sync,
        };
        if row.as_ref().is_none_or(|row| row.standing == Standing::Orphaned) {
            self.transaction.gained(&self.source.name, &key.group_kind);
        }
        if row.as_ref() != Some(&new) {
            self.transaction.put(Table::Inventory, &place, &new)?;
        }
        self.drop_pending(&declaration.key)?;
        self.touch(key)
    }

    /// Confirms a row by the source's word alone; `None` when the host does not hold that state.
    pub(crate) fn seen(&mut self, declaration: &Declaration) -> Result<Option<Verdict>, EngineError> {
        let unresolved = declaration.key.unresolved();
        let scope = self.world.scope_of(&declaration.key.group_kind);
        let key = scope.map(|scope| declaration.key.resolve(scope, &self.source.policy.default_namespace));
        let transform = scope.map(|scope| self.source.policy.transform(scope));
        if let (Some(key), Some(transform)) = (&key, transform)
            && let Some(row) = self.row(key)?
            && row.source_version == declaration.source_version
            && row.standing == Standing::Owned
            && row.transform == transform
        {
            let declaration = Declaration {
                provenance: row.provenance.clone(),
                ..declaration.clone()
            };
            return match row.mark {
                Mark::Clean => self.refresh(key, row, &declaration).map(|()| Some(Verdict::Unchanged)),
                Mark::Written => self.reconsider(&declaration, key, row, transform).map(Some),
            };
        }
        let hash = self.hash(&unresolved);
        if self.scope_state().index.presence(hash) == Presence::Indexed
            && let Some(pending) = self
                .transaction
                .get::<crate::row::PendingRow>(Table::Pending, &self.place(&unresolved))?
            && pending.source_version == declaration.source_version
        {
            return self.retry(pending).map(|(_, verdict)| Some(verdict));
        }
        Ok(None)
    }
}

#[derive(Clone, Copy)]
enum Change {
    Real,
    None,
}

impl Prepared<'_> {
    fn live(&self) -> Option<&Live> {
        self.current.as_ref().and_then(|current| current.live.as_ref())
    }

    fn declared(&self) -> Declared {
        match &self.resolved.row {
            None => Declared::New,
            Some(row) if row.base_hash == self.source.hash() => Declared::Same,
            Some(_) => Declared::Changed,
        }
    }
}

fn is_unchanged(row: &InventoryRow, declaration: &Declaration, transform: u64) -> bool {
    row.content_hash == declaration.content_hash
        && row.transform == transform
        && row.mark == Mark::Clean
        && row.standing == Standing::Owned
        && row.declared_namespace == declaration.key.namespace
}

fn read(declaration: &Declaration) -> Result<Document, String> {
    let document = Document::from_json(&declaration.object).map_err(|error| error.to_string())?;
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

fn no_kind(declaration: &Declaration) -> Deferral {
    let kind = &declaration.key.group_kind;
    Deferral {
        code: ProblemCode::NoKind,
        message: format!("{kind} is not a known kind; add its CustomResourceDefinition"),
        cause: Cause::Kind(kind.clone()),
    }
}

fn invalid(message: String) -> Deferral {
    Deferral {
        code: ProblemCode::DataInvalid,
        message,
        cause: Cause::Content,
    }
}

fn denied(denial: Denial, key: &Key) -> Deferral {
    let message = match denial {
        Denial::ProtectedGroup => format!("{key}: objects of this group belong to the host"),
        Denial::Kind => format!("{key}: the source's `kinds` do not allow {}", key.group_kind),
        Denial::Namespace => format!("{key}: the source's `namespaces` do not allow {}", key.namespace),
    };
    Deferral {
        code: ProblemCode::KindNotAllowed,
        message,
        cause: Cause::Content,
    }
}

fn in_the_way(key: &Key) -> Deferral {
    Deferral {
        code: ProblemCode::AdoptionConflict,
        message: format!("{key} exists with other content and belongs to no source; set `adoption`, or delete it"),
        cause: Cause::Object(key.clone()),
    }
}

fn claimed(prepared: &Prepared<'_>, me: &crate::row::Owner) -> Deferral {
    let key = &prepared.resolved.key;
    let owner = prepared.current.as_ref().and_then(|current| current.owner.as_ref());
    let same_source = owner.is_some_and(|owner| owner.source == me.source);
    let (code, whose) = match owner {
        Some(owner) if same_source => (
            ProblemCode::DuplicateKey,
            format!("scope {} of this source", owner.scope),
        ),
        Some(owner) => (ProblemCode::OwnershipConflict, format!("source {}", owner.source)),
        None => (ProblemCode::OwnershipConflict, "another source".to_owned()),
    };
    Deferral {
        code,
        message: format!("{key} belongs to {whose}"),
        cause: Cause::Object(key.clone()),
    }
}
