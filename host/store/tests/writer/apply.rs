//! What becomes of declarations when nothing else is in the way.

use std::time::Duration;

use k1s_store::row::{Author, BaseAt, VersionState};
use k1s_sync_engine::event::{Tally, Verdict};
use k1s_sync_engine::policy::SourcePolicy;
use k1s_sync_engine::problem::ProblemCode;
use k1s_sync_engine::work::Absence;
use serde_json::json;

use crate::documents::{
    annotated, at, cm, config_map, declared, delete, ignored, invalid, namespace, ns, upsert, upsert_bytes, version,
    widget, widgets,
};
use crate::harness::{Harness, source};

#[test]
fn created_updated_unchanged_deleted() {
    let harness = Harness::new();
    let session = harness.session("files");
    let first = session.list(vec![
        upsert(config_map("shop/a", "1")),
        upsert(config_map("shop/b", "1")),
        ignored(),
    ]);
    let tally = Tally {
        created: 2,
        ignored: 1,
        ..Tally::default()
    };
    assert_eq!((first.tally, first.absence), (tally, Absence::None));
    // The namespace, and the two objects.
    assert_eq!(harness.revision(), 3);

    let second = session.list(vec![
        upsert(config_map("shop/a", "2")),
        upsert(config_map("shop/b", "1")),
    ]);
    let tally = Tally {
        updated: 1,
        unchanged: 1,
        ..Tally::default()
    };
    assert_eq!(second.tally, tally);
    assert_eq!(harness.value(&cm("shop/a")).as_deref(), Some("2"));

    let third = session.list(vec![upsert(config_map("shop/a", "2"))]);
    assert_eq!((third.tally.deleted, third.absence), (1, Absence::Pruned(1)));
    assert_eq!(harness.get(&cm("shop/b")), None);
    assert_eq!(harness.states(&cm("shop/b")), ["Created", "Deleted"]);
    assert_eq!(harness.revision(), 5);
}

#[test]
fn an_unchanged_pass_writes_nothing() {
    let harness = Harness::new();
    let events = || {
        vec![
            upsert(namespace("shop")),
            upsert(config_map("shop/a", "1")),
            upsert(config_map("b", "1")),
            upsert(widget("shop/w", "1")),
            invalid(&config_map("shop/broken", "1")),
        ]
    };
    harness.session("files").list(events());
    let session = harness.session("files");
    let (commits, revision) = (harness.engine.commits(), harness.revision());
    let mut published = harness.reader().published();
    published.mark_unchanged();
    for _ in 0..3 {
        let listing = session.list(events());
        assert_eq!((listing.tally.unchanged, listing.tally.pending), (3, 2));
    }
    assert_eq!((harness.engine.commits(), harness.revision()), (commits, revision));
    assert!(!published.has_changed().expect("open"));
}

#[test]
fn what_is_not_content_changes_the_row_only() {
    let plain = config_map("shop/a", "1");
    let formatted = upsert_bytes(&declared(&plain), format!("{plain:#}"));
    for (what, event) in [
        ("formatting", formatted),
        ("source version", version(upsert(plain.clone()), "v2")),
        ("line", at(upsert(plain.clone()), "other.yaml", 7)),
        ("server metadata", {
            let mut served = plain.clone();
            served["metadata"]["resourceVersion"] = "7".into();
            served["status"] = json!({"phase": "Ready"});
            upsert(served)
        }),
        (
            "bookkeeping",
            upsert(annotated(plain.clone(), "sync.k1s.io/source", "other")),
        ),
    ] {
        let harness = Harness::new();
        let session = harness.session("files");
        session.list(vec![version(upsert(plain.clone()), "v1")]);
        let before = (
            harness.object(&cm("shop/a")),
            harness.revision(),
            harness.engine.commits(),
        );
        let listing = session.list(vec![event.clone()]);
        assert_eq!(listing.tally.unchanged, 1, "{what}");
        let after = harness.object(&cm("shop/a"));
        assert_eq!(
            (harness.revision(), harness.engine.commits()),
            (before.1, before.2 + 1),
            "{what}"
        );
        assert_eq!(
            (&after.body, after.generation),
            (&before.0.body, before.0.generation),
            "{what}"
        );
        let row = after.owned.expect("owned").row;
        let k1s_sync_engine::event::Change::Upsert { content_hash, .. } = event.change else {
            panic!("an upsert")
        };
        assert_eq!(
            (row.content_hash, row.source_version),
            (content_hash, event.source_version),
            "{what}"
        );
        assert_eq!((row.provenance, row.generation), (event.provenance, 1), "{what}");
        let commits = harness.engine.commits();
        let again = harness.row("files", &cm("shop/a")).expect("a row");
        session.list(vec![upsert(plain.clone()), upsert(plain.clone())]);
        assert!(
            harness.engine.commits() > commits,
            "{what}: {again:?} is another word for the same"
        );
    }
}

