//! Kubernetes' own client, built here in one pinned version, and run away from what its user has set up.
//!
//! A client has a home and caches of its own, which end with it; it reads one kubeconfig and nothing else.

mod watch;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::Context as _;
use tempfile::TempDir;

pub use watch::{Event, Watch};

use crate::brought::brought;
use crate::program::{Finished, Running, run, start};

/// The path of a program to use instead of the one that is built here.
const OVERRIDE: &str = "K1S_KUBECTL";
/// Enough for any answer of a busy machine.
const DEADLINE: Duration = Duration::from_secs(60);

/// The program.
#[derive(Clone, Debug)]
pub struct Kubectl {
    program: PathBuf,
}

impl Kubectl {
    /// Returns the program, which is built with Go unless it is up to date or `K1S_KUBECTL` has the path of another one.
    ///
    /// # Errors
    /// When it is neither there nor can be built.
    pub fn ready() -> anyhow::Result<Self> {
        if let Some(program) = std::env::var_os(OVERRIDE) {
            return Ok(Self {
                program: PathBuf::from(program),
            });
        }
        Ok(Self {
            program: brought("kubectl")?,
        })
    }

    /// Whether it is of the version that is pinned here.
    #[must_use]
    pub fn is_pinned(&self) -> bool {
        std::env::var_os(OVERRIDE).is_none()
    }

    /// Returns a client of the server that a kubeconfig names.
    ///
    /// # Errors
    /// When the system allows no directory.
    pub fn with(&self, kubeconfig: &Path) -> anyhow::Result<Client> {
        Ok(Client {
            program: self.program.clone(),
            kubeconfig: kubeconfig.to_owned(),
            home: tempfile::tempdir()?,
        })
    }
}

/// The program with a kubeconfig.
#[derive(Debug)]
pub struct Client {
    program: PathBuf,
    kubeconfig: PathBuf,
    home: TempDir,
}

impl Client {
    /// Runs the program to its end.
    ///
    /// # Errors
    /// When it has not ended within 60 s; it is killed then.
    pub fn run<I: IntoIterator<Item: AsRef<OsStr>>>(&self, arguments: I) -> anyhow::Result<Finished> {
        run(&mut self.command(arguments), DEADLINE)
    }

    /// Runs the program to its end, which has to be a good one, and returns what it printed.
    ///
    /// # Errors
    /// As [`Client::run`], and when it exits with something else than 0.
    pub fn answer<I: IntoIterator<Item: AsRef<OsStr>>>(&self, arguments: I) -> anyhow::Result<String> {
        Ok(self.run(arguments)?.expect_code(0)?.stdout)
    }

    /// Runs the program, which has to answer JSON.
    ///
    /// # Errors
    /// As [`Client::answer`], and when the answer is no JSON.
    pub fn json<I: IntoIterator<Item: AsRef<OsStr>>>(&self, arguments: I) -> anyhow::Result<serde_json::Value> {
        let text = self.answer(arguments)?;
        serde_json::from_str(&text).with_context(|| format!("not JSON: {text}"))
    }

    /// Starts the program and lets it run, for what does not end, such as a watch.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start<I: IntoIterator<Item: AsRef<OsStr>>>(&self, arguments: I) -> anyhow::Result<Running> {
        start(&mut self.command(arguments))
    }

    /// Runs `edit` with a shell command as the editor, to which the file to edit is appended.
    ///
    /// # Errors
    /// As [`Client::run`].
    pub fn edit(&self, what: &[&str], editor: &str) -> anyhow::Result<Finished> {
        let mut command = self.command([&["edit"], what].concat());
        run(command.env("KUBE_EDITOR", editor), DEADLINE)
    }

    /// Watches what `get` takes, from its first state on.
    ///
    /// # Errors
    /// When the program cannot be started.
    pub fn watch(&self, what: &[&str]) -> anyhow::Result<Watch> {
        let watch = ["--watch", "--output-watch-events", "-o", "json"];
        Ok(Watch::new(self.start([&["get"], what, &watch].concat())?))
    }

    /// A path below the client's home.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    fn command<I: IntoIterator<Item: AsRef<OsStr>>>(&self, arguments: I) -> Command {
        let home = self.home.path();
        let mut command = Command::new(&self.program);
        command.env_clear().env("KUBECONFIG", &self.kubeconfig);
        command.env("HOME", home).env("TMPDIR", home);
        command.arg("--cache-dir").arg(home.join("cache")).args(arguments);
        command.current_dir(home);
        command
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pinned_version_is_what_the_module_says() {
        let kubectl = Kubectl::ready().unwrap();
        let client = kubectl.with(Path::new("/dev/null")).unwrap();
        let version = client.json(["version", "--client", "-o", "json"]).unwrap();
        let version = version["clientVersion"]["gitVersion"].as_str().unwrap();
        let module = Path::new(env!("CARGO_MANIFEST_DIR")).join("kubectl/go.mod");
        let module = std::fs::read_to_string(module).unwrap();
        let pinned = format!("k8s.io/kubectl v0.{}\n", version.trim_start_matches("v1."));
        // One that a person named may be of that version, too.
        assert!(module.contains(&pinned) || !kubectl.is_pinned(), "{version}");
    }

    #[test]
    fn nothing_of_the_user_is_read() {
        let kubectl = Kubectl::ready().unwrap();
        let client = kubectl.with(&PathBuf::from("missing")).unwrap();
        assert_eq!(
            client.answer(["config", "get-contexts", "-o", "name"]).unwrap(),
            "",
            "a context nobody asked for"
        );
        let failed = client
            .run(["get", "--raw", "/version", "--server", "http://127.0.0.1:1"])
            .unwrap();
        assert_eq!(failed.status.code(), Some(1));
    }
}
