//! What the host holds, by the contract's rules of what may be deleted.

use std::collections::{BTreeMap, BTreeSet};

use k1s_source_proto::KnownObject;
use k1s_source_proto::v1::event::Change;
use k1s_source_proto::v1::{Event, Key, Known};
use serde_json::Value;

use super::listing::Listing;

/// What the host holds of one scope.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Inventory(BTreeMap<Key, Row>);

#[derive(Clone, Debug, PartialEq)]
struct Row {
    version: String,
    path: String,
    object: Value,
}

impl Inventory {
    /// The objects as `Kind name`, each with where it comes from and its `data.value`, if it has one.
    pub(crate) fn lines(&self) -> Vec<String> {
        let line = |(key, row): (&Key, &Row)| {
            let value = row.object["data"]["value"]
                .as_str()
                .map(|value| format!(" = {value}"))
                .unwrap_or_default();
            format!("{} {} from {}{value}", key.kind, key.name, row.path)
        };
        self.0.iter().map(line).collect()
    }

    /// Replaces every source version by what `change` makes of its path and it.
    pub(crate) fn map_versions(&mut self, change: impl Fn(&str, &str) -> String) {
        self.0
            .values_mut()
            .for_each(|row| row.version = change(&row.path, &row.version));
    }

    pub(crate) fn versions(&self) -> Vec<&str> {
        self.0.values().map(|row| row.version.as_str()).collect()
    }

    pub(super) fn known(&self, scope: &str) -> Vec<Known> {
        let objects: Vec<_> = self
            .0
            .iter()
            .map(|(key, row)| {
                let parts = [&*key.group, &*key.kind, &*key.namespace, &*key.name];
                KnownObject::new(parts, &row.version, &row.path)
            })
            .collect();
        let known = |objects: &[KnownObject], last| Known {
            scope: scope.to_owned(),
            objects: objects.to_vec(),
            last,
        };
        let mut messages: Vec<_> = objects.chunks(512).map(|chunk| known(chunk, false)).collect();
        messages.push(known(&[], true));
        messages
    }

    /// Applies changes outside a listing.
    pub(crate) fn apply_changes(&mut self, events: &[Event]) {
        for event in events {
            match event.change.as_ref().unwrap() {
                Change::Upsert(_) => self.upsert(event),
                Change::Delete(_) => {
                    let gone = self.0.remove(event.key.as_ref().unwrap());
                    assert!(gone.is_some(), "a delete of what is not there: {event:?}");
                }
                Change::Failed(_) | Change::Ignored(_) => {}
                Change::Seen(_) => panic!("Seen outside a listing"),
            }
        }
    }

    fn upsert(&mut self, event: &Event) {
        let Some(Change::Upsert(upsert)) = &event.change else {
            return;
        };
        let row = Row {
            version: event.source_version.clone(),
            path: event.provenance.clone().unwrap_or_default().path,
            object: serde_json::from_slice(&upsert.object).unwrap(),
        };
        self.0.insert(event.key.clone().unwrap(), row);
    }

    /// Applies a listing: what it does not mention goes, unless a failure keeps it or the listing is incomplete.
    pub(crate) fn apply(&mut self, listing: &Listing) {
        let (mut touched, mut pinned_paths) = (BTreeSet::new(), Vec::new());
        for event in &listing.events {
            let provenance = event.provenance.clone().unwrap_or_default();
            touched.extend(event.key.clone());
            match event.change.as_ref().unwrap() {
                Change::Upsert(_) => self.upsert(event),
                Change::Seen(_) => {
                    let held = self.0.get(event.key.as_ref().unwrap()).map(|row| row.version.as_str());
                    assert_eq!(
                        held,
                        Some(event.source_version.as_str()),
                        "Seen of what the host does not hold"
                    );
                }
                Change::Failed(_) if event.key.is_none() => pinned_paths.push(provenance.path),
                Change::Failed(_) | Change::Ignored(_) => {}
                Change::Delete(_) => panic!("a delete in a listing"),
            }
        }
        let is_below = |path: &str, pin: &String| {
            path.strip_prefix(pin.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let is_pinned = |path: &str| pinned_paths.iter().any(|pin| is_below(path, pin));
        if listing.is_complete() {
            self.0.retain(|key, row| touched.contains(key) || is_pinned(&row.path));
        }
    }
}
