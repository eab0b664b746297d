//! Which requests are answered at all, and how the others are refused.

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::Full;

use crate::documents::{Lister, config_map};
use crate::harness::Harness;

const CONTROL: &str = "/apis/sync.k1s.io/v1alpha1";
const NO_PAGE: (u16, &str, &str) = (404, "text/plain; charset=utf-8", "404 page not found\n");

async fn with_config_map(name: &str) -> Harness {
    let harness = Harness::new();
    let mut source = Lister::launch(harness.store.writer().clone(), "files").await;
    source.list([config_map(name)]).await;
    harness
}

#[tokio::test]
async fn paths_that_name_nothing_are_no_pages() {
    let harness = with_config_map("a").await;
    for path in [
        "/",
        "/nowhere",
        "/api/v2",
        "/api/v1/nothings",
        "/api/v1//configmaps",
        "/api/v1/watch/configmaps",
        "/api/v1/configmaps/a",
        "/api/v1/namespaces/shop/nodes",
        "/api/v1/namespaces/shop/nodes/a",
        "/api/v1/namespaces/shop/namespaces",
        "/api/v1/namespaces/shop/status",
        "/api/v1/namespaces/shop/finalize",
        "/api/v1/namespaces/shop/configmaps/a/status",
        "/api/v1/namespaces/shop/configmaps/a/b/c",
        "/api/v1/namespaces/shop/configmaps/%ff",
        "/api/v1/namespaces/shop/configmaps/%0",
        "/api/v1/namespaces/shop%00/configmaps/a",
        "/api/v1/ConfigMaps",
        "/apis/apps/v2/deployments",
        "/apis/v1/configmaps",
        "/apis/authorization.k8s.io/v1/subjectaccessreviews",
        "/openapi/v2",
        "/openapi/v3",
        "/apis/sync.k1s.io/v1alpha1/namespaces/shop/sources",
        "/apis/sync.k1s.io/v1alpha1/sources/files/status",
        "/apis/sync.k1s.io/v1alpha1/sources/files/approve",
        "/apis/sync.k1s.io/v1/sources",
    ] {
        let answered = harness.get(path).await;
        let found = (answered.code.as_u16(), answered.header("content-type"), &*answered.text);
        assert_eq!(found, NO_PAGE, "{path}");
    }
}

#[tokio::test]
async fn objects_are_found_where_they_are() {
    let harness = with_config_map("a").await;
    for path in [
        "/api/v1/configmaps",
        "/api/v1/configmaps/",
        "/api/v1/namespaces/shop/configmaps",
        "/api/v1/namespaces/shop/configmaps/a",
        "/api/v1/namespaces/shop/configmaps/%61",
        "/api/v1/namespaces/shop/configmaps/a/",
        "/api/v1/namespaces/shop",
        "/api/v1/namespaces",
        "/apis/sync.k1s.io/v1alpha1/sources",
        "/apis/sync.k1s.io/v1alpha1/sources/files",
        "/apis/sync.k1s.io/v1alpha1/heldprunes",
    ] {
        assert_eq!(harness.get(path).await.code, 200, "{path}");
    }
}

#[tokio::test]
async fn a_missing_object_is_told_as_kubectl_shows_it() {
    let harness = Harness::new();
    for (path, message) in [
        ("/api/v1/namespaces/shop/configmaps/x", "configmaps \"x\" not found"),
        (
            "/api/v1/namespaces/shop/configmaps/a%2Fb",
            "configmaps \"a/b\" not found",
        ),
        (
            "/apis/apps/v1/namespaces/shop/deployments/x",
            "deployments.apps \"x\" not found",
        ),
        (
            "/apis/sync.k1s.io/v1alpha1/sources/x",
            "sources.sync.k1s.io \"x\" not found",
        ),
    ] {
        let refusal = harness.get(path).await.refusal();
        assert_eq!(refusal, (404, "NotFound".to_owned(), message.to_owned()), "{path}");
    }
    let details = harness.get("/apis/apps/v1/namespaces/shop/deployments/x").await.json()["details"].clone();
    assert_eq!(
        details,
        serde_json::json!({"name": "x", "group": "apps", "kind": "deployments"})
    );
}

#[tokio::test]
async fn what_cannot_be_written_says_what_can_be_done() {
    let harness = with_config_map("a").await;
    let reading = "GET, HEAD";
    let message = "the server does not allow this method on the requested resource";
    for (method, path, allowed) in [
        ("POST", "/api/v1/namespaces/shop/configmaps", reading),
        ("PUT", "/api/v1/namespaces/shop/configmaps/a", reading),
        ("PATCH", "/api/v1/namespaces/shop/configmaps/a", reading),
        ("DELETE", "/api/v1/namespaces/shop/configmaps/a", reading),
        ("DELETE", "/api/v1/namespaces/shop/configmaps", reading),
        ("OPTIONS", "/api/v1/configmaps", reading),
        ("POST", "/version", reading),
        ("DELETE", "/api", reading),
        ("POST", "/apis/sync.k1s.io/v1alpha1/sources", reading),
        ("PATCH", "/apis/sync.k1s.io/v1alpha1/sources", reading),
        ("PATCH", "/apis/sync.k1s.io/v1alpha1/heldprunes/9c41", reading),
        ("DELETE", "/apis/sync.k1s.io/v1alpha1/sources/files", "GET, HEAD, PATCH"),
        ("GET", "/apis/sync.k1s.io/v1alpha1/sources/files/sync", "POST"),
        ("PUT", "/apis/sync.k1s.io/v1alpha1/heldprunes/9c41/approve", "POST"),
        ("POST", "/apis/sync.k1s.io/v1alpha1/heldprunes/9c41/objects", reading),
    ] {
        let answered = harness.ask(method, path, &[], "{}").await;
        let expected = (405, "MethodNotAllowed".to_owned(), message.to_owned());
        assert_eq!(answered.refusal(), expected, "{method} {path}");
        assert_eq!(answered.header("allow"), allowed, "{method} {path}");
    }
    assert_eq!(harness.daemon.orders(), []);
    assert_eq!(harness.get("/api/v1/namespaces/shop/configmaps/a").await.code, 200);
}

