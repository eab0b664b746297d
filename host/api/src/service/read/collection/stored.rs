//! The objects of one kind in the store.

use k1s_object::{GroupKind, Key};
use k1s_store::reader::{ChangeFilter, Page, StoredObject, Version};
use k1s_store::row::VersionState;
use k1s_store::served::Servery;
use k1s_store::{Reader, StoreError};
use k1s_sync_engine::id::Revision;
use tokio::sync::watch;

use super::{AsOf, Before, Change, Item, ItemChanges, ItemPage, Place, Text, TextPage};
use crate::board::ControlChange as ChangeKind;
use crate::service::Parts;

/// Changes that are read at once.
const CHANGES_AT_ONCE: usize = 500;

/// Objects of the store.
#[derive(Clone, Debug)]
pub(in crate::service::read) struct StoredCollection {
    reader: Reader,
    servery: Servery,
    published: watch::Receiver<Revision>,
    group_kind: GroupKind,
    namespace: Option<Box<str>>,
}

impl StoredCollection {
    /// The objects of a kind, in one namespace or in all.
    pub(super) fn new(parts: &Parts, group_kind: GroupKind, namespace: Option<Box<str>>) -> Self {
        Self {
            reader: parts.reader.clone(),
            servery: parts.servery.clone(),
            published: parts.reader.published(),
            group_kind,
            namespace,
        }
    }

    pub(super) fn newest(&self) -> Revision {
        *self.published.borrow()
    }

    pub(super) async fn passes(&mut self, seen: Revision) -> bool {
        self.published.wait_for(|newest| *newest > seen).await.is_ok()
    }

    pub(super) fn get(&self, name: &str) -> Result<Option<Item>, StoreError> {
        let key = self.key(self.namespace.as_deref().unwrap_or_default(), name);
        let object = self.reader.get(&key)?;
        object.map(|object| self.item(object)).transpose()
    }

    fn key(&self, namespace: &str, name: &str) -> Key {
        Key {
            group_kind: self.group_kind.clone(),
            namespace: namespace.into(),
            name: name.into(),
        }
    }

    fn item(&self, object: StoredObject) -> Result<Item, StoreError> {
        Ok(Item {
            document: self.servery.serve(&object)?,
            place: Place::of(object.key),
            owned: object.owned,
        })
    }

    fn item_of_version(&self, version: Version) -> Result<Item, StoreError> {
        Ok(Item {
            document: self.servery.serve_version(&version, version.owned.as_ref())?,
            place: Place::of(version.head.key),
            owned: version.owned,
        })
    }

    pub(super) fn page(&self, from: Option<&Place>, limit: usize, as_of: AsOf) -> Result<ItemPage, StoreError> {
        let (page, at) = self.stored_page(from, limit, as_of)?;
        let items = page.objects.into_iter().map(|object| self.item(object));
        Ok(ItemPage {
            items: items.collect::<Result<_, _>>()?,
            next: page.next.map(Place::of),
            at,
        })
    }

    pub(super) fn texts(&self, from: Option<&Place>, limit: usize, as_of: AsOf) -> Result<TextPage, StoreError> {
        let (page, at) = self.stored_page(from, limit, as_of)?;
        let texts = page.objects.into_iter().map(|object| {
            Ok(Text {
                json: self.servery.serve_text(&object)?,
                place: Place::of(object.key),
            })
        });
        Ok(TextPage {
            texts: texts.collect::<Result<_, StoreError>>()?,
            next: page.next.map(Place::of),
            at,
        })
    }

    fn stored_page(&self, from: Option<&Place>, limit: usize, as_of: AsOf) -> Result<(Page, Revision), StoreError> {
        let at = match as_of {
            AsOf::Newest => self.reader.revision(),
            AsOf::Exactly(at) => at,
        };
        let from = from.map(|place| self.key(&place.namespace, &place.name));
        let (kind, namespace) = (&self.group_kind, self.namespace.as_deref());
        Ok((self.reader.list_at(kind, namespace, from.as_ref(), limit, at)?, at))
    }

    pub(super) fn changes(&self, after: Revision) -> Result<ItemChanges, StoreError> {
        let kind = self.group_kind.clone();
        let filter = match &self.namespace {
            None => ChangeFilter::Kind(kind),
            Some(namespace) => ChangeFilter::Namespace(kind, namespace.clone()),
        };
        let found = self.reader.changes(after, CHANGES_AT_ONCE, &filter)?;
        let changes = found.versions.into_iter().map(|version| {
            Ok(Change {
                kind: match version.head.state {
                    VersionState::Created => ChangeKind::Added,
                    VersionState::Updated => ChangeKind::Modified,
                    VersionState::Deleted => ChangeKind::Deleted,
                },
                revision: version.revision,
                item: self.item_of_version(version)?,
            })
        });
        Ok(ItemChanges {
            changes: changes.collect::<Result<_, StoreError>>()?,
            reached: found.reached,
        })
    }

    pub(super) fn before(&self, place: &Place, revision: Revision) -> Result<Before, StoreError> {
        let key = self.key(&place.namespace, &place.name);
        let Some(version) = self.reader.version_before(&key, revision)? else {
            return Ok(Before::Forgotten);
        };
        Ok(match version.head.state {
            VersionState::Deleted => Before::Absent,
            VersionState::Created | VersionState::Updated => Before::Was(Box::new(self.item_of_version(version)?)),
        })
    }
}
