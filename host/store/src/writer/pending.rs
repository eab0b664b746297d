//! Declarations that have to wait: why, until when, and the rows that remember them.

use k1s_object::{DeclaredKey, Key};
use k1s_sync_engine::event::Verdict;
use k1s_sync_engine::inventory::{OpenGeneration, Presence};
use k1s_sync_engine::policy::Denial;
use k1s_sync_engine::problem::{Problem, ProblemCode};

use crate::engine::EngineError;
use crate::place;
use crate::row::{Cause, Owner, PendingRow};
use crate::table::Table;
use crate::writer::application::{Application, Declaration};

/// Why a declaration has to wait.
pub(crate) struct Deferral {
    code: ProblemCode,
    message: String,
    cause: Cause,
}

impl Deferral {
    pub(crate) fn no_kind(declaration: &Declaration) -> Self {
        let kind = &declaration.key.group_kind;
        Self {
            code: ProblemCode::NoKind,
            message: format!("{kind} is not a known kind; add its CustomResourceDefinition"),
            cause: Cause::Kind(kind.clone()),
        }
    }

    pub(crate) fn no_namespace(key: &Key) -> Self {
        let namespace = &key.namespace;
        Self {
            code: ProblemCode::NoNamespace,
            message: format!("{key}: namespace {namespace} does not exist; declare it, or set createNamespaces"),
            cause: Cause::Namespace(namespace.clone()),
        }
    }

    pub(crate) fn invalid(message: String) -> Self {
        Self {
            code: ProblemCode::DataInvalid,
            message,
            cause: Cause::Content,
        }
    }

    pub(crate) fn denied(denial: Denial, key: &Key) -> Self {
        let message = match denial {
            Denial::ProtectedGroup => format!("{key}: objects of this group belong to the host"),
            Denial::Kind => format!("{key}: the source's `kinds` do not allow {}", key.group_kind),
            Denial::Namespace => format!("{key}: the source's `namespaces` do not allow {}", key.namespace),
        };
        Self {
            code: ProblemCode::KindNotAllowed,
            message,
            cause: Cause::Content,
        }
    }

    /// An object that no source owns is in the way.
    pub(crate) fn in_the_way(key: &Key) -> Self {
        Self {
            code: ProblemCode::AdoptionConflict,
            message: format!("{key} exists with other content and belongs to no source; set `adoption`, or delete it"),
            cause: Cause::Object(key.clone()),
        }
    }

    /// The object belongs to another source, or to another scope of this one.
    pub(crate) fn claim(key: &Key, owner: &Owner, claimant: &Owner) -> Self {
        let (code, whose) = if owner.source == claimant.source {
            let whose = format!("scope {:?} of this source", owner.scope.as_str());
            (ProblemCode::DuplicateKey, whose)
        } else {
            (ProblemCode::OwnershipConflict, format!("source {}", owner.source))
        };
        Self {
            code,
            message: format!("{key} belongs to {whose}"),
            cause: Cause::Object(key.clone()),
        }
    }

    /// Another declaration of the same scope means the same object.
    pub(crate) fn duplicate(key: &Key, path: &str, line: u32) -> Self {
        Self {
            code: ProblemCode::DuplicateKey,
            message: format!("{key} is also declared in {path}:{line}"),
            cause: Cause::Object(key.clone()),
        }
    }
}

impl Application<'_, '_> {
    /// Keeps a declaration as pending. It counts as touched, and so does the object that an earlier declaration of the
    /// key made.
    pub(crate) fn defer(&mut self, declaration: &Declaration, deferral: Deferral) -> Result<Verdict, EngineError> {
        self.keep_pending(declaration, &deferral)?;
        self.touch_hash(self.pending_hash(&declaration.key));
        self.touch_declared_row(&declaration.key)?;
        Ok(Verdict::Pending(Problem::with_object(deferral.code, deferral.message)))
    }

    /// Writes the pending row, unless it says nothing new.
    fn keep_pending(&mut self, declaration: &Declaration, deferral: &Deferral) -> Result<(), EngineError> {
        let before = self.pending_row(&declaration.key)?;
        let mut row = PendingRow {
            key: declaration.key.clone(),
            object: declaration.object.to_vec(),
            content_hash: declaration.content_hash,
            source_version: declaration.source_version.clone(),
            provenance: declaration.provenance.clone(),
            code: deferral.code,
            message: deferral.message.clone(),
            cause: deferral.cause.clone(),
            attempts: before.as_ref().map_or(0, |row| row.attempts),
        };
        if before.as_ref() == Some(&row) {
            return Ok(());
        }
        row.attempts = row.attempts.saturating_add(1);
        match before {
            Some(before) => self.stop_waiting(&before.key, &before.cause)?,
            None => self.scope_state().pending += 1,
        }
        self.store_pending(&row)
    }

