//! Certificates that tests vouch for.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair, date_time_ymd,
};

/// Who vouches for the certificates of tests.
#[derive(Debug)]
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key, in PEM.
#[derive(Clone, Debug)]
pub struct Leaf {
    /// The certificate.
    pub certificate: String,
    /// Its key.
    pub key: String,
}

/// Until when a certificate is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Good {
    /// Longer than any test.
    Always,
    /// As long from now.
    For(Duration),
    /// It was, years ago.
    Once,
}

impl Authority {
    /// Begins one.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub fn new() -> anyhow::Result<Self> {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Ok(Self(CertifiedIssuer::self_signed(params, KeyPair::generate()?)?))
    }

    /// Its own certificate, in PEM.
    #[must_use]
    pub fn certificate(&self) -> String {
        pem("CERTIFICATE", self.0.der())
    }

    /// Makes a certificate for `localhost`.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub fn leaf(&self) -> anyhow::Result<Leaf> {
        self.vouch(CertificateParams::new(vec!["localhost".to_owned()])?, Good::Always)
    }

    /// Makes a certificate of a server on this machine, by its name and by its address.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub fn server(&self, good: Good) -> anyhow::Result<Leaf> {
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        self.vouch(CertificateParams::new(names)?, good)
    }

    /// Makes a certificate of somebody, as Kubernetes reads it: the common name is the user, the organisation a group.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub fn person(&self, user: &str, group: Option<&str>, good: Good) -> anyhow::Result<Leaf> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, user);
        if let Some(group) = group {
            params.distinguished_name.push(DnType::OrganizationName, group);
        }
        params.extended_key_usages.push(ExtendedKeyUsagePurpose::ClientAuth);
        self.vouch(params, good)
    }

    fn vouch(&self, mut params: CertificateParams, good: Good) -> anyhow::Result<Leaf> {
        (params.not_before, params.not_after) = match good {
            Good::Always => (date_time_ymd(2000, 1, 1), date_time_ymd(4000, 1, 1)),
            Good::Once => (date_time_ymd(2000, 1, 1), date_time_ymd(2001, 1, 1)),
            Good::For(time) => {
                let since = SystemTime::now().duration_since(UNIX_EPOCH)?;
                (date_time_ymd(2000, 1, 1), date_time_ymd(1970, 1, 1) + since + time)
            }
        };
        let key = KeyPair::generate()?;
        Ok(Leaf {
            certificate: pem("CERTIFICATE", params.signed_by(&key, &self.0)?.der()),
            key: pem("PRIVATE KEY", &key.serialize_der()),
        })
    }
}

/// Writes something as PEM.
pub(crate) fn pem(label: &str, der: &[u8]) -> String {
    let text = BASE64_STANDARD.encode(der);
    let lines: Vec<&str> = (text.as_bytes().chunks(64))
        .filter_map(|line| std::str::from_utf8(line).ok())
        .collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}
