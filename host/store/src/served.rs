//! An object as it is served: the stored body with what the store knows beside it spliced in.
//!
//! The bookkeeping annotations are made here, from the owner's inventory row; they are never part of a stored body.

use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp as CivilTime;
use k1s_object::{BOOKKEEPING_PREFIX, InstanceId, Key, Timestamp};
use k1s_sync_engine::id::Revision;
use serde_json::{Map, Value};
use sha2::Sha256;

use crate::engine::EngineError;
use crate::error::StoreError;
use crate::meta::InstanceKey;
use crate::reader::{Owned, StoredObject, Version};
use crate::row::Uid;
use crate::table::Table;

/// Serves objects of one instance.
#[derive(Clone, Debug)]
pub struct Servery {
    instance_id: InstanceId,
    key: InstanceKey,
}

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
        Self { instance_id, key }
    }

    /// Makes the served form of an object.
    ///
    /// # Errors
    /// When the stored body is damaged.
    pub fn serve(&self, object: &StoredObject) -> Result<Value, StoreError> {
        let facts = Facts {
            key: &object.key,
            uid: object.uid,
            revision: object.revision,
            generation: object.generation,
            created: object.created,
            owned: object.owned.as_ref(),
        };
        self.splice(&object.body, &facts)
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
        self.splice(&version.body, &facts)
    }

    fn splice(&self, body: &[u8], facts: &Facts<'_>) -> Result<Value, StoreError> {
        let mut body: Value = serde_json::from_slice(body).map_err(|error| EngineError::Row {
            table: Table::Versions.name(),
            detail: error.to_string(),
        })?;
        let metadata = body
            .as_object_mut()
            .map(|body| body.entry("metadata").or_insert_with(|| Map::new().into()));
        if let Some(metadata) = metadata.and_then(Value::as_object_mut) {
            metadata.insert("uid".to_owned(), facts.uid.to_string().into());
            metadata.insert("resourceVersion".to_owned(), facts.revision.to_string().into());
            metadata.insert("generation".to_owned(), facts.generation.into());
            metadata.insert("creationTimestamp".to_owned(), rfc3339(facts.created).into());
            if let Some(owned) = facts.owned {
                self.annotate(metadata, facts.key, owned);
            }
        }
        Ok(body)
    }

    fn annotate(&self, metadata: &mut Map<String, Value>, key: &Key, owned: &Owned) {
        let annotations = metadata.entry("annotations").or_insert_with(|| Map::new().into());
        let Some(annotations) = annotations.as_object_mut() else {
            return;
        };
        let id = self.instance_id.as_str();
        for (property, value) in self.properties(key, owned) {
            annotations.insert(format!("{BOOKKEEPING_PREFIX}{property}"), value.clone().into());
            annotations.insert(format!("{BOOKKEEPING_PREFIX}{id}/{property}"), value.into());
        }
        annotations.insert(format!("{BOOKKEEPING_PREFIX}instance-id"), id.into());
    }

    fn properties(&self, key: &Key, owned: &Owned) -> [(&'static str, String); 6] {
        let Owned { owner, row } = owned;
        [
            ("source", owner.source.to_string()),
            ("source-type", row.source_type.to_string()),
            ("last-sync", rfc3339(row.last_sync)),
            ("content-hash", self.content_hash(key, owned)),
            ("generation", row.generation.to_string()),
            ("source-path", row.provenance.path.to_string()),
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
