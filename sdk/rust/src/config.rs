//! From the configuration's bytes to the author's type, with a JSON Pointer for everything that is wrong.

use std::collections::BTreeMap;

use prost::bytes::Bytes;
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use serde_path_to_error::{Path, Segment};

use crate::Diagnostic;

/// Deepest nesting of a configuration that is looked at for unknown fields.
const DEPTH: usize = 64;

/// Makes the schema of a configuration type, JSON Schema 2020-12.
pub(crate) fn schema_of<C: JsonSchema>() -> Schema {
    SchemaSettings::draft2020_12()
        .into_generator()
        .into_root_schema_for::<C>()
}

/// Reads a configuration; secrets stand where their pointers say.
pub(crate) fn read<C>(config: &[u8], secrets: &BTreeMap<String, Bytes>) -> Result<C, Vec<Diagnostic>>
where
    C: DeserializeOwned + JsonSchema,
{
    let mut value = object_of(config).map_err(|diagnostic| vec![diagnostic])?;
    let misplaced: Vec<_> = secrets
        .iter()
        .filter_map(|(pointer, secret)| place(&mut value, pointer, secret))
        .collect();
    if !misplaced.is_empty() {
        return Err(misplaced);
    }
    let schema = schema_of::<C>();
    let mut unknown = Vec::new();
    find_unknown(
        &value,
        schema.as_value(),
        schema.as_value(),
        &Position {
            pointer: String::new(),
            depth: 0,
        },
        &mut unknown,
    );
    if !unknown.is_empty() {
        return Err(unknown);
    }
    serde_path_to_error::deserialize(value)
        .map_err(|error| vec![Diagnostic::error(pointer_of(error.path()), error.inner().to_string())])
}

fn object_of(config: &[u8]) -> Result<Value, Diagnostic> {
    if config.is_empty() {
        return Ok(Value::Object(Map::new()));
    }
    match serde_json::from_slice(config) {
        Ok(value @ Value::Object(_)) => Ok(value),
        Ok(_) => Err(Diagnostic::error("", "the configuration must be a map")),
        // serde_json's own message may quote a part of the text; place and class are enough.
        Err(error) => {
            let place = format!("line {}, column {}", error.line(), error.column());
            Err(Diagnostic::error(
                "",
                format!("the configuration is not JSON: {:?} error at {place}", error.classify()),
            ))
        }
    }
}

/// Puts a secret where its pointer says; maps on the way are made.
fn place(value: &mut Value, pointer: &str, secret: &Bytes) -> Option<Diagnostic> {
    let wrong = |summary: &str| Some(Diagnostic::error(pointer, summary));
    let Ok(text) = std::str::from_utf8(secret) else {
        return wrong("the secret is not UTF-8");
    };
    let Some(path) = pointer.strip_prefix('/') else {
        return wrong("the pointer of a secret begins with a slash");
    };
    let mut at = value;
    for segment in path.split('/') {
        let segment = segment.replace("~1", "/").replace("~0", "~");
        at = match at {
            Value::Object(map) => map.entry(segment).or_insert_with(|| Value::Object(Map::new())),
            Value::Array(items) => match segment.parse::<usize>().ok().and_then(|index| items.get_mut(index)) {
                Some(item) => item,
                None => return wrong("the secret belongs to an item that is not there"),
            },
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                return wrong("the secret belongs into something that is no map");
            }
        };
    }
    *at = Value::String(text.to_owned());
    None
}

/// Where the search for unknown fields is.
struct Position {
    pointer: String,
    depth: usize,
}

impl Position {
    fn child(&self, segment: &str) -> Self {
        Self {
            pointer: format!("{}/{}", self.pointer, escaped(segment)),
            depth: self.depth + 1,
        }
    }
}

/// Finds fields that the schema does not name, where it names all that may be there. Alternatives (`anyOf`, `oneOf`)
/// are left to the type itself.
fn find_unknown(value: &Value, schema: &Value, root: &Value, at: &Position, unknown: &mut Vec<Diagnostic>) {
    let schema = resolved(schema, root);
    if at.depth > DEPTH {
        return;
    }
    match value {
        Value::Object(map) => {
            let Some(properties) = schema.get("properties").and_then(Value::as_object) else {
                return;
            };
            for (field, value) in map {
                match properties.get(field) {
                    Some(property) => find_unknown(value, property, root, &at.child(field), unknown),
                    None if is_closed(schema) => unknown.push(unknown_field(field, properties, at)),
                    None => {}
                }
            }
        }
        Value::Array(items) => {
            let Some(schema) = schema.get("items") else { return };
            for (index, item) in items.iter().enumerate() {
                find_unknown(item, schema, root, &at.child(&index.to_string()), unknown);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn resolved<'s>(schema: &'s Value, root: &'s Value) -> &'s Value {
    let reference = schema.get("$ref").and_then(Value::as_str);
    reference
        .and_then(|reference| root.pointer(reference.strip_prefix('#')?))
        .unwrap_or(schema)
}

/// Tells whether `properties` are all the fields there are.
fn is_closed(schema: &Value) -> bool {
    const OPEN: [&str; 5] = ["allOf", "anyOf", "oneOf", "patternProperties", "unevaluatedProperties"];
    let additional = schema
        .get("additionalProperties")
        .is_none_or(|additional| *additional == Value::Bool(false));
    additional && OPEN.iter().all(|keyword| schema.get(keyword).is_none())
}

fn unknown_field(field: &str, properties: &Map<String, Value>, at: &Position) -> Diagnostic {
    let known: Vec<&str> = properties.keys().map(String::as_str).collect();
    Diagnostic::error(at.child(field).pointer, format!("unknown field `{field}`"))
        .suggestion(format!("known fields: {}", known.join(", ")))
}

fn pointer_of(path: &Path) -> String {
    path.iter()
        .filter_map(|segment| match segment {
            Segment::Seq { index } => Some(format!("/{index}")),
            Segment::Map { key } => Some(format!("/{}", escaped(key))),
            Segment::Enum { variant } => Some(format!("/{}", escaped(variant))),
            Segment::Unknown => None,
        })
        .collect()
}

fn escaped(segment: &str) -> String {
    segment.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests;
