//! Documents as a person might have written them: YAML with comments, anchors, block scalars and YAML 1.1's own words.
//!
//! What a document means is always the value it is made from; only its looks vary, by the object's own numbers, so that
//! a document keeps its looks when its neighbours change or its file is renamed.

use serde_json::{Map, Value};

use crate::random::Random;

const STEP: usize = 2;
/// Where the stream of looks begins among an object's numbers, apart from those its content is made of.
const LOOKS: u64 = 0x6C6F_6F6B;

/// How one document looks.
#[derive(Clone, Copy)]
pub(super) struct Looks {
    comments: bool,
    anchors: bool,
    quotes: bool,
    truth: &'static str,
}

impl Looks {
    pub(super) fn of(seed: u64, ordinal: usize) -> Self {
        let mut random = Random::of(seed ^ LOOKS, ordinal);
        Self {
            comments: random.once_in(3),
            anchors: random.once_in(3),
            quotes: random.once_in(4),
            truth: random.one_of(&["true", "True", "yes", "on"]),
        }
    }

    /// The same without anchors, whose names would be used again by the next item of a List.
    pub(super) fn without_anchors(self) -> Self {
        Self { anchors: false, ..self }
    }
}

/// Writes one document, without a separator.
pub(super) fn document(out: &mut String, body: &Value, looks: Looks) {
    if looks.comments {
        out.push_str("# Kept by the shop's own people; ask before you change it.\n");
    }
    writer(body, looks, out).block(body, 0);
}

/// Writes a List of documents.
pub(super) fn list(out: &mut String, items: &[(Value, Looks)]) {
    out.push_str("apiVersion: v1\nkind: List\nitems:\n");
    for (body, looks) in items {
        out.push_str("- ");
        writer(body, looks.without_anchors(), out).block(body, STEP);
    }
}

fn writer<'a>(body: &'a Value, looks: Looks, out: &'a mut String) -> Writer<'a> {
    let labels = body["metadata"]["labels"].as_object();
    Writer {
        looks,
        out,
        labels: labels.filter(|labels| looks.anchors && !labels.is_empty()),
        anchored: false,
    }
}

struct Writer<'a> {
    looks: Looks,
    out: &'a mut String,
    /// The map that gets an anchor where it first stands, and an alias wherever it stands again.
    labels: Option<&'a Map<String, Value>>,
    anchored: bool,
}

