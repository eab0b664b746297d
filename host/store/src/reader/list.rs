//! Lists: a page of the objects of a kind, as they are now or as they were at a revision.
//!
//! A list that is read in pages is one list only if each page is of the same revision, while objects go on to change.
//! Shortly after that revision, a page is what is current, with the few objects that changed since put back to what they
//! were. Long after, going through the changes would cost more than the page, and the page is made from the index of
//! versions instead, which names every version of each of its objects.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use k1s_object::{GroupKind, Key};
use k1s_sync_engine::id::Revision;

use super::{Page, Reader, StoredObject, each, last_version, owned_as_of, stored, version};
use crate::engine::{EngineError, KeyRange, Read};
use crate::error::StoreError;
use crate::meta;
use crate::place;
use crate::row::{self, VersionState};
use crate::table::Table;

/// Changes after which a page is made from the index of versions.
const FEW_CHANGES: u64 = 1000;
/// Rows of the index of versions that a page may go through before it ends, always with whole objects.
const ROWS_AT_ONCE: usize = 100_000;
/// Bytes of bodies after which a page ends.
const BYTES_AT_ONCE: usize = 16 * 1024 * 1024;

impl Reader {
    /// The objects of a kind as they are now, in all namespaces or one, from `from` on: at most `limit` of them, and fewer
    /// where they are large. The next page is of whatever is current by then.
    ///
    /// # Errors
    /// When the engine fails.
    pub fn list(
        &self,
        group_kind: &GroupKind,
        namespace: Option<&str>,
        from: Option<&Key>,
        limit: usize,
    ) -> Result<Page, StoreError> {
        let tables = self.engine.read()?;
        let range = range(group_kind, namespace, from);
        let at = meta::revision(&*tables)?;
        Ok(put_back(&*tables, &range, at, limit)?)
    }

    /// The objects of a kind exactly as they were at a revision, in all namespaces or one, from `from` on: at most `limit` of
    /// them, and fewer where they are large or many others were deleted; only `next` says whether there are more. What
    /// sources remember of them is as of now.
    ///
    /// # Errors
    /// [`StoreError::NotYet`] when the revision is not published yet, [`StoreError::TooOld`] when versions were dropped that
    /// may have been current then; else when the engine fails.
    pub fn list_at(
        &self,
        group_kind: &GroupKind,
        namespace: Option<&str>,
        from: Option<&Key>,
        limit: usize,
        at: Revision,
    ) -> Result<Page, StoreError> {
        let tables = self.engine.read()?;
        let revision = meta::revision(&*tables)?;
        let Some(behind) = revision.get().checked_sub(at.get()) else {
            return Err(StoreError::NotYet { asked: at, revision });
        };
        let oldest = meta::listable(&*tables)?;
        if at < oldest {
            return Err(StoreError::TooOld { asked: at, oldest });
        }
        let range = range(group_kind, namespace, from);
        Ok(if behind <= FEW_CHANGES {
            put_back(&*tables, &range, at, limit)?
        } else {
            walk(&*tables, &range, at, limit)?
        })
    }
}

fn range(group_kind: &GroupKind, namespace: Option<&str>, from: Option<&Key>) -> KeyRange {
    let mut range = KeyRange::prefix(&Key::prefix(group_kind, namespace));
    if let Some(from) = from {
        range.start = range.start.max(from.encode());
    }
    range
}

/// A page in the making.
struct Filling {
    page: Page,
    limit: usize,
    bytes: usize,
}

impl Filling {
    fn new(limit: usize) -> Self {
        Self {
            page: Page::default(),
            limit,
            bytes: 0,
        }
    }

    /// Takes the next object, if there is one; the first that has no place ends the page, and begins the next.
    fn add(&mut self, object: Option<StoredObject>) {
        let Some(object) = object else { return };
        if self.page.objects.len() >= self.limit || self.bytes >= BYTES_AT_ONCE {
            self.end(object.key);
        } else {
            self.bytes += object.body.len();
            self.page.objects.push(object);
        }
    }

