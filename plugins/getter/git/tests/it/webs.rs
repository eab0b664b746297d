//! Repositories over HTTP: real ones, and servers that are none or lead elsewhere.

use std::net::SocketAddr;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, LOCATION};
use http::{Response, StatusCode};
use http_body_util::Full;
use k1s_getter_address::Secret;
use k1s_getter_git::{GitError, HttpError, Limits, ObjectId, Remote, SmartHttp, WireError};
use k1s_getter_net::{Class, Client, Credential, Crossing, Key, Reach, Reference, Url};

use crate::making::{Counter, Made, Place, client, revision, settings, target};
use crate::web::{Answer, Rule, Web};

fn git() -> Rule {
    Box::new(|_| None)
}

fn url(scheme: &str, address: SocketAddr, path: &str) -> Url {
    Url::parse(&format!("{scheme}://{address}{path}")).unwrap()
}

fn remote(client: &Client, url: Url) -> Remote {
    Remote::new(Box::new(SmartHttp::new(client.clone(), url)), Limits::default())
}

fn status(status: StatusCode) -> Answer {
    Response::builder().status(status).body(Full::default()).unwrap()
}

fn redirect(location: &str) -> Answer {
    let redirect = Response::builder().status(StatusCode::MOVED_PERMANENTLY);
    redirect.header(LOCATION, location).body(Full::default()).unwrap()
}

/// The error of smart HTTP in an error of a transport.
fn http(error: &GitError) -> &HttpError {
    let GitError::Transport(error) = error else {
        panic!("{error:?}");
    };
    error.get().downcast_ref().unwrap()
}

fn class(error: &GitError) -> Class {
    match http(error) {
        HttpError::Net(error) => error.class(),
        HttpError::Url(_) | HttpError::Type(_) | HttpError::Wandering => panic!("{error:?}"),
    }
}

fn key(url: &Url, credential: Credential) -> Key {
    Key {
        origin: url.origin().clone(),
        credential: Some(credential),
        headers: Vec::new(),
        identity: None,
    }
}

async fn fails(remote: &mut Remote) -> GitError {
    remote.resolve(&[revision("main")]).await.unwrap_err()
}

#[tokio::test]
async fn commits_and_files_come_with_and_without_tls() {
    let made = Made::with_files();
    for scheme in ["http", "https"] {
        let web = match scheme {
            "http" => Web::http(&made, git()).await,
            _ => Web::https(&made, git()).await,
        };
        let mut remote = remote(&client(Reach::trusted()), url(scheme, web.address, "/repository/"));
        let place = Place::new();
        let target = target(&mut remote, "main").await;
        let commit = remote.fetch(&place.cache, &target, None).await.unwrap();
        let objects = place.cache.objects(&Limits::default()).unwrap();
        let files: Vec<ObjectId> = objects
            .list(&commit.tree)
            .unwrap()
            .iter()
            .map(|entry| entry.id)
            .collect();
        assert!(!objects.has(&files[0]).unwrap(), "files are left out");
        remote.fetch_blobs(&place.cache, &files).await.unwrap();
        let objects = place.cache.objects(&Limits::default()).unwrap();
        assert_eq!(objects.blob(&files[0], u64::MAX).unwrap(), b"kind: Two\n");
    }
}

/// S01: whoever is told a password can say it again, in whatever part of its answers.
#[tokio::test]
async fn s01_what_a_server_says_that_may_be_told_secrets_is_not_shown() {
    let made = Made::with_files();
    for place in ["info/refs", "git-upload-pack"] {
        let rule: Rule = Box::new(move |asked| {
            let words = b"0013ERR my-password".as_slice();
            let answer = |kind: &str| {
                let kind = format!("application/x-git-upload-pack-{kind}");
                let answer = Response::builder().header(CONTENT_TYPE, kind);
                answer.body(Full::new(Bytes::from_static(words))).unwrap()
            };
            let kind = if place == "info/refs" {
                "advertisement"
            } else {
                "result"
            };
            asked.uri.path().ends_with(place).then(|| answer(kind))
        });
        let web = Web::http(&made, rule).await;
        let mut remote = remote(&client(Reach::trusted()), url("http", web.address, "/repository"));
        let error = fails(&mut remote).await;
        assert!(
            matches!(error, GitError::Wire(WireError::RefusedUnheard)),
            "{place}: {error}"
        );
    }
}

