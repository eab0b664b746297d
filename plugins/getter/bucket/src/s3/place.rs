//! Where a bucket is asked for.

use k1s_getter_address::{Endpoint, Route, S3};
use k1s_getter_net::{Url, UrlError};

use crate::encode;

/// Where a bucket is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// The root of the server.
    pub(super) root: Url,
    /// What stands before keys, encoded: `/`, or the bucket between two slashes.
    pub(super) base: String,
}

impl Place {
    pub(super) fn of(s3: &S3) -> Result<Self, UrlError> {
        let (root, is_named) = match &s3.endpoint {
            Endpoint::Compatible(site) => (Url::of(site)?, false),
            Endpoint::Amazon { domain, route } => {
                let host = host(route, &s3.region, domain);
                let is_named = is_label(&s3.bucket);
                let host = if is_named {
                    format!("{}.{host}", s3.bucket)
                } else {
                    host
                };
                (Url::parse(&format!("https://{host}/"))?, is_named)
            }
        };
        let base = if is_named {
            "/".to_owned()
        } else {
            format!("/{}/", encode::path(&s3.bucket))
        };
        Ok(Self { root, base })
    }

    /// Returns the path of the bucket itself.
    pub(super) fn bucket(&self) -> &str {
        match self.base.as_str() {
            "/" => "/",
            base => base.trim_end_matches('/'),
        }
    }
}

fn host(route: &Route, region: &str, domain: &str) -> String {
    match route {
        Route::Plain => format!("s3.{region}.{domain}"),
        Route::DualStack => format!("s3.dualstack.{region}.{domain}"),
        Route::Fips => format!("s3-fips.{region}.{domain}"),
        Route::FipsDualStack => format!("s3-fips.dualstack.{region}.{domain}"),
        Route::Interface(name) => format!("bucket.{name}.s3.{region}.vpce.{domain}"),
    }
}

/// Returns whether a bucket can be part of a host: one with dots has no certificate, and others are no name at all.
fn is_label(bucket: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    bucket.len() <= 63 && bucket.bytes().all(is_part) && !bucket.ends_with('-')
}

#[cfg(test)]
mod tests {
    use k1s_getter_address::{Address, Download, Origin, Policy, Source, Transport};

    use super::*;

    fn place(address: &str) -> anyhow::Result<Place> {
        let policy = Policy::default().allowing(Transport::Http);
        let source = Address::parse(address, &policy)?.source;
        let Source::Download(Download {
            origin: Origin::S3(s3), ..
        }) = source
        else {
            anyhow::bail!("{source:?}");
        };
        Ok(Place::of(&s3)?)
    }

    #[test]
    fn buckets_are_asked_for_where_they_are() -> anyhow::Result<()> {
        for (address, root, base, bucket) in [
            (
                "s3::https://s3.eu-west-1.amazonaws.com/pail/key",
                "https://pail.s3.eu-west-1.amazonaws.com/",
                "/",
                "/",
            ),
            (
                "s3::https://my.pail.s3.dualstack.eu-west-1.amazonaws.com/key",
                "https://s3.dualstack.eu-west-1.amazonaws.com/",
                "/my.pail/",
                "/my.pail",
            ),
            (
                "s3::https://s3-fips.us-east-1.amazonaws.com/Pail/key",
                "https://s3-fips.us-east-1.amazonaws.com/",
                "/Pail/",
                "/Pail",
            ),
            (
                "s3::https://s3.cn-north-1.amazonaws.com.cn/pail/key",
                "https://pail.s3.cn-north-1.amazonaws.com.cn/",
                "/",
                "/",
            ),
            (
                "s3::https://pail.bucket.vpce-1a.s3.us-east-1.vpce.amazonaws.com/key",
                "https://pail.bucket.vpce-1a.s3.us-east-1.vpce.amazonaws.com/",
                "/",
                "/",
            ),
            (
                "s3::http://store.example:9000/pail/key",
                "http://store.example:9000/",
                "/pail/",
                "/pail",
            ),
        ] {
            let place = place(address)?;
            assert_eq!(
                (place.root.to_string().as_str(), place.base.as_str()),
                (root, base),
                "{address}"
            );
            assert_eq!(place.bucket(), bucket, "{address}");
        }
        Ok(())
    }
}
