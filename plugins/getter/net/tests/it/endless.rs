//! Answers that never come, never end, or end too early.

use std::time::Duration;

use k1s_getter_net::{Class, Fault, Limit, Limits, NetError, Request, Settings};

use crate::authority::Authority;
use crate::servers::{Server, answer, client, short, trusting};
use crate::socket::{Say, Socket, text};

const HEAD: &str = "HTTP/1.1 200 OK\r\n";

async fn fetch(limits: Limits, script: Vec<Say>) -> anyhow::Result<Result<usize, NetError>> {
    let socket = Socket::new(vec![script]).await?;
    let client = client(Settings { limits, ..trusting() });
    Ok(match client.send(Request::get(socket.url())).await {
        Ok(answer) => answer.into_body().collect(u64::MAX).await.map(|bytes| bytes.len()),
        Err(error) => Err(error),
    })
}

async fn limit(limits: Limits, script: Vec<Say>) -> anyhow::Result<Limit> {
    let error = fetch(limits, script).await?.expect_err("it has no end");
    match error.fault {
        Fault::Limit(limit) => Ok(limit),
        other => anyhow::bail!("{other}"),
    }
}

#[tokio::test]
async fn h05_an_answer_that_never_begins() -> anyhow::Result<()> {
    let limits = short();
    assert_eq!(limit(limits, vec![Say::Nothing]).await?, Limit::Header(limits.header));
    Ok(())
}

#[tokio::test]
async fn h05_headers_without_an_end() -> anyhow::Result<()> {
    let limits = short();
    let fast = vec![
        text(HEAD),
        Say::Forever(b"x: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n".to_vec()),
    ];
    assert_eq!(limit(limits, fast).await?, Limit::HeaderBytes(limits.header_bytes));
    let long = vec![text(HEAD), text("x: "), Say::Forever(b"yyyyyyyy".to_vec())];
    assert_eq!(limit(limits, long).await?, Limit::HeaderBytes(limits.header_bytes));
    let slow = vec![text(HEAD), Say::Drip(b"x: y\r\n".to_vec(), Duration::from_millis(20))];
    assert_eq!(limit(limits, slow).await?, Limit::Header(limits.header));
    let provisional = Say::Forever(b"HTTP/1.1 100 Continue\r\n\r\n".to_vec());
    assert_eq!(limit(limits, vec![provisional]).await?, Limit::Header(limits.header));
    Ok(())
}

#[tokio::test]
async fn h05_a_body_that_drips_keeps_no_one_for_ever() -> anyhow::Result<()> {
    let limits = Limits {
        total: Duration::from_millis(800),
        ..short()
    };
    let head = text(&format!("{HEAD}content-length: 60000\r\n\r\n"));
    let drip = Say::Drip(b"x".to_vec(), Duration::from_millis(50));
    assert_eq!(
        limit(limits, vec![head.clone(), drip]).await?,
        Limit::Total(limits.total)
    );
    assert_eq!(limit(limits, vec![head, Say::Nothing]).await?, Limit::Idle(limits.idle));
    Ok(())
}

#[tokio::test]
async fn h05_chunks_without_an_end() -> anyhow::Result<()> {
    let limits = short();
    let head = text(&format!("{HEAD}transfer-encoding: chunked\r\n\r\n"));
    let chunks = Say::Forever(b"4\r\nabcd\r\n".to_vec());
    assert_eq!(
        limit(limits, vec![head.clone(), chunks]).await?,
        Limit::BodyBytes(limits.body_bytes)
    );
    let extension = Say::Forever(b"0;xxxxxxxxxxxxxxxx".to_vec());
    let endless = fetch(limits, vec![head.clone(), text("4"), extension]).await?;
    assert!(endless.is_err(), "{endless:?}");
    let trailers = Say::Forever(b"x: y\r\n".to_vec());
    let endless = fetch(limits, vec![head, text("4\r\nabcd\r\n0\r\n"), trailers]).await?;
    assert!(endless.is_err(), "{endless:?}");
    Ok(())
}

#[tokio::test]
async fn h05_a_head_alone_has_the_same_limits() -> anyhow::Result<()> {
    let limits = short();
    let socket = Socket::new(vec![vec![
        text(HEAD),
        Say::Forever(b"x: yyyyyyyyyyyyyyyyyyyyyyyy\r\n".to_vec()),
    ]])
    .await?;
    let client = client(Settings { limits, ..trusting() });
    let error = client
        .send(Request::head(socket.url()))
        .await
        .expect_err("it has no end");
    assert!(matches!(error.fault, Fault::Limit(Limit::HeaderBytes(_))), "{error}");
    Ok(())
}

#[tokio::test]
async fn h06_the_cap_holds_however_bytes_are_taken() -> anyhow::Result<()> {
    let limits = short();
    let server = Server::http(|_| answer(200, &[], vec![b'x'; 1000])).await?;
    let client = client(Settings { limits, ..trusting() });
    let get = || Request::get(server.url("origin.test", "/"));
    assert_eq!(
        client
            .send(get().at_most(1000))
            .await?
            .into_body()
            .collect(1000)
            .await?
            .len(),
        1000
    );
    // Told by its length before a byte is read.
    let error = client.send(get().at_most(999)).await.expect_err("too much");
    assert!(error.to_string().contains("the limit body_bytes, 999 bytes"), "{error}");
    assert_eq!(error.class(), Class::TooLarge);
    let error = client
        .send(get())
        .await?
        .into_body()
        .collect(999)
        .await
        .expect_err("too much");
    assert!(matches!(error.fault, Fault::Limit(Limit::BodyBytes(999))), "{error}");
    // A request cannot take more than the client does.
    let script = vec![
        text(&format!("{HEAD}content-length: 65537\r\n\r\n")),
        Say::Forever(b"x".to_vec()),
    ];
    let socket = Socket::new(vec![script]).await?;
    let error = client
        .send(Request::get(socket.url()).at_most(u64::MAX))
        .await
        .expect_err("too much");
    assert!(matches!(error.fault, Fault::Limit(Limit::BodyBytes(65_536))), "{error}");
    Ok(())
}

