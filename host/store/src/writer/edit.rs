//! Writes by users of the store, beside every source.

use k1s_object::{Canonical, Key, StatusRule};
use k1s_sync_engine::id::Revision;
use serde_json::Value;

use crate::engine::EngineError;
use crate::error::StoreError;
use crate::place;
use crate::row::{Author, Cause, CurrentRow, InventoryRow, Live, Mark, Origin, Owner, Uid};
use crate::table::Table;
use crate::writer::objects::ObjectWrite;
use crate::writer::transaction::Transaction;
use crate::writer::world::World;

/// One write by a user.
#[derive(Clone, Debug, PartialEq)]
pub struct Edit {
    /// The object.
    pub key: Key,
    /// What it shall be.
    pub body: EditBody,
    /// What must hold before.
    pub precondition: Precondition,
    /// Who writes.
    pub user: Box<str>,
}

/// What a user wants an object to be.
#[derive(Clone, Debug, PartialEq)]
pub enum EditBody {
    /// This.
    Put(Value),
    /// Gone.
    Delete,
}

/// What must hold of an object before a write; a field that is absent asks for nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Precondition {
    /// Its last version.
    pub revision: Option<Revision>,
    /// Its identity.
    pub uid: Option<Uid>,
}

/// What came of a user's write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edited {
    /// The object's version now, or the one that deleted it.
    pub revision: Revision,
}

pub(crate) fn apply(
    transaction: &mut Transaction<'_>,
    world: &mut World,
    edit: Edit,
) -> Result<Result<Edited, StoreError>, EngineError> {
    let current = transaction.current(&edit.key)?;
    let (owner, live) = current.map_or((None, None), |CurrentRow { owner, live }| (owner, live));
    if let Err(error) = check(&edit, live.as_ref()) {
        return Ok(Err(error));
    }
    let author = Author::Local(edit.user);
    let revision = match (edit.body, live) {
        (EditBody::Delete, None) => return Ok(Err(StoreError::NotFound(edit.key))),
        (EditBody::Delete, Some(live)) => {
            mark_written(transaction, &edit.key, owner.as_ref())?;
            transaction.delete_object(world, &edit.key, &live, author, owner)?
        }
        (EditBody::Put(value), live) => {
            let body = Canonical::of_body(&value, &edit.key, StatusRule::Keep);
            if let Some(live) = live.as_ref().filter(|live| live.hash == body.hash()) {
                return Ok(Ok(Edited {
                    revision: live.revision,
                }));
            }
            let applied = mark_written(transaction, &edit.key, owner.as_ref())?;
            // A new life is its maker's; whoever owned the last one may adopt it.
            let owner = owner.filter(|_| live.is_some());
            let write = ObjectWrite {
                key: &edit.key,
                body: &body,
                owner,
                author,
                // What the host made stays open to its first declaration.
                origin: live.as_ref().map_or(Origin::Written, |live| live.origin),
                provenance: None,
                applied,
            };
            let written = transaction.write_object(world, write, live.as_ref())?;
            transaction.arrived(Cause::Object(edit.key));
            written.revision
        }
    };
    Ok(Ok(Edited { revision }))
}

fn check(edit: &Edit, live: Option<&Live>) -> Result<(), StoreError> {
    let Precondition { revision, uid } = &edit.precondition;
    match live {
        None if revision.is_some() || uid.is_some() => Err(StoreError::NotFound(edit.key.clone())),
        None => Ok(()),
        Some(live) => {
            if let Some(expected) = uid.filter(|uid| *uid != live.uid) {
                return Err(StoreError::OtherUid {
                    key: edit.key.clone(),
                    found: live.uid,
                    expected,
                });
            }
            match revision.filter(|revision| *revision != live.revision) {
                Some(expected) => Err(StoreError::Conflict {
                    key: edit.key.clone(),
                    found: live.revision,
                    expected,
                }),
                None => Ok(()),
            }
        }
    }
}

/// Tells the owner's row that somebody else wrote the object; returns the version the owner applied.
fn mark_written(
    transaction: &mut Transaction<'_>,
    key: &Key,
    owner: Option<&Owner>,
) -> Result<Option<Revision>, EngineError> {
    let Some(owner) = owner else { return Ok(None) };
    let place = place::row(&owner.source, &owner.scope, key);
    let Some(row) = transaction.get::<InventoryRow>(Table::Inventory, &place)? else {
        return Ok(None);
    };
    let applied = row.applied.revision;
    transaction.put(
        Table::Inventory,
        &place,
        &InventoryRow {
            mark: Mark::Written,
            ..row
        },
    )?;
    Ok(Some(applied))
}
