//! The authority that vouches for the server, and the certificates it issues.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use k1s_object::{InstanceId, Timestamp};
use k1s_store::served::rfc3339;
use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, DnType, ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, NameConstraints, PublicKeyData as _, SanType,
};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use thiserror::Error;
use x509_parser::prelude::{ASN1Time, FromDer as _, X509Certificate};

use super::pem;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// How long an authority vouches: ten years of 365.25 days.
const AUTHORITY_LIFE: Duration = Duration::from_secs(315_576_000);

/// From how long before its end an authority is worth a warning; the life of one certificate.
const ENDING: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// How long a server's certificate is good: 90 days.
const LEAF_LIFE: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// How far a certificate reaches into the past, so that a clock that is set back a little does not make it invalid.
const BACKDATED: Duration = DAY;

/// Longest common name in bytes (RFC 5280, appendix A.1, `ub-common-name`).
const MAX_COMMON_NAME: usize = 64;

/// When a certificate is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// From when on.
    pub from: Timestamp,
    /// Until when.
    pub until: Timestamp,
}

/// Vouches for servers on loopback addresses, and for nothing else.
pub struct Authority {
    certificate: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
    validity: Validity,
}

/// Why an authority cannot be made, read, or asked.
#[derive(Debug, Error)]
pub enum AuthorityError {
    /// The certificate is not one.
    #[error("the certificate of the authority is not readable: {0}")]
    Certificate(String),
    /// The key is not one.
    #[error("the key of the authority is not readable: {0}")]
    Key(String),
    /// The certificate is not an authority's.
    #[error("the certificate is not an authority's")]
    NotAnAuthority,
    /// Certificate and key belong to different authorities.
    #[error("certificate and key do not belong together")]
    Mismatch,
    /// Its time is over.
    #[error("the authority's certificate ended at {}", rfc3339(*until))]
    Ended {
        /// When.
        until: Timestamp,
    },
    /// Its time has not come: the clock went back.
    #[error("the authority's certificate begins at {}, later than this machine's clock says", rfc3339(*from))]
    NotYet {
        /// When.
        from: Timestamp,
    },
    /// A certificate could not be made.
    #[error("a certificate could not be made: {0}")]
    Issue(#[source] rcgen::Error),
    /// A time is beyond what certificates can say.
    #[error("this machine's clock is outside what a certificate can say")]
    Clock,
}

/// A new authority as text.
pub(super) struct NewAuthority {
    pub(super) certificate_pem: String,
    pub(super) key_pem: String,
}

/// A server's certificate with its key.
pub(super) struct Leaf {
    pub(super) certificate: CertificateDer<'static>,
    pub(super) key: PrivateKeyDer<'static>,
    pub(super) validity: Validity,
}

impl Validity {
    pub(super) fn covers(self, now: Timestamp) -> bool {
        self.from <= now && now < self.until
    }

    pub(super) fn left(self, now: Timestamp) -> Duration {
        self.until.since(now)
    }
}

impl Authority {
    /// Makes one.
    pub(super) fn generate(instance: &InstanceId, now: Timestamp) -> Result<NewAuthority, AuthorityError> {
        let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).map_err(AuthorityError::Issue)?;
        let mut params = params(Validity {
            from: before(now),
            until: now.plus(AUTHORITY_LIFE),
        })?;
        let mut name = format!("k1s-sync {}", instance.as_str());
        name.truncate(MAX_COMMON_NAME);
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        params.name_constraints = Some(NameConstraints {
            permitted_subtrees: vec![
                GeneralSubtree::DnsName("localhost".to_owned()),
                GeneralSubtree::IpAddress(CidrSubnet::from_addr_prefix(Ipv4Addr::LOCALHOST.into(), 32)),
                GeneralSubtree::IpAddress(CidrSubnet::from_addr_prefix(Ipv6Addr::LOCALHOST.into(), 128)),
            ],
            excluded_subtrees: Vec::new(),
        });
        let certificate = params.self_signed(&key).map_err(AuthorityError::Issue)?;
        Ok(NewAuthority {
            certificate_pem: pem::encode(pem::CERTIFICATE, certificate.der()),
            key_pem: pem::encode(pem::PRIVATE_KEY, key.serialized_der()),
        })
    }

