//! Credentials, and what happens when they change.

use std::fs;
use std::path::PathBuf;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::HeaderName;
use k1s_getter_address::{Address, Login, Origin as Place, Policy, Secret, Source, Transport};
use k1s_getter_net::{Class, Credential, Fault, Key, Origin, Reference, Request, Settings, SettingsError, Url};

use crate::servers::{Server, answer, client, trusting};

fn key(origin: Origin, credential: Credential) -> Key {
    Key {
        origin,
        credential: Some(credential),
        headers: Vec::new(),
        identity: None,
    }
}

fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", BASE64_STANDARD.encode(format!("{user}:{password}")))
}

#[tokio::test]
async fn each_kind_is_sent_as_it_should_be() -> anyhow::Result<()> {
    let server = Server::http(|_| answer(200, &[], "")).await?;
    let place = tempfile::tempdir()?;
    let write = |name: &str, text: &str| -> anyhow::Result<PathBuf> {
        let path = place.path().join(name);
        fs::write(&path, text)?;
        Ok(path)
    };
    let password = write("password", "pass:word\r\n")?;
    let token = write("token", "t0ken\n")?;
    let netrc = format!("machine origin.test:{} login ann password pw", server.port);
    let other = format!(
        "machine origin.test login ann password pw\nmachine x:{} login y",
        server.port
    );
    let login = Login {
        user: Secret::new("kim"),
        password: None,
    };
    for (credential, expected) in [
        (
            Credential::Basic {
                user: Secret::new("ann"),
                password: Reference::File(password),
            },
            Some(basic("ann", "pass:word")),
        ),
        (Credential::of(&login), Some(basic("kim", ""))),
        (
            Credential::Bearer(Reference::File(token)),
            Some("Bearer t0ken".to_owned()),
        ),
        (Credential::Netrc(write("netrc", &netrc)?), Some(basic("ann", "pw"))),
        (Credential::Netrc(write("other", &other)?), None),
    ] {
        let client = client(Settings {
            keys: vec![key(server.origin("origin.test"), credential)],
            ..trusting()
        });
        client.send(Request::get(server.url("origin.test", "/"))).await?;
        let last = server
            .seen()
            .pop()
            .and_then(|seen| seen.header("authorization").map(str::to_owned));
        assert_eq!(last, expected);
        // The same host by another name is another origin.
        client.send(Request::get(server.url("other.test", "/"))).await?;
        assert!(
            server
                .seen()
                .pop()
                .is_some_and(|seen| seen.header("authorization").is_none())
        );
    }
    Ok(())
}

#[tokio::test]
async fn a_file_that_was_replaced_counts_at_once_and_after_401_once_more() -> anyhow::Result<()> {
    let place = tempfile::tempdir()?;
    let path = place.path().join("token");
    fs::write(&path, "old")?;
    let rotated = path.clone();
    // The server takes only the new one, and it comes while the old one is on its way.
    let server = Server::http(move |seen| match (seen.target.as_str(), seen.header("authorization")) {
        ("/rotates", Some("Bearer old")) => {
            fs::write(&rotated, "new").expect("a token");
            answer(401, &[], "")
        }
        (_, Some("Bearer new" | "Bearer newer")) => answer(200, &[], ""),
        _ => answer(401, &[], ""),
    });
    let server = server.await?;
    let client = client(Settings {
        keys: vec![key(
            server.origin("origin.test"),
            Credential::Bearer(Reference::File(path.clone())),
        )],
        ..trusting()
    });
    let get = |path| Request::get(server.url("origin.test", path));
    let error = client.send(get("/")).await.expect_err("the old token");
    assert_eq!(
        (error.class(), server.seen().len()),
        (Class::Auth, 1),
        "the same is not sent twice: {error}"
    );
    client.send(get("/rotates")).await?;
    assert_eq!(server.seen().len(), 3);
    fs::write(&path, "newer")?;
    client.send(get("/")).await?;
    fs::write(&path, "wrong")?;
    assert_eq!(client.send(get("/")).await.expect_err("wrong").class(), Class::Auth);
    Ok(())
}

#[tokio::test]
async fn a_credential_that_cannot_be_had_is_an_error_before_anyone_is_asked() -> anyhow::Result<()> {
    let server = Server::http(|_| answer(200, &[], "")).await?;
    let place = tempfile::tempdir()?;
    let [missing, empty, broken, netrc] = ["missing", "empty", "broken", "netrc"].map(|name| place.path().join(name));
    fs::write(&empty, "\n")?;
    fs::write(&broken, "CANARY\nCANARY")?;
    fs::write(&netrc, "machine a CANARY")?;
    for (credential, words) in [
        (Credential::Bearer(Reference::File(missing)), "missing cannot be read"),
        (
            Credential::Bearer(Reference::File(place.path().to_owned())),
            "it is not a file",
        ),
        (Credential::Bearer(Reference::File(empty)), "it is empty"),
        (
            Credential::Bearer(Reference::File(broken)),
            "characters that cannot be sent",
        ),
        (
            Credential::Bearer(Reference::Environment("K1S_NOT_SET".to_owned())),
            "K1S_NOT_SET is not set",
        ),
        (Credential::Netrc(netrc), "line 1 of the netrc file"),
    ] {
        let client = client(Settings {
            keys: vec![key(server.origin("origin.test"), credential)],
            ..trusting()
        });
        let error = client
            .send(Request::get(server.url("origin.test", "/")))
            .await
            .expect_err(words);
        assert!(matches!(error.fault, Fault::Key(_)), "{error}");
        assert!(error.to_string().contains(words), "{error}");
        assert!(!format!("{error} {error:?}").contains("CANARY"));
    }
    assert!(server.seen().is_empty());
    Ok(())
}

#[tokio::test]
async fn a_login_of_an_address_is_a_credential_and_no_part_of_its_url() -> anyhow::Result<()> {
    let policy = Policy::default().allowing(Transport::Http);
    let address = Address::parse("http://kim:p%40w@origin.test/a.yaml?archive=false", &policy)?;
    let site = match &address.source {
        Source::Download(download) => match &download.origin {
            Place::Http(site) => site,
            other => anyhow::bail!("not over HTTP: {other:?}"),
        },
        other => anyhow::bail!("not a download: {other:?}"),
    };
    let url = Url::of(site)?;
    assert_eq!(url.to_string(), "http://origin.test/a.yaml");
    let credential = site.login.as_ref().map(Credential::of);
    let expected = Credential::Basic {
        user: Secret::new("kim"),
        password: Reference::Given(Secret::new("p@w")),
    };
    assert_eq!(credential, Some(expected));
    Ok(())
}

#[test]
fn headers_that_frame_a_request_are_not_for_settings() {
    let origin = Url::parse("https://h/").expect("a URL").origin().clone();
    for name in [
        "host",
        "content-length",
        "transfer-encoding",
        "range",
        "if-none-match",
        "authorization",
    ] {
        let mut key = key(origin.clone(), Credential::Bearer(Reference::Given(Secret::new("t"))));
        key.headers
            .push((HeaderName::from_static(name), Reference::Given(Secret::new("x"))));
        let refused = k1s_getter_net::Client::new(Settings {
            keys: vec![key],
            ..trusting()
        });
        assert!(matches!(refused, Err(SettingsError::Header { .. })), "{name}");
    }
}
