//! The programs that the workspace builds, run with a deadline and their output kept.

use std::env;
use std::ffi::OsStr;
use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use rustix::process::{Pid, Signal, kill_process};

use crate::eventually;

/// The host's program.
pub const HOST: &str = "k1s-sync-host";
/// The filesystem source's program.
pub const FILESYSTEM_SOURCE: &str = "k1s-sync-fs";
/// The getter source's program.
pub const GETTER_SOURCE: &str = "k1s-sync-getter";
/// The Kubernetes source's program.
pub const KUBERNETES_SOURCE: &str = "k1s-sync-kubernetes";

/// Returns the path of a program that this workspace built in the profile of the calling test.
///
/// # Errors
/// When it has not been built: `cargo xtask test` builds every program before it runs a test.
pub fn built(name: &str) -> anyhow::Result<PathBuf> {
    let profile = directory_above_test(2)?;
    let path = profile.join(name);
    ensure!(
        path.is_file(),
        "{} is missing; `cargo xtask test` builds it",
        path.display()
    );
    Ok(path)
}

/// Returns the target directory that the calling test was built into.
///
/// # Errors
/// When the test's program is in none.
pub fn target_directory() -> anyhow::Result<PathBuf> {
    directory_above_test(3)
}

/// A test is target/PROFILE/deps/NAME-HASH, the programs are in target/PROFILE.
fn directory_above_test(levels: usize) -> anyhow::Result<PathBuf> {
    let test = env::current_exe().context("finding this test's program")?;
    let directory = test.ancestors().nth(levels);
    Ok(directory.context("this test is not in a target directory")?.to_owned())
}

/// Returns a command for the host with a verb and its arguments, to be run by [`run`] or [`start`].
///
/// # Errors
/// As [`built`].
pub fn host<I: IntoIterator<Item: AsRef<OsStr>>>(arguments: I) -> anyhow::Result<Command> {
    let mut command = Command::new(built(HOST)?);
    command.args(arguments);
    Ok(command)
}

/// How a program ended.
#[derive(Debug)]
pub struct Finished {
    /// Exit code or signal.
    pub status: ExitStatus,
    /// Everything it wrote to standard output.
    pub stdout: String,
    /// Everything it wrote to standard error.
    pub stderr: String,
}

impl Finished {
    /// Returns itself if the program exited with `code`.
    ///
    /// # Errors
    /// Any other end, with everything the program wrote.
    pub fn expect_code(self, code: i32) -> anyhow::Result<Self> {
        ensure!(
            self.status.code() == Some(code),
            "expected exit code {code}, got {}\n--- stdout\n{}--- stderr\n{}",
            self.status,
            self.stdout,
            self.stderr
        );
        Ok(self)
    }
}

/// Runs a program to its end, without input.
///
/// # Errors
/// When it cannot be started, or has not ended by `deadline`: it is killed then, and the error shows what it wrote.
pub fn run(command: &mut Command, deadline: Duration) -> anyhow::Result<Finished> {
    start(command)?.wait(deadline)
}

/// Starts a program without input and lets it run.
///
/// # Errors
/// When it cannot be started.
pub fn start(command: &mut Command) -> anyhow::Result<Running> {
    spawn(command.stdin(Stdio::null()))
}

/// Starts a program whose standard input stays open for [`Running::say`] until it is dropped or this process ends, however that ends.
///
/// # Errors
/// When it cannot be started.
pub fn start_listening(command: &mut Command) -> anyhow::Result<Running> {
    spawn(command.stdin(Stdio::piped()))
}

fn spawn(command: &mut Command) -> anyhow::Result<Running> {
    // Files rather than pipes: nobody has to drain them while the program runs.
    let (stdout, stderr) = (tempfile::tempfile()?, tempfile::tempfile()?);
    let child = command
        .stdout(stdout.try_clone()?)
        .stderr(stderr.try_clone()?)
        .spawn()
        .with_context(|| format!("starting {command:?}"))?;
    Ok(Running { child, stdout, stderr })
}

/// A program that was started. Dropping it kills it.
#[derive(Debug)]
pub struct Running {
    child: Child,
    stdout: File,
    stderr: File,
}

impl Running {
    /// The process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal to the process, not to its children.
    ///
    /// # Errors
    /// When the process has ended and was waited for.
    pub fn signal(&mut self, signal: Signal) -> anyhow::Result<()> {
        ensure!(self.child.try_wait()?.is_none(), "the program has already ended");
        Ok(kill_process(Pid::from_child(&self.child), signal)?)
    }

