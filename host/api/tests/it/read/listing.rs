//! Lists: revisions, pages, selectors.

use std::collections::BTreeSet;
use std::time::Duration;

use http::StatusCode;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};

use super::fixture::{Fixture, config_map, names};

const ALL: &str = "/api/v1/configmaps";
const SHOP: &str = "/api/v1/namespaces/shop/configmaps";

async fn filled(count: usize) -> Fixture {
    let fixture = Fixture::new();
    for index in 0..count {
        fixture.put(config_map("shop", &format!("c{index:04}"), "", "1")).await;
    }
    fixture
}

/// Writes an object so often, and so late, that what was there before is not kept.
async fn outlast(fixture: &Fixture) {
    for time in ["early", "late"] {
        for value in 0..15 {
            fixture
                .put(config_map("shop", "c0000", "", &format!("{time} {value}")))
                .await;
        }
        fixture.pass(Duration::from_secs(2 * 60 * 60));
    }
}

#[tokio::test]
async fn a_list_says_what_it_is_and_as_of_when() {
    let fixture = filled(2).await;
    let answered = fixture.ask(ALL).await;
    assert_eq!(answered.body["kind"], "ConfigMapList");
    assert_eq!(answered.body["apiVersion"], "v1");
    assert_eq!(
        answered.body["metadata"],
        json!({"resourceVersion": fixture.revision().to_string()})
    );
    assert_eq!(names(&answered.body), ["c0000", "c0001"]);
    assert_eq!(answered.body["items"][0]["kind"], "ConfigMap");
    let empty = fixture.ask("/apis/apps/v1/deployments").await;
    assert_eq!(
        (&empty.body["kind"], &empty.body["apiVersion"], &empty.body["items"]),
        (&json!("DeploymentList"), &json!("apps/v1"), &json!([]))
    );
}

#[tokio::test]
async fn selectors_choose_objects() {
    let fixture = Fixture::new();
    for object in [
        config_map("shop", "cart", "app=shop,size=5", "1"),
        config_map("shop", "till", "app=till", "1"),
        config_map("other", "cart", "", "1"),
        json!({"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls", "metadata": {"namespace": "shop", "name": "tls"}}),
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"namespace": "shop", "name": "plain"}}),
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}),
        json!({"apiVersion": "v1", "kind": "Event", "metadata": {"namespace": "shop", "name": "e"},
            "involvedObject": {"kind": "Pod", "name": "p"}}),
    ] {
        fixture.put(object).await;
    }
    for (query, expected) in [
        ("configmaps", &["cart", "cart", "till"][..]),
        ("namespaces/shop/configmaps", &["cart", "till"]),
        ("configmaps?labelSelector=app%3Dshop", &["cart"]),
        ("configmaps?labelSelector=app+in+(shop,till),size%3E4", &["cart"]),
        ("configmaps?labelSelector=!app", &["cart"]),
        ("configmaps?fieldSelector=metadata.name%3Dcart", &["cart", "cart"]),
        ("configmaps?fieldSelector=metadata.namespace!=shop", &["cart"]),
        ("namespaces/shop/configmaps?fieldSelector=metadata.name=till", &["till"]),
        ("namespaces/shop/configmaps?fieldSelector=metadata.name=dill", &[]),
        (
            "namespaces/shop/configmaps?fieldSelector=metadata.name=cart&labelSelector=app=till",
            &[],
        ),
        ("secrets?fieldSelector=type=kubernetes.io/tls", &["tls"]),
        ("secrets?fieldSelector=type=Opaque", &["plain"]),
        ("namespaces?fieldSelector=status.phase=Active", &["shop"]),
        (
            "events?fieldSelector=involvedObject.name=p,involvedObject.kind=Pod",
            &["e"],
        ),
        ("events?fieldSelector=involvedObject.name=q", &[]),
    ] {
        assert_eq!(fixture.names(&format!("/api/v1/{query}")).await, expected, "{query}");
    }
}

