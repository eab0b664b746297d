//! A host with a store in memory, and a plugin that is a server in the same process.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use k1s_object::{GroupKind, InstanceId, Key, Timestamp};
use k1s_process::{Environment, LaunchSpec, Limits, RuntimeDirectory, Spawner, StopBudget};
use k1s_source_proto::v1;
use k1s_source_proto::v1::source_server::{Source, SourceServer};
use k1s_store::clock::SystemClock;
use k1s_store::engine::MemoryEngine;
use k1s_store::reader::ChangeFilter;
use k1s_store::row::VersionState;
use k1s_store::{OpenOptions, Store};
use k1s_sync_engine::id::{Revision, SourceName};
use k1s_sync_engine::message::Mode;
use k1s_sync_engine::policy::Identity;
use k1s_sync_engine::policy::SourcePolicy;
use k1s_sync_engine::session;
use serde_json::{Map, Value};
use tempfile::TempDir;
use tokio::net::UnixStream;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

use super::Contents;
use super::scissors::{Cut, Scissors, Traffic};
use super::script::NAMESPACE;
use crate::clock::HostClock;
use crate::config::{
    Activation, LogLevel, OnError, Origin, PluginConfig, PluginOrigin, PluginRef, SourceSettings, Timing,
};
use crate::source::actor::{Host, Steer};
use crate::source::launch::Ready;
use crate::source::logs::Echo;
use crate::source::run::{Run, RunEnd};
use crate::transport::{Connections, Hearing, client};

/// Longer than any session takes; only a failing test meets it.
const PATIENCE: Duration = Duration::from_secs(60);
/// Changes read in one call.
const MANY: usize = 1_000;

/// How often a cut session left how much.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Kept {
    pub(super) nothing: u32,
    pub(super) part: u32,
    pub(super) all: u32,
}

/// A host and a plugin.
pub(super) struct Stage {
    host: Host,
    settings: SourceSettings,
    echo: Echo,
    plugin: mpsc::Sender<std::io::Result<UnixStream>>,
    script: watch::Sender<Said>,
    traffic: Arc<Mutex<Traffic>>,
    kept: Kept,
    _store: Store,
    _served: JoinSet<()>,
    _directory: TempDir,
}

impl Stage {
    pub(super) async fn new() -> Self {
        let directory = TempDir::new().unwrap();
        let store = store();
        let host = Host {
            instance_id: store.instance_id().clone(),
            spawner: Spawner::start().unwrap(),
            runtime_directory: Arc::new(RuntimeDirectory::open(&directory.path().join("run")).unwrap()),
            data_directory: directory.path().to_owned(),
            reader: store.reader().clone(),
            writer: store.writer().clone(),
            clock: HostClock::start(),
            stop: StopBudget::default(),
        };
        let settings = settings();
        // Says nothing, and is there only because every source has a process whose output is read.
        let silent = LaunchSpec {
            program: PathBuf::from("/bin/cat"),
            args: Vec::new(),
            environment: Environment::allowed_from([], &Default::default()).unwrap(),
            limits: Limits::default(),
        };
        let (_child, lines) = host.spawner.spawn(silent, &host.runtime_directory).await.unwrap();
        let (script, words) = watch::channel(Said::default());
        let (plugin, connections) = mpsc::channel(1);
        let mut served = JoinSet::new();
        served.spawn(async move {
            let router = tonic::transport::Server::builder().add_service(SourceServer::new(Replay { words }));
            router
                .serve_with_incoming(ReceiverStream::new(connections))
                .await
                .unwrap();
        });
        Self {
            echo: Echo::new(&settings, lines),
            host,
            settings,
            plugin,
            script,
            traffic: Arc::default(),
            kept: Kept::default(),
            _store: store,
            _served: served,
            _directory: directory,
        }
    }

    /// One session, in which the plugin says `script` and the data connection is cut.
    pub(super) async fn run(&mut self, script: &[v1::SourceMessage], mode: Mode, cut: Cut) -> RunEnd {
        self.script.send_replace(Said {
            words: script.to_vec(),
            // Who is to list once is let go by the host; who stays may die at any time.
            then: match mode {
                Mode::Once => Then::Stays,
                Mode::Full | Mode::Resume => Then::Dies,
            },
        });
        self.traffic = Arc::default();
        let before = self.contents();
        let end = tokio::time::timeout(PATIENCE, self.session(mode, cut)).await.unwrap();
        let after = self.contents();
        if cut != Cut::NEVER {
            let all = after.get("watched").is_some_and(|value| value.ends_with("live")) && after != before;
            *match (after == before, all) {
                (true, _) => &mut self.kept.nothing,
                (false, true) => &mut self.kept.all,
                (false, false) => &mut self.kept.part,
            } += 1;
        }
        end
    }

    async fn session(&mut self, mode: Mode, cut: Cut) -> RunEnd {
        let name = self.settings.name.clone();
        let epoch = self.host.writer.raise_epoch(name).await.unwrap();
        let control = client(self.connect().await).await.unwrap();
        let data = Scissors::new(self.connect().await, cut, Arc::clone(&self.traffic));
        let data = match client(data).await {
            Ok(data) => data,
            // Cut before anything could be said: the launch fails as it does where a plugin is gone.
            Err(error) => {
                let problem = k1s_sync_engine::problem::ProblemCode::Crashed;
                let problem = k1s_sync_engine::problem::Problem::with_source(problem, error.to_string());
                return RunEnd::Failed(problem);
            }
        };
        let ready = Ready {
            connections: Connections {
                data,
                control,
                hearing: Hearing::default(),
            },
            capabilities: [session::Capability::Watch, session::Capability::ReportsDeletes].into(),
            limits: session::Limits::default(),
            resync: None,
            identity: Identity::default(),
            name: "test".to_owned(),
            selection: 0,
            source_type: "replay".to_owned(),
            version: "1".to_owned(),
        };
        // Nobody listens to what is noticed.
        let (notices, _) = mpsc::channel(1);
        let (news, _told) = mpsc::channel(8);
        let (_steering, steer) = watch::channel(Steer::Go);
        let (_demanding, demands) = mpsc::channel(1);
        let mut run = Run {
            host: &self.host,
            settings: &self.settings,
            epoch,
            mode,
            notices: &notices,
            news,
            steer,
        };
        run.converse(&mut self.echo, ready, demands).await
    }

