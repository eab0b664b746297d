//! What a CustomResourceDefinition says of how its objects are read: columns, and fields that can be selected.

use k1s_object::Key;
use k1s_store::reader::StoredObject;
use k1s_store::{Reader, StoreError};
use serde_json::Value;

use crate::service::request::Resource;

/// Where definitions are.
const GROUP: &str = "apiextensions.k8s.io";
const KIND: &str = "CustomResourceDefinition";

/// One version of a kind, as its definition has it.
#[derive(Clone, Debug)]
pub(super) struct Definition {
    version: Value,
}

impl Definition {
    /// Reads the definition of a kind in a version; `None` for a kind that has none. Blocks.
    ///
    /// # Errors
    /// When the store fails.
    pub(super) fn load(reader: &Reader, resource: &Resource) -> Result<Option<Self>, StoreError> {
        let Resource::Stored { names, version } = resource else {
            return Ok(None);
        };
        let name = format!("{}.{}", names.plural, names.group_kind.group);
        let found = reader.get(&Key::new(GROUP, KIND, "", &name))?;
        Ok(found.and_then(|found| Self::read(&found, version)))
    }

    fn read(definition: &StoredObject, version: &str) -> Option<Self> {
        let body: Value = serde_json::from_slice(&definition.body).ok()?;
        let versions = body.pointer("/spec/versions")?.as_array()?;
        let version = versions.iter().find(|each| is_text(each, "name", version))?;
        Some(Self {
            version: version.clone(),
        })
    }

    /// Whether a field can be selected.
    pub(super) fn selects(&self, field: &str) -> bool {
        let fields = self.version.get("selectableFields").and_then(Value::as_array);
        let mut paths = fields
            .into_iter()
            .flatten()
            .filter_map(|each| each.get("jsonPath")?.as_str());
        paths.any(|path| path.strip_prefix('.') == Some(field))
    }

    /// The columns of its tables, as they are written there.
    pub(super) fn columns(&self) -> &[Value] {
        let columns = self.version.get("additionalPrinterColumns").and_then(Value::as_array);
        columns.map_or(&[], Vec::as_slice)
    }
}

fn is_text(value: &Value, field: &str, text: &str) -> bool {
    value.get(field).and_then(Value::as_str) == Some(text)
}
