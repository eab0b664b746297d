//! Downloads, and those that go on where they were cut.

use std::sync::Arc;

use bytes::Bytes;
use http::HeaderValue;
use http::header::IF_MATCH;
use k1s_getter_net::{Download, Fault, Limit, Limits, Request, Settings};
use tokio::fs::File;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _, AsyncWriteExt as _};

use crate::servers::{Server, answer, client, short, trusting};
use crate::socket::{Say, Socket, text};

async fn file() -> anyhow::Result<File> {
    let mut file = File::from_std(tempfile::tempfile()?);
    file.write_all(b"what was there before, and longer than what comes")
        .await?;
    Ok(file)
}

async fn held(file: &mut File) -> anyhow::Result<String> {
    file.rewind().await?;
    let mut held = String::new();
    file.read_to_string(&mut held).await?;
    Ok(held)
}

fn cut(head: &str, body: &str) -> Vec<Say> {
    vec![text(&format!("HTTP/1.1 {head}\r\n\r\n{body}"))]
}

const FIRST: &str = "200 OK\r\ncontent-length: 10\r\netag: \"one\"\r\nx-first: yes";

#[tokio::test]
async fn a_download_is_whole_or_unchanged() -> anyhow::Result<()> {
    let server = Server::http(|seen| match seen.header("if-none-match") {
        Some(_) => answer(304, &[], ""),
        None => answer(
            200,
            &[("etag", r#""one""#), ("content-type", "text/html")],
            "0123456789",
        ),
    });
    let server = server.await?;
    let (client, mut file) = (client(trusting()), file().await?);
    let get = || Request::get(server.url("origin.test", "/"));
    let Download::Whole {
        bytes,
        headers,
        validators,
    } = client.download(get(), &mut file).await?
    else {
        anyhow::bail!("not whole");
    };
    assert_eq!((bytes, headers["content-type"].to_str()?), (10, "text/html"));
    assert_eq!(held(&mut file).await?, "0123456789");
    let again = client.download(get().unless(&validators), &mut file).await?;
    assert!(matches!(again, Download::Unchanged), "{again:?}");
    assert_eq!(held(&mut file).await?, "");
    Ok(())
}

#[tokio::test]
async fn a_download_goes_on_where_it_was_cut() -> anyhow::Result<()> {
    let rest = "206 Partial Content\r\ncontent-length: 6\r\ncontent-range: bytes 4-9/10\r\netag: \"one\"";
    let last = "206 Partial Content\r\ncontent-length: 3\r\ncontent-range: bytes 7-9/10\r\netag: \"one\"";
    let socket = Socket::new(vec![cut(FIRST, "0123"), cut(rest, "456"), cut(last, "789")]).await?;
    let mut file = file().await?;
    let download = client(trusting())
        .download(Request::get(socket.url()), &mut file)
        .await?;
    let Download::Whole {
        bytes,
        headers,
        validators,
    } = download
    else {
        anyhow::bail!("not whole");
    };
    assert_eq!((bytes, socket.accepted()), (10, 3));
    assert_eq!(held(&mut file).await?, "0123456789");
    assert!(headers.contains_key("x-first"));
    assert_eq!(validators.to_string(), "\"one\" -");
    Ok(())
}

#[tokio::test]
async fn what_changed_meanwhile_begins_anew() -> anyhow::Result<()> {
    // It is no part: the condition of the request did not hold any more.
    let anew = "200 OK\r\ncontent-length: 3\r\netag: \"two\"";
    let socket = Socket::new(vec![cut(FIRST, "0123"), cut(anew, "new")]).await?;
    let mut file = file().await?;
    let download = client(trusting())
        .download(Request::get(socket.url()), &mut file)
        .await?;
    assert!(matches!(download, Download::Whole { bytes: 3, .. }), "{download:?}");
    assert_eq!(held(&mut file).await?, "new");
    Ok(())
}

#[tokio::test]
async fn a_part_that_is_another_is_not_taken_and_all_is_asked_for_anew() -> anyhow::Result<()> {
    for other in [
        "content-range: bytes 3-9/10\r\netag: \"one\"",
        "content-range: bytes 4-8/10\r\netag: \"one\"",
        "content-range: bytes 4-9/*\r\netag: \"one\"",
        "content-range: bytes 4-9/10\r\netag: \"two\"",
        "content-range: bytes 4-9/10\r\netag: W/\"one\"",
        "content-range: bytes 4-9/10\r\nx: no tag",
        "etag: \"one\"\r\nx: no range at all",
    ] {
        let other = format!("206 Partial Content\r\ncontent-length: 6\r\n{other}");
        let socket = Socket::new(vec![
            cut(FIRST, "0123"),
            cut(&other, "456789"),
            cut(FIRST, "abcdefghij"),
        ])
        .await?;
        let mut file = file().await?;
        client(trusting())
            .download(Request::get(socket.url()), &mut file)
            .await?;
        assert_eq!(
            (held(&mut file).await?.as_str(), socket.accepted()),
            ("abcdefghij", 3),
            "{other}"
        );
    }
    Ok(())
}

/// Releases of forges and layers of registries are behind redirects to URLs that are signed anew each time.
#[tokio::test]
async fn what_is_cut_behind_a_signed_redirect_begins_anew() -> anyhow::Result<()> {
    let signed = |number: usize| {
        let moved = format!("302 Found\r\ncontent-length: 0\r\nlocation: /signed?number={number}");
        cut(&moved, "")
    };
    let rest = "206 Partial Content\r\ncontent-length: 6\r\ncontent-range: bytes 4-9/10\r\netag: \"one\"";
    let whole = cut(FIRST, "0123456789");
    let scripts = vec![
        signed(1),
        cut(FIRST, "0123"),
        signed(2),
        cut(rest, "456789"),
        signed(3),
        whole,
    ];
    let socket = Socket::new(scripts).await?;
    let mut file = file().await?;
    let download = client(trusting())
        .download(Request::get(socket.url()), &mut file)
        .await?;
    assert!(matches!(download, Download::Whole { bytes: 10, .. }), "{download:?}");
    assert_eq!((held(&mut file).await?.as_str(), socket.accepted()), ("0123456789", 6));
    // It ends, however often it is cut.
    let scripts: Vec<_> = (0..20)
        .flat_map(|number| {
            [
                signed(2 * number),
                cut(FIRST, "0123"),
                signed(2 * number + 1),
                cut(rest, "45"),
            ]
        })
        .collect();
    let socket = Socket::new(scripts).await?;
    let error = client(trusting())
        .download(Request::get(socket.url()), &mut self::file().await?)
        .await;
    assert!(matches!(error.expect_err("cut").fault, Fault::Part));
    assert_eq!(socket.accepted(), 2 * 6, "the first time and five more");
    Ok(())
}

/// A store that does not know the condition answers with what is there by now.
#[tokio::test]
async fn what_is_another_by_now_is_not_taken_for_what_was_asked_for() -> anyhow::Result<()> {
    for (tag, is_taken) in [
        ("etag: \"one\"", true),
        ("etag: W/\"one\"", true),
        ("x: no tag", true),
        ("etag: \"two\"", false),
    ] {
        let socket = Socket::new(vec![cut(&format!("200 OK\r\ncontent-length: 3\r\n{tag}"), "new")]).await?;
        let request = Request::get(socket.url()).header(IF_MATCH, HeaderValue::from_static("\"one\""));
        let downloaded = client(trusting()).download(request, &mut file().await?).await;
        match downloaded {
            Ok(_) => assert!(is_taken, "{tag}"),
            Err(error) => assert!(!is_taken && matches!(error.fault, Fault::Changed), "{tag}: {error}"),
        }
    }
    Ok(())
}

#[tokio::test]
async fn without_a_strong_tag_and_after_some_times_a_cut_is_an_error() -> anyhow::Result<()> {
    let weak = "200 OK\r\ncontent-length: 10\r\netag: W/\"one\"\r\nlast-modified: Sun, 06 Nov 1994 08:49:37 GMT";
    let socket = Socket::new(vec![cut(weak, "0123")]).await?;
    let error = client(trusting())
        .download(Request::get(socket.url()), &mut file().await?)
        .await;
    assert!(matches!(error.expect_err("cut").fault, Fault::Truncated));
    assert_eq!(socket.accepted(), 1);

    let socket = Socket::new(vec![cut(FIRST, "0123")]).await?;
    let error = client(trusting())
        .download(Request::get(socket.url()), &mut file().await?)
        .await;
    assert!(matches!(error.expect_err("cut").fault, Fault::Truncated));
    assert_eq!(socket.accepted(), 6, "the first time and five more");
    Ok(())
}

#[tokio::test]
async fn a_request_that_is_signed_as_a_whole_is_not_asked_for_in_parts() -> anyhow::Result<()> {
    let socket = Socket::new(vec![cut(FIRST, "0123")]).await?;
    let request = Request::get(socket.url()).at_once();
    let error = client(trusting()).download(request, &mut file().await?).await;
    assert!(matches!(error.expect_err("cut").fault, Fault::Truncated));
    assert_eq!(socket.accepted(), 1);
    Ok(())
}

#[tokio::test]
async fn h06_the_cap_of_a_download_counts_what_was_there_before() -> anyhow::Result<()> {
    let limits = Limits {
        body_bytes: 12,
        ..short()
    };
    let client = client(Settings { limits, ..trusting() });
    let rest = "206 Partial Content\r\ntransfer-encoding: chunked\r\ncontent-range: bytes 4-9/10\r\netag: \"one\"";
    let more = "6\r\n456789\r\n6\r\nabcdef\r\n0\r\n\r\n";
    let socket = Socket::new(vec![cut(FIRST, "0123"), cut(rest, more)]).await?;
    let error = client
        .download(Request::get(socket.url()), &mut file().await?)
        .await
        .expect_err("too much");
    assert!(matches!(error.fault, Fault::Limit(Limit::BodyBytes(12))), "{error}");
    Ok(())
}

#[tokio::test]
async fn the_rest_is_not_taken_from_elsewhere_whatever_its_tag_is() -> anyhow::Result<()> {
    let all: Arc<Bytes> = Arc::new(Bytes::from_static(b"0123456789"));
    let rest = Server::http(move |seen| {
        let from: Option<usize> = seen
            .header("range")
            .and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok());
        match (from, seen.header("if-range")) {
            (Some(from), Some("\"one\"")) => {
                let range = format!("bytes {from}-9/10");
                answer(
                    206,
                    &[("content-range", &range), ("etag", "\"one\"")],
                    all.slice(from..),
                )
            }
            _ => answer(500, &[], ""),
        }
    });
    let rest = rest.await?;
    // The origin cuts, and then leads to a server that has the rest of something else, and calls it the same.
    let moved = format!(
        "302 Found\r\ncontent-length: 0\r\nlocation: {}",
        rest.url("origin.test", "/rest")
    );
    let socket = Socket::new(vec![cut(FIRST, "0123"), cut(&moved, ""), cut(FIRST, "abcdefghij")]).await?;
    let client = client(Settings {
        crossing: k1s_getter_net::Crossing::Bare,
        ..trusting()
    });
    let mut file = file().await?;
    client.download(Request::get(socket.url()), &mut file).await?;
    assert_eq!(held(&mut file).await?, "abcdefghij", "bytes of two servers");
    assert_eq!(rest.seen().len(), 1, "it was asked");
    Ok(())
}
