//! Whose certificates are believed, and which one is shown.

use k1s_getter_address::Secret;
use k1s_getter_net::{
    Class, Client, Crossing, DialError, Fault, Identity, Key, NetError, Request, Settings, SettingsError, TlsFault,
    Trust, TrustError,
};

use crate::authority::{Authority, Good};
use crate::servers::{Server, answer, client, redirect, trusting};
use crate::socket::{Say, Socket};

const HTTP_1: &[&[u8]] = &[b"http/1.1"];

async fn serving(authority: &Authority, name: &str, good: Good) -> anyhow::Result<Server> {
    let acceptor = Authority::acceptor(&authority.leaf(name, good), HTTP_1, None);
    Ok(Server::https(acceptor, |_| answer(200, &[], "body")).await?)
}

async fn get(client: &Client, server: &Server) -> Result<(), NetError> {
    client
        .send(Request::get(server.url("origin.test", "/")))
        .await?
        .into_body()
        .collect(10)
        .await
        .map(drop)
}

fn tls_fault(error: &NetError) -> Option<&TlsFault> {
    match &error.fault {
        Fault::Tls(fault) => Some(fault),
        Fault::Dial(error) => match &**error {
            DialError::Tls(fault) => Some(fault),
            _ => None,
        },
        _ => None,
    }
}

#[tokio::test]
async fn h12_what_is_wrong_with_a_certificate_is_told() -> anyhow::Result<()> {
    let (ours, theirs, namesake) = (Authority::shared(), Authority::new("theirs"), Authority::new("ours"));
    let client = client(trusting());
    get(&client, &serving(ours, "origin.test", Good::Now).await?).await?;
    for (server, is_that, words) in [
        (
            serving(ours, "origin.test", Good::Once).await?,
            (|fault| matches!(fault, TlsFault::Expired)) as fn(&TlsFault) -> bool,
            "has expired",
        ),
        (
            serving(ours, "origin.test", Good::Later).await?,
            |fault| matches!(fault, TlsFault::NotYetValid),
            "not valid yet",
        ),
        (
            serving(ours, "other.test", Good::Now).await?,
            |fault| matches!(fault, TlsFault::WrongHost),
            "for other hosts",
        ),
        (
            serving(&theirs, "origin.test", Good::Now).await?,
            |fault| matches!(fault, TlsFault::Untrusted),
            "no authority that is trusted",
        ),
        (
            serving(&namesake, "origin.test", Good::Now).await?,
            |fault| matches!(fault, TlsFault::Untrusted),
            "no authority that is trusted",
        ),
    ] {
        let error = get(&client, &server).await.expect_err(words);
        assert!(tls_fault(&error).is_some_and(is_that), "{error:?}");
        assert!(error.to_string().contains(words), "{error}");
        assert_eq!(error.class(), Class::Refused);
        assert!(server.seen().is_empty());
    }
    Ok(())
}

#[tokio::test]
async fn h12_a_private_authority_is_added_or_the_only_one() -> anyhow::Result<()> {
    let (ours, theirs) = (Authority::new("a"), Authority::new("b"));
    let (one, other) = (
        serving(&ours, "origin.test", Good::Now).await?,
        serving(&theirs, "origin.test", Good::Now).await?,
    );
    let trusting_in = |trust| client(Settings { trust, ..trusting() });
    let only = trusting_in(Trust::Only(ours.certificate()));
    get(&only, &one).await?;
    assert!(get(&only, &other).await.is_err());
    let both = trusting_in(Trust::Only(format!("{}{}", ours.certificate(), theirs.certificate())));
    get(&both, &one).await?;
    get(&both, &other).await?;
    for text in [
        "",
        "CANARY",
        "-----BEGIN CERTIFICATE-----\nCANARY\n-----END CERTIFICATE-----\n",
    ] {
        let refused = Client::new(Settings {
            trust: Trust::Only(text.to_owned()),
            ..trusting()
        });
        let error = refused.expect_err("no authority");
        assert!(matches!(error, SettingsError::Trust(_)), "{error}");
        assert!(!format!("{error} {error:?}").contains("CANARY"), "{error:?}");
    }
    Ok(())
}

