//! Asking on condition, and being asked to wait.

use std::time::Duration;

use http::Version;
use k1s_getter_net::{Class, Fault, Limit, Request, Settings, Url, Validators};

use crate::authority::{Authority, Good};
use crate::servers::{SILENCE, Seen, Server, answer, client, trusting};

const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

fn revalidate(seen: &Seen, etag: &'static str) -> crate::servers::Answer {
    let headers = [("etag", etag), ("last-modified", DATE)];
    let is_same = seen.header("if-none-match") == Some(etag) || seen.header("if-modified-since") == Some(DATE);
    answer(
        if is_same { 304 } else { 200 },
        &headers,
        if is_same { "" } else { "body" },
    )
}

#[tokio::test]
async fn what_did_not_change_is_not_sent_again() -> anyhow::Result<()> {
    for etag in [r#""strong""#, r#"W/"weak""#] {
        let server = Server::http(move |seen| revalidate(seen, etag)).await?;
        let client = client(trusting());
        let url = server.url("origin.test", "/");
        let first = client.send(Request::get(url.clone())).await?;
        let validators = first.validators();
        assert_eq!(first.into_body().collect(10).await?, "body");
        // As it is kept across restarts.
        let kept: Validators = validators.to_string().parse()?;
        let second = client.send(Request::get(url.clone()).unless(&kept)).await?;
        assert!(second.is_unchanged());
        assert!(second.into_body().collect(0).await?.is_empty());
        let dated = Validators {
            etag: None,
            ..kept.clone()
        };
        assert!(client.send(Request::get(url).unless(&dated)).await?.is_unchanged());
        assert_eq!(server.connections(), 1, "the connection is kept");
    }
    Ok(())
}

#[tokio::test]
async fn what_was_not_asked_for_is_no_answer() -> anyhow::Result<()> {
    let client = client(trusting());
    for status in [304, 206] {
        let server = Server::http(move |_| answer(status, &[("content-range", "bytes 0-0/1")], "")).await?;
        let asked = client.send(Request::get(server.url("origin.test", "/")).unless(&Validators::default()));
        let error = asked.await.expect_err("it was not asked for");
        assert!(matches!(error.fault, Fault::Unasked(_)), "{error}");
        assert_eq!(error.class(), Class::Broken);
    }
    Ok(())
}

#[tokio::test]
async fn how_long_to_wait_is_told() -> anyhow::Result<()> {
    let client = client(trusting());
    for (status, after, expected, class) in [
        (429, "7", Some(7), Class::Busy),
        (503, "86400", Some(3600), Class::Unavailable),
        (503, DATE, Some(0), Class::Unavailable),
        (503, "soon", None, Class::Unavailable),
        (404, "", None, Class::Missing),
        (401, "", None, Class::Auth),
        (403, "", None, Class::Permission),
        (504, "", None, Class::Timeout),
    ] {
        let server = Server::http(move |_| answer(status, &[("retry-after", after)], "")).await?;
        let error = client
            .send(Request::get(server.url("origin.test", "/")))
            .await
            .expect_err("a failure");
        assert_eq!(
            error.retry_after(),
            expected.map(Duration::from_secs),
            "{status} {after}"
        );
        assert_eq!(error.class(), class, "{error}");
        assert_eq!(server.seen().len(), 1, "nobody asks again by themselves");
    }
    Ok(())
}

#[tokio::test]
async fn both_versions_of_http_are_spoken() -> anyhow::Result<()> {
    for (names, version) in [
        (&[b"h2" as &[u8], b"http/1.1"][..], Version::HTTP_2),
        (&[b"http/1.1"], Version::HTTP_11),
    ] {
        let leaf = Authority::shared().leaf("origin.test", Good::Now);
        let acceptor = Authority::acceptor(&leaf, names, None);
        let server = Server::https(acceptor, |_| answer(200, &[], "body")).await?;
        let client = client(trusting());
        for _ in 0..2 {
            let answer = client.send(Request::get(server.url("origin.test", "/a?b=c"))).await?;
            assert_eq!(answer.into_body().collect(10).await?, "body");
        }
        let seen = server.seen();
        assert!(seen.iter().all(|seen| seen.version == version), "{seen:?}");
        assert!(seen.iter().all(|seen| seen.target.ends_with("/a?b=c")), "{seen:?}");
        assert_eq!(server.connections(), 1);
    }
    Ok(())
}

#[tokio::test]
async fn a_connection_that_went_silent_is_not_used_again() -> anyhow::Result<()> {
    for names in [&[b"h2" as &[u8]], &[b"http/1.1" as &[u8]]] {
        let leaf = Authority::shared().leaf("origin.test", Good::Now);
        let server = Server::https(Authority::acceptor(&leaf, names, None), |_| answer(200, &[], "body")).await?;
        let limits = crate::servers::short();
        let client = client(Settings { limits, ..trusting() });
        let get = |path| Request::get(server.url("origin.test", path));
        client.send(get("/")).await?.into_body().collect(10).await?;
        let error = client.send(get(SILENCE)).await.expect_err("nobody answers");
        assert!(matches!(error.fault, Fault::Limit(Limit::Header(_))), "{error}");
        client.send(get("/")).await?.into_body().collect(10).await?;
        assert_eq!(server.connections(), 2);
    }
    Ok(())
}

#[tokio::test]
async fn a_place_without_anyone_is_unavailable() -> anyhow::Result<()> {
    let client = client(trusting());
    let port = {
        let closed = std::net::TcpListener::bind(("127.0.0.1", 0))?;
        closed.local_addr()?.port()
    };
    for (url, words) in [
        (format!("http://origin.test:{port}/"), "cannot be connected to"),
        ("http://nowhere.invalid/".to_owned(), "the name cannot be resolved"),
    ] {
        let error = client.send(Request::get(Url::parse(&url)?)).await.expect_err("nobody");
        assert!(error.to_string().contains(words), "{error}");
        assert_eq!(error.class(), Class::Unavailable);
    }
    Ok(())
}

#[tokio::test]
async fn an_answer_that_stands_for_something_else_is_not_what_is_there() -> anyhow::Result<()> {
    for status in [201, 202, 203, 204, 205, 206, 226, 299] {
        let server = Server::http(move |_| answer(status, &[], "")).await?;
        let refused = client(trusting())
            .send(Request::get(server.url("origin.test", "/")))
            .await;
        let error = refused.err().ok_or_else(|| anyhow::anyhow!("{status} was taken"))?;
        assert!(matches!(error.fault, Fault::Unasked(_)), "{status}: {error}");
        assert_eq!(error.class(), Class::Broken, "{status}");
    }
    Ok(())
}
