//! What a watcher was told, in the order in which it was told.

use std::collections::BTreeMap;

use anyhow::Context as _;
use k1s_object::Key;
use serde_json::Value;

use super::portable;

/// What is told of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// It was there when the watcher began.
    Listed,
    /// It is new.
    Added,
    /// It is another now.
    Modified,
    /// It is gone.
    Deleted,
}

/// One thing that was told.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// What happened.
    pub kind: EventKind,
    /// To which object.
    pub key: Key,
    /// The revision of the change.
    pub revision: u64,
    /// The identity of the object.
    pub uid: String,
    /// What is in it, or was when it was deleted.
    pub body: Value,
}

impl Event {
    /// Reads an object as the API serves it.
    pub(super) fn new(kind: EventKind, object: Value) -> anyhow::Result<Self> {
        let text = |pointer: &str| {
            let text = object.pointer(pointer).and_then(Value::as_str);
            text.map(str::to_owned)
                .with_context(|| format!("no {pointer} in {object}"))
        };
        let revision = text("/metadata/resourceVersion")?.parse()?;
        let uid = text("/metadata/uid")?;
        let (key, body) = portable(object)?;
        Ok(Self {
            kind,
            key,
            revision,
            uid,
            body,
        })
    }
}

/// Everything that was told.
#[derive(Clone, Debug, Default)]
pub struct Journal {
    /// The events; of one kind of objects in their order.
    pub events: Vec<Event>,
    /// What a watcher must never be told, such as that it has to begin anew.
    pub faults: Vec<String>,
    /// The revision from which on everything was watched.
    pub begun: u64,
    /// How often a watch was begun.
    pub watches: usize,
}

impl Journal {
    /// The objects that are there according to what was told, with the revision of the last change.
    #[must_use]
    pub fn present(&self) -> BTreeMap<&Key, &Event> {
        let mut present = BTreeMap::new();
        for event in &self.events {
            match event.kind {
                EventKind::Listed | EventKind::Added | EventKind::Modified => drop(present.insert(&event.key, event)),
                EventKind::Deleted => drop(present.remove(&event.key)),
            }
        }
        present
    }

    /// The last thing that was told of each object.
    #[must_use]
    pub fn last(&self) -> BTreeMap<&Key, &Event> {
        self.events.iter().map(|event| (&event.key, event)).collect()
    }
}
