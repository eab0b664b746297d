//! The control objects as they are now: written by the host, read by whoever asks.
//!
//! The host *puts* objects whole; what did not change takes no resource version and wakes no watcher. Resource versions
//! begin at the time the board was made, in microseconds, so that they go on rising from one run of the host to the next
//! although nothing of this is stored: a watcher that comes back with a version of an earlier run is told to list again.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use k1s_object::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::sync::watch;
use uuid::Uuid;

use crate::object::ControlKind;

/// Changes that a watch can go back.
const REMEMBERED_CHANGES: usize = 4096;

/// Names a control object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ControlKey {
    /// Its kind.
    pub kind: ControlKind,
    /// Its name.
    pub name: Box<str>,
}

/// A control object as it is served: with kind, name, uid and resource version.
#[derive(Clone, Debug, PartialEq)]
pub struct ControlObject {
    /// Its key.
    pub key: ControlKey,
    /// Its resource version.
    pub version: u64,
    /// The whole object.
    pub body: Arc<Value>,
}

/// What happened to a control object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ControlChange {
    /// It was not there before.
    Added,
    /// It is another.
    Modified,
    /// It is gone.
    Deleted,
}

/// What a control object is to say, without what the board adds.
#[derive(Clone, Debug, PartialEq)]
pub struct ControlBody {
    /// When what it describes began.
    pub created: Timestamp,
    /// Its annotations.
    pub annotations: BTreeMap<String, String>,
    /// What is wanted.
    pub spec: Value,
    /// What is so.
    pub status: Value,
}

#[derive(Debug)]
struct Contents {
    version: u64,
    objects: BTreeMap<ControlKey, ControlObject>,
    changes: VecDeque<(ControlChange, ControlObject)>,
    /// The newest change that is not remembered any more, or where the board began.
    forgotten: u64,
}

/// Writes control objects. There is one.
#[derive(Debug)]
pub struct BoardWriter {
    contents: watch::Sender<Contents>,
    identity: Box<str>,
}

/// Reads control objects; cheap to clone.
#[derive(Clone, Debug)]
pub struct Board {
    contents: watch::Receiver<Contents>,
}

/// A resource version that the board cannot go on from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreachable {
    /// What came after it is forgotten.
    TooOld,
    /// It does not exist yet.
    NotYet,
}

/// Changes after a resource version.
#[derive(Clone, Debug, PartialEq)]
pub struct ControlChanges {
    /// In their order.
    pub changes: Vec<(ControlChange, ControlObject)>,
    /// The version up to which nothing is missing.
    pub reached: u64,
}

/// Makes an empty board. `identity` is what uids are made from beside kind and name; `now` is where versions begin.
#[must_use]
pub fn board(identity: &str, now: Timestamp) -> (BoardWriter, Board) {
    let begin = now.as_millis().saturating_mul(1000);
    let (sender, receiver) = watch::channel(Contents {
        version: begin,
        objects: BTreeMap::new(),
        changes: VecDeque::new(),
        forgotten: begin,
    });
    let writer = BoardWriter {
        contents: sender,
        identity: identity.into(),
    };
    (writer, Board { contents: receiver })
}

impl BoardWriter {
    /// Says what an object is.
    pub fn put(&self, key: &ControlKey, body: &ControlBody) {
        let uid = self.uid(key);
        self.contents.send_if_modified(|contents| contents.put(key, body, uid));
    }

    /// Says that an object is gone.
    pub fn remove(&self, key: &ControlKey) {
        self.contents.send_if_modified(|contents| contents.remove(key));
    }

    /// The names of the objects of a kind that are there.
    #[must_use]
    pub fn names(&self, kind: ControlKind) -> Vec<Box<str>> {
        let contents = self.contents.borrow();
        contents.of_kind(kind).map(|object| object.key.name.clone()).collect()
    }

    /// A stable identity: the same source of the same instance is the same object, whenever the host runs.
    fn uid(&self, key: &ControlKey) -> Uuid {
        let named = format!("{}\n{}\n{}", self.identity, key.kind.plural(), key.name);
        let digest = Sha256::digest(named.as_bytes());
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest[..16]);
        uuid::Builder::from_custom_bytes(bytes).into_uuid()
    }
}

