//! Watches: where they begin, what they tell, how they end.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::fixture::{Fixture, TABLE, config_map, source};

const ALL: &str = "/api/v1/configmaps?watch=true";

#[tokio::test]
async fn a_watch_begins_where_it_is_told_to() {
    let fixture = Fixture::new();
    let first = fixture.put(config_map("shop", "a", "", "1")).await;
    let second = fixture.put(config_map("shop", "b", "", "1")).await;
    fixture.put(config_map("shop", "a", "", "2")).await;
    let marked = "sendInitialEvents=true&resourceVersionMatch=NotOlderThan";
    for (query, expected) in [
        (String::new(), &["ADDED a", "ADDED b"][..]),
        ("&resourceVersion=0".to_owned(), &["ADDED a", "ADDED b"]),
        ("&resourceVersion=".to_owned(), &["ADDED a", "ADDED b"]),
        (format!("&resourceVersion={first}"), &["ADDED b", "MODIFIED a"]),
        (format!("&resourceVersion={second}"), &["MODIFIED a"]),
        (format!("&{marked}"), &["ADDED a", "ADDED b"]),
        (format!("&{marked}&resourceVersion={first}"), &["ADDED a", "ADDED b"]),
        (
            format!("&{marked}&allowWatchBookmarks=true"),
            &["ADDED a", "ADDED b", "BOOKMARK"],
        ),
        (
            format!("&sendInitialEvents=false&resourceVersionMatch=NotOlderThan&resourceVersion={second}"),
            &["MODIFIED a"],
        ),
        (
            "&sendInitialEvents=false&resourceVersionMatch=NotOlderThan".to_owned(),
            &[],
        ),
    ] {
        let mut watch = fixture.watch(&format!("{ALL}{query}")).await;
        assert_eq!(watch.told(expected.len()).await, expected, "{query}");
        fixture.put(config_map("shop", "z", "", "1")).await;
        assert_eq!(watch.told(1).await, ["ADDED z"], "{query}");
        fixture.delete(&config_map("shop", "z", "", "")).await;
        assert_eq!(watch.told(1).await, ["DELETED z"], "{query}");
    }
}

#[tokio::test]
async fn the_end_of_the_initial_state_is_marked() {
    let fixture = Fixture::new();
    for index in 0..1100 {
        fixture.put(config_map("shop", &format!("c{index:04}"), "", "1")).await;
    }
    let revision = fixture.revision();
    let query = "&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true";
    let mut watch = fixture.watch(&format!("{ALL}{query}")).await;
    let mut added = Vec::new();
    let mark = loop {
        let event = watch.event().await;
        // What is written meanwhile comes behind the mark.
        fixture
            .put(config_map("shop", "c1099", "", &added.len().to_string()))
            .await;
        match event["type"].as_str().unwrap() {
            "ADDED" => added.push(event["object"]["data"]["v"].clone()),
            _ => break event,
        }
    };
    assert_eq!(added, vec![json!("1"); 1100]);
    assert_eq!(
        mark,
        json!({"type": "BOOKMARK", "object": {"kind": "ConfigMap", "apiVersion": "v1", "metadata": {
            "resourceVersion": revision.to_string(), "annotations": {"k8s.io/initial-events-end": "true"}}}})
    );
    let next = watch.event().await;
    assert_eq!(
        next["object"]["metadata"]["resourceVersion"],
        (revision + 1).to_string()
    );
}

#[tokio::test]
async fn a_deleted_object_is_shown_as_it_was_last() {
    let fixture = Fixture::new();
    let object = config_map("shop", "a", "", "1");
    let created = fixture.put(object.clone()).await;
    let uid = fixture.ask("/api/v1/namespaces/shop/configmaps/a").await.body["metadata"]["uid"].clone();
    let deleted = fixture.delete(&object).await;
    fixture.put(object).await;
    let mut watch = fixture.watch(&format!("{ALL}&resourceVersion={created}")).await;
    let gone = watch.event().await;
    assert_eq!(gone["type"], "DELETED");
    assert_eq!(gone["object"]["data"]["v"], "1");
    assert_eq!(gone["object"]["metadata"]["resourceVersion"], deleted.to_string());
    assert_eq!(gone["object"]["metadata"]["uid"], uid);
    let again = watch.event().await;
    assert_eq!(again["type"], "ADDED");
    assert_ne!(again["object"]["metadata"]["uid"], uid);
}

