//! A cluster without machines: Kubernetes' own API server over etcd, in one process on this machine.
//!
//! There is no controller: nothing fills in service accounts or root certificates, nothing collects garbage, and a namespace that
//! is deleted stays until [`Client::remove_namespace`] does what the controller of namespaces does.
//!
//! # Invariants
//! - A server ends with the process that started it, even if that is killed, unless it is paused then.
//! - The port of a cluster stays its own while its server does not run.

mod access;
mod client;
mod kubeconfig;
mod port;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use rustix::process::Signal;
use tempfile::TempDir;

pub use access::{Account, Grant};
pub use client::{Answer, Client, Verb, Write};
pub use kubeconfig::{Endpoint, Kubeconfig, User};

use crate::authority::{Authority, Good, Leaf};
use crate::brought::brought;
use crate::cluster::port::Port;
use crate::eventually;
use crate::processes::is_stopped;
use crate::program::{Running, start_listening};

/// The path of a program to use instead of the one that is built here.
const OVERRIDE: &str = "K1S_KUBE_APISERVER";
/// Longest wait for a server to be ready, to end, or to do as it is told, on a busy machine.
const DEADLINE: Duration = Duration::from_secs(180);
/// The token of somebody who may do everything.
pub const ADMIN_TOKEN: &str = "token-of-the-administrator";
/// The group that may do everything.
const MASTERS: &str = "system:masters";
/// Namespaces that the server makes by itself, a moment after it is ready.
const GIVEN: [&str; 2] = ["kube-system", "default"];

/// How much a cluster remembers of its past.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Memory {
    /// As Kubernetes comes: the server keeps recent changes of each kind, even those that etcd has forgotten.
    Cached,
    /// What etcd knows: after [`Cluster::compact`], no revision before it can be watched or listed.
    Etcd,
}

/// Whether what was written outlives the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disk {
    /// It does, as Kubernetes comes.
    Synced,
    /// It outlives the process only, and is written faster.
    Lazy,
}

/// A cluster whose server runs.
#[derive(Debug)]
pub struct Cluster {
    ground: Ground,
    server: Running,
}

/// A cluster whose server was killed. Its objects are still there.
#[derive(Debug)]
pub struct Stopped {
    ground: Ground,
}

/// A cluster whose server keeps its connections, and does nothing, until this is dropped.
#[derive(Debug)]
pub struct Paused<'c>(&'c mut Running);

/// What a server is started over.
#[derive(Debug)]
struct Ground {
    directory: TempDir,
    authority: Authority,
    port: Port,
    flags: Vec<String>,
    disk: Disk,
}

impl Cluster {
    /// The cluster that tests of a program share, each with namespaces of its own.
    ///
    /// # Errors
    /// When it did not start.
    pub fn shared() -> anyhow::Result<&'static Self> {
        static SHARED: LazyLock<anyhow::Result<Cluster>> = LazyLock::new(Cluster::start);
        SHARED.as_ref().map_err(|error| anyhow!("{error:#}"))
    }

    /// Starts a cluster.
    ///
    /// # Errors
    /// When its program cannot be built, or is not ready in time.
    pub fn start() -> anyhow::Result<Self> {
        Self::with(Memory::Cached, Disk::Lazy)
    }

    /// Starts a cluster of a kind.
    ///
    /// # Errors
    /// As [`Cluster::start`].
    pub fn with(memory: Memory, disk: Disk) -> anyhow::Result<Self> {
        Self::below(&std::env::temp_dir(), memory, disk)
    }

    /// Starts a cluster of a kind, whose files are in a directory of their own below another.
    ///
    /// # Errors
    /// As [`Cluster::start`].
    pub fn below(parent: &Path, memory: Memory, disk: Disk) -> anyhow::Result<Self> {
        Ground::new(parent, memory, disk)?.start()
    }

    /// Where its server is, and who vouches for it.
    #[must_use]
    pub fn endpoint(&self) -> Endpoint {
        self.ground.endpoint()
    }

    /// Who vouches for its server and its users.
    #[must_use]
    pub fn authority(&self) -> &Authority {
        &self.ground.authority
    }

    /// A client that may do everything.
    ///
    /// # Errors
    /// When the system gives it nothing to run on.
    pub fn client(&self) -> anyhow::Result<Client> {
        self.endpoint().client(ADMIN_TOKEN)
    }

    /// Makes etcd forget every revision before the present one.
    ///
    /// # Errors
    /// When it does not in time.
    pub fn compact(&mut self) -> anyhow::Result<()> {
        let told = |server: &Running| Ok::<_, anyhow::Error>(server.printed()?.0.matches("compacted ").count());
        let before = told(&self.server)?;
        self.server.say("compact")?;
        eventually(DEADLINE, "etcd compacts", || {
            Ok((told(&self.server)? > before).then_some(()))
        })
    }

    /// Stops the server in the middle of whatever it does, with its connections open.
    ///
    /// # Errors
    /// When it has ended, or does not stop in time.
    pub fn pause(&mut self) -> anyhow::Result<Paused<'_>> {
        self.server.signal(Signal::STOP)?;
        let paused = Paused(&mut self.server);
        eventually(DEADLINE, "the server stops", || {
            Ok(is_stopped(paused.0.id()).then_some(()))
        })?;
        Ok(paused)
    }

    /// The server's process.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.server.id()
    }

    /// Kills the server.
    ///
    /// # Errors
    /// When it had already ended.
    pub fn kill(mut self) -> anyhow::Result<Stopped> {
        self.server.signal(Signal::KILL)?;
        self.server.wait(DEADLINE)?;
        Ok(Stopped { ground: self.ground })
    }
}

