//! From a request to whoever answers it.

use std::sync::Arc;

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::request::Parts as Head;
use http::{HeaderMap, Method, Request, Response};
use k1s_object::KindScope;
use tracing::{debug, warn};

use super::accept::Accept;
use super::body::Sent;
use super::failure::Failure;
use super::kinds::Served;
use super::path::{Page, Place};
use super::query::Query;
use super::request::{Resource, ResourceCall};
use super::{Access, Body, Parts, answer, control, discovery, health, read};
use crate::object::ControlKind;

/// The methods of what can only be read.
const READING: &str = "GET, HEAD";
/// The methods of a control object that can be changed.
const PATCHING: &str = "GET, HEAD, PATCH";

/// Answers a request, whatever it is.
pub(crate) async fn answer<B>(parts: &Arc<Parts>, request: Request<B>) -> Response<Body>
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let (head, body) = request.into_parts();
    let (method, path) = (head.method.clone(), head.uri.path().to_owned());
    let answer = dispatch(parts, head, body).await.unwrap_or_else(|failure| {
        if let Failure::Internal(why) = &failure {
            warn!(%method, path, %why, "a request failed");
        }
        answer::refusal(&failure)
    });
    debug!(%method, path, code = answer.status().as_u16(), "answered");
    if method == Method::HEAD {
        answer.map(|_| answer::empty())
    } else {
        answer
    }
}

async fn dispatch<B>(parts: &Arc<Parts>, head: Head, body: B) -> Result<Response<Body>, Failure>
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let page = Page::read(head.uri.path());
    if !page.as_ref().is_some_and(Page::is_open) && !is_admitted(&parts.access, &head.headers) {
        return Err(Failure::Unauthorized);
    }
    let query = Query::decode(head.uri.query().unwrap_or_default());
    let page = page.ok_or(Failure::NoPage)?;
    if let Page::Resource(place) = page {
        return resource(parts, head, query, place, body).await;
    }
    let is_reading = READING.split(", ").any(|method| method == head.method.as_str());
    if !is_reading {
        return Err(Failure::MethodNotAllowed {
            of: None,
            allowed: READING,
        });
    }
    show(parts, &head.headers, &query, page)
}

/// Answers with a page that is about no object.
fn show(parts: &Arc<Parts>, headers: &HeaderMap, query: &Query, page: Page) -> Result<Response<Body>, Failure> {
    match page {
        Page::Health(probe) => Ok(health::health(&parts.vitals.checks(), &probe, query)),
        Page::Version => health::version(&parts.about),
        Page::Metrics => Ok(health::metrics(parts.vitals.metrics())),
        Page::CoreVersions => discovery::core(&served(parts), headers),
        Page::Groups => discovery::groups(&served(parts), headers),
        Page::Group(group) => discovery::group(&served(parts), &group, headers),
        Page::Resources(of) => discovery::resources(&served(parts), &of, headers),
        Page::Resource(_) => Err(Failure::NoPage),
    }
}

async fn resource<B>(
    parts: &Arc<Parts>,
    head: Head,
    query: Query,
    place: Place,
    body: B,
) -> Result<Response<Body>, Failure>
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let resource = served(parts).find(&place.of, &place.resource);
    let resource = resource
        .filter(|resource| fits(resource, &place))
        .ok_or(Failure::NoPage)?;
    if let (Resource::Control(kind), Some(name)) = (&resource, &place.name) {
        if let Some(subresource) = &place.subresource {
            let below = control::below(*kind, subresource).ok_or(Failure::NoPage)?;
            check(&head.method, control::method(below), &resource)?;
            let sent = Sent::receive(&head, query, body).await?;
            return control::below_one(parts, below, name, &sent).await;
        }
        if *kind == ControlKind::Source && head.method == Method::PATCH {
            let sent = Sent::receive(&head, query, body).await?;
            return control::patch(parts, name, &sent).await;
        }
    }
    let writable = place.name.is_some() && matches!(resource, Resource::Control(ControlKind::Source));
    check(&head.method, if writable { PATCHING } else { READING }, &resource)?;
    let call = ResourceCall {
        accept: Accept::of_objects(&head.headers)?,
        resource,
        namespace: place.namespace,
        name: place.name,
        subresource: place.subresource,
        query,
    };
    read::read(parts, call).await
}

/// Whether a kind has a place there: stored kinds have nothing below their objects, and one object of a namespaced kind is in
/// a namespace.
fn fits(resource: &Resource, place: &Place) -> bool {
    let (scope, has_below) = match resource {
        Resource::Stored { names, .. } => (names.scope, false),
        Resource::Control(_) => (KindScope::Cluster, true),
    };
    let is_placed = match scope {
        KindScope::Cluster => place.namespace.is_none(),
        KindScope::Namespaced => place.namespace.is_some() || place.name.is_none(),
    };
    is_placed && (has_below || place.subresource.is_none())
}

/// Refuses a method that is none of those allowed.
fn check(method: &Method, allowed: &'static str, resource: &Resource) -> Result<(), Failure> {
    let of = Some(resource.named());
    let is_allowed = allowed.split(", ").any(|allowed| allowed == method.as_str());
    is_allowed
        .then_some(())
        .ok_or(Failure::MethodNotAllowed { of, allowed })
}

fn is_admitted(access: &Access, headers: &HeaderMap) -> bool {
    match access {
        Access::Trusted => true,
        Access::Token(gate) => bearer(headers).is_some_and(|bearer| gate.admits(bearer)),
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.trim().split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

fn served(parts: &Parts) -> Served {
    Served::new(parts.reader.kinds())
}
