//! A declaration that passed the checks which hold for every kind.

use serde_json::{Map, Value};
use thiserror::Error;

use crate::name::{validate_label_name, validate_path_segment};
use crate::{ApiVersion, DeclaredKey, GroupKind, NameError};

/// Deepest nesting of maps and lists in an object.
pub const MAX_DEPTH: usize = 64;
/// Largest object in bytes of JSON: 8 MiB.
pub const MAX_OBJECT_BYTES: usize = 8 * 1024 * 1024;

/// One Kubernetes-shaped object as declared.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    api_version: ApiVersion,
    key: DeclaredKey,
    body: Value,
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
    pub fn from_json(bytes: &[u8]) -> Result<Self, DocumentError> {
        if bytes.len() > MAX_OBJECT_BYTES {
            return Err(DocumentError::TooLarge { size: bytes.len() });
        }
        Self::from_value(serde_json::from_slice(bytes).map_err(DocumentError::NotJson)?)
    }

    /// Takes a parsed object.
    ///
    /// # Errors
    /// The first check that fails, naming the field.
    pub fn from_value(body: Value) -> Result<Self, DocumentError> {
        if depth_exceeds(&body, MAX_DEPTH) {
            return Err(DocumentError::TooDeep);
        }
        let object = body.as_object().ok_or_else(|| wrong_type("the object", "a map"))?;
        let version_text = text(object, "apiVersion", "apiVersion")?;
        let api_version =
            ApiVersion::parse(version_text).ok_or_else(|| DocumentError::ApiVersion(version_text.to_owned()))?;
        let kind = text(object, "kind", "kind")?;
        let metadata = object
            .get("metadata")
            .ok_or(DocumentError::Missing { field: "metadata" })?;
        let metadata = metadata.as_object().ok_or_else(|| wrong_type("metadata", "a map"))?;
        let key = DeclaredKey {
            group_kind: GroupKind::new(&api_version.group, kind),
            namespace: namespace(metadata)?.into(),
            name: name(metadata)?.into(),
        };
        string_map(metadata, "labels")?;
        string_map(metadata, "annotations")?;
        Ok(Self { api_version, key, body })
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

    /// The whole object.
    #[must_use]
    pub fn body(&self) -> &Value {
        &self.body
    }

    /// Gives up the whole object.
    #[must_use]
    pub fn into_body(self) -> Value {
        self.body
    }
}

fn wrong_type(field: impl Into<String>, expected: &'static str) -> DocumentError {
    DocumentError::Type {
        field: field.into(),
        expected,
    }
}

fn text<'a>(map: &'a Map<String, Value>, key: &str, field: &'static str) -> Result<&'a str, DocumentError> {
    match map.get(key) {
        None | Some(Value::Null) => Err(DocumentError::Missing { field }),
        Some(Value::String(text)) if text.is_empty() => Err(DocumentError::Missing { field }),
        Some(Value::String(text)) => Ok(text),
        Some(Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
            Err(wrong_type(field, "a string"))
        }
    }
}

fn name(metadata: &Map<String, Value>) -> Result<&str, DocumentError> {
    let name = match text(metadata, "name", "metadata.name") {
        Err(DocumentError::Missing { .. }) if metadata.contains_key("generateName") => {
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

fn namespace(metadata: &Map<String, Value>) -> Result<&str, DocumentError> {
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

fn string_map(metadata: &Map<String, Value>, field: &str) -> Result<(), DocumentError> {
    let Some(value) = metadata.get(field).filter(|value| !value.is_null()) else {
        return Ok(());
    };
    let map = value
        .as_object()
        .ok_or_else(|| wrong_type(format!("metadata.{field}"), "a map of strings"))?;
    match map.iter().find(|(_, value)| !value.is_string()) {
        Some((key, _)) => Err(wrong_type(
            format!("metadata.{field}[{key:?}]"),
            "a string (put it in quotes)",
        )),
        None => Ok(()),
    }
}

fn depth_exceeds(value: &Value, levels: usize) -> bool {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
        Value::Array(items) => levels == 0 || items.iter().any(|item| depth_exceeds(item, levels - 1)),
        Value::Object(map) => levels == 0 || map.values().any(|item| depth_exceeds(item, levels - 1)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(value: &Value) -> Result<Document, String> {
        Document::from_json(value.to_string().as_bytes()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_good_object_keeps_its_declared_key() {
        let body = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "cart", "labels": null}});
        let document = read(&body).expect("valid");
        assert_eq!(document.key(), &DeclaredKey::new("apps", "Deployment", "", "cart"));
        assert_eq!(document.api_version().to_string(), "apps/v1");
        assert_eq!(document.into_body(), body);
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
