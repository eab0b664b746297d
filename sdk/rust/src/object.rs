//! What one document of a source is: an object with its bytes, something to ignore, or something that failed.
//!
//! Pure. The bytes are the contract's: UTF-8 JSON, compact, keys sorted by bytes, which is what `serde_json` makes
//! of a map that is a `BTreeMap`.

use k1s_source_proto::limits;
use k1s_source_proto::v1::Key;
use prost::bytes::Bytes;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use crate::{Code, Ignore, Problem};

/// Longest key, in bytes of its four parts together; a longer one could not travel beside its object.
const KEY_BYTES: usize = 4 * 1024;

/// Sizes an object must keep to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ObjectLimits {
    /// Largest object in bytes of JSON.
    pub bytes: usize,
    /// Deepest nesting; the object itself is level 1.
    pub depth: usize,
}

impl Default for ObjectLimits {
    fn default() -> Self {
        Self {
            bytes: limits::OBJECT_BYTES,
            depth: limits::OBJECT_DEPTH,
        }
    }
}

/// What became of one document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Object(Object),
    Ignored(Ignore),
    Failed { key: Option<Key>, problem: Problem },
}

/// An object as it travels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Object {
    pub(crate) key: Key,
    pub(crate) json: Bytes,
    pub(crate) hash: [u8; 32],
}

/// Judges one value, and the items of lists one by one.
pub(crate) fn judge(value: Value, limits: &ObjectLimits) -> Vec<Verdict> {
    if depth_exceeds(&value, limits.depth) {
        let problem = Problem::new(Code::TooLarge, format!("nested deeper than {} levels", limits.depth));
        return vec![Verdict::Failed {
            key: key_of(&value).ok(),
            problem,
        }];
    }
    let mut verdicts = Vec::new();
    expand(value, &mut verdicts, limits);
    verdicts
}

fn expand(value: Value, verdicts: &mut Vec<Verdict>, limits: &ObjectLimits) {
    let Value::Object(mut map) = value else {
        verdicts.push(Verdict::Ignored(Ignore::NotAnObject));
        return;
    };
    let Some(items) = take_items(&mut map) else {
        verdicts.push(one(Value::Object(map), limits));
        return;
    };
    if items.is_empty() {
        verdicts.push(Verdict::Ignored(Ignore::NotAnObject));
    }
    let element = element_type(&map);
    for mut item in items {
        if let (Value::Object(item), Some((version, kind))) = (&mut item, &element)
            && !item.contains_key("apiVersion")
            && !item.contains_key("kind")
        {
            item.insert("apiVersion".to_owned(), Value::String(version.clone()));
            item.insert("kind".to_owned(), Value::String(kind.clone()));
        }
        expand(item, verdicts, limits);
    }
}

/// Takes the items of a list: `kind: List` or `kind: <Kind>List`, an array of items, and no name of its own.
fn take_items(map: &mut Map<String, Value>) -> Option<Vec<Value>> {
    let listed = text(map, "kind").is_some_and(|kind| kind.ends_with("List")) && text(map, "apiVersion").is_some();
    let named = map.get("metadata").and_then(|metadata| metadata.get("name")).is_some();
    if !listed || named {
        return None;
    }
    match map.get_mut("items") {
        Some(Value::Array(items)) => Some(std::mem::take(items)),
        Some(Value::Null) => Some(Vec::new()),
        Some(_) | None => None,
    }
}

/// Returns the type of a typed list's items, which may leave it out; those of `List` may not.
fn element_type(list: &Map<String, Value>) -> Option<(String, String)> {
    let kind = text(list, "kind")?
        .strip_suffix("List")
        .filter(|kind| !kind.is_empty())?;
    Some((text(list, "apiVersion")?.to_owned(), kind.to_owned()))
}

