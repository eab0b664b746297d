//! Servers of HTTP, and clients to ask them.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request as HttpRequest, Response, Version};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use k1s_getter_net::{Client, Limits, Origin, Peer, Reach, Resolve, Scheme, Settings, Url};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

/// A path that no server ever answers.
pub(crate) const SILENCE: &str = "/silence";

/// What a server was asked.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) target: String,
    pub(crate) version: Version,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

pub(crate) type Answer = Response<Full<Bytes>>;

/// A server, until it is dropped.
pub(crate) struct Server {
    pub(crate) port: u16,
    scheme: Scheme,
    seen: Arc<Mutex<Vec<Seen>>>,
    connections: Arc<AtomicUsize>,
    _tasks: JoinSet<()>,
}

impl Server {
    pub(crate) async fn http(answer: impl Fn(&Seen) -> Answer + Send + Sync + 'static) -> io::Result<Self> {
        Self::start(None, answer).await
    }

    pub(crate) async fn https(
        acceptor: TlsAcceptor,
        answer: impl Fn(&Seen) -> Answer + Send + Sync + 'static,
    ) -> io::Result<Self> {
        Self::start(Some(acceptor), answer).await
    }

    async fn start(
        acceptor: Option<TlsAcceptor>,
        answer: impl Fn(&Seen) -> Answer + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        let scheme = if acceptor.is_some() {
            Scheme::Https
        } else {
            Scheme::Http
        };
        let seen = Arc::new(Mutex::new(Vec::new()));
        let connections = Arc::new(AtomicUsize::new(0));
        let (noted, counted, answer) = (Arc::clone(&seen), Arc::clone(&connections), Arc::new(answer));
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut open = JoinSet::new();
            while let Ok((socket, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::SeqCst);
                let (noted, answer, acceptor) = (Arc::clone(&noted), Arc::clone(&answer), acceptor.clone());
                open.spawn(async move {
                    let service = service_fn(move |request| respond(request, Arc::clone(&noted), Arc::clone(&answer)));
                    let builder = Builder::new(TokioExecutor::new());
                    // A client that goes away in the middle is what many of these tests are about.
                    drop(match acceptor {
                        None => builder.serve_connection(TokioIo::new(socket), service).await,
                        Some(acceptor) => match acceptor.accept(socket).await {
                            Ok(socket) => builder.serve_connection(TokioIo::new(socket), service).await,
                            Err(error) => Err(error.into()),
                        },
                    });
                });
            }
        });
        Ok(Self {
            port,
            scheme,
            seen,
            connections,
            _tasks: tasks,
        })
    }

    /// Returns what it was asked so far.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// Returns a URL of it, by the name under which clients of these tests find it.
    pub(crate) fn url(&self, host: &str, path: &str) -> Url {
        Url::parse(&format!("{}{path}", self.origin(host))).expect("a URL")
    }

    pub(crate) fn origin(&self, host: &str) -> Origin {
        Origin {
            scheme: self.scheme,
            peer: Peer::new(host, self.port).expect("a peer"),
        }
    }
}

async fn respond(
    request: HttpRequest<Incoming>,
    noted: Arc<Mutex<Vec<Seen>>>,
    answer: Arc<impl Fn(&Seen) -> Answer>,
) -> Result<Answer, Infallible> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map(http_body_util::Collected::to_bytes);
    let seen = Seen {
        target: head.uri.to_string(),
        version: head.version,
        headers: head.headers,
        body: body.unwrap_or_default(),
    };
    if seen.target.ends_with(SILENCE) {
        std::future::pending::<()>().await;
    }
    let answer = answer(&seen);
    noted.lock().unwrap_or_else(PoisonError::into_inner).push(seen);
    Ok(answer)
}

pub(crate) fn answer(status: u16, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Answer {
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    response.body(Full::new(body.into())).expect("an answer")
}

pub(crate) fn redirect(status: u16, location: &str) -> Answer {
    answer(status, &[("location", location)], "")
}

/// Names with the addresses that each question is answered with; the last answer is given for ever.
#[derive(Debug, Default)]
pub(crate) struct Table {
    answers: BTreeMap<String, Vec<Vec<IpAddr>>>,
    asked: Mutex<BTreeMap<String, usize>>,
}

impl Table {
    /// All names that end in `.test` are this machine.
    pub(crate) fn loopback() -> Self {
        Self::default()
    }

    pub(crate) fn with(mut self, name: &str, answers: &[&[&str]]) -> Self {
        let read = |text: &&str| text.parse().expect("an address");
        let answers = answers.iter().map(|answer| answer.iter().map(read).collect()).collect();
        self.answers.insert(name.to_owned(), answers);
        self
    }

    pub(crate) fn asked(&self, name: &str) -> usize {
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.get(name).copied().unwrap_or_default()
    }

    fn answer(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let times = asked.entry(name.to_owned()).or_default();
        *times += 1;
        match self.answers.get(name) {
            Some(answers) => Ok(answers[(*times - 1).min(answers.len() - 1)].clone()),
            None if name.ends_with(".test") => Ok(vec![Ipv4Addr::LOCALHOST.into()]),
            None => Err(io::Error::other("no such name")),
        }
    }
}

impl Resolve for Table {
    fn resolve<'a>(&'a self, host: &'a str) -> futures_util::future::BoxFuture<'a, io::Result<Vec<IpAddr>>> {
        Box::pin(async move { self.answer(host) })
    }
}

/// Settings for servers on this machine, with limits that are long enough for any answer that comes.
pub(crate) fn trusting() -> Settings {
    Settings {
        reach: Reach::trusted(),
        // What the system trusts does not matter here, and may be nothing.
        trust: k1s_getter_net::Trust::Only(crate::authority::Authority::shared().certificate()),
        names: Arc::new(Table::loopback()),
        ..Settings::default()
    }
}

/// Limits that are over soon.
pub(crate) fn short() -> Limits {
    let most = Duration::from_millis(300);
    Limits {
        dial: most,
        handshake: most,
        header: most,
        idle: most,
        total: Duration::from_secs(60),
        header_bytes: 8 << 10,
        body_bytes: 64 << 10,
        ..Limits::default()
    }
}

pub(crate) fn client(settings: Settings) -> Client {
    Client::new(settings).expect("a client")
}