#[tokio::test]
async fn the_next_poll_is_one_small_request_on_the_same_connection() {
    let made = Made::with_files();
    let commit = made.id("HEAD");
    let references: String = (0..2_000)
        .map(|at| format!("create refs/heads/branch-{at} {commit}\n"))
        .collect();
    made.git_with(&["update-ref", "--stdin"], references.as_bytes());
    for scheme in ["http", "https"] {
        let web = match scheme {
            "http" => Web::http(&made, git()).await,
            _ => Web::https(&made, git()).await,
        };
        let counter = Counter::of(web.address).await;
        let mut remote = remote(&client(Reach::trusted()), url(scheme, counter.address, "/repository"));
        target(&mut remote, "main").await;
        assert_eq!(counter.traffic().connections, 1, "{scheme}");
        assert_eq!(web.seen().len(), 2);
        target(&mut remote, "main").await;
        let traffic = counter.traffic();
        assert!(
            traffic.connections == 0 && traffic.down + traffic.up <= 1024,
            "{scheme}: {traffic:?}"
        );
        assert_eq!(web.seen().len(), 1);
    }
}

#[tokio::test]
async fn credentials_are_asked_for_and_sent() {
    let made = Made::with_files();
    let rule: Rule = Box::new(|parts| {
        let is_known = parts
            .headers
            .get(AUTHORIZATION)
            .is_some_and(|value| value == "Basic YW5uOnNlY3JldA==");
        (!is_known).then(|| status(StatusCode::UNAUTHORIZED))
    });
    let web = Web::https(&made, rule).await;
    let url = url("https", web.address, "/repository");
    let error = fails(&mut remote(&client(Reach::trusted()), url.clone())).await;
    assert_eq!(class(&error), Class::Auth);

    let mut settings = settings(Reach::trusted());
    settings.keys.push(key(
        &url,
        Credential::Basic {
            user: Secret::new("ann"),
            password: Reference::Given(Secret::new("secret")),
        },
    ));
    let mut remote = remote(&Client::new(settings).unwrap(), url);
    target(&mut remote, "main").await;
}

#[tokio::test]
async fn what_is_no_repository_is_told_apart() {
    let made = Made::with_files();
    let web = Web::http(&made, git()).await;
    let trusted = client(Reach::trusted());
    let error = fails(&mut remote(&trusted, url("http", web.address, "/other"))).await;
    assert_eq!(class(&error), Class::Missing);

    let typed = |kind: &'static str| -> Rule {
        Box::new(move |_| {
            let page = Full::from(Bytes::from_static(b"<html>Log in"));
            Some(Response::builder().header(CONTENT_TYPE, kind).body(page).unwrap())
        })
    };
    let web = Web::http(&made, typed("a-canary/what-it-was-told")).await;
    let error = fails(&mut remote(&trusted, url("http", web.address, "/repository"))).await;
    assert!(!error.to_string().contains("canary"), "{error}");
    let web = Web::http(&made, typed("text/html; charset=utf-8")).await;
    let error = fails(&mut remote(&trusted, url("http", web.address, "/repository"))).await;
    assert!(matches!(http(&error), HttpError::Type("text/html")), "{error}");
}

