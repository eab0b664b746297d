//! The objects of one kind on the board.

use k1s_store::StoreError;
use k1s_sync_engine::id::Revision;
use serde_json::Value;

use super::{AsOf, Change, Item, ItemChanges, ItemPage, Place};
use crate::board::{Board, ControlKey, ControlObject, Unreachable};
use crate::object::ControlKind;
use crate::service::Parts;

/// Objects of the board.
#[derive(Clone, Debug)]
pub(in crate::service::read) struct ControlCollection {
    board: Board,
    kind: ControlKind,
}

impl ControlCollection {
    /// The objects of a kind.
    pub(super) fn new(parts: &Parts, kind: ControlKind) -> Self {
        Self {
            board: parts.board.clone(),
            kind,
        }
    }

    pub(super) fn newest(&self) -> Revision {
        Revision::new(self.board.version())
    }

    pub(super) async fn passes(&mut self, seen: Revision) -> bool {
        // Versions only rise, and `seen` is one of them or lies ahead.
        loop {
            let newest = self.board.version();
            if newest > seen.get() {
                return true;
            }
            if !self.board.changed(newest).await {
                return false;
            }
        }
    }

    pub(super) fn get(&self, name: &str) -> Option<Item> {
        let key = ControlKey {
            kind: self.kind,
            name: name.into(),
        };
        self.board.get(&key).map(Item::from)
    }

    pub(super) fn page(&self, from: Option<&Place>, as_of: AsOf) -> Result<ItemPage, StoreError> {
        let (objects, version) = self.board.list(self.kind);
        let at = match as_of {
            AsOf::Newest => Revision::new(version),
            // What did not change since is as it was.
            AsOf::Exactly(at) if self.changes(at)?.changes.is_empty() => at,
            AsOf::Exactly(asked) => {
                return Err(StoreError::TooOld {
                    asked,
                    oldest: Revision::new(version),
                });
            }
        };
        let items = objects.into_iter().map(Item::from);
        Ok(ItemPage {
            items: items
                .filter(|item| from.is_none_or(|from| item.place >= *from))
                .collect(),
            next: None,
            at,
        })
    }

    pub(super) fn changes(&self, after: Revision) -> Result<ItemChanges, StoreError> {
        let newest = Revision::new(self.board.version());
        let found = self.board.changes(self.kind, after.get());
        let found = found.map_err(|unreachable| match unreachable {
            Unreachable::TooOld => StoreError::TooOld {
                asked: after,
                oldest: newest,
            },
            Unreachable::NotYet => StoreError::NotYet {
                asked: after,
                revision: newest,
            },
        })?;
        let changes = found.changes.into_iter().map(|(kind, object)| Change {
            kind,
            revision: Revision::new(object.version),
            item: object.into(),
        });
        Ok(ItemChanges {
            changes: changes.collect(),
            reached: Revision::new(found.reached),
        })
    }
}

impl From<ControlObject> for Item {
    fn from(object: ControlObject) -> Self {
        Self {
            place: Place {
                namespace: Box::default(),
                name: object.key.name,
            },
            document: Value::clone(&object.body),
            owned: None,
        }
    }
}