impl Stopped {
    /// Starts the server again: at the same address, with the same objects, and with nothing in its memory.
    ///
    /// # Errors
    /// As [`Cluster::start`].
    pub fn start(self) -> anyhow::Result<Cluster> {
        self.ground.start()
    }
}

impl Drop for Paused<'_> {
    fn drop(&mut self) {
        // Fails only if it has ended.
        self.0.signal(Signal::CONT).ok();
    }
}

impl Ground {
    fn new(parent: &Path, memory: Memory, disk: Disk) -> anyhow::Result<Self> {
        let (directory, authority, port) = (tempfile::tempdir_in(parent)?, Authority::new()?, Port::new()?);
        let write = |name: &str, text: &str| {
            let path = directory.path().join(name);
            fs::write(&path, text).map(|()| path.display().to_string())
        };
        let pair = |name: &str, leaf: &Leaf| {
            let certificate = write(&format!("{name}.pem"), &leaf.certificate)?;
            Ok::<_, anyhow::Error>((certificate, write(&format!("{name}-key.pem"), &leaf.key)?))
        };
        let (certificate, key) = pair("server", &authority.server(Good::Always)?)?;
        let (accounts, accounts_key) = pair("accounts", &authority.server(Good::Always)?)?;
        let mut flags = vec![
            "--bind-address=127.0.0.1".to_owned(),
            format!("--secure-port={}", port.address().port()),
            "--permit-port-sharing".to_owned(),
            format!("--cert-dir={}", directory.path().join("certificates").display()),
            format!("--tls-cert-file={certificate}"),
            format!("--tls-private-key-file={key}"),
            format!("--client-ca-file={}", write("authority.pem", &authority.certificate())?),
            format!(
                "--token-auth-file={}",
                write(
                    "tokens.csv",
                    &format!("{ADMIN_TOKEN},administrator,administrator,{MASTERS}\n")
                )?
            ),
            "--authorization-mode=RBAC".to_owned(),
            "--service-cluster-ip-range=10.0.0.0/24".to_owned(),
            "--service-account-issuer=https://127.0.0.1".to_owned(),
            format!("--service-account-key-file={accounts}"),
            format!("--service-account-signing-key-file={accounts_key}"),
            // There is no controller that would make them.
            "--disable-admission-plugins=ServiceAccount".to_owned(),
        ];
        match memory {
            Memory::Cached => {}
            Memory::Etcd => flags.push("--watch-cache=false".to_owned()),
        }
        Ok(Self {
            directory,
            authority,
            port,
            flags,
            disk,
        })
    }

    fn start(self) -> anyhow::Result<Cluster> {
        let program = match std::env::var_os(OVERRIDE) {
            Some(program) => PathBuf::from(program),
            None => brought("kube-apiserver")?,
        };
        let mut command = Command::new(program);
        match self.disk {
            Disk::Synced => {}
            Disk::Lazy => {
                command.arg("-no-fsync");
            }
        }
        command.arg(self.directory.path()).args(&self.flags).env_clear();
        let mut server = start_listening(&mut command)?;
        let ready = eventually(DEADLINE, "the server is ready", || {
            anyhow::ensure!(server.is_running()?, "it ended");
            // One that does not answer yet refuses, or breaks off.
            Ok(self.is_ready().unwrap_or(false).then_some(()))
        });
        ready.with_context(|| format!("{:?}", server.printed()))?;
        Ok(Cluster { ground: self, server })
    }

    fn is_ready(&self) -> anyhow::Result<bool> {
        let mut client = self.endpoint().client(ADMIN_TOKEN)?;
        let is_ready = client.ask("/readyz", &Verb::Read)?.status == 200;
        let mut are_there = true;
        for name in GIVEN {
            are_there &= client.get(&format!("/api/v1/namespaces/{name}"))?.is_some();
        }
        Ok(is_ready && are_there)
    }

    fn endpoint(&self) -> Endpoint {
        Endpoint {
            address: self.port.address(),
            authority: self.authority.certificate(),
        }
    }
}