#[tokio::test]
async fn h06_a_cap_holds_chunk_by_chunk() -> anyhow::Result<()> {
    let limits = short();
    let head = text(&format!("{HEAD}transfer-encoding: chunked\r\n\r\n"));
    let socket = Socket::new(vec![vec![head, Say::Forever(b"4\r\nabcd\r\n".to_vec())]]).await?;
    let client = client(Settings { limits, ..trusting() });
    let mut body = client.send(Request::get(socket.url())).await?.into_body();
    let mut taken = 0;
    let error = loop {
        match body.chunk().await {
            Ok(Some(chunk)) => taken += chunk.len(),
            Ok(None) => anyhow::bail!("it ended"),
            Err(error) => break error,
        }
    };
    assert!(matches!(error.fault, Fault::Limit(Limit::BodyBytes(_))), "{error}");
    assert!(taken <= 64 << 10, "{taken}");
    let after = body.chunk().await.expect_err("it stays an error");
    assert!(matches!(after.fault, Fault::Truncated), "{after}");
    Ok(())
}

#[tokio::test]
async fn a09_an_answer_that_was_cut_is_an_error() -> anyhow::Result<()> {
    for (body, is_whole) in [
        ("content-length: 4\r\n\r\nabcd", true),
        ("content-length: 4\r\n\r\nabcdefgh", true),
        ("content-length: 4\r\n\r\nabc", false),
        ("content-length: 4\r\n\r\n", false),
        ("content-length: 4\r\ncontent-length: 3\r\n\r\nabcd", false),
        ("content-length: -4\r\n\r\nabcd", false),
        ("transfer-encoding: chunked\r\n\r\n4\r\nabcd\r\n0\r\n\r\n", true),
        ("transfer-encoding: chunked\r\n\r\n4\r\nabcd\r\n0\r\n", false),
        ("transfer-encoding: chunked\r\n\r\n4\r\nabcd\r\n", false),
        ("transfer-encoding: chunked\r\n\r\n4\r\nab", false),
        ("transfer-encoding: chunked\r\n\r\nxyz\r\n", false),
        ("\r\nabcd", false),
        ("connection: close\r\n\r\nabcd", false),
    ] {
        let fetched = fetch(short(), vec![text(&format!("{HEAD}{body}"))]).await?;
        assert_eq!(fetched.as_ref().ok(), is_whole.then_some(&4), "{body:?}: {fetched:?}");
    }
    let unframed = fetch(short(), vec![text(&format!("{HEAD}\r\nabcd"))])
        .await?
        .expect_err("it has no end");
    assert!(matches!(unframed.fault, Fault::Unframed), "{unframed}");
    Ok(())
}

#[tokio::test]
async fn a09_over_tls_a_farewell_says_that_an_answer_is_whole() -> anyhow::Result<()> {
    let unframed = text(&format!("{HEAD}connection: close\r\n\r\nabcd"));
    for (script, is_whole) in [(vec![unframed.clone()], true), (vec![unframed, Say::Cut], false)] {
        let socket = Socket::secure(Authority::shared().serve("origin.test"), vec![script]).await?;
        let answer = client(trusting()).send(Request::get(socket.url())).await?;
        let fetched = answer.into_body().collect(10).await;
        match fetched {
            Ok(body) => assert!(is_whole && body == "abcd"),
            Err(error) => assert!(!is_whole && matches!(error.fault, Fault::Truncated), "{error}"),
        }
    }
    Ok(())
}

#[tokio::test]
async fn an_encoded_answer_is_refused_or_left_as_it_is() -> anyhow::Result<()> {
    use std::io::Write as _;
    // A bomb: decoded, it would be a thousand times as large as what is taken.
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    for _ in 0..64 {
        encoder.write_all(&[0; 1 << 20])?;
    }
    let bomb = encoder.finish()?;
    let (size, served) = (bomb.len(), bomb.clone());
    let server = Server::http(move |_| answer(200, &[("content-encoding", "gzip")], served.clone())).await?;
    let limits = Limits {
        body_bytes: 128 << 10,
        ..short()
    };
    let client = client(Settings { limits, ..trusting() });
    let get = || Request::get(server.url("origin.test", "/"));
    let error = client.send(get()).await.expect_err("it is encoded");
    assert!(
        matches!(&error.fault, Fault::Coding(coding) if coding == "gzip"),
        "{error}"
    );
    let taken = client
        .send(get().as_sent())
        .await?
        .into_body()
        .collect(u64::MAX)
        .await?;
    assert_eq!((taken.len(), taken == bomb), (size, true));
    assert!(
        server
            .seen()
            .iter()
            .all(|seen| seen.header("accept-encoding") == Some("identity"))
    );
    Ok(())
}