    /// Whether it has not ended yet.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn is_running(&mut self) -> anyhow::Result<bool> {
        Ok(self.child.try_wait()?.is_none())
    }

    /// Writes a line to the standard input of a program that was started by [`start_listening`].
    ///
    /// # Errors
    /// When it has none, or has ended.
    pub fn say(&self, line: &str) -> anyhow::Result<()> {
        let mut input = self.child.stdin.as_ref().context("the program has no input")?;
        Ok(input.write_all(format!("{line}\n").as_bytes())?)
    }

    /// Waits until standard error or standard output contains `text`.
    ///
    /// # Errors
    /// When it does not by `deadline`, or the program ends without it; the error shows what it wrote.
    pub fn until_printed(&mut self, text: &str, deadline: Duration) -> anyhow::Result<()> {
        let outcome = eventually(deadline, &format!("the program prints {text:?}"), || {
            let ended = self.child.try_wait()?;
            let (stdout, stderr) = self.printed()?;
            let found = stdout.contains(text) || stderr.contains(text);
            ensure!(found || ended.is_none(), "ended without printing {text:?}");
            Ok(found.then_some(()))
        });
        self.explained(outcome)
    }

    /// Waits for the program's end.
    ///
    /// # Errors
    /// When it has not ended by `deadline`: it is killed then, and the error shows what it wrote.
    pub fn wait(mut self, deadline: Duration) -> anyhow::Result<Finished> {
        let outcome = eventually(deadline, "the program ends", || Ok(self.child.try_wait()?));
        let status = self.explained(outcome)?;
        let (stdout, stderr) = self.printed()?;
        Ok(Finished { status, stdout, stderr })
    }

    /// Standard output and standard error so far.
    ///
    /// # Errors
    /// When what was captured cannot be read.
    pub fn printed(&self) -> anyhow::Result<(String, String)> {
        Ok((contents(&self.stdout)?, contents(&self.stderr)?))
    }

    fn explained<T>(&self, outcome: anyhow::Result<T>) -> anyhow::Result<T> {
        outcome.or_else(|error| {
            let (stdout, stderr) = self.printed()?;
            Err(error.context(format!("--- stdout\n{stdout}--- stderr\n{stderr}")))
        })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Fails only if the process has ended, which is what is wanted.
        if self.child.kill().is_ok() {
            self.child.wait().ok();
        }
    }
}

/// Reads a file from its start without moving its position, which the running program shares.
fn contents(file: &File) -> anyhow::Result<String> {
    let mut bytes = Vec::new();
    let mut part = [0; 8192];
    loop {
        let read = file.read_at(&mut part, bytes.len() as u64)?;
        if read == 0 {
            return Ok(String::from_utf8_lossy(&bytes).into_owned());
        }
        bytes.extend_from_slice(&part[..read]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(20);
    const SHORT: Duration = Duration::from_millis(50);

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn a_program_that_ends_is_told_of_completely() {
        let finished = run(&mut shell("echo out; echo err >&2; exit 3"), LONG).unwrap();
        assert_eq!((finished.stdout.as_str(), finished.stderr.as_str()), ("out\n", "err\n"));
        let finished = finished.expect_code(3).unwrap();
        let error = finished.expect_code(0).unwrap_err().to_string();
        assert!(error.contains("out\n--- stderr\nerr"), "{error}");
    }

    #[test]
    fn a_program_that_does_not_end_is_killed_and_what_it_wrote_is_shown() {
        let mut running = start(&mut shell("echo ready; exec sleep 600")).unwrap();
        running.until_printed("ready", LONG).unwrap();
        let pid = Pid::from_child(&running.child);
        let error = format!("{:#}", running.wait(SHORT).unwrap_err());
        assert!(
            error.contains("ready") && error.contains("not within 50ms: the program ends"),
            "{error}"
        );
        assert!(
            rustix::process::test_kill_process(pid).is_err(),
            "the program still runs"
        );
    }

    #[test]
    fn a_program_that_ends_early_is_not_waited_for() {
        let mut running = start(&mut shell("echo other")).unwrap();
        let error = format!("{:#}", running.until_printed("ready", LONG).unwrap_err());
        assert!(
            error.contains("ended without printing \"ready\"") && error.contains("other"),
            "{error}"
        );
        assert!(running.signal(Signal::TERM).is_err());
    }

    #[test]
    fn signals_reach_the_program() {
        let mut running = start(&mut shell(
            "trap 'exit 7' TERM; echo ready; while :; do sleep 0.01; done",
        ))
        .unwrap();
        running.until_printed("ready", LONG).unwrap();
        running.signal(Signal::TERM).unwrap();
        running.wait(LONG).unwrap().expect_code(7).unwrap();
    }
}