impl Writer<'_> {
    /// Writes a value that begins where the cursor is, after `indent` columns, and ends its last line.
    fn block(&mut self, value: &Value, indent: usize) {
        match value {
            Value::Object(map) if !map.is_empty() => {
                for (position, (key, value)) in by_habit(map).into_iter().enumerate() {
                    if position > 0 {
                        self.pad(indent);
                    }
                    self.entry(key, value, indent);
                }
            }
            Value::Array(items) if !items.is_empty() => {
                for (position, item) in items.iter().enumerate() {
                    if position > 0 {
                        self.pad(indent);
                    }
                    self.out.push_str("- ");
                    self.block(item, indent + STEP);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => {
                self.scalar(value);
                self.out.push('\n');
            }
        }
    }

    fn entry(&mut self, key: &str, value: &Value, indent: usize) {
        if self.looks.comments && key == "spec" {
            self.out.push_str("# What it should be:\n");
            self.pad(indent);
        }
        self.word(key);
        self.out.push(':');
        match value {
            Value::Object(map) if !map.is_empty() => {
                if self.labels == Some(map) {
                    if self.anchored {
                        self.out.push_str(" *labels\n");
                        return;
                    }
                    self.anchored = true;
                    self.out.push_str(" &labels");
                }
                self.out.push('\n');
                self.pad(indent + STEP);
                self.block(value, indent + STEP);
            }
            Value::Array(items) if !items.is_empty() => {
                self.out.push('\n');
                self.pad(indent);
                self.block(value, indent);
            }
            Value::String(text) if is_literal(text) => {
                self.out.push_str(" |\n");
                for line in text.split_inclusive('\n') {
                    if line != "\n" {
                        self.pad(indent + STEP);
                    }
                    self.out.push_str(line);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => {
                self.out.push(' ');
                self.scalar(value);
                if self.looks.comments && key == "replicas" {
                    self.out.push_str(" # see the autoscaler");
                }
                self.out.push('\n');
            }
        }
    }

    fn scalar(&mut self, value: &Value) {
        match value {
            Value::Bool(true) => self.out.push_str(self.looks.truth),
            Value::String(text) => self.word(text),
            Value::Null | Value::Bool(false) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
                self.out.push_str(&value.to_string());
            }
        }
    }

    fn word(&mut self, text: &str) {
        if is_plain(text) && !self.looks.quotes {
            self.out.push_str(text);
        } else {
            // A JSON string is a YAML string too.
            self.out.push_str(&Value::from(text).to_string());
        }
    }

    fn pad(&mut self, columns: usize) {
        self.out.extend(std::iter::repeat_n(' ', columns));
    }
}

/// What people write first comes first, the rest in order.
fn by_habit(map: &Map<String, Value>) -> Vec<(&String, &Value)> {
    const FIRST: [&str; 5] = ["apiVersion", "kind", "metadata", "name", "namespace"];
    let mut entries: Vec<_> = map.iter().collect();
    entries.sort_by_key(|(key, _)| FIRST.iter().position(|first| first == key).unwrap_or(FIRST.len()));
    entries
}

/// Whether a block scalar holds a text exactly.
fn is_literal(text: &str) -> bool {
    text.ends_with('\n') && !text.ends_with("\n\n") && !text.starts_with([' ', '\n', '\t'])
}

/// Whether a text means itself without quotes in YAML 1.1.
fn is_plain(text: &str) -> bool {
    const RESERVED: [&str; 9] = ["y", "n", "yes", "no", "on", "off", "true", "false", "null"];
    let allowed = |char: char| char.is_ascii_alphanumeric() || "-./".contains(char);
    text.starts_with(|char: char| char.is_ascii_alphabetic())
        && text.chars().all(allowed)
        && !RESERVED.contains(&text.to_ascii_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const PLAIN: Looks = Looks {
        comments: false,
        anchors: false,
        quotes: false,
        truth: "yes",
    };

    #[test]
    fn documents_look_as_if_written_by_hand() {
        let body = json!({
            "kind": "Pod",
            "metadata": {"labels": {"a": "on"}, "name": "x", "other": {"a": "on"}, "empty": {}},
            "spec": {"text": "[a]\n\n\tb\n", "list": [{"size": 1, "deep": [true, "1"]}, []], "replicas": 1.5},
        });
        let mut text = String::new();
        document(&mut text, &body, PLAIN);
        assert_eq!(
            text,
            "kind: Pod\nmetadata:\n  name: x\n  empty: {}\n  labels:\n    a: \"on\"\n  other:\n    a: \"on\"\n\
             spec:\n  list:\n  - deep:\n    - yes\n    - \"1\"\n    size: 1\n  - []\n  replicas: 1.5\n  text: |\n    [a]\n\n    \tb\n"
        );

        text.clear();
        let looks = Looks {
            comments: true,
            anchors: true,
            quotes: true,
            ..PLAIN
        };
        document(
            &mut text,
            &json!({"metadata": {"labels": {"a": "b"}}, "spec": {"labels": {"a": "b"}, "replicas": 1}}),
            looks,
        );
        assert_eq!(
            text,
            "# Kept by the shop's own people; ask before you change it.\n\"metadata\":\n  \"labels\": &labels\n    \"a\": \"b\"\n\
             # What it should be:\n\"spec\":\n  \"labels\": *labels\n  \"replicas\": 1 # see the autoscaler\n"
        );

        text.clear();
        list(
            &mut text,
            &[
                (json!({"kind": "Pod", "size": [1]}), looks),
                (json!({"kind": "Pod"}), PLAIN),
            ],
        );
        assert_eq!(
            text,
            "apiVersion: v1\nkind: List\nitems:\n- \"kind\": \"Pod\"\n  \"size\":\n  - 1\n- kind: Pod\n"
        );
    }
}
