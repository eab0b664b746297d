//! What a source says in one session, and what a store holds after each batch of it.
//!
//! Rounds differ: most values change, one object comes, one goes, and one changes while it is watched. The state that a round
//! begins with is that of the round before, so that every session has something to create, to update and to prune.

use k1s_object::ContentHash;
use k1s_source_proto::SnapshotDigest;
use k1s_source_proto::v1;
use k1s_source_proto::v1::source_message::Message;
use serde_json::json;

use super::Contents;

/// The namespace of every object.
pub(super) const NAMESPACE: &str = "shop";
/// Objects in a batch.
const BATCH: usize = 3;
/// The object that changes after the listing.
const WATCHED: &str = "watched";

/// What a source says in one round.
pub(super) struct Script {
    listed: Contents,
    watched: String,
}

impl Script {
    /// A few small objects.
    pub(super) fn small(round: u64) -> Self {
        Self::new(round, 5, 8)
    }

    /// Many objects, over many frames.
    pub(super) fn large(round: u64) -> Self {
        Self::new(round, 180, 3_000)
    }

    fn new(round: u64, objects: u64, length: usize) -> Self {
        let value = |number: u64| match number % 3 {
            0 => format!("{:->length$}", "same"),
            _ => format!("{round:->length$}"),
        };
        let mut listed: Contents = (0..objects)
            .map(|number| (format!("o-{number:03}"), value(number)))
            .collect();
        listed.insert(format!("turn-{}", round % 2), "here".to_owned());
        listed.insert(WATCHED.to_owned(), format!("{round} listed"));
        Self {
            listed,
            watched: format!("{round} live"),
        }
    }

    /// What the source has in the end.
    pub(super) fn declared(&self) -> Contents {
        let mut declared = self.listed.clone();
        declared.insert(WATCHED.to_owned(), self.watched.clone());
        declared
    }

    /// What a store may hold after a part of the session, from nothing of it to all of it.
    pub(super) fn prefixes(&self, before: &Contents) -> Vec<Contents> {
        let mut state = before.clone();
        let mut states = vec![state.clone()];
        let listed: Vec<_> = self.listed.clone().into_iter().collect();
        for batch in listed.chunks(BATCH) {
            state.extend(batch.iter().cloned());
            states.push(state.clone());
        }
        states.push(self.listed.clone());
        states.push(self.declared());
        states
    }

    /// A listing, and a change after it.
    pub(super) fn session(&self) -> Vec<v1::SourceMessage> {
        let mut messages = list(&self.listed);
        let seq = self.listed.len().div_ceil(BATCH) as u64 + 1;
        let scope = String::new();
        messages.push(Message::Live(v1::Live { scope: scope.clone() }));
        messages.push(Message::Batch(v1::Batch {
            seq,
            scope,
            events: vec![event(WATCHED, &self.watched)],
            ..v1::Batch::default()
        }));
        said(messages)
    }

    /// A listing of what the source has in the end.
    pub(super) fn listing(&self) -> Vec<v1::SourceMessage> {
        said(list(&self.declared()))
    }
}

fn said(messages: Vec<Message>) -> Vec<v1::SourceMessage> {
    let some = |message| v1::SourceMessage { message: Some(message) };
    messages.into_iter().map(some).collect()
}

fn list(objects: &Contents) -> Vec<Message> {
    let mut digest = SnapshotDigest::new();
    let mut messages = vec![Message::SnapshotBegin(v1::SnapshotBegin {
        generation: 1,
        root_identity: "root".to_owned(),
        ..v1::SnapshotBegin::default()
    })];
    let objects: Vec<_> = objects.iter().collect();
    for (index, batch) in objects.chunks(BATCH).enumerate() {
        let events = batch.iter().map(|(name, value)| event(name, value));
        let events: Vec<v1::Event> = events.collect();
        for event in &events {
            if let (Some(key), Some(v1::event::Change::Upsert(upsert))) = (&event.key, &event.change) {
                digest.upsert(key, upsert.content_hash.as_ref().try_into().unwrap());
            }
        }
        messages.push(Message::Batch(v1::Batch {
            seq: index as u64 + 1,
            generation: Some(1),
            events,
            ..v1::Batch::default()
        }));
    }
    messages.push(Message::SnapshotEnd(v1::SnapshotEnd {
        generation: 1,
        outcome: v1::snapshot_end::Outcome::Complete.into(),
        counts: Some(digest.counts()),
        digest: digest.finish().to_vec().into(),
        ..v1::SnapshotEnd::default()
    }));
    messages
}

fn event(name: &str, value: &str) -> v1::Event {
    let object = json!({
        "apiVersion": "v1",
        "data": {"value": value},
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": NAMESPACE},
    });
    let object = object.to_string().into_bytes();
    v1::Event {
        key: Some(v1::Key {
            kind: "ConfigMap".to_owned(),
            namespace: NAMESPACE.to_owned(),
            name: name.to_owned(),
            ..v1::Key::default()
        }),
        provenance: Some(v1::Provenance {
            path: format!("{name}.yaml"),
            ..v1::Provenance::default()
        }),
        change: Some(v1::event::Change::Upsert(v1::Upsert {
            content_hash: ContentHash::of(&object).as_bytes().to_vec().into(),
            object: object.into(),
        })),
        ..v1::Event::default()
    }
}
