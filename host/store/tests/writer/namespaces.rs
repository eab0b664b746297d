//! Namespaces, filters, and two forms of one key.

use k1s_store::row::{Author, Standing};
use k1s_sync_engine::event::Event;
use k1s_sync_engine::pattern::Pattern;
use k1s_sync_engine::policy::{NameFilter, NamespaceCreation, SourcePolicy};
use k1s_sync_engine::problem::ProblemCode;
use k1s_sync_engine::work::Absence;
use serde_json::json;

use crate::apply::generous;
use crate::documents::{annotated, at, cm, config_map, delete, namespace, ns, upsert};
use crate::harness::{Harness, WHOLE};

#[test]
fn a_missing_namespace_is_made_adopted_and_never_pruned() {
    let harness = Harness::new();
    let session = harness.session_with("files", generous());
    session.list(vec![upsert(config_map("shop/a", "1"))]);
    assert_eq!(harness.history()[0].head.author, Author::Host);
    assert_eq!(harness.owner(&ns("shop")), None);
    session.list(vec![]);
    assert_eq!(harness.get(&cm("shop/a")), None);
    assert!(harness.get(&ns("shop")).is_some(), "never pruned");

    // Whoever declares it first adopts it, whatever it says, also after a user touched it.
    let mut touched = harness.body(&ns("shop"));
    touched["metadata"]["labels"] = json!({"team": "web"});
    harness.put(&ns("shop"), touched);
    let before = harness.object(&ns("shop"));
    let labelled = annotated(namespace("shop"), "example.com/cost", "7");
    session.list(vec![upsert(labelled)]);
    let after = harness.object(&ns("shop"));
    assert_eq!(
        (harness.owner(&ns("shop")).as_deref(), after.uid),
        (Some("files"), before.uid)
    );
    let body = harness.body(&ns("shop"));
    assert_eq!(
        (
            &body["metadata"]["labels"]["team"],
            &body["metadata"]["annotations"]["example.com/cost"]
        ),
        (&json!("web"), &json!("7"))
    );
    // Now it is an object like any other.
    assert_eq!(session.list(vec![]).absence, Absence::Pruned(1));
}

#[test]
fn a_namespace_that_the_host_has_to_make_again_is_host_made() {
    let harness = Harness::new();
    let session = harness.session_with("files", generous());
    session.list(vec![upsert(namespace("shop")), upsert(config_map("shop/a", "1"))]);
    harness.delete(&cm("shop/a"));
    harness.delete(&ns("shop"));
    // Declared no longer, but needed: it is not the one that was declared.
    session.list(vec![upsert(config_map("shop/a", "1"))]);
    assert!(harness.get(&ns("shop")).is_some());
    assert_eq!((harness.owner(&ns("shop")), harness.rows("files").len()), (None, 1));
    session.list(vec![]);
    assert!(harness.get(&ns("shop")).is_some());
    session.list(vec![upsert(namespace("shop"))]);
    assert_eq!(harness.owner(&ns("shop")).as_deref(), Some("files"));
}

#[test]
fn an_undeclared_namespace_is_waited_for_where_it_is_not_made() {
    let policy = SourcePolicy {
        namespace_creation: NamespaceCreation::Declared,
        ..SourcePolicy::default()
    };
    for by in ["itself", "another source", "a user"] {
        let harness = Harness::new();
        let session = harness.session_with("files", policy.clone());
        session.list(vec![upsert(config_map("shop/a", "1"))]);
        assert_eq!(
            harness.pending("files"),
            [("ConfigMap shop/a".to_owned(), ProblemCode::NoNamespace)],
            "{by}"
        );
        assert_eq!(harness.revision(), 0, "{by}");
        match by {
            "itself" => drop(session.apply(vec![upsert(namespace("shop"))])),
            "another source" => drop(harness.session("others").apply(vec![upsert(namespace("shop"))])),
            _ => drop(harness.put(&ns("shop"), namespace("shop"))),
        }
        assert_eq!(
            (harness.value(&cm("shop/a")).as_deref(), harness.pending("files")),
            (Some("1"), vec![]),
            "{by}"
        );
    }
}

#[test]
fn a_source_writes_only_what_it_may() {
    let filter = |allow: &[&str], deny: &[&str]| NameFilter {
        allow: allow.iter().map(|text| Pattern::new(text)).collect(),
        deny: deny.iter().map(|text| Pattern::new(text)).collect(),
    };
    let policy = SourcePolicy {
        kinds: filter(&[], &["Secret"]),
        namespaces: filter(&["shop", "default"], &[]),
        ..SourcePolicy::default()
    };
    let source = json!({"apiVersion": "sync.k1s.io/v1", "kind": "Source", "metadata": {"name": "x"}});
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": "shop"}});
    let harness = Harness::new();
    let session = harness.session_with("files", policy);
    session.do_work(k1s_sync_engine::work::Work::Kind(k1s_object::KindNames {
        group_kind: k1s_object::GroupKind::new("sync.k1s.io", "Source"),
        scope: k1s_object::KindScope::Cluster,
        ..crate::documents::widget_names()
    }));
    session.list(vec![
        upsert(source),
        upsert(secret.clone()),
        upsert(config_map("kube-system/a", "1")),
        upsert(config_map("shop/a", "1")),
        upsert(config_map("b", "1")),
    ]);
    let refused = ["ConfigMap kube-system/a", "Secret shop/s", "Source.sync.k1s.io x"];
    assert_eq!(
        harness.pending("files"),
        refused.map(|key| (key.to_owned(), ProblemCode::KindNotAllowed))
    );
    assert!(harness.get(&cm("shop/a")).is_some() && harness.get(&cm("default/b")).is_some());
    assert_eq!(harness.get(&ns("kube-system")), None);
    // Another configuration is tried when the next session begins, without the source.
    harness.session("files");
    assert!(harness.get(&cm("kube-system/a")).is_some());
    assert_eq!(harness.pending("files").len(), 1, "the host's own group stays closed");
}

