//! Redirects.

use http::header::ACCEPT;
use http::{HeaderName, HeaderValue};
use k1s_getter_address::Secret;
use k1s_getter_net::{Credential, Crossing, Fault, Key, NetError, RedirectFault, Reference, Request, Settings};

use crate::authority::Authority;
use crate::servers::{Seen, Server, answer, client, redirect, trusting};

const CANARY: &str = "CANARY-7f3a";

fn key(server: &Server) -> Key {
    Key {
        origin: server.origin("origin.test"),
        credential: Some(Credential::Bearer(Reference::Given(Secret::new(CANARY)))),
        headers: vec![(
            HeaderName::from_static("private-token"),
            Reference::Given(Secret::new(CANARY)),
        )],
        identity: None,
    }
}

fn is_bare(seen: &Seen) -> bool {
    !format!("{:?}", seen.headers).contains("CANARY")
        && ["authorization", "cookie", "private-token", "accept"]
            .iter()
            .all(|name| seen.header(name).is_none())
}

fn redirect_fault(error: NetError) -> RedirectFault {
    match error.fault {
        Fault::Redirect(fault) => fault,
        other => panic!("{other}"),
    }
}

/// One server that leads to another, and that back.
async fn pair() -> anyhow::Result<(Server, Server)> {
    let evil = Server::http(|seen| match seen.target.as_str() {
        "/back" => redirect(302, seen.header("x-back").unwrap_or("/none")),
        _ => answer(200, &[], "evil"),
    });
    let evil = evil.await?;
    let port = evil.port;
    let origin = Server::http(move |seen| match seen.target.as_str() {
        "/away" => redirect(302, &format!("http://evil.test:{port}/x")),
        "/port" => redirect(307, &format!("http://origin.test:{port}/x")),
        "/near" => redirect(301, "/there"),
        "/loop" => redirect(302, "/loop"),
        _ => answer(200, &[], "origin"),
    });
    Ok((origin.await?, evil))
}

#[tokio::test]
async fn h01_no_credential_follows_a_redirect_to_another_origin() -> anyhow::Result<()> {
    let (origin, evil) = pair().await?;
    let settings = Settings {
        keys: vec![key(&origin)],
        ..trusting()
    };
    let refusing = client(settings.clone());
    for path in ["/away", "/port"] {
        let error = refusing
            .send(Request::get(origin.url("origin.test", path)))
            .await
            .expect_err(path);
        let told = error.to_string();
        assert!(matches!(redirect_fault(error), RedirectFault::Crossing(_)), "{told}");
        assert!(
            told.contains(&format!(":{}; name that as the source", evil.port)),
            "{told}"
        );
    }
    assert!(evil.seen().is_empty(), "a redirect to another origin was followed");

    let crossing = client(Settings {
        crossing: Crossing::Bare,
        ..settings
    });
    for path in ["/away", "/port"] {
        let request = Request::get(origin.url("origin.test", path)).header(ACCEPT, HeaderValue::from_static("*/*"));
        let answer = crossing.send(request).await?;
        assert_eq!(answer.url().origin().peer.port, evil.port);
        assert_eq!(answer.into_body().collect(10).await?, "evil");
    }
    assert!(
        origin.seen().iter().all(|seen| !is_bare(seen)),
        "the origin itself gets them"
    );
    assert_eq!(evil.seen().len(), 2);
    assert!(evil.seen().iter().all(is_bare), "{:?}", evil.seen());
    Ok(())
}

#[tokio::test]
async fn h01_a_redirect_that_comes_back_stays_bare() -> anyhow::Result<()> {
    let home = Server::http(|seen| answer(200, &[], seen.target.clone())).await?;
    let back = home.url("origin.test", "/chosen-by-others").to_string();
    let away = Server::http(move |_| redirect(302, &back)).await?;
    let there = away.url("away.test", "/").to_string();
    let start = Server::http(move |_| redirect(302, &there)).await?;
    let with_key = |server: &Server| key(server);
    let crossing = client(Settings {
        keys: vec![with_key(&start), with_key(&home)],
        crossing: Crossing::Bare,
        ..trusting()
    });
    let answer = crossing.send(Request::get(start.url("origin.test", "/"))).await?;
    assert_eq!(answer.url().path(), "/chosen-by-others");
    assert!(!is_bare(&start.seen()[0]));
    assert!(
        is_bare(&away.seen()[0]) && is_bare(&home.seen()[0]),
        "{:?}",
        home.seen()
    );
    Ok(())
}

