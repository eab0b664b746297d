//! Documents, and the events in which sources report them.

use k1s_object::{ContentHash, DeclaredKey, Document, GroupKind, Key, KindNames, KindScope, StatusRule};
use k1s_sync_engine::event::{Change, Event, IgnoredCode, Provenance};
use k1s_sync_engine::id::SourceVersion;
use k1s_sync_engine::problem::{Problem, ProblemCode};
use serde_json::{Value, json};

/// Splits `namespace/name`; a name alone has no namespace.
fn split(path: &str) -> (&str, &str) {
    path.split_once('/').unwrap_or(("", path))
}

pub(crate) fn metadata(path: &str) -> Value {
    match split(path) {
        ("", name) => json!({"name": name}),
        (namespace, name) => json!({"name": name, "namespace": namespace}),
    }
}

pub(crate) fn config_map(path: &str, value: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata(path), "data": {"v": value}})
}

pub(crate) fn namespace(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
}

pub(crate) fn widget(path: &str, value: &str) -> Value {
    json!({"apiVersion": "example.com/v1", "kind": "Widget", "metadata": metadata(path), "data": {"v": value}})
}

/// The definition of the kind of `widget`.
pub(crate) fn widgets() -> Value {
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "widgets.example.com"},
        "spec": {
            "group": "example.com",
            "names": {"kind": "Widget", "plural": "widgets"},
            "scope": "Namespaced",
            "versions": [{"name": "v1", "served": true, "storage": true}],
        },
    })
}

/// What a source says of the kind of `widget`.
pub(crate) fn widget_names() -> KindNames {
    KindNames {
        group_kind: GroupKind::new("example.com", "Widget"),
        versions: vec!["v1".into()],
        plural: "widgets".into(),
        singular: "widget".into(),
        short_names: Vec::new(),
        categories: Vec::new(),
        scope: KindScope::Namespaced,
    }
}

/// A document with more in its metadata.
pub(crate) fn annotated(mut body: Value, name: &str, value: &str) -> Value {
    body["metadata"]["annotations"][name] = value.into();
    body
}

pub(crate) fn cm(path: &str) -> Key {
    key("", "ConfigMap", path)
}

pub(crate) fn ns(name: &str) -> Key {
    key("", "Namespace", name)
}

pub(crate) fn wd(path: &str) -> Key {
    key("example.com", "Widget", path)
}

pub(crate) fn crd() -> Key {
    key(
        "apiextensions.k8s.io",
        "CustomResourceDefinition",
        "widgets.example.com",
    )
}

fn key(group: &str, kind: &str, path: &str) -> Key {
    let (namespace, name) = split(path);
    Key::new(group, kind, namespace, name)
}

fn event(change: Change, path: &str) -> Event {
    Event {
        change,
        provenance: Provenance {
            path: path.into(),
            line: 1,
            ..Provenance::default()
        },
        source_version: SourceVersion::default(),
    }
}

/// The key a document declares.
pub(crate) fn declared(body: &Value) -> DeclaredKey {
    Document::read(&body.to_string().into(), StatusRule::Drop)
        .expect("valid")
        .key()
        .clone()
}

/// Where these tests say a document is, unless they say otherwise.
fn home(key: &DeclaredKey) -> String {
    format!("{}/{}.yaml", key.group_kind.kind, key.name)
}

pub(crate) fn upsert(body: Value) -> Event {
    upsert_bytes(&declared(&body), body.to_string())
}

/// An upsert of bytes that need not be what a document of this key is.
pub(crate) fn upsert_bytes(key: &DeclaredKey, bytes: impl Into<String>) -> Event {
    let object = bytes::Bytes::from(bytes.into());
    let change = Change::Upsert {
        key: key.clone(),
        content_hash: ContentHash::of(&object),
        object,
    };
    event(change, &home(key))
}

/// An upsert that is found invalid: the object says another name.
pub(crate) fn invalid(body: &Value) -> Event {
    upsert_bytes(&declared(body), config_map("other/name", "x").to_string())
}

pub(crate) fn seen(body: &Value, word: &str) -> Event {
    let key = declared(body);
    version(event(Change::Seen { key: key.clone() }, &home(&key)), word)
}

pub(crate) fn delete(body: &Value) -> Event {
    let key = declared(body);
    event(Change::Delete { key: key.clone() }, &home(&key))
}

pub(crate) fn failed(key: Option<&Value>, path: &str) -> Event {
    let change = Change::Failed {
        key: key.map(declared),
        problem: Problem::with_object(ProblemCode::DataInvalid, "unreadable"),
    };
    event(change, path)
}

pub(crate) fn ignored() -> Event {
    let change = Change::Ignored {
        key: None,
        code: IgnoredCode::NotAnObject,
    };
    event(change, "kustomization.yaml")
}

/// The event with another word for the source's state.
pub(crate) fn version(mut event: Event, word: &str) -> Event {
    event.source_version = SourceVersion::new(word).expect("short");
    event
}

/// The event as read at another place.
pub(crate) fn at(mut event: Event, path: &str, line: u32) -> Event {
    event.provenance.path = path.into();
    event.provenance.line = line;
    event
}
