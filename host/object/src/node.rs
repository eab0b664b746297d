//! A JSON value that borrows its text from the bytes it was read from.
//!
//! Objects pass by in hundreds of thousands, and most of them only once: a tree that owns its text would spend most of its
//! time on allocations. What is kept of an object is its canonical text.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Number, Value};

/// A JSON value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Node<'t> {
    Null,
    Bool(bool),
    Number(Number),
    Text(Cow<'t, str>),
    List(Vec<Self>),
    Map(Fields<'t>),
}

/// A member of a map.
type Field<'t> = (Cow<'t, str>, Node<'t>);

/// The members of a map, sorted by name, each name once.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Fields<'t>(Vec<Field<'t>>);

impl<'t> Fields<'t> {
    /// Of members with one name, the last counts.
    fn new(mut fields: Vec<Field<'t>>) -> Self {
        if !fields.is_sorted_by(|(left, _), (right, _)| left < right) {
            fields.reverse();
            fields.sort_by(|(left, _), (right, _)| left.cmp(right));
            fields.dedup_by(|(later, _), (kept, _)| later == kept);
        }
        Self(fields)
    }

    fn find(&self, name: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|(own, _)| (**own).cmp(name))
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Node<'t>> {
        self.0.get(self.find(name).ok()?).map(|(_, value)| value)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &Node<'t>)> {
        self.0.iter().map(|(name, value)| (&**name, value))
    }

    pub(crate) fn remove(&mut self, name: &str) -> Option<Node<'t>> {
        let at = self.find(name).ok()?;
        Some(self.0.remove(at).1)
    }

    pub(crate) fn insert(&mut self, name: Cow<'t, str>, value: Node<'t>) {
        match self.find(&name) {
            Ok(at) => {
                if let Some((_, own)) = self.0.get_mut(at) {
                    *own = value;
                }
            }
            Err(at) => self.0.insert(at, (name, value)),
        }
    }

    /// The members that count: not those that are null.
    pub(crate) fn into_present(self) -> impl Iterator<Item = Field<'t>> {
        self.0.into_iter().filter(|(_, value)| *value != Node::Null)
    }
}

impl<'t> Node<'t> {
    pub(crate) fn as_map(&self) -> Option<&Fields<'t>> {
        match self {
            Self::Map(fields) => Some(fields),
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::Text(_) | Self::List(_) => None,
        }
    }

    /// Whether lists and maps nest deeper than `levels`.
    pub(crate) fn is_deeper_than(&self, levels: usize) -> bool {
        match self {
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::Text(_) => false,
            Self::List(items) => levels == 0 || items.iter().any(|item| item.is_deeper_than(levels - 1)),
            Self::Map(fields) => levels == 0 || fields.iter().any(|(_, value)| value.is_deeper_than(levels - 1)),
        }
    }

    /// Writes compact JSON, leaving out members that are null.
    pub(crate) fn write(&self, out: &mut String) {
        match self {
            Self::Null => out.push_str("null"),
            Self::Bool(true) => out.push_str("true"),
            Self::Bool(false) => out.push_str("false"),
            Self::Number(number) => out.push_str(&number.to_string()),
            Self::Text(text) => write_text(text, out),
            Self::List(items) => {
                let mut list = Members::begin('[', out);
                items.iter().for_each(|item| item.write(list.next()));
                list.end(']');
            }
            Self::Map(fields) => {
                let mut map = Members::begin('{', out);
                fields.iter().for_each(|(name, value)| map.field(name, value));
                map.end('}');
            }
        }
    }
}

/// The members of a list or map while they are written.
pub(crate) struct Members<'o> {
    out: &'o mut String,
    is_first: bool,
}

impl<'o> Members<'o> {
    pub(crate) fn begin(bracket: char, out: &'o mut String) -> Self {
        out.push(bracket);
        Self { out, is_first: true }
    }

    /// Where the next member goes.
    pub(crate) fn next(&mut self) -> &mut String {
        if !std::mem::take(&mut self.is_first) {
            self.out.push(',');
        }
        self.out
    }

    /// Where the next named member's value goes.
    pub(crate) fn named(&mut self, name: &str) -> &mut String {
        let out = self.next();
        write_text(name, out);
        out.push(':');
        out
    }

