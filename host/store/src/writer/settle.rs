//! How a decision about a declared object is carried out, and what is remembered of it.

use k1s_object::{Canonical, ContentHash, Key, StatusRule, agree_on, overlay};
use k1s_sync_engine::decide::{Action, Likeness, LocalState};
use k1s_sync_engine::event::Verdict;
use k1s_sync_engine::id::Revision;
use k1s_sync_engine::policy::Undeclared;
use serde_json::Value;

use crate::engine::EngineError;
use crate::row::{Applied, Author, BaseAt, CurrentRow, InventoryRow, Live, Mark, Origin, Owner, Standing};
use crate::table::Table;
use crate::writer::application::Application;
use crate::writer::objects::{ObjectWrite, parse};
use crate::writer::pending::Deferral;
use crate::writer::upsert::{Prepared, Resolved};

/// The body an action leads to, and what the object was before.
struct Outcome {
    body: Canonical,
    before: Option<Live>,
}

/// Whether an object was written.
#[derive(Clone, Copy)]
enum Change {
    Real,
    None,
}

impl Application<'_, '_> {
    /// How the object stands to what this source applied.
    pub(crate) fn local_state(&self, prepared: &Prepared<'_>) -> Result<LocalState, EngineError> {
        let Some(current) = &prepared.current else {
            return Ok(LocalState::Absent);
        };
        if prepared.other_owner(&self.owner()).is_some() {
            return Ok(LocalState::OwnedByOther);
        }
        let Some(live) = &current.live else {
            return Ok(LocalState::Absent);
        };
        match (prepared.row_of(live), live.origin) {
            (Some(row), _) => self.compared_with(&prepared.resolved.key, row, live),
            (None, Origin::HostMade) => Ok(LocalState::HostMade),
            (None, Origin::Written) => {
                let body = self.value(live.revision)?;
                let declared = prepared.value()?;
                let equal = agree_on(&declared, Some(&body), Some(&declared));
                Ok(LocalState::Unowned(if equal {
                    Likeness::Equal
                } else {
                    Likeness::Different
                }))
            }
        }
    }

    fn compared_with(&self, key: &Key, row: &InventoryRow, live: &Live) -> Result<LocalState, EngineError> {
        let is_as_applied = row.applied.revision == live.revision;
        let same = match self.source.policy.undeclared {
            Undeclared::Survive if is_as_applied => true,
            Undeclared::Survive => {
                let (base, applied) = (self.base(key, row)?, self.value(row.applied.revision)?);
                agree_on(&base, Some(&self.value(live.revision)?), Some(&applied))
            }
            Undeclared::Strip if is_as_applied && row.base == BaseAt::Applied => true,
            Undeclared::Strip => {
                let (base, body) = (self.base(key, row)?, self.value(live.revision)?);
                self.laid(&body, Some(&base), &base) == body
            }
        };
        Ok(if same {
            LocalState::Untouched
        } else {
            LocalState::Edited
        })
    }

    fn value(&self, revision: Revision) -> Result<Value, EngineError> {
        parse(&self.transaction.body(revision)?)
    }

