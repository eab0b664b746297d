//! Whatever is asked, there is an answer, and it is not 500.

use std::sync::LazyLock;

use http::{Method, StatusCode};
use proptest::prelude::*;
use tokio::runtime::Runtime;

use crate::harness::{Answered, Harness};

const CASES: u32 = 256;

/// One API for all cases; nothing that is asked here changes it but the board's only source.
static ASKED: LazyLock<(Runtime, Harness)> = LazyLock::new(|| {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    (runtime, Harness::new())
});

fn answered(method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Option<Answered> {
    let uri = path.parse::<http::Uri>().ok()?;
    let (runtime, harness) = &*ASKED;
    Some(runtime.block_on(harness.ask(method, &uri.to_string(), headers, body)))
}

fn segment() -> impl Strategy<Value = String> {
    let known = [
        "api",
        "apis",
        "v1",
        "v1alpha1",
        "namespaces",
        "configmaps",
        "pods",
        "nodes",
        "shop",
        "sync.k1s.io",
        "sources",
        "heldprunes",
        "files",
        "sync",
        "objects",
        "status",
        "watch",
        "readyz",
        "apps",
        "deployments",
        "",
        ".",
        "..",
        "%2F",
        "%00",
        "%",
        "%zz",
        "%C3%28",
        "9c41",
    ];
    prop_oneof![
        6 => prop::sample::select(known.to_vec()).prop_map(str::to_owned),
        1 => "[!-~]{0,12}",
    ]
}

fn parameter() -> impl Strategy<Value = String> {
    // No `watch`: such an answer has no end to wait for.
    let keys = [
        "limit",
        "continue",
        "resourceVersion",
        "resourceVersionMatch",
        "labelSelector",
        "fieldSelector",
        "timeoutSeconds",
        "dryRun",
        "fieldManager",
        "verbose",
        "exclude",
        "includeObject",
        "pretty",
        "x",
    ];
    let values = [
        "",
        "0",
        "1",
        "-1",
        "true",
        "All",
        "99999999999999999999",
        "a=b",
        "%zz",
        "%FF",
        "a;b",
        "NotOlderThan",
    ];
    (
        prop::sample::select(keys.to_vec()),
        prop_oneof![
            prop::sample::select(values.to_vec()).prop_map(str::to_owned),
            "[!-~]{0,12}",
        ],
    )
        .prop_map(|(key, value)| format!("{key}={value}"))
}

fn accept() -> impl Strategy<Value = String> {
    let parts = [
        "application/json",
        "application/yaml",
        "*/*",
        "application/*",
        ";q=0.5",
        ";q=",
        ";q=1.0001",
        ";q=-1",
        ";q=é",
        ";as=Table",
        ";v=v1",
        ";g=meta.k8s.io",
        ";as=PartialObjectMetadataList",
        ",",
        ";",
        "=",
        "\"",
        " ",
        ";as=APIGroupDiscoveryList",
        ";g=apidiscovery.k8s.io",
        ";v=v2",
    ];
    prop::collection::vec(prop::sample::select(parts.to_vec()), 0..10).prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: CASES, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_path_has_an_answer(
        segments in prop::collection::vec(segment(), 0..8),
        parameters in prop::collection::vec(parameter(), 0..4),
        method in prop::sample::select(vec![Method::GET, Method::HEAD, Method::PUT, Method::DELETE, Method::OPTIONS]),
        accept in accept(),
    ) {
        let path = format!("/{}?{}", segments.join("/"), parameters.join("&"));
        if let Some(answered) = answered(method.as_str(), &path, &[("accept", &accept)], "") {
            prop_assert_ne!(answered.code, StatusCode::INTERNAL_SERVER_ERROR, "{} {}: {:?}", method, path, answered);
        }
    }

    #[test]
    fn every_body_has_an_answer(
        body in prop_oneof![
            "\\PC{0,40}",
            Just("{\"metadata\":{\"annotations\":null}}".to_owned()),
            Just("{\"metadata\":null}".to_owned()),
            Just("{\"spec\":null}".to_owned()),
            Just("{\"spec\":[]}".to_owned()),
            Just("{\"metadata\":{\"annotations\":[1],\"uid\":null}}".to_owned()),
            Just("[".repeat(1000)),
            "\\{\"(spec|metadata)\":\\{\"(suspend|name|uid|annotations|labels)\":(true|1|null|\"x\"|\\{\\}|\\[\\]|\\{\"a\":1\\})\\}\\}",
        ],
        target in prop::sample::select(vec![
            ("PATCH", "sources/files"),
            ("POST", "sources/files/sync"),
            ("POST", "heldprunes/9c41/approve"),
        ]),
    ) {
        let (method, path) = target;
        let path = format!("/apis/sync.k1s.io/v1alpha1/{path}?dryRun=All");
        let content_type = if method == "PATCH" { "application/merge-patch+json" } else { "application/json" };
        if let Some(answered) = answered(method, &path, &[("content-type", content_type)], &body) {
            prop_assert_ne!(answered.code, StatusCode::INTERNAL_SERVER_ERROR, "{} {}: {:?}", method, body, answered);
        }
    }
}
