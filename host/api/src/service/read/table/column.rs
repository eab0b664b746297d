//! The columns of a table, and what stands in their cells.

use std::borrow::Cow;

use jiff::Timestamp as CivilTime;
use k1s_object::Timestamp;
use serde_json::{Value, json};

use super::path::JsonPath;
use super::said::label_selector;
use crate::age::age;
use crate::service::read::collection::Item;

/// What stands for a time that is not known.
pub(super) const UNKNOWN: &str = "<unknown>";
/// What stands for nothing.
pub(super) const NONE: &str = "<none>";

/// One column.
#[derive(Clone, Debug)]
pub(super) struct Column {
    /// Its title, as kubectl's before it makes it upper case.
    pub(super) title: Cow<'static, str>,
    /// For a person who asks what it means.
    pub(super) description: Cow<'static, str>,
    /// Where it is shown.
    pub(super) width: Width,
    /// What its cells hold.
    pub(super) cell: Cell,
}

/// Where a column is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Width {
    /// Always.
    Narrow,
    /// With `-o wide`.
    Wide,
}

/// What a cell holds. Places are JSON pointers into the object as it is served.
#[derive(Clone, Debug)]
pub(super) enum Cell {
    /// The object's name.
    Name,
    /// How long ago a time was; what stands there where it is absent.
    Age(&'static str, &'static str),
    /// A text, number or truth; what stands there where it is absent.
    Text(&'static str, &'static str),
    /// A whole number; what it is where it is absent.
    Number(&'static str, i64),
    /// How many entries some lists and maps have together.
    Count(&'static [&'static str]),
    /// How much of what is wanted is there: `1/3`; what is wanted is one where it is absent.
    Share {
        /// What is there.
        of: &'static str,
        /// What is wanted.
        wanted: &'static str,
    },
    /// A map of texts: `a=b,c=d`.
    Pairs(&'static str),
    /// A label selector: `a=b,c in (d,e)`.
    Selector(&'static str),
    /// One field of each entry of a list: `a,b`.
    Each(&'static str, &'static str),
    /// What has to be made out.
    Said(fn(&Value) -> String),
    /// What a definition asks for.
    Defined(Option<JsonPath>, DefinedType),
    /// The source that owns the object.
    Source,
    /// Where that read it: `path:line`.
    Origin,
}

/// The type of a column in a definition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DefinedType {
    /// Anything, as text.
    String,
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// A truth.
    Boolean,
    /// A time, shown as an age.
    Date,
}

impl DefinedType {
    /// Reads its name.
    pub(super) fn read(name: &str) -> Self {
        match name {
            "integer" => Self::Integer,
            "number" => Self::Number,
            "boolean" => Self::Boolean,
            "date" => Self::Date,
            _ => Self::String,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Boolean => "boolean",
            Self::Date => "date",
        }
    }

