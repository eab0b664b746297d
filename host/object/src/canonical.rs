//! The bytes that stand for an object's content.

use std::borrow::Cow;
use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::Value;

use crate::node::{Fields, Members, Node, write_text};
use crate::{ContentHash, GroupKind, Key, is_bookkeeping};

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
/// nulls in maps and (as a rule) status; `stringData` of a Secret folded into `data`; the namespace the store's. Cheap to
/// clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Canonical {
    bytes: Bytes,
    hash: ContentHash,
}

impl Canonical {
    /// Brings an object's body into canonical form under its key.
    #[must_use]
    pub fn of_body(body: &Value, key: &Key, status: StatusRule) -> Self {
        Self::from_sorted(text(body.into(), &key.group_kind, &key.namespace, status).text)
    }

    /// Takes bytes that already are in canonical form, as the store holds them.
    #[must_use]
    pub fn from_sorted(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        let hash = ContentHash::of(&bytes);
        Self { bytes, hash }
    }

    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// SHA-256 of the bytes.
    #[must_use]
    pub fn hash(&self) -> ContentHash {
        self.hash
    }
}

/// A text in canonical form.
pub(crate) struct Text {
    pub(crate) text: String,
    /// Where the namespace is with the comma before it, or where it would be.
    pub(crate) namespace_at: Range<usize>,
}

/// Brings an object into canonical form, in a namespace or, where that is empty, in none.
pub(crate) fn text(mut object: Node<'_>, group_kind: &GroupKind, namespace: &str, status: StatusRule) -> Text {
    if let Node::Map(fields) = &mut object
        && &*group_kind.kind == "Secret"
        && group_kind.group.is_empty()
    {
        fold_string_data(fields);
    }
    let mut text = String::with_capacity(USUAL_BYTES);
    let mut namespace_at = 0..0;
    match &object {
        Node::Map(fields) => {
            let mut map = Members::begin('{', &mut text);
            for (name, value) in fields.iter() {
                match (name, value) {
                    ("status", _) if status == StatusRule::Drop => {}
                    ("metadata", Node::Map(metadata)) => {
                        namespace_at = write_metadata(metadata, namespace, map.named(name));
                    }
                    _ => map.field(name, value),
                }
            }
            map.end('}');
        }
        Node::Null | Node::Bool(_) | Node::Number(_) | Node::Text(_) | Node::List(_) => object.write(&mut text),
    }
    Text { text, namespace_at }
}

/// Room for most objects, in bytes; a longer text takes more.
const USUAL_BYTES: usize = 2048;
/// The name of the field that is the store's to say.
const NAMESPACE: &str = "namespace";

