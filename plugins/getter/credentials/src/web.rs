//! How services of credentials are asked.
//!
//! Those of this machine (metadata services, what runs beside a container) speak no TLS, and whoever speaks none is asked as
//! such: directly, and at loopback, the network cable or a metadata service only. All others are asked over TLS, through the
//! proxies that are set up, and none of them is a metadata service.

use std::time::Duration;

use bytes::Bytes;
#[cfg(feature = "google")]
use http::HeaderMap;
use http::{HeaderName, HeaderValue};
use k1s_getter_address::Secret;
use k1s_getter_net::{
    Client, Crossing, Limits, Proxies, Reach, Reference, Request, Scheme, Settings, SettingsError, Url,
};
#[cfg(any(feature = "aws", feature = "azure", feature = "google"))]
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::de::DeserializeOwned;

use crate::fault::Fault;

/// The longest answer, in bytes.
const ANSWER_BYTES: u64 = 256 << 10;
/// The longest for a service, and for one of this machine, which may not be there at all.
const SERVICE_TOTAL: Duration = Duration::from_mins(1);
const MACHINE_DIAL: Duration = Duration::from_secs(2);
const MACHINE_TOTAL: Duration = Duration::from_secs(10);
/// What is not encoded in a form.
#[cfg(any(feature = "aws", feature = "azure", feature = "google"))]
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
#[cfg(any(feature = "aws", feature = "azure", feature = "google"))]
const FORM: HeaderValue = HeaderValue::from_static("application/x-www-form-urlencoded");

/// What asks.
#[derive(Debug)]
pub(crate) struct Web {
    service: Client,
    machine: Client,
}

/// What was answered. Nothing of it is printed.
pub(crate) struct Answered {
    #[cfg(feature = "google")]
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Web {
    /// Sets up what asks, with the proxies and authorities of these settings.
    pub(crate) fn new(settings: &Settings) -> Result<Self, SettingsError> {
        let limits = Limits {
            body_bytes: ANSWER_BYTES,
            total: SERVICE_TOTAL,
            ..Limits::default()
        };
        let service = Settings {
            reach: Reach::trusted(),
            crossing: Crossing::Refuse,
            keys: Vec::new(),
            limits,
            ..settings.clone()
        };
        let machine = Settings {
            reach: Reach::machine(),
            proxies: Proxies::none(),
            limits: Limits {
                dial: MACHINE_DIAL,
                total: MACHINE_TOTAL,
                redirects: 0,
                ..limits
            },
            ..service.clone()
        };
        Ok(Self {
            service: Client::new(service)?,
            machine: Client::new(machine)?,
        })
    }

    /// Gets what is there.
    #[cfg(any(feature = "aws", feature = "azure", feature = "google"))]
    pub(crate) async fn get(&self, url: Url, headers: Vec<(HeaderName, HeaderValue)>) -> Result<Answered, Fault> {
        let scheme = url.origin().scheme;
        self.send(scheme, Request::get(url), headers).await
    }

    /// Puts nothing there, and returns what is said to that.
    #[cfg(feature = "aws")]
    pub(crate) async fn put(&self, url: Url, headers: Vec<(HeaderName, HeaderValue)>) -> Result<Answered, Fault> {
        let scheme = url.origin().scheme;
        self.send(scheme, Request::put(url), headers).await
    }

    /// Sends a form.
    #[cfg(any(feature = "aws", feature = "azure", feature = "google"))]
    pub(crate) async fn form(&self, url: Url, fields: &[(&str, &str)]) -> Result<Answered, Fault> {
        let coded = |text| utf8_percent_encode(text, PLAIN);
        let fields: Vec<String> = fields
            .iter()
            .map(|(name, value)| format!("{}={}", coded(name), coded(value)))
            .collect();
        let scheme = url.origin().scheme;
        let request = Request::post(url, FORM, Bytes::from(fields.join("&")));
        self.send(scheme, request, Vec::new()).await
    }

    /// Sends JSON.
    #[cfg(feature = "github")]
    pub(crate) async fn ask(
        &self,
        url: Url,
        headers: Vec<(HeaderName, HeaderValue)>,
        body: &serde_json::Value,
    ) -> Result<Answered, Fault> {
        let scheme = url.origin().scheme;
        let json = HeaderValue::from_static("application/json");
        let request = Request::post(url, json, Bytes::from(body.to_string()));
        self.send(scheme, request, headers).await
    }

    async fn send(
        &self,
        scheme: Scheme,
        request: Request,
        headers: Vec<(HeaderName, HeaderValue)>,
    ) -> Result<Answered, Fault> {
        let client = match scheme {
            Scheme::Http => &self.machine,
            Scheme::Https => &self.service,
        };
        let request = headers
            .into_iter()
            .fold(request, |request, (name, value)| request.header(name, value));
        let answer = client.send(request).await.map_err(Fault::Net)?;
        Ok(Answered {
            #[cfg(feature = "google")]
            headers: answer.headers().clone(),
            body: answer.into_body().collect(ANSWER_BYTES).await.map_err(Fault::Net)?,
        })
    }
}

impl Answered {
    /// Reads it as JSON; `lacks` says what it should have been.
    pub(crate) fn json<T: DeserializeOwned>(&self, lacks: &'static str) -> Result<T, Fault> {
        // What is wrong with it could be told in its own words.
        serde_json::from_slice(&self.body).map_err(|_| Fault::Answer(lacks))
    }
}

/// Returns the value of a header that is not printed.
#[cfg(any(feature = "aws", feature = "azure", feature = "github"))]
pub(crate) fn sensitive(value: &str, what: &'static str) -> Result<HeaderValue, Fault> {
    let mut value = HeaderValue::from_str(value).map_err(|_| Fault::Characters(what))?;
    value.set_sensitive(true);
    Ok(value)
}

/// Reads a file.
pub(crate) async fn read(reference: &Reference, what: &'static str) -> Result<Secret, Fault> {
    reference.read().await.map_err(|source| Fault::File { what, source })
}
