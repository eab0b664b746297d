//! A declaration that passed the checks which hold for every kind.

use std::ops::Range;

use bytes::Bytes;
use thiserror::Error;

use crate::canonical::{self, Text};
use crate::name::{validate_label_name, validate_path_segment};
use crate::node::{Fields, Node, write_text};
use crate::{ApiVersion, Canonical, DeclaredKey, GroupKind, NameError, StatusRule};

/// Deepest nesting of maps and lists in an object.
pub const MAX_DEPTH: usize = 64;
/// Largest object in bytes of JSON: 8 MiB.
pub const MAX_OBJECT_BYTES: usize = 8 * 1024 * 1024;

/// One Kubernetes-shaped object as declared: in canonical form, but for its namespace, which is the store's to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    api_version: ApiVersion,
    key: DeclaredKey,
    status: StatusRule,
    /// The canonical form in the namespace as declared.
    declared: Canonical,
    /// Where that says its namespace, with the comma before it, or would: a name always comes before.
    namespace_at: Range<usize>,
}

/// Why bytes are not an object; the message says which field.
#[derive(Debug, Error)]
pub enum DocumentError {
    /// More bytes than an object may have.
    #[error("the object has {size} bytes of JSON; at most {MAX_OBJECT_BYTES} are allowed")]
    TooLarge {
        /// Its size in bytes.
        size: usize,
    },
    /// Not JSON.
    #[error("the object is not JSON: {0}")]
    NotJson(#[source] serde_json::Error),
    /// Nested too deeply.
    #[error("the object is nested deeper than {MAX_DEPTH} levels")]
    TooDeep,
    /// A field that every object has is missing.
    #[error("{field} is missing")]
    Missing {
        /// The field's path.
        field: &'static str,
    },
    /// A field has another type than every object's has.
    #[error("{field} must be {expected}")]
    Type {
        /// The field's path.
        field: String,
        /// What it must be.
        expected: &'static str,
    },
    /// `apiVersion` cannot be read.
    #[error("apiVersion {0:?} is neither \"version\" nor \"group/version\"")]
    ApiVersion(String),
    /// A name breaks the rules.
    #[error("{field} {error}")]
    Name {
        /// The field's path.
        field: &'static str,
        /// What is wrong.
        #[source]
        error: NameError,
    },
    /// A declaration has to say which object it means.
    #[error("metadata.generateName names no object; give metadata.name")]
    GenerateName,
}

impl Document {
    /// Reads an object from JSON.
    ///
    /// # Errors
    /// The first check that fails, naming the field.
    pub fn read(json: &Bytes, status: StatusRule) -> Result<Self, DocumentError> {
        if json.len() > MAX_OBJECT_BYTES {
            return Err(DocumentError::TooLarge { size: json.len() });
        }
        let body: Node<'_> = match std::str::from_utf8(json) {
            Ok(text) => serde_json::from_str(text),
            // Says where.
            Err(_) => serde_json::from_slice(json),
        }
        .map_err(DocumentError::NotJson)?;
        let (api_version, key) = check(&body)?;
        let Text { text, namespace_at } = canonical::text(body, &key.group_kind, &key.namespace, status);
        // Of what came in canonical form already, one copy is enough.
        let bytes = if text.as_bytes() == json {
            json.clone()
        } else {
            text.into()
        };
        Ok(Self {
            api_version,
            key,
            status,
            declared: Canonical::from_sorted(bytes),
            namespace_at,
        })
    }

    /// Group and version.
    #[must_use]
    pub fn api_version(&self) -> &ApiVersion {
        &self.api_version
    }

    /// The key as declared.
    #[must_use]
    pub fn key(&self) -> &DeclaredKey {
        &self.key
    }

    /// Whether its status was taken for content.
    #[must_use]
    pub fn status(&self) -> StatusRule {
        self.status
    }

