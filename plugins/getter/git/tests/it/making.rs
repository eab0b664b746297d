//! Repositories made by git with fixed dates, and `git daemon` in front of them.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use k1s_getter_git::{Cache, Daemon, Dialled, Limits, ObjectId, Remote, Revision, Target};
use k1s_getter_net::{Client, Peer, Reach, Settings, Trust};
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::web::authority;

/// A repository with a work tree.
pub(crate) struct Made {
    directory: TempDir,
}

impl Made {
    pub(crate) fn new() -> Self {
        let made = Self {
            directory: tempfile::tempdir().unwrap(),
        };
        std::fs::create_dir(made.path()).unwrap();
        made.git(&["init", "--quiet", "--initial-branch=main"]);
        made
    }

    /// One that has a commit of some files, and allows to leave out files.
    pub(crate) fn with_files() -> Self {
        let made = Self::new();
        made.git(&["config", "uploadpack.allowFilter", "true"]);
        made.write("apps/one.yaml", "kind: One\n");
        made.write("apps/deep/two.yaml", "kind: Two\n");
        made.write("infra/three.yaml", "kind: Three\n");
        made.write("readme.md", "four\n");
        made.commit("First: some files\n\nAnd more words.");
        made
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.directory.path().join("repository")
    }

    /// The directory that has the repository.
    pub(crate) fn base(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn git(&self, arguments: &[&str]) -> String {
        self.git_with(arguments, &[])
    }

    pub(crate) fn git_with(&self, arguments: &[&str], input: &[u8]) -> String {
        let mut child = quiet("git", self.directory.path())
            .args(arguments)
            .current_dir(self.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        io::Write::write_all(&mut child.stdin.take().unwrap(), input).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(
            output.status.success(),
            "{arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub(crate) fn commit(&self, message: &str) -> ObjectId {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--allow-empty", "--message", message]);
        self.id("HEAD")
    }

    pub(crate) fn id(&self, revision: &str) -> ObjectId {
        ObjectId::parse(self.git(&["rev-parse", revision]).as_bytes()).unwrap()
    }

    /// Writes an object as it is given and returns its name.
    pub(crate) fn object(&self, kind: &str, bytes: &[u8]) -> ObjectId {
        let id = self.git_with(&["hash-object", "--literally", "-t", kind, "-w", "--stdin"], bytes);
        ObjectId::parse(id.as_bytes()).unwrap()
    }
}

/// A program of git's that sees nothing of this machine's configuration.
pub(crate) fn quiet(program: &str, home: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", home)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_AUTHOR_NAME", "Ann Author")
        .env("GIT_AUTHOR_EMAIL", "ann@example.com")
        .env("GIT_AUTHOR_DATE", "1700000000 +0130")
        .env("GIT_COMMITTER_NAME", "Carl Committer")
        .env("GIT_COMMITTER_EMAIL", "carl@example.com")
        .env("GIT_COMMITTER_DATE", "1700000060 +0000");
    command
}

/// A port that the system chose, with what goes through it counted.
pub(crate) struct Counter {
    pub(crate) address: SocketAddr,
    counted: Arc<Counted>,
    _tasks: JoinSet<()>,
}

/// Bytes and connections since the last look.
#[derive(Debug, Default)]
struct Counted {
    down: AtomicU64,
    up: AtomicU64,
    connections: AtomicU64,
}

/// What went through since the last look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Traffic {
    pub(crate) down: u64,
    pub(crate) up: u64,
    pub(crate) connections: u64,
}

/// What is behind a counted port.
#[derive(Clone)]
enum Behind {
    /// `git daemon` with the repositories of a directory.
    Daemon(PathBuf),
    /// Another server.
    Server(SocketAddr),
}

impl Counter {
    /// Counts what a client has with another server.
    pub(crate) async fn of(server: SocketAddr) -> Self {
        Self::start(Behind::Server(server)).await
    }