#[test]
fn identity_and_counters_of_an_object() {
    let harness = Harness::new();
    let session = harness.session("files");
    session.list(vec![
        upsert(config_map("shop/a", "1")),
        upsert(config_map("shop/b", "1")),
    ]);
    let first = harness.object(&cm("shop/a"));
    assert_eq!((first.generation, first.created), (1, harness.now()));

    harness.pass(Duration::from_secs(5));
    let labelled = || {
        let mut body = config_map("shop/a", "1");
        body["metadata"]["labels"] = json!({"tier": "web"});
        body
    };
    session.apply(vec![upsert(labelled())]);
    let second = harness.object(&cm("shop/a"));
    assert_eq!(
        (second.uid, second.created, second.generation),
        (first.uid, first.created, 1)
    );
    assert!(second.revision > first.revision);
    let row = second.owned.expect("owned").row;
    assert_eq!((row.generation, row.last_sync), (2, harness.now()));
    assert_eq!(
        (row.base, row.applied.revision, row.applied.uid),
        (BaseAt::Applied, second.revision, first.uid)
    );

    session.apply(vec![upsert(config_map("shop/a", "2"))]);
    assert_eq!(harness.object(&cm("shop/a")).generation, 2);

    session.list(vec![upsert(config_map("shop/b", "1"))]);
    harness.pass(Duration::from_secs(5));
    session.apply(vec![upsert(config_map("shop/a", "2"))]);
    let reborn = harness.object(&cm("shop/a"));
    assert_ne!(reborn.uid, first.uid);
    assert_eq!((reborn.generation, reborn.created), (1, harness.now()));
}

#[test]
fn versions_tell_who_wrote_what_and_from_where() {
    let harness = Harness::new();
    harness
        .session("files")
        .list(vec![at(upsert(config_map("shop/a", "1")), "shop.yaml", 12)]);
    harness.put(&cm("shop/b"), config_map("shop/b", "1"));
    let history = harness.history();
    let authors: Vec<&Author> = history.iter().map(|version| &version.head.author).collect();
    assert_eq!(
        authors,
        [
            &Author::Host,
            &Author::Source(source("files")),
            &Author::Local("alice".into())
        ]
    );
    let read = history[1].head.provenance.as_ref().expect("read somewhere");
    assert_eq!((&*read.path, read.line), ("shop.yaml", 12));
    assert_eq!(history[0].head.key, ns("shop"));
    assert!(
        history
            .iter()
            .all(|version| version.head.state == VersionState::Created)
    );
}

#[test]
fn an_invalid_declaration_waits_and_the_last_good_object_stays() {
    let good = config_map("shop/a", "1");
    let bare = config_map("a", "1");
    for (body, key) in [(good, cm("shop/a")), (bare, cm("default/a"))] {
        for (what, bytes) in [
            ("another key", config_map("shop/other", "1").to_string()),
            ("not JSON", "{".to_owned()),
            ("labels of numbers", {
                let mut body = body.clone();
                body["metadata"]["labels"] = json!({"a": 1});
                body.to_string()
            }),
        ] {
            let harness = Harness::new();
            let session = harness.session("files");
            session.list(vec![upsert(body.clone()), upsert(config_map("shop/stays", "1"))]);
            let listing = session.list(vec![
                upsert_bytes(&declared(&body), bytes),
                upsert(config_map("shop/stays", "1")),
            ]);
            assert_eq!((listing.tally.pending, listing.absence), (1, Absence::None), "{what}");
            assert_eq!(harness.value(&key).as_deref(), Some("1"), "{what}");
            assert_eq!(
                harness.pending("files"),
                [(declared(&body).to_string(), ProblemCode::DataInvalid)]
            );
            // Repaired, it waits no more.
            session.list(vec![upsert(body.clone()), upsert(config_map("shop/stays", "1"))]);
            assert_eq!(harness.pending("files"), [], "{what}");
        }
    }
}

