//! Printing a JSON value as `sigs.k8s.io/yaml`'s Marshal does: go-yaml v2's emitter, so far as JSON reaches it.
//!
//! Keys are in go-yaml's natural order (`a9` before `a10`), sequences inside mappings are not indented, long text is
//! folded at 80 columns. Everything printed reads back as the same value, for which it differs from Go in three points:
//! the key `<<` is quoted, a NEL (U+0085), which Go turns into a space, is escaped, and text of several lines that ends
//! in a separator (U+2028, U+2029) is quoted, to which Kubernetes' reader would add a line feed at a stream's end.

mod order;
mod scalar;

use serde_json::{Map, Number, Value};

use crate::limits::MAX_DEPTH;
use crate::number;
use scalar::{Analysis, Style};

/// Why a value cannot be printed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EmitError {
    /// Mappings and sequences nest deeper than a document may, [`MAX_DEPTH`].
    #[error("nested deeper than {MAX_DEPTH} levels")]
    TooDeep,
}

/// Prints a value as a document of YAML that ends with a line feed.
///
/// # Errors
/// [`EmitError::TooDeep`] for what could not be read back.
pub fn to_string(value: &Value) -> Result<String, EmitError> {
    let mut printer = Printer {
        out: String::new(),
        column: 0,
        indent: None,
        whitespace: true,
        indention: true,
        depth: 0,
    };
    printer.node(value, Context::Root)?;
    printer.write_indent();
    Ok(printer.out)
}

/// The columns that one level of nesting indents.
const INDENT: usize = 2;
/// The column behind which text is folded at a space.
const WIDTH: usize = 80;
/// The longest key that is printed without `?`, in bytes.
const SIMPLE_KEY: usize = 128;

/// Where a node stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Context {
    Root,
    Item,
    /// A key on one line with its colon.
    SimpleKey,
    /// A key behind `?`.
    LongKey,
    Value,
}

/// The emitter's state, with the names it has in go-yaml.
struct Printer {
    out: String,
    /// The column in characters.
    column: usize,
    /// None before the root.
    indent: Option<usize>,
    /// Whether the last character was a blank.
    whitespace: bool,
    /// Whether the line has only indentation and indicators so far.
    indention: bool,
    depth: usize,
}

impl Printer {
    fn node(&mut self, value: &Value, context: Context) -> Result<(), EmitError> {
        match value {
            Value::Null => self.scalar("null", Style::Plain, context),
            Value::Bool(value) => self.scalar(if *value { "true" } else { "false" }, Style::Plain, context),
            Value::Number(number) => self.scalar(&printed(number), Style::Plain, context),
            Value::String(text) => self.scalar(text, Style::for_string(text), context),
            Value::Array(items) if items.is_empty() => self.empty("[", "]"),
            Value::Object(map) if map.is_empty() => self.empty("{", "}"),
            Value::Array(items) => return self.nested(|printer| printer.sequence(items, context)),
            Value::Object(map) => return self.nested(|printer| printer.mapping(map)),
        }
        Ok(())
    }

    fn nested(&mut self, print: impl FnOnce(&mut Self) -> Result<(), EmitError>) -> Result<(), EmitError> {
        if self.depth == MAX_DEPTH {
            return Err(EmitError::TooDeep);
        }
        let indent = self.indent;
        self.depth += 1;
        print(self)?;
        self.depth -= 1;
        self.indent = indent;
        Ok(())
    }

    fn empty(&mut self, open: &str, close: &str) {
        self.indicator(open, Blank::Before, Blank::After, false);
        self.indicator(close, Blank::None, Blank::None, false);
    }

    fn sequence(&mut self, items: &[Value], context: Context) -> Result<(), EmitError> {
        let is_indentless =
            matches!(context, Context::Value | Context::SimpleKey | Context::LongKey) && !self.indention;
        self.indent = Some(match self.indent {
            None => 0,
            Some(indent) if is_indentless => indent,
            Some(indent) => indent + INDENT,
        });
        for item in items {
            self.write_indent();
            self.indicator("-", Blank::Before, Blank::None, true);
            self.node(item, Context::Item)?;
        }
        Ok(())
    }

    fn mapping(&mut self, map: &Map<String, Value>) -> Result<(), EmitError> {
        self.indent = Some(self.indent.map_or(0, |indent| indent + INDENT));
        for (key, value) in order::sorted(map) {
            self.write_indent();
            // go-yaml would print a merge here.
            let style = if key == "<<" {
                Style::DoubleQuoted
            } else {
                Style::for_string(key)
            };
            if key.len() <= SIMPLE_KEY && !Analysis::of(key).multiline {
                self.scalar(key, style, Context::SimpleKey);
                self.indicator(":", Blank::None, Blank::None, false);
            } else {
                self.indicator("?", Blank::Before, Blank::None, true);
                self.scalar(key, style, Context::LongKey);
                self.write_indent();
                self.indicator(":", Blank::Before, Blank::None, true);
            }
            self.node(value, Context::Value)?;
        }
        Ok(())
    }

    fn scalar(&mut self, text: &str, style: Style, context: Context) {
        let indent = self.indent;
        self.indent = Some(indent.map_or(INDENT, |indent| indent + INDENT));
        let is_simple_key = context == Context::SimpleKey;
        match Analysis::of(text).choose(text, style, is_simple_key) {
            Style::Plain => self.plain(text, !is_simple_key),
            Style::SingleQuoted => self.single_quoted(text, !is_simple_key),
            Style::DoubleQuoted => self.double_quoted(text, !is_simple_key),
            Style::Literal => self.literal(text),
        }
        self.indent = indent;
    }

    fn put(&mut self, character: char) {
        self.out.push(character);
        self.column += 1;
    }

    fn put_break(&mut self) {
        self.out.push('\n');
        self.column = 0;
    }

    /// Writes one of the text's own line breaks.
    fn write_break(&mut self, character: char) {
        self.out.push(character);
        self.column = 0;
    }

    fn write_indent(&mut self) {
        let indent = self.indent.unwrap_or(0);
        if !self.indention || self.column > indent || (self.column == indent && !self.whitespace) {
            self.put_break();
        }
        while self.column < indent {
            self.put(' ');
        }
        self.whitespace = true;
        self.indention = true;
    }

    fn indicator(&mut self, text: &str, before: Blank, after: Blank, keeps_indention: bool) {
        if before == Blank::Before && !self.whitespace {
            self.put(' ');
        }
        text.chars().for_each(|character| self.put(character));
        self.whitespace = after == Blank::After;
        self.indention = self.indention && keeps_indention;
    }
}

/// Whether a blank is needed before an indicator, or none after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Blank {
    None,
    Before,
    After,
}

/// Prints a number: an integer where Go's JSON has one, else Go's `%g`.
fn printed(number: &Number) -> String {
    match number.as_f64() {
        Some(float) if number.is_f64() => {
            number::integral(float).map_or_else(|| number::float64(float), |integer| integer.to_string())
        }
        _ => number.to_string(),
    }
}