    async fn start(behind: Behind) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let counted = Arc::<Counted>::default();
        let counts = Arc::clone(&counted);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut conversations = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                counts.connections.fetch_add(1, Ordering::SeqCst);
                conversations.spawn(converse(stream, behind.clone(), Arc::clone(&counts)));
            }
        });
        Self {
            address,
            counted,
            _tasks: tasks,
        }
    }

    pub(crate) fn traffic(&self) -> Traffic {
        Traffic {
            down: self.counted.down.swap(0, Ordering::SeqCst),
            up: self.counted.up.swap(0, Ordering::SeqCst),
            connections: self.counted.connections.swap(0, Ordering::SeqCst),
        }
    }
}

async fn converse(stream: TcpStream, behind: Behind, counted: Arc<Counted>) {
    match behind {
        Behind::Server(address) => {
            let (input, output) = TcpStream::connect(address).await.unwrap().into_split();
            relay(stream, output, input, &counted).await;
        }
        Behind::Daemon(base) => {
            let mut command = quiet("git", &base);
            command
                .args(["daemon", "--inetd", "--export-all"])
                .arg(format!("--base-path={}", base.display()))
                .stderr(Stdio::null())
                .stdin(Stdio::piped())
                .stdout(Stdio::piped());
            let mut child = tokio::process::Command::from(command)
                .kill_on_drop(true)
                .spawn()
                .unwrap();
            let (input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
            relay(stream, input, output, &counted).await;
            child.wait().await.unwrap();
        }
    }
}

/// Passes on what a client and what is behind say, until both have ended.
async fn relay(
    stream: TcpStream,
    mut input: impl AsyncWrite + Unpin,
    mut output: impl AsyncRead + Unpin,
    counted: &Counted,
) {
    let (mut from, mut to) = stream.into_split();
    let up = async {
        pass(&mut from, &mut input, &counted.up).await;
        drop(input);
    };
    let down = async {
        pass(&mut output, &mut to, &counted.down).await;
        drop(to);
    };
    tokio::join!(up, down);
}

/// Passes on bytes and counts them before they can be seen at the other end, until one end is closed.
async fn pass(from: &mut (impl AsyncRead + Unpin), to: &mut (impl AsyncWrite + Unpin), counted: &AtomicU64) {
    let mut buffer = vec![0; 64 << 10];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        counted.fetch_add(read as u64, Ordering::SeqCst);
        if to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}

/// A repository that `git daemon` serves.
pub(crate) struct Served(Counter);

impl Served {
    pub(crate) async fn start(made: &Made) -> Self {
        Self(Counter::start(Behind::Daemon(made.base().to_owned())).await)
    }

    pub(crate) fn remote(&self) -> Remote {
        self.remote_within(Limits::default())
    }

    pub(crate) fn remote_within(&self, limits: Limits) -> Remote {
        let address = self.address();
        let peer = Peer::new(&address.ip().to_string(), address.port()).unwrap();
        let dial = Box::new(Dialled::new(client(Reach::trusted()), peer));
        let daemon = Daemon::new(dial, &address.to_string(), "/repository").unwrap();
        Remote::new(Box::new(daemon), limits)
    }

    pub(crate) fn traffic(&self) -> Traffic {
        self.0.traffic()
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.0.address
    }
}

/// A client that trusts no authority of this machine's.
pub(crate) fn client(reach: Reach) -> Client {
    Client::new(settings(reach)).unwrap()
}

pub(crate) fn settings(reach: Reach) -> Settings {
    Settings {
        reach,
        trust: Trust::Only(authority().pem()),
        ..Settings::default()
    }
}

/// A cache in a place of its own.
pub(crate) struct Place {
    _directory: TempDir,
    pub(crate) cache: Cache,
}

impl Place {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let cache = Cache::open(&directory.path().join("cache")).unwrap();
        Self {
            _directory: directory,
            cache,
        }
    }
}

pub(crate) fn revision(text: &str) -> Revision {
    Revision::parse(text).unwrap()
}

/// Asks for one revision, which is there.
pub(crate) async fn target(remote: &mut Remote, text: &str) -> Target {
    let mut targets = remote.resolve(&[revision(text)]).await.unwrap();
    targets.remove(0).unwrap()
}
