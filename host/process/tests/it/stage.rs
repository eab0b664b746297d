//! What every test needs: a private home, a spawner, and eyes on other processes.

use std::collections::BTreeMap;
use std::fs;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use k1s_process::{Child, Environment, LaunchSpec, Limits, OutputLine, OutputReceiver, RuntimeDirectory, Spawner};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use tempfile::TempDir;

/// Longest wait for anything that must happen; a test that reaches it has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Stage {
    pub(crate) home: TempDir,
    pub(crate) directory: RuntimeDirectory,
    pub(crate) spawner: Spawner,
}

impl Stage {
    pub(crate) fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let directory = RuntimeDirectory::open(&home.path().join("run")).unwrap();
        Self {
            home,
            directory,
            spawner: Spawner::start().unwrap(),
        }
    }

    pub(crate) async fn spawn(&self, spec: LaunchSpec) -> (Child, OutputReceiver) {
        self.spawner.spawn(spec, &self.directory).await.unwrap()
    }

    pub(crate) async fn shell(&self, script: &str) -> (Child, OutputReceiver) {
        self.spawn(shell(script)).await
    }

    pub(crate) async fn probe(&self, part: &str) -> (Child, OutputReceiver) {
        self.spawn(probe(part)).await
    }

    /// Lists what is left of launches.
    pub(crate) fn launches(&self) -> Vec<PathBuf> {
        fs::read_dir(self.directory.path())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect()
    }
}

pub(crate) fn shell(script: &str) -> LaunchSpec {
    spec("/bin/sh", &["-c", script])
}

pub(crate) fn probe(part: &str) -> LaunchSpec {
    spec(env!("CARGO_BIN_EXE_k1s-process-probe"), &[part])
}

pub(crate) fn spec(program: &str, args: &[&str]) -> LaunchSpec {
    LaunchSpec {
        program: program.into(),
        args: args.iter().map(Into::into).collect(),
        environment: environment(&[]),
        limits: Limits::default(),
    }
}

/// The test's own PATH and what is given.
pub(crate) fn environment(declared: &[(&str, &str)]) -> Environment {
    let path = std::env::vars_os().filter(|(name, _)| name == "PATH");
    let declared: BTreeMap<_, _> = declared
        .iter()
        .map(|(name, value)| (name.into(), value.into()))
        .collect();
    Environment::allowed_from(path, &declared).unwrap()
}

pub(crate) async fn next_line(output: &mut OutputReceiver) -> String {
    let line = tokio::time::timeout(PATIENCE, output.recv())
        .await
        .expect("a line in time");
    line.expect("a line").text().into_owned()
}

/// Takes all lines up to the end of the output.
pub(crate) async fn rest(output: &mut OutputReceiver) -> Vec<OutputLine> {
    let mut lines = Vec::new();
    let all = async {
        while let Some(line) = output.recv().await {
            lines.push(line);
        }
    };
    tokio::time::timeout(PATIENCE, all).await.expect("the output ends");
    lines
}

pub(crate) async fn next_number(output: &mut OutputReceiver) -> i32 {
    next_line(output).await.parse().unwrap()
}

/// Looks again and again until something holds, for things that no event announces.
pub(crate) async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "never came true: {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Eyes on one process, whatever becomes of its number.
pub(crate) struct Watched {
    pidfd: OwnedFd,
}

impl Watched {
    pub(crate) fn new(pid: i32) -> Self {
        Self {
            pidfd: pidfd_open(Pid::from_raw(pid).unwrap(), PidfdFlags::empty()).unwrap(),
        }
    }

    pub(crate) fn of(child: &Child) -> Self {
        Self::new(child.pid().cast_signed())
    }

    pub(crate) fn is_alive(&self) -> bool {
        !self.dies_within(Duration::ZERO)
    }

    pub(crate) fn dies_within(&self, limit: Duration) -> bool {
        let limit = Timespec {
            tv_sec: limit.as_secs().cast_signed(),
            tv_nsec: limit.subsec_nanos().into(),
        };
        poll(&mut [PollFd::new(&self.pidfd, PollFlags::IN)], Some(&limit)).unwrap() > 0
    }
}
