//! Answers, and the bytes of them.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_ENCODING, ETAG, IF_MATCH, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, Version};
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};
use tokio::time::{Instant, timeout, timeout_at};

use crate::fault::{At, Fault, NetError, chain};
use crate::limits::Limit;
use crate::origin::Scheme;
use crate::range::Part;
use crate::redirect::Standing;
use crate::request::{Coding, Request};
use crate::tasks::Tasks;
use crate::tls::TlsFault;
use crate::url::Url;
use crate::validators::Validators;

/// The header by which modules of Terraform point elsewhere.
const TERRAFORM_GET: &str = "x-terraform-get";
/// The longest name of a coding that is told in an error, in bytes.
const TOLD_BYTES: usize = 32;

/// By when, and how much.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) deadline: Instant,
    pub(crate) total: Duration,
    pub(crate) idle: Duration,
    pub(crate) bytes: u64,
}

/// An answer: what was asked for, or that it did not change.
#[derive(Debug)]
pub struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    url: Url,
    standing: Standing,
    body: Body,
}

impl Answer {
    /// Checks that an answer is one to what was asked, and can be read within bounds.
    pub(crate) fn of(
        response: Response<Incoming>,
        request: &Request,
        url: Url,
        at: At,
        bounds: Bounds,
        tasks: Tasks,
    ) -> Result<Self, NetError> {
        let (head, incoming) = response.into_parts();
        let offset = match check(&head, request, &url) {
            Ok(offset) => offset,
            Err(fault) => return Err(NetError { at, fault }),
        };
        let holds_body = request.method != Method::HEAD && head.status != StatusCode::NOT_MODIFIED;
        let length = incoming.size_hint().exact();
        let fault = if !holds_body {
            None
        } else if length.is_some_and(|length| offset.saturating_add(length) > bounds.bytes) {
            Some(Fault::Limit(Limit::BodyBytes(bounds.bytes)))
        } else if is_unframed(&head, length) && url.origin().scheme == Scheme::Http {
            // Over TLS the connection's proper end is proof.
            Some(Fault::Unframed)
        } else {
            None
        };
        if let Some(fault) = fault {
            return Err(NetError { at, fault });
        }
        Ok(Self {
            status: head.status,
            headers: head.headers,
            url,
            standing: Standing::Home,
            body: Body {
                state: State::Coming(incoming),
                taken: offset,
                bounds,
                at,
                _tasks: tasks,
            },
        })
    }

    /// Returns its status: 200 to 299, or 304.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// Returns its headers.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// Returns the URL that answered, after redirects.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Says whether the request is still where it was meant to go.
    pub(crate) fn of_standing(self, standing: Standing) -> Self {
        Self { standing, ..self }
    }

    /// Returns whether the request left the origin that it was for, though it may have come back: then somebody else chose what
    /// was asked.
    pub fn is_astray(&self) -> bool {
        self.standing == Standing::Away
    }

    /// Returns what tells later whether it changed.
    pub fn validators(&self) -> Validators {
        Validators::of(&self.headers)
    }

    /// Returns whether what was asked for is as it was.
    pub fn is_unchanged(&self) -> bool {
        self.status == StatusCode::NOT_MODIFIED
    }

    /// Returns its bytes.
    pub fn into_body(self) -> Body {
        self.body
    }

    /// Returns where it came from.
    pub(crate) fn at(&self) -> At {
        self.body.at.clone()
    }

    pub(crate) fn into_parts(self) -> (Url, HeaderMap, Body) {
        (self.url, self.headers, self.body)
    }
}

/// Checks the head of an answer; returns at which byte of what was asked for its body begins.
fn check(head: &http::response::Parts, request: &Request, url: &Url) -> Result<u64, Fault> {
    match head.status {
        StatusCode::NOT_MODIFIED if request.validators.is_none() => return Err(Fault::Unasked(head.status)),
        StatusCode::NOT_MODIFIED => return Ok(0),
        StatusCode::PARTIAL_CONTENT if request.rest.is_none() => return Err(Fault::Unasked(head.status)),
        _ => {}
    }
    if head.headers.contains_key(TERRAFORM_GET) {
        return Err(Fault::TerraformGet);
    }
    // What was made of something that was sent is the answer to that.
    let is_made = head.status == StatusCode::CREATED && request.method == Method::POST;
    if !is_made && !matches!(head.status, StatusCode::OK | StatusCode::PARTIAL_CONTENT) {
        // It stands for something else, or for nothing: it is not what is there.
        return Err(Fault::Unasked(head.status));
    }
    // Not every store that is asked for it looks at the condition.
    if let (Some(asked), Some(sent)) = (request.headers.get(IF_MATCH), head.headers.get(ETAG))
        && opaque(asked) != opaque(sent)
    {
        return Err(Fault::Changed);
    }
    if request.coding == Coding::Refused
        && let Some(coding) = coding(&head.headers)
    {
        return Err(Fault::Coding(coding));
    }
    if head.status != StatusCode::PARTIAL_CONTENT {
        return Ok(0);
    }
    let part = head.headers.get(http::header::CONTENT_RANGE).and_then(Part::parse);
    let rest = request.rest.as_ref().ok_or(Fault::Part)?;
    let is_same = *url == rest.url && Validators::of(&head.headers).etag.as_ref() == Some(&rest.unchanged);
    if !is_same || !part.is_some_and(|part| part.completes(rest.offset)) {
        return Err(Fault::Part);
    }
    Ok(rest.offset)
}

