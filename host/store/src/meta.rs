//! Facts about the store itself.

use k1s_object::InstanceId;
use k1s_sync_engine::id::Revision;

use crate::engine::{EngineError, Read, Write};
use crate::table::Table;

/// The format this version writes. A change of any row raises it.
pub(crate) const FORMAT: u64 = 1;

const FORMAT_KEY: &[u8] = b"format";
const REVISION_KEY: &[u8] = b"revision";
const TRIMMED: &[u8] = b"trimmed";
const LISTABLE: &[u8] = b"listable";
const PROOF: &[u8] = b"proof";
const INSTANCE_ID: &[u8] = b"instance-id";
const INSTANCE_KEY: &[u8] = b"instance-key";

pub(crate) fn format(tables: &dyn Read) -> Result<Option<u64>, EngineError> {
    number(tables, FORMAT_KEY)
}

pub(crate) fn set_format(tables: &mut dyn Write) -> Result<(), EngineError> {
    tables.put(Table::Meta, FORMAT_KEY, &FORMAT.to_be_bytes())
}

/// Writes something that nobody reads, to see whether it can be written.
pub(crate) fn set_proof(tables: &mut dyn Write, bytes: &[u8]) -> Result<(), EngineError> {
    tables.put(Table::Meta, PROOF, bytes)
}

pub(crate) fn delete_proof(tables: &mut dyn Write) -> Result<(), EngineError> {
    tables.delete(Table::Meta, PROOF)
}

pub(crate) fn revision(tables: &dyn Read) -> Result<Revision, EngineError> {
    Ok(Revision::new(number(tables, REVISION_KEY)?.unwrap_or(0)))
}

pub(crate) fn set_revision(tables: &mut dyn Write, revision: Revision) -> Result<(), EngineError> {
    tables.put(Table::Meta, REVISION_KEY, &revision.get().to_be_bytes())
}

/// The highest revision whose version was ever dropped: after it, every change is kept.
pub(crate) fn trimmed(tables: &dyn Read) -> Result<Revision, EngineError> {
    Ok(Revision::new(number(tables, TRIMMED)?.unwrap_or(0)))
}

/// The highest revision that replaced a version which was ever dropped: from it on, the state as of each revision is kept.
pub(crate) fn listable(tables: &dyn Read) -> Result<Revision, EngineError> {
    Ok(Revision::new(number(tables, LISTABLE)?.unwrap_or(0)))
}

/// Moves both marks forward, as far as they are not there yet.
pub(crate) fn raise_trimmed(tables: &mut dyn Write, dropped: Dropped) -> Result<(), EngineError> {
    if dropped.version > trimmed(tables)? {
        tables.put(Table::Meta, TRIMMED, &dropped.version.get().to_be_bytes())?;
    }
    if dropped.replaced > listable(tables)? {
        tables.put(Table::Meta, LISTABLE, &dropped.replaced.get().to_be_bytes())?;
    }
    Ok(())
}

/// Versions that were dropped: what cannot be told any more because of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Dropped {
    /// The highest of their revisions.
    pub(crate) version: Revision,
    /// The highest revision that replaced one of them.
    pub(crate) replaced: Revision,
}

impl Dropped {
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            version: self.version.max(other.version),
            replaced: self.replaced.max(other.replaced),
        }
    }
}

pub(crate) fn instance_id(tables: &dyn Read) -> Result<Option<InstanceId>, EngineError> {
    let Some(bytes) = tables.get(Table::Meta, INSTANCE_ID)? else {
        return Ok(None);
    };
    let text = String::from_utf8(bytes).map_err(|error| damaged(error.to_string()))?;
    Ok(Some(
        InstanceId::new(&text).map_err(|error| damaged(error.to_string()))?,
    ))
}

pub(crate) fn set_instance_id(tables: &mut dyn Write, id: &InstanceId) -> Result<(), EngineError> {
    tables.put(Table::Meta, INSTANCE_ID, id.as_str().as_bytes())
}

/// The secret of a store: 32 random bytes, made with it, with which hashes of secrets are keyed.
#[derive(Clone)]
pub(crate) struct InstanceKey([u8; 32]);

impl InstanceKey {
    /// Draws a new one.
    pub(crate) fn random() -> Self {
        let mut bytes = [0; 32];
        for half in bytes.chunks_mut(16) {
            half.copy_from_slice(uuid::Uuid::new_v4().as_bytes());
        }
        Self(bytes)
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl std::fmt::Debug for InstanceKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("InstanceKey(***)")
    }
}

pub(crate) fn instance_key(tables: &dyn Read) -> Result<Option<InstanceKey>, EngineError> {
    let Some(bytes) = tables.get(Table::Meta, INSTANCE_KEY)? else {
        return Ok(None);
    };
    let bytes = bytes
        .try_into()
        .map_err(|_| damaged("the instance key has not 32 bytes".to_owned()))?;
    Ok(Some(InstanceKey(bytes)))
}

pub(crate) fn set_instance_key(tables: &mut dyn Write, key: &InstanceKey) -> Result<(), EngineError> {
    tables.put(Table::Meta, INSTANCE_KEY, key.as_bytes())
}

fn number(tables: &dyn Read, key: &[u8]) -> Result<Option<u64>, EngineError> {
    let Some(bytes) = tables.get(Table::Meta, key)? else {
        return Ok(None);
    };
    let bytes = bytes
        .try_into()
        .map_err(|_| damaged("a number has not 8 bytes".to_owned()))?;
    Ok(Some(u64::from_be_bytes(bytes)))
}

fn damaged(detail: String) -> EngineError {
    EngineError::Row {
        table: Table::Meta.name(),
        detail,
    }
}
