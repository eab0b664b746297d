//! The fields of an object of JSON, taken apart and put together again with their values as they are written.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::value::RawValue;

/// Fields by their names, each value as it is written.
#[derive(Debug, Default, Serialize)]
#[serde(transparent)]
pub(super) struct Fields<'j>(BTreeMap<Cow<'j, str>, Cow<'j, RawValue>>);

impl<'j> Fields<'j> {
    /// Takes an object apart.
    ///
    /// # Errors
    /// For what is none, or no JSON.
    pub(super) fn of(object: &'j [u8]) -> serde_json::Result<Self> {
        let fields: BTreeMap<Cow<'j, str>, &'j RawValue> = serde_json::from_slice(object)?;
        let borrowed = fields.into_iter().map(|(name, value)| (name, Cow::Borrowed(value)));
        Ok(Self(borrowed.collect()))
    }

    /// Returns a value that is an object, taken apart; one without fields where there is no value.
    ///
    /// # Errors
    /// For a value that is something else.
    pub(super) fn within(&self, name: &str) -> serde_json::Result<Fields<'_>> {
        self.0
            .get(name)
            .map_or_else(|| Ok(Fields::default()), |value| Fields::of(value.get().as_bytes()))
    }

    /// Sets a field.
    pub(super) fn set(&mut self, name: impl Into<Cow<'j, str>>, value: Box<RawValue>) {
        self.0.insert(name.into(), Cow::Owned(value));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::value::to_raw_value;
    use serde_json::{Map, Value, json};

    use super::*;

    fn joined(fields: &Fields<'_>) -> String {
        serde_json::to_string(fields).expect("JSON")
    }

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            "[ -~\n\"\\\\{}\\[\\],:é]{0,8}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::vec(("[a-c\"\\\\{},:\n]{0,3}", inner), 0..4)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect::<Map<_, _>>())),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]
        #[test]
        fn an_object_is_put_together_as_it_was_and_with_what_was_set(
            fields in prop::collection::vec(("[a-c\"\\\\{},:\n]{0,3}", values()), 0..5),
            name in "[a-c\"\\\\]{0,2}",
            value in values(),
        ) {
            let mut object: Map<String, Value> = fields.into_iter().collect();
            let text = Value::from(object.clone()).to_string();
            let mut taken = Fields::of(text.as_bytes()).expect("an object");
            prop_assert_eq!(joined(&taken), text.clone());
            taken.set(name.clone(), to_raw_value(&value).expect("JSON"));
            object.insert(name, value);
            prop_assert_eq!(joined(&taken), Value::from(object).to_string());
        }
    }

    #[test]
    fn what_is_no_object_is_refused() {
        for text in [
            "",
            "{",
            "}",
            "[]",
            "null",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1",
            "{\"a\":1,}",
            "{\"a\":1}x",
            "{a:1}",
            "{\"a\":\"}",
            "{\"a\":{\"b\":1}",
            "{\"a\\\":1}",
            "{\"a\\x\":1}",
            "{\"a\":tru}",
            "{\"a\":[1,]}",
        ] {
            assert!(Fields::of(text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn an_object_within_may_be_absent() {
        let text = json!({"a": {"b": 1}, "c": 2}).to_string();
        let fields = Fields::of(text.as_bytes()).expect("an object");
        assert_eq!(joined(&fields.within("a").expect("an object")), "{\"b\":1}");
        assert_eq!(joined(&fields.within("x").expect("none")), "{}");
        assert!(fields.within("c").is_err());
    }
}
