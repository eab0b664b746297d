//! What sources say without a body: seen, failed; and what the host tells them it holds.

use k1s_object::{DeclaredKey, GroupKind, KindNames};
use k1s_sync_engine::event::{Change, Event, IgnoredCode, Verdict};
use k1s_sync_engine::policy::SourcePolicy;
use k1s_sync_engine::problem::{Problem, ProblemCode};
use k1s_sync_engine::work::{Absence, Work};

use crate::apply::generous;
use crate::documents::{
    at, cm, config_map, declared, failed, invalid, seen, upsert, upsert_bytes, version, wd, widget, widget_names,
    widgets,
};
use crate::harness::{Harness, WHOLE};

#[test]
fn seen_keeps_what_the_host_holds() {
    let harness = Harness::new();
    harness.session("files").list(vec![
        version(upsert(config_map("a", "1")), "v1"),
        version(invalid(&config_map("b", "1")), "w1"),
    ]);
    let known = harness.known("files");
    let pairs: Vec<_> = known
        .iter()
        .map(|known| (known.key.clone(), known.source_version.as_str(), &*known.path))
        .collect();
    assert_eq!(
        pairs,
        [
            (declared(&config_map("a", "1")), "v1", "ConfigMap/a.yaml"),
            (declared(&config_map("b", "1")), "w1", "ConfigMap/b.yaml"),
        ]
    );
    let session = harness.session("files");
    let commits = harness.engine.commits();
    let listing = session.list(vec![
        seen(&config_map("a", "1"), "v1"),
        seen(&config_map("b", "1"), "w1"),
    ]);
    assert_eq!(
        (listing.tally.unchanged, listing.tally.pending, listing.absence),
        (1, 1, Absence::None)
    );
    assert_eq!(harness.engine.commits(), commits);
    assert_eq!(harness.pending("files").len(), 1);
}

#[test]
fn seen_of_a_state_the_host_does_not_hold_proves_nothing() {
    let other_policy = SourcePolicy {
        default_namespace: "shop".into(),
        ..generous()
    };
    for (what, policy, event) in [
        ("another version", generous(), seen(&config_map("a", "1"), "v2")),
        ("an unknown key", generous(), seen(&config_map("x", "1"), "v1")),
        ("an unknown kind", generous(), seen(&widget("x", "1"), "v1")),
        (
            "another form of the key",
            generous(),
            seen(&config_map("default/a", "1"), "v1"),
        ),
        ("another policy", other_policy, seen(&config_map("a", "1"), "v1")),
    ] {
        let harness = Harness::new();
        harness.session("files").list(vec![
            version(upsert(config_map("a", "1")), "v1"),
            upsert(config_map("b", "1")),
        ]);
        let session = harness.session_with("files", policy);
        session.begin(WHOLE);
        let receipt = session.apply(vec![event]);
        assert_eq!(
            receipt.unknown_seen.map(|scope| scope.to_string()).as_deref(),
            Some(WHOLE),
            "{what}"
        );
        assert_eq!(receipt.refusals.len(), 1, "{what}");
        assert!(
            matches!(session.end().absence, Absence::Unproven(problem) if problem.code == ProblemCode::Partial),
            "{what}"
        );
        assert!(
            harness.get(&cm("default/a")).is_some() && harness.get(&cm("default/b")).is_some(),
            "{what}"
        );
    }
}

#[test]
fn what_is_said_again_is_answered_without_its_row_until_somebody_writes_that() {
    let harness = Harness::new();
    let sent = || {
        ["a", "b"]
            .map(|name| version(upsert(config_map(name, "1")), "v1"))
            .to_vec()
    };
    let left_out = || ["a", "b"].map(|name| seen(&config_map(name, "1"), "v1")).to_vec();
    harness.session("files").list(sent());
    for again in [sent, left_out] {
        let session = harness.session("files");
        session.begin(WHOLE);
        let rows_read = harness.engine.rows_read();
        assert_eq!(session.apply(again()).tally.unchanged, 2);
        assert_eq!(harness.engine.rows_read(), rows_read);

        let mut body = harness.body(&cm("default/a"));
        body["data"]["v"] = "local".into();
        harness.put(&cm("default/a"), body);
        let tally = session.apply(again()).tally;
        assert_eq!((tally.updated, tally.unchanged), (1, 1));
        assert_eq!(harness.value(&cm("default/a")).as_deref(), Some("1"));
    }
}

