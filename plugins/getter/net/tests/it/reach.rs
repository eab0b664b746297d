//! Addresses that may not be reached.

use std::net::IpAddr;
use std::sync::Arc;

use k1s_getter_net::{
    Class, Client, Crossing, DialError, Fault, Limit, NetError, Network, Peer, Reach, Request, Resolve, Settings, Url,
    UrlError,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::servers::{Server, Table, answer, client, redirect, trusting};

fn untrusted(names: Table) -> Settings {
    Settings {
        reach: Reach::untrusted(),
        names: Arc::new(names),
        ..trusting()
    }
}

async fn refused(client: &Client, url: &str) -> NetError {
    let url = Url::parse(url).expect(url);
    client.send(Request::get(url)).await.expect_err("it may not be reached")
}

fn is_denied(error: &NetError) -> bool {
    let is_denied = matches!(&error.fault, Fault::Dial(error) if matches!(**error, DialError::Denied { .. }));
    is_denied && error.class() == Class::Refused
}

#[tokio::test]
async fn h02_addresses_that_are_not_public_are_not_dialled() -> anyhow::Result<()> {
    let inside = Server::http(|_| answer(200, &[], "inside")).await?;
    let port = inside.port;
    let client = client(untrusted(Table::loopback()));
    for host in [
        "127.0.0.1",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::127.0.0.1]",
        "[64:ff9b::127.0.0.1]",
        "[2002:7f00:1::]",
        "169.254.169.254",
        "10.0.0.1",
        "100.64.0.1",
        "[fd00:ec2::254]",
        "[fe80::1]",
        "0.0.0.0",
        "private.test",
    ] {
        let error = refused(&client, &format!("http://{host}:{port}/")).await;
        assert!(is_denied(&error), "{host}: {error}");
    }
    for host in [
        "0x7f.1",
        "127.1",
        "2130706433",
        "0177.0.0.1",
        "0x7f000001",
        "127.0.0.1.",
    ] {
        let url = Url::parse(&format!("http://{host}:{port}/"));
        assert!(matches!(url, Err(UrlError::Host(_))), "{host}: {url:?}");
    }
    assert_eq!(inside.connections(), 0);
    Ok(())
}

#[tokio::test]
async fn h02_a_name_is_judged_by_the_address_that_is_dialled() -> anyhow::Result<()> {
    let inside = Server::http(|_| answer(200, &[("connection", "close")], "inside")).await?;
    // What a name leads to changes between one question and the next: there is only one question for each connection.
    let names = Table::loopback()
        .with("rebind.test", &[&["203.0.113.9"], &["127.0.0.1"]])
        .with("mixed.test", &[&["10.0.0.1", "127.0.0.1", "::1"]]);
    let names = Arc::new(names);
    let documentation: Network = "203.0.113.0/24".parse()?;
    let limits = crate::servers::short();
    let client = client(Settings {
        reach: Reach::untrusted().allowing(documentation),
        names: Arc::clone(&names) as Arc<dyn k1s_getter_net::Resolve>,
        limits,
        ..trusting()
    });
    let first = refused(&client, &format!("http://rebind.test:{}/", inside.port)).await;
    assert!(
        !is_denied(&first),
        "the first answer is permitted, though nobody is there: {first}"
    );
    assert_eq!(names.asked("rebind.test"), 1);
    let second = refused(&client, &format!("http://rebind.test:{}/", inside.port)).await;
    assert!(is_denied(&second), "{second}");
    let mixed = refused(&client, &format!("http://mixed.test:{}/", inside.port)).await;
    assert!(is_denied(&mixed), "{mixed}");
    assert_eq!(inside.connections(), 0);
    Ok(())
}

#[tokio::test]
async fn h02_addresses_that_may_be_dialled_are_chosen_among_others() -> anyhow::Result<()> {
    let inside = Server::http(|_| answer(200, &[], "inside")).await?;
    let client = client(Settings {
        reach: Reach::untrusted().allowing("127.0.0.0/8".parse()?),
        names: Arc::new(Table::loopback().with("mixed.test", &[&["10.0.0.1", "127.0.0.1"]])),
        ..trusting()
    });
    let url = Url::parse(&format!("http://mixed.test:{}/", inside.port))?;
    assert_eq!(
        client.send(Request::get(url)).await?.into_body().collect(10).await?,
        "inside"
    );
    Ok(())
}