/// A server that knows no version 2 says all references at once, and gives whole commits.
#[tokio::test]
async fn version_0_is_enough_for_what_references_name() {
    let made = Made::with_files();
    let first = made.id("HEAD");
    made.git(&["tag", "--annotate", "v1", "--message", "One"]);
    made.git(&["tag", "v2"]);
    made.commit("Second");
    for version in ["0", "1"] {
        let rule: Rule = Box::new(move |parts| {
            parts
                .headers
                .insert("git-protocol", format!("version={version}").parse().unwrap());
            None
        });
        let web = Web::http(&made, rule).await;
        let mut remote = remote(&client(Reach::trusted()), url("http", web.address, "/repository"));
        for (text, commit) in [("HEAD", made.id("HEAD")), ("v1", first), ("v2", first)] {
            let place = Place::new();
            let target = target(&mut remote, text).await;
            assert_eq!(target.commit, commit, "{text}");
            let fetched = remote.fetch(&place.cache, &target, None).await.unwrap();
            let objects = place.cache.objects(&Limits::default()).unwrap();
            let files: Vec<ObjectId> = objects
                .list(&fetched.tree)
                .unwrap()
                .iter()
                .map(|entry| entry.id)
                .collect();
            remote.fetch_blobs(&place.cache, &files).await.unwrap();
            assert_eq!(objects.blob(&files[0], u64::MAX).unwrap(), b"kind: Two\n");
        }
        let gone = remote.resolve(&[revision("gone")]).await.unwrap().remove(0);
        assert!(gone.is_err());
        // What no reference leads to is not handed out.
        let lost = made.git(&["commit-tree", "HEAD^{tree}", "-m", "Lost"]);
        let found = remote.resolve(&[revision(&lost)]).await.unwrap().remove(0).unwrap();
        let error = remote.fetch(&Place::new().cache, &found, None).await.unwrap_err();
        assert!(matches!(error, GitError::NotServed(id) if id == found.id), "{error}");
    }
}

#[tokio::test]
async fn a_server_that_changes_is_asked_anew() {
    let made = Made::with_files();
    let (sender, answers) = std::sync::mpsc::sync_channel::<StatusCode>(1);
    let answers = std::sync::Mutex::new(answers);
    let rule: Rule = Box::new(move |_| answers.lock().unwrap().try_recv().ok().map(status));
    let web = Web::http(&made, rule).await;
    let mut remote = remote(&client(Reach::trusted()), url("http", web.address, "/repository"));
    target(&mut remote, "main").await;
    sender.send(StatusCode::SERVICE_UNAVAILABLE).unwrap();
    assert_eq!(class(&fails(&mut remote).await), Class::Unavailable);
    web.seen();
    target(&mut remote, "main").await;
    let paths: Vec<String> = web.seen().iter().map(|parts| parts.uri.path().to_owned()).collect();
    assert_eq!(paths, ["/repository/info/refs", "/repository/git-upload-pack"]);
}

#[tokio::test]
async fn a_redirect_within_the_origin_moves_the_questions_along() {
    let made = Made::with_files();
    let rule: Rule = Box::new(|parts| {
        let query = parts.uri.query().unwrap_or_default();
        let path = parts.uri.path().strip_prefix("/old")?;
        assert_eq!(parts.method, "GET", "questions go where the greeting came from");
        Some(redirect(&format!("/repository{path}?{query}")))
    });
    let web = Web::http(&made, rule).await;
    let mut remote = remote(&client(Reach::trusted()), url("http", web.address, "/old"));
    target(&mut remote, "main").await;
    target(&mut remote, "main").await;
}

#[tokio::test]
async fn a_redirect_to_another_origin_takes_no_credential_along() {
    let made = Made::with_files();
    let other = Web::http(&made, git()).await;
    let there = other.address;
    let rule: Rule = Box::new(move |parts| {
        let target = parts.uri.path_and_query().unwrap().as_str();
        Some(redirect(&format!("http://{there}{target}")))
    });
    let web = Web::http(&made, rule).await;
    let first = url("http", web.address, "/repository");

    let error = fails(&mut remote(&client(Reach::trusted()), first.clone())).await;
    assert_eq!(class(&error), Class::Refused);
    assert!(other.seen().is_empty(), "nobody else is asked");
    web.seen();

    let mut settings = settings(Reach::trusted());
    settings.crossing = Crossing::Bare;
    settings
        .keys
        .push(key(&first, Credential::Bearer(Reference::Given(Secret::new("token")))));
    let client = Client::new(settings).unwrap();
    target(&mut remote(&client, first), "main").await;
    assert!(web.seen().iter().all(|parts| parts.headers.contains_key(AUTHORIZATION)));
    let seen = other.seen();
    assert!(seen.len() >= 2 && seen.iter().all(|parts| !parts.headers.contains_key(AUTHORIZATION)));
}

