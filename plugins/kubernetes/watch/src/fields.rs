//! Which fields of an object are left out.

use serde_json::Value;
use thiserror::Error;

/// Fields without which an object is none.
const NEEDED: &[&[&str]] = &[
    &["apiVersion"],
    &["kind"],
    &["metadata"],
    &["metadata", "name"],
    &["metadata", "namespace"],
];

/// Why a field cannot be left out.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum FieldError {
    /// A part of its path is empty.
    #[error("{0:?} is not the path of a field; write it as metadata.managedFields, or /metadata/annotations/a.b~1c")]
    Path(String),
    /// No object is one without it.
    #[error("an object needs its {0:?}")]
    Needed(String),
}

/// The fields to leave out of each object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields(Vec<Vec<String>>);

impl Fields {
    /// Reads paths: names with dots between them, or a JSON Pointer where a name has dots itself. `*` stands for every name
    /// and every element of a list.
    ///
    /// # Errors
    /// Refuses what is not a path, and the fields that make an object one.
    pub fn read(paths: &[String]) -> Result<Self, FieldError> {
        paths.iter().map(|path| read(path)).collect::<Result<_, _>>().map(Self)
    }

    /// Leaves them out of an object.
    pub fn prune(&self, object: &mut Value) {
        self.0.iter().for_each(|path| prune(object, path));
    }
}

fn read(path: &str) -> Result<Vec<String>, FieldError> {
    let names: Vec<String> = match path.strip_prefix('/') {
        Some(pointer) => pointer
            .split('/')
            .map(|name| name.replace("~1", "/").replace("~0", "~"))
            .collect(),
        None => path.split('.').map(str::to_owned).collect(),
    };
    if names.iter().any(String::is_empty) {
        return Err(FieldError::Path(path.to_owned()));
    }
    let covers = |needed: &&[&str]| {
        needed.len() == names.len()
            && names
                .iter()
                .zip(*needed)
                .all(|(name, needed)| name == "*" || name == needed)
    };
    match NEEDED.iter().find(|needed| covers(needed)) {
        Some(needed) => Err(FieldError::Needed(needed.join("."))),
        None => Ok(names),
    }
}

fn prune(value: &mut Value, path: &[String]) {
    match (path, value) {
        ([name], Value::Object(map)) if name == "*" => map.clear(),
        ([name], Value::Object(map)) => {
            map.remove(name);
        }
        ([name], Value::Array(elements)) if name == "*" => elements.clear(),
        ([name, rest @ ..], Value::Object(map)) if name == "*" => map.values_mut().for_each(|value| prune(value, rest)),
        ([name, rest @ ..], Value::Object(map)) => {
            if let Some(value) = map.get_mut(name) {
                prune(value, rest);
            }
        }
        ([name, rest @ ..], Value::Array(elements)) if name == "*" => {
            elements.iter_mut().for_each(|value| prune(value, rest));
        }
        (_, Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_)) | ([], _) => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn fields_are_left_out_wherever_they_are() {
        let object = json!({
            "metadata": {"name": "a", "managedFields": [1], "annotations": {"a.b/c": "x", "d": "y"}},
            "spec": {"list": [{"keep": 1, "drop": 2}, 3], "map": {"x": {"drop": 1}, "y": []}},
        });
        for (path, pointer) in [
            ("metadata.managedFields", Some("/metadata/managedFields")),
            ("/metadata/annotations/a.b~1c", Some("/metadata/annotations/a.b~1c")),
            ("spec.list.*.drop", Some("/spec/list/0/drop")),
            ("spec.map.*.drop", Some("/spec/map/x/drop")),
            ("spec.list.*", Some("/spec/list/0")),
            ("spec.map.*", Some("/spec/map/x")),
            ("spec.list.drop", None),
            ("spec.missing.deeper", None),
            ("status", None),
        ] {
            let mut pruned = object.clone();
            Fields::read(&[path.to_owned()]).unwrap().prune(&mut pruned);
            match pointer {
                Some(pointer) => {
                    assert!(
                        object.pointer(pointer).is_some() && pruned.pointer(pointer).is_none(),
                        "{path}: {pruned}"
                    );
                }
                None => assert_eq!(pruned, object, "{path}"),
            }
            assert_eq!(pruned.pointer("/metadata/name"), object.pointer("/metadata/name"));
        }
    }

    #[test]
    fn what_makes_an_object_one_stays() {
        for path in [
            "kind",
            "/apiVersion",
            "metadata",
            "metadata.name",
            "*.namespace",
            "*",
            "metadata.*",
        ] {
            assert!(
                matches!(Fields::read(&[path.to_owned()]), Err(FieldError::Needed(_))),
                "{path}"
            );
        }
        for path in ["", ".", "a..b", "/", "/a//b"] {
            assert!(
                matches!(Fields::read(&[path.to_owned()]), Err(FieldError::Path(_))),
                "{path}"
            );
        }
    }
}
