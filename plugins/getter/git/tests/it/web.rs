//! `git http-backend` behind a server of HTTP, with and without TLS.

use std::convert::Infallible;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, LazyLock, Mutex};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::request::Parts;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1::Builder;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::task::{JoinSet, spawn_blocking};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use crate::making::{Made, quiet};

pub(crate) type Answer = Response<Full<Bytes>>;
/// Answers in place of git, or `None` to have git asked.
pub(crate) type Rule = Box<dyn Fn(&mut Parts) -> Option<Answer> + Send + Sync>;

/// One who vouches for certificates.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

/// The one that clients of these tests trust.
pub(crate) fn authority() -> &'static Authority {
    static ONE: LazyLock<Authority> = LazyLock::new(|| {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Authority(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    });
    &ONE
}

impl Authority {
    pub(crate) fn pem(&self) -> String {
        let lines = BASE64_STANDARD.encode(self.0.der());
        let lines: Vec<&str> = lines
            .as_bytes()
            .chunks(64)
            .map(|line| std::str::from_utf8(line).unwrap())
            .collect();
        format!(
            "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
            lines.join("\n")
        )
    }

    fn acceptor(&self) -> TlsAcceptor {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
            );
        TlsAcceptor::from(Arc::new(config.unwrap()))
    }
}

/// A server of HTTP with a repository, until it is dropped.
pub(crate) struct Web {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Vec<Parts>>>,
    _tasks: JoinSet<()>,
}

/// What a server has.
struct Site {
    base: PathBuf,
    rule: Rule,
    seen: Arc<Mutex<Vec<Parts>>>,
}

impl Web {
    pub(crate) async fn http(made: &Made, rule: Rule) -> Self {
        Self::start(made, None, rule).await
    }

    pub(crate) async fn https(made: &Made, rule: Rule) -> Self {
        Self::start(made, Some(authority().acceptor()), rule).await
    }

    async fn start(made: &Made, acceptor: Option<TlsAcceptor>, rule: Rule) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::default();
        let site = Arc::new(Site {
            base: made.base().to_owned(),
            rule,
            seen: Arc::clone(&seen),
        });
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (acceptor, site) = (acceptor.clone(), Arc::clone(&site));
                connections.spawn(async move {
                    match acceptor {
                        None => serve(stream, site).await,
                        Some(acceptor) => {
                            if let Ok(stream) = acceptor.accept(stream).await {
                                serve(stream, site).await;
                            }
                        }
                    }
                });
            }
        });
        Self {
            address,
            seen,
            _tasks: tasks,
        }
    }

    /// Returns what was asked since the last look.
    pub(crate) fn seen(&self) -> Vec<Parts> {
        std::mem::take(&mut *self.seen.lock().unwrap())
    }
}

async fn serve(stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static, site: Arc<Site>) {
    let service = service_fn(|request: Request<Incoming>| {
        let site = Arc::clone(&site);
        async move { Ok::<_, Infallible>(answer(request, &site).await) }
    });
    // How a client leaves is its own affair.
    drop(Builder::new().serve_connection(TokioIo::new(stream), service).await);
}

async fn answer(request: Request<Incoming>, site: &Site) -> Answer {
    let (mut parts, body) = request.into_parts();
    site.seen.lock().unwrap().push(parts.clone());
    if let Some(answer) = (site.rule)(&mut parts) {
        return answer;
    }
    let body = body.collect().await.unwrap().to_bytes();
    let base = site.base.clone();
    spawn_blocking(move || backend(&parts, &body, &base)).await.unwrap()
}

/// Runs the program as RFC 3875 says.
fn backend(parts: &Parts, body: &[u8], base: &std::path::Path) -> Answer {
    let header = |name: &str| {
        parts
            .headers
            .get(name)
            .map(|value| value.to_str().unwrap())
            .unwrap_or_default()
    };
    let mut child = quiet("git", base)
        .arg("http-backend")
        .env("GIT_PROJECT_ROOT", base)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("REQUEST_METHOD", parts.method.as_str())
        .env("PATH_INFO", parts.uri.path())
        .env("QUERY_STRING", parts.uri.query().unwrap_or_default())
        .env("CONTENT_TYPE", header("content-type"))
        .env("CONTENT_LENGTH", body.len().to_string())
        .env("GIT_PROTOCOL", header("git-protocol"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let body = body.to_vec();
    let writer = std::thread::spawn(move || input.write_all(&body));
    let output = child.wait_with_output().unwrap().stdout;
    // A program that fails does not read on.
    drop(writer.join().unwrap());
    let end = output.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap();
    let mut response = Response::builder();
    for line in std::str::from_utf8(&output[..end]).unwrap().lines() {
        let (name, value) = line.split_once(": ").unwrap();
        response = match name {
            "Status" => response.status(value.split(' ').next().unwrap()),
            name => response.header(name, value),
        };
    }
    response.body(Full::from(output[end + 4..].to_vec())).unwrap()
}
