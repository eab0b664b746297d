//! Asking through proxies.

use k1s_getter_net::{
    Class, Client, DialError, Fault, Limit, NetError, NoProxy, Peer, Proxies, Proxy, ProxyFault, Reach, Request,
    Settings,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::authority::Authority;
use crate::proxies::{Relay, Wants};
use crate::servers::{Server, answer, client, short, trusting};
use crate::socket::{Say, Socket, text};

fn through(proxy: Proxy, except: &str, reach: Reach) -> Client {
    client(Settings {
        proxies: Proxies::all(proxy, NoProxy::parse(except)),
        reach,
        limits: short(),
        ..trusting()
    })
}

fn proxy_fault(error: &NetError) -> Option<&ProxyFault> {
    match &error.fault {
        Fault::Dial(error) => match &**error {
            DialError::Proxy { fault, .. } => Some(fault),
            _ => None,
        },
        _ => None,
    }
}

async fn origins() -> anyhow::Result<(Server, Server)> {
    let plain = Server::http(|_| answer(200, &[], "plain")).await?;
    let acceptor = Authority::shared().serve("origin.test");
    let secure = Server::https(acceptor, |_| answer(200, &[], "secure")).await?;
    Ok((plain, secure))
}

async fn fetch(client: &Client, server: &Server) -> Result<String, NetError> {
    let answer = client.send(Request::get(server.url("origin.test", "/x"))).await?;
    let body = answer.into_body().collect(100).await?;
    Ok(String::from_utf8_lossy(&body).into_owned())
}

#[tokio::test]
async fn h12_proxies_of_each_kind_are_asked_as_they_should_be() -> anyhow::Result<()> {
    let (plain, secure) = origins().await?;
    let tls = Authority::shared().serve("relay.test");
    for wants in [Wants::Nothing, Wants::Login] {
        let relays = [
            ("http", Relay::http(wants).await?),
            ("https", Relay::https(tls.clone(), wants).await?),
            ("socks5", Relay::socks5(wants).await?),
            ("socks5h", Relay::socks5(wants).await?),
        ];
        for (scheme, relay) in relays {
            let client = through(relay.proxy(scheme, wants), "", Reach::trusted());
            assert_eq!(fetch(&client, &plain).await?, "plain", "{scheme}");
            assert_eq!(fetch(&client, &secure).await?, "secure", "{scheme}");
            let expected = match scheme {
                "http" | "https" => [
                    format!("GET http://origin.test:{}/x", plain.port),
                    format!("CONNECT origin.test:{}", secure.port),
                ],
                // Names are resolved here, or there.
                "socks5" => [
                    format!("127.0.0.1:{}", plain.port),
                    format!("127.0.0.1:{}", secure.port),
                ],
                _ => [
                    format!("origin.test:{}", plain.port),
                    format!("origin.test:{}", secure.port),
                ],
            };
            assert_eq!(relay.asked(), expected, "{scheme}");
        }
    }
    let told = format!("{:?}{:?}", plain.seen(), secure.seen());
    assert!(
        !told.contains("proxy-authorization"),
        "an origin learned of the proxy's login"
    );
    Ok(())
}

#[tokio::test]
async fn h02_a_proxy_is_handed_an_address_that_was_judged() -> anyhow::Result<()> {
    let (plain, secure) = origins().await?;
    for scheme in ["http", "socks5", "socks5h"] {
        let relay = || async {
            match scheme {
                "http" => Relay::http(Wants::Nothing).await,
                _ => Relay::socks5(Wants::Nothing).await,
            }
        };
        // Not even a proxy gets at what is inside.
        let denying = relay().await?;
        let untrusted = through(denying.proxy(scheme, Wants::Nothing), "", Reach::untrusted());
        for server in [&plain, &secure] {
            let error = fetch(&untrusted, server).await.expect_err(scheme);
            assert!(error.to_string().contains("127.0.0.1, a loopback address"), "{error}");
            assert_eq!(error.class(), Class::Refused);
        }
        assert!(denying.asked().is_empty(), "{:?}", denying.asked());

        let allowing = relay().await?;
        let reach = Reach::untrusted().allowing("127.0.0.1".parse()?);
        let client = through(allowing.proxy(scheme, Wants::Nothing), "", reach);
        assert_eq!(fetch(&client, &plain).await?, "plain");
        assert_eq!(fetch(&client, &secure).await?, "secure");
        assert!(
            allowing.asked().iter().all(|asked| asked.contains("127.0.0.1:")),
            "{:?}",
            allowing.asked()
        );

        // Whoever says that the proxy judges gets names through; addresses are judged still.
        let judging = relay().await?;
        let reach = Reach::untrusted().leaving_names_to_proxies();
        let client = through(judging.proxy(scheme, Wants::Nothing), "", reach);
        let is_resolving = scheme != "socks5";
        assert_eq!(fetch(&client, &secure).await.is_ok(), is_resolving, "{scheme}");
        assert_eq!(fetch(&client, &plain).await.is_ok(), is_resolving, "{scheme}");
        for server in [&plain, &secure] {
            let literal = client
                .send(Request::get(server.url("10.0.0.1", "/")))
                .await
                .expect_err("an address");
            assert!(literal.to_string().contains("private network"), "{literal}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn h12_what_no_proxy_names_is_asked_directly() -> anyhow::Result<()> {
    let (plain, secure) = origins().await?;
    let relay = Relay::http(Wants::Nothing).await?;
    let client = through(relay.proxy("http", Wants::Nothing), "x, .test", Reach::trusted());
    assert_eq!(fetch(&client, &plain).await?, "plain");
    assert_eq!(fetch(&client, &secure).await?, "secure");
    assert!(relay.asked().is_empty());
    Ok(())
}

#[tokio::test]
async fn h12_a_proxy_that_does_not_help_is_told_from_an_origin_that_does_not() -> anyhow::Result<()> {
    let (_plain, secure) = origins().await?;
    for (scheme, relay) in [
        ("http", Relay::http(Wants::Login).await?),
        ("socks5", Relay::socks5(Wants::Login).await?),
    ] {
        let client = through(relay.proxy(scheme, Wants::Nothing), "", Reach::trusted());
        let error = fetch(&client, &secure).await.expect_err("it wants a login");
        assert_eq!(error.class(), Class::Auth, "{error}");
        assert!(error.to_string().contains("the proxy relay.test:"), "{error}");
        let wrong = relay.proxy(scheme, Wants::Login);
        assert_eq!(fetch(&through(wrong, "", Reach::trusted()), &secure).await?, "secure");
    }
    // Nobody behind it, and nobody there at all.
    let relay = Relay::socks5(Wants::Nothing).await?;
    let nobody = { std::net::TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port() };
    let client = through(relay.proxy("socks5", Wants::Nothing), "", Reach::trusted());
    let error = client
        .dial(&Peer::new("origin.test", nobody)?)
        .await
        .expect_err("nobody");
    assert!(error.to_string().contains("the host refuses the connection"), "{error}");
    let gone = Proxy::parse(&format!("http://relay.test:{nobody}"))?;
    let error = fetch(&through(gone, "", Reach::trusted()), &secure)
        .await
        .expect_err("no proxy");
    assert!(matches!(proxy_fault(&error), Some(ProxyFault::Dial(_))), "{error}");
    assert_eq!(error.class(), Class::Unavailable);
    Ok(())
}

#[tokio::test]
async fn h05_a_proxy_keeps_no_one_waiting() -> anyhow::Result<()> {
    let (_plain, secure) = origins().await?;
    let most = short().handshake;
    for (scheme, script, limit) in [
        ("http", vec![Say::Nothing], Some(Limit::Handshake(most))),
        (
            "http",
            vec![text("HTTP/1.1 200 OK\r\nx: "), Say::Forever(b"yyyy".to_vec())],
            None,
        ),
        (
            "http",
            vec![text("HTTP/1.1 200 OK\r\n"), Say::Forever(b"x: y\r\n".to_vec())],
            None,
        ),
        ("http", vec![text("SSH-2.0-x\r\n")], None),
    ] {
        let socket = Socket::new(vec![script]).await?;
        let proxy = Proxy::parse(&format!("{scheme}://relay.test:{}", socket.port))?;
        let error = fetch(&through(proxy, "", Reach::trusted()), &secure)
            .await
            .expect_err("no proxy");
        let found = match proxy_fault(&error) {
            Some(ProxyFault::Dial(inner)) => match &**inner {
                DialError::Limit(limit) => Some(*limit),
                other => anyhow::bail!("{other}"),
            },
            Some(_) => None,
            None => anyhow::bail!("{error}"),
        };
        assert_eq!(found, limit, "{error}");
    }
    Ok(())
}

#[tokio::test]
async fn plain_streams_go_through_proxies_as_well() -> anyhow::Result<()> {
    let (plain, _secure) = origins().await?;
    for (scheme, relay) in [
        ("http", Relay::http(Wants::Login).await?),
        ("socks5h", Relay::socks5(Wants::Login).await?),
    ] {
        let client = through(relay.proxy(scheme, Wants::Login), "", Reach::trusted());
        let mut stream = client.dial(&Peer::new("origin.test", plain.port)?).await?;
        stream.write_all(b"GET / HTTP/1.0\r\n\r\n").await?;
        let mut told = String::new();
        stream.read_to_string(&mut told).await?;
        assert!(told.ends_with("plain"), "{told}");
        assert!(relay.asked()[0].ends_with(&format!("origin.test:{}", plain.port)));
    }
    Ok(())
}
