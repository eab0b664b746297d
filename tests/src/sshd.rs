//! OpenSSH's server, without being anybody but who runs the tests: one process for each connection, with keys that were made for it.
//!
//! Who logs in is `git`, whom only this server knows, in a home directory that ends with it. It runs as whoever runs the tests; for
//! root, as a user whom a namespace makes of it, since as root it would want a user and a directory of the system.

use std::fs::{self, File};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::Context as _;
use tempfile::TempDir;

use crate::brought::brought;
use crate::program::run;

/// Enough for a key of RSA on a busy machine.
const DEADLINE: Duration = Duration::from_secs(120);
/// Whom the server knows.
pub const USER: &str = "git";
/// The number of a user that root becomes.
const SOMEBODY: u32 = 1000;

/// OpenSSH's server.
#[derive(Debug)]
pub struct Sshd {
    address: SocketAddr,
    place: Arc<Place>,
}

#[derive(Debug)]
struct Place {
    directory: TempDir,
    programs: PathBuf,
}

impl Sshd {
    /// Starts one with host keys of some kinds, as `ssh-keygen -t` names them, and lines of `sshd_config` besides.
    ///
    /// # Errors
    /// When a program is missing or fails.
    pub fn start(kinds: &[&str], lines: &[&str]) -> anyhow::Result<Self> {
        let place = Place {
            directory: tempfile::tempdir()?,
            programs: brought("sshd")?,
        };
        let uid = match rustix::process::geteuid().as_raw() {
            0 => SOMEBODY,
            uid => uid,
        };
        fs::create_dir(place.path("home"))?;
        fs::write(place.path("authorized"), "")?;
        let home = place.path("home").display().to_string();
        fs::write(place.path("passwd"), format!("{USER}:x:{uid}:{uid}::{home}:/bin/sh\n"))?;
        fs::write(place.path("group"), format!("{USER}:x:{uid}:\n"))?;
        let mut config = format!(
            "AuthorizedKeysFile {}\nStrictModes no\nUsePAM no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n\
             PidFile none\n",
            place.path("authorized").display()
        );
        for kind in kinds {
            key(&place.path(&format!("host-{kind}")), kind, "")?;
            config += &format!("HostKey {}\n", place.path(&format!("host-{kind}")).display());
        }
        for line in lines {
            config += &format!("{line}\n");
        }
        fs::write(place.path("config"), config)?;
        let (listener, place) = (TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?, Arc::new(place));
        let address = listener.local_addr()?;
        let served = Arc::clone(&place);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let place = Arc::clone(&served);
                // A client that goes away is no failure of a test.
                thread::spawn(move || place.converse(stream).ok());
            }
        });
        Ok(Self { address, place })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A file beside its own.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.place.path(name)
    }

    /// The public key of the server of one kind.
    ///
    /// # Errors
    /// When it has none.
    pub fn host_key(&self, kind: &str) -> anyhow::Result<String> {
        public(&self.place.path(&format!("host-{kind}")))
    }

    /// Writes a file of known hosts that has the server with one of its keys, and returns where.
    ///
    /// # Errors
    /// When there is no such key.
    pub fn known_hosts(&self, kind: &str) -> anyhow::Result<PathBuf> {
        let path = self.path(&format!("known-{kind}"));
        fs::write(&path, format!("{} {}\n", self.name(), self.host_key(kind)?))?;
        Ok(path)
    }

    /// The server, as files of known hosts have it.
    #[must_use]
    pub fn name(&self) -> String {
        format!("[{}]:{}", self.address.ip(), self.address.port())
    }

    /// Makes a key with which one may log in, and returns where it is.
    ///
    /// # Errors
    /// When ssh-keygen fails.
    pub fn user_key(&self, name: &str, kind: &str, passphrase: &str) -> anyhow::Result<PathBuf> {
        let path = self.stranger(name, kind, passphrase)?;
        let authorized = self.place.path("authorized");
        let before = fs::read_to_string(&authorized)?;
        fs::write(&authorized, format!("{before}{}\n", public(&path)?))?;
        Ok(path)
    }

    /// Makes a key with which one may not.
    ///
    /// # Errors
    /// When ssh-keygen fails.
    pub fn stranger(&self, name: &str, kind: &str, passphrase: &str) -> anyhow::Result<PathBuf> {
        let path = self.path(name);
        key(&path, kind, passphrase)?;
        Ok(path)
    }

    /// What it said of the connections so far.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn log(&self) -> anyhow::Result<String> {
        Ok(fs::read_to_string(self.path("log")).unwrap_or_default())
    }
}

impl Place {
    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn converse(&self, stream: TcpStream) -> io::Result<()> {
        let sshd = self.programs.join("sshd");
        let mut command = if rustix::process::geteuid().is_root() {
            let mut command = Command::new("unshare");
            command.args([
                "--user",
                &format!("--map-user={SOMEBODY}"),
                &format!("--map-group={SOMEBODY}"),
                "--",
            ]);
            command.arg(sshd);
            command
        } else {
            Command::new(sshd)
        };
        let log = File::options().create(true).append(true).open(self.path("log"))?;
        command
            .args(["-i", "-e", "-f"])
            .arg(self.path("config"))
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("LD_LIBRARY_PATH", &self.programs)
            .env("LD_PRELOAD", self.programs.join("libnss_wrapper.so"))
            .env("NSS_WRAPPER_PASSWD", self.path("passwd"))
            .env("NSS_WRAPPER_GROUP", self.path("group"))
            .stdin(OwnedFd::from(stream.try_clone()?))
            .stdout(OwnedFd::from(stream))
            .stderr(Stdio::from(log));
        command.status().map(drop)
    }
}

/// Makes a key.
fn key(path: &Path, kind: &str, passphrase: &str) -> anyhow::Result<()> {
    let mut command = Command::new("ssh-keygen");
    command
        .args(["-q", "-t", kind, "-N", passphrase, "-C", "made for a test", "-f"])
        .arg(path);
    run(&mut command, DEADLINE)
        .context("ssh-keygen of OpenSSH's client")?
        .expect_code(0)
        .map(drop)
}

/// Returns the public half of a key, without its comment.
fn public(path: &Path) -> anyhow::Result<String> {
    let text = fs::read_to_string(path.with_extension("pub"))?;
    let words: Vec<&str> = text.split(' ').take(2).collect();
    Ok(words.join(" "))
}
