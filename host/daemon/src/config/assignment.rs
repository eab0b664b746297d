//! `--set key=value` of the command line, and how a sequence of them becomes a plugin's configuration.
//!
//! What a text means depends on the plugin's schema, which is known only after the plugin described itself. So the text
//! is kept as it was typed until [`Assignment::assemble`] is given the schema.

use std::str::FromStr;

use serde_json::{Map, Value};
use thiserror::Error;

/// Deepest key of an assignment, in dots.
const MAX_DEPTH: usize = 16;

/// One `key=value`; dots in the key lead into nested mappings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    path: Vec<String>,
    text: String,
}

/// Why assignments cannot become a configuration.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum AssignmentError {
    /// There is no `=`.
    #[error("{text:?} is not key=value; write for example path=./manifests")]
    NoValue {
        /// The argument.
        text: String,
    },
    /// The key or one of its parts is empty, or there are too many.
    #[error("the key {key:?} is not a name, or up to {MAX_DEPTH} names joined by dots")]
    Key {
        /// The key.
        key: String,
    },
    /// A key is set twice, or both itself and a part of it are.
    #[error("{key} is set twice")]
    Twice {
        /// The key.
        key: String,
    },
    /// The text begins like a list, a mapping or a quoted text and is none.
    #[error("the value of {key} cannot be read: {reason}")]
    Value {
        /// The key.
        key: String,
        /// What the parser said.
        reason: String,
    },
}

impl Assignment {
    /// Sets one field of the configuration itself.
    #[must_use]
    pub fn of_text(key: &str, text: &str) -> Self {
        Self {
            path: vec![key.to_owned()],
            text: text.to_owned(),
        }
    }

    /// The key as typed.
    #[must_use]
    pub fn key(&self) -> String {
        self.path.join(".")
    }

    /// Makes one configuration of all assignments. Where `schema` (of the whole configuration) says `string`, the text is
    /// taken as it is; everything else is read as YAML, so `true`, `3`, `null` and `[a, b]` are what they are in a file.
    ///
    /// # Errors
    /// When a key is set twice, or a text begins with `[`, `{` or a quote and is not YAML.
    pub fn assemble(assignments: &[Self], schema: Option<&Value>) -> Result<Map<String, Value>, AssignmentError> {
        let mut config = Map::new();
        for assignment in assignments {
            let value = assignment.value(schema)?;
            insert(&mut config, &assignment.path, value)
                .ok_or_else(|| AssignmentError::Twice { key: assignment.key() })?;
        }
        Ok(config)
    }

    fn value(&self, schema: Option<&Value>) -> Result<Value, AssignmentError> {
        if schema
            .and_then(|schema| property(schema, &self.path))
            .is_some_and(takes_only_text)
        {
            return Ok(Value::String(self.text.clone()));
        }
        if self.text.starts_with(['[', '{', '"', '\'']) {
            let reason = |error: k1s_yaml::Error| error.kind.to_string();
            return parse(&self.text)
                .map(|document| document.value)
                .map_err(|error| AssignmentError::Value {
                    key: self.key(),
                    reason: reason(error),
                });
        }
        Ok(plain(&self.text))
    }
}

/// What YAML makes of a plain scalar; text that is more or less than one stays text.
fn plain(text: &str) -> Value {
    if matches!(text, "null" | "~") {
        return Value::Null;
    }
    match parse(text).map(|document| document.value) {
        Ok(scalar @ (Value::Bool(_) | Value::Number(_) | Value::String(_))) => scalar,
        Ok(Value::Null | Value::Array(_) | Value::Object(_)) | Err(_) => Value::String(text.to_owned()),
    }
}

fn parse(text: &str) -> Result<k1s_yaml::Document<'_>, k1s_yaml::Error> {
    k1s_yaml::parse(text.as_bytes(), &k1s_yaml::Limits::default())
}

fn insert(map: &mut Map<String, Value>, path: &[String], value: Value) -> Option<()> {
    let (first, rest) = path.split_first()?;
    if rest.is_empty() {
        if map.contains_key(first) {
            return None;
        }
        map.insert(first.clone(), value);
        return Some(());
    }
    let inner = map.entry(first.clone()).or_insert_with(|| Value::Object(Map::new()));
    insert(inner.as_object_mut()?, rest, value)
}

/// The schema of the value at `path`, where the schema says anything about it.
fn property<'s>(schema: &'s Value, path: &[String]) -> Option<&'s Value> {
    path.iter()
        .try_fold(schema, |schema, name| schema.get("properties")?.get(name))
}

fn takes_only_text(schema: &Value) -> bool {
    schema.get("type").is_some_and(|kind| kind == "string")
}

impl FromStr for Assignment {
    type Err = AssignmentError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (key, value) = text
            .split_once('=')
            .ok_or_else(|| AssignmentError::NoValue { text: text.to_owned() })?;
        let path: Vec<String> = key.split('.').map(str::to_owned).collect();
        if path.len() > MAX_DEPTH || path.iter().any(String::is_empty) {
            return Err(AssignmentError::Key { key: key.to_owned() });
        }
        Ok(Self {
            path,
            text: value.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn assemble(texts: &[&str], schema: Option<&Value>) -> Result<Value, String> {
        let assignments: Vec<Assignment> = texts.iter().map(|text| text.parse().unwrap()).collect();
        Assignment::assemble(&assignments, schema)
            .map(Value::Object)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn values_are_yaml_unless_the_schema_says_text() {
        let texts = [
            "path=./manifests",
            "recursive=false",
            "depth=3",
            "include=[a, b]",
            "a.b=x",
            "a.c=1",
            "empty=",
            "eq=a=b",
            "glob=*.yaml",
            "text=a: b",
            "none=null",
            "at=@file",
        ];
        let expected = json!({
            "path": "./manifests", "recursive": false, "depth": 3, "include": ["a", "b"],
            "a": {"b": "x", "c": 1}, "empty": "", "eq": "a=b", "glob": "*.yaml", "text": "a: b", "none": null, "at": "@file",
        });
        assert_eq!(assemble(&texts, None), Ok(expected));

        let schema =
            json!({"properties": {"depth": {"type": "string"}, "a": {"properties": {"c": {"type": "string"}}}}});
        let typed = assemble(&["depth=3", "a.c=1", "a.b=1"], Some(&schema));
        assert_eq!(typed, Ok(json!({"depth": "3", "a": {"c": "1", "b": 1}})));
    }

    #[test]
    fn a_key_has_one_value() {
        for texts in [["a=1", "a=2"], ["a=1", "a.b=2"], ["a.b=2", "a=1"]] {
            let error = assemble(&texts, None).unwrap_err();
            assert!(error.contains("set twice"), "{error}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        assert!(
            "novalue"
                .parse::<Assignment>()
                .unwrap_err()
                .to_string()
                .contains("not key=value")
        );
        for key in ["=x", "a..b=x", ".a=x", &format!("{}=x", ["a"; 17].join("."))] {
            assert!(
                key.parse::<Assignment>()
                    .unwrap_err()
                    .to_string()
                    .contains("names joined by dots"),
                "{key}"
            );
        }
        assert!(
            assemble(&["a=[1"], None)
                .unwrap_err()
                .contains("the value of a cannot be read")
        );
    }
}