#[tokio::test]
async fn head_is_get_without_the_body() {
    let harness = with_config_map("a").await;
    for (path, code) in [
        ("/api/v1/namespaces/shop/configmaps/a", 200),
        ("/api/v1/namespaces/shop/configmaps/b", 404),
        ("/apis", 200),
        ("/healthz", 200),
        ("/nowhere", 404),
    ] {
        let answered = harness.ask("HEAD", path, &[], "").await;
        assert_eq!((answered.code.as_u16(), &*answered.text), (code, ""), "{path}");
    }
}

#[tokio::test]
async fn a_form_that_is_not_served_is_refused() {
    let harness = with_config_map("a").await;
    let one = "/api/v1/namespaces/shop/configmaps/a";
    for (path, accept, code) in [
        (one, "application/json", 200),
        (one, "application/vnd.kubernetes.protobuf,application/json", 200),
        (one, "application/yaml;q=0.9, application/json;q=0.1", 200),
        (one, "text/html, */*;q=0.1", 200),
        (one, "APPLICATION/JSON; charset=utf-8", 200),
        (one, "", 200),
        (one, "application/yaml", 406),
        (one, "application/vnd.kubernetes.protobuf", 406),
        (one, "application/json;q=0", 406),
        (one, "application/json;as=Chair;v=v1;g=meta.k8s.io", 406),
        (one, "application/json;as=Table;v=v2;g=meta.k8s.io", 406),
        ("/apis", "application/yaml", 406),
        (
            "/apis/apps/v1",
            "application/json;as=APIGroupDiscoveryList;v=v2;g=apidiscovery.k8s.io",
            406,
        ),
        (
            "/apis",
            "application/json;as=APIGroupDiscoveryList;v=v3;g=apidiscovery.k8s.io",
            406,
        ),
        ("/healthz", "application/yaml", 200),
    ] {
        let answered = harness.ask("GET", path, &[("accept", accept)], "").await;
        assert_eq!(answered.code.as_u16(), code, "{path} {accept}");
        if code == 406 {
            let message = "only the following media types are accepted: application/json";
            assert_eq!(
                answered.refusal(),
                (406, "NotAcceptable".to_owned(), message.to_owned())
            );
        }
    }
}

#[tokio::test]
async fn a_body_is_read_up_to_its_limit() {
    let harness = Harness::new();
    let limit = 3 * 1024 * 1024;
    let padded = |bytes: usize| format!("{{}}{}", " ".repeat(bytes - 2));
    let within = harness.post("sources/files/sync", &padded(limit)).await;
    assert_eq!(within.code, 200);
    let over = harness.post("sources/files/sync", &padded(limit + 1)).await;
    let expected = (
        413,
        "RequestEntityTooLarge".to_owned(),
        format!("Request entity too large: limit is {limit}"),
    );
    assert_eq!(over.refusal(), expected);
    assert_eq!(harness.daemon.orders().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_arrive_is_given_up() {
    use http_body_util::BodyExt as _;
    use tower::ServiceExt as _;

    let harness = Harness::new();
    let body = http_body_util::StreamBody::new(futures_util::stream::pending::<
        Result<hyper::body::Frame<Bytes>, std::convert::Infallible>,
    >());
    let path = format!("{CONTROL}/sources/files/sync");
    let request = Request::builder().method(Method::POST).uri(path).body(body).unwrap();
    let answered = harness.api.clone().oneshot(request).await.unwrap();
    assert_eq!(answered.status(), 408);
    let text = answered.into_body().collect().await.unwrap().to_bytes();
    assert!(String::from_utf8_lossy(&text).contains("did not arrive in time"));
    assert_eq!(harness.daemon.orders(), []);
}

#[tokio::test]
async fn an_unreadable_header_is_no_panic() {
    let harness = Harness::new();
    for name in ["accept", "authorization", "user-agent", "content-type", "if-none-match"] {
        let value = http::HeaderValue::from_bytes(b"\xff\xfe").unwrap();
        let request = Request::builder()
            .method("POST")
            .uri(format!("{CONTROL}/sources/files/sync"))
            .header(name, value)
            .body(Full::new(Bytes::from_static(b"{}")))
            .unwrap();
        let answered = harness.send(request).await;
        let expected = if name == "content-type" { 415 } else { 200 };
        assert_eq!(answered.code.as_u16(), expected, "{name}");
    }
}
