//! A store that answers as none should.

use std::convert::Infallible;
use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use k1s_getter_bucket::{Bucket, BucketError, Found, ListingError, REFUSED};
use k1s_getter_net::Class;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::moto::{address, client};

/// A store that answers a listing in this way.
struct Store {
    port: u16,
    _tasks: JoinSet<()>,
}

impl Store {
    /// Starts one that has no object.
    async fn new(answer: impl Fn(&str) -> (u16, String) + Send + Sync + 'static) -> io::Result<Self> {
        Self::with_head(404, answer).await
    }

    /// Starts one that answers so when it is asked for an object's head.
    async fn with_head(head: u16, answer: impl Fn(&str) -> (u16, String) + Send + Sync + 'static) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        let answer = Arc::new(answer);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut open = JoinSet::new();
            while let Ok((socket, _)) = listener.accept().await {
                let answer = Arc::clone(&answer);
                open.spawn(async move {
                    let service = service_fn(move |request: Request<Incoming>| {
                        let answer = Arc::clone(&answer);
                        async move { Ok::<_, Infallible>(respond(&request, head, &*answer)) }
                    });
                    // Clients leave when they have seen enough.
                    drop(
                        http1::Builder::new()
                            .serve_connection(TokioIo::new(socket), service)
                            .await,
                    );
                });
            }
        });
        Ok(Self { port, _tasks: tasks })
    }

    async fn find(&self, rest: &str) -> anyhow::Result<Result<Found, BucketError>> {
        let s3 = address(&format!("s3::http://127.0.0.1:{}/{rest}", self.port))?;
        Ok(Bucket::s3(client(), &s3, None)?.find().await)
    }
}

fn respond(request: &Request<Incoming>, head: u16, answer: &dyn Fn(&str) -> (u16, String)) -> Response<Full<Bytes>> {
    let (status, body) = match request.method().as_str() {
        "HEAD" => (head, String::new()),
        _ => answer(request.uri().query().unwrap_or_default()),
    };
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = http::StatusCode::from_u16(status).expect("a status");
    response
}

fn page_of(prefix: &str, keys: &[String], more: &str) -> String {
    let entry = |key: &String| format!("<Contents><Key>{key}</Key><ETag>e</ETag><Size>1</Size></Contents>");
    let entries: String = keys.iter().map(entry).collect();
    format!("<ListBucketResult><Prefix>{prefix}</Prefix>{entries}{more}</ListBucketResult>")
}

const END: &str = "<IsTruncated>false</IsTruncated>";

fn again(token: &str) -> String {
    format!("<IsTruncated>true</IsTruncated><NextContinuationToken>{token}</NextContinuationToken>")
}

#[tokio::test]
async fn a_listing_that_goes_on_for_ever_ends() -> anyhow::Result<()> {
    let same = Store::new(|_| (200, page_of("a/", &[], &again("t")))).await?;
    let found = same.find("pail/a").await?;
    assert!(
        matches!(found, Err(BucketError::Listing(ListingError::Lost))),
        "{found:?}"
    );

    // Another token each time, and a thousand keys.
    let on = Store::new(|query| {
        let number: usize = query.matches(char::is_alphanumeric).count();
        let seen = query
            .split("continuation-token=")
            .nth(1)
            .and_then(|rest| rest.split('&').next()?.parse().ok());
        let next = seen.unwrap_or(number) + 1;
        let keys: Vec<String> = (0..1000).map(|key| format!("a/{next}-{key}")).collect();
        (200, page_of("a/", &keys, &again(&next.to_string())))
    });
    let found = on.await?.find("pail/a").await?;
    assert!(matches!(found, Err(BucketError::Keys(_))), "{:?}", found.map(drop));
    Ok(())
}

#[tokio::test]
async fn p07_a_store_that_lists_what_was_not_asked_for_is_not_believed() -> anyhow::Result<()> {
    let store = Store::new(|_| {
        let keys = [
            "../sibling.yaml",
            "/abs",
            "team/../../x",
            "team-b/x",
            "team/\u{1}",
            "team/ok.yaml",
        ];
        (200, page_of("team/", &keys.map(str::to_owned), END))
    });
    let Found::Folder(folder) = store.await?.find("pail/team").await?? else {
        anyhow::bail!("not a folder");
    };
    assert_eq!(
        folder.entries.keys().map(|path| path.as_str()).collect::<Vec<_>>(),
        ["ok.yaml"]
    );
    assert_eq!((folder.refused_count, folder.refused.len()), (5, 5));

    let mixed = Store::new(|_| {
        let keys = (0..1000).map(|number| format!("elsewhere/{number}"));
        let keys: Vec<String> = keys.chain(["team/ok.yaml".to_owned()]).collect();
        (200, page_of("team/", &keys[1..], END))
    });
    let Found::Folder(folder) = mixed.await?.find("pail/team").await?? else {
        anyhow::bail!("not a folder");
    };
    assert_eq!((folder.refused_count, folder.refused.len()), (999, REFUSED));
    Ok(())
}