#[tokio::test]
async fn fields_that_a_definition_names_can_be_selected() {
    let fixture = Fixture::new();
    fixture
        .put(json!({
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": "widgets.example.com"},
            "spec": {
                "group": "example.com", "scope": "Namespaced", "names": {"kind": "Widget", "plural": "widgets"},
                "versions": [{"name": "v1", "served": true, "storage": true,
                    "selectableFields": [{"jsonPath": ".spec.color"}]}],
            },
        }))
        .await;
    for color in ["blue", "red"] {
        fixture
            .put(json!({"apiVersion": "example.com/v1", "kind": "Widget",
                "metadata": {"namespace": "shop", "name": color}, "spec": {"color": color}}))
            .await;
    }
    let path = "/apis/example.com/v1/widgets?fieldSelector=spec";
    assert_eq!(fixture.names(&format!("{path}.color=blue")).await, ["blue"]);
    let refused = fixture.ask(&format!("{path}.size=1")).await;
    assert_eq!(refused.code, StatusCode::BAD_REQUEST);
    assert_eq!(refused.body["message"], "field label not supported: spec.size");
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_in_the_words_of_a_kubernetes_server() {
    let fixture = filled(1).await;
    const INVALID: StatusCode = StatusCode::UNPROCESSABLE_ENTITY;
    const BAD: StatusCode = StatusCode::BAD_REQUEST;
    for (query, code, told) in [
        (
            "resourceVersionMatch=Exact",
            INVALID,
            "ListOptions.meta.k8s.io \"\" is invalid: resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden \
             unless resourceVersion is provided",
        ),
        (
            "resourceVersionMatch=Newer&resourceVersion=1",
            INVALID,
            "resourceVersionMatch: Unsupported value: \"Newer\": supported values: \"Exact\", \"NotOlderThan\", \"\"",
        ),
        (
            "resourceVersionMatch=Exact&resourceVersion=0",
            INVALID,
            "resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"",
        ),
        (
            "sendInitialEvents=true",
            INVALID,
            "sendInitialEvents is forbidden for list",
        ),
        (
            "watch=1&sendInitialEvents=true",
            INVALID,
            "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan",
        ),
        (
            "watch=true&resourceVersionMatch=NotOlderThan",
            INVALID,
            "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided",
        ),
        (
            "watch=true&resourceVersion=x",
            INVALID,
            "configmaps \"\" is invalid: resourceVersion: Invalid value: \"x\": strconv.ParseUint: parsing \"x\": invalid syntax",
        ),
        ("resourceVersion=x", BAD, "invalid resource version"),
        ("resourceVersion=-1", BAD, "invalid resource version"),
        ("limit=x", BAD, "invalid syntax"),
        ("continue=x", BAD, "continue key is not valid"),
        (
            "continue=x&resourceVersion=5",
            BAD,
            "specifying resource version is not allowed when using continue",
        ),
        ("labelSelector=a+near+b", BAD, "needs a list in parentheses"),
        ("fieldSelector=spec.x=1", BAD, "field label not supported: spec.x"),
        ("fieldSelector=metadata.name", BAD, "can't understand 'metadata.name'"),
    ] {
        let answered = fixture.ask(&format!("{ALL}?{query}")).await;
        assert_eq!(answered.code, code, "{query}: {}", answered.text);
        let message = answered.body["message"].as_str().unwrap();
        assert!(message.contains(told), "{query}: {message}");
        assert_eq!(answered.body["kind"], "Status");
    }
}

#[tokio::test(start_paused = true)]
async fn a_list_is_as_of_the_revision_that_is_meant() {
    let fixture = Fixture::new();
    let first = fixture.put(config_map("shop", "a", "", "1")).await;
    let second = fixture.put(config_map("shop", "b", "", "1")).await;
    for (query, code, names, version) in [
        (String::new(), 200, &["a", "b"][..], second),
        ("resourceVersion=0".to_owned(), 200, &["a", "b"], second),
        (format!("resourceVersion={first}"), 200, &["a", "b"], second),
        (
            format!("resourceVersion={first}&resourceVersionMatch=NotOlderThan"),
            200,
            &["a", "b"],
            second,
        ),
        (
            format!("resourceVersion={first}&resourceVersionMatch=Exact"),
            200,
            &["a"],
            first,
        ),
        // What kubectl of before 1.19 means by it.
        (format!("resourceVersion={first}&limit=5"), 200, &["a"], first),
        (format!("resourceVersion={}", second + 1), 504, &[], 0),
        (
            format!("resourceVersion={}&resourceVersionMatch=Exact", second + 1),
            504,
            &[],
            0,
        ),
    ] {
        let answer = fixture.answer(&format!("{ALL}?{query}"), "application/json").await;
        assert_eq!(answer.status().as_u16(), code, "{query}");
        assert_eq!(answer.headers().contains_key("retry-after"), code == 504);
        let answered = fixture.ask(&format!("{ALL}?{query}")).await;
        if code == 200 {
            assert_eq!(super::fixture::names(&answered.body), names, "{query}");
            assert_eq!(
                answered.body["metadata"]["resourceVersion"],
                version.to_string(),
                "{query}"
            );
        } else {
            let cause = &answered.body["details"]["causes"][0]["reason"];
            assert_eq!(cause, "ResourceVersionTooLarge", "{query}");
        }
    }
}

#[tokio::test]
async fn pages_make_up_one_list_whatever_happens_between() {
    let fixture = filled(12).await;
    let whole = fixture.names(SHOP).await;
    for (limit, query) in [(1, SHOP), (5, SHOP), (5, ALL), (12, ALL), (13, ALL)] {
        let (mut seen, mut versions, mut path) = (Vec::new(), BTreeSet::new(), format!("{query}?limit={limit}"));
        loop {
            let page = fixture.ask(&path).await;
            assert_eq!(page.code, StatusCode::OK, "{}", page.text);
            let shown = names(&page.body);
            assert!(shown.len() <= limit);
            seen.extend(shown);
            versions.insert(page.body["metadata"]["resourceVersion"].to_string());
            fixture
                .put(config_map("shop", &format!("c0003x{}", seen.len()), "", "new"))
                .await;
            fixture
                .delete(&config_map("shop", &format!("c0003x{}", seen.len()), "", ""))
                .await;
            let Some(token) = page.body["metadata"]["continue"].as_str() else {
                break;
            };
            path = format!("{query}?limit={limit}&continue={token}");
        }
        assert_eq!(seen, whole, "{limit}");
        assert_eq!(versions.len(), 1, "{limit}");
    }
}

#[tokio::test]
async fn a_limit_counts_what_is_shown() {
    let fixture = Fixture::new();
    for index in 0..30 {
        let labels = if index % 3 == 0 { "a=b" } else { "" };
        fixture
            .put(config_map("shop", &format!("c{index:02}"), labels, "1"))
            .await;
    }
    let page = fixture.ask(&format!("{SHOP}?labelSelector=a%3Db&limit=4")).await;
    assert_eq!(names(&page.body), ["c00", "c03", "c06", "c09"]);
    let token = page.body["metadata"]["continue"].as_str().unwrap();
    let rest = fixture
        .names(&format!("{SHOP}?labelSelector=a%3Db&continue={token}"))
        .await;
    assert_eq!(rest, ["c12", "c15", "c18", "c21", "c24", "c27"]);
    let elsewhere = fixture
        .ask(&format!("/api/v1/namespaces/other/configmaps?continue={token}"))
        .await;
    assert_eq!(elsewhere.code, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_token_that_is_too_old_comes_with_another() {
    let fixture = filled(4).await;
    let page = fixture.ask(&format!("{SHOP}?limit=2")).await;
    let token = page.body["metadata"]["continue"].as_str().unwrap();
    let revision = fixture.revision();
    outlast(&fixture).await;
    let expired = fixture.ask(&format!("{SHOP}?limit=2&continue={token}")).await;
    assert_eq!(expired.code, StatusCode::GONE);
    assert_eq!(expired.body["reason"], "Expired");
    let token = expired.body["metadata"]["continue"].as_str().unwrap();
    let rest = fixture.ask(&format!("{SHOP}?limit=2&continue={token}")).await;
    assert_eq!(names(&rest.body), ["c0002", "c0003"]);
    assert_eq!(rest.body["metadata"]["resourceVersion"], fixture.revision().to_string());
    let exact = fixture
        .ask(&format!("{SHOP}?resourceVersion={revision}&resourceVersionMatch=Exact"))
        .await;
    assert_eq!(exact.code, StatusCode::GONE);
    assert_eq!(
        exact.body["message"],
        "The resourceVersion for the provided list is too old."
    );
}

#[tokio::test]
async fn a_long_list_is_sent_in_pieces_and_whole() {
    let fixture = filled(1203).await;
    let mut body = fixture.answer(ALL, "application/json").await.into_body();
    let (mut pieces, mut text) = (0, Vec::new());
    while let Some(frame) = body.frame().await {
        // What happens while it is sent is not in it.
        fixture.put(config_map("shop", &format!("d{pieces}"), "", "1")).await;
        fixture
            .delete(&config_map("shop", &format!("c120{pieces}"), "", ""))
            .await;
        pieces += 1;
        text.extend_from_slice(&frame.unwrap().into_data().unwrap());
    }
    assert_eq!(pieces, 3);
    let list: Value = serde_json::from_slice(&text).unwrap();
    let expected: Vec<String> = (0..1203).map(|index| format!("c{index:04}")).collect();
    assert_eq!(names(&list), expected);
}

#[tokio::test]
async fn a_list_that_cannot_go_on_is_cut_and_not_ended() {
    let fixture = filled(600).await;
    let mut body = fixture.answer(ALL, "application/json").await.into_body();
    assert!(body.frame().await.unwrap().is_ok());
    outlast(&fixture).await;
    assert!(body.frame().await.unwrap().is_err());
}

#[tokio::test]
async fn control_objects_are_listed_like_any_other() {
    let fixture = Fixture::new();
    for name in ["a", "b", "c"] {
        fixture.put_source(name, json!({"objects": 1}));
    }
    let path = "/apis/sync.k1s.io/v1alpha1/sources";
    let whole = fixture.ask(path).await;
    assert_eq!(whole.body["kind"], "SourceList");
    assert_eq!(whole.body["apiVersion"], "sync.k1s.io/v1alpha1");
    assert_eq!(
        fixture.names(&format!("{path}?fieldSelector=metadata.name=b")).await,
        ["b"]
    );
    let page = fixture.ask(&format!("{path}?limit=2")).await;
    assert_eq!(names(&page.body), ["a", "b"]);
    let token = page.body["metadata"]["continue"].as_str().unwrap().to_owned();
    assert_eq!(fixture.names(&format!("{path}?continue={token}")).await, ["c"]);
    fixture.put_source("d", json!({}));
    let expired = fixture.ask(&format!("{path}?continue={token}")).await;
    assert_eq!(expired.code, StatusCode::GONE);
}
