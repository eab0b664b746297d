//! Discovery: groups, versions, kinds, and what of them is served.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::documents::{Lister, widgets};
use crate::harness::Harness;

const V2: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
const V2BETA1: &str = "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList";

fn row<'l>(list: &'l Value, name: &str) -> Option<&'l Value> {
    let mut rows = list["resources"].as_array().unwrap().iter();
    rows.find(|row| row["name"] == name)
}

fn names(list: &Value, pointer: &str) -> Vec<String> {
    let groups = list["groups"].as_array().unwrap().iter();
    groups
        .map(|group| group.pointer(pointer).unwrap().as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn the_core_group_is_listed_in_one_version() {
    let harness = Harness::new();
    for path in ["/api", "/api/"] {
        let core = harness.get(path).await.json();
        assert_eq!(
            (&core["kind"], &core["versions"]),
            (&json!("APIVersions"), &json!(["v1"])),
            "{path}"
        );
    }
    let list = harness.get("/api/v1").await.json();
    assert_eq!(
        (&list["kind"], &list["groupVersion"]),
        (&json!("APIResourceList"), &json!("v1"))
    );
    assert_eq!(
        row(&list, "configmaps").unwrap(),
        &json!({
            "name": "configmaps", "singularName": "configmap", "namespaced": true, "kind": "ConfigMap",
            "verbs": ["get", "list", "watch"], "shortNames": ["cm"],
        })
    );
    assert_eq!(row(&list, "pods").unwrap()["categories"], json!(["all"]));
    assert_eq!(row(&list, "namespaces").unwrap()["namespaced"], false);
    assert_eq!(row(&list, "bindings"), None, "what can only be created is not served");
}

#[tokio::test]
async fn groups_prefer_their_most_stable_version() {
    let harness = Harness::new();
    let list = harness.get("/apis").await.json();
    assert_eq!(list["kind"], "APIGroupList");
    let groups = names(&list, "/name");
    assert_eq!(groups[0], "sync.k1s.io");
    assert!(
        !groups
            .iter()
            .any(|name| name.starts_with("auth") && name.contains("k8s.io") && !name.contains("rbac"))
    );
    assert_eq!(
        groups.iter().collect::<BTreeSet<_>>().len(),
        groups.len(),
        "each group once"
    );
    for (group, versions) in [
        ("autoscaling", json!(["v2", "v1"])),
        ("admissionregistration.k8s.io", json!(["v1", "v1beta1", "v1alpha1"])),
        ("sync.k1s.io", json!(["v1alpha1"])),
    ] {
        let found = harness.get(&format!("/apis/{group}")).await.json();
        let listed: Vec<&Value> = found["versions"]
            .as_array()
            .unwrap()
            .iter()
            .map(|of| &of["version"])
            .collect();
        assert_eq!(json!(listed), versions, "{group}");
        assert_eq!(
            (&found["kind"], &found["preferredVersion"]["version"]),
            (&json!("APIGroup"), &versions[0])
        );
    }
}

#[tokio::test]
async fn every_version_of_a_kind_is_listed() {
    let harness = Harness::new();
    for version in ["v1", "v2"] {
        let list = harness.get(&format!("/apis/autoscaling/{version}")).await.json();
        assert!(row(&list, "horizontalpodautoscalers").is_some(), "{version}");
    }
}

#[tokio::test]
async fn control_kinds_say_what_can_be_done_with_them() {
    let list = Harness::new().get("/apis/sync.k1s.io/v1alpha1").await.json();
    let rows: Vec<(&str, Value)> = list["resources"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["name"].as_str().unwrap(), row["verbs"].clone()))
        .collect();
    assert_eq!(
        rows,
        [
            ("sources", json!(["get", "list", "patch", "watch"])),
            ("sources/sync", json!(["create"])),
            ("sources/reset", json!(["create"])),
            ("heldprunes", json!(["get", "list", "watch"])),
            ("heldprunes/approve", json!(["create"])),
            ("heldprunes/undo", json!(["create"])),
            ("heldprunes/objects", json!(["get"])),
        ]
    );
}

#[tokio::test]
async fn a_definition_that_arrives_is_there_at_the_next_request() {
    let harness = Harness::new();
    for path in [
        "/apis/example.com",
        "/apis/example.com/v1",
        "/apis/example.com/v1/widgets",
    ] {
        let answered = harness.get(path).await;
        assert_eq!(
            (answered.code.as_u16(), &*answered.text),
            (404, "404 page not found\n"),
            "{path}"
        );
    }
    let before = harness.ask("GET", "/apis", &[("accept", V2)], "").await;
    let mut source = Lister::launch(harness.store.writer().clone(), "files").await;
    source.list([widgets()]).await;
    let group = harness.get("/apis/example.com").await.json();
    assert_eq!(group["preferredVersion"]["groupVersion"], "example.com/v1");
    for (version, code) in [("v1", 200), ("v1beta1", 200), ("v2alpha1", 404)] {
        let answered = harness.get(&format!("/apis/example.com/{version}")).await;
        assert_eq!(answered.code, code, "{version}");
    }
    let list = harness.get("/apis/example.com/v1").await.json();
    assert_eq!(row(&list, "widgets").unwrap()["shortNames"], json!(["wd"]));
    let after = harness.ask("GET", "/apis", &[("accept", V2)], "").await;
    assert_ne!(before.header("etag"), after.header("etag"));
    assert_eq!(harness.get("/apis/example.com/v1/widgets").await.code, 200);
}

#[tokio::test]
async fn aggregated_discovery_comes_in_the_form_asked_for() {
    let harness = Harness::new();
    let both = format!("{V2},{V2BETA1},application/json");
    let swapped = format!("{V2BETA1},{V2},application/json");
    let peerless = format!("{V2};profile=nopeer,application/json");
    for (accept, content_type, api_version) in [
        (V2, V2, "apidiscovery.k8s.io/v2"),
        (V2BETA1, V2BETA1, "apidiscovery.k8s.io/v2beta1"),
        (&both, V2, "apidiscovery.k8s.io/v2"),
        (&swapped, V2BETA1, "apidiscovery.k8s.io/v2beta1"),
        (&peerless, V2, "apidiscovery.k8s.io/v2"),
    ] {
        for path in ["/api", "/apis"] {
            let answered = harness.ask("GET", path, &[("accept", accept)], "").await;
            assert_eq!(
                (answered.code.as_u16(), answered.header("content-type")),
                (200, content_type)
            );
            let list = answered.json();
            assert_eq!(
                (&list["kind"], &list["apiVersion"]),
                (&json!("APIGroupDiscoveryList"), &json!(api_version))
            );
            let tag = answered.header("etag");
            let again = harness
                .ask("GET", path, &[("accept", accept), ("if-none-match", tag)], "")
                .await;
            assert_eq!((again.code.as_u16(), &*again.text), (304, ""));
        }
    }
    for accept in ["application/json", "*/*", ""] {
        let answered = harness.ask("GET", "/apis", &[("accept", accept)], "").await;
        assert_eq!(answered.json()["kind"], "APIGroupList", "{accept}");
    }
}

#[tokio::test]
async fn aggregated_discovery_says_the_same_as_the_documents_of_each_version() {
    let harness = Harness::new();
    let mut source = Lister::launch(harness.store.writer().clone(), "files").await;
    source.list([widgets()]).await;
    for (path, prefix) in [("/api", "/api"), ("/apis", "/apis/")] {
        let all = harness.ask("GET", path, &[("accept", V2)], "").await.json();
        for group in all["items"].as_array().unwrap() {
            let name = group["metadata"]
                .get("name")
                .and_then(Value::as_str)
                .unwrap_or_default();
            for version in group["versions"].as_array().unwrap() {
                let one = format!("{prefix}{name}/{}", version["version"].as_str().unwrap());
                let legacy = harness.get(&one).await.json();
                assert_eq!(flattened(version), rows(&legacy), "{one}");
            }
        }
    }
}

/// Names, kinds and verbs, as the documents of a version tell them.
fn rows(list: &Value) -> Vec<Value> {
    let rows = list["resources"].as_array().unwrap().iter();
    rows.map(|row| json!([row["name"], row["kind"], row["verbs"]]))
        .collect()
}

/// The same, from aggregated discovery.
fn flattened(version: &Value) -> Vec<Value> {
    let mut rows = Vec::new();
    for resource in version["resources"].as_array().unwrap() {
        let name = resource["resource"].as_str().unwrap();
        rows.push(json!([name, resource["responseKind"]["kind"], resource["verbs"]]));
        for below in resource
            .get("subresources")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            let below_name = format!("{name}/{}", below["subresource"].as_str().unwrap());
            rows.push(json!([below_name, below["responseKind"]["kind"], below["verbs"]]));
        }
    }
    rows
}
