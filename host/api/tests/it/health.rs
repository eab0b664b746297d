//! Health, version, figures, and who is shown them.

use std::sync::Arc;

use k1s_api::service::{Access, Unwell};

use crate::daemon::OneToken;
use crate::harness::Harness;

fn unwell() -> Result<(), Unwell> {
    Err(Unwell("the disk is full".into()))
}

#[tokio::test]
async fn health_is_told_as_a_kubernetes_api_server_tells_it() {
    let harness = Harness::new();
    for (path, code, text) in [
        ("/healthz", 200, "ok"),
        ("/livez", 200, "ok"),
        ("/readyz", 200, "ok"),
        ("/readyz/", 200, "ok"),
        ("/readyz/store", 200, "ok"),
        ("/livez/ping", 200, "ok"),
        ("/readyz/nothing", 404, "404 page not found\n"),
        ("/readyz/store/more", 404, "404 page not found\n"),
        (
            "/readyz?verbose",
            200,
            "[+]ping ok\n[+]store ok\n[+]sources ok\nreadyz check passed\n",
        ),
        ("/livez?verbose=1", 200, "[+]ping ok\nlivez check passed\n"),
    ] {
        let answered = harness.get(path).await;
        assert_eq!((answered.code.as_u16(), &*answered.text), (code, text), "{path}");
        assert_eq!(answered.header("content-type"), "text/plain; charset=utf-8", "{path}");
    }
    harness.daemon.check("store", unwell());
    let lines = "[+]ping ok\n[+]sources ok\n[-]store failed: the disk is full\nreadyz check failed\n";
    for (path, code, text) in [
        ("/readyz", 500, lines),
        ("/livez", 200, "ok"),
        ("/readyz/store", 500, "internal server error: the disk is full\n"),
        ("/readyz/sources", 200, "ok"),
        ("/readyz?exclude=store", 200, "ok"),
        (
            "/readyz?exclude=store&exclude=sources&verbose",
            200,
            "[+]ping ok\n[+]sources excluded: ok\n[+]store excluded: ok\nreadyz check passed\n",
        ),
    ] {
        let answered = harness.get(path).await;
        assert_eq!((answered.code.as_u16(), &*answered.text), (code, text), "{path}");
    }
}

#[tokio::test]
async fn the_version_says_which_kubernetes_this_is_like_and_what_it_is() {
    let version = Harness::new().get("/version").await.json();
    assert_eq!(
        (&version["major"], &version["minor"], &version["gitVersion"]),
        (&"1".into(), &"35".into(), &"v1.35.3+k1s-sync.0.1.0".into())
    );
}

#[tokio::test]
async fn figures_are_openmetrics() {
    let answered = Harness::new().get("/metrics").await;
    assert_eq!(
        answered.header("content-type"),
        "application/openmetrics-text; version=1.0.0; charset=utf-8"
    );
    assert!(answered.text.ends_with("# EOF\n"), "{}", answered.text);
}

#[tokio::test]
async fn nothing_else_is_shown_without_the_token() {
    let harness = Harness::with(Access::Token(Arc::new(OneToken("good"))));
    for open in ["/healthz", "/livez", "/readyz", "/readyz/store", "/version"] {
        assert_eq!(harness.get(open).await.code, 200, "{open}");
    }
    let closed = [
        "/metrics",
        "/api",
        "/apis",
        "/apis/apps",
        "/api/v1",
        "/api/v1/configmaps",
        "/nowhere",
        "/",
        "/healthz/../api",
        "//api",
    ];
    let refused = [
        None,
        Some("Bearer bad"),
        Some("Bearer "),
        Some("Bearer"),
        Some("Basic good"),
        Some("good"),
        Some("Bearer good good"),
    ];
    for path in closed {
        for header in refused {
            let headers: Vec<(&str, &str)> = header.map(|value| ("authorization", value)).into_iter().collect();
            let answered = harness.ask("GET", path, &headers, "").await;
            let expected = (401, "Unauthorized".to_owned(), "Unauthorized".to_owned());
            assert_eq!(answered.refusal(), expected, "{path} {header:?}");
            assert_eq!(answered.header("www-authenticate"), "Bearer realm=\"k1s\"");
        }
        for header in ["Bearer good", "bearer  good"] {
            let answered = harness.ask("GET", path, &[("authorization", header)], "").await;
            assert_ne!(answered.code, 401, "{path} {header}");
        }
    }
}

#[tokio::test]
async fn an_order_without_the_token_reaches_nobody() {
    let harness = Harness::with(Access::Token(Arc::new(OneToken("good"))));
    let patched = harness.patch("", r#"{"spec": {"suspend": true}}"#).await;
    let posted = harness.post("sources/files/reset", "").await;
    assert_eq!((patched.code.as_u16(), posted.code.as_u16()), (401, 401));
    assert_eq!(harness.daemon.orders(), []);
}
