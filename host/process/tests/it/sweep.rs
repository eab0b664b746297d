//! Whom a sweep may touch: only what provably belongs to a host that is gone.

use std::fs;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::Instant;

use k1s_process::{RuntimeDirectory, SweepReport};

use crate::stage::{PATIENCE, Stage, Watched};

const NONCE: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const OTHER_NONCE: &str = "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff";

/// A process in a group of its own that was started with a nonce, or without one.
struct Process {
    child: Child,
    watched: Watched,
}

impl Process {
    fn start(nonce: Option<&str>) -> Self {
        let mut command = Command::new("/bin/sleep");
        command.arg("600").process_group(0).env_remove("K1S_SOURCE_NONCE");
        if let Some(nonce) = nonce {
            command.env("K1S_SOURCE_NONCE", nonce);
        }
        let child = command.spawn().unwrap();
        // The kernel lets `spawn` return a moment before the environment of the new program can be read.
        let environment = format!("/proc/{}/environ", child.id());
        let deadline = Instant::now() + PATIENCE;
        while fs::read(&environment).unwrap().is_empty() {
            assert!(Instant::now() < deadline, "the program never began");
            std::thread::yield_now();
        }
        let watched = Watched::new(child.id().cast_signed());
        Self { child, watched }
    }

    fn start_time(&self) -> u64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        stat.rsplit(')')
            .next()
            .unwrap()
            .split_whitespace()
            .nth(19)
            .unwrap()
            .parse()
            .unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// Writes what a host that is gone would have left.
fn leave(base: &Path, record: &str) -> PathBuf {
    let launch = base.join("deadhost/0");
    fs::create_dir_all(launch.join("scratch")).unwrap();
    fs::write(base.join("deadhost.lock"), "").unwrap();
    fs::write(launch.join("launch.json"), record).unwrap();
    launch
}

fn sweep(record: &str) -> (SweepReport, bool) {
    let home = tempfile::tempdir().unwrap();
    let directory = RuntimeDirectory::open(&home.path().join("run")).unwrap();
    let launch = leave(&home.path().join("run"), record);
    (directory.sweep(), launch.exists())
}

#[test]
fn a_process_is_killed_only_if_number_start_time_and_nonce_are_those_on_record() {
    let full = |pid: u32, time: u64| format!(r#"{{"nonce":"{NONCE}","pid":{pid},"start_time":{time}}}"#);
    type Record = fn(u32, u64, &dyn Fn(u32, u64) -> String) -> String;
    let cases: [(&str, Option<&str>, Record, bool); 6] = [
        ("all three", Some(NONCE), |pid, time, full| full(pid, time), true),
        (
            "another start time",
            Some(NONCE),
            |pid, time, full| full(pid, time + 1),
            false,
        ),
        ("no nonce", None, |pid, time, full| full(pid, time), false),
        (
            "another nonce",
            Some(OTHER_NONCE),
            |pid, time, full| full(pid, time),
            false,
        ),
        (
            "the host died before it wrote the number",
            Some(NONCE),
            |_, _, _| format!(r#"{{"nonce":"{NONCE}"}}"#),
            true,
        ),
        (
            "a stranger while the number was not written",
            None,
            |_, _, _| format!(r#"{{"nonce":"{NONCE}"}}"#),
            false,
        ),
    ];
    for (case, nonce, record, is_killed) in cases {
        let process = Process::start(nonce);
        let (report, is_left) = sweep(&record(process.child.id(), process.start_time(), &full));
        assert!(report.unswept.is_empty() && !is_left, "{case}: {report:?}");
        let killed: Vec<u32> = report.killed.iter().map(|swept| swept.pid).collect();
        assert_eq!(
            killed,
            if is_killed { vec![process.child.id()] } else { vec![] },
            "{case}"
        );
        assert_eq!(!process.watched.is_alive(), is_killed, "{case}");
    }
}

#[test]
fn a_record_that_cannot_be_understood_is_kept_and_reported() {
    let (report, is_left) = sweep("{");
    assert!(is_left);
    assert_eq!((report.hosts, report.killed.len(), report.unswept.len()), (0, 0, 1));
    assert!(report.unswept[0].to_string().contains("launch.json") || report.unswept[0].to_string().contains("record"));
}

#[tokio::test]
async fn a_host_that_lives_is_not_swept_by_another() {
    let stage = Stage::new();
    let (child, _output) = stage.shell("read line").await;
    let other = RuntimeDirectory::open(&stage.home.path().join("run")).unwrap();
    let report = other.sweep();
    assert_eq!((report.hosts, report.killed.len(), report.unswept.len()), (0, 0, 0));
    assert!(Watched::of(&child).is_alive());
    assert!(child.socket_path().parent().unwrap().exists());
    drop(other);
    drop(stage);
    assert!(
        !Watched::of(&child).dies_within(std::time::Duration::ZERO),
        "the child keeps the claim"
    );
    let watched = Watched::of(&child);
    drop(child);
    assert!(watched.dies_within(PATIENCE));
}
