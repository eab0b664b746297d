//! What is on disk: made once, private, never replaced unasked.

use std::fs;
use std::thread;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use k1s_api::server::{AuthorityError, IdentityError, Tls};
use k1s_object::Timestamp;
use k1s_store::clock::Clock as _;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use x509_parser::prelude::{FromDer as _, GeneralName, X509Certificate};

use crate::harness::{DAY, Home, chmod, files, mode, put};

#[tokio::test]
async fn every_file_is_private_and_the_token_is_in_one_of_them_only() {
    let home = Home::served();
    assert_eq!(mode(&home.api()), 0o700);
    let files = files(home.path());
    let names: Vec<_> = files
        .iter()
        .map(|(path, _)| path.strip_prefix(home.path()).unwrap().to_str().unwrap())
        .collect();
    assert_eq!(
        names,
        [
            "api/address",
            "api/ca.crt",
            "api/ca.key",
            "api/token.sha256",
            "kubeconfig"
        ]
    );
    let token = home.endpoint().token;
    for (path, contents) in &files {
        assert_eq!(mode(path), 0o600, "{}", path.display());
        let shown = String::from_utf8_lossy(contents).contains(token.reveal());
        assert_eq!(shown, path.ends_with("kubeconfig"), "{}", path.display());
    }
}

#[test]
fn an_authority_is_made_once_and_vouches_for_this_machine_only() {
    let home = Home::new();
    let made = home.identity();
    let again = home.identity();
    assert_eq!(made.authority().certificate(), again.authority().certificate());
    assert_eq!(made.warning(), None);

    let validity = made.authority().validity();
    let span = validity.until.since(validity.from);
    assert!(span > 3652 * DAY && span < 3655 * DAY, "{span:?}");

    let (_, certificate) = X509Certificate::from_der(made.authority().certificate()).unwrap();
    assert_eq!(certificate.subject().to_string(), "CN=k1s-sync dev-1700000000-7");
    let basic = certificate.basic_constraints().unwrap().unwrap().value;
    assert_eq!((basic.ca, basic.path_len_constraint), (true, Some(0)));
    let usage = certificate.key_usage().unwrap().unwrap().value;
    assert!(usage.key_cert_sign() && !usage.digital_signature());
    let permitted = certificate.name_constraints().unwrap().unwrap().value;
    let permitted = permitted.permitted_subtrees.as_ref().unwrap();
    let names: Vec<_> = permitted.iter().map(|subtree| &subtree.base).collect();
    assert!(matches!(
        names.as_slice(),
        [
            GeneralName::DNSName("localhost"),
            GeneralName::IPAddress([127, 0, 0, 1, 255, 255, 255, 255]),
            GeneralName::IPAddress(_)
        ]
    ));
}

/// Breaks something in a home; says what the error has to name beside the way out.
type Damage = (&'static str, fn(&Home), &'static str);

const DAMAGE: &[Damage] = &[
    ("truncated certificate", |home| truncate(home, "ca.crt"), "api/ca.crt"),
    ("truncated key", |home| truncate(home, "ca.key"), "api/ca.key"),
    (
        "empty certificate",
        |home| put(&home.api().join("ca.crt"), ""),
        "api/ca.crt",
    ),
    ("empty key", |home| put(&home.api().join("ca.key"), ""), "api/ca.key"),
    ("no certificate", |home| remove(home, "ca.crt"), "api/ca.crt is missing"),
    ("no key", |home| remove(home, "ca.key"), "api/ca.key is missing"),
    (
        "not text",
        |home| put(&home.api().join("ca.key"), [0xff, 0xfe]),
        "api/ca.key",
    ),
    (
        "too long",
        |home| put(&home.api().join("ca.crt"), "x".repeat(65_537)),
        "api/ca.crt",
    ),
    ("another's key", |home| adopt(home, "ca.key"), "do not belong together"),
    (
        "another's certificate",
        |home| adopt(home, "ca.crt"),
        "do not belong together",
    ),
    ("not an authority's", ordinary, "not an authority's"),
    (
        "readable key",
        |home| chmod(&home.api().join("ca.key"), 0o640),
        "api/ca.key: mode 0640",
    ),
    ("open directory", |home| chmod(&home.api(), 0o755), "/api: mode 0755"),
    ("a file in place of the directory", file_instead, "/api"),
];

fn truncate(home: &Home, name: &str) {
    let path = home.api().join(name);
    let whole = fs::read(&path).unwrap();
    put(&path, &whole[..whole.len() / 2]);
}

