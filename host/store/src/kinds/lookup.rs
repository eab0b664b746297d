//! What a user means by a word such as `cm`, `ConfigMap`, `deploy.apps` or `deployments.v1.apps`, by kubectl's rules
//! (`mappingFor` of k8s.io/cli-runtime, the shortcut expander of k8s.io/client-go).

use k1s_object::KindNames;
use thiserror::Error;

use super::KindTable;

/// How many names an error suggests.
const MAX_SUGGESTIONS: usize = 3;
/// Longest word, in bytes, that names are compared with to find similar ones.
const MAX_COMPARED: usize = 63;
/// Short names below this length, in bytes, resemble too much.
const MIN_COMPARED: usize = 3;

/// A kind that a word stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FoundKind<'t> {
    /// The kind.
    pub names: &'t KindNames,
    /// The version that was asked for, or the preferred one.
    pub version: &'t str,
}

/// A word that stands for no kind.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("no kind is called {typed:?}{}", hint(closest))]
pub struct UnknownKind {
    /// The word.
    pub typed: String,
    /// Names that resemble it, the closest first, written `plural` or `plural.group`; at most three.
    pub closest: Vec<String>,
}

fn hint(closest: &[String]) -> String {
    match closest {
        [] => "; a kind that Kubernetes does not have needs its CustomResourceDefinition".to_owned(),
        [only] => format!("; did you mean {only}?"),
        [first @ .., last] => format!("; did you mean {} or {last}?", first.join(", ")),
    }
}

/// Which of a kind's names a word is compared with.
type Rule = fn(&KindNames, &str) -> bool;

impl KindTable {
    /// Finds what a word stands for: every kind of a category, or else one kind. Where several kinds have the name, the
    /// first in the order of [`KindTable::iter`] is meant; a group may be shortened.
    ///
    /// # Errors
    /// [`UnknownKind`] with the closest names.
    pub fn find(&self, typed: &str) -> Result<Vec<FoundKind<'_>>, UnknownKind> {
        let grouped: Vec<FoundKind<'_>> = self
            .iter()
            .filter(|names| names.categories.iter().any(|category| **category == *typed))
            .filter_map(|names| served(names, None))
            .collect();
        if !grouped.is_empty() {
            return Ok(grouped);
        }
        let (word, rest) = typed.split_once('.').unwrap_or((typed, ""));
        let with_version = rest
            .split_once('.')
            .and_then(|(version, group)| self.named(word, group, Some(version)));
        let found = with_version.or_else(|| self.named(word, rest, None));
        found.map(|found| vec![found]).ok_or_else(|| UnknownKind {
            typed: typed.to_owned(),
            closest: self.closest(word),
        })
    }

    fn named(&self, word: &str, group: &str, version: Option<&str>) -> Option<FoundKind<'_>> {
        // A short name never hides a kind that is called so in full.
        let in_full = self.iter().any(|names| *names.plural == *word);
        let shortened: Rule = if in_full { |_, _| false } else { has_short_name };
        let rules: [Rule; 3] = [shortened, has_full_name, is_kind];
        rules.into_iter().find_map(|rule| {
            let candidates = || self.iter().filter(|names| rule(names, word));
            let exact = candidates().filter(|names| *names.group_kind.group == *group);
            let similar = candidates().filter(|names| names.group_kind.group.starts_with(group));
            exact.chain(similar).find_map(|names| served(names, version))
        })
    }

    fn closest(&self, word: &str) -> Vec<String> {
        if word.len() > MAX_COMPARED {
            return Vec::new();
        }
        let word = word.to_lowercase();
        let mut resembling: Vec<(usize, &KindNames)> = self
            .iter()
            .filter_map(|names| Some((distance(names, &word)?, names)))
            .collect();
        // The same name in another group or version is what was meant.
        if resembling.iter().any(|(distance, _)| *distance == 0) {
            resembling.retain(|(distance, _)| *distance == 0);
        }
        resembling.sort_by_key(|(distance, _)| *distance);
        resembling
            .into_iter()
            .take(MAX_SUGGESTIONS)
            .map(|(_, names)| full_name(names))
            .collect()
    }
}