#[tokio::test]
async fn an_address_where_nobody_is_keeps_no_one_from_the_next() -> anyhow::Result<()> {
    let server = Server::http(|_| answer(200, &[], "here")).await?;
    let client = client(Settings {
        names: Arc::new(Table::loopback().with("half.test", &[&["127.0.0.2", "::1", "127.0.0.1"]])),
        ..trusting()
    });
    let url = Url::parse(&format!("http://half.test:{}/", server.port))?;
    assert_eq!(
        client.send(Request::get(url)).await?.into_body().collect(10).await?,
        "here"
    );
    Ok(())
}

#[tokio::test]
async fn h05_a_name_that_is_never_answered_is_given_up() -> anyhow::Result<()> {
    /// Never answers.
    #[derive(Debug)]
    struct Silent;
    impl Resolve for Silent {
        fn resolve<'a>(&'a self, _: &'a str) -> futures_util::future::BoxFuture<'a, std::io::Result<Vec<IpAddr>>> {
            Box::pin(std::future::pending())
        }
    }
    let limits = crate::servers::short();
    let client = client(Settings {
        names: Arc::new(Silent),
        limits,
        ..trusting()
    });
    let error = refused(&client, "http://silent.test/").await;
    let is_dial = matches!(&error.fault, Fault::Dial(error) if matches!(**error, DialError::Limit(Limit::Dial(_))));
    assert!(is_dial && error.class() == Class::Timeout, "{error}");
    Ok(())
}

#[tokio::test]
async fn h02_every_hop_is_judged() -> anyhow::Result<()> {
    let inside = Server::http(|_| answer(200, &[], "inside")).await?;
    let there = inside.url("127.0.0.2", "/latest/meta-data").to_string();
    let origin = Server::http(move |_| redirect(302, &there)).await?;
    let client = client(Settings {
        reach: Reach::untrusted().allowing("127.0.0.1".parse()?),
        crossing: Crossing::Bare,
        ..trusting()
    });
    let error = client
        .send(Request::get(origin.url("origin.test", "/")))
        .await
        .expect_err("inside");
    assert!(is_denied(&error), "{error}");
    assert_eq!(error.at.hop, 1);
    assert!(!error.to_string().contains("meta-data"), "{error}");
    assert_eq!(inside.connections(), 0);
    Ok(())
}

#[tokio::test]
async fn s03_a_file_of_checksums_is_reached_as_its_source_is() -> anyhow::Result<()> {
    let inside = Server::http(|_| answer(200, &[], "0123456789abcdef  secret")).await?;
    let client = client(untrusted(Table::loopback()));
    let error = refused(&client, &format!("http://127.0.0.1:{}/sums", inside.port)).await;
    assert!(is_denied(&error), "{error}");
    let metadata = refused(&client, "http://169.254.169.254/").await;
    assert!(metadata.to_string().contains("metadata service"), "{metadata}");
    let file = Url::parse("file:///etc/shadow");
    assert_eq!(file, Err(UrlError::Scheme("file".to_owned())));
    assert_eq!(inside.connections(), 0);
    Ok(())
}

#[tokio::test]
async fn s03_an_error_shows_no_text_of_what_was_answered() -> anyhow::Result<()> {
    let server = Server::http(|_| answer(403, &[("x-secret", "CANARY")], "root:CANARY:0:0")).await?;
    let error = client(trusting())
        .send(Request::get(server.url("origin.test", "/CANARY?CANARY")))
        .await;
    let error = error.expect_err("forbidden");
    assert_eq!(error.class(), Class::Permission);
    assert!(!format!("{error} {error:?}").contains("CANARY"), "{error:?}");
    Ok(())
}

#[tokio::test]
async fn plain_streams_are_judged_as_requests_are() -> anyhow::Result<()> {
    let server = Server::http(|_| answer(200, &[], "inside")).await?;
    let peer = Peer::new("origin.test", server.port)?;
    let error = client(untrusted(Table::loopback()))
        .dial(&peer)
        .await
        .expect_err("loopback");
    assert!(is_denied(&error), "{error}");
    assert_eq!(server.connections(), 0);

    let mut stream = client(trusting()).dial(&peer).await?;
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n").await?;
    let mut told = String::new();
    stream.read_to_string(&mut told).await?;
    assert!(told.ends_with("inside"), "{told}");
    Ok(())
}