    /// Its canonical form in a namespace of the store; in none where that is empty.
    #[must_use]
    pub fn canonical_in(&self, namespace: &str) -> Canonical {
        if *self.key.namespace == *namespace {
            return self.declared.clone();
        }
        let mut member = String::new();
        if !namespace.is_empty() {
            member.push_str(",\"namespace\":");
            write_text(namespace, &mut member);
        }
        let mut bytes = self.declared.bytes().to_vec();
        bytes.splice(self.namespace_at.clone(), member.into_bytes());
        Canonical::from_sorted(bytes)
    }
}

/// Checks what holds for every kind.
fn check(body: &Node<'_>) -> Result<(ApiVersion, DeclaredKey), DocumentError> {
    if body.is_deeper_than(MAX_DEPTH) {
        return Err(DocumentError::TooDeep);
    }
    let object = body.as_map().ok_or_else(|| wrong_type("the object", "a map"))?;
    let version_text = text(object, "apiVersion", "apiVersion")?;
    let api_version =
        ApiVersion::parse(version_text).ok_or_else(|| DocumentError::ApiVersion(version_text.to_owned()))?;
    let kind = text(object, "kind", "kind")?;
    let metadata = object
        .get("metadata")
        .ok_or(DocumentError::Missing { field: "metadata" })?;
    let metadata = metadata.as_map().ok_or_else(|| wrong_type("metadata", "a map"))?;
    let key = DeclaredKey {
        group_kind: GroupKind::new(&api_version.group, kind),
        namespace: namespace(metadata)?.into(),
        name: name(metadata)?.into(),
    };
    string_map(metadata, "labels")?;
    string_map(metadata, "annotations")?;
    Ok((api_version, key))
}

fn wrong_type(field: impl Into<String>, expected: &'static str) -> DocumentError {
    DocumentError::Type {
        field: field.into(),
        expected,
    }
}

fn text<'a>(map: &'a Fields<'_>, key: &str, field: &'static str) -> Result<&'a str, DocumentError> {
    match map.get(key) {
        None | Some(Node::Null) => Err(DocumentError::Missing { field }),
        Some(Node::Text(text)) if text.is_empty() => Err(DocumentError::Missing { field }),
        Some(Node::Text(text)) => Ok(text),
        Some(Node::Bool(_) | Node::Number(_) | Node::List(_) | Node::Map(_)) => Err(wrong_type(field, "a string")),
    }
}

fn name<'a>(metadata: &'a Fields<'_>) -> Result<&'a str, DocumentError> {
    let name = match text(metadata, "name", "metadata.name") {
        Err(DocumentError::Missing { .. }) if metadata.get("generateName").is_some() => {
            return Err(DocumentError::GenerateName);
        }
        other => other?,
    };
    validate_path_segment(name).map_err(|error| DocumentError::Name {
        field: "metadata.name",
        error,
    })?;
    Ok(name)
}

fn namespace<'a>(metadata: &'a Fields<'_>) -> Result<&'a str, DocumentError> {
    match text(metadata, "namespace", "metadata.namespace") {
        Err(DocumentError::Missing { .. }) => Ok(""),
        other => {
            let namespace = other?;
            validate_label_name(namespace).map_err(|error| DocumentError::Name {
                field: "metadata.namespace",
                error,
            })?;
            Ok(namespace)
        }
    }
}

