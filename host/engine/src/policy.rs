//! How one source wants its objects treated.

use std::collections::BTreeMap;

use k1s_object::{GroupKind, KindScope, StatusRule};
use sha2::{Digest, Sha256};

use crate::decide::{Adoption, ConflictPolicy};
use crate::guard::GuardLimit;
use crate::pattern::Pattern;

/// The group whose objects control the host itself; no source may write them.
const PROTECTED_GROUP: &str = "sync.k1s.io";

/// Whether a namespace that an object needs is made by the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NamespaceCreation {
    /// In the transaction of its first object.
    Automatic,
    /// Never; objects wait for it.
    Declared,
}

/// What absence leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PruneMode {
    /// Absent objects are deleted, inside the guard.
    Enabled,
    /// Absent objects are kept as orphans.
    Disabled,
}

/// Whether everything a source has may go by absence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EmptyRule {
    /// Held, unless the source says that it is meant.
    Hold,
    /// `allowEmpty: true`.
    Allow,
}

/// What becomes of fields that the source does not declare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Undeclared {
    /// They survive.
    Survive,
    /// `mirror: true`: they go.
    Strip,
}

/// What becomes of objects that a source lets go of because its configuration changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Departure {
    /// They stay, and belong to no source.
    #[default]
    Keep,
    /// They are deleted, inside the guard.
    Prune,
}

/// The program of a source, as far as what it said before depends on it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Program {
    /// Its own name.
    pub name: Box<str>,
    /// The major version of its release: another one may not understand an earlier one's tokens.
    pub major: u64,
}

/// The fields of a plugin's configuration that say which place it reads, as compact JSON with sorted keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity(pub Box<str>);

/// Allowed and denied names; deny wins, an empty allow list allows everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NameFilter {
    /// One of these must match, if there are any.
    pub allow: Vec<Pattern>,
    /// None of these may match.
    pub deny: Vec<Pattern>,
}

impl NameFilter {
    /// Whether a name passes.
    #[must_use]
    pub fn allows(&self, name: &str) -> bool {
        let matches = |patterns: &[Pattern]| patterns.iter().any(|pattern| pattern.matches(name));
        (self.allow.is_empty() || matches(&self.allow)) && !matches(&self.deny)
    }
}

/// Everything about a source that a decision depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourcePolicy {
    /// Who wins when both sides changed.
    pub conflict: ConflictPolicy,
    /// When an object that is in the way is taken over.
    pub adoption: Adoption,
    /// For namespaced objects that name none.
    pub default_namespace: Box<str>,
    /// The namespace that stands in place of a declared or default one.
    pub namespace_by_declared: BTreeMap<Box<str>, Box<str>>,
    /// Who makes namespaces.
    pub namespace_creation: NamespaceCreation,
    /// Kinds the source may send, as `Kind` or `group/Kind` with wildcards.
    pub kinds: NameFilter,
    /// Namespaces the source may write to.
    pub namespaces: NameFilter,
    /// How much may go at once.
    pub guard: GuardLimit,
    /// What absence leads to.
    pub prune: PruneMode,
    /// Whether everything may go.
    pub empty: EmptyRule,
    /// What becomes of undeclared fields.
    pub undeclared: Undeclared,
    /// Whether status is content.
    pub status: StatusRule,
    /// The kind of place the source reads, in its plugin's word; shown with its objects.
    pub source_type: Box<str>,
    /// Fingerprint of everything that selects what the source declares, made by [`SourcePolicy::selecting`]; what absence of
    /// rows means that were claimed under another one, `deselected` says.
    pub selection: u64,
    /// What becomes of what falls out when the selection changes.
    pub deselected: Departure,
    /// What becomes of everything when the source is configured no longer.
    pub removed: Departure,
    /// The program that runs for it.
    pub program: Program,
    /// Which place it reads, as configured.
    pub identity: Identity,
}

impl Default for SourcePolicy {
    fn default() -> Self {
        Self {
            conflict: ConflictPolicy::default(),
            adoption: Adoption::default(),
            default_namespace: "default".into(),
            namespace_by_declared: BTreeMap::new(),
            namespace_creation: NamespaceCreation::Automatic,
            kinds: NameFilter::default(),
            namespaces: NameFilter::default(),
            guard: GuardLimit::default(),
            prune: PruneMode::Enabled,
            empty: EmptyRule::Hold,
            undeclared: Undeclared::Survive,
            status: StatusRule::Drop,
            source_type: "".into(),
            selection: 0,
            deselected: Departure::default(),
            removed: Departure::default(),
            program: Program::default(),
            identity: Identity::default(),
        }
    }
}

/// Why a source may not write an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denial {
    /// The group belongs to the host.
    ProtectedGroup,
    /// The kind is not allowed by configuration.
    Kind,
    /// The namespace is not allowed by configuration.
    Namespace,
}

impl SourcePolicy {
    /// Whether the source may write objects of this kind into this namespace (empty for cluster-scoped kinds).
    ///
    /// # Errors
    /// What forbids it.
    pub fn permits(&self, group_kind: &GroupKind, namespace: &str) -> Result<(), Denial> {
        let qualified = format!("{}/{}", group_kind.group, group_kind.kind);
        let name = if group_kind.group.is_empty() {
            &*group_kind.kind
        } else {
            &qualified
        };
        if &*group_kind.group == PROTECTED_GROUP {
            Err(Denial::ProtectedGroup)
        } else if !self.kinds.allows(name) {
            Err(Denial::Kind)
        } else if !namespace.is_empty() && !self.namespaces.allows(namespace) {
            Err(Denial::Namespace)
        } else {
            Ok(())
        }
    }