#[tokio::test]
async fn a_folder_is_of_what_was_asked_for_and_whole_or_an_error() -> anyhow::Result<()> {
    let key = |key: &str| [key.to_owned()];
    for (body, words) in [
        // It might be cut, and whatever is missing of it would be deleted.
        (page_of("team/", &key("team/a"), ""), "whether it goes on"),
        // It does not know `prefix`, and answers with whatever there is.
        (page_of("", &key("team/a"), END), "the prefix that was asked for"),
        (page_of("team/", &key("other/a"), END), "none of the 1 keys"),
    ] {
        let store = Store::new(move |_| (200, body.clone())).await?;
        let error = store.find("pail/team").await?.expect_err(words);
        assert_eq!(error.class(), Class::Broken, "{error}");
        assert!(error.to_string().contains(words), "{error}");
    }
    Ok(())
}

#[tokio::test]
async fn what_may_not_be_seen_is_no_folder_unless_the_listing_says_that_it_is_not_there() -> anyhow::Result<()> {
    for (object, expected) in [(Some("app"), Err(Class::Permission)), (None, Ok(1))] {
        let store = Store::with_head(403, move |query| {
            let prefix = if query.ends_with("prefix=app%2F") {
                "app/"
            } else {
                "app"
            };
            let all = object.into_iter().chain(["app-b", "app/a"]).map(str::to_owned);
            let keys: Vec<String> = all.filter(|key| key.starts_with(prefix)).collect();
            (200, page_of(prefix, &keys, END))
        });
        let found = store.await?.find("pail/app").await?;
        let found = found.map_err(|error| error.class()).map(|found| match found {
            Found::Folder(folder) => folder.entries.len(),
            Found::Object(_) => 0,
        });
        assert_eq!(found, expected);
    }
    Ok(())
}

#[tokio::test]
async fn what_may_not_be_seen_is_looked_for_behind_empty_pages() -> anyhow::Result<()> {
    let store = Store::with_head(403, |query| {
        let (prefix, keys) = match query {
            query if query.ends_with("prefix=app%2F") => ("app/", "app/a"),
            query if query.contains("continuation-token=t") => ("app", "app"),
            _ => return (200, page_of("app", &[], &again("t"))),
        };
        (200, page_of(prefix, &[keys.to_owned()], END))
    });
    let found = store.await?.find("pail/app").await?;
    assert_eq!(found.map_err(|error| error.class()), Err(Class::Permission));

    let endless = Store::with_head(403, |_| (200, page_of("app", &[], &again("t")))).await?;
    let found = endless.find("pail/app").await?;
    assert!(
        matches!(found, Err(BucketError::Listing(ListingError::Lost))),
        "{found:?}"
    );
    Ok(())
}

#[tokio::test]
async fn an_answer_that_is_no_listing_is_an_error() -> anyhow::Result<()> {
    for (status, body, class, words) in [
        (200, "<html>log in</html>".to_owned(), Class::Broken, "not a listing"),
        (200, "log in".to_owned(), Class::Broken, "not a listing"),
        (
            200,
            "<Error><Code>CANARY</Code></Error>".to_owned(),
            Class::Broken,
            "not a listing",
        ),
        (200, page_of("a/", &[], END), Class::Missing, "none below it"),
        (
            301,
            "<Error><Code>PermanentRedirect</Code></Error>".to_owned(),
            Class::Refused,
            "region=",
        ),
        (
            503,
            "<Error><Code>SlowDown</Code></Error>".to_owned(),
            Class::Unavailable,
            "503",
        ),
        (
            200,
            "<ListBucketResult>".repeat(1_000_000),
            Class::TooLarge,
            "body_bytes",
        ),
    ] {
        let store = Store::new(move |_| (status, body.clone())).await?;
        let error = store.find("pail/a").await?.expect_err(words);
        assert_eq!(error.class(), class, "{error}");
        assert!(
            error.to_string().contains(words) && !error.to_string().contains("CANARY"),
            "{error}"
        );
    }
    Ok(())
}
