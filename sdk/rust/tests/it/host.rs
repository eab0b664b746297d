//! A host that says what a test wants, in any order.

use std::path::Path;
use std::time::Duration;

use hyper_util::rt::TokioIo;
use k1s_source::Source;
use k1s_source_proto::v1::host_message::Message as ToSource;
use k1s_source_proto::v1::source_client::SourceClient;
use k1s_source_proto::v1::source_message::Message;
use k1s_source_proto::v1::*;
use k1s_source_proto::{KnownObject, limits};
use tempfile::TempDir;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::{Channel, Endpoint};
use tonic::{Status, Streaming};

/// Longest wait for anything; only a failing test meets it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
pub(crate) const NONCE: [u8; limits::NONCE_BYTES] = [0xa5; limits::NONCE_BYTES];

/// Waits, but not for ever.
pub(crate) async fn soon<F: Future>(what: &str, future: F) -> F::Output {
    tokio::time::timeout(PATIENCE, future)
        .await
        .unwrap_or_else(|_| panic!("{what} takes too long"))
}

/// One launch of a source, in this process or another.
pub(crate) struct Launch {
    pub(crate) control: SourceClient<Channel>,
    pub(crate) data: SourceClient<Channel>,
    pub(crate) served: JoinSet<()>,
    _directory: Option<TempDir>,
}

impl Launch {
    /// Serves `S` in this process and connects twice.
    pub(crate) async fn of<S: Source>() -> Self {
        let directory = TempDir::new().unwrap();
        let path = directory.path().join("s");
        let listener = UnixListener::bind(&path).unwrap();
        let mut served = JoinSet::new();
        served.spawn(async { k1s_source::serve_on::<S>(listener, NONCE).await.unwrap() });
        Self {
            served,
            _directory: Some(directory),
            ..Self::at(&path).await
        }
    }

    /// Serves `S` on threads of its own, as a process does: a source that blocks them blocks nothing else.
    pub(crate) async fn apart<S: Source>() -> Self {
        let directory = TempDir::new().unwrap();
        let path = directory.path().join("s");
        let (bound, is_bound) = tokio::sync::oneshot::channel();
        let bind = path.clone();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Runtime::new().unwrap();
            runtime.block_on(async {
                let listener = UnixListener::bind(bind).unwrap();
                bound.send(()).unwrap();
                k1s_source::serve_on::<S>(listener, NONCE).await.unwrap();
            });
            runtime.shutdown_background();
        });
        soon("the socket", is_bound).await.unwrap();
        Self {
            _directory: Some(directory),
            ..Self::at(&path).await
        }
    }

    /// Connects twice to a source that listens at `path`.
    pub(crate) async fn at(path: &Path) -> Self {
        let control = client(connect(path).await);
        let data = client(connect(path).await);
        Self {
            control,
            data,
            served: JoinSet::new(),
            _directory: None,
        }
    }

    pub(crate) async fn handshake(&mut self, limits: Limits) -> HandshakeResponse {
        let request = HandshakeRequest {
            protocol_majors: vec![1],
            nonce: NONCE.to_vec().into(),
            limits: Some(limits),
            instance_id: "instance".into(),
            epoch: 1,
            ..Default::default()
        };
        self.control.handshake(request).await.unwrap().into_inner()
    }

    pub(crate) async fn initialize(&mut self, config: &str) -> Vec<Diagnostic> {
        let request = InitializeRequest {
            config: config.as_bytes().to_vec().into(),
            base_dir: "/base".into(),
            source_name: "test".into(),
            ..Default::default()
        };
        self.control.initialize(request).await.unwrap().into_inner().diagnostics
    }

    pub(crate) async fn start(&mut self) -> Result<Session, Status> {
        let (to_source, messages) = mpsc::channel(64);
        let from_source = soon("Start", self.data.start(ReceiverStream::new(messages)))
            .await?
            .into_inner();
        Ok(Session { to_source, from_source })
    }

    /// Goes all the way to an open session.
    pub(crate) async fn open<S: Source>(opening: Vec<ToSource>) -> (Self, Session) {
        Self::open_within::<S>(Limits::default(), opening).await
    }

    pub(crate) async fn open_within<S: Source>(limits: Limits, opening: Vec<ToSource>) -> (Self, Session) {
        let mut launch = Self::of::<S>().await;
        let session = launch.begin(limits, opening).await;
        (launch, session)
    }

    /// Goes from the first call to an open session.
    pub(crate) async fn begin(&mut self, limits: Limits, opening: Vec<ToSource>) -> Session {
        self.handshake(limits).await;
        assert_eq!(self.initialize("{}").await, []);
        let session = self.start().await.unwrap();
        for message in opening {
            session.say(message).await;
        }
        session.say(ToSource::Ready(Ready {})).await;
        session
    }

    pub(crate) async fn sync(&mut self, scope: &str, reason: sync_request::Reason) -> Result<u64, Status> {
        let request = SyncRequest {
            scope: scope.into(),
            reason: reason.into(),
        };
        soon("Sync", self.control.sync(request))
            .await
            .map(|response| response.into_inner().generation)
    }

    pub(crate) async fn stop(&mut self) {
        soon("Stop", self.control.stop(StopRequest { deadline_ms: 4000 }))
            .await
            .unwrap();
    }

    /// Waits for the server to end by itself, once the connections are closed.
    pub(crate) async fn ended(self) {
        let Self {
            control,
            data,
            mut served,
            ..
        } = self;
        drop((control, data));
        soon("the end of the server", served.join_next())
            .await
            .unwrap()
            .unwrap();
    }
}

