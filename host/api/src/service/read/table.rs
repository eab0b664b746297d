//! Objects as rows of a `Table`, which is what kubectl and k9s print.

use std::borrow::Cow;

use k1s_object::Timestamp;
use serde_json::{Value, json};

use super::collection::Item;
use super::definition::Definition;
use super::form::metadata_of;
use crate::service::accept::MetaVersion;
use crate::service::failure::Failure;
use crate::service::query::Query;
use crate::service::request::Resource;

mod builtin;
mod column;
mod path;
mod said;

use column::{Cell, Column, DefinedType, Width};
use path::JsonPath;

/// Makes rows of objects of one kind.
#[derive(Clone, Debug)]
pub(super) struct Table {
    version: MetaVersion,
    columns: Vec<Column>,
    include: Include,
    now: Timestamp,
}

/// What a row holds beside its cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Include {
    Nothing,
    Metadata,
    Object,
}

impl Table {
    /// Makes the tables of a kind, with ages as of `now`.
    ///
    /// # Errors
    /// 400 for an `includeObject` that is none.
    pub(super) fn new(
        version: MetaVersion,
        resource: &Resource,
        definition: Option<&Definition>,
        query: &Query,
        now: Timestamp,
    ) -> Result<Self, Failure> {
        let columns = match (resource, definition) {
            (Resource::Control(kind), _) => builtin::of_control(*kind),
            (Resource::Stored { .. }, Some(definition)) => with_provenance(defined(definition)),
            (Resource::Stored { names, .. }, None) => {
                let key = &names.group_kind;
                with_provenance(builtin::of_stored(&key.group, &key.kind))
            }
        };
        Ok(Self {
            version,
            columns,
            include: include(query)?,
            now,
        })
    }

    /// The group and version of the table itself.
    pub(super) fn api_version(&self) -> &'static str {
        self.version.api_version()
    }

    /// The definitions of its columns.
    pub(super) fn column_definitions(&self) -> Value {
        self.columns.iter().map(Column::definition).collect()
    }

    /// The row of an object.
    pub(super) fn row(&self, item: &Item) -> Value {
        let cells: Vec<Value> = self
            .columns
            .iter()
            .map(|column| column.cell.of(item, self.now))
            .collect();
        let object = match self.include {
            Include::Nothing => Value::Null,
            Include::Metadata => metadata_of(&item.document, self.version),
            Include::Object => item.document.clone(),
        };
        json!({"cells": cells, "object": object})
    }

    /// A table of one object, with or without the definitions of its columns.
    pub(super) fn of_one(&self, item: &Item, headers: Headers) -> Value {
        let definitions = match headers {
            Headers::Shown => self.column_definitions(),
            Headers::Omitted => Value::Null,
        };
        let version = item.document.pointer("/metadata/resourceVersion");
        json!({
            "kind": "Table",
            "apiVersion": self.api_version(),
            "metadata": {"resourceVersion": version},
            "columnDefinitions": definitions,
            "rows": [self.row(item)],
        })
    }

    /// Tells the time anew, for a table that grows.
    pub(super) fn at(&mut self, now: Timestamp) {
        self.now = now;
    }
}

/// Whether a table says what its columns are; in a watch only the first does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Headers {
    /// It does.
    Shown,
    /// It does not.
    Omitted,
}

fn include(query: &Query) -> Result<Include, Failure> {
    match query.include_object() {
        None | Some("Metadata") => Ok(Include::Metadata),
        Some("None") => Ok(Include::Nothing),
        Some("Object") => Ok(Include::Object),
        Some(other) => Err(Failure::bad_request(format!(
            "Unable to convert to Table as requested: includeObject: Invalid value: {other:?}: must be 'Metadata', 'Object', \
             'None', or empty"
        ))),
    }
}

fn with_provenance(mut columns: Vec<Column>) -> Vec<Column> {
    columns.extend(builtin::provenance());
    columns
}

/// The columns that a definition asks for, or name and age.
fn defined(definition: &Definition) -> Vec<Column> {
    let asked = definition.columns();
    let name = [builtin::name()].into_iter();
    if asked.is_empty() {
        name.chain([builtin::age()]).collect()
    } else {
        name.chain(asked.iter().map(defined_column)).collect()
    }
}

fn defined_column(column: &Value) -> Column {
    let text = |field: &str| column.get(field).and_then(Value::as_str).unwrap_or_default();
    let is_wide = column
        .get("priority")
        .and_then(Value::as_i64)
        .is_some_and(|priority| priority > 0);
    Column {
        title: Cow::Owned(text("name").to_owned()),
        description: Cow::Owned(text("description").to_owned()),
        width: if is_wide { Width::Wide } else { Width::Narrow },
        cell: Cell::Defined(JsonPath::read(text("jsonPath")), DefinedType::read(text("type"))),
    }
}
