//! JSON merge patch (RFC 7386), and what it changed.

use serde_json::{Map, Value};

/// Applies a patch.
pub(super) fn merged(target: &Value, patch: &Value) -> Value {
    let Value::Object(changes) = patch else {
        return patch.clone();
    };
    let mut result = target.as_object().cloned().unwrap_or_default();
    for (name, change) in changes {
        if change.is_null() {
            result.remove(name);
        } else {
            let before = result.get(name).unwrap_or(&Value::Null);
            let after = merged(before, change);
            result.insert(name.clone(), after);
        }
    }
    Value::Object(result)
}

/// The fields in which two values differ, as deep as both are objects, in order.
pub(super) fn changed(before: &Value, after: &Value) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    compare(before, after, &mut Vec::new(), &mut found);
    found
}

fn compare(before: &Value, after: &Value, path: &mut Vec<String>, found: &mut Vec<Vec<String>>) {
    let empty = Map::new();
    let (before, after) = match (before, after) {
        (Value::Object(before), Value::Object(after)) => (before, after),
        // A map that comes or goes is a change of each of its fields.
        (Value::Null, Value::Object(after)) if !after.is_empty() => (&empty, after),
        (Value::Object(before), Value::Null) if !before.is_empty() => (before, &empty),
        (one, other) => {
            if one != other {
                found.push(path.clone());
            }
            return;
        }
    };
    let mut names: Vec<&String> = before.keys().chain(after.keys()).collect();
    names.sort_unstable();
    names.dedup();
    for name in names {
        path.push(name.clone());
        compare(
            before.get(name).unwrap_or(&Value::Null),
            after.get(name).unwrap_or(&Value::Null),
            path,
            found,
        );
        path.pop();
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn patches_apply_as_in_the_appendix_of_rfc_7386() {
        for (target, patch, expected) in [
            (json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": "b"}), json!({"b": "c"}), json!({"a": "b", "b": "c"})),
            (json!({"a": "b"}), json!({"a": null}), json!({})),
            (json!({"a": "b", "b": "c"}), json!({"a": null}), json!({"b": "c"})),
            (json!({"a": ["b"]}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": "c"}), json!({"a": ["b"]}), json!({"a": ["b"]})),
            (
                json!({"a": {"b": "c"}}),
                json!({"a": {"b": "d", "c": null}}),
                json!({"a": {"b": "d"}}),
            ),
            (json!({"a": [{"b": "c"}]}), json!({"a": [1]}), json!({"a": [1]})),
            (json!(["a", "b"]), json!(["c", "d"]), json!(["c", "d"])),
            (json!({"a": "b"}), json!(["c"]), json!(["c"])),
            (json!({"a": "foo"}), json!(null), json!(null)),
            (json!({"a": "foo"}), json!("bar"), json!("bar")),
            (json!({"e": null}), json!({"a": 1}), json!({"e": null, "a": 1})),
            (json!([1, 2]), json!({"a": "b", "c": null}), json!({"a": "b"})),
            (json!({}), json!({"a": {"bb": {"ccc": null}}}), json!({"a": {"bb": {}}})),
        ] {
            assert_eq!(merged(&target, &patch), expected, "{target} {patch}");
        }
    }

    #[test]
    fn changes_are_told_by_field() {
        for (before, after, expected) in [
            (json!({"a": 1}), json!({"a": 1}), vec![]),
            (json!({"a": 1, "b": 2}), json!({"a": 2, "c": 1}), vec!["a", "b", "c"]),
            (
                json!({"a": {"b": 1, "c": 2}}),
                json!({"a": {"b": 2, "c": 2}}),
                vec!["a.b"],
            ),
            (json!({}), json!({"a": {"b": 1}}), vec!["a.b"]),
            (json!({"a": {"b": 1}}), json!({}), vec!["a.b"]),
            (json!({"a": {"b": 1}}), json!({"a": 7}), vec!["a"]),
            (json!({"a": [1]}), json!({"a": [1, 2]}), vec!["a"]),
        ] {
            let found: Vec<String> = changed(&before, &after).iter().map(|path| path.join(".")).collect();
            assert_eq!(found, expected, "{before} {after}");
        }
    }
}
