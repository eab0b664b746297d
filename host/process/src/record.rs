//! Reads a line of a plugin's output as a log record: JSON where it is, else plain text at level info.
//!
//! The names that common loggers use are understood: `tracing` (also with nested `fields`), zap, slog, logrus, hclog,
//! pino, structlog and Google's structured logging.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

const LEVEL_NAMES: [&str; 5] = ["level", "lvl", "severity", "levelname", "@level"];
const MESSAGE_NAMES: [&str; 4] = ["message", "msg", "@message", "event"];
const TARGET_NAMES: [&str; 4] = ["target", "logger", "module", "@module"];
const NESTED_FIELDS: &str = "fields";

/// How much a log record matters, least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// Every step.
    Trace,
    /// For the author of the plugin.
    Debug,
    /// Normal operation.
    Info,
    /// Something to look at.
    Warn,
    /// Something failed.
    Error,
}

/// One log record of a plugin.
#[derive(Debug, Clone, PartialEq)]
pub struct LogRecord {
    /// The level it states; info if it states none that is known.
    pub level: LogLevel,
    /// The message, or the whole line if the line is not a JSON record.
    pub message: String,
    /// The logger or module it names.
    pub target: Option<String>,
    /// All else the record holds, in the order of the names.
    pub fields: BTreeMap<String, Value>,
}

impl LogRecord {
    /// Reads one line; never fails, as a line that is not a JSON object with a message is itself the message.
    #[must_use]
    pub fn parse(line: &str) -> Self {
        Self::from_json(line).unwrap_or_else(|| Self::plain(line))
    }

    fn plain(line: &str) -> Self {
        Self {
            level: LogLevel::Info,
            message: line.to_owned(),
            target: None,
            fields: BTreeMap::new(),
        }
    }

    fn from_json(line: &str) -> Option<Self> {
        let line = line.trim();
        if !line.starts_with('{') {
            return None;
        }
        let mut object: Map<String, Value> = serde_json::from_str(line).ok()?;
        lift_nested_fields(&mut object);
        let message = take_text(&mut object, &MESSAGE_NAMES)?;
        let level = take_level(&mut object).unwrap_or(LogLevel::Info);
        let target = take_text(&mut object, &TARGET_NAMES);
        Some(Self {
            level,
            message,
            target,
            fields: object.into_iter().collect(),
        })
    }
}

/// Moves `{"fields": {...}}` up one step; a name that is taken above stays inside.
fn lift_nested_fields(object: &mut Map<String, Value>) {
    if !object.get(NESTED_FIELDS).is_some_and(Value::is_object) {
        return;
    }
    let Some(Value::Object(nested)) = object.remove(NESTED_FIELDS) else {
        return;
    };
    let mut left = Map::new();
    for (name, value) in nested {
        if object.contains_key(&name) {
            left.insert(name, value);
        } else {
            object.insert(name, value);
        }
    }
    if !left.is_empty() {
        object.insert(NESTED_FIELDS.to_owned(), Value::Object(left));
    }
}

fn take_text(object: &mut Map<String, Value>, names: &[&str]) -> Option<String> {
    let name = names
        .iter()
        .find(|name| object.get(**name).is_some_and(Value::is_string))?;
    match object.remove(*name) {
        Some(Value::String(text)) => Some(text),
        Some(_) | None => None,
    }
}

fn take_level(object: &mut Map<String, Value>) -> Option<LogLevel> {
    let (name, level) = LEVEL_NAMES
        .iter()
        .find_map(|name| Some((name, level_of(object.get(*name)?)?)))?;
    object.remove(*name);
    Some(level)
}

fn level_of(value: &Value) -> Option<LogLevel> {
    match value {
        Value::String(name) => level_of_name(&name.to_ascii_lowercase()),
        Value::Number(number) => level_of_number(number.as_i64()?),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

fn level_of_name(name: &str) -> Option<LogLevel> {
    match name {
        "trace" => Some(LogLevel::Trace),
        "debug" | "dbg" => Some(LogLevel::Debug),
        "info" | "information" | "notice" | "default" => Some(LogLevel::Info),
        "warn" | "warning" | "wrn" => Some(LogLevel::Warn),
        "error" | "err" | "fatal" | "critical" | "dpanic" | "panic" | "alert" | "emergency" => Some(LogLevel::Error),
        _ => None,
    }
}

/// The numbers of pino and bunyan, which are Python's times one, from 10 (trace) to 60 (fatal).
fn level_of_number(number: i64) -> Option<LogLevel> {
    match number {
        10..20 => Some(LogLevel::Trace),
        20..30 => Some(LogLevel::Debug),
        30..40 => Some(LogLevel::Info),
        40..50 => Some(LogLevel::Warn),
        50..=60 => Some(LogLevel::Error),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_records_of_common_loggers() {
        use LogLevel::{Debug, Error, Info, Trace, Warn};
        let cases = [
            (r#"{"level":"WARN","message":"m","target":"t"}"#, Warn, "m", Some("t")),
            (
                r#"{"level":"INFO","fields":{"message":"m"},"target":"a::b"}"#,
                Info,
                "m",
                Some("a::b"),
            ),
            (r#"{"lvl":"dbg","msg":"m","logger":"l"}"#, Debug, "m", Some("l")),
            (r#"{"severity":"CRITICAL","message":"m"}"#, Error, "m", None),
            (
                r#"{"@level":"trace","@message":"m","@module":"t"}"#,
                Trace,
                "m",
                Some("t"),
            ),
            (r#"{"level":50,"msg":"m"}"#, Error, "m", None),
            (r#"{"level":30,"msg":"m"}"#, Info, "m", None),
            (r#"{"levelname":"Warning","event":"m"}"#, Warn, "m", None),
            (r#" {"msg":"no level"} "#, Info, "no level", None),
            (r#"{"level":"loud","msg":"m"}"#, Info, "m", None),
        ];
        for (line, level, message, target) in cases {
            let record = LogRecord::parse(line);
            assert_eq!(
                (record.level, record.message.as_str(), record.target.as_deref()),
                (level, message, target),
                "{line}"
            );
        }
    }

    #[test]
    fn what_is_not_a_record_is_its_own_message() {
        let deep = "{\"a\":".repeat(10_000);
        for line in [
            "",
            "text",
            "{",
            "[1]",
            r#""msg""#,
            r#"{"level":"error"}"#,
            r#"{"msg":1}"#,
            r#"{"msg":"a"} tail"#,
            deep.as_str(),
        ] {
            assert_eq!(LogRecord::parse(line), LogRecord::plain(line));
        }
    }

    #[test]
    fn all_else_is_kept_as_fields() {
        let line = r#"{"level":"info","msg":"m","n":1,"ts":"now","fields":{"n":2,"path":"/x"}}"#;
        let expected = BTreeMap::from([
            ("fields".to_owned(), json!({"n": 2})),
            ("n".to_owned(), json!(1)),
            ("path".to_owned(), json!("/x")),
            ("ts".to_owned(), json!("now")),
        ]);
        assert_eq!(LogRecord::parse(line).fields, expected);
        let unknown = LogRecord::parse(r#"{"level":"loud","msg":"m"}"#);
        assert_eq!(unknown.fields, BTreeMap::from([("level".to_owned(), json!("loud"))]));
    }
}
