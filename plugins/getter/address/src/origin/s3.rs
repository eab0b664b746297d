//! Amazon S3, and stores that speak as it does.

use crate::fault::{AddressError, Part, Rule, Text};
use crate::origin::{bucket, key};
use crate::policy::Transport;
use crate::query::{Query, Taken};
use crate::secret::Secret;
use crate::site::{Host, Site};

/// The region of hosts that name none.
const DEFAULT_REGION: &str = "us-east-1";
/// The domains of Amazon's partitions that objects are served from.
const DOMAINS: [&str; 2] = ["amazonaws.com", "amazonaws.com.cn"];
const KNOWN: [&str; 6] = [
    "aws_access_key_id",
    "aws_access_key_secret",
    "aws_access_token",
    "aws_profile",
    "region",
    "version",
];
const SPELLING: &str = "`s3::https://s3.REGION.amazonaws.com/BUCKET/KEY`";

/// Objects of S3.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct S3 {
    /// The store.
    pub endpoint: Endpoint,
    /// The region that requests are signed for.
    pub region: String,
    /// The bucket.
    pub bucket: String,
    /// The key of an object, or the prefix of several, empty for all; no part of it is `.` or `..`.
    pub key: String,
    /// The version of the object.
    pub version: Option<String>,
    /// The key to ask with, where the address has one.
    pub access: Option<AccessKey>,
    /// The profile of the shared configuration to ask with.
    pub profile: Option<String>,
}

/// A store.
///
/// Credentials that the address does not hold itself, such as those of the environment, are for [`Self::Amazon`] only: anyone
/// can answer for another host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// Amazon's, of the partition with this domain.
    Amazon(&'static str),
    /// Another, asked with the bucket in the path. Path, parameters and login are empty.
    Compatible(Site),
}

/// A key to ask with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessKey {
    /// Its name.
    pub id: Secret,
    /// The secret.
    pub secret: Secret,
    /// The session token of a temporary key.
    pub token: Option<Secret>,
}

/// What the host says: domain, region if it names one, and bucket if it does.
struct Named<'h> {
    domain: &'static str,
    region: Option<&'h str>,
    bucket: Option<&'h str>,
}

pub(crate) fn s3(text: Text<'_>, slice: &str, site: Site, mut query: Query<'_>) -> Result<S3, AddressError> {
    if site.login.is_some() {
        return Err(text
            .refuse(Part::Login, slice, Rule::Meaningless)
            .write("`aws_access_key_id=` and `aws_access_key_secret=`, or better `credentials`"));
    }
    let asked = query.take("region")?;
    let named = named(text, slice, &site.host)?;
    let path = site.decoded_path();
    let path = path.strip_prefix('/').unwrap_or(&path);
    let (name, object) = match named.as_ref().and_then(|named| named.bucket) {
        Some(bucket) => (bucket, path),
        None => path.split_once('/').unwrap_or((path, "")),
    };
    let region = region(asked, named.as_ref())?;
    let (bucket, object) = (bucket(text, slice, name, SPELLING)?, key(text, slice, object)?);
    let endpoint = match &named {
        Some(named) if site.port.is_some() || site.transport != Transport::Https => {
            return Err(text
                .refuse(Part::Host, slice, Rule::Contradiction)
                .write(format!("`https://` and no port for hosts of {}", named.domain)));
        }
        Some(named) => Endpoint::Amazon(named.domain),
        None => Endpoint::Compatible(Site {
            path: String::new(),
            ..site.clone()
        }),
    };
    let found = S3 {
        endpoint,
        region,
        bucket,
        key: object,
        version: query.take_filled("version")?.map(|taken| taken.value),
        access: access(text, slice, &mut query)?,
        profile: query.take("aws_profile")?.map(|taken| taken.value),
    };
    query.finish(&KNOWN)?;
    Ok(found)
}

/// Settles the region between what is asked for and what the host says.
fn region(asked: Option<Taken<'_>>, named: Option<&Named<'_>>) -> Result<String, AddressError> {
    let fixed = named.and_then(|named| named.region);
    let Some(asked) = asked else {
        return Ok(fixed.unwrap_or(DEFAULT_REGION).to_owned());
    };
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if !asked.value.bytes().all(is_part) {
        return Err(asked.refuse(Rule::Characters));
    }
    let region = match named {
        // Regions of Amazon become part of its hosts.
        Some(_) => asked.value.to_ascii_lowercase(),
        None => asked.value.clone(),
    };
    match fixed {
        Some(fixed) if fixed != region => Err(asked.refuse(Rule::Contradiction)),
        Some(_) | None => Ok(region),
    }
}

fn access(text: Text<'_>, slice: &str, query: &mut Query<'_>) -> Result<Option<AccessKey>, AddressError> {
    let missing = |name| text.refuse(Part::Parameter(name), slice, Rule::Missing);
    let id = query.take_secret("aws_access_key_id")?;
    let secret = query.take_secret("aws_access_key_secret")?;
    let token = query.take_secret("aws_access_token")?;
    match (id, secret) {
        (Some(id), Some(secret)) => Ok(Some(AccessKey { id, secret, token })),
        (Some(_), None) => Err(missing("aws_access_key_secret")),
        (None, Some(_)) => Err(missing("aws_access_key_id")),
        (None, None) if token.is_some() => Err(missing("aws_access_key_id")),
        (None, None) => Ok(None),
    }
}

/// Reads a host of Amazon; `None` for another.
fn named<'h>(text: Text<'_>, slice: &str, host: &'h Host) -> Result<Option<Named<'h>>, AddressError> {
    let Some((domain, rest)) = DOMAINS
        .into_iter()
        .find_map(|domain| Some((domain, host.below(domain)?)))
    else {
        return Ok(None);
    };
    let refused = || text.refuse(Part::Host, slice, Rule::Store).write(SPELLING);
    let parts: Vec<&str> = rest.split('.').collect();
    // Buckets may have dots, so what is behind them is looked at from the end.
    let (bucket, region) = match parts.as_slice() {
        [bucket @ .., "s3"] => (bucket, None),
        [bucket @ .., "s3", region] if !region.is_empty() => (bucket, Some(*region)),
        [bucket @ .., dashed] => {
            let region = dashed.strip_prefix("s3-").filter(|region| !region.is_empty());
            (bucket, Some(region.ok_or_else(refused)?))
        }
        [] => return Err(refused()),
    };
    let bucket: usize = bucket.iter().map(|part| part.len() + 1).sum();
    Ok(Some(Named {
        domain,
        region,
        bucket: rest.get(..bucket.saturating_sub(1)).filter(|bucket| !bucket.is_empty()),
    }))
}

/// Returns whether the host of an address without scheme is one of S3.
pub(crate) fn is_host(host: &str) -> bool {
    let host = host.to_ascii_lowercase();
    DOMAINS
        .iter()
        .any(|domain| host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.')))
}
