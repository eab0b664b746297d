//! Where a file or a set of files is downloaded from.

pub(crate) mod azure;
pub(crate) mod gcs;
pub(crate) mod git;
pub(crate) mod oci;
pub(crate) mod s3;

use crate::fault::{AddressError, Part, Rule, Text};
use crate::site::Site;

use azure::Azure;
use gcs::Gcs;
use s3::S3;

/// Where a file or a set of files is downloaded from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A server of HTTP.
    Http(Site),
    /// Amazon S3, or a store that speaks as it does.
    S3(S3),
    /// Google Cloud Storage.
    Gcs(Gcs),
    /// Azure Blob Storage.
    Azure(Azure),
    /// This machine, at an absolute path without `.` and `..`.
    File(String),
}

impl Origin {
    /// Returns the path whose end tells the format, decoded.
    pub(crate) fn path(&self) -> String {
        match self {
            Self::Http(site) => site.decoded_path(),
            Self::S3(s3) => s3.key.clone(),
            Self::Gcs(gcs) => gcs.object.clone(),
            Self::Azure(azure) => azure.blob.clone(),
            Self::File(path) => path.clone(),
        }
    }

    /// Returns whether another is asked at the same place: for a store, of the same bucket, which is who can write there.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Http(one), Self::Http(other)) => one.is_same_origin(other),
            (Self::S3(one), Self::S3(other)) => (&one.endpoint, &one.bucket) == (&other.endpoint, &other.bucket),
            (Self::Gcs(one), Self::Gcs(other)) => one.bucket == other.bucket,
            (Self::Azure(one), Self::Azure(other)) => {
                (&one.endpoint, &one.account, &one.container) == (&other.endpoint, &other.account, &other.container)
            }
            (Self::File(_), Self::File(_)) => true,
            (Self::Http(_) | Self::S3(_) | Self::Gcs(_) | Self::Azure(_) | Self::File(_), _) => false,
        }
    }
}

/// Checks the name of a bucket, which becomes part of a path or a host.
fn bucket(text: Text<'_>, slice: &str, name: &str, spelling: &str) -> Result<String, AddressError> {
    let refuse = |rule| Err(text.refuse(Part::Path, slice, rule).write(spelling));
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    match name {
        "" => refuse(Rule::Object),
        "." | ".." => refuse(Rule::Outside),
        name if name.starts_with('-') => refuse(Rule::Option),
        name if !name.bytes().all(is_part) => refuse(Rule::Characters),
        name => Ok(name.to_owned()),
    }
}

/// Checks the key of an object, or the prefix of keys: it can be the path of a file.
fn key(text: Text<'_>, slice: &str, key: &str) -> Result<String, AddressError> {
    let leads_out = |part: &str| matches!(part, "." | "..");
    if key.split(['/', '\\']).any(leads_out) || key.starts_with('/') {
        return Err(text.refuse(Part::Path, slice, Rule::Outside));
    }
    Ok(key.to_owned())
}