fn write_metadata(metadata: &Fields<'_>, namespace: &str, out: &mut String) -> Range<usize> {
    let mut map = Members::begin('{', out);
    let own = |(name, _): &(&str, &Node<'_>)| *name != NAMESPACE && !SERVER_METADATA.contains(name);
    let mut fields = metadata.iter().filter(own).peekable();
    while let Some((name, value)) = fields.next_if(|(name, _)| *name < NAMESPACE) {
        write_metadatum(name, value, &mut map);
    }
    let start = map.len();
    if !namespace.is_empty() {
        write_text(namespace, map.named(NAMESPACE));
    }
    let end = map.len();
    for (name, value) in fields {
        write_metadatum(name, value, &mut map);
    }
    map.end('}');
    start..end
}

fn write_metadatum(name: &str, value: &Node<'_>, metadata: &mut Members<'_>) {
    match (name, value) {
        ("annotations" | "labels", Node::Map(entries)) => {
            let is_content = |(key, value): &(&str, &Node<'_>)| {
                **value != Node::Null && !(name == "annotations" && is_bookkeeping(key))
            };
            let mut content = entries.iter().filter(is_content).peekable();
            if content.peek().is_some() {
                let mut map = Members::begin('{', metadata.named(name));
                content.for_each(|(key, value)| map.field(key, value));
                map.end('}');
            }
        }
        _ => metadata.field(name, value),
    }
}

/// As the API server does on write: `stringData` wins over `data`, and is never stored.
fn fold_string_data(object: &mut Fields<'_>) {
    let Some(Node::Map(plain)) = object.remove("stringData") else {
        return;
    };
    let mut data = match object.remove("data") {
        None | Some(Node::Null) => Fields::default(),
        Some(Node::Map(data)) => data,
        Some(other @ (Node::Bool(_) | Node::Number(_) | Node::Text(_) | Node::List(_))) => {
            return object.insert(Cow::Borrowed("data"), other);
        }
    };
    for (name, value) in plain.into_present() {
        let encoded = match value {
            Node::Text(text) => Node::Text(STANDARD.encode(&*text).into()),
            other @ (Node::Null | Node::Bool(_) | Node::Number(_) | Node::List(_) | Node::Map(_)) => other,
        };
        data.insert(name, encoded);
    }
    object.insert(Cow::Borrowed("data"), Node::Map(data));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn canonical(body: &Value, key: &Key) -> String {
        String::from_utf8(Canonical::of_body(body, key, StatusRule::Drop).bytes().to_vec()).expect("UTF-8")
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
            canonical(&body, &key),
            r#"{"apiVersion":"v1","data":{"b":"1"},"kind":"ConfigMap","metadata":{"annotations":{"sync.k1s.io/prune":"confirm"},"name":"a","namespace":"shop"}}"#
        );
    }

    #[test]
    fn maps_of_which_nothing_is_content_are_left_out() {
        let key = Key::new("", "ConfigMap", "shop", "a");
        let body = json!({"metadata": {"labels": {"x": null}, "annotations": {"sync.k1s.io/source": "x"}, "zone": {}}});
        assert_eq!(canonical(&body, &key), r#"{"metadata":{"namespace":"shop","zone":{}}}"#);
    }

    #[test]
    fn what_is_no_object_stays_as_it_is() {
        let key = Key::new("", "ConfigMap", "shop", "a");
        assert_eq!(canonical(&json!([{"a": null}, null]), &key), "[{},null]");
        assert_eq!(canonical(&json!({"metadata": 3}), &key), r#"{"metadata":3}"#);
    }

    #[test]
    fn status_is_kept_only_when_asked_for() {
        let key = Key::new("", "Node", "", "a");
        let body = json!({"metadata": {"name": "a", "namespace": "ignored"}, "status": {"x": 1}});
        let kept = Canonical::of_body(&body, &key, StatusRule::Keep);
        assert_eq!(kept.bytes(), br#"{"metadata":{"name":"a"},"status":{"x":1}}"#);
        assert_eq!(canonical(&body, &key), r#"{"metadata":{"name":"a"}}"#);
    }

    #[test]
    fn secrets_fold_their_plain_values() {
        let key = Key::new("", "Secret", "shop", "a");
        let metadata = r#""metadata":{"name":"a","namespace":"shop"}"#;
        for (data, plain, expected) in [
            (
                json!({"x": "eA==", "y": "eQ=="}),
                json!({"x": "new"}),
                r#""data":{"x":"bmV3","y":"eQ=="},"#,
            ),
            (
                json!({"x": "eA=="}),
                json!({"x": null, "n": 3}),
                r#""data":{"n":3,"x":"eA=="},"#,
            ),
            (json!(null), json!({}), r#""data":{},"#),
            (json!(null), json!("none"), ""),
            (json!("none"), json!({"x": "new"}), r#""data":"none","#),
        ] {
            let body = json!({"metadata": {"name": "a"}, "data": data, "stringData": plain});
            assert_eq!(canonical(&body, &key), format!("{{{expected}{metadata}}}"));
            let other = Key::new("example.com", "Secret", "shop", "a");
            assert!(canonical(&body, &other).contains("stringData"));
        }
    }

    proptest! {
        #[test]
        fn canonical_form_is_a_fixed_point(labels in prop::collection::btree_map("[a-z]{1,3}", "[a-z]{0,3}", 0..4), number: f64, big: u64) {
            let key = Key::new("", "ConfigMap", "shop", "a");
            let body = json!({"metadata": {"name": "a", "labels": labels}, "spec": {"n": number, "big": big, "none": null, "list": [null, {"x": null}]}});
            let once = canonical(&body, &key);
            let again = canonical(&serde_json::from_str(&once).expect("JSON"), &key);
            prop_assert_eq!(once, again);
        }
    }
}
