//! Smart HTTP: two requests, the first of which can be left out once its answer is known.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::{Buf as _, Bytes};
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderName, HeaderValue};
use k1s_getter_net::{Answer, Body, Client, NetError, Request, Url, UrlError};
use tokio::io::{AsyncRead, ReadBuf};

use crate::transport::{Pending, Reply, Session, Transport, TransportError};

/// The header that asks for version 2.
const PROTOCOL: HeaderName = HeaderName::from_static("git-protocol");
const VERSION: HeaderValue = HeaderValue::from_static("version=2");
/// What is asked of a server, and what its answers are.
const SERVICE: &str = "service=git-upload-pack";
const GREETING: &str = "application/x-git-upload-pack-advertisement";
const QUESTION: HeaderValue = HeaderValue::from_static("application/x-git-upload-pack-request");
const ANSWER: &str = "application/x-git-upload-pack-result";
/// Where a server greets, and where it is asked, below the repository.
const GREETING_PATH: &str = "/info/refs";
const QUESTION_PATH: &str = "/git-upload-pack";
/// The most times that the greeting leads to another origin, each of which is then asked by itself.
const CROSSINGS: usize = 2;
/// The types that are named when an answer has one of them and should have another.
const TYPES: [&str; 7] = [
    GREETING,
    ANSWER,
    "application/json",
    "application/octet-stream",
    "application/xml",
    "text/html",
    "text/plain",
];

/// A repository that a server of HTTP has.
///
/// Which addresses, redirects and credentials there may be is the client's. Where the greeting was redirected to, questions are
/// asked, too, until the next greeting.
#[derive(Clone, Debug)]
pub struct SmartHttp(Arc<Place>);

#[derive(Debug)]
struct Place {
    client: Client,
    url: Url,
    /// Where the last greeting came from, if that was elsewhere.
    moved: Mutex<Option<Url>>,
}

/// A server of HTTP does not answer as one of git.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// There is no answer, or one that says no.
    #[error(transparent)]
    Net(#[from] NetError),
    /// The URL is none with git's paths behind it.
    #[error(transparent)]
    Url(#[from] UrlError),
    /// The answer is something else.
    #[error(
        "the server answers with {0}, not as a server of git does: there may be no repository, or one has to log in, or it is one \
         without a program behind it (\"dumb HTTP\"), which is not supported"
    )]
    Type(&'static str),
    /// One origin leads to another, and that to another again or back.
    #[error(
        "the repository is said to be at one origin after the other, more than {CROSSINGS} times in a row or back where it began"
    )]
    Wandering,
}

impl SmartHttp {
    /// Names a repository by its URL.
    pub fn new(client: Client, url: Url) -> Self {
        Self(Arc::new(Place {
            client,
            url,
            moved: Mutex::new(None),
        }))
    }
}

impl Transport for SmartHttp {
    fn open(&self) -> Pending<'_, Box<dyn Session>> {
        Box::pin(async { Ok(Box::new(self.clone()) as Box<dyn Session>) })
    }

    fn is_stateless(&self) -> bool {
        true
    }
}