    /// Writes a member, unless it is null.
    pub(crate) fn field(&mut self, name: &str, value: &Node<'_>) {
        if *value != Node::Null {
            value.write(self.named(name));
        }
    }

    /// Bytes written so far.
    pub(crate) fn len(&self) -> usize {
        self.out.len()
    }

    pub(crate) fn end(self, bracket: char) {
        self.out.push(bracket);
    }
}

/// Writes a JSON string, escaping as little as can be.
pub(crate) fn write_text(text: &str, out: &mut String) {
    out.push('"');
    let mut rest = text;
    while let Some(at) = rest
        .bytes()
        .position(|byte| byte < b' ' || byte == b'"' || byte == b'\\')
    {
        let (plain, escaped) = rest.split_at(at);
        out.push_str(plain);
        let mut characters = escaped.chars();
        if let Some(character) = characters.next() {
            escape(character, out);
        }
        rest = characters.as_str();
    }
    out.push_str(rest);
    out.push('"');
}

fn escape(character: char, out: &mut String) {
    const HEXADECIMAL: [char; 16] = [
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f',
    ];
    let short = match character {
        '"' => '"',
        '\\' => '\\',
        '\u{8}' => 'b',
        '\t' => 't',
        '\n' => 'n',
        '\u{c}' => 'f',
        '\r' => 'r',
        other => {
            out.push_str("\\u00");
            let code = other as usize;
            out.extend([HEXADECIMAL[code >> 4 & 15], HEXADECIMAL[code & 15]]);
            return;
        }
    };
    out.extend(['\\', short]);
}

impl<'t> From<&'t Value> for Node<'t> {
    fn from(value: &'t Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(bool) => Self::Bool(*bool),
            Value::Number(number) => Self::Number(number.clone()),
            Value::String(text) => Self::Text(Cow::Borrowed(text)),
            Value::Array(items) => Self::List(items.iter().map(Self::from).collect()),
            Value::Object(map) => Self::Map(Fields::new(
                map.iter()
                    .map(|(name, value)| (Cow::Borrowed(&**name), Self::from(value)))
                    .collect(),
            )),
        }
    }
}

impl<'de> Deserialize<'de> for Node<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Node::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Node::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
        Ok(Node::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Self::Value, E> {
        Ok(Number::from_f64(value).map_or(Node::Null, Node::Number))
    }

    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Self::Value, E> {
        Ok(Node::Text(Cow::Borrowed(value)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Self::Value, E> {
        Ok(Node::Text(Cow::Owned(value.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Node::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        let mut fields = Vec::new();
        while let Some((Name(name), value)) = members.next_entry()? {
            fields.push((name, value));
        }
        Ok(Node::Map(Fields::new(fields)))
    }
}

/// The name of a member.
struct Name<'t>(Cow<'t, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(NameVisitor)
    }
}

struct NameVisitor;

impl<'de> Visitor<'de> for NameVisitor {
    type Value = Name<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Self::Value, E> {
        Ok(Name(Cow::Borrowed(name)))
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(Name(Cow::Owned(name.to_owned())))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(node: &Node<'_>) -> String {
        let mut out = String::new();
        node.write(&mut out);
        out
    }

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
            "[\u{0}-\u{7f}]{0,8}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::btree_map("[\u{0}-\u{7f}]{0,4}", inner, 0..6)
                    .prop_map(|map| map.into_iter().collect::<serde_json::Map<_, _>>().into()),
            ]
        })
    }

    proptest! {
        #[test]
        fn it_reads_and_writes_what_serde_json_does(value in values()) {
            // A number that JSON has no word for is null, and null is left out of a map.
            let is_plain = !value.to_string().contains("null");
            let compact = value.to_string();
            let pretty = serde_json::to_string_pretty(&value).expect("JSON");
            for text in [&compact, &pretty] {
                let node: Node<'_> = serde_json::from_str(text).expect("JSON");
                prop_assert_eq!(&node, &Node::from(&value));
                prop_assert!(!is_plain || written(&node) == compact, "{} became {}", compact, written(&node));
            }
        }
    }

    #[test]
    fn of_members_with_one_name_the_last_counts_and_null_does_not() {
        let node: Node<'_> = serde_json::from_str(r#"{"b":1,"a":[null],"b":2,"c":3,"b":3,"c":null}"#).expect("JSON");
        assert_eq!(written(&node), r#"{"a":[null],"b":3}"#);
    }
}