    /// The namespace that objects are put in that say, or for want of a word default to, `declared`.
    #[must_use]
    pub fn namespace<'n>(&'n self, declared: &'n str) -> &'n str {
        self.namespace_by_declared
            .get(declared)
            .map_or(declared, |namespace| namespace)
    }

    /// Completes the policy with what is known once its plugin has described itself: `fields` is the fingerprint of those
    /// fields of the plugin's configuration that select. What the host itself filters and maps selects as well.
    #[must_use]
    pub fn selecting(self, fields: u64) -> Self {
        let selection = fingerprint(&[
            &self.program.name,
            &format!("{fields:016x}"),
            &self.default_namespace,
            &format!("{:?}", self.namespace_by_declared),
            &format!("{:?}{:?}", self.kinds, self.namespaces),
        ]);
        Self { selection, ..self }
    }

    /// Fingerprint of everything that turns a declaration into an object of a kind: when it differs, equal content
    /// does not mean an equal object.
    #[must_use]
    pub fn transform(&self, scope: KindScope) -> u64 {
        fingerprint(&[
            &self.default_namespace,
            &format!(
                "{:?}{:?}{:?}{:?}{scope:?}",
                self.conflict, self.undeclared, self.status, self.adoption
            ),
            &format!("{:?}{:?}", self.kinds, self.namespaces),
            &format!("{:?}", self.namespace_by_declared),
        ])
    }
}

/// The first 64 bits of SHA-256 over some texts, each ended by a zero byte.
fn fingerprint(parts: &[&str]) -> u64 {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    let digest: [u8; 32] = hash.finalize().into();
    digest
        .iter()
        .take(8)
        .fold(0, |number, byte| (number << 8) | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patterns(texts: &[&str]) -> Vec<Pattern> {
        texts.iter().map(|text| Pattern::new(text)).collect()
    }

    #[test]
    fn a_source_writes_only_what_it_may() {
        let policy = SourcePolicy {
            kinds: NameFilter {
                allow: patterns(&["ConfigMap", "apps/*"]),
                deny: patterns(&["apps/DaemonSet"]),
            },
            namespaces: NameFilter {
                allow: vec![],
                deny: patterns(&["kube-*"]),
            },
            ..SourcePolicy::default()
        };
        for (group, kind, namespace, expected) in [
            ("", "ConfigMap", "shop", Ok(())),
            ("apps", "Deployment", "shop", Ok(())),
            ("apps", "DaemonSet", "shop", Err(Denial::Kind)),
            ("", "Secret", "shop", Err(Denial::Kind)),
            ("", "ConfigMap", "kube-system", Err(Denial::Namespace)),
            ("sync.k1s.io", "Source", "", Err(Denial::ProtectedGroup)),
        ] {
            assert_eq!(
                policy.permits(&GroupKind::new(group, kind), namespace),
                expected,
                "{group}/{kind} {namespace}"
            );
        }
    }

    #[test]
    fn the_transform_changes_with_what_shapes_the_object() {
        let plain = SourcePolicy::default();
        let kept = SourcePolicy {
            status: StatusRule::Keep,
            ..plain.clone()
        };
        let guarded = SourcePolicy {
            guard: GuardLimit { min: 1, percent: 1 },
            ..plain.clone()
        };
        let scope = KindScope::Namespaced;
        assert_ne!(plain.transform(scope), kept.transform(scope));
        assert_ne!(plain.transform(scope), plain.transform(KindScope::Cluster));
        assert_eq!(plain.transform(scope), guarded.transform(scope));
    }

    #[test]
    fn the_selection_changes_with_what_selects_and_nothing_else() {
        type Case = (&'static str, bool, fn(&mut SourcePolicy));
        let cases: [Case; 10] = [
            ("kinds", true, |policy| policy.kinds.deny = patterns(&["Secret"])),
            ("namespaces", true, |policy| policy.namespaces.allow = patterns(&["a"])),
            ("mapping", true, |policy| {
                policy.namespace_by_declared = BTreeMap::from([("shop".into(), "store".into())]);
            }),
            ("default namespace", true, |policy| {
                policy.default_namespace = "shop".into()
            }),
            ("program", true, |policy| policy.program.name = "other".into()),
            ("major version", false, |policy| policy.program.major = 2),
            ("identity, which is a field of the plugin", false, |policy| {
                policy.identity = Identity("{}".into());
            }),
            ("prune", false, |policy| policy.prune = PruneMode::Disabled),
            ("departures", false, |policy| {
                (policy.deselected, policy.removed) = (Departure::Prune, Departure::Prune);
            }),
            ("guard", false, |policy| {
                policy.guard = GuardLimit { min: 1, percent: 1 }
            }),
        ];
        let plain = SourcePolicy::default().selecting(7).selection;
        for (what, selects, edit) in cases {
            let mut policy = SourcePolicy::default();
            edit(&mut policy);
            assert_eq!(policy.selecting(7).selection != plain, selects, "{what}");
        }
        assert_ne!(SourcePolicy::default().selecting(1).selection, plain);
    }
}
