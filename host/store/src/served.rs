//! An object as it is served: the stored body with what the store knows beside it spliced in.
//!
//! The bookkeeping annotations are made here, from the owner's inventory row; they are never part of a stored body. Of
//! the body only `metadata` is taken apart, so that serving an object costs little more than copying it.

use std::sync::Arc;

use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp as CivilTime;
use k1s_object::{BOOKKEEPING_PREFIX, InstanceId, Key, Timestamp};
use k1s_sync_engine::id::Revision;
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};
use sha2::Sha256;

use crate::engine::EngineError;
use crate::error::StoreError;
use crate::meta::InstanceKey;
use crate::reader::{Owned, StoredObject, Version};
use crate::row::Uid;
use crate::table::Table;

mod fields;

use fields::Fields;

/// Serves objects of one instance.
#[derive(Clone, Debug)]
pub struct Servery {
    instance_id: InstanceId,
    key: InstanceKey,
    /// The annotations' keys of each property: as documented, and with the instance's id.
    keys: Arc<[[Box<str>; 2]; PROPERTIES.len()]>,
}

/// What is recorded of an object's source, beside the instance's id.
const PROPERTIES: [&str; 6] = [
    "source",
    "source-type",
    "last-sync",
    "content-hash",
    "generation",
    "source-path",
];

/// What is known of an object beside its body.
struct Facts<'a> {
    key: &'a Key,
    uid: Uid,
    revision: Revision,
    generation: u64,
    created: Timestamp,
    owned: Option<&'a Owned>,
}

impl Servery {
    pub(crate) fn new(instance_id: InstanceId, key: InstanceKey) -> Self {
        let id = instance_id.as_str();
        let keys = PROPERTIES.map(|property| {
            [
                [BOOKKEEPING_PREFIX, property].concat().into(),
                [BOOKKEEPING_PREFIX, id, "/", property].concat().into(),
            ]
        });
        Self {
            keys: Arc::new(keys),
            instance_id,
            key,
        }
    }

    /// Makes the served form of an object.
    ///
    /// # Errors
    /// When the stored body is damaged.
    pub fn serve(&self, object: &StoredObject) -> Result<Value, StoreError> {
        parsed(&self.serve_text(object)?)
    }

    /// Makes the served form of an object as a text of JSON, with the values of its body as they are stored.
    ///
    /// # Errors
    /// When the stored body is damaged.
    pub fn serve_text(&self, object: &StoredObject) -> Result<String, StoreError> {
        let facts = Facts {
            key: &object.key,
            uid: object.uid,
            revision: object.revision,
            generation: object.generation,
            created: object.created,
            owned: object.owned.as_ref(),
        };
        self.spliced(&object.body, &facts)
    }

    /// Makes the served form of an object as a change left it, or of the last state of one that is deleted, whose
    /// resourceVersion is then that of the deletion. Without an owner it has no bookkeeping annotations.
    ///
    /// # Errors
    /// When the stored body is damaged.
    pub fn serve_version(&self, version: &Version, owned: Option<&Owned>) -> Result<Value, StoreError> {
        let facts = Facts {
            key: &version.head.key,
            uid: version.head.uid,
            revision: version.revision,
            generation: version.head.generation,
            created: version.head.created,
            owned,
        };
        parsed(&self.spliced(&version.body, &facts)?)
    }

    fn spliced(&self, body: &[u8], facts: &Facts<'_>) -> Result<String, StoreError> {
        self.splice(body, facts).map_err(damaged)
    }

    /// Sets what the store knows in the metadata of a body.
    fn splice(&self, body: &[u8], facts: &Facts<'_>) -> serde_json::Result<String> {
        let mut object = Fields::of(body)?;
        let metadata = {
            let mut metadata = object.within("metadata")?;
            metadata.set("uid", to_raw_value(&facts.uid.to_string())?);
            metadata.set("resourceVersion", to_raw_value(&facts.revision.to_string())?);
            metadata.set("generation", to_raw_value(&facts.generation)?);
            metadata.set("creationTimestamp", to_raw_value(&rfc3339(facts.created))?);
            if let Some(owned) = facts.owned
                && let Some(annotations) = self.annotated(&metadata, facts.key, owned)?
            {
                metadata.set("annotations", annotations);
            }
            to_raw_value(&metadata)?
        };
        object.set("metadata", metadata);
        serde_json::to_string(&object)
    }

    /// The annotations of an object with what is recorded of its source; `None` for those that are no object, which are shown
    /// as they are.
    fn annotated(&self, metadata: &Fields<'_>, key: &Key, owned: &Owned) -> serde_json::Result<Option<Box<RawValue>>> {
        let Ok(mut annotations) = metadata.within("annotations") else {
            return Ok(None);
        };
        for ([documented, own], value) in self.keys.iter().zip(self.properties(key, owned)) {
            let value = to_raw_value(&value)?;
            annotations.set(&**documented, value.clone());
            annotations.set(&**own, value);
        }
        let instance = [BOOKKEEPING_PREFIX, "instance-id"].concat();
        annotations.set(instance, to_raw_value(self.instance_id.as_str())?);
        to_raw_value(&annotations).map(Some)
    }

    /// The values of [`PROPERTIES`].
    fn properties(&self, key: &Key, owned: &Owned) -> [String; PROPERTIES.len()] {
        let Owned { owner, row } = owned;
        [
            owner.source.to_string(),
            row.source_type.to_string(),
            rfc3339(row.last_sync),
            self.content_hash(key, owned),
            row.generation.to_string(),
            row.provenance.path.to_string(),
        ]
    }

    /// The hash of a Secret would let anyone test guesses at its values, so it is keyed.
    fn content_hash(&self, key: &Key, owned: &Owned) -> String {
        let hash = owned.row.base_hash;
        if &*key.group_kind.kind != "Secret" || !key.group_kind.group.is_empty() {
            return hash.to_string();
        }
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(self.key.as_bytes()) else {
            return String::new();
        };
        mac.update(hash.as_bytes());
        mac.finalize()
            .into_bytes()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }
}

fn parsed(text: &str) -> Result<Value, StoreError> {
    serde_json::from_str(text).map_err(damaged)
}

fn damaged(error: serde_json::Error) -> StoreError {
    StoreError::from(EngineError::Row {
        table: Table::Versions.name(),
        detail: error.to_string(),
    })
}

/// A time as Kubernetes writes it: UTC, seconds.
#[must_use]
pub fn rfc3339(time: Timestamp) -> String {
    let seconds = i64::try_from(time.as_millis() / 1000).unwrap_or(i64::MAX);
    CivilTime::from_second(seconds).unwrap_or(CivilTime::MAX).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_kubernetes_does() {
        assert_eq!(
            rfc3339(Timestamp::from_millis(1_700_000_000_999)),
            "2023-11-14T22:13:20Z"
        );
    }
}