fn has_short_name(names: &KindNames, word: &str) -> bool {
    names.short_names.iter().any(|name| **name == *word)
}

fn has_full_name(names: &KindNames, word: &str) -> bool {
    let word = word.to_lowercase();
    *names.plural == *word || *names.singular == *word
}

fn is_kind(names: &KindNames, word: &str) -> bool {
    *names.group_kind.kind == *word
}

/// The kind in the version asked for, or in the preferred one; `None` where that is not served.
fn served<'t>(names: &'t KindNames, version: Option<&str>) -> Option<FoundKind<'t>> {
    let mut versions = names.versions.iter();
    let version = versions.find(|served| version.is_none_or(|version| ***served == *version))?;
    Some(FoundKind { names, version })
}

/// In how many letters a word differs from the most similar name of a kind; `None` when in more than a third of its own.
fn distance(names: &KindNames, word: &str) -> Option<usize> {
    let short = names.short_names.iter().filter(|name| name.len() >= MIN_COMPARED);
    let all = [&names.plural, &names.singular].into_iter().chain(short);
    let distance = all.map(|name| strsim::damerau_levenshtein(name, word)).min()?;
    (distance <= word.chars().count() / 3).then_some(distance)
}

fn full_name(names: &KindNames) -> String {
    match &*names.group_kind.group {
        "" => names.plural.to_string(),
        group => format!("{}.{group}", names.plural),
    }
}

#[cfg(test)]
mod tests {
    use k1s_object::{GroupKind, KindScope};

    use super::*;
    use crate::kinds::KindOrigin;

    fn described(group: &str, kind: &str, plural: &str, short_names: &[&str], versions: &[&str]) -> KindNames {
        let owned = |list: &[&str]| list.iter().map(|item| (*item).into()).collect();
        KindNames {
            group_kind: GroupKind::new(group, kind),
            versions: owned(versions),
            plural: plural.into(),
            singular: kind.to_lowercase().into(),
            short_names: owned(short_names),
            categories: owned(&["example"]),
            scope: KindScope::Namespaced,
        }
    }

    fn table() -> KindTable {
        let mut table = KindTable::builtin();
        for names in [
            described("serving.knative.dev", "Service", "services", &["ksvc"], &["v1"]),
            described(
                "a.example.com",
                "Certificate",
                "certificates",
                &["cert", "po"],
                &["v2", "v1"],
            ),
            described("b.example.com", "Certificate", "certificates", &["cert"], &["v1"]),
            described("c.example.com", "Pods", "podses", &["cm"], &["v1"]),
            described("d.example.com", "Hidden", "hiddens", &[], &[]),
        ] {
            table.define(names, KindOrigin::Definition);
        }
        table.define(
            described("a.example.org", "Widget", "widgets", &["cert"], &["v1"]),
            KindOrigin::Source,
        );
        table
    }

