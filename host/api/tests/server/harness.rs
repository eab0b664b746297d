//! A home with an identity in it, a server that answers a few paths, and clients of it.

use std::convert::Infallible;
use std::fs;
use std::future::Future;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Empty, Full};
use hyper::body::{Body, Frame, Incoming};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use k1s_api::server::client::{self, Connection};
use k1s_api::server::{Endpoint, Ensured, Identity, IdentityError, Kubeconfig, Listener, Tls, TokenGate, Wish, serve};
use k1s_object::{InstanceId, Timestamp};
use k1s_store::clock::{Clock, SystemClock};
use rustls::crypto::ring;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

pub(crate) const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A clock that stands where it is set.
pub(crate) struct StoppedClock(AtomicU64);

impl StoppedClock {
    pub(crate) fn set(&self, now: Timestamp) {
        self.0.store(now.as_millis(), Ordering::Relaxed);
    }
}

impl Clock for StoppedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::Relaxed))
    }
}

/// A data directory.
pub(crate) struct Home {
    directory: TempDir,
    pub(crate) clock: Arc<StoppedClock>,
}

impl Home {
    pub(crate) fn new() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
            clock: Arc::new(StoppedClock(AtomicU64::new(SystemClock.now().as_millis()))),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn api(&self) -> PathBuf {
        self.path().join("api")
    }

    pub(crate) fn kubeconfig_path(&self) -> PathBuf {
        self.path().join("kubeconfig")
    }

    pub(crate) fn open(&self) -> Result<Identity, IdentityError> {
        let clock: Arc<dyn Clock> = self.clock.clone();
        Identity::open(&self.api(), &InstanceId::new("dev-1700000000-7").unwrap(), clock)
    }

    pub(crate) fn identity(&self) -> Identity {
        self.open().unwrap()
    }

    pub(crate) fn kubeconfig(&self) -> Kubeconfig {
        Kubeconfig::new(self.identity(), self.kubeconfig_path())
    }

    pub(crate) fn endpoint(&self) -> Endpoint {
        Endpoint::read(&self.kubeconfig_path()).unwrap()
    }

    /// A home where a server has listened and clients have a kubeconfig.
    pub(crate) fn served() -> Self {
        let home = Self::new();
        drop(Listener::bind(&home.identity(), Wish::Kept).unwrap());
        assert_eq!(home.kubeconfig().ensure().unwrap(), Ensured::NewToken);
        home
    }
}

pub(crate) fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

pub(crate) fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// Replaces a file and leaves it private.
pub(crate) fn put(path: &Path, contents: impl AsRef<[u8]>) {
    fs::write(path, contents).unwrap();
    chmod(path, 0o600);
}

/// All files below a directory with their contents.
pub(crate) fn files(directory: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            let contents = fs::read(&path).unwrap();
            found.push((path, contents));
        }
    }
    found.sort();
    found
}

/// What the server shares with its test.
pub(crate) struct Stage {
    gate: TokenGate,
    /// Lets `/held` answer.
    pub(crate) release: Notify,
    /// Says that somebody asked for `/held`.
    pub(crate) held: Notify,
}

type Answer = UnsyncBoxBody<Bytes, Infallible>;

/// A body that never ends.
struct Endless {
    begun: bool,
    _stage: Arc<Stage>,
}

impl Body for Endless {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.begun {
            return Poll::Pending;
        }
        self.begun = true;
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"first\n")))))
    }
}

async fn answer(request: Request<Incoming>, stage: Arc<Stage>) -> Result<Response<Answer>, Infallible> {
    let shown = request.headers().get("authorization");
    let bearer = shown.and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    let mut response = Response::new(Full::from("hello\n").boxed_unsync());
    if !bearer.is_some_and(|bearer| stage.gate.admits(bearer)) {
        *response.status_mut() = StatusCode::UNAUTHORIZED;
        return Ok(response);
    }
    match request.uri().path() {
        "/endless" => {
            let begun = false;
            *response.body_mut() = Endless { begun, _stage: stage }.boxed_unsync();
        }
        "/held" => {
            stage.held.notify_one();
            stage.release.notified().await;
        }
        "/panic" => panic!("as the test wants it"),
        _ => (),
    }
    Ok(response)
}