#[tokio::test]
async fn within_an_origin_redirects_are_followed_with_everything() -> anyhow::Result<()> {
    let (origin, _evil) = pair().await?;
    let client = client(Settings {
        keys: vec![key(&origin)],
        ..trusting()
    });
    let answer = client.send(Request::get(origin.url("origin.test", "/near"))).await?;
    assert_eq!(answer.url().path(), "/there");
    let tokens: Vec<_> = origin
        .seen()
        .iter()
        .map(|seen| seen.header("private-token").map(str::to_owned))
        .collect();
    assert_eq!(tokens, [Some(CANARY.to_owned()), Some(CANARY.to_owned())]);
    Ok(())
}

#[tokio::test]
async fn h03_nothing_leads_from_https_to_http_or_to_a_file() -> anyhow::Result<()> {
    let plain = Server::http(|_| answer(200, &[], "plain")).await?;
    let port = plain.port;
    let acceptor = Authority::shared().serve("origin.test");
    let origin = Server::https(acceptor, move |seen| match seen.target.as_str() {
        "/down" => redirect(302, &format!("http://origin.test:{port}/")),
        "/file" => redirect(302, "file:///etc/passwd"),
        "/git" => redirect(302, "git::file:///etc"),
        "/get" => answer(200, &[("x-terraform-get", "git::file:///etc")], "<html>"),
        _ => redirect(302, "https://user:pw@origin.test/"),
    });
    let origin = origin.await?;
    let client = client(Settings {
        crossing: Crossing::Bare,
        ..trusting()
    });
    for (path, words) in [
        ("/down", "from https to http"),
        ("/file", "the scheme `file`"),
        ("/git", "the scheme `git`"),
        ("/get", "X-Terraform-Get"),
        ("/login", "holds a user"),
    ] {
        let error = client
            .send(Request::get(origin.url("origin.test", path)))
            .await
            .expect_err(path);
        assert!(error.to_string().contains(words), "{error}");
        assert_eq!(error.class(), k1s_getter_net::Class::Refused);
    }
    assert!(plain.seen().is_empty());
    Ok(())
}

#[tokio::test]
async fn h04_loops_end_and_x_terraform_get_begins_none() -> anyhow::Result<()> {
    let (origin, _evil) = pair().await?;
    let client = client(trusting());
    let error = client
        .send(Request::get(origin.url("origin.test", "/loop")))
        .await
        .expect_err("a loop");
    assert!(error.to_string().contains("the limit redirects, 10"), "{error}");
    assert_eq!(origin.seen().len(), 11);

    let itself = Server::http(|_| answer(200, &[("x-terraform-get", "/")], "")).await?;
    let error = client
        .send(Request::get(itself.url("origin.test", "/")))
        .await
        .expect_err("a loop");
    assert!(matches!(error.fault, Fault::TerraformGet), "{error}");
    assert_eq!(itself.seen().len(), 1);
    Ok(())
}

#[tokio::test]
async fn h08_an_answer_that_only_points_elsewhere_is_an_error() -> anyhow::Result<()> {
    for status in [200, 204] {
        let server = Server::http(move |_| answer(status, &[("X-Terraform-Get", "./module.zip")], "")).await?;
        let error = client(trusting())
            .send(Request::get(server.url("origin.test", "/dir")))
            .await;
        let error = error.expect_err("it points elsewhere");
        assert!(
            error.to_string().contains("never followed; name as the source"),
            "{error}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn what_was_sent_is_sent_nowhere_else() -> anyhow::Result<()> {
    let server = Server::http(|seen| match seen.target.as_str() {
        "/307" => redirect(307, "/taken"),
        "/302" => redirect(302, "/taken"),
        _ => answer(200, &[], seen.body.clone()),
    });
    let server = server.await?;
    let client = client(trusting());
    let post = |path| {
        let content_type = HeaderValue::from_static("text/plain");
        Request::post(server.url("origin.test", path), content_type, "wants".into())
    };
    let taken = client.send(post("/307")).await?.into_body().collect(10).await?;
    assert_eq!(taken, "wants");
    let error = client.send(post("/302")).await.expect_err("a changed method");
    assert!(matches!(redirect_fault(error), RedirectFault::Sent(_)));
    Ok(())
}
