//! A service on loopback, and who asks it.

use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use k1s_getter_net::{Settings, Trust, Url};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// What a service was asked.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) method: Method,
    /// Path and query.
    pub(crate) target: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().expect("a text"))
    }

    /// The value of a field of the form that was sent.
    pub(crate) fn field(&self, name: &str) -> String {
        let mut fields = self.body.split('&').filter_map(|field| field.split_once('='));
        let (_, value) = fields.find(|(found, _)| *found == name).unwrap_or_default();
        percent_encoding::percent_decode_str(value)
            .decode_utf8()
            .expect("a text")
            .into_owned()
    }
}

/// A status, headers and a body.
pub(crate) type Said = (u16, Vec<(&'static str, String)>, String);

pub(crate) fn said(body: impl Into<String>) -> Said {
    (200, Vec::new(), body.into())
}

pub(crate) fn refused(status: u16) -> Said {
    (status, Vec::new(), "canary".to_owned())
}

/// A service, until it is dropped.
pub(crate) struct Fake {
    pub(crate) port: u16,
    seen: Arc<Mutex<Vec<Seen>>>,
    _tasks: JoinSet<()>,
}

impl Fake {
    pub(crate) async fn start(answer: impl Fn(&Seen) -> Said + Send + Sync + 'static) -> anyhow::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (noted, answer) = (Arc::clone(&seen), Arc::new(answer));
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut open = JoinSet::new();
            while let Ok((socket, _)) = listener.accept().await {
                let (noted, answer) = (Arc::clone(&noted), Arc::clone(&answer));
                open.spawn(async move {
                    let service = service_fn(move |request| respond(request, Arc::clone(&noted), Arc::clone(&answer)));
                    // Clients leave when they have seen enough.
                    drop(
                        http1::Builder::new()
                            .serve_connection(TokioIo::new(socket), service)
                            .await,
                    );
                });
            }
        });
        Ok(Self {
            port,
            seen,
            _tasks: tasks,
        })
    }

    /// What it was asked so far.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn place(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub(crate) fn url(&self) -> Url {
        Url::parse(&self.place()).expect("a URL")
    }
}

async fn respond(
    request: Request<Incoming>,
    noted: Arc<Mutex<Vec<Seen>>>,
    answer: Arc<impl Fn(&Seen) -> Said>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map(http_body_util::Collected::to_bytes);
    let seen = Seen {
        method: head.method,
        target: head.uri.to_string(),
        headers: head.headers,
        body: String::from_utf8(body.unwrap_or_default().to_vec()).expect("a text"),
    };
    let (status, headers, body) = answer(&seen);
    noted.lock().unwrap_or_else(PoisonError::into_inner).push(seen);
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(name, value);
    }
    Ok(response.body(Full::new(Bytes::from(body))).expect("an answer"))
}

/// Settings that need nothing of the system: whom it trusts does not matter here, and may be nobody.
pub(crate) fn settings() -> Settings {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    Settings {
        trust: Trust::Only(format!(
            "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
            BASE64_STANDARD.encode(made.cert.der())
        )),
        ..Settings::default()
    }
}

/// A time so many seconds from now, as JSON of services has it.
pub(crate) fn in_seconds(seconds: i64) -> String {
    let now = jiff::Timestamp::now();
    now.checked_add(jiff::SignedDuration::from_secs(seconds))
        .expect("a time")
        .strftime("%Y-%m-%dT%H:%M:%SZ")
        .to_string()
}
