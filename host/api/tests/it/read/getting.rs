//! One object.

use http::StatusCode;
use serde_json::json;

use super::fixture::{Fixture, config_map};

#[tokio::test]
async fn an_object_is_served_with_what_the_store_knows() {
    let fixture = Fixture::new();
    let revision = fixture.put(config_map("shop", "cart", "", "1")).await;
    let answered = fixture.ask("/api/v1/namespaces/shop/configmaps/cart").await;
    assert_eq!(answered.code, StatusCode::OK);
    assert!(answered.text.ends_with("}\n"));
    let metadata = &answered.body["metadata"];
    assert_eq!(metadata["resourceVersion"], revision.to_string());
    assert_eq!(metadata["generation"], 1);
    assert_eq!(metadata["creationTimestamp"], "2023-11-14T22:13:20Z");
    assert_eq!(answered.body["data"], json!({"v": "1"}));
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let fixture = Fixture::new();
    let answered = fixture.ask("/api/v1/namespaces/shop/configmaps/cart").await;
    assert_eq!(answered.code, StatusCode::NOT_FOUND);
    assert_eq!(answered.body["message"], "configmaps \"cart\" not found");
    assert_eq!(answered.body["details"], json!({"kind": "configmaps", "name": "cart"}));
    let answered = fixture.ask("/apis/sync.k1s.io/v1alpha1/sources/files").await;
    assert_eq!(answered.body["message"], "sources.sync.k1s.io \"files\" not found");
}

#[tokio::test]
async fn an_object_can_be_reduced_to_its_metadata() {
    let fixture = Fixture::new();
    fixture.put(config_map("shop", "cart", "a=b", "1")).await;
    let path = "/api/v1/namespaces/shop/configmaps/cart";
    let answered = fixture
        .ask_as(path, "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1")
        .await;
    let reduced = &answered.body;
    assert_eq!(
        (&reduced["kind"], &reduced["apiVersion"], &reduced["data"]),
        (&json!("PartialObjectMetadata"), &json!("meta.k8s.io/v1"), &json!(null))
    );
    assert_eq!(reduced["metadata"]["labels"], json!({"a": "b"}));
    let refused = fixture
        .ask_as(path, "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1")
        .await;
    assert_eq!(refused.code, StatusCode::NOT_ACCEPTABLE);
}

#[tokio::test]
async fn a_control_object_is_read_like_any_other() {
    let fixture = Fixture::new();
    fixture.put_source("files", json!({"objects": 3}));
    let answered = fixture.ask("/apis/sync.k1s.io/v1alpha1/sources/files").await;
    assert_eq!(answered.body["kind"], "Source");
    assert_eq!(answered.body["status"]["objects"], 3);
}

#[tokio::test(start_paused = true)]
async fn a_version_that_is_not_reached_is_waited_for_in_vain() {
    let fixture = Fixture::new();
    let revision = fixture.put(config_map("shop", "cart", "", "1")).await;
    let path = "/api/v1/namespaces/shop/configmaps/cart";
    let reached = fixture.ask(&format!("{path}?resourceVersion={revision}")).await;
    assert_eq!(reached.code, StatusCode::OK);
    let future = fixture.ask(&format!("{path}?resourceVersion={}", revision + 1)).await;
    assert_eq!(future.code, StatusCode::GATEWAY_TIMEOUT);
    assert_eq!(future.body["details"]["causes"][0]["reason"], "ResourceVersionTooLarge");
}