/// A server that runs.
pub(crate) struct Running {
    pub(crate) stage: Arc<Stage>,
    pub(crate) endpoint: Endpoint,
    close: oneshot::Sender<()>,
    serving: JoinSet<()>,
}

impl Running {
    pub(crate) fn start(home: &Home) -> Self {
        let identity = home.identity();
        let bound = Listener::bind(&identity, Wish::Kept).unwrap();
        let _ensured: Ensured = home.kubeconfig().ensure().unwrap();
        let stage = Arc::new(Stage {
            gate: identity.gate(),
            release: Notify::new(),
            held: Notify::new(),
        });
        let (close, closed) = oneshot::channel();
        let closing = async move { closed.await.unwrap() };
        let of_service = Arc::clone(&stage);
        let service = tower::service_fn(move |request| answer(request, Arc::clone(&of_service)));
        let mut serving = JoinSet::new();
        serving.spawn(serve(bound.listener, Tls::new(&identity).unwrap(), service, closing));
        Self {
            stage,
            endpoint: home.endpoint(),
            close,
            serving,
        }
    }

    /// Closes, and says how long that took. Nothing of the server is left afterwards.
    pub(crate) async fn close(mut self) -> Duration {
        let begin = Instant::now();
        self.close.send(()).unwrap();
        self.serving.join_next().await.unwrap().unwrap();
        let took = begin.elapsed();
        assert_eq!(Arc::strong_count(&self.stage), 1, "a task of the server is left");
        took
    }

    pub(crate) async fn connect(&self) -> Connection<Empty<Bytes>> {
        client::connect(&self.endpoint).await.unwrap()
    }

    pub(crate) async fn tcp(&self) -> TcpStream {
        TcpStream::connect(self.endpoint.address.socket()).await.unwrap()
    }

    pub(crate) async fn tls(&self, protocols: &[&[u8]]) -> TlsStream<TcpStream> {
        let versions = [&rustls::version::TLS13, &rustls::version::TLS12];
        shake(&self.endpoint, protocols, &versions).await.unwrap()
    }

    /// A connection of HTTP/1.1 whose driver the set owns.
    pub(crate) async fn http_1(&self, drivers: &mut JoinSet<()>) -> http1::SendRequest<Empty<Bytes>> {
        let io = TokioIo::new(self.tls(&[b"http/1.1"]).await);
        let (requests, connection) = http1::handshake(io).await.unwrap();
        drivers.spawn(async move { drop(connection.await) });
        requests
    }

    /// A connection of HTTP/2 whose driver the set owns.
    pub(crate) async fn http_2(&self, drivers: &mut JoinSet<()>) -> http2::SendRequest<Empty<Bytes>> {
        let io = TokioIo::new(self.tls(&[b"h2", b"http/1.1"]).await);
        let (requests, connection) = http2::handshake(TokioExecutor::new(), io).await.unwrap();
        drivers.spawn(async move { drop(connection.await) });
        requests
    }

    /// A request with the token.
    pub(crate) fn get(&self, path: &str) -> Request<Empty<Bytes>> {
        let address = self.endpoint.address;
        Request::get(format!("https://{address}{path}"))
            .header("host", address.to_string())
            .header("authorization", format!("Bearer {}", self.endpoint.token.reveal()))
            .body(Empty::new())
            .unwrap()
    }
}

/// A request for the command line's client, which adds the token.
pub(crate) fn get(path: &str) -> Request<Empty<Bytes>> {
    Request::get(path).body(Empty::new()).unwrap()
}

pub(crate) async fn text(response: Response<Incoming>) -> String {
    let body = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(body.into()).unwrap()
}

/// A handshake with a client that trusts the endpoint's authority.
pub(crate) fn shake(
    endpoint: &Endpoint,
    protocols: &[&[u8]],
    versions: &[&'static SupportedProtocolVersion],
) -> impl Future<Output = std::io::Result<TlsStream<TcpStream>>> + use<> {
    let mut roots = RootCertStore::empty();
    roots.add(endpoint.authority.clone()).unwrap();
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
    let socket = endpoint.address.socket();
    async move {
        let stream = TcpStream::connect(socket).await?;
        let name = ServerName::try_from("localhost").unwrap();
        TlsConnector::from(Arc::new(config)).connect(name, stream).await
    }
}
