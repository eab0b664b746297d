//! What is asked.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, CONTENT_TYPE, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, RANGE, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Method};

use crate::url::Url;
use crate::validators::{ETag, Validators};

/// How this program calls itself.
const AGENT: &str = concat!("k1s-sync-getter/", env!("CARGO_PKG_VERSION"));

/// What becomes of an answer with a content coding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coding {
    /// It is refused: none was asked for.
    Refused,
    /// It is taken as it was sent.
    AsSent,
}

/// What is asked.
#[derive(Clone)]
pub struct Request {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) validators: Option<Validators>,
    pub(crate) coding: Coding,
    pub(crate) most: Option<u64>,
    /// Whether a download may go on where it was cut.
    pub(crate) parts: Parts,
    /// Where a download goes on.
    pub(crate) rest: Option<Rest>,
    /// Who is told how long a download is.
    pub(crate) length: Length,
}

/// How long a download is, as its server says; known once it answers, if it says so.
#[derive(Clone, Debug, Default)]
pub struct Length(Arc<AtomicU64>);

impl Length {
    /// Returns how many bytes there will be.
    pub fn bytes(&self) -> Option<u64> {
        Some(self.0.load(Ordering::Relaxed)).filter(|bytes| *bytes > 0)
    }

    pub(crate) fn tell(&self, bytes: Option<u64>) {
        self.0.store(bytes.unwrap_or_default(), Ordering::Relaxed);
    }
}

/// In how many parts something may be downloaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Parts {
    /// What is cut may go on.
    Several,
    /// In one: a header that asks for the rest would make another request of it.
    One,
}

/// What is missing of a download that was cut.
#[derive(Clone, Debug)]
pub(crate) struct Rest {
    /// From which byte on.
    pub(crate) offset: u64,
    /// What must not have changed; it is a strong tag.
    pub(crate) unchanged: ETag,
    /// Who sent what there is: a tag says that bytes are the same to whoever gave it, and to nobody else.
    pub(crate) url: Url,
}

impl Request {
    fn new(method: Method, url: Url) -> Self {
        Self {
            method,
            url,
            headers: HeaderMap::new(),
            body: Bytes::new(),
            validators: None,
            coding: Coding::Refused,
            most: None,
            parts: Parts::Several,
            rest: None,
            length: Length::default(),
        }
    }

    /// Asks for what is there.
    pub fn get(url: Url) -> Self {
        Self::new(Method::GET, url)
    }

    /// Asks for the head of what is there.
    pub fn head(url: Url) -> Self {
        Self::new(Method::HEAD, url)
    }

    /// Sends something, and asks for the answer.
    pub fn post(url: Url, content_type: HeaderValue, body: Bytes) -> Self {
        let mut request = Self::new(Method::POST, url).header(CONTENT_TYPE, content_type);
        request.body = body;
        request
    }

    /// Puts nothing there, which some services take as a question.
    pub fn put(url: Url) -> Self {
        Self::new(Method::PUT, url)
    }

    /// Sends a header along, to the origin of the URL and no other; one of the same name is replaced.
    ///
    /// Secrets belong into a [`Key`](crate::Key), whose value is read anew for each request.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// Asks for it only if it changed since.
    #[must_use]
    pub fn unless(mut self, validators: &Validators) -> Self {
        self.validators = (!validators.is_empty()).then(|| validators.clone());
        self
    }

    /// Takes an answer with a content coding, and leaves it as it was sent.
    ///
    /// Some servers call an archive `.tar.gz` a `.tar` with the coding `gzip`. Without this such an answer is refused.
    #[must_use]
    pub fn as_sent(mut self) -> Self {
        self.coding = Coding::AsSent;
        self
    }

    /// Takes no more bytes than this, where that is less than what the client takes.
    #[must_use]
    pub fn at_most(mut self, bytes: u64) -> Self {
        self.most = Some(bytes);
        self
    }

    /// Tells how long a download is, as soon as that is known.
    #[must_use]
    pub fn telling(mut self, length: &Length) -> Self {
        self.length = length.clone();
        self
    }

    /// Has a download that is cut not go on: all headers of the request are signed, so that none can be added.
    #[must_use]
    pub fn at_once(mut self) -> Self {
        self.parts = Parts::One;
        self
    }

    /// Asks for the rest of a download.
    pub(crate) fn missing(mut self, rest: Rest) -> Self {
        self.validators = None;
        self.rest = Some(rest);
        self
    }

    /// Returns what is sent to any origin; none if a validator cannot be sent, which those that were read can.
    pub(crate) fn general_headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        let mut put = |name: HeaderName, text: &str| {
            if let Ok(value) = HeaderValue::from_str(text) {
                headers.insert(name, value);
            }
        };
        if let Some(validators) = &self.validators {
            // A server that knows the first ignores the second (RFC 9110, section 13.1.3).
            if let Some(etag) = &validators.etag {
                put(IF_NONE_MATCH, etag.as_str());
            }
            if let Some(date) = &validators.last_modified {
                put(IF_MODIFIED_SINCE, date.as_str());
            }
        }
        if let Some(rest) = &self.rest {
            put(RANGE, &format!("bytes={}-", rest.offset));
            put(IF_RANGE, rest.unchanged.as_str());
        }
        headers
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Request({} {})", self.method, self.url)
    }
}