impl Board {
    /// One object.
    #[must_use]
    pub fn get(&self, key: &ControlKey) -> Option<ControlObject> {
        self.contents.borrow().objects.get(key).cloned()
    }

    /// The objects of a kind by name, and the resource version they are as of.
    #[must_use]
    pub fn list(&self, kind: ControlKind) -> (Vec<ControlObject>, u64) {
        let contents = self.contents.borrow();
        (contents.of_kind(kind).cloned().collect(), contents.version)
    }

    /// The newest resource version.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.contents.borrow().version
    }

    /// The changes of a kind after a resource version.
    ///
    /// # Errors
    /// When it is out of reach.
    pub fn changes(&self, kind: ControlKind, after: u64) -> Result<ControlChanges, Unreachable> {
        self.contents.borrow().changes_after(kind, after)
    }

    /// Waits until the newest resource version is another than `seen`; false when the host is gone.
    pub async fn changed(&mut self, seen: u64) -> bool {
        self.contents
            .wait_for(|contents| contents.version != seen)
            .await
            .is_ok()
    }
}

impl Contents {
    fn of_kind(&self, kind: ControlKind) -> impl Iterator<Item = &ControlObject> {
        self.objects.values().filter(move |object| object.key.kind == kind)
    }

    fn put(&mut self, key: &ControlKey, body: &ControlBody, uid: Uuid) -> bool {
        let before = self.objects.get(key);
        if before.is_some_and(|before| says(&before.body, body)) {
            return false;
        }
        let change = match before {
            None => ControlChange::Added,
            Some(_) => ControlChange::Modified,
        };
        let generation = before.map_or(1, |before| generation_after(&before.body, body));
        let version = self.version + 1;
        let object = ControlObject {
            key: key.clone(),
            version,
            body: Arc::new(whole(key, body, uid, generation, version)),
        };
        self.objects.insert(key.clone(), object.clone());
        self.remember(change, object);
        true
    }

    fn remove(&mut self, key: &ControlKey) -> bool {
        let Some(last) = self.objects.remove(key) else {
            return false;
        };
        let version = self.version + 1;
        let mut body = Value::clone(&last.body);
        body["metadata"]["resourceVersion"] = version.to_string().into();
        let gone = ControlObject {
            version,
            body: Arc::new(body),
            ..last
        };
        self.remember(ControlChange::Deleted, gone);
        true
    }

    fn remember(&mut self, change: ControlChange, object: ControlObject) {
        self.version = object.version;
        self.changes.push_back((change, object));
        while self.changes.len() > REMEMBERED_CHANGES {
            if let Some((_, oldest)) = self.changes.pop_front() {
                self.forgotten = oldest.version;
            }
        }
    }

    fn changes_after(&self, kind: ControlKind, after: u64) -> Result<ControlChanges, Unreachable> {
        if after < self.forgotten {
            return Err(Unreachable::TooOld);
        }
        if after > self.version {
            return Err(Unreachable::NotYet);
        }
        let from = self.changes.partition_point(|(_, object)| object.version <= after);
        let later = self.changes.iter().skip(from);
        Ok(ControlChanges {
            changes: later.filter(|(_, object)| object.key.kind == kind).cloned().collect(),
            reached: self.version,
        })
    }
}

/// Whether an object that is there already says all of this.
fn says(object: &Value, body: &ControlBody) -> bool {
    object.get("spec") == Some(&body.spec)
        && object.get("status") == Some(&body.status)
        && annotations(object) == json!(body.annotations)
}

fn annotations(object: &Value) -> Value {
    let found = object.pointer("/metadata/annotations");
    found.cloned().unwrap_or_else(|| json!({}))
}

fn generation_after(before: &Value, body: &ControlBody) -> u64 {
    let generation = before
        .pointer("/metadata/generation")
        .and_then(Value::as_u64)
        .unwrap_or(1);
    if before.get("spec") == Some(&body.spec) {
        generation
    } else {
        generation + 1
    }
}