/// What the system trusts is what this variable says in a process of its own: it is this test's program once more.
#[tokio::test]
async fn h12_what_the_system_trusts_counts_and_others_are_added() -> anyhow::Result<()> {
    const FILE: &str = "SSL_CERT_FILE";
    const INNER: &str = "K1S_INNER_TEST";
    if std::env::var_os(INNER).is_none() {
        let place = tempfile::tempdir()?;
        let inner = std::process::Command::new(std::env::current_exe()?)
            .args([
                "--exact",
                "trust::h12_what_the_system_trusts_counts_and_others_are_added",
            ])
            .env(FILE, place.path().join("authorities"))
            .env_remove("SSL_CERT_DIR")
            .env(INNER, "1")
            .output()?;
        let told = String::from_utf8_lossy(&inner.stdout);
        anyhow::ensure!(inner.status.success() && told.contains("1 passed"), "{told}");
        return Ok(());
    }
    let path = std::env::var_os(FILE).expect("a file");
    let in_system = |trust| Client::new(Settings { trust, ..trusting() });
    std::fs::write(&path, "")?;
    let nobody = in_system(Trust::System).expect_err("nobody is trusted");
    assert!(matches!(nobody, SettingsError::Trust(TrustError::System)), "{nobody}");

    let (ours, theirs) = (Authority::new("a"), Authority::new("b"));
    std::fs::write(&path, ours.certificate())?;
    let one = serving(&ours, "origin.test", Good::Now).await?;
    let other = serving(&theirs, "origin.test", Good::Now).await?;
    let system = in_system(Trust::System)?;
    get(&system, &one).await?;
    assert!(get(&system, &other).await.is_err());
    let added = in_system(Trust::Added(theirs.certificate()))?;
    get(&added, &one).await?;
    get(&added, &other).await?;
    let only = in_system(Trust::Only(theirs.certificate()))?;
    assert!(get(&only, &one).await.is_err());
    Ok(())
}

