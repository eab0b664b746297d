//! A host of one launch of the source in this process.

use std::time::Duration;

use hyper_util::rt::TokioIo;
use k1s_source_proto::limits;
use k1s_source_proto::v1::event::Change;
use k1s_source_proto::v1::host_message::Message as ToSource;
use k1s_source_proto::v1::source_client::SourceClient;
use k1s_source_proto::v1::source_message::Message;
use k1s_source_proto::v1::*;
use k1s_sync_kubernetes::Kubernetes;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;
use tonic::transport::Endpoint;

use crate::api::Api;

/// Longest wait for anything; only a failing test meets it.
const PATIENCE: Duration = Duration::from_secs(60);
const NONCE: [u8; limits::NONCE_BYTES] = [0xa5; limits::NONCE_BYTES];

/// Waits, but not for ever.
pub(crate) async fn soon<F: Future>(what: &str, future: F) -> F::Output {
    tokio::time::timeout(PATIENCE, future)
        .await
        .unwrap_or_else(|_| panic!("{what} takes too long"))
}

/// One session with the source, which reads ConfigMaps of a server.
pub(crate) struct Session {
    from_source: Streaming<SourceMessage>,
    /// Their ends are the session's.
    _to_source: mpsc::Sender<HostMessage>,
    _served: JoinSet<()>,
    _directory: TempDir,
}

impl Session {
    /// Opens a session; `config` says what is not usual, `tokens` from where scopes go on.
    pub(crate) async fn open(api: &Api, mode: begin::Mode, config: Value, tokens: &[(&str, &str)]) -> Self {
        let directory = TempDir::new().unwrap();
        let kubeconfig = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "c",
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
            "clusters": [{"name": "c", "cluster": {"server": api.address}}],
            "users": [{"name": "u", "user": {}}],
        });
        let path = directory.path().join("kubeconfig");
        std::fs::write(&path, kubeconfig.to_string()).unwrap();
        let mut all = json!({"contexts": [{"kubeconfig": path, "name": "c"}], "kinds": {"allow": ["configmaps"]},
            "watchList": false, "deleteSettle": "0s"});
        all.as_object_mut().unwrap().extend(config.as_object().unwrap().clone());
        let socket = directory.path().join("s");
        let listener = UnixListener::bind(&socket).unwrap();
        let mut served = JoinSet::new();
        served.spawn(async { k1s_source::serve_on::<Kubernetes>(listener, NONCE).await.unwrap() });
        let connector = tower::service_fn(move |_| {
            let socket = socket.clone();
            async move { UnixStream::connect(socket).await.map(TokioIo::new) }
        });
        let channel = Endpoint::from_static("http://source.invalid")
            .connect_with_connector(connector)
            .await
            .unwrap();
        let mut client = SourceClient::new(channel).max_decoding_message_size(limits::MESSAGE_BYTES);
        let request = HandshakeRequest {
            protocol_majors: vec![1],
            nonce: NONCE.to_vec().into(),
            limits: Some(Limits::default()),
            ..Default::default()
        };
        client.handshake(request).await.unwrap();
        let request = InitializeRequest {
            config: all.to_string().into_bytes().into(),
            base_dir: "/".into(),
            source_name: "test".into(),
            ..Default::default()
        };
        assert_eq!(client.initialize(request).await.unwrap().into_inner().diagnostics, []);
        let (to_source, messages) = mpsc::channel(64);
        let from_source = soon("Start", client.start(ReceiverStream::new(messages)))
            .await
            .unwrap()
            .into_inner();
        let begin = Begin {
            mode: mode.into(),
            traceparent: String::new(),
        };
        let resume = |(scope, token): &(&str, &str)| {
            ToSource::Resume(Resume {
                scope: (*scope).to_owned(),
                token: token.as_bytes().to_vec().into(),
            })
        };
        let opening = [ToSource::Begin(begin)].into_iter().chain(tokens.iter().map(resume));
        for message in opening.chain([ToSource::Ready(Ready {})]) {
            to_source.send(HostMessage { message: Some(message) }).await.unwrap();
        }
        Self {
            from_source,
            _to_source: to_source,
            _served: served,
            _directory: directory,
        }
    }

    /// Returns what was said until `is_last` accepts a word, in a few letters each: `begin`, `end` and `end!` of listings with
    /// their tokens, `put`, `gone` and `failed` of objects, `token`, `live`, `no more`, `rest`, `drained`, and problems by their code.
    pub(crate) async fn said_until(&mut self, is_last: impl Fn(&str) -> bool) -> Vec<String> {
        let mut said = Vec::new();
        loop {
            let message = soon("a message", self.from_source.message()).await.unwrap();
            let message = message.expect("the session goes on").message.unwrap();
            for word in words(message) {
                let last = is_last(&word);
                said.push(word);
                if last {
                    return said;
                }
            }
        }
    }
}

fn words(message: Message) -> Vec<String> {
    let token = |token: Option<k1s_source::Bytes>| token.map(|token| String::from_utf8(token.to_vec()).unwrap());
    match message {
        Message::SnapshotBegin(begin) => vec![format!("begin {} of {}", begin.scope, begin.root_identity)],
        Message::SnapshotEnd(end) if end.outcome() == snapshot_end::Outcome::Complete => {
            vec![format!("end {}", token(end.token).unwrap_or_default())]
        }
        Message::SnapshotEnd(end) => vec![format!("end! {:?}", end.code())],
        Message::Batch(batch) => {
            let token = token(batch.token).map(|token| format!("token {token}"));
            batch.events.into_iter().map(word).chain(token).collect()
        }
        Message::Live(_) => vec!["live".to_owned()],
        Message::ScopeGone(gone) => vec![format!("no more {} {:?}", gone.scope, gone.reason())],
        Message::Problem(problem) => vec![format!("{:?}", problem.code())],
        Message::Heartbeat(beat) if beat.state() == heartbeat::State::Waiting => vec!["rest".to_owned()],
        Message::KindInfo(_)
        | Message::Progress(_)
        | Message::Heartbeat(_)
        | Message::Redact(_)
        | Message::Log(_)
        | Message::Metric(_) => Vec::new(),
        Message::Drained(_) => vec!["drained".to_owned()],
    }
}

fn word(event: Event) -> String {
    let name = event.key.map(|key| key.name).unwrap_or_default();
    match event.change {
        Some(Change::Upsert(upsert)) => {
            let object: Value = serde_json::from_slice(&upsert.object).unwrap();
            assert_eq!(object["apiVersion"], "v1");
            assert_eq!(object["metadata"].get("managedFields"), None, "{object}");
            format!("put {name} {}", object["data"]["v"].as_str().unwrap())
        }
        Some(Change::Delete(_)) => format!("gone {name}"),
        other => format!("{other:?}"),
    }
}
