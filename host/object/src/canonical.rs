//! The bytes that stand for an object's content.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use crate::{ContentHash, Document, Key, is_bookkeeping};

/// Metadata a server owns; no declaration can set it.
const SERVER_METADATA: [&str; 8] = [
    "resourceVersion",
    "uid",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "managedFields",
    "selfLink",
];

/// Whether `status` is content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatusRule {
    /// Status belongs to controllers and is dropped.
    Drop,
    /// The source has `includeStatus: true`.
    Keep,
}

/// The canonical form of an object: compact JSON with sorted keys, without server-owned metadata, bookkeeping annotations,
/// nulls in maps and (as a rule) status; `stringData` of a Secret folded into `data`; the namespace the store's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Canonical {
    bytes: Vec<u8>,
    hash: ContentHash,
}

impl Canonical {
    /// Brings a declaration into canonical form under its resolved key.
    #[must_use]
    pub fn of(document: Document, key: &Key, status: StatusRule) -> Self {
        Self::of_body(document.into_body(), key, status)
    }

    /// Brings an object's body into canonical form under its key.
    #[must_use]
    pub fn of_body(mut body: Value, key: &Key, status: StatusRule) -> Self {
        drop_nulls(&mut body);
        if let Some(object) = body.as_object_mut() {
            if status == StatusRule::Drop {
                object.remove("status");
            }
            if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
                strip_metadata(metadata, key);
            }
            if &*key.group_kind.kind == "Secret" && key.group_kind.group.is_empty() {
                fold_string_data(object);
            }
        }
        Self::from_sorted(body.to_string().into_bytes())
    }

    /// Takes bytes that already are in canonical form, as the store holds them.
    #[must_use]
    pub fn from_sorted(bytes: Vec<u8>) -> Self {
        let hash = ContentHash::of(&bytes);
        Self { bytes, hash }
    }

    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Gives up the bytes.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// SHA-256 of the bytes.
    #[must_use]
    pub fn hash(&self) -> ContentHash {
        self.hash
    }
}

fn drop_nulls(value: &mut Value) {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        Value::Array(items) => items.iter_mut().for_each(drop_nulls),
        Value::Object(map) => {
            map.retain(|_, value| !value.is_null());
            map.values_mut().for_each(drop_nulls);
        }
    }
}

fn strip_metadata(metadata: &mut Map<String, Value>, key: &Key) {
    for field in SERVER_METADATA {
        metadata.remove(field);
    }
    if key.namespace.is_empty() {
        metadata.remove("namespace");
    } else {
        metadata.insert("namespace".to_owned(), Value::from(&*key.namespace));
    }
    if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
        annotations.retain(|key, _| !is_bookkeeping(key));
    }
    for field in ["annotations", "labels"] {
        if metadata
            .get(field)
            .and_then(Value::as_object)
            .is_some_and(Map::is_empty)
        {
            metadata.remove(field);
        }
    }
}

/// As the API server does on write: `stringData` wins over `data`, and is never stored.
fn fold_string_data(object: &mut Map<String, Value>) {
    let Some(Value::Object(plain)) = object.remove("stringData") else {
        return;
    };
    let target = object.entry("data").or_insert_with(|| Value::Object(Map::new()));
    if let Some(data) = target.as_object_mut() {
        for (name, value) in plain {
            let encoded = value
                .as_str()
                .map_or(value.clone(), |text| Value::from(STANDARD.encode(text)));
            data.insert(name, encoded);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn canonical(body: Value, key: &Key) -> String {
        String::from_utf8(Canonical::of_body(body, key, StatusRule::Drop).into_bytes()).expect("UTF-8")
    }

    #[test]
    fn what_servers_and_hosts_write_is_not_content() {
        let key = Key::new("", "ConfigMap", "shop", "a");
        let body = json!({
            "kind": "ConfigMap", "apiVersion": "v1", "status": {"x": 1}, "data": {"b": "1", "a": null},
            "metadata": {"name": "a", "uid": "u", "resourceVersion": "7", "generation": 3, "creationTimestamp": null,
                "managedFields": [], "selfLink": "/", "labels": {},
                "annotations": {"sync.k1s.io/dev/content-hash": "x", "dev.sync.k1s.io/source": "y", "sync.k1s.io/prune": "confirm"}},
        });
        assert_eq!(
            canonical(body, &key),
            r#"{"apiVersion":"v1","data":{"b":"1"},"kind":"ConfigMap","metadata":{"annotations":{"sync.k1s.io/prune":"confirm"},"name":"a","namespace":"shop"}}"#
        );
    }

    #[test]
    fn status_is_kept_only_when_asked_for() {
        let key = Key::new("", "Node", "", "a");
        let body = json!({"metadata": {"name": "a", "namespace": "ignored"}, "status": {"x": 1}});
        let kept = Canonical::of_body(body.clone(), &key, StatusRule::Keep);
        assert_eq!(kept.bytes(), br#"{"metadata":{"name":"a"},"status":{"x":1}}"#);
        assert_eq!(canonical(body, &key), r#"{"metadata":{"name":"a"}}"#);
    }

    #[test]
    fn secrets_fold_their_plain_values() {
        let key = Key::new("", "Secret", "shop", "a");
        let body = json!({"metadata": {"name": "a"}, "data": {"x": "eA==", "y": "eQ=="}, "stringData": {"x": "new"}});
        assert_eq!(
            canonical(body.clone(), &key),
            r#"{"data":{"x":"bmV3","y":"eQ=="},"metadata":{"name":"a","namespace":"shop"}}"#
        );
        let other = Key::new("example.com", "Secret", "shop", "a");
        assert!(canonical(body, &other).contains("stringData"));
    }

    proptest! {
        #[test]
        fn canonical_form_is_a_fixed_point(labels in prop::collection::btree_map("[a-z]{1,3}", "[a-z]{0,3}", 0..4), number: f64, big: u64) {
            let key = Key::new("", "ConfigMap", "shop", "a");
            let body = json!({"metadata": {"name": "a", "labels": labels}, "spec": {"n": number, "big": big, "none": null, "list": [null, {"x": null}]}});
            let once = canonical(body, &key);
            let again = canonical(serde_json::from_str(&once).expect("JSON"), &key);
            prop_assert_eq!(once, again);
        }
    }
}
