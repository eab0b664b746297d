//! Discovery: which groups, versions and kinds there are.
//!
//! It is made anew for each request from the kinds known then, so a kind that arrives is there at the next request. A
//! client that has the same text already, and says so by its `ETag`, is told that nothing changed.

use http::header::{ETAG, HeaderValue, IF_NONE_MATCH, VARY};
use http::{HeaderMap, Response, StatusCode};
use sha2::{Digest as _, Sha256};

use super::accept::{self, DiscoveryForm, DiscoveryVersion};
use super::failure::Failure;
use super::kinds::{Served, ServedGroup};
use super::path::GroupVersion;
use super::{Body, answer};
use crate::object::Subresource;

mod aggregated;
mod legacy;

/// `/api`.
///
/// # Errors
/// 406 when no form fits.
pub(crate) fn core(served: &Served, headers: &HeaderMap) -> Result<Response<Body>, Failure> {
    let (core, _) = split(served);
    match DiscoveryForm::of_groups(headers)? {
        DiscoveryForm::Legacy => answer::json(&legacy::core(&core)),
        DiscoveryForm::Aggregated(version) => aggregated(served, &core, version, headers),
    }
}

/// `/apis`.
///
/// # Errors
/// 406 when no form fits.
pub(crate) fn groups(served: &Served, headers: &HeaderMap) -> Result<Response<Body>, Failure> {
    let (_, groups) = split(served);
    match DiscoveryForm::of_groups(headers)? {
        DiscoveryForm::Legacy => answer::json(&legacy::groups(&groups)),
        DiscoveryForm::Aggregated(version) => aggregated(served, &groups, version, headers),
    }
}

/// `/apis/GROUP`.
///
/// # Errors
/// 404 for a group that does not exist, 406 when no form fits.
pub(crate) fn group(served: &Served, name: &str, headers: &HeaderMap) -> Result<Response<Body>, Failure> {
    let (_, groups) = split(served);
    let group = groups.iter().find(|group| *group.name == *name);
    let group = group.ok_or(Failure::NoPage)?;
    accept::plain(headers)?;
    answer::json(&legacy::group(group))
}

/// `/api/v1` and `/apis/GROUP/VERSION`.
///
/// # Errors
/// 404 for a version that does not exist, 406 when no form fits.
pub(crate) fn resources(served: &Served, of: &GroupVersion, headers: &HeaderMap) -> Result<Response<Body>, Failure> {
    let groups = served.groups();
    let mut groups = groups.iter();
    let exists = groups.any(|group| group.name == of.group && group.versions.contains(&of.version));
    if !exists {
        return Err(Failure::NoPage);
    }
    accept::plain(headers)?;
    answer::json(&legacy::resources(served, of))
}

/// The core group, and the others.
fn split(served: &Served) -> (Vec<ServedGroup>, Vec<ServedGroup>) {
    served.groups().into_iter().partition(|group| group.name.is_empty())
}

fn aggregated(
    served: &Served,
    groups: &[ServedGroup],
    version: DiscoveryVersion,
    headers: &HeaderMap,
) -> Result<Response<Body>, Failure> {
    let text = format!("{}\n", aggregated::list(served, groups, version));
    let tag = tag(&text)?;
    let content_type = match version {
        DiscoveryVersion::V2 => aggregated::V2,
        DiscoveryVersion::V2Beta1 => aggregated::V2BETA1,
    };
    let mut answer = answer::page(content_type, text);
    if headers.get(IF_NONE_MATCH) == Some(&tag) {
        *answer.status_mut() = StatusCode::NOT_MODIFIED;
        *answer.body_mut() = answer::empty();
    }
    let of = answer.headers_mut();
    of.insert(VARY, HeaderValue::from_static("Accept"));
    of.insert(ETAG, tag);
    Ok(answer)
}

/// Names a text.
fn tag(text: &str) -> Result<HeaderValue, Failure> {
    let digest = Sha256::digest(text.as_bytes());
    let hex: String = digest.iter().map(|byte| format!("{byte:02X}")).collect();
    HeaderValue::try_from(format!("\"{hex}\"")).map_err(|error| Failure::internal(error.to_string()))
}

/// The kind that a subresource answers with.
const fn kind_below(subresource: Subresource) -> &'static str {
    match subresource {
        Subresource::Sync => "Source",
        Subresource::Reset => "Reset",
        Subresource::Approve => "Approval",
        Subresource::Undo => "Undo",
        Subresource::Objects => "PrunedObjectList",
    }
}

const fn verbs_below(subresource: Subresource) -> [&'static str; 1] {
    match subresource {
        Subresource::Sync | Subresource::Reset | Subresource::Approve | Subresource::Undo => ["create"],
        Subresource::Objects => ["get"],
    }
}
