//! What is known of a kind without its schema.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::GroupKind;

/// Whether objects of a kind live in a namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum KindScope {
    /// Objects belong to the cluster and have no namespace.
    Cluster,
    /// Every object has a namespace.
    Namespaced,
}

/// The names of a kind, as discovery tells them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KindNames {
    /// Group and kind.
    pub group_kind: GroupKind,
    /// Served versions, the preferred one first.
    pub versions: Vec<Box<str>>,
    /// Lower-case plural, as in paths.
    pub plural: Box<str>,
    /// Lower-case singular.
    pub singular: Box<str>,
    /// Abbreviations, for example `cm`.
    pub short_names: Vec<Box<str>>,
    /// Groupings such as `all`.
    pub categories: Vec<Box<str>>,
    /// Whether its objects live in a namespace.
    pub scope: KindScope,
}

/// A group and a version, written `v1` or `apps/v1`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ApiVersion {
    /// Empty for the core group.
    pub group: Box<str>,
    /// For example `v1`.
    pub version: Box<str>,
}

impl ApiVersion {
    /// Reads `version` or `group/version`; `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (group, version) = text.split_once('/').unwrap_or(("", text));
        let grouped = text.contains('/');
        let valid = !version.is_empty() && !version.contains('/') && (!grouped || !group.is_empty());
        valid.then(|| Self {
            group: group.into(),
            version: version.into(),
        })
    }
}

impl fmt::Display for ApiVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.group.is_empty() {
            f.write_str(&self.version)
        } else {
            write!(f, "{}/{}", self.group, self.version)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn api_versions_are_read_as_kubernetes_does() {
        for (text, expected) in [
            ("v1", Some(("", "v1"))),
            ("apps/v1", Some(("apps", "v1"))),
            ("", None),
            ("/v1", None),
            ("apps/", None),
            ("a/b/c", None),
        ] {
            let read = ApiVersion::parse(text);
            assert_eq!(read.as_ref().map(|v| (&*v.group, &*v.version)), expected, "{text:?}");
            if let Some(version) = read {
                assert_eq!(version.to_string(), text);
            }
        }
    }
}