#[tokio::test]
async fn origins_that_lead_to_each_other_are_left() {
    let made = Made::with_files();
    let (sender, addresses) = std::sync::mpsc::sync_channel::<SocketAddr>(1);
    let back = std::sync::LazyLock::new(move || addresses.recv().unwrap());
    // Each answers by itself when asked without the version, so that no single request is redirected for long.
    let turn = |to: &SocketAddr, parts: &http::request::Parts| {
        let target = parts.uri.path_and_query().unwrap().as_str();
        parts
            .headers
            .contains_key("git-protocol")
            .then(|| redirect(&format!("http://{to}{target}")))
    };
    let one = Web::http(&made, Box::new(move |parts| turn(&back, parts))).await;
    let address = one.address;
    let other = Web::http(&made, Box::new(move |parts| turn(&address, parts))).await;
    sender.send(other.address).unwrap();
    let mut settings = settings(Reach::trusted());
    settings.crossing = Crossing::Bare;
    let client = Client::new(settings).unwrap();
    let error = fails(&mut remote(&client, url("http", one.address, "/repository"))).await;
    assert!(matches!(http(&error), HttpError::Wandering), "{error}");
}

/// Whoever leads back chooses what is asked there, so that nothing is asked of an origin that was left.
#[tokio::test]
async fn g12_an_origin_that_was_left_is_not_gone_back_to() {
    let made = Made::with_files();
    for is_versioned in [true, false] {
        let (sender, addresses) = std::sync::mpsc::sync_channel::<SocketAddr>(1);
        let back = std::sync::LazyLock::new(move || addresses.recv().unwrap());
        let rule: Rule = Box::new(move |parts| {
            let path = parts.uri.path().strip_prefix("/first")?;
            Some(redirect(&format!(
                "http://{}/first{path}?service=git-upload-pack",
                *back
            )))
        });
        let first = Web::http(&made, rule).await;
        let address = first.address;
        // With the version it is asked once more, when it was found out where the repository is; without, on the way.
        let rule: Rule = Box::new(move |parts| {
            let path = parts.uri.path().strip_prefix("/first")?;
            let there = format!("http://{address}/repository{path}?service=git-upload-pack");
            (parts.headers.contains_key("git-protocol") == is_versioned).then(|| redirect(&there))
        });
        let second = Web::http(&made, rule).await;
        sender.send(second.address).unwrap();
        let named = url("http", first.address, "/first");
        let mut settings = settings(Reach::trusted());
        settings.crossing = Crossing::Bare;
        settings
            .keys
            .push(key(&named, Credential::Bearer(Reference::Given(Secret::new("token")))));
        let error = fails(&mut remote(&Client::new(settings).unwrap(), named)).await;
        match is_versioned {
            true => assert!(
                matches!(http(&error), HttpError::Wandering | HttpError::Net(_)),
                "{error}"
            ),
            false => assert!(matches!(http(&error), HttpError::Wandering), "{error}"),
        }
        let told = first
            .seen()
            .into_iter()
            .filter(|parts| parts.headers.contains_key(AUTHORIZATION));
        assert!(
            told.map(|parts| parts.uri.path().to_owned())
                .all(|path| path.starts_with("/first"))
        );
    }
}

#[tokio::test]
async fn places_out_of_reach_are_not_asked() {
    let made = Made::with_files();
    let web = Web::http(&made, git()).await;
    let error = fails(&mut remote(
        &client(Reach::untrusted()),
        url("http", web.address, "/repository"),
    ))
    .await;
    assert_eq!(class(&error), Class::Refused, "{error}");
    assert!(web.seen().is_empty());
}
