use serde_json::json;

use super::*;
use crate::resource::Reach;

fn resource(name: &str) -> Resource {
    let (plural, group) = name.split_once('.').unwrap_or((name, ""));
    Resource {
        group: group.to_owned(),
        plural: plural.to_owned(),
        version: "v1".to_owned(),
        kind: "K".to_owned(),
        reach: Reach::Namespaced,
    }
}

fn texts(patterns: &[&str]) -> Vec<String> {
    patterns.iter().map(|pattern| (*pattern).to_owned()).collect()
}

fn kinds(allow: &[&str], deny: &[&str]) -> Kinds {
    Kinds::new(&texts(allow), &texts(deny)).unwrap()
}

#[test]
fn kinds_are_chosen_by_globs() {
    const DEFINITIONS: &str = "customresourcedefinitions.apiextensions.k8s.io";
    let (whole, definitions) = (Some(Extent::Whole), Some(Extent::Definitions));
    for (allow, deny, name, expected) in [
        (&[][..], &[][..], "configmaps", whole),
        (&[], &[], "deployments.apps", whole),
        (&[], &[], "widgets.example.com", whole),
        (&[], &[], DEFINITIONS, whole),
        (&[], &[], "pods", None),
        (&[], &[], "events", None),
        (&[], &[], "events.events.k8s.io", None),
        (&[], &[], "leases.coordination.k8s.io", None),
        (&[], &[], "nodes", None),
        (&[], &[], "endpoints", None),
        (&[], &[], "secrets", None),
        (&[], &[], "secrets.example.com", whole),
        (&[], &["widgets"], "widgets.example.com", None),
        (&[], &["*.example.com/*"], "widgets.a.example.com", None),
        (&["pods"], &[], "pods", whole),
        (&["pods"], &[], "configmaps", None),
        (&["pods"], &[], "pods.metrics.k8s.io", whole),
        (&["core/pods"], &[], "pods.metrics.k8s.io", None),
        (&["core/*"], &[], "configmaps", whole),
        (&["core/*"], &[], "deployments.apps", None),
        (&["apps/*"], &["*sets"], "deployments.apps", whole),
        (&["apps/*"], &["*sets"], "statefulsets.apps", None),
        (&["*"], &[], "secrets", None),
        (&["*"], &[], "events", whole),
        (&["widgets"], &[], DEFINITIONS, definitions),
        (&["widgets"], &["customresourcedefinitions"], DEFINITIONS, None),
        (&["*.k8s.io/*"], &[], DEFINITIONS, whole),
    ] {
        let extent = kinds(allow, deny).extent(&resource(name));
        assert_eq!(extent, expected, "{allow:?} {deny:?} {name}");
    }
    assert_eq!(kinds(&[], &[]).with_secrets().extent(&resource("secrets")), whole);
    assert_eq!(kinds(&["pods"], &[]).with_secrets().extent(&resource("secrets")), None);
    assert_eq!(kinds(&["secrets"], &[]).extent(&resource("secrets")), None);
}

#[test]
fn definitions_come_along_with_what_they_define() {
    let kinds = kinds(&["example.com/widgets"], &[]);
    let defines = |spec| {
        let value = json!({"spec": spec});
        kinds.chooses_defined(&Object {
            value,
            namespace: String::new(),
            name: "n".to_owned(),
            version: "1".to_owned(),
        })
    };
    assert!(defines(json!({"group": "example.com", "names": {"plural": "widgets"}})));
    assert!(!defines(
        json!({"group": "example.com", "names": {"plural": "gadgets"}})
    ));
    assert!(!defines(json!({"names": {"plural": "widgets"}})));
}

#[test]
fn namespaces_are_chosen_by_globs() {
    let chosen = |allow: &[&str], deny: &[&str]| {
        let namespaces = Namespaces::new(&texts(allow), &texts(deny)).unwrap();
        let names = ["default", "kube-system", "shop-a", "shop-b"];
        names
            .into_iter()
            .filter(|name| namespaces.choose(name))
            .collect::<Vec<_>>()
    };
    assert_eq!(chosen(&[], &[]).len(), 4);
    assert_eq!(chosen(&[], &["kube-*"]), ["default", "shop-a", "shop-b"]);
    assert_eq!(chosen(&["shop-*"], &["*-b"]), ["shop-a"]);
    assert_eq!(chosen(&["default", "shop-?"], &[]), ["default", "shop-a", "shop-b"]);
    assert_eq!(chosen(&["*"], &["*"]), [""; 0]);
}

#[test]
fn namespaces_named_in_full_need_no_asking() {
    let named = |allow: &[&str], deny: &[&str]| {
        let namespaces = Namespaces::new(&texts(allow), &texts(deny)).unwrap();
        namespaces.named().map(|names| names.join(" "))
    };
    assert_eq!(named(&["a", "b"], &["b"]), Some("a".to_owned()));
    assert_eq!(named(&[], &[]), None);
    for glob in ["a*", "a?", "[ab]", "{a,b}"] {
        assert_eq!(named(&["x", glob], &[]), None, "{glob}");
    }
}

#[test]
fn a_pattern_that_means_nothing_is_named() {
    for pattern in ["[", "apps/{a"] {
        let error = Kinds::new(&texts(&["ok", pattern]), &[]).unwrap_err();
        assert!(pattern.contains(&error.pattern), "{error}");
    }
    assert!(Namespaces::new(&[], &texts(&["["])).is_err());
}