/// Returns an entity tag without the word that it is a weak one.
fn opaque(tag: &HeaderValue) -> &[u8] {
    let tag = tag.as_bytes();
    tag.strip_prefix(b"W/").unwrap_or(tag)
}

/// Returns the coding of an answer that has one.
fn coding(headers: &HeaderMap) -> Option<String> {
    let values = headers.get_all(CONTENT_ENCODING).iter();
    let mut codings = values.map(|value| value.to_str().unwrap_or("unreadable").trim());
    let coding = codings.find(|coding| !coding.is_empty() && !coding.eq_ignore_ascii_case("identity"))?;
    Some(coding.chars().take(TOLD_BYTES).collect())
}

/// Returns whether only the connection's end ends the body.
fn is_unframed(head: &http::response::Parts, length: Option<u64>) -> bool {
    head.version < Version::HTTP_2 && length.is_none() && !head.headers.contains_key(TRANSFER_ENCODING)
}

/// The bytes of an answer, as they come.
pub struct Body {
    state: State,
    /// Bytes so far, those before a resumed download's part included.
    taken: u64,
    bounds: Bounds,
    at: At,
    /// What reads from the connection.
    _tasks: Tasks,
}

enum State {
    Coming(Incoming),
    Whole,
    Failed,
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Body({} bytes taken)", self.taken)
    }
}

impl Body {
    /// Returns how many bytes are still to come, if the server says so.
    pub(crate) fn length(&self) -> Option<u64> {
        match &self.state {
            State::Coming(incoming) => incoming.size_hint().exact(),
            State::Whole | State::Failed => None,
        }
    }

    /// Waits for more; none only when all of it came. After an error there is only that the answer was cut.
    ///
    /// # Errors
    ///
    /// A limit, an answer that was cut, a connection that broke.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, NetError> {
        let taken = match &mut self.state {
            State::Coming(incoming) => next(incoming, self.bounds).await,
            State::Whole => return Ok(None),
            State::Failed => Err(Fault::Truncated),
        };
        let taken = taken.and_then(|chunk| self.count(chunk));
        match &taken {
            Ok(Some(_)) => {}
            Ok(None) => self.state = State::Whole,
            Err(_) => self.state = State::Failed,
        }
        taken.map_err(|fault| self.fails(fault))
    }

    /// Waits for all of it.
    ///
    /// # Errors
    ///
    /// As for [`Body::chunk`], and more than `most` bytes.
    pub async fn collect(mut self, most: u64) -> Result<Bytes, NetError> {
        self.bounds.bytes = self.bounds.bytes.min(most);
        let mut all = BytesMut::new();
        while let Some(chunk) = self.chunk().await? {
            all.extend_from_slice(&chunk);
        }
        Ok(all.freeze())
    }

    /// Returns an error about what became of it.
    pub(crate) fn fails(&self, fault: Fault) -> NetError {
        NetError {
            at: self.at.clone(),
            fault,
        }
    }

    fn count(&mut self, chunk: Option<Bytes>) -> Result<Option<Bytes>, Fault> {
        let length = chunk
            .as_ref()
            .map_or(0, |chunk| u64::try_from(chunk.len()).unwrap_or(u64::MAX));
        self.taken = self.taken.saturating_add(length);
        if self.taken > self.bounds.bytes {
            return Err(Fault::Limit(Limit::BodyBytes(self.bounds.bytes)));
        }
        Ok(chunk)
    }
}

/// Waits for the next bytes; what ends a body besides them is skipped.
async fn next(incoming: &mut Incoming, bounds: Bounds) -> Result<Option<Bytes>, Fault> {
    loop {
        let frame = timeout_at(bounds.deadline, timeout(bounds.idle, incoming.frame())).await;
        let frame = frame
            .map_err(|_| Fault::Limit(Limit::Total(bounds.total)))?
            .map_err(|_| Fault::Limit(Limit::Idle(bounds.idle)))?;
        match frame {
            None => return Ok(None),
            Some(Err(error)) => return Err(broken(&error)),
            Some(Ok(frame)) => {
                if let Ok(bytes) = frame.into_data() {
                    return Ok(Some(bytes));
                }
            }
        }
    }
}

/// Says why a connection broke.
pub(crate) fn broken(error: &(dyn StdError + 'static)) -> Fault {
    let mut next = Some(error);
    while let Some(cause) = next {
        if cause
            .downcast_ref::<hyper::Error>()
            .is_some_and(hyper::Error::is_incomplete_message)
        {
            return Fault::Truncated;
        }
        let kind = cause.downcast_ref::<io::Error>().map(io::Error::kind);
        if matches!(
            kind,
            Some(io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset)
        ) {
            return Fault::Truncated;
        }
        next = cause.source();
    }
    match TlsFault::find(error) {
        Some(fault) => Fault::Tls(fault),
        None => Fault::Connection(chain(error)),
    }
}
