//! Where rows are: the composite keys of the tables.

use k1s_object::{GroupKind, Key};
use k1s_sync_engine::id::{Revision, ScopeId, SourceName};
use k1s_sync_engine::work::HeldPruneId;

use crate::engine::EngineError;
use crate::row::Cause;
use crate::table::Table;

/// The key of a source's rows: its name and a zero byte.
pub(crate) fn source(name: &SourceName) -> Vec<u8> {
    let mut bytes = name.as_str().as_bytes().to_vec();
    bytes.push(0);
    bytes
}

/// The key of a scope's rows: the source's, the scope's length and the scope.
pub(crate) fn scope(source_name: &SourceName, scope: &ScopeId) -> Vec<u8> {
    let mut bytes = source(source_name);
    let text = scope.as_str().as_bytes();
    // A scope id has at most 256 bytes, so two bytes hold its length.
    bytes.extend_from_slice(&u16::try_from(text.len()).unwrap_or(u16::MAX).to_be_bytes());
    bytes.extend_from_slice(text);
    bytes
}

/// The key of one row of a scope.
pub(crate) fn row(source_name: &SourceName, scope_id: &ScopeId, key: &Key) -> Vec<u8> {
    let mut bytes = scope(source_name, scope_id);
    bytes.extend_from_slice(&key.encode());
    bytes
}

/// Splits the key of a scope's row into scope and object key.
pub(crate) fn split_row(table: Table, source_name: &SourceName, bytes: &[u8]) -> Result<(ScopeId, Key), EngineError> {
    let damaged = || EngineError::Row {
        table: table.name(),
        detail: "a key is not source, scope and object".to_owned(),
    };
    let rest = bytes.strip_prefix(source(source_name).as_slice()).ok_or_else(damaged)?;
    let (scope, key) = split_scope(rest).ok_or_else(damaged)?;
    Ok((scope, Key::decode(key).map_err(|_| damaged())?))
}

/// Splits the key of a scope's row into source, scope and encoded object key.
pub(crate) fn split_inventory(bytes: &[u8]) -> Option<(&str, ScopeId, &[u8])> {
    let end = bytes.iter().position(|byte| *byte == 0)?;
    let (name, rest) = bytes.split_at(end);
    let (scope, key) = split_scope(rest.get(1..)?)?;
    Some((std::str::from_utf8(name).ok()?, scope, key))
}

/// Reads the key of an object.
pub(crate) fn object(table: Table, bytes: &[u8]) -> Result<Key, EngineError> {
    parts(table, bytes).map(|[group, kind, namespace, name]| Key::new(group, kind, namespace, name))
}

/// Group, kind, namespace and name of an object at a place that begins with it.
pub(crate) fn parts(table: Table, bytes: &[u8]) -> Result<[&str; 4], EngineError> {
    Key::split(bytes).map_err(|error| EngineError::Row {
        table: table.name(),
        detail: error.to_string(),
    })
}