fn string_map(metadata: &Fields<'_>, field: &str) -> Result<(), DocumentError> {
    let map = match metadata.get(field) {
        None | Some(Node::Null) => return Ok(()),
        Some(Node::Map(map)) => map,
        Some(Node::Bool(_) | Node::Number(_) | Node::Text(_) | Node::List(_)) => {
            return Err(wrong_type(format!("metadata.{field}"), "a map of strings"));
        }
    };
    match map.iter().find(|(_, value)| !matches!(value, Node::Text(_))) {
        Some((key, _)) => Err(wrong_type(
            format!("metadata.{field}[{key:?}]"),
            "a string (put it in quotes)",
        )),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::{ContentHash, Key};

    fn read(value: &Value) -> Result<Document, String> {
        Document::read(&value.to_string().into(), StatusRule::Drop).map_err(|error| error.to_string())
    }

    #[test]
    fn a_good_object_keeps_its_declared_key() {
        let body = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "cart", "labels": null}});
        let document = read(&body).expect("valid");
        assert_eq!(document.key(), &DeclaredKey::new("apps", "Deployment", "", "cart"));
        assert_eq!(document.api_version().to_string(), "apps/v1");
        assert_eq!(
            document.canonical_in("").bytes(),
            br#"{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"cart"}}"#
        );
    }

    #[test]
    fn what_is_canonical_is_not_copied() {
        let sent: Bytes = r#"{"apiVersion":"v1","kind":"A","metadata":{"name":"a","namespace":"shop"}}"#.into();
        let document = Document::read(&sent, StatusRule::Drop).expect("valid");
        assert_eq!(document.canonical_in("shop").bytes().as_ptr(), sent.as_ptr());
        assert_eq!(document.canonical_in("shop").hash(), ContentHash::of(&sent));
    }

    proptest! {
        #[test]
        fn its_form_in_a_namespace_is_that_of_its_body(
            declared in "|shop",
            namespace in "|[a-z]{1,8}",
            around in prop::collection::btree_map("[a-z]{1,3}|named|zone|annotations|labels", "", 0..4),
            status: bool,
        ) {
            let mut metadata = json!({"name": "a", "namespace": declared, "uid": "u"});
            for name in around.keys() {
                metadata[name] = if name.len() > 5 { json!({"x": "y"}) } else { json!({"metadata": null}) };
            }
            let body = json!({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "status": {"x": 1}, "stringData": {"a": "b"}});
            let status = if status { StatusRule::Keep } else { StatusRule::Drop };
            let document = Document::read(&body.to_string().into(), status).expect("valid");
            let key = Key::new("", "Secret", &namespace, "a");
            prop_assert_eq!(document.canonical_in(&namespace), Canonical::of_body(&body, &key, status));
        }
    }

    #[test]
    fn each_fault_names_its_field() {
        let with = |metadata: Value| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata});
        for (body, message) in [
            (json!([]), "the object must be a map"),
            (json!({"kind": "A"}), "apiVersion is missing"),
            (
                json!({"apiVersion": "a/b/c", "kind": "A"}),
                "apiVersion \"a/b/c\" is neither \"version\" nor \"group/version\"",
            ),
            (json!({"apiVersion": "v1", "kind": 3}), "kind must be a string"),
            (json!({"apiVersion": "v1", "kind": "A"}), "metadata is missing"),
            (with(json!(3)), "metadata must be a map"),
            (with(json!({})), "metadata.name is missing"),
            (
                with(json!({"generateName": "a-"})),
                "metadata.generateName names no object; give metadata.name",
            ),
            (with(json!({"name": 8080})), "metadata.name must be a string"),
            (
                with(json!({"name": "a/b"})),
                "metadata.name \"a/b\" is not allowed: it may not be '.' or '..' nor contain '/' or '%'",
            ),
            (
                with(json!({"name": "a", "labels": {"x": 1}})),
                "metadata.labels[\"x\"] must be a string (put it in quotes)",
            ),
            (
                with(json!({"name": "a", "annotations": []})),
                "metadata.annotations must be a map of strings",
            ),
        ] {
            assert_eq!(read(&body).expect_err("refused"), message);
        }
        let upper = read(&with(json!({"name": "a", "namespace": "Shop"}))).expect_err("refused");
        assert!(
            upper.starts_with("metadata.namespace \"Shop\" is not allowed"),
            "{upper}"
        );
    }

    #[test]
    fn depth_is_limited_exactly() {
        let nested = |levels: usize| {
            let spec = (0..levels).fold(json!(1), |inner, _| json!([inner]));
            json!({"apiVersion": "v1", "kind": "A", "metadata": {"name": "a"}, "spec": spec})
        };
        assert!(read(&nested(MAX_DEPTH - 1)).is_ok());
        assert_eq!(
            read(&nested(MAX_DEPTH)).expect_err("refused"),
            "the object is nested deeper than 64 levels"
        );
    }
}
