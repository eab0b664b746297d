//! What the environment says.

use std::collections::BTreeMap;
use std::path::PathBuf;

use k1s_getter_net::Reference;
#[cfg(any(feature = "aws", feature = "azure"))]
use k1s_getter_net::Url;

#[cfg(any(feature = "aws", feature = "azure"))]
use crate::fault::Fault;

/// What the environment says: that of this process, or one that was given. Its values are not printed.
#[derive(Clone, Default)]
pub struct Variables(Option<BTreeMap<String, String>>);

impl Variables {
    /// Takes those of this process, as they are whenever they are read.
    #[must_use]
    pub fn of_process() -> Self {
        Self(None)
    }

    /// Takes these, and no others.
    #[must_use]
    pub fn given<N: Into<String>, V: Into<String>>(variables: impl IntoIterator<Item = (N, V)>) -> Self {
        let owned = variables.into_iter().map(|(name, value)| (name.into(), value.into()));
        Self(Some(owned.collect()))
    }

    /// Returns the value of a variable that is set, and not empty.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<String> {
        let value = match &self.0 {
            None => std::env::var(name).ok(),
            Some(given) => given.get(name).cloned(),
        };
        value.filter(|value| !value.is_empty())
    }

    /// Returns the value of a variable that has to be set.
    #[cfg(any(feature = "aws", feature = "azure"))]
    pub(crate) fn need(&self, name: &'static str) -> Result<String, Fault> {
        self.get(name).ok_or(Fault::Unset(name))
    }

    /// Returns the URL that a variable names, if it is set.
    #[cfg(any(feature = "aws", feature = "azure"))]
    pub(crate) fn url(&self, name: &'static str) -> Result<Option<Url>, Fault> {
        let url = self.get(name).map(|text| Url::parse(&text));
        url.transpose().map_err(|source| Fault::Variable { name, source })
    }

    /// Returns a place in the user's own directory, if there is one.
    #[cfg(any(feature = "aws", feature = "google"))]
    pub(crate) fn at_home(&self, path: &str) -> Option<PathBuf> {
        self.get("HOME").map(|home| PathBuf::from(home).join(path))
    }

    /// Returns where a file is that a variable names.
    pub(crate) fn file(&self, name: &str) -> Option<Reference> {
        self.get(name).map(|path| Reference::File(PathBuf::from(path)))
    }
}

impl std::fmt::Debug for Variables {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Variables(redacted)")
    }
}
