//! The form in which objects are shown: as they are, reduced to their metadata, or as a table.

use k1s_object::Timestamp;
use serde_json::{Value, json};

use super::collection::Item;
use super::definition::Definition;
use super::table::{Headers, Table};
use crate::service::accept::{Accept, MetaVersion};
use crate::service::failure::Failure;
use crate::service::request::{Resource, ResourceCall};

/// What is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shown {
    /// One object.
    One,
    /// A list.
    List,
    /// The changes of a list, one object at a time.
    Changes,
}

/// The form in which objects are shown.
#[derive(Clone, Debug)]
pub(super) enum Form {
    /// As they are; of a list, group with version and kind.
    Whole {
        /// As of the objects.
        api_version: String,
        /// The kind of a list.
        list_kind: String,
    },
    /// Reduced to their metadata.
    Metadata(MetaVersion),
    /// As a table.
    Table(Table),
}

/// What a list says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ListMetadata {
    /// As of which revision it is.
    pub(super) resource_version: String,
    /// Where it goes on.
    pub(super) continue_token: Option<Box<str>>,
}

impl Form {
    /// Chooses the form of an answer.
    ///
    /// # Errors
    /// 400 and 406 for a form that does not fit.
    pub(super) fn choose(
        call: &ResourceCall,
        shown: Shown,
        definition: Option<&Definition>,
        now: Timestamp,
    ) -> Result<Self, Failure> {
        match (call.accept, shown) {
            (Accept::Json, _) => Ok(Self::Whole {
                api_version: api_version(&call.resource),
                list_kind: format!("{}List", call.resource.kind()),
            }),
            (Accept::Table(version), _) => {
                let table = Table::new(version, &call.resource, definition, &call.query, now)?;
                Ok(Self::Table(table))
            }
            (Accept::PartialObjectMetadata(version), Shown::One | Shown::Changes)
            | (Accept::PartialObjectMetadataList(version), Shown::List) => Ok(Self::Metadata(version)),
            (Accept::PartialObjectMetadata(_), Shown::List) => Err(Failure::NotThisForm(
                "you requested PartialObjectMetadata, but the requested object is a list".into(),
            )),
            (Accept::PartialObjectMetadataList(_), Shown::One | Shown::Changes) => Err(Failure::NotThisForm(
                "you requested PartialObjectMetadataList, but the requested object is not a list".into(),
            )),
        }
    }

    /// Whether objects are shown as they are served.
    pub(super) fn is_whole(&self) -> bool {
        match self {
            Self::Whole { .. } => true,
            Self::Metadata(_) | Self::Table(_) => false,
        }
    }

    /// One object.
    pub(super) fn one(&self, item: &Item, headers: Headers) -> Value {
        match self {
            Self::Whole { .. } => item.document.clone(),
            Self::Metadata(version) => metadata_of(&item.document, *version),
            Self::Table(table) => table.of_one(item, headers),
        }
    }

    /// One object of a list.
    pub(super) fn item(&self, item: &Item) -> Value {
        match self {
            Self::Whole { .. } | Self::Metadata(_) => self.one(item, Headers::Omitted),
            Self::Table(table) => table.row(item),
        }
    }

    /// What a list begins with.
    pub(super) fn head(&self) -> String {
        match self {
            Self::Whole { api_version, list_kind } => head(list_kind, api_version, "\"items\":["),
            Self::Metadata(version) => head("PartialObjectMetadataList", version.api_version(), "\"items\":["),
            Self::Table(table) => {
                let rows = format!("\"columnDefinitions\":{},\"rows\":[", table.column_definitions());
                head("Table", table.api_version(), &rows)
            }
        }
    }

    /// What a list ends with. Its metadata is there, because only now is known whether it goes on.
    pub(super) fn tail(metadata: &ListMetadata) -> String {
        let mut said = json!({"resourceVersion": metadata.resource_version});
        if let Some(token) = &metadata.continue_token {
            said["continue"] = (&**token).into();
        }
        format!("],\"metadata\":{said}}}\n")
    }

    /// Tells the time anew, for what shows ages.
    pub(super) fn at(&mut self, now: Timestamp) {
        match self {
            Self::Table(table) => table.at(now),
            Self::Whole { .. } | Self::Metadata(_) => {}
        }
    }
}

/// An object reduced to its metadata.
pub(super) fn metadata_of(document: &Value, version: MetaVersion) -> Value {
    json!({
        "kind": "PartialObjectMetadata",
        "apiVersion": version.api_version(),
        "metadata": document.get("metadata"),
    })
}

/// Group and version of a resource as objects have them.
pub(super) fn api_version(resource: &Resource) -> String {
    match resource {
        Resource::Stored { names, version } => match &*names.group_kind.group {
            "" => version.to_string(),
            group => format!("{group}/{version}"),
        },
        Resource::Control(_) => crate::object::API_VERSION.to_owned(),
    }
}

fn head(kind: &str, api_version: &str, rest: &str) -> String {
    let kind = Value::from(kind);
    let api_version = Value::from(api_version);
    format!("{{\"kind\":{kind},\"apiVersion\":{api_version},{rest}")
}