#[test]
fn a_filter_that_closes_keeps_what_is_there() {
    let harness = Harness::new();
    let events = || vec![upsert(config_map("shop/a", "1")), upsert(config_map("other/b", "1"))];
    harness.session("files").list(events());
    let policy = SourcePolicy {
        namespaces: NameFilter {
            allow: vec![Pattern::new("other")],
            deny: vec![],
        },
        ..generous()
    };
    let listing = harness.session_with("files", policy).list(events());
    assert_eq!((listing.absence, listing.pending), (Absence::None, 1));
    assert_eq!(harness.value(&cm("shop/a")).as_deref(), Some("1"));
}

#[test]
fn the_default_namespace_is_the_source_s() {
    let harness = Harness::new();
    let policy = SourcePolicy {
        default_namespace: "shop".into(),
        ..SourcePolicy::default()
    };
    harness
        .session_with("files", policy)
        .list(vec![upsert(config_map("a", "1")), upsert(namespace("other"))]);
    assert!(harness.get(&cm("shop/a")).is_some() && harness.get(&ns("other")).is_some());
}

fn bare(value: &str) -> Event {
    at(upsert(config_map("a", value)), "bare.yaml", 3)
}

fn spaced(value: &str) -> Event {
    at(upsert(config_map("default/a", value)), "spaced.yaml", 5)
}

#[test]
fn two_forms_of_one_key_are_duplicates_and_the_first_stays() {
    let harness = Harness::new();
    let session = harness.session("files");
    for _ in 0..2 {
        let listing = session.list(vec![bare("1"), spaced("2")]);
        assert_eq!((listing.absence, listing.pending), (Absence::None, 1));
        assert_eq!(
            harness.pending("files"),
            [("ConfigMap default/a".to_owned(), ProblemCode::DuplicateKey)]
        );
        assert!(harness.pending_rows("files")[0].message.contains("bare.yaml:3"));
        assert_eq!(harness.value(&cm("default/a")).as_deref(), Some("1"));
    }
    let commits = harness.engine.commits();
    // The one that is there stays, whichever is sent first.
    session.list(vec![spaced("2"), bare("1")]);
    assert_eq!(harness.engine.commits(), commits);
}

#[test]
fn the_other_form_takes_over_without_a_gap() {
    type Goes = fn(&crate::session::Session<'_>);
    let cases: [(&str, Goes); 3] = [
        ("absent from a listing", |session| {
            assert_eq!(session.list(vec![spaced("2")]).absence, Absence::None);
        }),
        ("reported", |session| {
            drop(session.apply(vec![delete(&config_map("a", "1"))]))
        }),
        ("reported within a listing", |session| {
            session.begin(WHOLE);
            session.apply(vec![spaced("2"), delete(&config_map("a", "1"))]);
            session.end();
        }),
    ];
    for (what, goes) in cases {
        let harness = Harness::new();
        // No guard has a say, and not even everything the source has is too much: nothing is removed.
        let session = harness.session("files");
        session.list(vec![bare("1"), spaced("2")]);
        goes(&session);
        assert_eq!(harness.value(&cm("default/a")).as_deref(), Some("2"), "{what}");
        assert_eq!(harness.states(&cm("default/a")), ["Created", "Updated"], "{what}");
        assert_eq!(
            (harness.pending("files"), harness.held("files")),
            (vec![], None),
            "{what}"
        );
        let row = harness.row("files", &cm("default/a")).expect("a row");
        assert_eq!(
            (&*row.declared_namespace, row.standing),
            ("default", Standing::Owned),
            "{what}"
        );
        // A late word about the form that is gone means nothing.
        session.apply(vec![delete(&config_map("a", "1"))]);
        assert!(harness.get(&cm("default/a")).is_some(), "{what}");
    }
}

#[test]
fn a_file_that_gains_a_namespace_keeps_its_object() {
    let harness = Harness::new();
    let session = harness.session("files");
    session.list(vec![bare("1")]);
    let uid = harness.object(&cm("default/a")).uid;
    assert_eq!(session.list(vec![spaced("2")]).absence, Absence::None);
    assert_eq!(
        (
            harness.object(&cm("default/a")).uid,
            harness.value(&cm("default/a")).as_deref()
        ),
        (uid, Some("2"))
    );
    // The same as a live change: the new form first, then word that the old one is gone.
    session.apply(vec![bare("3"), delete(&config_map("default/a", "2"))]);
    assert_eq!(
        (
            harness.object(&cm("default/a")).uid,
            harness.value(&cm("default/a")).as_deref()
        ),
        (uid, Some("3"))
    );
    assert_eq!(harness.pending("files"), []);
}
