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
    /// Amazon's, asked over https.
    Amazon {
        /// The domain of the partition.
        domain: &'static str,
        /// Which of the hosts of a region is asked.
        route: Route,
    },
    /// Another, asked with the bucket in the path. Path, parameters and login are empty.
    Compatible(Site),
}

/// A host of a region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// The usual one.
    Plain,
    /// `s3.dualstack`, over IPv6, too.
    DualStack,
    /// `s3-fips`, with the cryptography that FIPS 140 wants.
    Fips,
    /// `s3-fips.dualstack`
    FipsDualStack,
    /// The endpoint of this name in a private network; it begins with `vpce-`.
    Interface(String),
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

/// What the host says: domain, route, region if it names one, and bucket if it does.
struct Named<'h> {
    domain: &'static str,
    route: Route,
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
        Some(named) => Endpoint::Amazon {
            domain: named.domain,
            route: named.route.clone(),
        },
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
    if named.is_some() && !is_region(&region) {
        return Err(asked.refuse(Rule::Characters).write("a region such as `us-east-1`"));
    }
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
    let parts: Vec<&str> = rest.split('.').collect();
    let (bucket, route, region) = route(&parts)
        .filter(|(_, _, region)| region.is_none_or(is_region))
        .ok_or_else(|| text.refuse(Part::Host, slice, Rule::Store).write(SPELLING))?;
    let bucket: usize = bucket.iter().map(|part| part.len() + 1).sum();
    Ok(Some(Named {
        domain,
        route,
        region,
        bucket: rest.get(..bucket.saturating_sub(1)).filter(|bucket| !bucket.is_empty()),
    }))
}

/// Reads the parts of a host: bucket, route and region. Buckets may have dots, so what is behind them is looked at from the end.
///
/// Hosts for web sites, acceleration, access points and control are not among them: they need a region that they do not name,
/// or speak otherwise.
fn route<'p, 'h>(parts: &'p [&'h str]) -> Option<(&'p [&'h str], Route, Option<&'h str>)> {
    match parts {
        [bucket @ .., "bucket", name, "s3", region, "vpce"] if name.starts_with("vpce-") => {
            Some((bucket, Route::Interface((*name).to_owned()), Some(*region)))
        }
        [bucket @ .., "s3", "dualstack", region] => Some((bucket, Route::DualStack, Some(*region))),
        [bucket @ .., "s3-fips", "dualstack", region] => Some((bucket, Route::FipsDualStack, Some(*region))),
        [bucket @ .., "s3-fips", region] => Some((bucket, Route::Fips, Some(*region))),
        [bucket @ .., "s3"] => Some((bucket, Route::Plain, None)),
        [bucket @ .., "s3", region] => Some((bucket, Route::Plain, Some(*region))),
        [bucket @ .., "s3-external-1"] => Some((bucket, Route::Plain, Some(DEFAULT_REGION))),
        [bucket @ .., dashed] => {
            let (route, region) = match dashed.strip_prefix("s3-fips-") {
                Some(region) => (Route::Fips, region),
                None => (Route::Plain, dashed.strip_prefix("s3-")?),
            };
            Some((bucket, route, Some(region)))
        }
        [] => None,
    }
}

/// Tells whether a text looks like a region of Amazon, such as `us-east-1` and `us-gov-west-1`: it becomes part of a host.
fn is_region(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let is_word = |word: &&str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase());
    match parts.as_slice() {
        [country, direction @ .., number] => {
            (2..=4).contains(&country.len())
                && is_word(country)
                && (1..=2).contains(&direction.len())
                && direction.iter().all(is_word)
                && (1..=2).contains(&number.len())
                && number.bytes().all(|byte| byte.is_ascii_digit())
        }
        _ => false,
    }
}

/// Returns whether the host of an address without scheme is one of S3.
pub(crate) fn is_host(host: &str) -> bool {
    let host = host.to_ascii_lowercase();
    DOMAINS
        .iter()
        .any(|domain| host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.')))
}