    fn store_pending(&mut self, row: &PendingRow) -> Result<(), EngineError> {
        let key = row.key.unresolved();
        self.transaction.put(Table::Pending, &self.place(&key), row)?;
        let waiting = place::waiting(&row.cause, &self.source.name, &self.scope, &key);
        self.transaction.put_bytes(Table::PendingByCause, &waiting, &[])
    }

    fn stop_waiting(&mut self, declared: &DeclaredKey, cause: &Cause) -> Result<(), EngineError> {
        let waiting = place::waiting(cause, &self.source.name, &self.scope, &declared.unresolved());
        self.transaction.delete(Table::PendingByCause, &waiting)
    }

    /// The pending row of a declared key; asks the tables only when the index knows it.
    pub(crate) fn pending_row(&mut self, declared: &DeclaredKey) -> Result<Option<PendingRow>, EngineError> {
        let hash = self.pending_hash(declared);
        match self.scope_state().index.presence(hash) {
            Presence::Absent => Ok(None),
            Presence::Indexed => self
                .transaction
                .get(Table::Pending, &self.place(&declared.unresolved())),
        }
    }

    /// Every pending row of the scope.
    pub(crate) fn pending_rows(&self) -> Result<Vec<PendingRow>, EngineError> {
        let prefix = place::scope(&self.source.name, &self.scope);
        let rows = self.transaction.rows_where(Table::Pending, &prefix, &mut |_| true)?;
        Ok(rows.into_iter().map(|(_, row)| row).collect())
    }

    /// Drops what was pending for a declared key, if anything was.
    pub(crate) fn drop_pending(&mut self, declared: &DeclaredKey) -> Result<(), EngineError> {
        let Some(row) = self.pending_row(declared)? else {
            return Ok(());
        };
        self.transaction
            .delete(Table::Pending, &self.place(&declared.unresolved()))?;
        self.stop_waiting(declared, &row.cause)?;
        let hash = self.pending_hash(declared);
        let state = self.scope_state();
        state.pending -= 1;
        state.index.remove(hash);
        Ok(())
    }

    /// Pending declarations that a whole listing did not have were never objects: they go without guard.
    pub(crate) fn drop_absent_pending(&mut self, open: &OpenGeneration) -> Result<(), EngineError> {
        if self.scope_state().pending == 0 {
            return Ok(());
        }
        for row in self.pending_rows()? {
            let hash = self.pending_hash(&row.key);
            let touched = self.scope_state().index.was_touched(hash, open.generation());
            if !touched && !open.pins(&row.provenance.path) {
                self.withdraw(&row.key)?;
            }
        }
        Ok(())
    }

    /// Drops what was pending for a key that is declared no longer; an object is not left behind without a row.
    pub(crate) fn withdraw(&mut self, declared: &DeclaredKey) -> Result<(), EngineError> {
        let Some(row) = self.pending_row(declared)? else {
            return Ok(());
        };
        self.drop_pending(declared)?;
        match &row.cause {
            Cause::Object(key) => self.give_up_rowless(key),
            Cause::Kind(_) | Cause::Namespace(_) | Cause::Content => Ok(()),
        }
    }

    /// Takes over what was pending in another scope, unless there is a newer word of the key here.
    pub(crate) fn inherit_pending(&mut self, row: &PendingRow) -> Result<(), EngineError> {
        if self.pending_row(&row.key)?.is_some() {
            return Ok(());
        }
        self.store_pending(row)?;
        let hash = self.pending_hash(&row.key);
        let state = self.scope_state();
        state.pending += 1;
        state.index.insert(hash);
        Ok(())
    }
}

impl From<PendingRow> for Declaration {
    fn from(row: PendingRow) -> Self {
        Self {
            key: row.key,
            object: row.object.into(),
            document: None,
            content_hash: row.content_hash,
            source_version: row.source_version,
            provenance: row.provenance,
        }
    }
}