#[tokio::test]
async fn h12_a_client_certificate_is_shown_to_its_origin_only() -> anyhow::Result<()> {
    let (ours, clients) = (Authority::shared(), Authority::new("clients"));
    let leaf = ours.leaf("origin.test", Good::Now);
    let identity = clients.leaf("kim", Good::Now).identity();
    for version in [HTTP_1, &[b"h2" as &[u8]]] {
        let acceptor = || Authority::acceptor(&leaf, version, Some(&clients));
        let server = Server::https(acceptor(), |_| answer(200, &[], "body")).await?;
        let elsewhere = Server::https(acceptor(), |_| answer(200, &[], "elsewhere")).await?;
        let there = elsewhere.url("origin.test", "/").to_string();
        let leading = Server::https(acceptor(), move |_| redirect(302, &there)).await?;
        let key = |server: &Server, identity: Identity| Key {
            origin: server.origin("origin.test"),
            credential: None,
            headers: Vec::new(),
            identity: Some(identity),
        };
        let known = client(Settings {
            keys: vec![key(&server, identity.clone()), key(&leading, identity.clone())],
            crossing: Crossing::Bare,
            ..trusting()
        });
        get(&known, &server).await?;
        let error = get(&known, &leading)
            .await
            .expect_err("it led elsewhere, where nobody is shown it");
        assert!(matches!(tls_fault(&error), Some(TlsFault::IdentityWanted)), "{error:?}");
        assert!(elsewhere.seen().is_empty());

        let unknown = get(&client(trusting()), &server).await.expect_err("nobody");
        assert!(
            matches!(tls_fault(&unknown), Some(TlsFault::IdentityWanted)),
            "{unknown:?}"
        );
        assert_eq!(unknown.class(), Class::Auth);
        let stranger = Authority::new("others").leaf("kim", Good::Now).identity();
        let strange = client(Settings {
            keys: vec![key(&server, stranger)],
            ..trusting()
        });
        let error = get(&strange, &server).await.expect_err("a stranger");
        assert!(
            matches!(tls_fault(&error), Some(TlsFault::IdentityRefused)),
            "{error:?}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn h01_a_client_certificate_is_not_shown_by_whoever_was_led_back() -> anyhow::Result<()> {
    let (ours, clients) = (Authority::shared(), Authority::new("clients"));
    let leaf = ours.leaf("origin.test", Good::Now);
    for version in [HTTP_1, &[b"h2" as &[u8]]] {
        let back = Server::https(Authority::acceptor(&leaf, version, None), |seen| {
            redirect(302, seen.target.split_once("/?").map_or("/none", |(_, to)| to))
        });
        let back = back.await?;
        let there = back.url("origin.test", "/").to_string();
        let guarded = Authority::acceptor(&leaf, version, Some(&clients));
        let home = Server::https(guarded, move |seen| match seen.target.split_once("/away?") {
            Some((_, to)) => redirect(302, &format!("{there}?{to}")),
            None => answer(200, &[], "home"),
        });
        let home = home.await?;
        let known = client(Settings {
            keys: vec![Key {
                origin: home.origin("origin.test"),
                credential: None,
                headers: Vec::new(),
                identity: Some(clients.leaf("kim", Good::Now).identity()),
            }],
            crossing: Crossing::Bare,
            ..trusting()
        });
        // From here on there is a connection on which the certificate was shown.
        get(&known, &home).await?;
        let chosen = home.url("origin.test", "/chosen-by-others");
        let request = Request::get(home.url("origin.test", &format!("/away?{chosen}")));
        let error = known.send(request).await.expect_err("home wants to know who asks");
        assert!(matches!(tls_fault(&error), Some(TlsFault::IdentityWanted)), "{error:?}");
        assert_eq!((error.at.hop, back.seen().len()), (2, 1), "{error}");
        assert_eq!(home.seen().len(), 2, "what others chose was never asked");
    }
    Ok(())
}

#[tokio::test]
async fn a_client_certificate_that_cannot_be_shown_is_refused() -> anyhow::Result<()> {
    let server = serving(Authority::shared(), "origin.test", Good::Now).await?;
    let identity = Authority::new("others").leaf("kim", Good::Now).identity();
    let other = Authority::new("others").leaf("kim", Good::Now).identity();
    let made = |chain: &str, key: &Secret| {
        let key = Key {
            origin: server.origin("origin.test"),
            credential: None,
            headers: Vec::new(),
            identity: Some(Identity {
                chain: chain.to_owned(),
                key: key.clone(),
            }),
        };
        let settings = Settings {
            keys: vec![key],
            ..trusting()
        };
        assert!(!format!("{settings:?}").contains(other.key.expose()));
        Client::new(settings).err()
    };
    assert!(made(&identity.chain, &identity.key).is_none());
    let refused = [
        made("", &identity.key),
        made(&identity.chain, &Secret::new("CANARY")),
        made(&identity.chain, &other.key),
    ];
    assert!(
        matches!(refused[0], Some(SettingsError::Trust(TrustError::NoChain(_)))),
        "{refused:?}"
    );
    assert!(
        matches!(refused[1], Some(SettingsError::Trust(TrustError::NoKey(_)))),
        "{refused:?}"
    );
    assert!(
        matches!(refused[2], Some(SettingsError::Trust(TrustError::Identity { .. }))),
        "{refused:?}"
    );
    Ok(())
}

#[tokio::test]
async fn h05_tls_that_is_never_agreed_on_ends() -> anyhow::Result<()> {
    let socket = Socket::new(vec![vec![Say::Nothing]]).await?;
    let client = client(Settings {
        limits: crate::servers::short(),
        ..trusting()
    });
    let url = k1s_getter_net::Url::parse(&format!("https://origin.test:{}/", socket.port))?;
    let error = client.send(Request::get(url)).await.expect_err("nothing comes");
    assert!(error.to_string().contains("the limit handshake"), "{error}");
    assert_eq!(error.class(), Class::Timeout);
    Ok(())
}
