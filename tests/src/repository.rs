//! Repositories of git, made by git, and `git daemon` in front of them.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use anyhow::ensure;

/// git as nobody has set it up, with a person who commits.
pub(crate) fn git(home: &Path) -> Command {
    let mut command = Command::new("git");
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", home)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .envs(["GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME"].map(|name| (name, "Ann")))
        .envs(["GIT_AUTHOR_EMAIL", "GIT_COMMITTER_EMAIL"].map(|name| (name, "ann@example.com")));
    command
}

/// A repository with a work tree, in a directory that others keep.
#[derive(Clone, Debug)]
pub struct Repository {
    path: PathBuf,
}

impl Repository {
    /// Makes an empty one of a directory that is not there; its branch is `main`, and it can leave files out.
    ///
    /// # Errors
    /// When git fails.
    pub fn make(path: PathBuf) -> anyhow::Result<Self> {
        fs::create_dir_all(&path)?;
        let made = Self { path };
        made.git(&["init", "--quiet", "--initial-branch=main"])?;
        made.git(&["config", "uploadpack.allowFilter", "true"])?;
        Ok(made)
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Runs git in it, and returns what it prints.
    ///
    /// # Errors
    /// When git fails, with what it says.
    pub fn git(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let output = git(&self.path).args(arguments).current_dir(&self.path).output()?;
        ensure!(
            output.status.success(),
            "{arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    }

    /// Commits files that are all there are below a directory, and returns the commit.
    ///
    /// # Errors
    /// When git fails.
    pub fn commit(&self, directory: &str, files: &[(String, String)]) -> anyhow::Result<String> {
        let directory = self.path.join(directory);
        if directory.exists() {
            fs::remove_dir_all(&directory)?;
        }
        fs::create_dir_all(&directory)?;
        for (name, text) in files {
            fs::write(directory.join(name), text)?;
        }
        self.git(&["add", "--all"])?;
        self.git(&["commit", "--quiet", "--allow-empty", "--message", "A change"])?;
        self.git(&["rev-parse", "HEAD"])
    }
}

/// `git daemon` over the repositories of a directory. It ends with the process.
#[derive(Clone, Debug)]
pub struct GitDaemon {
    address: SocketAddr,
    is_down: Arc<AtomicBool>,
}

impl GitDaemon {
    /// Starts on a port that the system chooses.
    ///
    /// # Errors
    /// When there is none.
    pub fn over(base: &Path) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let daemon = Self {
            address: listener.local_addr()?,
            is_down: Arc::default(),
        };
        let (is_down, base) = (Arc::clone(&daemon.is_down), base.to_owned());
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if !is_down.load(Ordering::SeqCst) {
                    let base = base.clone();
                    // A client that goes away is no failure of a test.
                    thread::spawn(move || converse(&base, stream).ok());
                }
            }
        });
        Ok(daemon)
    }

    /// The address of a repository.
    #[must_use]
    pub fn url(&self, repository: &str) -> String {
        format!("git://{}/{repository}", self.address)
    }

    /// Cuts every connection from now on, before it is answered.
    pub fn go_down(&self) {
        self.is_down.store(true, Ordering::SeqCst);
    }

    /// Answers again.
    pub fn come_back(&self) {
        self.is_down.store(false, Ordering::SeqCst);
    }
}

fn converse(base: &Path, stream: TcpStream) -> io::Result<()> {
    git(base)
        .args(["daemon", "--inetd", "--export-all"])
        .arg(format!("--base-path={}", base.display()))
        .stdin(OwnedFd::from(stream.try_clone()?))
        .stdout(OwnedFd::from(stream))
        .stderr(Stdio::null())
        .status()
        .map(drop)
}
