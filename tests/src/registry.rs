//! A registry of artifacts, the OCI distribution project's own, and oras, which pushes into it; both built here in pinned
//! versions.
//!
//! A registry has a port, a certificate of an authority of its own, and a directory, which end with it; what it holds is in its
//! memory.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::ensure;
use tempfile::TempDir;

use crate::authority::Authority;
use crate::brought::brought;
use crate::program::{Running, run, start};

/// Enough for any answer of a busy machine.
const DEADLINE: Duration = Duration::from_secs(60);
/// Who may ask a registry with a password.
pub const USER: &str = "ada";
/// Their password.
pub const PASSWORD: &str = "a-canary-of-1815";
/// The line of both for the registry, as bcrypt makes it.
const HTPASSWD: &str = "ada:$2a$04$hzcPc1khACZ/3SzsQClScuc6iiMqRHapZqanfIMMwOpa/ZRkTAXCi\n";

/// Whom a registry lets in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Door {
    /// Everyone.
    Open,
    /// Who has the password.
    Password,
    /// Who has a token that a service gave; the certificate's authority signs them.
    Token {
        /// Where the service is.
        realm: String,
    },
}

/// A registry that runs.
#[derive(Debug)]
pub struct Registry {
    /// Its port on this machine, served by the name `localhost` over TLS.
    pub port: u16,
    authority: Authority,
    directory: TempDir,
    programs: PathBuf,
    door: Door,
    _running: Running,
}

impl Registry {
    /// Starts a registry, which is built with Go unless it is up to date.
    ///
    /// # Errors
    /// When it cannot be built or does not start.
    pub fn start(authority: Authority, door: Door) -> anyhow::Result<Self> {
        let programs = brought("registry")?;
        let directory = tempfile::tempdir()?;
        let path = |name: &str| directory.path().join(name);
        let leaf = authority.leaf()?;
        fs::write(path("authority.pem"), authority.certificate())?;
        fs::write(path("certificate.pem"), &leaf.certificate)?;
        fs::write(path("key.pem"), &leaf.key)?;
        fs::write(path("htpasswd"), HTPASSWD)?;
        // It takes none that is free by itself.
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let auth = match &door {
            Door::Open => String::new(),
            Door::Password => format!("auth: {{htpasswd: {{realm: tests, path: {:?}}}}}\n", path("htpasswd")),
            Door::Token { realm } => format!(
                "auth: {{token: {{realm: {realm:?}, service: tests, issuer: tests, rootcertbundle: {:?}}}}}\n",
                path("authority.pem")
            ),
        };
        let tls = format!(
            "{{certificate: {:?}, key: {:?}}}",
            path("certificate.pem"),
            path("key.pem")
        );
        let config = format!(
            "version: 0.1\nstorage: {{inmemory: {{}}}}\n{auth}http: {{addr: \"127.0.0.1:{port}\", tls: {tls}}}\n"
        );
        fs::write(path("config.yml"), config)?;
        let mut command = Command::new(programs.join("registry"));
        command.arg("serve").arg(path("config.yml")).env_clear();
        let mut running = start(&mut command)?;
        running.until_printed("listening on", DEADLINE)?;
        Ok(Self {
            port,
            authority,
            directory,
            programs,
            door,
            _running: running,
        })
    }

    /// The certificate of the authority that vouches for it, in PEM.
    #[must_use]
    pub fn authority(&self) -> String {
        self.authority.certificate()
    }

    /// Pushes files, each with its media type if that is not to be ORAS' own, and returns the digest of the manifest. A name that
    /// ends in `/` is a directory with one file `file.yaml`.
    ///
    /// # Errors
    /// When oras fails.
    pub fn push(&self, artifact: &str, files: &[(&str, &str)], media_type: Option<&str>) -> anyhow::Result<String> {
        let folder = tempfile::tempdir_in(self.directory.path())?;
        let mut command = Command::new(self.programs.join("oras"));
        command
            .env_clear()
            .env("HOME", self.directory.path())
            .current_dir(folder.path());
        command.args([
            "push",
            "--no-tty",
            "--plain-http=false",
            "--format",
            "go-template={{.digest}}",
            "--ca-file",
        ]);
        command.arg(self.directory.path().join("authority.pem"));
        if self.door != Door::Open {
            command.args(["-u", USER, "-p", PASSWORD]);
        }
        command.arg(format!("localhost:{}/{artifact}", self.port));
        for (name, content) in files {
            let path = folder.path().join(name);
            if name.ends_with('/') {
                fs::create_dir_all(&path)?;
                fs::write(path.join("file.yaml"), content)?;
            } else {
                fs::write(path, content)?;
            }
            let name = name.trim_end_matches('/');
            command.arg(media_type.map_or_else(|| name.to_owned(), |kind| format!("{name}:{kind}")));
        }
        let pushed = run(&mut command, DEADLINE)?.expect_code(0)?;
        let digest = pushed.stdout.trim().to_owned();
        ensure!(digest.starts_with("sha256:"), "oras said {digest:?}");
        Ok(digest)
    }
}