    /// Ends the page before a key.
    fn end(&mut self, next: Key) {
        self.page.next = Some(next);
    }

    /// Whether the page goes on.
    fn flow(&self) -> ControlFlow<()> {
        match self.page.next {
            None => ControlFlow::Continue(()),
            Some(_) => ControlFlow::Break(()),
        }
    }
}

/// A page of what is current, with what changed after `at` put back.
fn put_back(tables: &dyn Read, range: &KeyRange, at: Revision, limit: usize) -> Result<Page, EngineError> {
    let mut filling = Filling::new(limit);
    let mut changed = changed_after(tables, at, range)?.into_iter().peekable();
    each(tables, Table::Current, range, &mut |key, value| {
        // Deleted since, and nobody remembers them.
        while let Some(gone) = changed.next_if(|changed| changed.as_slice() < key) {
            filling.add(as_of(tables, gone, at)?);
            if filling.flow().is_break() {
                return Ok(filling.flow());
            }
        }
        filling.add(match changed.next_if(|changed| changed == key) {
            Some(changed) => as_of(tables, changed, at)?,
            None => stored(
                tables,
                place::object(Table::Current, key)?,
                row::decode(Table::Current, value)?,
            )?,
        });
        Ok(filling.flow())
    })?;
    for gone in changed {
        if filling.flow().is_break() {
            break;
        }
        filling.add(as_of(tables, gone, at)?);
    }
    Ok(filling.page)
}

/// The encoded keys of a range whose objects changed after a revision.
fn changed_after(tables: &dyn Read, at: Revision, range: &KeyRange) -> Result<BTreeSet<Vec<u8>>, EngineError> {
    let mut changed = BTreeSet::new();
    let after = KeyRange::all().after(&place::version(at));
    each(tables, Table::Versions, &after, &mut |_, value| {
        let key = row::decode_head(value)?.0.key.encode();
        if range.contains(&key) {
            changed.insert(key);
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(changed)
}

/// A page from the index of versions: of each object, the last version up to `at`.
fn walk(tables: &dyn Read, range: &KeyRange, at: Revision, limit: usize) -> Result<Page, EngineError> {
    let mut filling = Filling::new(limit);
    let (mut of_key, mut last, mut rows) = (Vec::new(), None, 0);
    each(tables, Table::VersionsByKey, range, &mut |place, _| {
        let (key, revision) = place::split_version_of(place)?;
        if key != of_key {
            filling.add(object_at(tables, last.take())?);
            if filling.flow().is_continue() && rows >= ROWS_AT_ONCE {
                filling.end(place::object(Table::VersionsByKey, key)?);
            }
            if filling.flow().is_break() {
                return Ok(filling.flow());
            }
            of_key = key.to_vec();
        }
        rows += 1;
        last = Some(revision).filter(|revision| *revision <= at).or(last);
        Ok(ControlFlow::Continue(()))
    })?;
    // After a page that ended early, the last version found was already taken.
    filling.add(object_at(tables, last)?);
    Ok(filling.page)
}

/// An object by its encoded key, as it was at a revision.
fn as_of(tables: &dyn Read, key: Vec<u8>, at: Revision) -> Result<Option<StoredObject>, EngineError> {
    object_at(tables, last_version(tables, key, at)?)
}

/// The object that a version left; `None` for one that deleted it.
fn object_at(tables: &dyn Read, revision: Option<Revision>) -> Result<Option<StoredObject>, EngineError> {
    let Some(revision) = revision else { return Ok(None) };
    let bytes = version(tables, revision)?;
    let (head, body) = row::decode_head(&bytes)?;
    match head.state {
        VersionState::Deleted => Ok(None),
        VersionState::Created | VersionState::Updated => Ok(Some(StoredObject {
            owned: owned_as_of(tables, revision, &head)?,
            key: head.key,
            uid: head.uid,
            revision,
            generation: head.generation,
            created: head.created,
            body: body.to_vec(),
        })),
    }
}
