//! What a person may change: sources, and prunes.

use std::time::Duration;

use k1s_api::control::{Order, RootRule, SyncOrder};
use k1s_api::object::REQUESTED_AT;
use k1s_store::command::Command;
use k1s_sync_engine::id::SourceName;
use k1s_sync_engine::work::Absence;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::daemon::{Showing, Syncing, spec};
use crate::documents::{Lister, config_map};
use crate::harness::Harness;

const SUSPEND: &str = r#"{"spec": {"suspend": true}}"#;
const RESUME: &str = r#"{"spec": {"suspend": false}}"#;

fn files() -> SourceName {
    SourceName::new("files").unwrap()
}

fn requested(text: &str, root: RootRule) -> Order {
    Order::Sync(SyncOrder {
        source: files(),
        requested_at: text.into(),
        root,
    })
}

fn request(text: &str) -> String {
    json!({"metadata": {"annotations": {REQUESTED_AT: text}}}).to_string()
}

/// An API whose source `files` has run.
async fn with_source() -> (Harness, Lister) {
    let harness = Harness::new();
    let lister = Lister::launch(harness.store.writer().clone(), "files").await;
    (harness, lister)
}

/// An API with a held prune of 16 objects, and its id.
async fn with_held_prune() -> (Harness, Lister, String) {
    let (harness, mut lister) = with_source().await;
    let objects = |from: usize| (from..50).map(|number| config_map(&format!("m-{number:02}")));
    lister.list(objects(0)).await;
    let Absence::Held { id, .. } = lister.list(objects(16)).await else {
        panic!("nothing is held");
    };
    (harness, lister, id.0.to_string())
}

#[tokio::test]
async fn a_source_is_suspended_and_resumed() {
    let (harness, _lister) = with_source().await;
    let suspended = harness.patch("?fieldManager=alice", SUSPEND).await;
    assert_eq!((suspended.code.as_u16(), &suspended.json()["spec"]), (200, &spec(true)));
    let resumed = harness.patch("?fieldManager=bob", RESUME).await;
    assert_eq!((resumed.code.as_u16(), &resumed.json()["spec"]), (200, &spec(false)));
    let [suspend, resume] = &harness.daemon.orders()[..] else {
        panic!("two orders")
    };
    assert_eq!(
        suspend,
        &(Order::Command(Command::Suspend { source: files() }), "alice".into())
    );
    assert_eq!(
        resume,
        &(Order::Command(Command::Resume { source: files() }), "bob".into())
    );
}

#[tokio::test]
async fn a_patch_that_changes_nothing_orders_nothing() {
    let harness = Harness::new();
    harness.daemon.put("files", false, Some("before"));
    let before = harness.get("/apis/sync.k1s.io/v1alpha1/sources/files").await.json();
    for patch in [
        "{}".to_owned(),
        RESUME.to_owned(),
        r#"{"spec": {"interval": "30s"}}"#.to_owned(),
        r#"{"spec": {"suspend": null}}"#.to_owned(),
        r#"{"metadata": {"name": "files", "labels": null}}"#.to_owned(),
        request("before"),
        json!({"metadata": {"annotations": {REQUESTED_AT: null}}}).to_string(),
        json!({"metadata": {"annotations": null}}).to_string(),
        json!({"metadata": {"uid": before["metadata"]["uid"], "resourceVersion": ""}}).to_string(),
        json!({"metadata": {"resourceVersion": before["metadata"]["resourceVersion"]}}).to_string(),
    ] {
        let answered = harness.patch("", &patch).await;
        assert_eq!(
            (answered.code.as_u16(), answered.json()),
            (200, before.clone()),
            "{patch}"
        );
    }
    assert_eq!(harness.daemon.orders(), []);
}

