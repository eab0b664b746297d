//! Reading a YAML document strictly, and going on after what is wrong, so that a user sees all of it at once.
//!
//! A [`Node`] is a value with its JSON pointer. [`Fields`] takes the fields of a mapping one by one; what nobody asked for
//! is reported as unknown when it is finished. Places are looked up only for what is reported.

use std::cell::RefCell;
use std::path::PathBuf;
use std::sync::Arc;

use k1s_yaml::{Document, Error, Limits};
use serde_json::{Map, Value};

use super::finding::{Finding, Place, suggestion};

/// Most bytes of one configuration file: 4 MiB.
pub(super) const MAX_FILE_BYTES: usize = 4 << 20;
/// Most findings that are kept of one file; what comes after them is not reported.
const MAX_FINDINGS: usize = 100;

/// One file with one document.
pub(super) struct Sheet<'t> {
    file: Arc<PathBuf>,
    document: Document<'t>,
    findings: RefCell<Vec<Finding>>,
}

/// Which part of a field a finding is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Key,
    Value,
}

impl<'t> Sheet<'t> {
    /// Parses a file's text.
    pub(super) fn parse(file: &Arc<PathBuf>, text: &'t [u8]) -> Result<Self, Finding> {
        let limits = Limits {
            bytes: MAX_FILE_BYTES,
            ..Limits::default()
        };
        let document = k1s_yaml::parse(text, &limits).map_err(|Error { kind, line, column, .. }| Finding {
            place: Some(Place {
                file: Arc::clone(file),
                line,
                column,
            }),
            message: kind.to_string(),
        })?;
        Ok(Self {
            file: Arc::clone(file),
            document,
            findings: RefCell::default(),
        })
    }

    /// The document's content.
    pub(super) fn root(&self) -> Node<'_> {
        Node {
            sheet: self,
            value: &self.document.value,
            pointer: String::new(),
        }
    }

    /// Everything reported so far.
    pub(super) fn into_findings(self) -> Vec<Finding> {
        self.findings.into_inner()
    }

    /// Where the value at a JSON pointer is; the document's begin where there is none.
    pub(super) fn place(&self, pointer: &str) -> Place {
        self.locate(pointer, Part::Value)
    }

    fn locate(&self, pointer: &str, part: Part) -> Place {
        let place = |line, column| Place {
            file: Arc::clone(&self.file),
            line,
            column,
        };
        let Some(mark) = self.document.locate(pointer) else {
            return place(self.document.line, self.document.column);
        };
        let position = match part {
            Part::Key => mark.key.unwrap_or(mark.value),
            Part::Value => mark.value,
        };
        place(position.line, position.column)
    }

    fn report(&self, pointer: &str, part: Part, message: String) {
        if self.findings.borrow().len() < MAX_FINDINGS {
            let place = Some(self.locate(pointer, part));
            self.findings.borrow_mut().push(Finding { place, message });
        }
    }
}

/// A value, where it is, and where to report what is wrong with it.
#[derive(Clone)]
pub(super) struct Node<'s> {
    sheet: &'s Sheet<'s>,
    value: &'s Value,
    pointer: String,
}

/// What can be read from a value; `None` after the value has been reported.
pub(super) trait Read: Sized {
    /// Reads it.
    fn read(node: &Node<'_>) -> Option<Self>;
}

impl<'s> Node<'s> {
    /// Reports what is wrong with the value; returns nothing, for the reader to return.
    pub(super) fn refuse<T>(&self, message: impl Into<String>) -> Option<T> {
        self.sheet.report(&self.pointer, Part::Value, message.into());
        None
    }

    /// Reports what is wrong with the key of the value.
    pub(super) fn refuse_key<T>(&self, message: impl Into<String>) -> Option<T> {
        self.sheet.report(&self.pointer, Part::Key, message.into());
        None
    }

    /// The JSON pointer within the document.
    pub(super) fn pointer(&self) -> &str {
        &self.pointer
    }

    fn child(&self, token: &str, value: &'s Value) -> Self {
        let token = token.replace('~', "~0").replace('/', "~1");
        Node {
            sheet: self.sheet,
            value,
            pointer: format!("{}/{token}", self.pointer),
        }
    }

    fn wrong_type<T>(&self, expected: &str) -> Option<T> {
        self.refuse(format!("expected {expected}, found {}", describe(self.value)))
    }

