//! Listings: pages, initial events, and what breaks them.

use k1s_source_proto::v1::begin::Mode;
use serde_json::json;

use crate::api::{Api, Reply, end_of_initial, map};
use crate::host::Session;

const LIST: &str = "/api/v1/configmaps?limit=500";
const WATCH: &str = "/api/v1/configmaps?watch=true&allowWatchBookmarks=true&timeoutSeconds=290";

/// Everything but that the source rests for a moment, which it may at any.
fn without_rests(said: Vec<String>) -> Vec<String> {
    said.into_iter().filter(|word| word != "rest").collect()
}

fn is_end(word: &str) -> bool {
    word.starts_with("end")
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_are_one_listing_and_its_end_is_where_the_watch_begins() {
    let pages = [
        Reply::page("7", "next/1", &[map("a", 1), map("b", 2)]),
        Reply::page("7", "", &[map("c", 3)]),
    ];
    let api = Api::with(pages.into()).await;
    let mut session = Session::open(&api, Mode::Full, json!({}), &[]).await;
    let said = session.said_until(|word| word == "live").await;
    let expected = [
        "begin c/configmaps of this-cluster",
        "put a 1",
        "put b 2",
        "put c 3",
        "end 1 v1 7 this-cluster",
        "live",
    ];
    assert_eq!(without_rests(said), expected);
    let asked = api.asked(3).await;
    assert_eq!(
        asked,
        [
            LIST,
            &format!("{LIST}&continue=next%2F1"),
            &format!("{WATCH}&resourceVersion=7")
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_is_forgotten_proves_nothing_and_all_is_listed_at_once() {
    let api = Api::with(vec![
        Reply::page("7", "x", &[map("a", 1)]),
        Reply::refusal(410, "Expired"),
        Reply::page("9", "", &[map("b", 8)]),
    ])
    .await;
    let mut session = Session::open(&api, Mode::Full, json!({}), &[]).await;
    let said = session.said_until(|word| word == "end 1 v1 9 this-cluster").await;
    assert_eq!(
        without_rests(said),
        [
            "begin c/configmaps of this-cluster",
            "put a 1",
            "Partial",
            "end! Partial",
            "live",
            "begin c/configmaps of this-cluster",
            "put b 8",
            "end 1 v1 9 this-cluster"
        ]
    );
    assert_eq!(api.asked(3).await[2], "/api/v1/configmaps");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_is_cut_off_proves_nothing() {
    let api = Api::with(vec![
        Reply::page("7", "", &[map("a", 1)]).cut_off(),
        Reply::page("7", "", &[map("a", 1)]),
    ])
    .await;
    let mut session = Session::open(&api, Mode::Full, json!({}), &[]).await;
    let said = without_rests(session.said_until(is_end).await);
    assert_eq!(said.last().unwrap(), "end! Unavailable");
    let said = without_rests(session.said_until(is_end).await);
    assert_eq!(said.last().unwrap(), "end 1 v1 7 this-cluster");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_initial_events_is_asked_for_pages() {
    let api = Api::with(vec![
        Reply::refusal(422, "Invalid"),
        Reply::page("7", "", &[map("a", 1)]),
    ])
    .await;
    let mut session = Session::open(&api, Mode::Full, json!({"watchList": true}), &[]).await;
    let said = session.said_until(is_end).await;
    assert_eq!(
        without_rests(said),
        [
            "begin c/configmaps of this-cluster",
            "put a 1",
            "end 1 v1 7 this-cluster"
        ]
    );
    let initial = format!("{WATCH}&sendInitialEvents=true&resourceVersionMatch=NotOlderThan");
    assert_eq!(api.asked(2).await[..2], [initial, LIST.to_owned()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn initial_events_are_no_position_and_the_watch_goes_on_behind_them() {
    let api = Api::with(vec![Reply::watch(&[
        ("ADDED", map("z", 9)),
        ("ADDED", map("a", 3)),
        ("BOOKMARK", json!({"metadata": {"resourceVersion": "5"}})),
        ("DELETED", map("z", 10)),
        ("BOOKMARK", end_of_initial(12)),
        ("MODIFIED", map("a", 13)),
    ])])
    .await;
    let mut session = Session::open(&api, Mode::Full, json!({"watchList": true}), &[]).await;
    let said = session.said_until(|word| word.starts_with("token")).await;
    assert_eq!(
        without_rests(said),
        [
            "begin c/configmaps of this-cluster",
            "put z 9",
            "put a 3",
            "gone z",
            "end 1 v1 12 this-cluster",
            "live",
            "put a 13",
            "token 1 v1 13 this-cluster"
        ]
    );
    assert_eq!(api.asked(1).await.len(), 1, "one request");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_cluster_listed_in_its_place_proves_nothing() {
    let page = || Reply::page("7", "", &[map("a", 1)]);
    let api = Api::with(vec![page().changing_to("another-cluster"), page()]).await;
    let mut session = Session::open(&api, Mode::Full, json!({}), &[]).await;
    let said = session.said_until(is_end).await;
    assert_eq!(
        without_rests(said),
        [
            "begin c/configmaps of this-cluster",
            "put a 1",
            "RootChanged",
            "end! RootChanged"
        ]
    );
    let said = without_rests(session.said_until(is_end).await);
    assert_eq!(
        said[1..],
        [
            "begin c/configmaps of another-cluster",
            "put a 1",
            "end 1 v1 7 another-cluster"
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_choice_that_nothing_fits_is_told_and_ends_a_session_that_lists_once() {
    let api = Api::with(Vec::new()).await;
    let mut session = Session::open(&api, Mode::Once, json!({"kinds": {"allow": ["widgets"]}}), &[]).await;
    let said = session.said_until(|word| word == "drained").await;
    assert_eq!(without_rests(said), ["ConfigInvalid", "drained"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_forbidden_is_told_and_nothing_is_concluded_from_it() {
    let api = Api::with(vec![Reply::refusal(403, "Forbidden")]).await;
    let mut session = Session::open(&api, Mode::Full, json!({}), &[]).await;
    let said = session.said_until(is_end).await;
    let begin = "begin c/configmaps of ";
    assert_eq!(
        without_rests(said),
        [
            format!("{begin}this-cluster"),
            "Permission".to_owned(),
            "end! Permission".to_owned()
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_lists_once_hears_when_that_is_all() {
    let api = Api::with(vec![Reply::page("7", "", &[map("a", 1)])]).await;
    let mut session = Session::open(&api, Mode::Once, json!({}), &[]).await;
    let said = session.said_until(is_end).await;
    assert_eq!(
        said,
        [
            "begin c/configmaps of this-cluster",
            "put a 1",
            "end 1 v1 7 this-cluster"
        ],
        "no rest before"
    );
    session.said_until(|word| word == "rest").await;
    assert_eq!(api.asked(1).await, [LIST]);
}

#[tokio::test(flavor = "multi_thread")]
async fn namespaces_that_are_named_are_asked_one_by_one_and_others_left_out() {
    let page = || Reply::page("7", "", &[map("a", 1)]);
    let api = Api::with(vec![page()]).await;
    let config = json!({"namespaces": {"allow": ["n"]}, "labelSelector": "x=y"});
    let mut session = Session::open(&api, Mode::Full, config, &[]).await;
    let said = session.said_until(is_end).await;
    assert_eq!(said[0], "begin c/configmaps/n of this-cluster");
    assert_eq!(
        api.asked(1).await[0],
        "/api/v1/namespaces/n/configmaps?limit=500&labelSelector=x%3Dy"
    );

    let api = Api::with(vec![page()]).await;
    let mut session = Session::open(&api, Mode::Full, json!({"namespaces": {"deny": ["n*"]}}), &[]).await;
    let said = session.said_until(is_end).await;
    assert_eq!(
        without_rests(said),
        ["begin c/configmaps of this-cluster", "end 1 v1 7 this-cluster"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_forbidden_in_the_whole_cluster_is_asked_namespace_by_namespace() {
    let api = Api::with(vec![
        Reply::refusal(403, "Forbidden"),
        Reply::page("7", "", &[map("a", 1)]),
    ])
    .await;
    let config = json!({"namespaces": {"allow": ["n*"], "deny": ["*-2"]}});
    let mut session = Session::open(&api, Mode::Full, config, &[]).await;
    session.said_until(|word| word == "end! Permission").await;
    let mut said = session
        .said_until(|word| word == "no more c/configmaps Unsupported")
        .await;
    if !said.iter().any(|word| is_end(word)) {
        said.extend(session.said_until(is_end).await);
    }
    let of_namespace: Vec<&String> = said
        .iter()
        .filter(|word| word.starts_with("begin") || is_end(word))
        .collect();
    assert_eq!(
        of_namespace,
        ["begin c/configmaps/n of this-cluster", "end 1 v1 7 this-cluster"]
    );
    assert_eq!(
        api.asked(2).await[..2],
        [LIST, "/api/v1/namespaces/n/configmaps?limit=500"]
    );
}
