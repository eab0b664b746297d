//! Which kinds and namespaces are chosen.
//!
//! A kind is named as `[group/]resource`, each a glob; without a slash the resource is meant in every group, and `core` names
//! the core group. What is denied is never chosen. Where nothing is allowed by name, everything is but what a cluster makes
//! itself while it runs. Secrets come only when they are asked for in so many words.

use globset::{Glob, GlobMatcher};
use thiserror::Error;

use crate::event::Object;
use crate::resource::Resource;

/// What nobody declares: a cluster makes it of other objects, or while it runs.
const RUN_TIME: &[(&str, &str)] = &[
    ("", "componentstatuses"),
    ("", "endpoints"),
    ("", "events"),
    ("", "nodes"),
    ("", "pods"),
    ("apiregistration.k8s.io", "apiservices"),
    ("apps", "controllerrevisions"),
    ("apps", "replicasets"),
    ("certificates.k8s.io", "certificatesigningrequests"),
    ("coordination.k8s.io", "*"),
    ("discovery.k8s.io", "endpointslices"),
    ("events.k8s.io", "events"),
    ("flowcontrol.apiserver.k8s.io", "*"),
    ("internal.apiserver.k8s.io", "*"),
    ("metrics.k8s.io", "*"),
    ("networking.k8s.io", "ipaddresses"),
    ("networking.k8s.io", "servicecidrs"),
    ("resource.k8s.io", "resourceslices"),
    ("storage.k8s.io", "csinodes"),
    ("storage.k8s.io", "csistoragecapacities"),
    ("storage.k8s.io", "volumeattachments"),
    ("storagemigration.k8s.io", "*"),
    ("sync.k1s.io", "*"),
];
/// How patterns name the core group.
const CORE: &str = "core";

/// A pattern that means nothing.
#[derive(Debug, Error)]
#[error("{pattern:?} is not a pattern: {source}")]
pub struct PatternError {
    /// As it was written.
    pub pattern: String,
    /// What is wrong with it.
    #[source]
    pub source: globset::Error,
}

/// How much of a kind is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// Every object.
    Whole,
    /// Of the definitions of kinds those whose kinds are chosen.
    Definitions,
}

#[derive(Clone, Debug)]
struct KindPattern {
    group: Option<GlobMatcher>,
    plural: GlobMatcher,
}

/// Which kinds are chosen.
#[derive(Clone, Debug)]
pub struct Kinds {
    /// Empty where everything is allowed that is not made at run time.
    allow: Vec<KindPattern>,
    deny: Vec<KindPattern>,
    secrets: Secrets,
}

/// Whether Secrets are chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Secrets {
    Left,
    Wanted,
}

impl KindPattern {
    fn read(pattern: &str) -> Result<Self, PatternError> {
        let (group, plural) = match pattern.split_once('/') {
            Some((group, plural)) => (Some(group), plural),
            None => (None, pattern),
        };
        Ok(Self {
            group: group.map(glob).transpose()?,
            plural: glob(plural)?,
        })
    }

    fn matches(&self, group: &str, plural: &str) -> bool {
        let group = if group.is_empty() { CORE } else { group };
        self.plural.is_match(plural) && self.group.as_ref().is_none_or(|pattern| pattern.is_match(group))
    }
}

fn glob(pattern: &str) -> Result<GlobMatcher, PatternError> {
    let glob = Glob::new(pattern).map_err(|source| PatternError {
        pattern: pattern.to_owned(),
        source,
    })?;
    Ok(glob.compile_matcher())
}

fn all<T>(patterns: &[String], read: impl Fn(&str) -> Result<T, PatternError>) -> Result<Vec<T>, PatternError> {
    patterns.iter().map(|pattern| read(pattern)).collect()
}

impl Kinds {
    /// Reads patterns; of Secrets nothing is chosen.
    ///
    /// # Errors
    /// Names the first pattern that is none.
    pub fn new(allow: &[String], deny: &[String]) -> Result<Self, PatternError> {
        Ok(Self {
            allow: all(allow, KindPattern::read)?,
            deny: all(deny, KindPattern::read)?,
            secrets: Secrets::Left,
        })
    }

    /// Chooses Secrets as any other kind.
    #[must_use]
    pub fn with_secrets(self) -> Self {
        Self {
            secrets: Secrets::Wanted,
            ..self
        }
    }

    /// Returns how much of a kind is chosen, if anything is. The definitions of chosen kinds come along with them.
    #[must_use]
    pub fn extent(&self, resource: &Resource) -> Option<Extent> {
        let Resource { group, plural, .. } = resource;
        if resource.is_secrets() && self.secrets == Secrets::Left {
            return None;
        }
        if self.chooses(group, plural) {
            return Some(Extent::Whole);
        }
        (resource.is_definitions() && !self.denies(group, plural)).then_some(Extent::Definitions)
    }

    /// Returns whether the kind is chosen that an object defines.
    #[must_use]
    pub fn chooses_defined(&self, definition: &Object) -> bool {
        let spec = definition.value.get("spec");
        let text = |pointer: &str| spec.and_then(|spec| spec.pointer(pointer)?.as_str());
        match (text("/group"), text("/names/plural")) {
            (Some(group), Some(plural)) => self.chooses(group, plural),
            (_, _) => false,
        }
    }

    fn chooses(&self, group: &str, plural: &str) -> bool {
        let is_run_time = || {
            let matches = |pattern: &(&str, &str)| pattern.0 == group && (pattern.1 == "*" || pattern.1 == plural);
            RUN_TIME.iter().any(matches)
        };
        let allowed = match self.allow.as_slice() {
            [] => !is_run_time(),
            allow => allow.iter().any(|pattern| pattern.matches(group, plural)),
        };
        allowed && !self.denies(group, plural)
    }

    fn denies(&self, group: &str, plural: &str) -> bool {
        self.deny.iter().any(|pattern| pattern.matches(group, plural))
    }
}

/// Which namespaces are chosen.
#[derive(Clone, Debug, Default)]
pub struct Namespaces {
    allow: Vec<GlobMatcher>,
    deny: Vec<GlobMatcher>,
}

impl Namespaces {
    /// Reads patterns; where nothing is allowed by name, everything is.
    ///
    /// # Errors
    /// Names the first pattern that is none.
    pub fn new(allow: &[String], deny: &[String]) -> Result<Self, PatternError> {
        Ok(Self {
            allow: all(allow, glob)?,
            deny: all(deny, glob)?,
        })
    }

    /// Returns whether a namespace is chosen.
    #[must_use]
    pub fn choose(&self, namespace: &str) -> bool {
        let any = |patterns: &[GlobMatcher]| patterns.iter().any(|pattern| pattern.is_match(namespace));
        (self.allow.is_empty() || any(&self.allow)) && !any(&self.deny)
    }

    /// Returns the chosen namespaces where they are all named in full; none where only the cluster can tell them.
    #[must_use]
    pub fn named(&self) -> Option<Vec<&str>> {
        let is_name = |pattern: &&str| !pattern.contains(['*', '?', '[', '{', '\\']);
        let names = self
            .allow
            .iter()
            .map(|pattern| Some(pattern.glob().glob()).filter(is_name));
        let names: Option<Vec<&str>> = names.collect();
        let chosen = names?.into_iter().filter(|name| self.choose(name)).collect();
        (!self.allow.is_empty()).then_some(chosen)
    }
}

#[cfg(test)]
mod tests;