#[tokio::test]
async fn what_enters_a_selection_is_added_and_what_leaves_is_deleted() {
    let fixture = Fixture::new();
    let begin = fixture.put(config_map("shop", "x", "", "")).await;
    let steps = [
        ("tier=b", "1"),
        ("tier=a", "2"),
        ("tier=a", "3"),
        ("tier=b", "4"),
        ("", "5"),
        ("tier=a", "6"),
    ];
    let mut revisions = Vec::new();
    for (labels, value) in steps {
        revisions.push(fixture.put(config_map("shop", "o", labels, value)).await);
    }
    revisions.push(fixture.delete(&config_map("shop", "o", "", "")).await);
    // Gone while it does not match: nobody is told.
    fixture.put(config_map("shop", "o", "tier=b", "7")).await;
    fixture.delete(&config_map("shop", "o", "", "")).await;
    let last = fixture.put(config_map("shop", "end", "tier=a", "8")).await;
    revisions.push(last);
    let mut watch = fixture
        .watch(&format!("{ALL}&resourceVersion={begin}&labelSelector=tier%3Da"))
        .await;
    for (kind, value, at) in [
        ("ADDED", "2", 1),
        ("MODIFIED", "3", 2),
        // In the last state that matched, with the revision of the change.
        ("DELETED", "3", 3),
        ("ADDED", "6", 5),
        ("DELETED", "6", 6),
        ("ADDED", "8", 7),
    ] {
        let event = watch.event().await;
        assert_eq!(
            (&event["type"], &event["object"]["data"]["v"]),
            (&json!(kind), &json!(value))
        );
        let revision: u64 = revisions[at];
        assert_eq!(event["object"]["metadata"]["resourceVersion"], revision.to_string());
    }
}

#[tokio::test]
async fn one_object_can_be_watched() {
    let fixture = Fixture::new();
    let revision = fixture.put(config_map("shop", "a", "", "1")).await;
    let path = "/api/v1/namespaces/shop/configmaps?watch=1&fieldSelector=metadata.name%3Db";
    let mut watch = fixture.watch(&format!("{path}&resourceVersion={revision}")).await;
    fixture.put(config_map("other", "b", "", "1")).await;
    fixture.put(config_map("shop", "a", "", "2")).await;
    fixture.put(config_map("shop", "b", "", "1")).await;
    fixture.put(config_map("shop", "c", "", "1")).await;
    fixture.delete(&config_map("shop", "b", "", "")).await;
    assert_eq!(watch.told(2).await, ["ADDED b", "DELETED b"]);
    fixture.close();
    watch.ended().await;
}

