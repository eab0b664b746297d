//! The objects of one kind, stored or on the board, behind one face: all that reads are made of.
//!
//! The methods that read block, and belong on a thread that may; each holds the store only while it runs.

use k1s_object::Key;
use k1s_store::StoreError;
use k1s_store::reader::Owned;
use k1s_sync_engine::id::Revision;
use serde_json::Value;

use crate::board::ControlChange as ChangeKind;
use crate::service::Parts;
use crate::service::request::{Resource, ResourceCall};

mod control;
mod stored;

use control::ControlCollection;
use stored::StoredCollection;

/// One object, ready to be shown.
#[derive(Clone, Debug)]
pub(super) struct Item {
    /// Where it stands in its collection.
    pub(super) place: Place,
    /// As it is served.
    pub(super) document: Value,
    /// What is remembered of it by the source that owns it.
    pub(super) owned: Option<Owned>,
}

/// Where an object stands in its collection; the order is that of lists.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    /// Empty for a cluster-scoped kind.
    pub(super) namespace: Box<str>,
    /// Its name.
    pub(super) name: Box<str>,
}

/// As of which revision a page is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AsOf {
    /// The newest.
    Newest,
    /// This one.
    Exactly(Revision),
}

/// One page of a collection.
#[derive(Debug)]
pub(super) struct ItemPage {
    /// In their order.
    pub(super) items: Vec<Item>,
    /// Where the next page begins; `None` after the last.
    pub(super) next: Option<Place>,
    /// The revision it is as of.
    pub(super) at: Revision,
}

/// One object as a text of JSON.
#[derive(Debug)]
pub(super) struct Text {
    /// Where it stands in its collection.
    pub(super) place: Place,
    /// As it is shown.
    pub(super) json: String,
}

/// One page of a collection, as texts.
#[derive(Debug)]
pub(super) struct TextPage {
    /// In their order.
    pub(super) texts: Vec<Text>,
    /// Where the next page begins; `None` after the last.
    pub(super) next: Option<Place>,
    /// The revision it is as of.
    pub(super) at: Revision,
}

/// Changes after a revision.
#[derive(Debug)]
pub(super) struct ItemChanges {
    /// In their order.
    pub(super) changes: Vec<Change>,
    /// The revision up to which nothing is missing.
    pub(super) reached: Revision,
}

/// One change of an object.
#[derive(Debug)]
pub(super) struct Change {
    /// What happened.
    pub(super) kind: ChangeKind,
    /// The object after it, or the last state of one that is gone; with the revision of this change either way.
    pub(super) item: Item,
    /// The revision of this change.
    pub(super) revision: Revision,
}

/// What an object was before a change.
#[derive(Debug)]
pub(super) enum Before {
    /// This.
    Was(Box<Item>),
    /// It was not there.
    Absent,
    /// It is not remembered.
    Forgotten,
}

/// The objects of one kind: in one namespace, or in all.
#[derive(Clone, Debug)]
pub(super) enum Collection {
    /// Those of the store.
    Stored(StoredCollection),
    /// Those of the board.
    Control(ControlCollection),
}

impl Collection {
    /// The objects that a request is about.
    pub(super) fn of(parts: &Parts, call: &ResourceCall) -> Self {
        match &call.resource {
            Resource::Stored { names, .. } => Self::Stored(StoredCollection::new(
                parts,
                names.group_kind.clone(),
                call.namespace.clone(),
            )),
            Resource::Control(kind) => Self::Control(ControlCollection::new(parts, *kind)),
        }
    }

    /// The newest revision.
    pub(super) fn newest(&self) -> Revision {
        match self {
            Self::Stored(stored) => stored.newest(),
            Self::Control(control) => control.newest(),
        }
    }

    /// Waits until there is a newer revision than `seen`; false when there will be none, because the host is gone.
    pub(super) async fn passes(&mut self, seen: Revision) -> bool {
        match self {
            Self::Stored(stored) => stored.passes(seen).await,
            Self::Control(control) => control.passes(seen).await,
        }
    }

    /// One object as it is now.
    ///
    /// # Errors
    /// When the store fails.
    pub(super) fn get(&self, name: &str) -> Result<Option<Item>, StoreError> {
        match self {
            Self::Stored(stored) => stored.get(name),
            Self::Control(control) => Ok(control.get(name)),
        }
    }

    /// A page from a place on, of at most `limit` objects; the board has only one page.
    ///
    /// # Errors
    /// [`StoreError::TooOld`] and [`StoreError::NotYet`] for a revision out of reach; else when the store fails.
    pub(super) fn page(&self, from: Option<&Place>, limit: usize, as_of: AsOf) -> Result<ItemPage, StoreError> {
        match self {
            Self::Stored(stored) => stored.page(from, limit, as_of),
            Self::Control(control) => control.page(from, as_of),
        }
    }

    /// The same page, of objects as they are served.
    ///
    /// # Errors
    /// As of [`page`](Self::page).
    pub(super) fn texts(&self, from: Option<&Place>, limit: usize, as_of: AsOf) -> Result<TextPage, StoreError> {
        match self {
            Self::Stored(stored) => stored.texts(from, limit, as_of),
            Self::Control(control) => {
                let whole = |item: Item| Text {
                    json: item.document.to_string(),
                    place: item.place,
                };
                let ItemPage { items, next, at } = control.page(from, as_of)?;
                Ok(TextPage {
                    texts: items.into_iter().map(whole).collect(),
                    next,
                    at,
                })
            }
        }
    }

    /// The next changes after a revision; not all of them where there are many.
    ///
    /// # Errors
    /// [`StoreError::TooOld`] and [`StoreError::NotYet`] for a revision out of reach; else when the store fails.
    pub(super) fn changes(&self, after: Revision) -> Result<ItemChanges, StoreError> {
        match self {
            Self::Stored(stored) => stored.changes(after),
            Self::Control(control) => control.changes(after),
        }
    }

    /// What an object was before a change.
    ///
    /// # Errors
    /// When the store fails.
    pub(super) fn before(&self, change: &Change) -> Result<Before, StoreError> {
        match self {
            Self::Stored(stored) => stored.before(&change.item.place, change.revision),
            // They have no labels and keep their names, which is all that can be selected.
            Self::Control(_) => Ok(Before::Was(Box::new(change.item.clone()))),
        }
    }
}

impl Item {
    /// Says another resource version of it.
    pub(super) fn at(mut self, revision: Revision) -> Self {
        if let Some(metadata) = self.document.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.insert("resourceVersion".to_owned(), revision.to_string().into());
        }
        self
    }
}

impl Place {
    fn of(key: Key) -> Self {
        Self {
            namespace: key.namespace,
            name: key.name,
        }
    }
}
