//! What names an object.

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::KindScope;

const SEPARATOR: u8 = 0;

/// A group and a kind; the version is not part of an object's identity.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct GroupKind {
    /// Empty for the core group.
    pub group: Box<str>,
    /// For example `ConfigMap`.
    pub kind: Box<str>,
}

impl GroupKind {
    /// Names a kind; `group` is empty for the core group.
    #[must_use]
    pub fn new(group: &str, kind: &str) -> Self {
        Self {
            group: group.into(),
            kind: kind.into(),
        }
    }
}

impl fmt::Display for GroupKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.kind)?;
        if self.group.is_empty() {
            Ok(())
        } else {
            write!(f, ".{}", self.group)
        }
    }
}

/// The name of an object in the store. The namespace is empty exactly for cluster-scoped kinds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Key {
    /// Group and kind.
    pub group_kind: GroupKind,
    /// Empty for cluster-scoped kinds.
    pub namespace: Box<str>,
    /// The object's name.
    pub name: Box<str>,
}

impl Key {
    /// Names an object; `group` is empty for the core group, `namespace` for cluster-scoped kinds.
    #[must_use]
    pub fn new(group: &str, kind: &str, namespace: &str, name: &str) -> Self {
        Self {
            group_kind: GroupKind::new(group, kind),
            namespace: namespace.into(),
            name: name.into(),
        }
    }

    /// Bytes that sort as group, kind, namespace, name, and of which a prefix stands for all keys of a group and kind, or
    /// of a namespace within it.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = self.namespace_prefix();
        bytes.extend_from_slice(self.name.as_bytes());
        bytes
    }

    fn namespace_prefix(&self) -> Vec<u8> {
        Self::prefix(&self.group_kind, Some(&self.namespace))
    }

    /// The bytes every encoded key of a kind begins with, or of a namespace within it.
    #[must_use]
    pub fn prefix(group_kind: &GroupKind, namespace: Option<&str>) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(128);
        for part in [Some(&*group_kind.group), Some(&*group_kind.kind), namespace]
            .into_iter()
            .flatten()
        {
            bytes.extend_from_slice(part.as_bytes());
            bytes.push(SEPARATOR);
        }
        bytes
    }

    /// Reads what [`Key::encode`] wrote.
    ///
    /// # Errors
    /// When the bytes are not four parts of UTF-8.
    pub fn decode(bytes: &[u8]) -> Result<Self, KeyDecodeError> {
        let [group, kind, namespace, name] = Self::split(bytes)?;
        Ok(Self::new(group, kind, namespace, name))
    }

    /// Reads group, kind, namespace and name of what [`Key::encode`] wrote.
    ///
    /// # Errors
    /// As [`Key::decode`].
    pub fn split(bytes: &[u8]) -> Result<[&str; 4], KeyDecodeError> {
        let text = std::str::from_utf8(bytes).map_err(|_| KeyDecodeError)?;
        let mut parts = text.split('\0');
        let mut next = || parts.next().ok_or(KeyDecodeError);
        let key = [next()?, next()?, next()?, next()?];
        if parts.next().is_some() {
            Err(KeyDecodeError)
        } else {
            Ok(key)
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.group_kind)?;
        if self.namespace.is_empty() {
            f.write_str(&self.name)
        } else {
            write!(f, "{}/{}", self.namespace, self.name)
        }
    }
}

/// Bytes that no [`Key`] encodes to: the file they come from is damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("these bytes are not an object key")]
pub struct KeyDecodeError;

/// A key as a source's document says it: a missing namespace is still missing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DeclaredKey {
    /// Group and kind.
    pub group_kind: GroupKind,
    /// As declared; empty when the document names none.
    pub namespace: Box<str>,
    /// The object's name.
    pub name: Box<str>,
}

impl DeclaredKey {
    /// Names a declaration.
    #[must_use]
    pub fn new(group: &str, kind: &str, namespace: &str, name: &str) -> Self {
        Self {
            group_kind: GroupKind::new(group, kind),
            namespace: namespace.into(),
            name: name.into(),
        }
    }

    /// The key in the store: a cluster-scoped kind loses its namespace, a namespaced one without any gets `default_namespace`.
    #[must_use]
    pub fn resolve(&self, scope: KindScope, default_namespace: &str) -> Key {
        let namespace = match scope {
            KindScope::Cluster => "",
            KindScope::Namespaced if self.namespace.is_empty() => default_namespace,
            KindScope::Namespaced => &self.namespace,
        };
        Key {
            group_kind: self.group_kind.clone(),
            namespace: namespace.into(),
            name: self.name.clone(),
        }
    }

    /// The declaration taken at its word, for a kind whose scope is not known yet.
    #[must_use]
    pub fn unresolved(&self) -> Key {
        Key {
            group_kind: self.group_kind.clone(),
            namespace: self.namespace.clone(),
            name: self.name.clone(),
        }
    }
}

impl fmt::Display for DeclaredKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.unresolved(), f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn keys() -> impl Strategy<Value = Key> {
        ("[a-z.]{0,6}", "[A-Za-z]{1,6}", "[a-z0-9-]{0,5}", "[a-z0-9.-]{1,8}")
            .prop_map(|(group, kind, namespace, name)| Key::new(&group, &kind, &namespace, &name))
    }

    proptest! {
        #[test]
        fn encoding_keeps_identity_and_order(left in keys(), right in keys()) {
            prop_assert_eq!(Key::decode(&left.encode()), Ok(left.clone()));
            prop_assert_eq!(left.encode().cmp(&right.encode()), left.cmp(&right));
            prop_assert!(left.encode().starts_with(&Key::prefix(&left.group_kind, Some(&left.namespace))));
        }
    }

    #[test]
    fn damaged_bytes_are_refused() {
        for bytes in [&b""[..], b"a\0b", b"a\0b\0c", b"a\0b\0c\0d\0e", b"\xff\0b\0c\0d"] {
            assert_eq!(Key::decode(bytes), Err(KeyDecodeError), "{bytes:?}");
        }
    }

    #[test]
    fn keys_resolve_by_the_scope_of_their_kind() {
        let bare = DeclaredKey::new("", "ConfigMap", "", "a");
        let spaced = DeclaredKey::new("", "Node", "shop", "a");
        assert_eq!(
            bare.resolve(KindScope::Namespaced, "default").to_string(),
            "ConfigMap default/a"
        );
        assert_eq!(spaced.resolve(KindScope::Cluster, "default").to_string(), "Node a");
        assert_eq!(
            Key::new("apps", "Deployment", "shop", "cart").to_string(),
            "Deployment.apps shop/cart"
        );
    }
}