#[tokio::test(start_paused = true)]
async fn bookmarks_tell_how_far_a_watch_is_each_minute_and_at_its_end() {
    let fixture = Fixture::new();
    let revision = fixture.put(config_map("shop", "a", "", "1")).await;
    fixture
        .put(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "other"}}))
        .await;
    let newest = fixture.revision();
    let begin = Instant::now();
    let path = format!("{ALL}&resourceVersion={revision}&timeoutSeconds=150");
    let mut watch = fixture.watch(&format!("{path}&allowWatchBookmarks=true")).await;
    for seconds in [60, 120, 150] {
        let event = watch.next().await.unwrap();
        assert_eq!(begin.elapsed().as_secs(), seconds);
        assert_eq!(
            event,
            json!({"type": "BOOKMARK", "object":
                {"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"resourceVersion": newest.to_string()}}})
        );
    }
    assert_eq!(watch.next().await, None);
    let mut silent = fixture.watch(&path).await;
    assert_eq!(silent.next().await, None);
    assert_eq!(begin.elapsed(), Duration::from_secs(300));
}

#[tokio::test(start_paused = true)]
async fn a_watch_without_a_length_ends_after_half_an_hour_to_an_hour() {
    let fixture = Fixture::new();
    for query in ["", "&timeoutSeconds=0"] {
        let begin = Instant::now();
        assert_eq!(fixture.watch(&format!("{ALL}{query}")).await.next().await, None);
        let minutes = begin.elapsed().as_secs_f64() / 60.0;
        assert!((30.0..=60.1).contains(&minutes), "{minutes}");
    }
}

#[tokio::test]
async fn a_watch_ends_when_the_host_stops() {
    let fixture = Fixture::new();
    let revision = fixture.put(config_map("shop", "a", "", "1")).await;
    let mut idle = fixture.watch(&format!("{ALL}&resourceVersion={revision}")).await;
    let mut told = fixture
        .watch(&format!("{ALL}&resourceVersion={revision}&allowWatchBookmarks=true"))
        .await;
    let closing = async { fixture.close() };
    tokio::join!(idle.ended(), closing);
    assert_eq!(told.told(1).await, ["BOOKMARK"]);
    told.ended().await;
    let mut late = fixture.watch(&format!("{ALL}&resourceVersion={revision}")).await;
    late.ended().await;
}

fn assert_expired(event: &Value) {
    assert_eq!(event["type"], "ERROR");
    let status = &event["object"];
    assert_eq!(
        (&status["kind"], &status["code"], &status["reason"]),
        (&json!("Status"), &json!(410), &json!("Expired"))
    );
}

#[tokio::test]
async fn who_comes_too_late_is_told_in_the_stream() {
    let fixture = Fixture::new();
    let revision = fixture.put(config_map("shop", "a", "", "1")).await;
    let path = format!("{ALL}&resourceVersion={revision}");
    let mut slow = fixture.watch(&path).await;
    fixture.put(config_map("shop", "b", "", "1")).await;
    assert_eq!(slow.told(1).await, ["ADDED b"]);
    for value in 0..15 {
        fixture
            .put(config_map("shop", "a", "", &format!("early {value}")))
            .await;
    }
    fixture.pass(Duration::from_secs(2 * 60 * 60));
    for value in 0..15 {
        fixture.put(config_map("shop", "a", "", &value.to_string())).await;
    }
    let mut late = fixture.watch(&path).await;
    assert_expired(&late.event().await);
    late.ended().await;
    assert_expired(&slow.event().await);
    slow.ended().await;
}

#[tokio::test(start_paused = true)]
async fn a_revision_of_another_store_is_told_in_the_stream() {
    let fixture = Fixture::new();
    let revision = fixture.put(config_map("shop", "a", "", "1")).await;
    let mut watch = fixture.watch(&format!("{ALL}&resourceVersion={}", revision + 10)).await;
    assert_expired(&watch.event().await);
    watch.ended().await;
    let board = "/apis/sync.k1s.io/v1alpha1/sources?watch=true";
    let mut watch = fixture.watch(&format!("{board}&resourceVersion=5")).await;
    assert_expired(&watch.event().await);
}

#[tokio::test]
async fn a_table_says_its_columns_once() {
    let fixture = Fixture::new();
    fixture.put(config_map("shop", "a", "", "1")).await;
    let mut watch = fixture.watch_as(ALL, TABLE).await;
    let first = watch.event().await;
    let revision = fixture.put(config_map("shop", "a", "", "2")).await;
    let second = watch.event().await;
    assert_eq!((&first["type"], &second["type"]), (&json!("ADDED"), &json!("MODIFIED")));
    assert_eq!(first["object"]["kind"], "Table");
    assert_eq!(first["object"]["columnDefinitions"][0]["name"], "Name");
    assert_eq!(second["object"]["columnDefinitions"], Value::Null);
    assert_eq!(second["object"]["metadata"]["resourceVersion"], revision.to_string());
    assert_eq!(second["object"]["rows"][0]["cells"][0], "a");
    assert_eq!(second["object"]["rows"][0]["object"]["kind"], "PartialObjectMetadata");
}

#[tokio::test]
async fn control_objects_are_watched_like_any_other() {
    let fixture = Fixture::new();
    fixture.put_source("a", json!({"objects": 1}));
    let path = "/apis/sync.k1s.io/v1alpha1/sources?watch=true";
    let mut all = fixture.watch(path).await;
    let mut labelled = fixture.watch(&format!("{path}&labelSelector=a%3Db")).await;
    let mut other = fixture.watch(&format!("{path}&fieldSelector=metadata.name!=a")).await;
    assert_eq!(all.told(1).await, ["ADDED a"]);
    let write = async {
        fixture.put_source("a", json!({"objects": 2}));
        fixture.put_source("b", json!({"objects": 2}));
        fixture.board.remove(&source("a"));
    };
    let (told, ()) = tokio::join!(all.told(3), write);
    assert_eq!(told, ["MODIFIED a", "ADDED b", "DELETED a"]);
    assert_eq!(other.told(1).await, ["ADDED b"]);
    fixture.close();
    labelled.ended().await;
}
