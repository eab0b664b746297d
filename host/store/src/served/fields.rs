//! The fields of an object of canonical JSON, taken apart and put together again without reading what their values are.
//!
//! Does not check the values: what is stored was checked when it was written, and what is damaged is found by whoever
//! reads it. What does not even divide into fields is refused.

use std::borrow::Cow;
use std::collections::BTreeMap;

/// Bytes around a name and its value.
const PUNCTUATION: usize = "\"\":,".len();

/// Fields by their names, each value a text of JSON.
#[derive(Debug, Default)]
pub(super) struct Fields<'j>(BTreeMap<Cow<'j, str>, Cow<'j, str>>);

impl<'j> Fields<'j> {
    /// Takes an object apart; `None` for what is none.
    pub(super) fn of(object: &'j str) -> Option<Self> {
        let mut fields = BTreeMap::new();
        let mut rest = object.strip_prefix('{')?;
        if rest == "}" {
            return Some(Self(fields));
        }
        loop {
            let (name, behind) = split(rest)?;
            let (value, behind) = split(behind.strip_prefix(':')?)?;
            fields.insert(text(name)?, value.into());
            match behind {
                "}" => return Some(Self(fields)),
                _ => rest = behind.strip_prefix(',')?,
            }
        }
    }

    /// Returns a value that is an object, taken apart; one without fields where there is no value, and `None` where it
    /// is something else.
    pub(super) fn within(&self, name: &str) -> Option<Fields<'_>> {
        self.0
            .get(name)
            .map_or_else(|| Some(Fields::default()), |value| Fields::of(value))
    }

    /// Sets a field.
    pub(super) fn set(&mut self, name: impl Into<Cow<'j, str>>, json: impl Into<Cow<'j, str>>) {
        self.0.insert(name.into(), json.into());
    }

    /// Puts the object together.
    pub(super) fn join(&self) -> String {
        let bytes: usize = self
            .0
            .iter()
            .map(|(name, value)| name.len() + value.len() + PUNCTUATION)
            .sum();
        let mut object = String::with_capacity(bytes + 2);
        let mut separator = '{';
        for (name, value) in &self.0 {
            object.push(separator);
            push_quoted(&mut object, name);
            object.push(':');
            object.push_str(value);
            separator = ',';
        }
        if self.0.is_empty() {
            object.push('{');
        }
        object.push('}');
        object
    }
}

/// Makes a text of JSON.
pub(super) fn quoted(text: &str) -> String {
    let mut json = String::with_capacity(text.len() + 2);
    push_quoted(&mut json, text);
    json
}

fn push_quoted(json: &mut String, text: &str) {
    // Counted to the end, because that takes many bytes at a time.
    let escaped = |byte: &u8| *byte < b' ' || *byte == b'"' || *byte == b'\\';
    if text.as_bytes().iter().filter(|byte| escaped(byte)).count() > 0 {
        json.push_str(&serde_json::Value::from(text).to_string());
        return;
    }
    json.push('"');
    json.push_str(text);
    json.push('"');
}

/// Reads a name; most are as they are written.
fn text(name: &str) -> Option<Cow<'_, str>> {
    let plain = name.strip_prefix('"')?.strip_suffix('"')?;
    if memchr::memchr(b'\\', plain.as_bytes()).is_none() {
        return Some(plain.into());
    }
    serde_json::from_str::<String>(name).ok().map(Cow::Owned)
}

/// Splits a text behind the value that it begins with.
fn split(text: &str) -> Option<(&str, &str)> {
    let bytes = text.as_bytes();
    let mut depth = 0_usize;
    let mut at = 0;
    loop {
        match bytes.get(at)? {
            b'"' => {
                at = string_end(bytes, at)?;
                if depth == 0 {
                    return text.split_at_checked(at);
                }
            }
            b'{' | b'[' => {
                depth += 1;
                at += 1;
            }
            b'}' | b']' if depth > 1 => {
                depth -= 1;
                at += 1;
            }
            b'}' | b']' if depth == 1 => return text.split_at_checked(at + 1),
            // A number, true, false or null ends before what follows it.
            b'}' | b']' | b',' if depth == 0 => return (at > 0).then(|| text.split_at_checked(at)).flatten(),
            _ => at += 1,
        }
    }
}

/// Where the string that begins at `at` ends.
fn string_end(bytes: &[u8], at: usize) -> Option<usize> {
    let mut at = at + 1;
    loop {
        at += memchr::memchr2(b'"', b'\\', bytes.get(at..)?)?;
        match bytes.get(at)? {
            b'"' => return Some(at + 1),
            _ => at += 2,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Map, Value, json};

    use super::*;

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
            let mut taken = Fields::of(&text).expect("an object");
            prop_assert_eq!(taken.join(), text.clone());
            taken.set(name.clone(), value.to_string());
            object.insert(name, value);
            prop_assert_eq!(taken.join(), Value::from(object).to_string());
        }

        #[test]
        fn a_text_is_quoted_as_json_quotes_it(text in "[ -~\n\t\u{0}\u{7f}é\u{2028}]{0,12}") {
            prop_assert_eq!(quoted(&text), Value::from(text).to_string());
        }
    }

    #[test]
    fn what_does_not_divide_into_fields_is_refused() {
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
        ] {
            assert!(Fields::of(text).is_none(), "{text}");
        }
    }

    #[test]
    fn an_object_within_may_be_absent() {
        let text = json!({"a": {"b": 1}, "c": 2}).to_string();
        let fields = Fields::of(&text).expect("an object");
        assert_eq!(fields.within("a").expect("an object").join(), "{\"b\":1}");
        assert_eq!(fields.within("x").expect("none").join(), "{}");
        assert!(fields.within("c").is_none());
    }
}
