//! Who the server is to a client, and for how long.

use std::fs;

use http_body_util::Empty;
use k1s_api::server::Endpoint;
use k1s_api::server::client::{self, ConnectError, Connection};
use k1s_object::Timestamp;
use k1s_store::clock::{Clock as _, SystemClock};
use rustls::SupportedProtocolVersion;
use rustls::version::{TLS12, TLS13};
use x509_parser::prelude::{FromDer as _, GeneralName, X509Certificate};

use crate::harness::{DAY, Home, Running, get, shake, text};

/// Protocols that a client offers, the dearest first.
type Protocols = &'static [&'static [u8]];

async fn refused(endpoint: &Endpoint) -> ConnectError {
    let connected: Result<Connection<Empty<bytes::Bytes>>, _> = client::connect(endpoint).await;
    connected.unwrap_err()
}

/// The certificate that a client is shown.
async fn shown(endpoint: &Endpoint) -> Vec<u8> {
    let stream = shake(endpoint, &[], &[&TLS13]).await.unwrap();
    let (_, session) = stream.get_ref();
    session.peer_certificates().unwrap()[0].to_vec()
}

#[tokio::test]
async fn a_client_trusts_this_authority_and_no_other() {
    let home = Home::new();
    let running = Running::start(&home);
    let mut connection = running.connect().await;
    assert_eq!(text(connection.send(get("/")).await.unwrap()).await, "hello\n");

    let other = Home::served().endpoint();
    let wrong = Endpoint {
        authority: other.authority,
        ..running.endpoint.clone()
    };
    let error = refused(&wrong).await;
    assert!(matches!(error, ConnectError::NotOurs { .. }), "{error}");
    running.close().await;
    let error = refused(&home.endpoint()).await;
    assert!(matches!(error, ConnectError::Refused { .. }), "{error}");
}

#[tokio::test]
async fn both_versions_of_tls_are_spoken_and_the_protocol_is_the_clients_choice() {
    let home = Home::new();
    let running = Running::start(&home);
    let versions: [&'static SupportedProtocolVersion; 2] = [&TLS12, &TLS13];
    let chosen: [(Protocols, Option<&[u8]>); 4] = [
        (&[], None),
        (&[b"http/1.1"], Some(b"http/1.1")),
        (&[b"h2"], Some(b"h2")),
        (&[b"http/1.1", b"h2"], Some(b"h2")),
    ];
    for version in versions {
        for (offered, expected) in chosen {
            let stream = shake(&running.endpoint, offered, &[version]).await.unwrap();
            let (_, session) = stream.get_ref();
            assert_eq!(session.protocol_version(), Some(version.version));
            assert_eq!(session.alpn_protocol(), expected);
        }
    }
    running.close().await;
}

#[tokio::test]
async fn a_certificate_is_for_this_machine_and_ninety_days() {
    let home = Home::new();
    let running = Running::start(&home);
    let der = shown(&running.endpoint).await;
    let (_, certificate) = X509Certificate::from_der(&der).unwrap();
    let validity = certificate.validity();
    let span = validity.not_after.timestamp() - validity.not_before.timestamp();
    assert_eq!(span, 91 * 86_400, "90 days and one in the past");
    assert!(!certificate.is_ca());
    let usage = certificate.extended_key_usage().unwrap().unwrap().value;
    assert!(usage.server_auth && !usage.client_auth);
    let names = certificate.subject_alternative_name().unwrap().unwrap().value;
    let loopback_6 = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
    assert_eq!(
        names.general_names,
        [
            GeneralName::DNSName("localhost"),
            GeneralName::IPAddress(&[127, 0, 0, 1]),
            GeneralName::IPAddress(&loopback_6)
        ]
    );
    running.close().await;
    for (path, contents) in crate::harness::files(home.path()) {
        let found = contents.windows(der.len()).any(|window| window == der);
        assert!(!found, "the certificate is in {}", path.display());
    }
    assert_eq!(fs::read_dir(home.api()).unwrap().count(), 4);
}

#[tokio::test]
async fn a_certificate_is_renewed_under_open_connections() {
    let today = SystemClock.now();
    let begin = Timestamp::from_millis(
        today
            .since(Timestamp::from_millis(0))
            .saturating_sub(61 * DAY)
            .as_millis() as u64,
    );
    let home = Home::new();
    home.clock.set(begin);
    let running = Running::start(&home);
    let mut open = running.connect().await;
    assert_eq!(text(open.send(get("/")).await.unwrap()).await, "hello\n");

    let first = shown(&running.endpoint).await;
    home.clock.set(begin.plus(60 * DAY));
    assert_eq!(shown(&running.endpoint).await, first, "30 days are left");
    home.clock.set(today);
    let second = shown(&running.endpoint).await;
    assert_ne!(second, first, "29 days are left");
    assert_eq!(shown(&running.endpoint).await, second);
    assert_eq!(text(open.send(get("/")).await.unwrap()).await, "hello\n");

    // The clock was wrong and is set back: what was made in the future is good for nobody.
    home.clock.set(begin);
    assert_ne!(shown(&running.endpoint).await, second);
    drop(open);
    running.close().await;
}
