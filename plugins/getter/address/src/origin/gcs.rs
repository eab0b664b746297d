//! Google Cloud Storage.

use crate::fault::{AddressError, Part, Rule, Text};
use crate::origin::{bucket, key};
use crate::query::Query;
use crate::site::Site;

/// The host that objects are served from.
pub(crate) const HOST: &str = "www.googleapis.com";
const SPELLING: &str = "`gcs::https://www.googleapis.com/storage/v1/BUCKET/OBJECT`";

/// Objects of Google Cloud Storage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gcs {
    /// The bucket.
    pub bucket: String,
    /// The name of an object, or the prefix of several, empty for all; no part of it is `.` or `..`.
    pub object: String,
    /// The generation of the object.
    pub generation: Option<u64>,
}

pub(crate) fn gcs(
    text: Text<'_>,
    slice: &str,
    site: &Site,
    fragment: Option<&str>,
    query: Query<'_>,
) -> Result<Gcs, AddressError> {
    if site.host.as_str() != HOST || site.port.is_some() {
        return Err(text.refuse(Part::Host, slice, Rule::Store).write(SPELLING));
    }
    if site.login.is_some() {
        return Err(text
            .refuse(Part::Login, slice, Rule::Meaningless)
            .write("`credentials`"));
    }
    let path = site.decoded_path();
    let parts: Vec<&str> = path.splitn(5, '/').collect();
    let (name, object) = match parts.as_slice() {
        ["", "storage", _, bucket] => (bucket, ""),
        ["", "storage", _, bucket, object] => (bucket, *object),
        _ => return Err(text.refuse(Part::Path, slice, Rule::Object).write(SPELLING)),
    };
    query.finish(&[])?;
    Ok(Gcs {
        bucket: bucket(text, slice, name, SPELLING)?,
        object: key(text, slice, object)?,
        generation: fragment.map(|fragment| generation(text, fragment)).transpose()?,
    })
}

fn generation(text: Text<'_>, written: &str) -> Result<u64, AddressError> {
    let is_digits = written.bytes().all(|byte| byte.is_ascii_digit());
    let number = written
        .parse()
        .ok()
        .filter(|number| is_digits && (1..=i64::MAX as u64).contains(number));
    number.ok_or_else(|| {
        text.refuse(
            Part::Fragment,
            written,
            Rule::Number {
                least: 1,
                most: i64::MAX as u64,
            },
        )
        .write("the generation of the object, or `%23` for a `#` in its name")
    })
}