    fn cell(self, value: &Value, now: Timestamp) -> Value {
        match self {
            Self::String => shown(value).into(),
            Self::Integer => whole(value).map_or(Value::Null, Value::from),
            Self::Number if value.is_number() => value.clone(),
            Self::Boolean if value.is_boolean() => value.clone(),
            Self::Date => value.as_str().map_or(Value::Null, |time| {
                time_since(time, now).unwrap_or_else(|| "<invalid>".to_owned()).into()
            }),
            Self::Number | Self::Boolean => Value::Null,
        }
    }
}

impl Column {
    /// Its `TableColumnDefinition`.
    pub(super) fn definition(&self) -> Value {
        let (kind, format) = match &self.cell {
            Cell::Name => ("string", "name"),
            Cell::Number(..) | Cell::Count(_) => ("integer", ""),
            Cell::Defined(_, kind) => (kind.name(), ""),
            Cell::Age(..)
            | Cell::Text(..)
            | Cell::Share { .. }
            | Cell::Pairs(_)
            | Cell::Selector(_)
            | Cell::Each(..)
            | Cell::Said(_)
            | Cell::Source
            | Cell::Origin => ("string", ""),
        };
        let priority = match self.width {
            Width::Narrow => 0,
            Width::Wide => 1,
        };
        json!({
            "name": self.title,
            "type": kind,
            "format": format,
            "description": self.description,
            "priority": priority,
        })
    }
}

impl Cell {
    /// What it holds for an object.
    pub(super) fn of(&self, item: &Item, now: Timestamp) -> Value {
        let object = &item.document;
        match self {
            Self::Name => (&*item.place.name).into(),
            Self::Age(at, absent) => match object.pointer(at).and_then(Value::as_str) {
                Some(time) => time_since(time, now).unwrap_or_else(|| UNKNOWN.to_owned()).into(),
                None => (*absent).into(),
            },
            Self::Text(at, absent) => match object.pointer(at) {
                None | Some(Value::Null) => (*absent).into(),
                Some(value) => shown(value).into(),
            },
            Self::Number(at, absent) => object.pointer(at).and_then(whole).unwrap_or(*absent).into(),
            Self::Count(places) => places
                .iter()
                .map(|at| entries(object.pointer(at)))
                .sum::<usize>()
                .into(),
            Self::Share { of, wanted } => {
                let number = |at: &str, absent| object.pointer(at).and_then(whole).unwrap_or(absent);
                format!("{}/{}", number(of, 0), number(wanted, 1)).into()
            }
            Self::Pairs(at) => pairs(object.pointer(at)).into(),
            Self::Selector(at) => label_selector(object.pointer(at)).into(),
            Self::Each(at, field) => each(object.pointer(at), field).into(),
            Self::Said(say) => say(object).into(),
            Self::Defined(path, kind) => {
                let found = path.as_ref().and_then(|path| path.first(object));
                found.map_or(Value::Null, |value| kind.cell(value, now))
            }
            Self::Source => match &item.owned {
                Some(owned) => owned.owner.source.as_str().into(),
                None => NONE.into(),
            },
            Self::Origin => match &item.owned {
                Some(owned) => origin(&owned.row.provenance.path, owned.row.provenance.line).into(),
                None => NONE.into(),
            },
        }
    }
}

fn origin(path: &str, line: u32) -> String {
    match line {
        0 => path.to_owned(),
        line => format!("{path}:{line}"),
    }
}

/// How long ago an RFC 3339 time was; `None` for a text that is none.
fn time_since(time: &str, now: Timestamp) -> Option<String> {
    let then: CivilTime = time.parse().ok()?;
    // What lies before 1970 is as old as that.
    let then = Timestamp::from_millis(u64::try_from(then.as_millisecond()).unwrap_or_default());
    Some(age(now.since(then)))
}

/// A value as text: a text as it is, everything else as JSON.
pub(super) fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    }
}

fn whole(value: &Value) -> Option<i64> {
    // What a definition calls an integer may be written as 3.0.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a column of whole numbers shows no fractions"
    )]
    value.as_i64().or_else(|| value.as_f64().map(|number| number as i64))
}

fn entries(value: Option<&Value>) -> usize {
    match value {
        Some(Value::Array(items)) => items.len(),
        Some(Value::Object(fields)) => fields.len(),
        None | Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => 0,
    }
}

fn pairs(value: Option<&Value>) -> String {
    let fields = value.and_then(Value::as_object).into_iter().flatten();
    let pairs: Vec<String> = fields.map(|(key, value)| format!("{key}={}", shown(value))).collect();
    or_none(&pairs)
}

fn each(value: Option<&Value>, field: &str) -> String {
    let items = value.and_then(Value::as_array).into_iter().flatten();
    let texts: Vec<String> = items.filter_map(|item| item.pointer(field)).map(shown).collect();
    or_none(&texts)
}

/// Texts joined by commas, or what stands for nothing.
pub(super) fn or_none(texts: &[String]) -> String {
    if texts.is_empty() {
        NONE.to_owned()
    } else {
        texts.join(",")
    }
}