#[test]
fn a_refusal_names_the_event_in_the_batch() {
    let harness = Harness::new();
    let session = harness.session("files");
    let receipt = session.apply(vec![
        upsert(widget("shop/w", "1")),
        upsert(config_map("shop/a", "1")),
        invalid(&config_map("shop/b", "1")),
    ]);
    let refusals: Vec<(u32, ProblemCode)> = receipt
        .refusals
        .iter()
        .map(|refusal| (refusal.event, refusal.code))
        .collect();
    assert_eq!(refusals, [(0, ProblemCode::NoKind), (2, ProblemCode::DataInvalid)]);
    assert_eq!(receipt.seq.map(k1s_sync_engine::id::Seq::get), Some(1));
    let created: Vec<_> = receipt
        .events
        .iter()
        .filter(|event| event.verdict == Verdict::Created)
        .collect();
    assert_eq!(created.len(), 1);
}

#[test]
fn a_batch_is_applied_in_the_order_objects_need_each_other() {
    let harness = Harness::new();
    let session = harness.session("files");
    session.list(vec![
        upsert(widget("shop/w", "1")),
        upsert(config_map("shop/a", "1")),
        upsert(json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "r"}})),
        upsert(widgets()),
        upsert(namespace("shop")),
    ]);
    let kinds: Vec<String> = harness
        .history()
        .iter()
        .map(|version| version.head.key.group_kind.kind.to_string())
        .collect();
    assert_eq!(
        kinds,
        [
            "Namespace",
            "CustomResourceDefinition",
            "ClusterRole",
            "Widget",
            "ConfigMap"
        ]
    );
    assert_eq!(
        harness.history()[0].head.author,
        Author::Source(source("files")),
        "declared, so not made by the host"
    );

    harness.session_with("files", generous()).list(vec![]);
    let deleted: Vec<String> = harness.history()[5..]
        .iter()
        .map(|version| version.head.key.group_kind.kind.to_string())
        .collect();
    assert_eq!(
        deleted,
        [
            "ConfigMap",
            "Widget",
            "ClusterRole",
            "CustomResourceDefinition",
            "Namespace"
        ]
    );
}

/// A policy whose guards let everything go.
pub(crate) fn generous() -> SourcePolicy {
    SourcePolicy {
        guard: k1s_sync_engine::guard::GuardLimit {
            min: 1000,
            percent: 100,
        },
        empty: k1s_sync_engine::policy::EmptyRule::Allow,
        ..SourcePolicy::default()
    }
}

#[test]
fn within_a_batch_the_last_word_on_a_key_counts() {
    let a = || config_map("shop/a", "1");
    for (what, events, expected) in [
        (
            "upsert, delete",
            vec![upsert(config_map("shop/a", "2")), delete(&a())],
            None,
        ),
        (
            "delete, upsert",
            vec![delete(&a()), upsert(config_map("shop/a", "2"))],
            Some("2"),
        ),
        ("delete, same upsert", vec![delete(&a()), upsert(a())], Some("1")),
        (
            "delete, failed",
            vec![delete(&a()), crate::documents::failed(Some(&a()), "a.yaml")],
            Some("1"),
        ),
        (
            "delete, another upsert",
            vec![delete(&a()), upsert(config_map("shop/b", "1"))],
            None,
        ),
    ] {
        let harness = Harness::new();
        let session = harness.session("files");
        session.list(vec![upsert(a()), upsert(config_map("shop/stays", "1"))]);
        session.apply(events);
        assert_eq!(harness.value(&cm("shop/a")).as_deref(), expected, "{what}");
        let deleted = harness.states(&cm("shop/a")).contains(&"Deleted".to_owned());
        assert_eq!(deleted, expected.is_none(), "{what}");
    }
}

#[test]
fn status_is_content_only_when_asked_for() {
    let with_status = |phase: &str| {
        let mut body = config_map("shop/a", "1");
        body["status"] = json!({"phase": phase});
        body
    };
    let harness = Harness::new();
    harness.session("files").list(vec![upsert(with_status("one"))]);
    assert_eq!(harness.body(&cm("shop/a")).get("status"), None);
    let policy = SourcePolicy {
        status: k1s_object::StatusRule::Keep,
        ..SourcePolicy::default()
    };
    // Another policy makes another object of the same declaration.
    harness
        .session_with("files", policy)
        .list(vec![upsert(with_status("one"))]);
    assert_eq!(harness.body(&cm("shop/a"))["status"]["phase"], "one");
}
