//! Watches: going on from a token, what ends them, and deletes.

use k1s_source_proto::v1::begin::Mode;
use serde_json::{Value, json};

use crate::api::{Api, Reply, map};
use crate::host::Session;

const HERE: (&str, &str) = ("c/configmaps", "1 v1 20 this-cluster");

fn watch_from(version: &str) -> String {
    format!("/api/v1/configmaps?watch=true&allowWatchBookmarks=true&timeoutSeconds=290&resourceVersion={version}")
}

async fn resumed(api: &Api, config: Value) -> Session {
    Session::open(api, Mode::Resume, config, &[HERE]).await
}

fn without_rests(said: Vec<String>) -> Vec<String> {
    said.into_iter().filter(|word| word != "rest").collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_goes_on_from_the_token_without_a_listing() {
    let api = Api::with(vec![Reply::watch(&[
        ("MODIFIED", map("a", 21)),
        ("DELETED", map("b", 22)),
        ("BOOKMARK", json!({"metadata": {"resourceVersion": "30"}})),
    ])])
    .await;
    let mut session = resumed(&api, json!({})).await;
    let said = without_rests(session.said_until(|word| word == "token 1 v1 30 this-cluster").await);
    let of_objects: Vec<&String> = said.iter().filter(|word| !word.starts_with("token")).collect();
    assert_eq!(of_objects, ["live", "put a 21", "gone b"]);
    assert_eq!(api.asked(1).await, [watch_from("20")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_long_ago_is_listed() {
    let expired = json!({"kind": "Status", "code": 410, "reason": "Expired"});
    for refusal in [Reply::refusal(410, "Expired"), Reply::watch(&[("ERROR", expired)])] {
        let api = Api::with(vec![refusal, Reply::page("40", "", &[map("a", 39)])]).await;
        let mut session = resumed(&api, json!({})).await;
        let said = session.said_until(|word| word == "end 1 v1 40 this-cluster").await;
        assert_eq!(
            without_rests(said),
            [
                "live",
                "begin c/configmaps of this-cluster",
                "put a 39",
                "end 1 v1 40 this-cluster"
            ]
        );
        let asked = api.asked(3).await;
        assert_eq!(
            asked,
            [
                watch_from("20"),
                "/api/v1/configmaps?limit=500".to_owned(),
                watch_from("40")
            ]
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_that_ends_or_breaks_goes_on_where_it_was() {
    for broken in [
        Reply::watch(&[("ADDED", map("a", 21))]).ended(),
        Reply::watch(&[("ADDED", map("a", 21))]).cut_off(),
    ] {
        let api = Api::with(vec![broken, Reply::watch(&[("ADDED", map("b", 22))])]).await;
        let mut session = resumed(&api, json!({})).await;
        let said = session.said_until(|word| word == "token 1 v1 22 this-cluster").await;
        let expected = [
            "live",
            "put a 21",
            "token 1 v1 21 this-cluster",
            "put b 22",
            "token 1 v1 22 this-cluster",
        ];
        assert_eq!(without_rests(said), expected);
        assert_eq!(api.asked(2).await, [watch_from("20"), watch_from("21")]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_came_and_went_in_one_breath_is_gone() {
    let api = Api::with(vec![Reply::watch(&[
        ("ADDED", map("a", 21)),
        ("DELETED", map("a", 22)),
    ])])
    .await;
    let mut session = resumed(&api, json!({})).await;
    let said = without_rests(session.said_until(|word| word == "token 1 v1 22 this-cluster").await);
    let of_objects: Vec<&String> = said.iter().filter(|word| !word.starts_with("token")).collect();
    assert_eq!(of_objects, ["live", "put a 21", "gone a"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_replaced_is_never_missing_and_until_then_the_position_stays() {
    let api = Api::with(vec![Reply::watch(&[
        ("DELETED", map("a", 21)),
        ("ADDED", map("b", 22)),
        ("ADDED", map("a", 23)),
    ])])
    .await;
    let mut session = resumed(&api, json!({"deleteSettle": "1m"})).await;
    let said = session.said_until(|word| word == "token 1 v1 23 this-cluster").await;
    assert_eq!(
        without_rests(said),
        ["live", "put b 22", "put a 23", "token 1 v1 23 this-cluster"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_position_in_another_cluster_is_none() {
    let api = Api::with(vec![Reply::page("3", "", &[])]).await;
    let elsewhere = [("c/configmaps", "1 v1 20 another-cluster")];
    let mut session = Session::open(&api, Mode::Resume, json!({}), &elsewhere).await;
    let said = session.said_until(|word| word.starts_with("end")).await;
    assert_eq!(
        without_rests(said),
        [
            "ResumeRejected",
            "begin c/configmaps of this-cluster",
            "end 1 v1 3 this-cluster"
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_followed_any_more_is_given_up() {
    let api = Api::with(Vec::new()).await;
    let tokens = [
        HERE,
        ("c/secrets", "1 v1 1 x"),
        ("c/widgets.example.com", "1 v1 1 x"),
        ("d/configmaps", "1 v1 1 x"),
    ];
    let config =
        json!({"kinds": {"allow": ["configmaps", "secrets", "widgets"], "deny": ["secrets"]}, "includeSecrets": true});
    let mut session = Session::open(&api, Mode::Resume, config, &tokens).await;
    // What is not served is believed only when it was missing twice.
    let said = session
        .said_until(|word| word == "no more c/widgets.example.com Unsupported")
        .await;
    assert_eq!(
        without_rests(said),
        [
            "no more c/secrets Deselected",
            "no more d/configmaps Deselected",
            "live",
            "no more c/widgets.example.com Unsupported",
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kind_that_is_served_is_not_given_up_for_an_answer_that_is_missing() {
    let api = Api::with(vec![
        Reply::refusal(404, "NotFound"),
        Reply::watch(&[("ADDED", map("a", 21))]),
    ])
    .await;
    let mut session = resumed(&api, json!({})).await;
    let said = session.said_until(|word| word == "token 1 v1 21 this-cluster").await;
    assert_eq!(without_rests(said), ["live", "put a 21", "token 1 v1 21 this-cluster"]);
    assert_eq!(api.asked(2).await, [watch_from("20"), watch_from("20")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn deletes_of_another_cluster_are_not_told() {
    // Longer than it is believed that the cluster is the same, once the object is gone.
    let first = Reply::watch(&[("DELETED", map("a", 21))]);
    let api = Api::with(vec![
        first.changing_to("another-cluster"),
        Reply::page("3", "", &[map("b", 2)]),
    ])
    .await;
    let mut session = resumed(&api, json!({"deleteSettle": "11s"})).await;
    let said = session.said_until(|word| word == "end 1 v1 3 another-cluster").await;
    assert_eq!(
        without_rests(said),
        [
            "live",
            "RootChanged",
            "begin c/configmaps of another-cluster",
            "put b 2",
            "end 1 v1 3 another-cluster"
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_followed_by_namespace_goes_on_so_until_more_is_allowed() {
    let api = Api::with(vec![
        Reply::refusal(403, "Forbidden"),
        Reply::watch(&[("ADDED", map("a", 21))]),
    ])
    .await;
    let by_namespace = [("c/configmaps/n", HERE.1)];
    let config = json!({"namespaces": {"allow": ["n", "n?"]}});
    let mut session = Session::open(&api, Mode::Resume, config.clone(), &by_namespace).await;
    let said = session.said_until(|word| word == "token 1 v1 21 this-cluster").await;
    assert_eq!(without_rests(said), ["live", "put a 21", "token 1 v1 21 this-cluster"]);
    let asked = api.asked(2).await;
    assert_eq!(
        asked,
        [
            "/api/v1/configmaps?limit=1".to_owned(),
            watch_from("20").replace("/configmaps", "/namespaces/n/configmaps")
        ]
    );

    let allowed = vec![
        Reply::page("40", "x", &[map("a", 39)]),
        Reply::page("40", "", &[map("a", 39)]),
    ];
    let api = Api::with(allowed).await;
    let mut session = Session::open(&api, Mode::Resume, config, &by_namespace).await;
    let said = session.said_until(|word| word.starts_with("end")).await;
    assert_eq!(
        without_rests(said),
        [
            "no more c/configmaps/n ReplacedBy",
            "begin c/configmaps of this-cluster",
            "put a 39",
            "end 1 v1 40 this-cluster"
        ]
    );
}