    #[test]
    fn words_mean_what_they_mean_to_kubectl() {
        let table = table();
        for (typed, group, kind, version) in [
            ("configmaps", "", "ConfigMap", "v1"),
            ("configmap", "", "ConfigMap", "v1"),
            ("ConfigMap", "", "ConfigMap", "v1"),
            ("CONFIGMAPS", "", "ConfigMap", "v1"),
            ("configmaps.v1.", "", "ConfigMap", "v1"),
            ("cm", "", "ConfigMap", "v1"),
            ("po", "", "Pod", "v1"),
            ("deployments.apps", "apps", "Deployment", "v1"),
            ("deploy.apps", "apps", "Deployment", "v1"),
            ("deploy.app", "apps", "Deployment", "v1"),
            ("deployments.v1.apps", "apps", "Deployment", "v1"),
            ("Deployment.v1.apps", "apps", "Deployment", "v1"),
            ("hpa", "autoscaling", "HorizontalPodAutoscaler", "v2"),
            ("hpa.v1.autoscaling", "autoscaling", "HorizontalPodAutoscaler", "v1"),
            ("netpol.networking", "networking.k8s.io", "NetworkPolicy", "v1"),
            (
                "clusterroles.v1.rbac.authorization.k8s.io",
                "rbac.authorization.k8s.io",
                "ClusterRole",
                "v1",
            ),
            ("events", "", "Event", "v1"),
            ("ev", "", "Event", "v1"),
            ("events.events.k8s.io", "events.k8s.io", "Event", "v1"),
            ("services", "", "Service", "v1"),
            ("ksvc.serving", "serving.knative.dev", "Service", "v1"),
            ("service.serving.knative.dev", "serving.knative.dev", "Service", "v1"),
            ("certificates", "a.example.com", "Certificate", "v2"),
            ("cert", "a.example.com", "Certificate", "v2"),
            ("cert.b.example.com", "b.example.com", "Certificate", "v1"),
            ("certificates.v1.a.example.com", "a.example.com", "Certificate", "v1"),
            ("po.a.example.com", "a.example.com", "Certificate", "v2"),
            ("cert.a.example.org", "a.example.org", "Widget", "v1"),
            ("pods", "", "Pod", "v1"),
        ] {
            let found = table.find(typed).unwrap_or_else(|error| panic!("{error}"));
            let [found] = &found[..] else {
                panic!("{typed}: {found:?}")
            };
            assert_eq!(
                (&found.names.group_kind, found.version),
                (&GroupKind::new(group, kind), version),
                "{typed}"
            );
        }
    }

    #[test]
    fn a_category_means_all_its_kinds_in_order() {
        let table = table();
        let kinds = |typed| -> Vec<String> {
            let found = table.find(typed).unwrap();
            found.iter().map(|found| full_name(found.names)).collect()
        };
        assert_eq!(
            kinds("all"),
            [
                "pods",
                "replicationcontrollers",
                "services",
                "daemonsets.apps",
                "deployments.apps",
                "replicasets.apps",
                "statefulsets.apps",
                "horizontalpodautoscalers.autoscaling",
                "cronjobs.batch",
                "jobs.batch",
            ]
        );
        assert_eq!(
            kinds("example"),
            [
                "certificates.a.example.com",
                "certificates.b.example.com",
                "podses.c.example.com",
                "services.serving.knative.dev",
                "widgets.a.example.org",
            ]
        );
    }

    #[test]
    fn unknown_words_come_back_with_what_resembles_them() {
        let table = table();
        for (typed, closest) in [
            ("deploymnts", &["deployments.apps"][..]),
            ("depoly", &["deployments.apps"]),
            ("ConfigMapp", &["configmaps"]),
            ("deployments.v9.apps", &["deployments.apps"]),
            ("deployments.example.com", &["deployments.apps"]),
            (
                "certficates",
                &["certificates.a.example.com", "certificates.b.example.com"],
            ),
            ("configmaps.v1", &["configmaps"]),
            ("svc.serving", &["services"]),
            ("CM", &[]),
            ("hidden", &["hiddens.d.example.com"]),
            ("", &[]),
            (".", &[]),
            ("frobnicators", &[]),
        ] {
            let error = table.find(typed).unwrap_err();
            assert_eq!(error.closest, closest, "{typed}");
            assert!(
                error.to_string().starts_with(&format!("no kind is called {typed:?}; ")),
                "{error}"
            );
        }
        assert!(table.find(&"x".repeat(1 << 20)).is_err());
    }

    #[test]
    fn an_error_reads_as_a_sentence() {
        let message = |closest: &[&str]| {
            let closest = closest.iter().map(|name| (*name).to_owned()).collect();
            let typed = "x".to_owned();
            UnknownKind { typed, closest }.to_string()
        };
        assert_eq!(message(&["a"]), "no kind is called \"x\"; did you mean a?");
        assert_eq!(
            message(&["a", "b", "c"]),
            "no kind is called \"x\"; did you mean a, b or c?"
        );
        assert!(message(&[]).ends_with("needs its CustomResourceDefinition"));
    }
}
