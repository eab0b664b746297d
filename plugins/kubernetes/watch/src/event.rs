//! One line of a watch, and one object of a list, with what is read of them.

use serde::Deserialize;
use serde_json::{Map, Value};
use thiserror::Error;

use crate::refusal::Refusal;
use crate::resource::Resource;

/// The annotation of the bookmark that ends initial events.
const INITIAL_EVENTS_END: &str = "k8s.io/initial-events-end";

/// Why a line or an object cannot be used.
#[derive(Debug, Error)]
pub enum EventError {
    /// It is not JSON, or not an event.
    #[error("what the server sent is not an event: {0}")]
    Shape(#[source] serde_json::Error),
    /// The event is of a kind that is not known.
    #[error("the server sent an event of the unknown type {0:?}")]
    Type(String),
    /// An object cannot be read, but who it is.
    #[error("the object cannot be read: {source}")]
    Object {
        /// The object's namespace; "" where it has none.
        namespace: String,
        /// The object's name.
        name: String,
        /// The object's resource version.
        version: String,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
    /// What should be an object has no name or no resource version.
    #[error("the server sent an object without metadata.{0}")]
    Metadata(&'static str),
}

/// An object as a server sent it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// All of it, with `apiVersion` and `kind`.
    pub value: Value,
    /// Its namespace; "" where it has none.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its resource version.
    pub version: String,
}

impl Object {
    /// Reads an object of a kind; a list leaves out what the objects have in common, which is put back.
    ///
    /// # Errors
    /// Refuses what is not JSON, or has no name or no resource version.
    pub fn read(bytes: &[u8], resource: &Resource) -> Result<Self, EventError> {
        match serde_json::from_slice(bytes) {
            Ok(map) => Self::of(map, resource),
            Err(source) => Err(unreadable(serde_json::from_slice(bytes).ok(), source)),
        }
    }

    fn of(mut map: Map<String, Value>, resource: &Resource) -> Result<Self, EventError> {
        let text = |field: &'static str| {
            let metadata = map.get("metadata")?.as_object()?;
            Some(metadata.get(field)?.as_str()?.to_owned())
        };
        let required = |field| {
            text(field)
                .filter(|text| !text.is_empty())
                .ok_or(EventError::Metadata(field))
        };
        let (name, version) = (required("name")?, required("resourceVersion")?);
        let namespace = text("namespace").unwrap_or_default();
        let put = |map: &mut Map<String, Value>, field: &str, value: &dyn Fn() -> String| {
            if map.get(field).and_then(Value::as_str).is_none_or(str::is_empty) {
                map.insert(field.to_owned(), Value::String(value()));
            }
        };
        put(&mut map, "apiVersion", &|| resource.api_version());
        put(&mut map, "kind", &|| resource.kind.clone());
        Ok(Self {
            value: Value::Object(map),
            namespace,
            name,
            version,
        })
    }
}

/// One line of a watch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The object is there, as it is now.
    Put(Object),
    /// The object is gone; this is its last state.
    Gone(Object),
    /// Everything up to this resource version was told.
    Bookmark {
        /// The resource version.
        version: String,
        /// Whether it ends the initial events.
        is_end_of_initial: bool,
    },
    /// The watch ends.
    Refused(Refusal),
}