fn one(value: Value, limits: &ObjectLimits) -> Verdict {
    if is_control_file(&value) {
        return Verdict::Ignored(Ignore::NotAnObject);
    }
    let key = match key_of(&value) {
        Ok(key) => key,
        Err(problem) => return Verdict::Failed { key: None, problem },
    };
    match serde_json::to_vec(&value) {
        Ok(json) if json.len() > limits.bytes => {
            let message = format!(
                "the object has {} bytes of JSON, more than {}",
                json.len(),
                limits.bytes
            );
            Verdict::Failed {
                key: Some(key),
                problem: Problem::new(Code::TooLarge, message),
            }
        }
        Ok(json) => {
            let hash = Sha256::digest(&json).into();
            Verdict::Object(Object {
                key,
                json: json.into(),
                hash,
            })
        }
        Err(error) => Verdict::Failed {
            key: Some(key),
            problem: Problem::from(error),
        },
    }
}

/// Recognises what is not meant for a cluster: no type at all, or a file that steers kustomize or Helm.
fn is_control_file(value: &Value) -> bool {
    let Value::Object(map) = value else { return true };
    match (text(map, "apiVersion"), text(map, "kind")) {
        (Some(version), _) if version.split('/').next() == Some("kustomize.config.k8s.io") => true,
        (None, Some("Kustomization" | "Component")) => !map.contains_key("apiVersion"),
        (Some("v1" | "v2"), None) => is_chart(map),
        (Some(_), _) => false,
        (None, _) => !map.contains_key("apiVersion") && !map.contains_key("kind"),
    }
}

/// Recognises `Chart.yaml`, which has an apiVersion, no kind, and its name and version at the top.
fn is_chart(map: &Map<String, Value>) -> bool {
    !map.contains_key("kind") && text(map, "name").is_some() && text(map, "version").is_some()
}

/// Reads the key that a document says, letter for letter.
fn key_of(value: &Value) -> Result<Key, Problem> {
    let invalid = |message: &str| Problem::new(Code::DataInvalid, message);
    let required = |map: &Map<String, Value>, field: &str| match map.get(field) {
        Some(Value::String(text)) if !text.is_empty() => Ok(text.clone()),
        Some(_) => Err(invalid(&format!("{field} must be a text that is not empty"))),
        None => Err(invalid(&format!("{field} is missing"))),
    };
    let Value::Object(map) = value else {
        return Err(invalid("not an object"));
    };
    let version = required(map, "apiVersion")?;
    let kind = required(map, "kind")?;
    let metadata = match map.get("metadata") {
        Some(Value::Object(metadata)) => metadata,
        Some(_) => return Err(invalid("metadata must be a map")),
        None => return Err(invalid("metadata.name is missing")),
    };
    if !metadata.contains_key("name") && metadata.contains_key("generateName") {
        return Err(invalid(
            "metadata.generateName cannot be synced: give the object a metadata.name",
        ));
    }
    let name = match metadata.get("name") {
        Some(Value::String(name)) if !name.is_empty() => name.clone(),
        Some(_) => return Err(invalid("metadata.name must be a text that is not empty")),
        None => return Err(invalid("metadata.name is missing")),
    };
    let namespace = match metadata.get("namespace") {
        Some(Value::String(namespace)) => namespace.clone(),
        Some(Value::Null) | None => String::new(),
        Some(_) => return Err(invalid("metadata.namespace must be a text")),
    };
    let group = version.split_once('/').map_or("", |(group, _)| group).to_owned();
    if group.len() + kind.len() + namespace.len() + name.len() > KEY_BYTES {
        return Err(invalid(&format!("the key is longer than {KEY_BYTES} bytes")));
    }
    if [&group, &kind, &namespace, &name]
        .iter()
        .any(|part| part.contains('\0'))
    {
        return Err(invalid("apiVersion, kind, name and namespace may not contain NUL"));
    }
    Ok(Key {
        group,
        kind,
        namespace,
        name,
    })
}

fn text<'a>(map: &'a Map<String, Value>, field: &str) -> Option<&'a str> {
    map.get(field).and_then(Value::as_str)
}

/// Tells whether a value has more than `levels` levels of maps and arrays; looks no deeper than that.
fn depth_exceeds(value: &Value, levels: usize) -> bool {
    match value {
        Value::Array(items) => levels == 0 || items.iter().any(|item| depth_exceeds(item, levels - 1)),
        Value::Object(map) => levels == 0 || map.values().any(|value| depth_exceeds(value, levels - 1)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

#[cfg(test)]
mod tests;