impl Session for SmartHttp {
    fn greeting(&mut self) -> Pending<'_, Reply<'_>> {
        Box::pin(async {
            let answer = self.0.greeting().await.map_err(TransportError::new)?;
            Ok(Box::new(Bytestream::new(answer.into_body())) as Reply<'_>)
        })
    }

    fn ask(self: Box<Self>, request: Vec<u8>) -> Pending<'static, Reply<'static>> {
        Box::pin(async move {
            let answer = self.0.answer(request).await.map_err(TransportError::new)?;
            Ok(Box::new(Bytestream::new(answer.into_body())) as Reply<'static>)
        })
    }
}

impl Place {
    async fn greeting(&self) -> Result<Answer, HttpError> {
        self.moved(None);
        let mut url = self.url.clone();
        let mut left = Vec::new();
        for _ in 0..=CROSSINGS {
            let asked = below(&url, GREETING_PATH, Some(SERVICE))?;
            let request = Request::get(asked.clone())
                .header(ACCEPT, HeaderValue::from_static("*/*"))
                .header(PROTOCOL, VERSION);
            let answer = self.client.send(request).await?;
            let elsewhere = above(answer.url()).filter(|_| *answer.url() != asked);
            let Some(elsewhere) = elsewhere else {
                return typed(answer, GREETING);
            };
            let is_within = elsewhere.origin() == url.origin();
            left.push(url.origin().clone());
            // Whoever leads back to an origin chooses what is asked there, with what is told to that origin alone.
            if (is_within && answer.is_astray()) || (!is_within && left.contains(elsewhere.origin())) {
                return Err(HttpError::Wandering);
            }
            self.moved(Some(elsewhere.clone()));
            // Beyond the origin no header goes along, not even the one with the version: it is asked for again there.
            if is_within {
                return typed(answer, GREETING);
            }
            url = elsewhere;
        }
        Err(HttpError::Wandering)
    }

    async fn answer(&self, request: Vec<u8>) -> Result<Answer, HttpError> {
        let moved = self.moved.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let url = below(moved.as_ref().unwrap_or(&self.url), QUESTION_PATH, None)?;
        let request = Request::post(url, QUESTION, Bytes::from(request))
            .header(ACCEPT, HeaderValue::from_static(ANSWER))
            .header(PROTOCOL, VERSION);
        typed(self.client.send(request).await?, ANSWER)
    }

    fn moved(&self, url: Option<Url>) {
        *self.moved.lock().unwrap_or_else(PoisonError::into_inner) = url;
    }
}

/// Returns a URL below that of a repository; what its query says is said first.
fn below(url: &Url, path: &str, query: Option<&str>) -> Result<Url, UrlError> {
    let path = format!("{}{path}", url.path().trim_end_matches('/'));
    let said = url.query().map(|query| query.expose());
    let all: Vec<&str> = said.into_iter().chain(query).collect();
    let query = (!all.is_empty()).then(|| all.join("&"));
    url.with(&path, query.as_deref())
}

/// Returns the URL of the repository whose greeting came from `url`, if it looks like one.
fn above(url: &Url) -> Option<Url> {
    let path = url.path().strip_suffix(GREETING_PATH)?;
    let query = url.query()?.expose().strip_suffix(SERVICE)?.strip_suffix('&');
    url.with(path, query).ok()
}

/// Checks what an answer is. Of its type no word is repeated that is not known: the server was told secrets.
fn typed(answer: Answer, expected: &str) -> Result<Answer, HttpError> {
    let Some(value) = answer.headers().get(CONTENT_TYPE) else {
        return Err(HttpError::Type("nothing that has a type"));
    };
    let essence = value
        .to_str()
        .unwrap_or_default()
        .split(';')
        .next()
        .unwrap_or_default()
        .trim();
    if essence.eq_ignore_ascii_case(expected) {
        return Ok(answer);
    }
    let known = TYPES.into_iter().find(|known| essence.eq_ignore_ascii_case(known));
    Err(HttpError::Type(known.unwrap_or("something of another type")))
}

type Chunk = Result<Option<Bytes>, NetError>;

/// The bytes of an answer, to be read.
struct Bytestream {
    state: State,
    rest: Bytes,
}

enum State {
    Idle(Body),
    Waiting(Pin<Box<dyn Future<Output = (Body, Chunk)> + Send>>),
    Ended,
}

impl Bytestream {
    fn new(body: Body) -> Self {
        Self {
            state: State::Idle(body),
            rest: Bytes::new(),
        }
    }
}

impl AsyncRead for Bytestream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        while self.rest.is_empty() {
            let mut waiting = match std::mem::replace(&mut self.state, State::Ended) {
                State::Idle(mut body) => Box::pin(async move {
                    let chunk = body.chunk().await;
                    (body, chunk)
                }),
                State::Waiting(waiting) => waiting,
                State::Ended => return Poll::Ready(Ok(())),
            };
            let Poll::Ready((body, chunk)) = waiting.as_mut().poll(context) else {
                self.state = State::Waiting(waiting);
                return Poll::Pending;
            };
            match chunk {
                Ok(Some(bytes)) => (self.rest, self.state) = (bytes, State::Idle(body)),
                Ok(None) => return Poll::Ready(Ok(())),
                Err(error) => return Poll::Ready(Err(io::Error::other(error))),
            }
        }
        let some = self.rest.len().min(buffer.remaining());
        buffer.put_slice(&self.rest[..some]);
        self.rest.advance(some);
        Poll::Ready(Ok(()))
    }
}