/// As much of an object as says who it is; the rest may be nested too deep to be read.
#[derive(Deserialize)]
struct Core {
    metadata: CoreMetadata,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CoreMetadata {
    #[serde(default)]
    namespace: String,
    name: String,
    resource_version: String,
}

#[derive(Deserialize)]
struct CoreLine {
    r#type: String,
    object: Core,
}

fn unreadable(core: Option<Core>, source: serde_json::Error) -> EventError {
    match core {
        Some(Core { metadata }) => EventError::Object {
            namespace: metadata.namespace,
            name: metadata.name,
            version: metadata.resource_version,
            source,
        },
        None => EventError::Shape(source),
    }
}

#[derive(Deserialize)]
struct Line {
    r#type: String,
    object: Map<String, Value>,
}

impl Event {
    /// Reads a line of a watch on a kind.
    ///
    /// # Errors
    /// Refuses what is no event; nothing behind it can be trusted.
    pub fn read(line: &[u8], resource: &Resource) -> Result<Self, EventError> {
        let read = serde_json::from_slice(line);
        let Line { r#type, object } = read.map_err(|source| {
            let core = serde_json::from_slice::<CoreLine>(line).ok();
            unreadable(
                core.filter(|line| ["ADDED", "MODIFIED"].contains(&&*line.r#type))
                    .map(|line| line.object),
                source,
            )
        })?;
        match r#type.as_str() {
            "ADDED" | "MODIFIED" => Ok(Self::Put(Object::of(object, resource)?)),
            "DELETED" => Ok(Self::Gone(Object::of(object, resource)?)),
            "BOOKMARK" => Self::bookmark(&object),
            "ERROR" => Ok(Self::Refused(Refusal::of_status(Value::Object(object)))),
            _ => Err(EventError::Type(r#type)),
        }
    }

    fn bookmark(object: &Map<String, Value>) -> Result<Self, EventError> {
        let metadata = object.get("metadata").and_then(Value::as_object);
        let field = |field: &str| metadata.and_then(|metadata| metadata.get(field));
        let version = field("resourceVersion")
            .and_then(Value::as_str)
            .filter(|version| !version.is_empty());
        let mark = field("annotations").and_then(|annotations| annotations.get(INITIAL_EVENTS_END));
        Ok(Self::Bookmark {
            version: version.ok_or(EventError::Metadata("resourceVersion"))?.to_owned(),
            is_end_of_initial: mark.and_then(Value::as_str) == Some("true"),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::resource::Reach;

    fn deployments() -> Resource {
        Resource {
            group: "apps".to_owned(),
            plural: "deployments".to_owned(),
            version: "v1".to_owned(),
            kind: "Deployment".to_owned(),
            reach: Reach::Namespaced,
        }
    }

    fn read(kind: &str, object: &Value) -> Result<Event, EventError> {
        let line = json!({"type": kind, "object": object}).to_string();
        Event::read(line.as_bytes(), &deployments())
    }

    #[test]
    fn a_list_may_leave_out_what_its_objects_have_in_common() {
        let bytes = br#"{"metadata":{"name":"a","namespace":"n","resourceVersion":"4"},"spec":{}}"#;
        let object = Object::read(bytes, &deployments()).unwrap();
        assert_eq!(object.value["apiVersion"], "apps/v1");
        assert_eq!(object.value["kind"], "Deployment");
        assert_eq!((&*object.namespace, &*object.name, &*object.version), ("n", "a", "4"));
        let own = br#"{"apiVersion":"apps/v2","kind":"D","metadata":{"name":"a","resourceVersion":"4"}}"#;
        let object = Object::read(own, &deployments()).unwrap();
        assert_eq!(
            (&object.value["apiVersion"], &object.value["kind"]),
            (&json!("apps/v2"), &json!("D"))
        );
        assert_eq!(object.namespace, "");
    }

    #[test]
    fn lines_are_what_they_say() {
        let object = json!({"metadata": {"name": "a", "resourceVersion": "4"}});
        assert!(matches!(read("ADDED", &object), Ok(Event::Put(_))));
        assert!(matches!(read("MODIFIED", &object), Ok(Event::Put(_))));
        assert!(matches!(read("DELETED", &object), Ok(Event::Gone(_))));
        let refused = read("ERROR", &json!({"code": 410})).unwrap();
        assert!(matches!(refused, Event::Refused(refusal) if refusal.code == 410));
        let bookmark = |annotations| {
            read(
                "BOOKMARK",
                &json!({"metadata": {"resourceVersion": "9", "annotations": annotations}}),
            )
        };
        for (annotations, is_end_of_initial) in [
            (json!(null), false),
            (json!({"k8s.io/initial-events-end": "true"}), true),
            (json!({"k8s.io/initial-events-end": "false"}), false),
        ] {
            let version = "9".to_owned();
            let expected = Event::Bookmark {
                version,
                is_end_of_initial,
            };
            assert_eq!(bookmark(annotations).unwrap(), expected);
        }
    }

    #[test]
    fn an_object_that_is_too_deep_is_known_by_name() {
        let deep = format!("{}1{}", "[".repeat(200), "]".repeat(200));
        let object = format!(r#"{{"spec":{deep},"metadata":{{"name":"a","resourceVersion":"4"}}}}"#);
        let is_it =
            |error| matches!(error, Err(EventError::Object { name, version, .. }) if (&*name, &*version) == ("a", "4"));
        assert!(is_it(Object::read(object.as_bytes(), &deployments()).map(drop)));
        let line = format!(r#"{{"type":"MODIFIED","object":{object}}}"#);
        assert!(is_it(Event::read(line.as_bytes(), &deployments()).map(drop)));
    }

    #[test]
    fn what_is_no_event_is_refused() {
        let unknown = read("SOMETHING", &json!({}));
        assert!(matches!(unknown, Err(EventError::Type(name)) if name == "SOMETHING"));
        let nameless = read("ADDED", &json!({"metadata": {"resourceVersion": "1"}}));
        assert!(matches!(nameless, Err(EventError::Metadata("name"))));
        let timeless = read("DELETED", &json!({"metadata": {"name": "a", "resourceVersion": ""}}));
        assert!(matches!(timeless, Err(EventError::Metadata("resourceVersion"))));
        let empty = read("BOOKMARK", &json!({"metadata": {}}));
        assert!(matches!(empty, Err(EventError::Metadata("resourceVersion"))));
        for half in ["", "{", r#"{"type":"ADDED"}"#, r#"{"type":"ADDED","object":3}"#] {
            let result = Event::read(half.as_bytes(), &deployments());
            assert!(matches!(result, Err(EventError::Shape(_))), "{half}");
        }
    }
}