    /// The document the source last declared and the host applied.
    pub(crate) fn base(&self, key: &Key, row: &InventoryRow) -> Result<Value, EngineError> {
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

    /// Carries out what was decided.
    pub(crate) fn act(
        &mut self,
        prepared: Prepared<'_>,
        action: Action,
        local: LocalState,
    ) -> Result<Verdict, EngineError> {
        let Resolved { declaration, key, .. } = &prepared.resolved;
        match action {
            Action::Create | Action::Recreate => {
                let outcome = Outcome {
                    body: prepared.source.clone(),
                    before: None,
                };
                self.settle(&prepared, outcome)
            }
            Action::Adopt | Action::Update | Action::Revert => {
                let outcome = self.laid_over(&prepared, local)?;
                self.settle(&prepared, outcome)
            }
            // Nothing to write; the row still learns the new hash and transform.
            Action::Keep | Action::Forget | Action::Prune => {
                let outcome = self.as_it_is(&prepared)?;
                self.settle(&prepared, outcome)
            }
            Action::RefuseAdoption => self.defer(declaration, Deferral::in_the_way(key)),
            Action::Claim => {
                let me = self.owner();
                let owner = prepared.other_owner(&me).unwrap_or(&me);
                self.defer(declaration, Deferral::claim(key, owner, &me))
            }
        }
    }

    fn as_it_is(&self, prepared: &Prepared<'_>) -> Result<Outcome, EngineError> {
        let body = match prepared.live() {
            Some(live) => Canonical::from_sorted(self.transaction.body(live.revision)?),
            None => prepared.source.clone(),
        };
        Ok(Outcome {
            body,
            before: prepared.live().cloned(),
        })
    }

    /// Lays the declaration over the object that is there.
    fn laid_over(&self, prepared: &Prepared<'_>, local: LocalState) -> Result<Outcome, EngineError> {
        let Some(live) = prepared.live() else {
            return self.as_it_is(prepared);
        };
        let row = prepared.row_of(live);
        let replaces = row.is_some_and(|row| row.base == BaseAt::Applied && row.applied.revision == live.revision);
        let body = if replaces {
            prepared.source.clone()
        } else {
            // Across a version bump the old base speaks of other fields: only an untouched object can be compared with it.
            let comparable =
                |row: &&InventoryRow| local == LocalState::Untouched || row.api_version == prepared.api_version;
            let base = row
                .filter(comparable)
                .map(|row| self.base(&prepared.resolved.key, row))
                .transpose()?;
            let value = self.laid(&self.value(live.revision)?, base.as_ref(), &prepared.value()?);
            Canonical::from_sorted(value.to_string().into_bytes())
        };
        Ok(Outcome {
            body,
            before: Some(live.clone()),
        })
    }

    /// The declaration laid over a body. Where undeclared fields go, a status still stays, unless it is content.
    fn laid(&self, body: &Value, base: Option<&Value>, source: &Value) -> Value {
        match self.source.policy.undeclared {
            Undeclared::Survive => overlay(body, base, source),
            Undeclared::Strip => {
                let mut stripped = source.clone();
                if let (StatusRule::Drop, Some(fields), Some(status)) =
                    (self.source.policy.status, stripped.as_object_mut(), body.get("status"))
                {
                    fields.insert("status".to_owned(), status.clone());
                }
                stripped
            }
        }
    }

    /// Writes the object if its body differs, and the row that says what this source applied.
    fn settle(&mut self, prepared: &Prepared<'_>, outcome: Outcome) -> Result<Verdict, EngineError> {
        let Outcome { body, before } = outcome;
        match before {
            Some(live) if live.hash == body.hash() => {
                let live = self.take(prepared, live)?;
                self.remember(prepared, &live, body.hash(), Change::None)?;
                Ok(Verdict::Unchanged)
            }
            before => {
                let write = ObjectWrite {
                    key: &prepared.resolved.key,
                    body: &body,
                    owner: Some(self.owner()),
                    author: Author::Source(self.source.name.clone()),
                    origin: Origin::Written,
                    provenance: Some(prepared.resolved.declaration.provenance.clone()),
                    applied: None,
                };
                let live = self.transaction.write_object(self.world, write, before.as_ref())?;
                self.remember(prepared, &live, body.hash(), Change::Real)?;
                // A namespace that the host made only for its objects begins with its first declaration.
                Ok(match before {
                    Some(live) if live.origin != Origin::HostMade => Verdict::Updated,
                    Some(_) | None => Verdict::Created,
                })
            }
        }
    }

    /// Makes an object that needs no change this source's own.
    fn take(&mut self, prepared: &Prepared<'_>, live: Live) -> Result<Live, EngineError> {
        let live = Live {
            origin: Origin::Written,
            ..live
        };
        let row = CurrentRow {
            owner: Some(self.owner()),
            live: Some(live.clone()),
        };
        if prepared.current.as_ref() != Some(&row) {
            self.transaction
                .put(Table::Current, &prepared.resolved.key.encode(), &row)?;
        }
        Ok(live)
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
        let base = self.keep_base(prepared, result)?;
        let (generation, last_sync) = match (change, row) {
            (Change::None, Some(row)) => (row.generation, row.last_sync),
            (Change::Real, Some(row)) => (row.generation + 1, self.transaction.now()),
            (Change::Real | Change::None, None) => (1, self.transaction.now()),
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
            self.transaction.put(Table::Inventory, &self.place(key), &new)?;
        }
        self.drop_pending(&declaration.key)?;
        self.touch(key)
    }

    /// Keeps the base document beside the object where the two differ.
    fn keep_base(&mut self, prepared: &Prepared<'_>, result: ContentHash) -> Result<BaseAt, EngineError> {
        let Resolved { key, row, .. } = &prepared.resolved;
        let place = self.place(key);
        let kept = row.as_ref().filter(|row| row.base == BaseAt::Beside);
        if result == prepared.source.hash() {
            if kept.is_some() {
                self.transaction.delete(Table::Bases, &place)?;
            }
            return Ok(BaseAt::Applied);
        }
        if kept.is_none_or(|row| row.base_hash != prepared.source.hash()) {
            self.transaction
                .put_bytes(Table::Bases, &place, prepared.source.bytes())?;
        }
        Ok(BaseAt::Beside)
    }
}

impl Prepared<'_> {
    fn live(&self) -> Option<&Live> {
        self.current.as_ref().and_then(|current| current.live.as_ref())
    }

    /// The row, if it speaks of this life of the object.
    fn row_of(&self, live: &Live) -> Option<&InventoryRow> {
        self.resolved.row.as_ref().filter(|row| row.applied.uid == live.uid)
    }

    fn other_owner(&self, me: &Owner) -> Option<&Owner> {
        let owner = self.current.as_ref().and_then(|current| current.owner.as_ref());
        owner.filter(|owner| *owner != me)
    }
}