pub(crate) async fn connect(path: &Path) -> Channel {
    let path = path.to_owned();
    let connector = tower::service_fn(move |_| {
        let path = path.clone();
        async move { UnixStream::connect(path).await.map(TokioIo::new) }
    });
    Endpoint::from_static("http://source.invalid")
        .connect_with_connector(connector)
        .await
        .unwrap()
}

fn client(channel: Channel) -> SourceClient<Channel> {
    SourceClient::new(channel).max_decoding_message_size(limits::MESSAGE_BYTES)
}

/// One session as the host sees it.
pub(crate) struct Session {
    pub(crate) to_source: mpsc::Sender<HostMessage>,
    pub(crate) from_source: Streaming<SourceMessage>,
}

impl Session {
    pub(crate) async fn say(&self, message: ToSource) {
        self.to_source
            .send(HostMessage { message: Some(message) })
            .await
            .unwrap();
    }

    /// Returns the next message, whatever it is; none at the end of the stream.
    pub(crate) async fn next(&mut self) -> Result<Option<Message>, Status> {
        let message = soon("a message", self.from_source.message()).await?;
        Ok(message.map(|message| message.message.unwrap()))
    }

    /// Returns everything up to the message that `is_last` accepts.
    pub(crate) async fn until(&mut self, is_last: impl Fn(&Message) -> bool) -> Vec<Message> {
        let mut messages = Vec::new();
        loop {
            let message = self.next().await.unwrap().expect("the stream goes on");
            let last = is_last(&message);
            messages.push(message);
            if last {
                return messages;
            }
        }
    }

    pub(crate) async fn until_end(&mut self) -> Vec<Message> {
        self.until(|message| matches!(message, Message::SnapshotEnd(_))).await
    }

    /// Returns everything up to the end of the stream.
    pub(crate) async fn rest(&mut self) -> Vec<Message> {
        let mut messages = Vec::new();
        while let Some(message) = self.next().await.unwrap() {
            messages.push(message);
        }
        messages
    }
}

pub(crate) fn begin(mode: begin::Mode) -> ToSource {
    ToSource::Begin(Begin {
        mode: mode.into(),
        traceparent: String::new(),
    })
}

pub(crate) fn full() -> Vec<ToSource> {
    vec![begin(begin::Mode::Full)]
}

pub(crate) fn known(scope: &str, objects: &[(&str, &str, &str)]) -> ToSource {
    let object =
        |(name, version, path): &(&str, &str, &str)| KnownObject::new(["", "ConfigMap", "", name], version, path);
    ToSource::Known(Known {
        scope: scope.into(),
        objects: objects.iter().map(object).collect(),
        last: true,
    })
}

pub(crate) fn key(name: &str) -> Key {
    Key {
        kind: "ConfigMap".into(),
        name: name.into(),
        ..Default::default()
    }
}