/// Splits what follows the source in a key.
pub(crate) fn split_scope(rest: &[u8]) -> Option<(ScopeId, &[u8])> {
    let (length, rest) = rest.split_first_chunk::<2>()?;
    let (scope, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
    Some((ScopeId::new(std::str::from_utf8(scope).ok()?).ok()?, rest))
}

/// What the keys of everything that waits for a cause begin with.
pub(crate) fn cause(cause: &Cause) -> Vec<u8> {
    let (tag, subject) = match cause {
        Cause::Kind(group_kind) => (0, Key::prefix(group_kind, None)),
        Cause::Namespace(name) => (1, name.as_bytes().to_vec()),
        Cause::Object(key) => (2, key.encode()),
        Cause::Content => (3, Vec::new()),
    };
    let mut bytes = vec![tag];
    bytes.extend_from_slice(&u32::try_from(subject.len()).unwrap_or(u32::MAX).to_be_bytes());
    bytes.extend_from_slice(&subject);
    bytes
}

/// The key of one thing that waits for a cause.
pub(crate) fn waiting(waits_for: &Cause, source_name: &SourceName, scope_id: &ScopeId, key: &Key) -> Vec<u8> {
    let mut bytes = cause(waits_for);
    bytes.extend_from_slice(&row(source_name, scope_id, key));
    bytes
}

/// Splits what follows the cause in the key of something that waits.
pub(crate) fn split_waiting(bytes: &[u8]) -> Option<(SourceName, ScopeId, Key)> {
    let end = bytes.iter().position(|byte| *byte == 0)?;
    let (name, rest) = bytes.split_at(end);
    let (scope, key) = split_scope(rest.get(1..)?)?;
    Some((
        SourceName::new(std::str::from_utf8(name).ok()?).ok()?,
        scope,
        Key::decode(key).ok()?,
    ))
}

/// The key of one version.
pub(crate) fn version(revision: Revision) -> [u8; 8] {
    revision.get().to_be_bytes()
}

/// What the index keys of a prune's tombstones begin with.
pub(crate) fn tombstones_of(prune: &HeldPruneId) -> Vec<u8> {
    let mut bytes = prune.0.as_bytes().to_vec();
    bytes.push(0);
    bytes
}

/// Reads the prune of a tombstone's index key.
pub(crate) fn prune_at(key: &[u8]) -> Option<HeldPruneId> {
    let end = key.iter().position(|byte| *byte == 0)?;
    Some(HeldPruneId(std::str::from_utf8(key.get(..end)?).ok()?.into()))
}

/// Reads a source from the key of its row.
pub(crate) fn source_at(key: &[u8]) -> Option<SourceName> {
    SourceName::new(std::str::from_utf8(key.strip_suffix(&[0])?).ok()?).ok()
}

/// Splits a key that is source and scope.
pub(crate) fn split_source_scope(table: Table, key: &[u8]) -> Result<(SourceName, ScopeId), EngineError> {
    let split = || {
        let end = key.iter().position(|byte| *byte == 0)?;
        let source = source_at(key.get(..=end)?)?;
        let (scope, rest) = split_scope(key.get(end + 1..)?)?;
        rest.is_empty().then_some((source, scope))
    };
    split().ok_or_else(|| EngineError::Row {
        table: table.name(),
        detail: "a key is not source and scope".to_owned(),
    })
}

/// The index key of one tombstone.
pub(crate) fn tombstone_of(prune: &HeldPruneId, deleted: Revision) -> Vec<u8> {
    let mut bytes = tombstones_of(prune);
    bytes.extend_from_slice(&version(deleted));
    bytes
}

/// What the keys of an object's versions begin with.
pub(crate) fn versions_of(key: &Key) -> Vec<u8> {
    versions_of_encoded(key.encode())
}

/// What the keys of an object's versions begin with, of the object's encoded key.
pub(crate) fn versions_of_encoded(mut key: Vec<u8>) -> Vec<u8> {
    key.push(0);
    key
}

/// The key of one version of an object.
pub(crate) fn version_of(key: &Key, revision: Revision) -> Vec<u8> {
    let mut bytes = versions_of(key);
    bytes.extend_from_slice(&version(revision));
    bytes
}

/// Splits the key of one version of an object into the object's encoded key and the revision.
pub(crate) fn split_version_of(bytes: &[u8]) -> Result<(&[u8], Revision), EngineError> {
    let revision = revision_at_end(Table::VersionsByKey, bytes)?;
    let key = bytes.len().checked_sub(9).and_then(|end| bytes.get(..end));
    let key = key.ok_or_else(|| EngineError::Row {
        table: Table::VersionsByKey.name(),
        detail: "a key is not object and revision".to_owned(),
    })?;
    Ok((key, revision))
}

/// Reads the revision at the end of a key.
pub(crate) fn revision_at_end(table: Table, bytes: &[u8]) -> Result<Revision, EngineError> {
    let (_, last) = bytes.split_last_chunk::<8>().ok_or_else(|| EngineError::Row {
        table: table.name(),
        detail: "a key holds no revision".to_owned(),
    })?;
    Ok(Revision::new(u64::from_be_bytes(*last)))
}

/// The key of a source's counts of one kind, or of all its kinds.
pub(crate) fn shrink(source_name: &SourceName, group_kind: Option<&GroupKind>) -> Vec<u8> {
    let mut bytes = source(source_name);
    if let Some(group_kind) = group_kind {
        bytes.extend_from_slice(&Key::prefix(group_kind, None));
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_a_scope_are_told_from_those_of_another() {
        let name = SourceName::new("files").expect("valid");
        let key = Key::new("", "ConfigMap", "shop", "a");
        let scopes = ["", "a", "a\0b", "aa"].map(|text| ScopeId::new(text).expect("short"));
        for one in &scopes {
            let place = row(&name, one, &key);
            assert_eq!(
                split_row(Table::Inventory, &name, &place).expect("own row"),
                (one.clone(), key.clone())
            );
            let owners = scopes
                .iter()
                .filter(|other| place.starts_with(&scope(&name, other)))
                .count();
            assert_eq!(owners, 1, "{one:?}");
        }
        assert!(
            split_row(
                Table::Inventory,
                &SourceName::new("other").expect("valid"),
                &row(&name, &scopes[0], &key)
            )
            .is_err()
        );
    }

    #[test]
    fn versions_of_an_object_are_apart_from_those_of_a_longer_name() {
        let short = Key::new("", "ConfigMap", "shop", "a");
        let long = Key::new("", "ConfigMap", "shop", "ab");
        assert!(!version_of(&long, Revision::new(1)).starts_with(&versions_of(&short)));
        let place = version_of(&short, Revision::new(7));
        assert_eq!(
            revision_at_end(Table::VersionsByKey, &place).expect("revision"),
            Revision::new(7)
        );
    }
}