    /// A connection to the plugin.
    async fn connect(&self) -> UnixStream {
        let (host, plugin) = UnixStream::pair().unwrap();
        self.plugin.send(Ok(plugin)).await.unwrap();
        host
    }

    /// What the store holds.
    pub(super) fn contents(&self) -> Contents {
        let kind = GroupKind::new("", "ConfigMap");
        let page = self.host.reader.list(&kind, Some(NAMESPACE), None, MANY).unwrap();
        assert_eq!(page.next, None);
        let value = |body: &[u8]| {
            let body: Value = serde_json::from_slice(body).unwrap();
            body.pointer("/data/value").and_then(Value::as_str).unwrap().to_owned()
        };
        page.objects
            .iter()
            .map(|object| (object.key.name.to_string(), value(&object.body)))
            .collect()
    }

    pub(super) fn revision(&self) -> Revision {
        self.host.reader.revision()
    }

    /// The names of what was deleted after a revision.
    pub(super) fn deleted_since(&self, revision: Revision) -> BTreeSet<String> {
        let changes = self.host.reader.changes(revision, MANY, &ChangeFilter::All).unwrap();
        assert_eq!(changes.reached, self.revision());
        let deleted = changes.versions.into_iter().filter(|version| match version.head.state {
            VersionState::Deleted => true,
            VersionState::Created | VersionState::Updated => false,
        });
        deleted
            .map(|version| {
                let Key { name, .. } = version.head.key;
                name.to_string()
            })
            .collect()
    }

    /// What went over the data connection of the last session.
    pub(super) fn traffic(&self) -> Traffic {
        self.traffic.lock().unwrap().clone()
    }

    pub(super) fn kept(&self) -> Kept {
        self.kept
    }
}

fn store() -> Store {
    let options = OpenOptions {
        instance_id: None,
        new_instance_id: InstanceId::generate("host", Timestamp::from_millis(1), 1),
        clock: Arc::new(SystemClock),
    };
    Store::open(Arc::new(MemoryEngine::new()), options).unwrap()
}

fn settings() -> SourceSettings {
    SourceSettings {
        name: SourceName::new("files").unwrap(),
        plugin: "replay".to_owned(),
        activation: Activation::Enabled(PluginRef {
            program: PathBuf::from("/bin/cat"),
            args: Vec::new(),
            env: Default::default(),
            origin: PluginOrigin::Path,
        }),
        origin: Origin::CommandLine,
        base_dir: PathBuf::from("/"),
        config: PluginConfig::Values(Map::new()),
        policy: SourcePolicy::default(),
        on_error: OnError::Continue,
        timing: Timing {
            interval: None,
            delete_settle: Duration::from_secs(1),
            start_deadline: PATIENCE,
            stop_deadline: PATIENCE,
            hung_after: PATIENCE,
        },
        log_level: LogLevel::default(),
    }
}

/// What a plugin says in a session, and what it does then.
#[derive(Clone, Debug, Default)]
struct Said {
    words: Vec<v1::SourceMessage>,
    then: Then,
}

#[derive(Clone, Copy, Debug, Default)]
enum Then {
    #[default]
    Dies,
    Stays,
}

/// Says in each session what it is told to, and then nothing more.
struct Replay {
    words: watch::Receiver<Said>,
}

type Words = std::pin::Pin<Box<dyn tokio_stream::Stream<Item = Result<v1::SourceMessage, Status>> + Send>>;

#[tonic::async_trait]
impl Source for Replay {
    type StartStream = Words;

    async fn start(&self, _: Request<Streaming<v1::HostMessage>>) -> Result<Response<Words>, Status> {
        let Said { words, then } = self.words.borrow().clone();
        // One frame or more for each, as of a source that finds one after the other: a frame counts only when it is whole.
        let words = tokio_stream::iter(words).then(async |words| {
            tokio::task::yield_now().await;
            Ok(words)
        });
        Ok(Response::new(match then {
            Then::Dies => Box::pin(words),
            Then::Stays => Box::pin(words.chain(tokio_stream::pending())),
        }))
    }

    async fn handshake(&self, _: Request<v1::HandshakeRequest>) -> Result<Response<v1::HandshakeResponse>, Status> {
        Err(unasked())
    }

    async fn describe(&self, _: Request<v1::DescribeRequest>) -> Result<Response<v1::DescribeResponse>, Status> {
        Err(unasked())
    }

    async fn validate(&self, _: Request<v1::ValidateRequest>) -> Result<Response<v1::ValidateResponse>, Status> {
        Err(unasked())
    }

    async fn initialize(&self, _: Request<v1::InitializeRequest>) -> Result<Response<v1::InitializeResponse>, Status> {
        Err(unasked())
    }

    async fn sync(&self, _: Request<v1::SyncRequest>) -> Result<Response<v1::SyncResponse>, Status> {
        Err(unasked())
    }

    async fn stop(&self, _: Request<v1::StopRequest>) -> Result<Response<v1::StopResponse>, Status> {
        Err(unasked())
    }
}

/// Only sessions are replayed.
fn unasked() -> Status {
    Status::unimplemented("not asked for")
}
