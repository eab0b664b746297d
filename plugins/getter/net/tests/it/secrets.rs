//! What is never printed.

use std::error::Error as StdError;

use http::HeaderName;
use k1s_getter_address::Secret;
use k1s_getter_net::{
    Client, Credential, Crossing, Key, NoProxy, Peer, Proxies, Proxy, Reference, Request, Settings, Url,
};

use crate::proxies::{Relay, Wants};
use crate::servers::{Server, answer, client, redirect, trusting};

/// In everything that is secret here.
const CANARY: &str = "CANARY";

fn secret() -> Secret {
    Secret::new("CANARY-9c41")
}

/// Everything that an error says, in every way.
fn told(error: &(dyn StdError + 'static)) -> String {
    let mut told = format!("{error} {error:?} {error:#?}");
    let mut next = error.source();
    while let Some(cause) = next {
        told.push_str(&format!(" {cause} {cause:?}"));
        next = cause.source();
    }
    told
}

fn settings(server: &Server) -> Settings {
    Settings {
        keys: vec![Key {
            origin: server.origin("origin.test"),
            credential: Some(Credential::Basic {
                user: secret(),
                password: Reference::Given(secret()),
            }),
            headers: vec![(HeaderName::from_static("private-token"), Reference::Given(secret()))],
            identity: None,
        }],
        ..trusting()
    }
}

#[tokio::test]
async fn s01_no_error_and_no_value_tells_a_secret() -> anyhow::Result<()> {
    let server = Server::http(|seen| match seen.target.split('?').next() {
        Some("/cross") => redirect(302, "http://evil.test/CANARY?sig=CANARY"),
        Some("/user") => redirect(302, "http://u:CANARY@origin.test/"),
        Some("/hop") => redirect(302, "/CANARY/404?token=CANARY"),
        Some("/broken") => redirect(302, "http://[CANARY/"),
        Some("/scheme") => redirect(302, "data:CANARY"),
        Some("/get") => answer(200, &[("x-terraform-get", "https://u:CANARY@h")], ""),
        Some("/echo") => answer(
            401,
            &[("www-authenticate", seen.header("authorization").unwrap_or(""))],
            "CANARY",
        ),
        Some("/500") => answer(500, &[("x", "CANARY")], "CANARY"),
        _ => answer(404, &[], "CANARY"),
    });
    let server = server.await?;
    for crossing in [Crossing::Refuse, Crossing::Bare] {
        let client = client(Settings {
            crossing,
            ..settings(&server)
        });
        assert!(!format!("{client:?} {client:#?}").contains(CANARY));
        for path in [
            "/cross", "/user", "/hop", "/broken", "/scheme", "/get", "/echo", "/500", "/404",
        ] {
            for query in ["X-Amz-Signature=CANARY", "sig=CANARY", "CANARY"] {
                let request = Request::get(server.url("origin.test", &format!("{path}?{query}")));
                assert!(!format!("{request:?}").contains(CANARY));
                let error = client.send(request).await.expect_err(path);
                assert!(!told(&error).contains(CANARY), "{path}: {}", told(&error));
            }
        }
    }
    assert!(!format!("{:?}", settings(&server)).contains(CANARY));
    Ok(())
}

#[tokio::test]
async fn s01_an_answer_tells_nothing_of_what_was_asked() -> anyhow::Result<()> {
    let server = Server::http(|_| answer(200, &[], "CANARY")).await?;
    let client = client(settings(&server));
    let answer = client.send(Request::get(server.url("origin.test", "/?CANARY"))).await?;
    assert!(!format!("{answer:?} {:?}", answer.url()).contains(CANARY), "{answer:?}");
    Ok(())
}

#[tokio::test]
async fn s01_no_proxy_tells_its_login() -> anyhow::Result<()> {
    let server = Server::http(|_| answer(200, &[], "")).await?;
    let relay = Relay::http(Wants::Login).await?;
    let proxy = Proxy::parse(&format!("http://wrong:CANARY@relay.test:{}", relay.port()))?;
    let settings = Settings {
        proxies: Proxies::all(proxy, NoProxy::default()),
        ..settings(&server)
    };
    assert!(!format!("{settings:?}").contains(CANARY));
    let client = client(settings);
    let dialled = client
        .dial(&Peer::new("origin.test", 1)?)
        .await
        .expect_err("a wrong login");
    let asked = client
        .send(Request::get(server.url("origin.test", "/")))
        .await
        .expect_err("a wrong login");
    for error in [dialled, asked] {
        assert!(error.to_string().contains("407"), "{error}");
        assert!(!told(&error).contains(CANARY), "{}", told(&error));
    }
    for text in [
        "ftp://u:CANARY@p",
        "http://u:CANARY@p/CANARY",
        "http://u:CANARY%00@p",
        "http://u:CANARY@p:CANARY",
    ] {
        let error = Proxy::parse(text).expect_err(text);
        assert!(!told(&error).contains(CANARY), "{error}");
    }
    Ok(())
}

#[test]
fn s01_a_url_that_is_refused_is_not_quoted() {
    for text in [
        "https://u:CANARY@h/",
        "https://h/a b?CANARY",
        "https://CANARY CANARY/",
        "https://h:CANARY/",
        "CANARY",
        "https://h\\CANARY",
    ] {
        let error = Url::parse(text).expect_err(text);
        assert!(!told(&error).contains(CANARY), "{error:?}");
    }
    let refused = Client::new(Settings {
        trust: k1s_getter_net::Trust::Only("CANARY".to_owned()),
        ..trusting()
    });
    assert!(!told(&refused.expect_err("no authority")).contains(CANARY));
}