#[test]
fn what_a_batch_has_written_itself_is_not_taken_for_what_it_was() {
    let harness = Harness::new();
    harness
        .session("files")
        .list(vec![version(upsert(config_map("a", "1")), "v1")]);
    let session = harness.session("files");
    session.begin(WHOLE);
    let receipt = session.apply(vec![
        version(upsert(config_map("a", "2")), "v2"),
        seen(&config_map("a", "1"), "v1"),
    ]);
    assert!(receipt.unknown_seen.is_some());
}

#[test]
fn seen_tries_a_pending_declaration_again() {
    let harness = Harness::new();
    harness
        .session("files")
        .list(vec![version(upsert(widget("w", "1")), "v1")]);
    let files = harness.session("files");
    harness.session("others").apply(vec![upsert(widgets())]);
    assert!(harness.get(&wd("default/w")).is_some());
    // Created by the definition's arrival; confirmed by the listing.
    assert_eq!(files.apply(vec![]).tally.created, 1);
    let listing = files.list(vec![seen(&widget("w", "1"), "v1")]);
    assert_eq!((listing.tally.unchanged, listing.absence), (1, Absence::None));
}

#[test]
fn a_file_that_was_repaired_to_what_it_was_is_seen_again() {
    let harness = Harness::new();
    let session = harness.session("files");
    session.list(vec![version(upsert(config_map("a", "1")), "v1")]);
    session.list(vec![version(invalid(&config_map("a", "2")), "v2")]);
    let versions: Vec<String> = harness
        .known("files")
        .iter()
        .map(|known| known.source_version.as_str().to_owned())
        .collect();
    assert_eq!(versions, ["v1", "v2"], "either may be seen again");
    session.list(vec![seen(&config_map("a", "1"), "v1")]);
    assert_eq!(
        (harness.pending("files"), harness.value(&cm("default/a")).as_deref()),
        (vec![], Some("1"))
    );
}

#[test]
fn what_failed_is_present_and_unknown() {
    let file = |name: &str, path: &str| at(upsert(config_map(name, "1")), path, 1);
    for (what, event, kept) in [
        (
            "by key",
            failed(Some(&config_map("a", "1")), "elsewhere.yaml"),
            &["a"][..],
        ),
        ("by file", failed(None, "dir/a.yaml"), &["a"]),
        ("by directory", failed(None, "dir"), &["a", "b"]),
        ("by nothing", failed(None, ""), &["a", "b", "c"]),
        ("by another path", failed(None, "di"), &[]),
    ] {
        let harness = Harness::new();
        let session = harness.session_with("files", generous());
        let stays = || upsert(config_map("stays", "1"));
        session.list(vec![
            file("a", "dir/a.yaml"),
            file("b", "dir/b.yaml"),
            file("c", "c.yaml"),
            stays(),
        ]);
        session.begin(WHOLE);
        let receipt = session.apply(vec![event, stays()]);
        assert_eq!(receipt.tally.failed, 1, "{what}");
        let listing = session.end();
        let left: Vec<&str> = ["a", "b", "c"]
            .into_iter()
            .filter(|name| harness.get(&cm(&format!("default/{name}"))).is_some())
            .collect();
        assert_eq!(left, kept, "{what}");
        assert_eq!(
            matches!(listing.absence, Absence::Unproven(_)),
            what == "by nothing",
            "{what}"
        );
    }
}