    /// The text of a string.
    pub(super) fn text(&self) -> Option<&'s str> {
        match self.value {
            Value::String(text) => Some(text),
            Value::Number(number) => self.refuse(format!("expected text, found the number {number}; put it in quotes")),
            Value::Bool(value) => self.refuse(format!("expected text, found {value}; put it in quotes")),
            Value::Null | Value::Array(_) | Value::Object(_) => self.wrong_type("text"),
        }
    }

    /// The text of a string, made into a `T`.
    pub(super) fn parsed<T: std::str::FromStr<Err: std::fmt::Display>>(&self) -> Option<T> {
        self.text()?
            .parse()
            .map_or_else(|error| self.refuse(format!("{error}")), Some)
    }

    /// The fields of a mapping, as they are.
    pub(super) fn mapping(&self) -> Option<&'s Map<String, Value>> {
        match self.value {
            Value::Object(map) => Some(map),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
                self.wrong_type("a mapping")
            }
        }
    }

    /// The fields of a mapping, to be asked for one by one.
    pub(super) fn fields(&self) -> Option<Fields<'s, '_>> {
        Some(Fields {
            node: self,
            map: self.mapping()?,
            asked: Vec::new(),
        })
    }

    /// The members of a mapping whose keys are the user's own.
    pub(super) fn members(&self) -> Option<Vec<(&'s str, Self)>> {
        let map = self.mapping()?;
        Some(
            map.iter()
                .map(|(key, value)| (key.as_str(), self.child(key, value)))
                .collect(),
        )
    }

    /// The items of a list, each read by `read`, also after one that cannot be.
    pub(super) fn items_with<T>(&self, mut read: impl FnMut(&Node<'s>) -> Option<T>) -> Option<Vec<T>> {
        let Value::Array(items) = self.value else {
            return self.wrong_type("a list");
        };
        let nodes = items
            .iter()
            .enumerate()
            .map(|(index, value)| self.child(&index.to_string(), value));
        let read: Vec<Option<T>> = nodes.map(|node| read(&node)).collect();
        read.into_iter().collect()
    }
}

/// The fields of one mapping.
pub(super) struct Fields<'s, 'n> {
    node: &'n Node<'s>,
    map: &'s Map<String, Value>,
    asked: Vec<&'static str>,
}

impl<'s> Fields<'s, '_> {
    /// The node of a field that may be absent; `null` is absent, as in Kubernetes.
    pub(super) fn node(&mut self, name: &'static str) -> Option<Node<'s>> {
        self.asked.push(name);
        let value = self.map.get(name).filter(|value| !value.is_null())?;
        Some(self.node.child(name, value))
    }

    /// A field that may be absent; also absent after it has been reported.
    pub(super) fn optional<T: Read>(&mut self, name: &'static str) -> Option<T> {
        self.node(name).and_then(|node| T::read(&node))
    }

    /// A field that must be there; absent only after it has been reported.
    pub(super) fn required<T: Read>(&mut self, name: &'static str) -> Option<T> {
        match self.node(name) {
            Some(node) => T::read(&node),
            None => self.node.refuse(format!("the field {name:?} is missing")),
        }
    }

    /// Reports every field nobody asked for: those in `later` as not supported, all others as unknown.
    pub(super) fn finish(self, later: &[&str]) {
        for (name, value) in self.map {
            if self.asked.contains(&name.as_str()) {
                continue;
            }
            let message = if later.contains(&name.as_str()) {
                format!("{name:?} is not supported in this version")
            } else {
                format!("unknown field {name:?}{}", suggestion(name, self.asked.iter().copied()))
            };
            self.node.child(name, value).refuse_key::<()>(message);
        }
    }
}

fn describe(value: &Value) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Number(value) => value.to_string(),
        Value::String(value) => format!("the text {value:?}"),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "a mapping".to_owned(),
    }
}

impl Read for bool {
    fn read(node: &Node<'_>) -> Option<Self> {
        match node.value {
            Value::Bool(value) => Some(*value),
            Value::Null | Value::Number(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => {
                node.wrong_type("true or false")
            }
        }
    }
}

impl Read for u64 {
    fn read(node: &Node<'_>) -> Option<Self> {
        match node.value {
            Value::Number(number) if number.is_u64() => number.as_u64(),
            Value::Number(_) | Value::Null | Value::Bool(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => {
                node.wrong_type("a whole number from 0")
            }
        }
    }
}

impl Read for String {
    fn read(node: &Node<'_>) -> Option<Self> {
        node.text().map(str::to_owned)
    }
}

impl<T: Read> Read for Vec<T> {
    fn read(node: &Node<'_>) -> Option<Self> {
        node.items_with(T::read)
    }
}