#[tokio::test]
async fn the_annotation_asks_for_a_listing() {
    let harness = Harness::new();
    let answered = harness.patch("", &request("now")).await;
    assert_eq!(answered.json()["metadata"]["annotations"][REQUESTED_AT], "now");
    assert_eq!(
        harness.daemon.orders(),
        [(requested("now", RootRule::Keep), "unknown".into())]
    );
}

#[tokio::test]
async fn what_the_configuration_says_is_refused_by_field() {
    let harness = Harness::new();
    let long = "x".repeat(257);
    for (patch, message) in [
        (
            r#"{"spec": {"interval": "1m"}}"#.to_owned(),
            "spec.interval: Forbidden: the configuration says this; change it there".to_owned(),
        ),
        (
            r#"{"spec": {"suspend": "yes"}}"#.to_owned(),
            "spec.suspend: Invalid value: \"yes\": must be true or false".to_owned(),
        ),
        (
            r#"{"metadata": {"labels": {"a": "b"}}}"#.to_owned(),
            "metadata.labels[a]: Forbidden: it cannot be changed; only spec.suspend and the annotation \
             sync.k1s.io/requestedAt can"
                .to_owned(),
        ),
        (
            r#"{"metadata": {"annotations": {"a.b/c": "d"}}}"#.to_owned(),
            "metadata.annotations[a.b/c]: Forbidden: of the annotations only sync.k1s.io/requestedAt can be changed"
                .to_owned(),
        ),
        (
            r#"{"status": {"objects": 0}}"#.to_owned(),
            "status.objects: Forbidden: the host says this; it cannot be changed".to_owned(),
        ),
        (
            r#"{"spec": {"plugin": "x", "enabled": false, "suspend": true}}"#.to_owned(),
            "[spec.enabled: Forbidden: the configuration says this; change it there, spec.plugin: Forbidden: the \
             configuration says this; change it there]"
                .to_owned(),
        ),
        (
            request(&long),
            format!("metadata.annotations[{REQUESTED_AT}]: Invalid value: may not be more than 256 bytes"),
        ),
        (
            json!({"metadata": {"annotations": {REQUESTED_AT: "now"}}, "spec": {"suspend": true}}).to_string(),
            "spec.suspend: Invalid value: true: a suspended source is not listed; ask for one or the other".to_owned(),
        ),
    ] {
        let answered = harness.patch("", &patch).await;
        let expected = format!("Source.sync.k1s.io \"files\" is invalid: {message}");
        assert_eq!(answered.refusal(), (422, "Invalid".to_owned(), expected), "{patch}");
    }
    let details = harness.patch("", r#"{"spec": {"interval": "1m"}}"#).await.json()["details"].clone();
    assert_eq!(
        details,
        json!({"name": "files", "group": "sync.k1s.io", "kind": "Source", "causes": [{
            "reason": "FieldValueForbidden",
            "message": "Forbidden: the configuration says this; change it there",
            "field": "spec.interval",
        }]})
    );
    assert_eq!(harness.daemon.orders(), []);
}

#[tokio::test]
async fn a_patch_for_another_state_is_a_conflict() {
    let harness = Harness::new();
    for (metadata, why) in [
        (
            json!({"resourceVersion": "1"}),
            "the object has been modified; please apply your changes to the latest version and try again",
        ),
        (
            json!({"uid": "other"}),
            "Precondition failed: UID in precondition: other, UID in object meta: ",
        ),
    ] {
        let patch = json!({"metadata": metadata, "spec": {"suspend": true}}).to_string();
        let (code, reason, message) = harness.patch("", &patch).await.refusal();
        assert_eq!((code, &*reason), (409, "Conflict"));
        let expected = format!("Operation cannot be fulfilled on sources.sync.k1s.io \"files\": {why}");
        assert!(message.starts_with(&expected), "{message}");
    }
    assert_eq!(harness.daemon.orders(), []);
}

#[tokio::test]
async fn only_merge_patches_are_taken() {
    let harness = Harness::new();
    let path = "/apis/sync.k1s.io/v1alpha1/sources/files";
    for content_type in [
        "application/strategic-merge-patch+json",
        "application/json-patch+json",
        "application/apply-patch+yaml",
        "application/json",
        "",
    ] {
        let answered = harness
            .ask("PATCH", path, &[("content-type", content_type)], SUSPEND)
            .await;
        let (code, reason, message) = answered.refusal();
        assert_eq!((code, &*reason), (415, "UnsupportedMediaType"), "{content_type}");
        assert!(
            message.ends_with("accepted media types include: application/merge-patch+json"),
            "{message}"
        );
    }
    for (body, told) in [
        ("", "error decoding patch: EOF"),
        ("{", "error decoding patch: EOF"),
        ("[]", "error decoding patch: it is no JSON object"),
    ] {
        let (code, reason, message) = harness.patch("", body).await.refusal();
        assert_eq!((code, &*reason), (400, "BadRequest"), "{body}");
        assert!(message.starts_with(told), "{message}");
    }
    let unknown = harness.ask(
        "PATCH",
        "/apis/sync.k1s.io/v1alpha1/sources/filse",
        &[("content-type", "application/merge-patch+json")],
        SUSPEND,
    );
    assert_eq!(unknown.await.refusal().2, "sources.sync.k1s.io \"filse\" not found");
    assert_eq!(harness.daemon.orders(), []);
}

#[tokio::test]
async fn a_dry_run_changes_nothing_and_shows_what_would_be() {
    let harness = Harness::new();
    let dry = harness.patch("?dryRun=All", SUSPEND).await;
    assert_eq!((dry.code.as_u16(), &dry.json()["spec"]), (200, &spec(true)));
    assert_eq!(harness.post("sources/files/sync?dryRun=All", "").await.code, 200);
    for query in ["?dryRun=some", "?dryRun=", "?dryRun=All&dryRun=no"] {
        let (code, reason, message) = harness.patch(query, SUSPEND).await.refusal();
        assert_eq!((code, &*reason), (422, "Invalid"), "{query}");
        assert!(
            message.starts_with("PatchOptions.meta.k8s.io \"\" is invalid: dryRun: Unsupported value: "),
            "{message}"
        );
    }
    for path in ["sources/files/reset", "heldprunes/9c41/approve", "heldprunes/9c41/undo"] {
        let refused = harness.post(&format!("{path}?dryRun=All"), "").await;
        assert_eq!(refused.refusal().0, 422, "{path}");
    }
    let object = harness.get("/apis/sync.k1s.io/v1alpha1/sources/files").await.json();
    assert_eq!(object["spec"], spec(false));
    assert_eq!(harness.daemon.orders(), []);
}

#[tokio::test]
async fn who_asks_is_recorded() {
    let harness = Harness::new();
    let path = "/apis/sync.k1s.io/v1alpha1/sources/files/sync";
    let long = "x".repeat(200);
    for (query, agent, user) in [
        ("?fieldManager=alice", "kubectl/v1.35", "alice"),
        ("", "kubectl/v1.35 (linux)", "kubectl"),
        ("", &long, &long[..128]),
        ("", " ", "unknown"),
    ] {
        let answered = harness
            .ask("POST", &format!("{path}{query}"), &[("user-agent", agent)], "")
            .await;
        assert_eq!(answered.code, 200);
        let [(_, recorded)] = &harness.daemon.orders()[..] else {
            panic!("one order")
        };
        assert_eq!(&**recorded, user);
    }
    for manager in [&*"x".repeat(129), "a%0Ab"] {
        let answered = harness
            .post(&format!("sources/files/sync?fieldManager={manager}"), "")
            .await;
        assert_eq!(answered.refusal().0, 422, "{manager}");
    }
    assert_eq!(harness.daemon.orders(), []);
}

#[tokio::test]
async fn a_listing_is_asked_for() {
    let harness = Harness::new();
    let options =
        r#"{"apiVersion": "sync.k1s.io/v1alpha1", "kind": "SyncOptions", "acceptRoot": true, "requestedAt": "r1"}"#;
    let answered = harness.post("sources/files/sync", options).await.json();
    assert_eq!(
        (&answered["kind"], &answered["metadata"]["annotations"][REQUESTED_AT]),
        (&json!("Source"), &json!("r1"))
    );
    assert_eq!(harness.daemon.orders()[0].0, requested("r1", RootRule::Accept));
    let mut texts = Vec::new();
    for body in ["", "{}", " \n"] {
        let answered = harness.post("sources/files/sync", body).await.json();
        texts.push(answered["metadata"]["annotations"][REQUESTED_AT].clone());
    }
    texts.dedup();
    assert_eq!(texts.len(), 3, "each request has a name of its own: {texts:?}");
    for body in [
        r#"{"acceptroot": true}"#,
        r#"{"acceptRoot": 1}"#,
        r#"{"kind": "Source"}"#,
        r#"{"apiVersion": "v1"}"#,
        "[",
    ] {
        assert_eq!(
            harness.post("sources/files/sync", body).await.refusal().0,
            400,
            "{body}"
        );
    }
    assert_eq!(
        harness
            .post("sources/files/sync", r#"{"requestedAt": ""}"#)
            .await
            .refusal()
            .0,
        422
    );
}

#[tokio::test]
async fn a_body_that_is_no_json_is_refused() {
    let harness = Harness::new();
    let path = "/apis/sync.k1s.io/v1alpha1/sources/files/sync";
    for (content_type, body, code) in [
        ("application/json; charset=utf-8", "{}", 200),
        ("application/x-www-form-urlencoded", "", 200),
        ("application/x-www-form-urlencoded", "{}", 415),
        ("application/vnd.kubernetes.protobuf", "k8s\0", 415),
        ("application/yaml", "acceptRoot: true", 415),
    ] {
        let answered = harness.ask("POST", path, &[("content-type", content_type)], body).await;
        assert_eq!(answered.code.as_u16(), code, "{content_type} {body:?}");
    }
}

#[tokio::test]
async fn why_a_source_is_not_listed_is_told() {
    let harness = Harness::new();
    for (syncing, code, reason, message) in [
        (
            Syncing::NotRunning,
            409,
            "Conflict",
            "Operation cannot be fulfilled on sources.sync.k1s.io \"files\": it cannot be synced now: it is suspended; \
             `resume` it first",
        ),
        (
            Syncing::NoDaemon,
            503,
            "ServiceUnavailable",
            "no daemon runs over this store: start k1s-sync-host to sync",
        ),
        (Syncing::Stopping, 503, "ServiceUnavailable", "the host is stopping"),
    ] {
        harness.daemon.sync(syncing);
        for answered in [
            harness.post("sources/files/sync", "").await,
            harness.patch("", &request("now")).await,
        ] {
            assert_eq!(
                answered.refusal(),
                (code, reason.to_owned(), message.to_owned()),
                "{syncing:?}"
            );
            assert_eq!(answered.header("retry-after"), if code == 503 { "1" } else { "" });
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_waits_for_the_board_but_not_for_ever() {
    let (harness, _lister) = with_source().await;
    harness.daemon.show(Showing::Never);
    let begun = Instant::now();
    let late = harness.patch("", SUSPEND).await;
    assert_eq!(
        (late.code.as_u16(), &late.json()["spec"]),
        (200, &spec(false)),
        "as the board has it"
    );
    assert_eq!(begun.elapsed(), Duration::from_secs(2));
    let begun = Instant::now();
    let showing = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        harness.daemon.put("files", false, Some("r1"));
    };
    let (answered, ()) = tokio::join!(harness.post("sources/files/sync", r#"{"requestedAt": "r1"}"#), showing);
    assert_eq!(answered.json()["metadata"]["annotations"][REQUESTED_AT], "r1");
    assert_eq!(begun.elapsed(), Duration::from_secs(1));
}

#[tokio::test]
async fn a_source_begins_anew() {
    let (harness, _lister) = with_source().await;
    let report = harness.post("sources/files/reset", "{}").await.json();
    assert_eq!(
        (&report["kind"], &report["apiVersion"]),
        (&json!("Reset"), &json!("sync.k1s.io/v1alpha1"))
    );
    let (code, reason, message) = harness.post("sources/filse/reset", "").await.refusal();
    assert_eq!((code, &*reason), (404, "NotFound"));
    assert_eq!(
        message,
        "sources.sync.k1s.io \"filse\" not found: no source filse in this store; there are files"
    );
    assert_eq!(harness.post("sources/No_Name/reset", "").await.refusal().0, 404);
    assert_eq!(
        harness
            .post("sources/files/reset", r#"{"force": true}"#)
            .await
            .refusal()
            .0,
        400
    );
}

fn items(list: &Value) -> Vec<Value> {
    list["items"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_held_prune_is_shown_approved_and_undone() {
    let (harness, _lister, id) = with_held_prune().await;
    let path = |name: &str| format!("/apis/sync.k1s.io/v1alpha1/heldprunes/{name}/objects");
    let list = harness.get(&path(&id)).await.json();
    assert_eq!(
        (&list["kind"], &list["apiVersion"]),
        (&json!("PrunedObjectList"), &json!("sync.k1s.io/v1alpha1"))
    );
    let objects = items(&list);
    assert_eq!(
        (objects.len(), &objects[0]["name"], &objects[0]["origin"]),
        (16, &json!("m-00"), &json!("/srv/manifests/m-00.yaml:7"))
    );
    let undone = harness.post(&format!("heldprunes/{id}/undo"), "").await.refusal();
    assert_eq!((undone.0, &*undone.1), (409, "Conflict"), "{}", undone.2);

    let report = harness
        .post(&format!("heldprunes/{}/approve", &id[..4]), "")
        .await
        .json();
    assert_eq!(
        report,
        json!({"apiVersion": "sync.k1s.io/v1alpha1", "kind": "Approval", "prune": id, "source": "files",
            "deleted": 16, "released": 0, "kept": []})
    );
    let again = harness.post(&format!("heldprunes/{id}/approve"), "").await.refusal();
    assert_eq!((again.0, &*again.1), (409, "Conflict"), "{}", again.2);
    assert_eq!(
        items(&harness.get(&path(&id[..6])).await.json()),
        objects,
        "the same objects, now gone"
    );

    let report = harness.post(&format!("heldprunes/{id}/undo"), "").await.json();
    assert_eq!((&report["kind"], &report["restored"]), (&json!("Undo"), &json!(16)));
}

#[tokio::test]
async fn a_prune_that_is_not_there_is_told_with_those_that_are() {
    let (harness, _lister, id) = with_held_prune().await;
    let other = if id.starts_with("ffff") { "0000" } else { "ffff" };
    let hint = format!("heldprunes.sync.k1s.io \"{other}\" not found: no prune {other}; there are {id}");
    let shown = harness
        .get(&format!("/apis/sync.k1s.io/v1alpha1/heldprunes/{other}/objects"))
        .await;
    let approved = harness.post(&format!("heldprunes/{other}/approve"), "").await;
    for answered in [shown, approved] {
        assert_eq!(answered.refusal(), (404, "NotFound".to_owned(), hint.clone()));
    }
    for unnamed in ["9c4", "files", "9c41aa00bb11cc22f"] {
        let message = format!("heldprunes.sync.k1s.io \"{unnamed}\" not found");
        let answered = harness.post(&format!("heldprunes/{unnamed}/approve"), "").await;
        assert_eq!(answered.refusal(), (404, "NotFound".to_owned(), message));
    }
}
