//! Registries that want a token, which a service gives to whoever has the password.

use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use http::HeaderName;
use k1s_getter_address::Secret;
use k1s_getter_net::{Class, Reference};
use k1s_getter_oci::{Access, OciError};
use k1s_tests::authority::{Authority, Leaf};
use k1s_tests::registry::{Door, PASSWORD, Registry, USER};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::artifacts::{remote, settings};
use crate::doors::credential;

/// A service of tokens on this machine.
struct Service {
    port: u16,
    /// What it was asked last.
    asked: watch::Receiver<String>,
    _task: JoinSet<Infallible>,
}

impl Service {
    async fn start(leaf: Leaf) -> anyhow::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        let acceptor = acceptor(&leaf)?;
        let (tell, asked) = watch::channel(String::new());
        let mut task = JoinSet::new();
        task.spawn(async move {
            loop {
                // Whoever hangs up is what some of these tests are about.
                drop(answer(&listener, &acceptor, &leaf, &tell).await);
            }
        });
        Ok(Self {
            port,
            asked,
            _task: task,
        })
    }

    fn realm(&self) -> String {
        format!("https://localhost:{}/token?account=tests", self.port)
    }
}

fn acceptor(leaf: &Leaf) -> anyhow::Result<TlsAcceptor> {
    let certificate = CertificateDer::from_pem_slice(leaf.certificate.as_bytes())?;
    let key = PrivateKeyDer::from_pem_slice(leaf.key.as_bytes())?;
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()));
    let config = config.with_safe_default_protocol_versions()?.with_no_client_auth();
    Ok(TlsAcceptor::from(Arc::new(
        config.with_single_cert(vec![certificate], key)?,
    )))
}

/// Answers one request.
async fn answer(
    listener: &TcpListener,
    acceptor: &TlsAcceptor,
    leaf: &Leaf,
    tell: &watch::Sender<String>,
) -> anyhow::Result<()> {
    let (stream, _) = listener.accept().await?;
    let mut stream = acceptor.accept(stream).await?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8(head)?;
    let wanted = format!("Basic {}", BASE64_STANDARD.encode(format!("{USER}:{PASSWORD}")));
    let is_known = head.lines().any(|line| {
        let (name, value) = line.split_once(": ").unwrap_or_default();
        name.eq_ignore_ascii_case("authorization") && value == wanted
    });
    let (status, body) = if is_known {
        ("200 OK", json!({ "token": token(leaf)? }).to_string())
    } else {
        ("401 Unauthorized", String::new())
    };
    tell.send_replace(head);
    let length = body.len();
    let answer = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}");
    stream.write_all(answer.as_bytes()).await?;
    Ok(stream.shutdown().await?)
}

/// A token to read one repository, signed by the key of a certificate that the registry's authority vouches for.
fn token(leaf: &Leaf) -> anyhow::Result<String> {
    let encode = |part: serde_json::Value| BASE64_URL_SAFE_NO_PAD.encode(part.to_string());
    let certificate = CertificateDer::from_pem_slice(leaf.certificate.as_bytes())?;
    let head = encode(json!({ "typ": "JWT", "alg": "ES256", "x5c": [BASE64_STANDARD.encode(&certificate)] }));
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let body = encode(json!({
        "iss": "tests", "sub": USER, "aud": "tests", "jti": "1", "nbf": now - 60, "iat": now - 60, "exp": now + 600,
        "access": [{ "type": "repository", "name": "team/app", "actions": ["pull", "push"] }],
    }));
    let (random, signed) = (SystemRandom::new(), format!("{head}.{body}"));
    let key = PrivatePkcs8KeyDer::from_pem_slice(leaf.key.as_bytes())?;
    let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, key.secret_pkcs8_der(), &random)
        .ok()
        .context("reading the key")?;
    let signature = key.sign(&random, signed.as_bytes()).ok().context("signing")?;
    Ok(format!("{signed}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature)))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_asked_of_a_service_that_was_named_and_of_no_other() -> anyhow::Result<()> {
    let authority = Authority::new()?;
    let service = Service::start(authority.leaf()?).await?;
    let door = Door::Token { realm: service.realm() };
    let registry = Registry::start(authority, door)?;
    let pushed = registry.push("team/app:v1", &[("a.yaml", "a: 1\n")], None)?;
    let realm = k1s_getter_net::Url::parse(&service.realm())?.origin().clone();
    let access = |password: Option<&str>, token_origins| Access {
        settings: settings(registry.authority()),
        credential: password.map(credential),
        headers: vec![(
            HeaderName::from_static("x-shop"),
            Reference::Given(Secret::new("canary")),
        )],
        token_origins,
        ..Access::default()
    };

    let mut named = remote(
        registry.port,
        "team/app:v1",
        access(Some(PASSWORD), vec![realm.clone()]),
    )?;
    let digest = named.look().await?;
    assert_eq!(digest.to_string(), pushed);
    let asked = service.asked.borrow().clone();
    let first = asked.lines().next().unwrap_or_default();
    assert_eq!(
        first,
        "GET /token?account=tests&service=tests&scope=repository%3Ateam%2Fapp%3Apull HTTP/1.1"
    );
    // What is sent along is the registry's.
    assert!(!asked.contains("x-shop") && !asked.contains("canary"), "{asked}");
    let layers = named.manifest(&digest).await?.layers;
    assert_eq!(layers.len(), 1);

    // The credential is not shown to whom the registry names.
    let mut unnamed = remote(registry.port, "team/app:v1", access(Some(PASSWORD), Vec::new()))?;
    let error = unnamed.look().await.err().context("it was shown")?;
    assert!(matches!(&error, OciError::Realm(origin) if *origin == realm), "{error}");

    for wrong in [None, Some("another")] {
        let mut refused = remote(registry.port, "team/app:v1", access(wrong, vec![realm.clone()]))?;
        let error = refused.look().await.err().context("the door was open")?;
        let OciError::Net(error) = error else {
            anyhow::bail!("it failed otherwise: {error}");
        };
        assert_eq!(error.class(), Class::Auth, "{error}");
    }
    Ok(())
}
