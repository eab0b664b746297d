//! A host that is killed leaves nothing behind: what the kernel and the lifeline take, and what the next sweep finds.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use k1s_process::RuntimeDirectory;

use crate::stage::Watched;

/// The contract's limit for a plugin whose host is gone.
const LIMIT: Duration = Duration::from_secs(2);

/// A host in a process of its own, with a shell as its plugin.
struct Host {
    process: Child,
    lines: std::io::Lines<BufReader<ChildStdout>>,
    plugin: Watched,
}

impl Host {
    fn start(base: &Path, script: &str) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_k1s-process-probe"));
        let mut process = command
            .arg("host")
            .arg(base)
            .arg(script)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let plugin = Watched::new(number(&mut lines));
        Self { process, lines, plugin }
    }

    fn next_process(&mut self) -> Watched {
        Watched::new(number(&mut self.lines))
    }

    fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

fn number(lines: &mut std::io::Lines<BufReader<ChildStdout>>) -> i32 {
    lines.next().unwrap().unwrap().parse().unwrap()
}

#[test]
fn a_plugin_that_does_not_read_its_stdin_dies_with_its_host() {
    let home = tempfile::tempdir().unwrap();
    let mut host = Host::start(
        &home.path().join("run"),
        "trap '' TERM HUP INT; exec sleep 600 </dev/null",
    );
    assert!(host.plugin.is_alive());
    host.kill();
    assert!(host.plugin.dies_within(LIMIT));
}

#[test]
fn whoever_reads_the_lifeline_learns_that_the_host_is_gone() {
    let home = tempfile::tempdir().unwrap();
    // Only the direct child is tied to the host by the kernel; this one is not.
    let mut host = Host::start(&home.path().join("run"), "exec 3<&0; cat <&3 & echo $!; wait");
    let reader = host.next_process();
    host.kill();
    assert!(reader.dies_within(LIMIT));
}

#[test]
fn the_next_host_kills_what_neither_the_kernel_nor_the_lifeline_took() {
    let home = tempfile::tempdir().unwrap();
    let base = home.path().join("run");
    let mut host = Host::start(&base, "for i in 1 2 3; do sleep 600 & echo $!; done; wait");
    let left: Vec<Watched> = (0..3).map(|_| host.next_process()).collect();
    host.kill();
    assert!(host.plugin.dies_within(LIMIT));
    assert!(left.iter().all(Watched::is_alive), "nothing else ends them");

    let next = RuntimeDirectory::open(&base).unwrap();
    let report = next.sweep();
    assert!(report.unswept.is_empty(), "{:?}", report.unswept);
    assert_eq!((report.hosts, report.killed.len()), (1, 3));
    assert!(left.iter().all(|process| !process.is_alive()));

    let again = next.sweep();
    assert_eq!((again.hosts, again.killed.len()), (0, 0));
    drop(next);
    assert_eq!(
        std::fs::read_dir(&base).unwrap().count(),
        0,
        "directories and locks are gone"
    );
}