fn remove(home: &Home, name: &str) {
    fs::remove_file(home.api().join(name)).unwrap();
}

fn adopt(home: &Home, name: &str) {
    let other = Home::served();
    put(&home.api().join(name), fs::read(other.api().join(name)).unwrap());
}

fn ordinary(home: &Home) {
    let key = PrivateKeyDer::from_pem_file(home.api().join("ca.key")).unwrap();
    let key = rcgen::KeyPair::try_from(&key).unwrap();
    let certificate = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap();
    let certificate = STANDARD.encode(certificate.self_signed(&key).unwrap().der());
    let pem = format!("-----BEGIN CERTIFICATE-----\n{certificate}\n-----END CERTIFICATE-----\n");
    put(&home.api().join("ca.crt"), pem);
}

fn file_instead(home: &Home) {
    fs::remove_dir_all(home.api()).unwrap();
    put(&home.api(), "");
}

#[tokio::test]
async fn what_is_damaged_is_named_with_the_way_out_and_left_alone() {
    for (what, damage, expected) in DAMAGE {
        let home = Home::served();
        damage(&home);
        let before = files(home.path());
        let message = home.open().unwrap_err().to_string();
        assert!(message.contains(expected), "{what}: {message}");
        assert!(message.contains(home.path().to_str().unwrap()), "{what}: {message}");
        assert_eq!(files(home.path()), before, "{what}");
        let told = [
            "api to make a new authority",
            "chmod",
            "longer than",
            "not UTF-8",
            "Not a directory",
        ];
        assert!(told.iter().any(|out| message.contains(out)), "{what}: {message}");
    }
}

#[tokio::test]
async fn the_way_out_works() {
    let home = Home::served();
    let before = home.endpoint();
    truncate(&home, "ca.key");
    fs::remove_dir_all(home.api()).unwrap();
    let identity = home.identity();
    assert_ne!(identity.authority().certificate(), &before.authority);
    assert!(!identity.gate().admits(before.token.reveal()));
}

#[test]
fn the_end_of_an_authority_is_announced_and_then_an_error() {
    let home = Home::new();
    let validity = home.identity().authority().validity();
    let before_end = |span: Duration| {
        Timestamp::from_millis(
            validity.until.since(Timestamp::from_millis(0)).as_millis() as u64 - span.as_millis() as u64,
        )
    };

    home.clock.set(before_end(91 * DAY));
    assert_eq!(home.identity().warning(), None);
    home.clock.set(before_end(89 * DAY));
    let warning = home.identity().warning().unwrap();
    assert!(
        warning.contains("api/ca.crt") && warning.contains("to make a new authority"),
        "{warning}"
    );
    let ending = home.identity();
    assert!(Tls::new(&ending).is_ok());

    home.clock.set(validity.until);
    let over = home.open().unwrap_err();
    let IdentityError::Unusable { source, .. } = over else {
        panic!("{over}");
    };
    assert!(matches!(source, AuthorityError::Ended { until } if until == validity.until));
    assert!(Tls::new(&ending).is_err());

    home.clock.set(Timestamp::from_millis(validity.from.as_millis() - 1));
    let early = home.open().unwrap_err();
    assert!(matches!(
        early,
        IdentityError::Unusable {
            source: AuthorityError::NotYet { .. },
            ..
        }
    ));
    assert!(home.clock.now() < validity.from);
}

#[test]
fn what_a_killed_process_left_is_ignored() {
    let home = Home::new();
    fs::create_dir(home.path().join(".unfinished-abc")).unwrap();
    put(&home.path().join(".unfinished-abc/ca.key"), "half of a k");
    fs::create_dir(home.api()).unwrap();
    chmod(&home.api(), 0o700);
    let made = home.identity();
    put(&home.api().join(".unfinished-def"), "half of a h");
    assert_eq!(
        home.identity().authority().certificate(),
        made.authority().certificate()
    );
    assert_eq!(home.identity().address().unwrap(), None);
}

#[test]
fn processes_that_begin_together_agree_on_one_authority() {
    let home = Home::new();
    let certificates: Vec<_> = thread::scope(|scope| {
        let opening: Vec<_> = (0..8).map(|_| scope.spawn(|| home.identity())).collect();
        let opened = opening.into_iter().map(|opening| opening.join().unwrap());
        opened
            .map(|identity| identity.authority().certificate().clone())
            .collect()
    });
    assert!(certificates.iter().all(|certificate| *certificate == certificates[0]));
    assert_eq!(
        fs::read_dir(home.path()).unwrap().count(),
        1,
        "only the directory itself is left"
    );
}
