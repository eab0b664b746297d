//! Certificates.

use std::sync::{Arc, LazyLock};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use k1s_getter_address::Secret;
use k1s_getter_net::Identity;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

/// One who vouches for certificates.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key.
pub(crate) struct Leaf {
    certificate: CertificateDer<'static>,
    key: KeyPair,
}

/// When a certificate is good.
#[derive(Clone, Copy)]
pub(crate) enum Good {
    Now,
    Once,
    Later,
}

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        Self(CertifiedIssuer::self_signed(params, key).expect("an authority"))
    }

    /// The one that clients of these tests trust.
    pub(crate) fn shared() -> &'static Self {
        static SHARED: LazyLock<Authority> = LazyLock::new(|| Authority::new("ours"));
        &SHARED
    }

    pub(crate) fn certificate(&self) -> String {
        pem("CERTIFICATE", self.0.der())
    }

    pub(crate) fn leaf(&self, name: &str, good: Good) -> Leaf {
        let mut params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
        let (from, until) = match good {
            Good::Now => (2000, 4000),
            Good::Once => (2000, 2001),
            Good::Later => (3000, 4000),
        };
        params.not_before = date_time_ymd(from, 1, 1);
        params.not_after = date_time_ymd(until, 1, 1);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.0).expect("a certificate");
        Leaf {
            certificate: certificate.into(),
            key,
        }
    }

    /// Serves with a certificate; clients have to show one of `clients`, if there is such an authority.
    pub(crate) fn acceptor(leaf: &Leaf, names: &[&[u8]], clients: Option<&Self>) -> TlsAcceptor {
        let builder = ServerConfig::builder_with_provider(Arc::new(default_provider()));
        let builder = builder.with_safe_default_protocol_versions().expect("versions");
        let builder = match clients {
            None => builder.with_no_client_auth(),
            Some(clients) => {
                let mut roots = RootCertStore::empty();
                roots.add(clients.0.der().clone()).expect("an authority");
                let verifier =
                    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::new(default_provider()));
                builder.with_client_cert_verifier(verifier.build().expect("a verifier"))
            }
        };
        let key = PrivateKeyDer::try_from(leaf.key.serialize_der()).expect("a key");
        let mut config = builder
            .with_single_cert(vec![leaf.certificate.clone()], key)
            .expect("a certificate");
        config.alpn_protocols = names.iter().map(|name| name.to_vec()).collect();
        TlsAcceptor::from(Arc::new(config))
    }

    /// Serves a name with HTTP/1.1.
    pub(crate) fn serve(&self, name: &str) -> TlsAcceptor {
        Self::acceptor(&self.leaf(name, Good::Now), &[b"http/1.1"], None)
    }
}

impl Leaf {
    pub(crate) fn identity(&self) -> Identity {
        Identity {
            chain: pem("CERTIFICATE", &self.certificate),
            key: Secret::new(&pem("PRIVATE KEY", &self.key.serialize_der())),
        }
    }
}

fn pem(label: &str, der: &[u8]) -> String {
    let lines = BASE64_STANDARD.encode(der);
    let lines: Vec<&str> = lines
        .as_bytes()
        .chunks(64)
        .filter_map(|line| std::str::from_utf8(line).ok())
        .collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}
