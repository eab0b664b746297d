//! One request and the head of its answer.

use std::error::Error as StdError;
use std::pin::pin;

use bytes::Bytes;
use http::header::PROXY_AUTHORIZATION;
use http::{Extensions, HeaderName, HeaderValue, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::client::legacy::connect::{CaptureConnection, capture_connection};
use hyper_util::client::legacy::{Client as Pool, Error as PoolError};
use tokio::time::timeout;

use crate::body::broken;
use crate::dial::{Connector, Undialled};
use crate::fault::Fault;
use crate::limits::{Limit, Limits};
use crate::request::Request;
use crate::tls::TlsFault;
use crate::url::Url;
use crate::wire::Breach;

/// What a request is sent with, besides what is sent anywhere.
pub(crate) enum Company<'a> {
    /// The request's own headers, and those that are kept for the origin.
    Known(&'a [(HeaderName, HeaderValue)]),
    /// Nothing: a redirect led away.
    Bare,
}

/// Sends a request and waits for the head of the answer.
pub(crate) async fn exchange(
    pool: &Pool<Connector, Full<Bytes>>,
    request: &Request,
    url: &Url,
    company: Company<'_>,
    (limits, authorization): (&Limits, Option<HeaderValue>),
) -> Result<Response<Incoming>, Fault> {
    let mut sent = http::Request::new(Full::new(request.body.clone()));
    *sent.method_mut() = request.method.clone();
    *sent.uri_mut() = url.to_uri().map_err(Fault::Url)?;
    let headers = sent.headers_mut();
    *headers = request.general_headers();
    if let Company::Known(kept) = company {
        for (name, value) in &request.headers {
            headers.insert(name, value.clone());
        }
        for (name, value) in kept {
            headers.insert(name, value.clone());
        }
    }
    if let Some(authorization) = authorization {
        headers.insert(PROXY_AUTHORIZATION, authorization);
    }
    let mut connection = capture_connection(&mut sent);
    let mut answered = pin!(pool.request(sent));
    // Dialling has limits of its own, so that time counts from the connection on.
    let early = tokio::select! {
        biased;
        answered = &mut answered => Some(answered),
        () = async { drop(connection.wait_for_connection_metadata().await) } => None,
    };
    let answered = match early {
        Some(answered) => answered,
        None => timeout(limits.header, answered).await.map_err(|_| {
            abandon(&connection);
            Fault::Limit(Limit::Header(limits.header))
        })?,
    };
    answered.map_err(|error| {
        let fault = fault_of(&error, limits);
        let is_vague = matches!(fault, Fault::Connection(_));
        let breach = is_vague.then(|| breach(&connection)).flatten();
        breach.map_or(fault, Fault::Tls)
    })
}

/// Has a connection that went silent not used again: one of HTTP/2 would be, though nobody may be there any more.
fn abandon(connection: &CaptureConnection) {
    if let Some(connected) = connection.connection_metadata().as_ref() {
        connected.poison();
    }
}

/// Returns why TLS broke on the connection that was used.
fn breach(connection: &CaptureConnection) -> Option<TlsFault> {
    let mut extras = Extensions::new();
    connection.connection_metadata().as_ref()?.get_extras(&mut extras);
    extras.get::<Breach>()?.take()
}

fn fault_of(error: &PoolError, limits: &Limits) -> Fault {
    let mut next: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(cause) = next {
        if let Some(undialled) = cause.downcast_ref::<Undialled>() {
            return Fault::Dial(undialled.0.clone());
        }
        if cause
            .downcast_ref::<hyper::Error>()
            .is_some_and(hyper::Error::is_parse_too_large)
        {
            return Fault::Limit(Limit::HeaderBytes(limits.header_bytes));
        }
        next = cause.source();
    }
    broken(error)
}
