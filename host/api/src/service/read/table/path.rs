//! The part of JSONPath that printer columns of CustomResourceDefinitions are written in.
//!
//! Names, also in quotes, indexes, `*`, and filters that compare a field with a literal:
//! `.status.conditions[?(@.type=="Ready")].status`. Of several results the first is shown, as an API server does. A path
//! that needs more is none, and its column stays empty.

use serde_json::Value;

/// Steps of a path that are read; a longer one is none.
const MAX_STEPS: usize = 64;

/// Where a cell's value is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct JsonPath {
    steps: Vec<Step>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Field(String),
    /// From the end where it is negative.
    Index(i64),
    Every,
    Where {
        field: JsonPath,
        equals: bool,
        value: Value,
    },
}

impl JsonPath {
    /// Reads a path; `None` for one that needs what is not supported.
    pub(super) fn read(text: &str) -> Option<Self> {
        let text = text.trim();
        let text = text
            .strip_prefix('{')
            .and_then(|text| text.strip_suffix('}'))
            .unwrap_or(text);
        let mut rest = text.strip_prefix('$').unwrap_or(text);
        let mut steps = Vec::new();
        while !rest.is_empty() && steps.len() < MAX_STEPS {
            let (step, after) = match rest.strip_prefix('[') {
                Some(inside) => bracket(inside)?,
                None => named(rest.strip_prefix('.')?)?,
            };
            steps.push(step);
            rest = after;
        }
        rest.is_empty().then_some(Self { steps })
    }

    /// The first value that is there.
    pub(super) fn first<'v>(&self, value: &'v Value) -> Option<&'v Value> {
        found(&self.steps, value)
    }
}

fn found<'v>(steps: &[Step], value: &'v Value) -> Option<&'v Value> {
    let Some((step, rest)) = steps.split_first() else {
        return Some(value);
    };
    match step {
        Step::Field(name) => found(rest, value.get(name)?),
        Step::Index(index) => {
            let items = value.as_array()?;
            let from_end = || items.len().checked_sub(usize::try_from(index.unsigned_abs()).ok()?);
            let at = usize::try_from(*index).ok().or_else(from_end)?;
            found(rest, items.get(at)?)
        }
        Step::Every => children(value).find_map(|child| found(rest, child)),
        Step::Where {
            field,
            equals,
            value: other,
        } => children(value)
            .filter(|child| field.first(child).is_some_and(|has| (has == other) == *equals))
            .find_map(|child| found(rest, child)),
    }
}

fn children(value: &Value) -> Box<dyn Iterator<Item = &Value> + '_> {
    match value {
        Value::Array(items) => Box::new(items.iter()),
        Value::Object(fields) => Box::new(fields.values()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Box::new(std::iter::empty()),
    }
}

/// A name up to the next `.` or `[`; a backslash makes either of them part of it.
fn named(text: &str) -> Option<(Step, &str)> {
    let (mut name, mut escaped) = (String::new(), false);
    let mut end = text.len();
    for (at, character) in text.char_indices() {
        match character {
            _ if escaped => {
                name.push(character);
                escaped = false;
            }
            '\\' => escaped = true,
            '.' | '[' => {
                end = at;
                break;
            }
            plain => name.push(plain),
        }
    }
    let rest = &text[end..];
    match &*name {
        // `..` looks everywhere, which is not supported.
        "" => None,
        "*" => Some((Step::Every, rest)),
        _ => Some((Step::Field(name), rest)),
    }
}

/// What is in brackets, and what follows them.
fn bracket(text: &str) -> Option<(Step, &str)> {
    if let Some(filter) = text.strip_prefix("?(") {
        let (filter, rest) = filter.split_once(")]")?;
        return Some((comparison(filter)?, rest));
    }
    if let Some(quote @ ('\'' | '"')) = text.chars().next() {
        let (name, rest) = text.get(1..)?.split_once(quote)?;
        return Some((Step::Field(name.to_owned()), rest.strip_prefix(']')?));
    }
    let (inside, rest) = text.split_once(']')?;
    let step = match inside {
        "*" => Step::Every,
        index => Step::Index(index.parse().ok()?),
    };
    Some((step, rest))
}

fn comparison(text: &str) -> Option<Step> {
    let (field, equals, value) = match (text.split_once("=="), text.split_once("!=")) {
        (Some((field, value)), _) => (field, true, value),
        (None, Some((field, value))) => (field, false, value),
        (None, None) => return None,
    };
    Some(Step::Where {
        field: JsonPath::read(field.trim().strip_prefix('@')?)?,
        equals,
        value: literal(value.trim())?,
    })
}

fn literal(text: &str) -> Option<Value> {
    let single = text.strip_prefix('\'').and_then(|text| text.strip_suffix('\''));
    match single {
        Some(text) => Some(text.into()),
        None => serde_json::from_str(text).ok(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn paths_of_printer_columns_find_what_they_name() {
        let object = json!({
            "metadata": {"labels": {"app.kubernetes.io/name": "cart", "x": "y"}},
            "spec": {"a": {"b": 7}, "list": [{"n": 1}, {"n": 2, "m": true}]},
            "status": {"conditions": [
                {"type": "Synced", "status": "False"},
                {"type": "Ready", "status": "True"},
            ]},
        });
        for (path, expected) in [
            (".spec.a.b", Some(json!(7))),
            ("{.spec.a.b}", Some(json!(7))),
            ("$.spec.a.b", Some(json!(7))),
            (".metadata.labels['x']", Some(json!("y"))),
            (r#".metadata.labels["x"]"#, Some(json!("y"))),
            (r".metadata.labels.app\.kubernetes\.io/name", Some(json!("cart"))),
            (".metadata.labels['app.kubernetes.io/name']", Some(json!("cart"))),
            (".spec.list[0].n", Some(json!(1))),
            (".spec.list[-1].n", Some(json!(2))),
            (".spec.list[*].m", Some(json!(true))),
            (".spec.list[9].n", None),
            (r#".status.conditions[?(@.type=="Ready")].status"#, Some(json!("True"))),
            (".status.conditions[?(@.type != 'Ready')].status", Some(json!("False"))),
            (r#".status.conditions[?(@.type=="Absent")].status"#, None),
            (".spec.list[?(@.n==2)].m", Some(json!(true))),
            (".spec.absent.b", None),
            (".spec.a.b.c", None),
        ] {
            let read = JsonPath::read(path).unwrap_or_else(|| panic!("{path}"));
            assert_eq!(read.first(&object), expected.as_ref(), "{path}");
        }
    }

    #[test]
    fn what_is_not_supported_is_no_path() {
        for path in [
            "spec",
            "..spec",
            ".a..b",
            ".a[",
            ".a[0:2]",
            ".a[x]",
            ".a[?(@.b>1)]",
            ".a['b]",
            ".a[?(@.b==c)]",
        ] {
            assert_eq!(JsonPath::read(path), None, "{path}");
        }
        assert_eq!(JsonPath::read(&".a".repeat(MAX_STEPS + 1)), None);
    }
}