#[test]
fn what_failed_also_keeps_what_is_pending() {
    for (what, event) in [
        ("by key", failed(Some(&widget("w", "1")), "elsewhere.yaml")),
        ("by path", failed(None, "Widget")),
    ] {
        let harness = Harness::new();
        let session = harness.session("files");
        session.list(vec![
            upsert(widget("w", "1")),
            upsert(widget("gone", "1")),
            upsert(config_map("a", "1")),
        ]);
        let listing = session.list(vec![event, upsert(config_map("a", "1"))]);
        let expected = if what == "by key" { 1 } else { 2 };
        assert_eq!(listing.pending, expected, "{what}");
    }
}

#[test]
fn a_failure_is_told_with_its_problem() {
    let harness = Harness::new();
    let session = harness.session("files");
    let receipt = session.apply(vec![failed(Some(&config_map("a", "1")), "a.yaml")]);
    let [event] = &receipt.events[..] else {
        panic!("{receipt:?}")
    };
    assert_eq!(event.key, Some(cm("default/a")));
    assert!(matches!(&event.verdict, Verdict::Error(problem) if problem.message == "unreadable"));
    assert_eq!(receipt.refusals[0].event, 0);
}

/// Such a key would be none when it is read again.
#[test]
fn a_key_with_a_control_character_is_refused_and_its_path_stays() {
    let bad = [
        DeclaredKey::new("a\0b", "ConfigMap", "", "x"),
        DeclaredKey::new("", "Config\0Map", "", "x"),
        DeclaredKey::new("", "ConfigMap", "sh\0op", "x"),
        DeclaredKey::new("", "ConfigMap", "shop", "x\0"),
        DeclaredKey::new("", "ConfigMap", "shop", "x\n"),
        DeclaredKey::new("example.com", "Unknown\u{7f}", "", "x"),
    ];
    for key in bad {
        let harness = Harness::new();
        let session = harness.session_with("files", generous());
        let home = |event| at(event, "a.yaml", 1);
        session.list(vec![home(upsert(config_map("a", "1")))]);
        let commits = harness.engine.commits();
        let event = |change| {
            home(Event {
                change,
                ..failed(None, "")
            })
        };
        let failure = Problem::with_object(ProblemCode::TooLarge, "its own word");
        session.begin(WHOLE);
        let receipt = session.apply(vec![
            home(upsert_bytes(&key, "{}")),
            event(Change::Seen { key: key.clone() }),
            event(Change::Delete { key: key.clone() }),
            event(Change::Failed {
                key: Some(key.clone()),
                problem: failure.clone(),
            }),
            event(Change::Ignored {
                key: Some(key.clone()),
                code: IgnoredCode::NotAnObject,
            }),
        ]);
        assert_eq!((receipt.tally.failed, receipt.tally.ignored), (4, 1), "{key:?}");
        let codes: Vec<_> = receipt
            .refusals
            .iter()
            .map(|refusal| (refusal.event, refusal.code))
            .collect();
        let invalid = ProblemCode::DataInvalid;
        assert_eq!(
            codes,
            [(0, invalid), (1, invalid), (2, invalid), (3, failure.code)],
            "{key:?}"
        );
        assert_eq!(receipt.unknown_seen, None, "{key:?}");
        assert_eq!(session.end().absence, Absence::None, "{key:?}");
        assert_eq!(harness.value(&cm("default/a")).as_deref(), Some("1"), "{key:?}");
        assert_eq!(
            (harness.pending("files"), harness.engine.commits()),
            (vec![], commits),
            "{key:?}"
        );
    }
}

#[test]
fn a_kind_with_a_control_character_is_not_taken() {
    let harness = Harness::new();
    let session = harness.session("files");
    let commits = harness.engine.commits();
    for (group, kind) in [("a\0b", "Widget"), ("example.com", "Wid\0get")] {
        session.do_work(Work::Kind(KindNames {
            group_kind: GroupKind::new(group, kind),
            ..widget_names()
        }));
    }
    assert_eq!(harness.engine.commits(), commits);
}