fn whole(key: &ControlKey, body: &ControlBody, uid: Uuid, generation: u64, version: u64) -> Value {
    let mut metadata = json!({
        "name": key.name,
        "uid": uid.to_string(),
        "resourceVersion": version.to_string(),
        "generation": generation,
        "creationTimestamp": k1s_store::served::rfc3339(body.created),
    });
    if !body.annotations.is_empty() {
        metadata["annotations"] = json!(body.annotations);
    }
    json!({
        "apiVersion": crate::object::API_VERSION,
        "kind": key.kind.kind(),
        "metadata": metadata,
        "spec": body.spec,
        "status": body.status,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> ControlKey {
        ControlKey {
            kind: ControlKind::Source,
            name: name.into(),
        }
    }

    fn body(objects: u64) -> ControlBody {
        ControlBody {
            created: Timestamp::from_millis(5),
            annotations: BTreeMap::new(),
            spec: json!({"suspend": false}),
            status: json!({"objects": objects}),
        }
    }

    #[test]
    fn what_did_not_change_takes_no_version() {
        let (writer, board) = board("instance", Timestamp::from_millis(1));
        writer.put(&key("a"), &body(1));
        let first = board.version();
        writer.put(&key("a"), &body(1));
        assert_eq!(board.version(), first);
        writer.put(&key("a"), &body(2));
        assert_eq!(board.version(), first + 1);
    }

    #[test]
    fn a_watcher_sees_each_change_once_and_of_its_kind_only() {
        let (writer, board) = board("instance", Timestamp::from_millis(1));
        let begin = board.version();
        writer.put(&key("a"), &body(1));
        let prune = ControlKey {
            kind: ControlKind::HeldPrune,
            name: "9c41".into(),
        };
        writer.put(&prune, &body(1));
        writer.put(&key("a"), &body(2));
        writer.remove(&key("a"));
        let seen = board.changes(ControlKind::Source, begin).unwrap();
        let kinds: Vec<ControlChange> = seen.changes.iter().map(|(change, _)| *change).collect();
        assert_eq!(
            kinds,
            [ControlChange::Added, ControlChange::Modified, ControlChange::Deleted]
        );
        assert_eq!(seen.reached, begin + 4);
        let rest = board.changes(ControlKind::Source, seen.reached).unwrap();
        assert!(rest.changes.is_empty());
        assert_eq!(board.get(&key("a")), None);
    }

    #[test]
    fn versions_out_of_reach_are_told_apart() {
        let (writer, board) = board("instance", Timestamp::from_millis(1));
        let begin = board.version();
        for objects in 0..=u64::try_from(REMEMBERED_CHANGES).unwrap() {
            writer.put(&key("a"), &body(objects));
        }
        assert_eq!(board.changes(ControlKind::Source, begin), Err(Unreachable::TooOld));
        assert!(board.changes(ControlKind::Source, begin + 1).is_ok());
        let future = board.version() + 1;
        assert_eq!(board.changes(ControlKind::Source, future), Err(Unreachable::NotYet));
    }

    #[test]
    fn an_object_keeps_its_identity_and_counts_what_is_wanted() {
        let (writer, board) = board("instance", Timestamp::from_millis(1));
        writer.put(&key("a"), &body(1));
        let first = board.get(&key("a")).unwrap().body;
        let suspended = ControlBody {
            spec: json!({"suspend": true}),
            ..body(1)
        };
        writer.put(&key("a"), &suspended);
        let second = board.get(&key("a")).unwrap().body;
        assert_eq!(first["metadata"]["uid"], second["metadata"]["uid"]);
        assert_eq!(
            (&first["metadata"]["generation"], &second["metadata"]["generation"]),
            (&json!(1), &json!(2))
        );
        writer.put(&key("a"), &body(1));
        let names: Vec<Box<str>> = writer.names(ControlKind::Source);
        assert_eq!(names, ["a".into()]);
    }
}
