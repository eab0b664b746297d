//! Which kinds are served, in which versions and with which verbs: those of the kind table and the control kinds.

use std::collections::BTreeSet;

use k1s_object::{KindNames, KindScope};
use k1s_store::kinds::{KindTable, by_preference};

use super::path::GroupVersion;
use super::request::Resource;
use crate::object::{ControlKind, GROUP, Subresource, VERSION};

/// Built-in kinds that are questions to a server, not objects: there is nothing to get.
const QUESTIONS: [(&str, &str); 7] = [
    ("", "Binding"),
    ("authentication.k8s.io", "SelfSubjectReview"),
    ("authentication.k8s.io", "TokenReview"),
    ("authorization.k8s.io", "LocalSubjectAccessReview"),
    ("authorization.k8s.io", "SelfSubjectAccessReview"),
    ("authorization.k8s.io", "SelfSubjectRulesReview"),
    ("authorization.k8s.io", "SubjectAccessReview"),
];

/// The kinds that are served at one moment.
#[derive(Clone, Debug)]
pub(crate) struct Served {
    table: KindTable,
}

/// A group with its versions, the preferred one first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ServedGroup {
    /// Its name; empty for the core group.
    pub(crate) name: Box<str>,
    /// Never empty.
    pub(crate) versions: Vec<Box<str>>,
}

/// A kind as discovery tells of it.
#[derive(Clone, Debug)]
pub(crate) struct ServedKind<'t> {
    /// As objects have it.
    pub(crate) kind: &'t str,
    /// As in paths.
    pub(crate) plural: &'t str,
    /// As kubectl shows one.
    pub(crate) singular: &'t str,
    /// Whether objects live in a namespace.
    pub(crate) scope: KindScope,
    /// What can be done with them.
    pub(crate) verbs: &'static [&'static str],
    /// What else they may be called.
    pub(crate) short_names: Vec<&'t str>,
    /// The groupings they belong to.
    pub(crate) categories: Vec<&'t str>,
    /// What is below one.
    pub(crate) below: &'static [Subresource],
}

impl Served {
    /// Of a kind table.
    pub(crate) fn new(table: KindTable) -> Self {
        Self { table }
    }

    /// The kind that a path names.
    pub(crate) fn find(&self, of: &GroupVersion, plural: &str) -> Option<Resource> {
        if is_control(of) {
            let mut kinds = ControlKind::ALL.into_iter();
            if let Some(kind) = kinds.find(|kind| kind.plural() == plural) {
                return Some(Resource::Control(kind));
            }
        }
        let names = self.stored(of).find(|names| *names.plural == *plural)?;
        Some(Resource::Stored {
            names: names.clone(),
            version: of.version.clone(),
        })
    }

    /// Every group, in the order in which a word that means several kinds is looked up: the core group, the control group,
    /// those that are built in, the rest.
    pub(crate) fn groups(&self) -> Vec<ServedGroup> {
        let mut groups = vec![group("", None), group(GROUP, Some(VERSION))];
        for names in self.objects() {
            let of = &*names.group_kind.group;
            let at = groups.iter().position(|group| *group.name == *of).unwrap_or_else(|| {
                groups.push(group(of, None));
                groups.len() - 1
            });
            for version in &names.versions {
                if !groups[at].versions.contains(version) {
                    groups[at].versions.push(version.clone());
                }
            }
        }
        for group in &mut groups {
            group.versions.sort_by(|left, right| by_preference(left, right));
        }
        groups
    }

    /// The kinds of a group in a version, each name once.
    pub(crate) fn kinds<'t>(&'t self, of: &GroupVersion) -> Vec<ServedKind<'t>> {
        let mut kinds: Vec<ServedKind<'t>> = Vec::new();
        if is_control(of) {
            kinds.extend(ControlKind::ALL.map(control));
        }
        kinds.extend(self.stored(of).map(stored));
        let mut seen = BTreeSet::new();
        kinds.retain(|kind| seen.insert(kind.plural));
        kinds
    }

    fn stored<'t, 'o>(&'t self, of: &'o GroupVersion) -> impl Iterator<Item = &'t KindNames> + use<'t, 'o> {
        self.objects()
            .filter(move |names| names.group_kind.group == of.group && names.versions.contains(&of.version))
    }

    fn objects(&self) -> impl Iterator<Item = &KindNames> {
        self.table.iter().filter(|names| !is_question(names))
    }
}

fn group(name: &str, version: Option<&str>) -> ServedGroup {
    ServedGroup {
        name: name.into(),
        versions: version.into_iter().map(Into::into).collect(),
    }
}

fn is_control(of: &GroupVersion) -> bool {
    *of.group == *GROUP && *of.version == *VERSION
}

fn is_question(names: &KindNames) -> bool {
    let of = &names.group_kind;
    QUESTIONS.contains(&(&*of.group, &*of.kind))
}

fn stored(names: &KindNames) -> ServedKind<'_> {
    ServedKind {
        kind: &names.group_kind.kind,
        plural: &names.plural,
        singular: &names.singular,
        scope: names.scope,
        verbs: &["get", "list", "watch"],
        short_names: names.short_names.iter().map(|name| &**name).collect(),
        categories: names.categories.iter().map(|name| &**name).collect(),
        below: &[],
    }
}

fn control(kind: ControlKind) -> ServedKind<'static> {
    ServedKind {
        kind: kind.kind(),
        plural: kind.plural(),
        singular: kind.singular(),
        scope: KindScope::Cluster,
        verbs: match kind {
            ControlKind::Source => &["get", "list", "patch", "watch"],
            ControlKind::HeldPrune => &["get", "list", "watch"],
        },
        short_names: kind.short_names().to_vec(),
        categories: Vec::new(),
        below: kind.subresources(),
    }
}
