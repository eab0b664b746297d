//! Names of namespaces.

use std::fmt;
use std::str::FromStr;

use k1s_object::{NameError, validate_label_name};

/// The name of a namespace: a DNS-1123 label.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NamespaceName(Box<str>);

impl NamespaceName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for NamespaceName {
    type Err = NameError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        validate_label_name(name)?;
        Ok(Self(name.into()))
    }
}

impl fmt::Display for NamespaceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