    /// Reads one, and makes sure that it can vouch now.
    pub(super) fn parse(certificate_pem: &str, key_pem: &str, now: Timestamp) -> Result<Self, AuthorityError> {
        let certificate = CertificateDer::from_pem_slice(certificate_pem.as_bytes())
            .map_err(|error| AuthorityError::Certificate(error.to_string()))?;
        let key = PrivateKeyDer::from_pem_slice(key_pem.as_bytes())
            .map_err(|error| AuthorityError::Key(error.to_string()))?;
        let key = KeyPair::try_from(&key).map_err(|error| AuthorityError::Key(error.to_string()))?;
        let validity = validity_of_pair(&certificate, &key)?;
        let issuer = Issuer::from_ca_cert_der(&certificate, key)
            .map_err(|error| AuthorityError::Certificate(error.to_string()))?;
        let authority = Self {
            certificate,
            issuer,
            validity,
        };
        authority.vouches(now)?;
        Ok(authority)
    }

    /// Its certificate in DER, which clients trust.
    #[must_use]
    pub fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// When its certificate is good.
    #[must_use]
    pub fn validity(&self) -> Validity {
        self.validity
    }

    /// When it ends, if that is in less than 90 days: from then on nothing it vouches for is trusted.
    #[must_use]
    pub fn ending(&self, now: Timestamp) -> Option<Timestamp> {
        (self.validity.left(now) < ENDING).then_some(self.validity.until)
    }

    /// Issues a certificate for a server on this machine.
    pub(super) fn issue(&self, now: Timestamp) -> Result<Leaf, AuthorityError> {
        self.vouches(now)?;
        let validity = Validity {
            from: before(now).max(self.validity.from),
            until: now.plus(LEAF_LIFE).min(self.validity.until),
        };
        let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).map_err(AuthorityError::Issue)?;
        let mut params = params(validity)?;
        params.distinguished_name.push(DnType::CommonName, "k1s-sync");
        params.subject_alt_names = vec![
            SanType::DnsName("localhost".try_into().map_err(AuthorityError::Issue)?),
            SanType::IpAddress(IpAddr::V4(Ipv4Addr::LOCALHOST)),
            SanType::IpAddress(IpAddr::V6(Ipv6Addr::LOCALHOST)),
        ];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let certificate = params.signed_by(&key, &self.issuer).map_err(AuthorityError::Issue)?;
        Ok(Leaf {
            certificate: certificate.into(),
            key: key.into(),
            validity,
        })
    }

    fn vouches(&self, now: Timestamp) -> Result<(), AuthorityError> {
        let Validity { from, until } = self.validity;
        if now < from {
            Err(AuthorityError::NotYet { from })
        } else if now >= until {
            Err(AuthorityError::Ended { until })
        } else {
            Ok(())
        }
    }
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority")
            .field("validity", &self.validity)
            .finish_non_exhaustive()
    }
}

fn before(now: Timestamp) -> Timestamp {
    let back = u64::try_from(BACKDATED.as_millis()).unwrap_or(u64::MAX);
    Timestamp::from_millis(now.as_millis().saturating_sub(back))
}

fn params(validity: Validity) -> Result<CertificateParams, AuthorityError> {
    let mut params = CertificateParams::default();
    params.not_before = certificate_time(validity.from)?.to_datetime();
    params.not_after = certificate_time(validity.until)?.to_datetime();
    params.distinguished_name = rcgen::DistinguishedName::new();
    Ok(params)
}

fn certificate_time(time: Timestamp) -> Result<ASN1Time, AuthorityError> {
    let seconds = i64::try_from(time.as_millis() / 1000).map_err(|_| AuthorityError::Clock)?;
    ASN1Time::from_timestamp(seconds).map_err(|_| AuthorityError::Clock)
}

fn timestamp(time: ASN1Time) -> Timestamp {
    let seconds = u64::try_from(time.timestamp()).unwrap_or_default();
    Timestamp::from_millis(seconds.saturating_mul(1000))
}

/// When the certificate is good, if it is an authority's and that key's.
fn validity_of_pair(certificate: &CertificateDer<'_>, key: &KeyPair) -> Result<Validity, AuthorityError> {
    let (rest, parsed) =
        X509Certificate::from_der(certificate).map_err(|error| AuthorityError::Certificate(error.to_string()))?;
    if !rest.is_empty() {
        return Err(AuthorityError::Certificate("something follows it".to_owned()));
    }
    if !parsed.is_ca() {
        return Err(AuthorityError::NotAnAuthority);
    }
    if parsed.public_key().raw != key.subject_public_key_info() {
        return Err(AuthorityError::Mismatch);
    }
    let validity = parsed.validity();
    Ok(Validity {
        from: timestamp(validity.not_before),
        until: timestamp(validity.not_after),
    })
}
