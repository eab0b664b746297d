//! A launched plugin.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use hyper_util::rt::TokioIo;
use k1s_source_proto::v1::source_client::SourceClient;
use k1s_source_proto::{ADDR_VARIABLE, NONCE_VARIABLE, v1};
use serde_json::Value;
use tempfile::TempDir;
use tokio::net::UnixStream;
use tokio::process::{Child, Command};
use tonic::transport::{Channel, Endpoint};

const NONCE: [u8; 32] = [7; 32];
/// The longest any one step may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long after a try to connect the next is made.
const BETWEEN_TRIES: Duration = Duration::from_millis(5);
const NOBODY: u32 = 65534;

/// A plugin that was launched.
pub(crate) struct Plugin {
    pub(super) child: Child,
    pub(crate) client: SourceClient<Channel>,
    _sockets: TempDir,
}

/// As whom the plugin runs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum User {
    Own,
    /// One to whom permissions apply: root is a bad judge of them.
    Unprivileged,
    /// One in a user namespace of its own, with so few inotify watches that they do not suffice for ten directories.
    FewWatches,
}

impl Plugin {
    pub(crate) async fn launch(user: User) -> Self {
        let sockets = tempfile::Builder::new().prefix("k").tempdir().unwrap();
        let socket = sockets.path().join("s");
        let mut program = PathBuf::from(env!("CARGO_BIN_EXE_k1s-sync-fs"));
        let is_root = rustix::process::geteuid().is_root();
        if user == User::Unprivileged && is_root {
            fs::set_permissions(sockets.path(), fs::Permissions::from_mode(0o777)).unwrap();
            let copy = sockets.path().join("k1s-sync-fs");
            fs::copy(&program, &copy).unwrap();
            program = copy;
        }
        let mut command = match user {
            User::Own | User::Unprivileged => Command::new(program),
            User::FewWatches => few_watches(&program),
        };
        command
            .env(ADDR_VARIABLE, format!("unix:{}", socket.display()))
            .env(NONCE_VARIABLE, "07".repeat(32))
            .current_dir(sockets.path())
            .stdin(Stdio::piped())
            .kill_on_drop(true);
        if user == User::Unprivileged && is_root {
            command.uid(NOBODY).gid(NOBODY);
        }
        let child = command.spawn().unwrap();
        let channel = within("connect", connect(&socket)).await;
        let mut client = SourceClient::new(channel).max_decoding_message_size(16 << 20);
        let request = v1::HandshakeRequest {
            protocol_majors: vec![1],
            nonce: NONCE.to_vec().into(),
            instance_id: "test".to_owned(),
            epoch: 1,
            ..Default::default()
        };
        let answer = client.handshake(request).await.unwrap().into_inner();
        assert_eq!((answer.protocol_major, &answer.nonce[..]), (1, &NONCE[..]));
        Self {
            child,
            client,
            _sockets: sockets,
        }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id().unwrap()
    }

    /// Returns the errors of a configuration as `pointer: summary`.
    pub(crate) async fn initialize(&mut self, config: &Value) -> Vec<String> {
        let request = v1::InitializeRequest {
            config: config.to_string().into(),
            base_dir: "/".to_owned(),
            source_name: "files".to_owned(),
            ..Default::default()
        };
        let answer = self.client.initialize(request).await.unwrap().into_inner();
        answer
            .diagnostics
            .into_iter()
            .map(|fault| format!("{}: {}", fault.pointer, fault.summary))
            .collect()
    }

    /// The most memory the process had, in KiB.
    pub(crate) fn peak_memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id().unwrap())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }
}

/// Limits of user namespaces apply below the user's own.
fn few_watches(program: &Path) -> Command {
    let mut command = Command::new("unshare");
    let script = "echo 6 > /proc/sys/user/max_inotify_watches && exec \"$0\"";
    command
        .args(["--user", "--map-root-user", "sh", "-c", script])
        .arg(program);
    command
}

async fn connect(socket: &Path) -> Channel {
    // A socket that is not there yet tells nobody when it is.
    let mut tries = tokio::time::interval(BETWEEN_TRIES);
    loop {
        tries.tick().await;
        let path = socket.to_owned();
        let connector = tower::service_fn(move |_| {
            let path = path.clone();
            async move { UnixStream::connect(path).await.map(TokioIo::new) }
        });
        let endpoint = Endpoint::from_static("http://localhost");
        if let Ok(channel) = endpoint.connect_with_connector(connector).await {
            return channel;
        }
    }
}

pub(super) async fn within<T>(step: &str, work: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, work)
        .await
        .unwrap_or_else(|_| panic!("{step} took too long"))
}
