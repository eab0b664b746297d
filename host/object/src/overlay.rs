//! What becomes of an object when a declaration is laid over it.
//!
//! This is server-side apply with force for one declaring manager, lists atomic: the declaration's fields win, fields it
//! declared before and no longer declares go, everything else stays.

use serde_json::{Map, Value};

/// Lays `source` over `local`. A field that `base` declared and `source` no longer does is removed; a field neither
/// declares survives. Without a base nothing is removed.
#[must_use]
pub fn overlay(local: &Value, base: Option<&Value>, source: &Value) -> Value {
    match (local, source) {
        (Value::Object(local), Value::Object(source)) => {
            let base = base.and_then(Value::as_object);
            Value::Object(overlay_maps(local, base, source))
        }
        (Value::Object(_), Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_))
        | (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_), _) => source.clone(),
    }
}

fn overlay_maps(
    local: &Map<String, Value>,
    base: Option<&Map<String, Value>>,
    source: &Map<String, Value>,
) -> Map<String, Value> {
    let base_of = |key: &str| base.and_then(|base| base.get(key));
    let mut result: Map<String, Value> = local
        .iter()
        .filter(|(key, _)| !source.contains_key(*key))
        .filter_map(|(key, value)| Some((key.clone(), undeclare(value, base_of(key))?)))
        .collect();
    for (key, declared) in source {
        let value = local
            .get(key)
            .map_or_else(|| declared.clone(), |own| overlay(own, base_of(key), declared));
        result.insert(key.clone(), value);
    }
    result
}

/// What is left of `local` when the fields of `base` are given up; `None` when nothing is.
fn undeclare(local: &Value, base: Option<&Value>) -> Option<Value> {
    match (local, base) {
        (_, None) => Some(local.clone()),
        (Value::Object(local), Some(Value::Object(base))) => {
            let left: Map<String, Value> = local
                .iter()
                .filter_map(|(key, value)| Some((key.clone(), undeclare(value, base.get(key))?)))
                .collect();
            (!left.is_empty()).then_some(Value::Object(left))
        }
        (_, Some(_)) => None,
    }
}

/// Whether `left` and `right` agree on every field that `shape` declares; an absent field agrees with an absent one.
#[must_use]
pub fn agree_on(shape: &Value, left: Option<&Value>, right: Option<&Value>) -> bool {
    match shape {
        Value::Object(fields) if !fields.is_empty() => fields.iter().all(|(key, inner)| {
            let field = |side: Option<&Value>| match side {
                Some(Value::Object(map)) => Ok(map.get(key).cloned()),
                None => Ok(None),
                Some(other) => Err(other.clone()),
            };
            match (field(left), field(right)) {
                (Ok(left), Ok(right)) => agree_on(inner, left.as_ref(), right.as_ref()),
                (Err(left), Err(right)) => left == right,
                (Ok(_), Err(_)) | (Err(_), Ok(_)) => false,
            }
        }),
        // An empty map declares only that there is one.
        Value::Object(_) => {
            let is_map = |side: Option<&Value>| side.is_some_and(Value::is_object);
            left == right || (is_map(left) && is_map(right))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => left == right,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn declared_fields_win_and_undeclared_survive() {
        for (local, base, source, expected) in [
            (
                json!({"a": 1, "x": 9}),
                json!({"a": 1}),
                json!({"a": 2}),
                json!({"a": 2, "x": 9}),
            ),
            (
                json!({"a": 1, "b": 2}),
                json!({"a": 1, "b": 2}),
                json!({"a": 1}),
                json!({"a": 1}),
            ),
            (
                json!({"m": {"a": 1, "x": 9}}),
                json!({"m": {"a": 1}}),
                json!({}),
                json!({"m": {"x": 9}}),
            ),
            (json!({"m": {"a": 1}}), json!({"m": {"a": 1}}), json!({}), json!({})),
            (
                json!({"l": [1, 2, 3]}),
                json!({"l": [1]}),
                json!({"l": [4]}),
                json!({"l": [4]}),
            ),
            (
                json!({"a": {"b": 1}}),
                json!({"a": {"b": 1}}),
                json!({"a": 3}),
                json!({"a": 3}),
            ),
            (
                json!({"a": 3}),
                json!({"a": 3}),
                json!({"a": {"b": 1}}),
                json!({"a": {"b": 1}}),
            ),
            (json!({"a": 7}), json!({"a": {"b": 1}}), json!({}), json!({})),
        ] {
            assert_eq!(
                overlay(&local, Some(&base), &source),
                expected,
                "{local} {base} {source}"
            );
        }
        assert_eq!(
            overlay(&json!({"x": 1}), None, &json!({"a": 2})),
            json!({"a": 2, "x": 1})
        );
    }

    #[test]
    fn agreement_looks_only_where_the_shape_does() {
        let shape = json!({"a": 1, "m": {"b": 2}});
        let agrees = |left: Value, right: Value| agree_on(&shape, Some(&left), Some(&right));
        assert!(agrees(json!({"a": 1, "x": 1}), json!({"a": 1, "x": 2})));
        assert!(!agrees(json!({"a": 1}), json!({"a": 2})));
        assert!(!agrees(json!({"a": 1, "m": {"b": 2}}), json!({"a": 1, "m": {}})));
        assert!(!agrees(json!({"a": 1, "m": 5}), json!({"a": 1, "m": {}})));
        assert!(agrees(json!({"m": 5}), json!({"m": 5, "x": 1})));
        assert!(agree_on(&json!({}), Some(&json!({})), Some(&json!({}))));
        assert!(!agree_on(&json!({}), Some(&json!({})), None));
    }

    fn documents() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            (0..3_i64).prop_map(Value::from),
            prop::collection::vec(0..3_i64, 0..3).prop_map(Value::from)
        ];
        let value = leaf.prop_recursive(3, 12, 3, |inner| {
            prop::collection::btree_map("[a-c]", inner, 0..3).prop_map(|map| Value::Object(map.into_iter().collect()))
        });
        prop::collection::btree_map("[a-c]", value, 0..3).prop_map(|map| Value::Object(map.into_iter().collect()))
    }

    proptest! {
        #[test]
        fn the_result_holds_what_the_source_declares(local in documents(), base in documents(), source in documents()) {
            let result = overlay(&local, Some(&base), &source);
            prop_assert!(agree_on(&source, Some(&result), Some(&source)));
            prop_assert_eq!(overlay(&result, Some(&source), &source), result);
        }

        #[test]
        fn an_untouched_object_becomes_the_declaration(base in documents(), source in documents()) {
            prop_assert_eq!(overlay(&base, Some(&base), &source), source);
        }
    }
}
