//! The API's tables, put together from their pages as kubectl shows them.

use k1s_object::{KindNames, KindScope};
use serde_json::Value;

use super::object_name;
use crate::cli::{GetArguments, Namespaces, OutputForm};
use crate::output::{Table, visible};

/// What of a kind's rows is shown.
pub(super) struct Rows<'a> {
    names: &'a KindNames,
    /// Several kinds in one answer are told apart by their names.
    qualified: bool,
    namespaced: bool,
    wide: bool,
    titles: Vec<String>,
    /// Which of the table's cells are shown.
    shown: Vec<usize>,
    rows: Vec<Vec<String>>,
}

impl<'a> Rows<'a> {
    pub(super) fn new(names: &'a KindNames, arguments: &GetArguments, kinds: usize) -> Self {
        let everywhere = arguments.namespaces() == Namespaces::All;
        Self {
            names,
            qualified: kinds > 1,
            namespaced: everywhere && names.scope == KindScope::Namespaced,
            wide: arguments.output == OutputForm::Wide,
            titles: Vec::new(),
            shown: Vec::new(),
            rows: Vec::new(),
        }
    }

    /// Takes a `Table`; the first that has columns says what they are.
    pub(super) fn add(&mut self, table: &Value) {
        let list = |field: &str| table.get(field).and_then(Value::as_array).into_iter().flatten();
        if self.titles.is_empty() {
            self.titles.extend(self.namespaced.then(|| "NAMESPACE".to_owned()));
            for (index, column) in list("columnDefinitions").enumerate() {
                let always = column.get("priority").and_then(Value::as_i64).unwrap_or_default() == 0;
                if always || self.wide {
                    let name = column.get("name").and_then(Value::as_str).unwrap_or_default();
                    self.titles.push(name.to_uppercase());
                    self.shown.push(index);
                }
            }
        }
        let rows: Vec<Vec<String>> = list("rows").map(|row| self.row(row)).collect();
        self.rows.extend(rows);
    }

    fn row(&self, row: &Value) -> Vec<String> {
        let metadata = |field: &str| {
            let found = row.pointer(&format!("/object/metadata/{field}"));
            found.and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        let mut cells: Vec<String> = self.namespaced.then(|| metadata("namespace")).into_iter().collect();
        for (position, index) in self.shown.iter().enumerate() {
            let cell = row.pointer(&format!("/cells/{index}")).map(text).unwrap_or_default();
            cells.push(match position {
                0 if self.qualified => object_name(self.names, &cell),
                _ => cell,
            });
        }
        cells
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Everything that was taken, and forgets the rows.
    pub(super) fn table(&mut self) -> Table {
        let mut table = Table::new(self.titles.iter().map(String::as_str));
        for row in std::mem::take(&mut self.rows) {
            table.push(row);
        }
        table
    }
}

fn text(cell: &Value) -> String {
    match cell {
        Value::String(text) => visible(text).into_owned(),
        Value::Null => String::new(),
        other @ (Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => other.to_string(),
    }
}
