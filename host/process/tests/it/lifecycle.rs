//! How children end: by themselves, asked, forced, or because nobody holds them any more.

use std::fs;
use std::future::{Future as _, poll_fn};
use std::path::PathBuf;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use k1s_process::{Child, ExitStatus, OutputReceiver};
use tokio::time::timeout;

use crate::stage::{PATIENCE, Stage, Watched, environment, eventually, next_line, next_number, shell};

/// Longer than any of these tests may take: whoever waits for this long waits for something that never comes.
const ENDLESS: Duration = Duration::from_secs(600);
const SHORT: Duration = Duration::from_millis(100);

#[tokio::test]
async fn an_exit_is_reported_once_and_the_same_each_time() {
    let stage = Stage::new();
    for (script, status) in [
        ("echo last words >&2; exit 7", ExitStatus::Code(7)),
        ("echo last words; kill -SEGV $$", ExitStatus::Signal(11)),
    ] {
        let (mut child, _output) = stage.shell(script).await;
        let report = child.wait().await;
        assert_eq!(
            (report.status, report.last_output.as_slice()),
            (status, b"last words\n".as_slice()),
            "{script}"
        );
        assert_eq!(report.leftover, None);
        assert_eq!(child.wait().await, report);
        assert_eq!(child.terminate(ENDLESS).await.unwrap(), report);
        assert_eq!(stage.launches(), Vec::<PathBuf>::new());
    }
}

#[tokio::test]
async fn a_cancelled_wait_loses_nothing() {
    let stage = Stage::new();
    let (mut child, _output) = stage.shell("read line; exit 7").await;
    assert!(timeout(Duration::from_millis(1), child.wait()).await.is_err());
    child.close_lifeline();
    assert_eq!(child.wait().await.status, ExitStatus::Code(7));
}

#[tokio::test]
async fn the_end_of_the_lifeline_is_the_end_of_stdin_though_others_were_started_since() {
    let stage = Stage::new();
    let (mut first, mut output) = stage.shell("read line; echo bye; exit 5").await;
    let (second, _second_output) = stage.shell("read line").await;
    first.close_lifeline();
    assert_eq!(next_line(&mut output).await, "bye");
    assert_eq!(first.wait().await.status, ExitStatus::Code(5));
    assert!(Watched::of(&second).is_alive());
}

#[tokio::test]
async fn one_that_ends_when_asked_does_not_use_up_its_grace() {
    let stage = Stage::new();
    let (mut child, mut output) = stage
        .shell("trap 'echo stopping; exit 3' TERM; echo ready; while :; do sleep 0.01; done")
        .await;
    assert_eq!(next_line(&mut output).await, "ready");
    let report = timeout(PATIENCE, child.terminate(ENDLESS)).await.unwrap().unwrap();
    assert_eq!(report.status, ExitStatus::Code(3));
    assert!(String::from_utf8_lossy(&report.last_output).contains("stopping\n"));
}

#[tokio::test]
async fn one_that_ignores_sigterm_is_killed_after_its_grace() {
    let stage = Stage::new();
    let (mut child, mut output) = stage.shell("trap '' TERM; echo ready; exec sleep 600").await;
    assert_eq!(next_line(&mut output).await, "ready");
    let begin = Instant::now();
    let report = child.terminate(SHORT).await.unwrap();
    assert_eq!(report.status, ExitStatus::Signal(9));
    assert_ne!(report.oom_killed, Some(true), "the host did it");
    assert!(begin.elapsed() >= SHORT);
}

#[tokio::test]
async fn the_whole_group_dies_though_its_members_ignore_sigterm() {
    // The second kind does not hold the output, so nothing tells that it is still there.
    for redirection in ["", ">/dev/null 2>&1"] {
        let stage = Stage::new();
        let script = format!("(trap '' TERM; exec sleep 600 {redirection}) & echo $!; wait");
        let (mut child, mut output) = stage.shell(&script).await;
        let grandchild = Watched::new(next_number(&mut output).await);
        timeout(PATIENCE, child.terminate(SHORT)).await.unwrap().unwrap();
        assert!(grandchild.dies_within(PATIENCE), "{redirection:?}");
    }
}

#[tokio::test]
async fn members_that_outlive_the_leader_have_the_rest_of_the_grace() {
    let stage = Stage::new();
    let script = "(trap 'echo drained; exit 0' TERM; echo ready; while :; do sleep 0.01; done) & wait";
    let (mut child, mut output) = stage.shell(script).await;
    assert_eq!(next_line(&mut output).await, "ready");
    let report = timeout(PATIENCE, child.terminate(ENDLESS)).await.unwrap().unwrap();
    assert_eq!(report.status, ExitStatus::Signal(15), "the leader does not catch it");
    let printed = String::from_utf8_lossy(&report.last_output);
    assert!(
        printed.contains(
            "drained
"
        ),
        "{printed}"
    );
}

#[tokio::test]
async fn members_do_not_outlive_a_leader_that_ends_by_itself() {
    let stage = Stage::new();
    let (mut child, mut output) = stage.shell("sleep 600 & echo $!; exit 4").await;
    let grandchild = Watched::new(next_number(&mut output).await);
    assert_eq!(
        timeout(PATIENCE, child.wait()).await.unwrap().status,
        ExitStatus::Code(4)
    );
    assert!(grandchild.dies_within(PATIENCE));
}

#[tokio::test]
async fn a_process_that_left_the_group_does_not_hold_up_the_report() {
    let stage = Stage::new();
    let (mut child, mut output) = stage.shell("setsid sleep 600 & echo $!; read line").await;
    let stray_pid = next_number(&mut output).await;
    let stray = Watched::new(stray_pid);
    eventually("the stray leaves the group", || {
        group_of(stray_pid) != child.pid().to_string()
    })
    .await;
    child.close_lifeline();
    timeout(PATIENCE, child.wait()).await.unwrap();
    assert!(stray.is_alive(), "it is not in the group and must not be signalled");
    rustix::process::kill_process(
        rustix::process::Pid::from_raw(stray_pid).unwrap(),
        rustix::process::Signal::KILL,
    )
    .unwrap();
}

fn group_of(pid: i32) -> String {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    stat.rsplit(')')
        .next()
        .unwrap()
        .split_whitespace()
        .nth(2)
        .unwrap()
        .to_owned()
}

#[tokio::test]
async fn dropping_the_handle_kills_the_group_reaps_it_and_removes_its_directory() {
    let stage = Stage::new();
    let (child, mut output) = stage.shell("trap '' TERM; sleep 600 & echo $!; wait").await;
    let pid = child.pid();
    let (leader, grandchild) = (Watched::of(&child), Watched::new(next_number(&mut output).await));
    drop(child);
    assert!(leader.dies_within(PATIENCE) && grandchild.dies_within(PATIENCE));
    eventually("the zombie is reaped", || {
        !PathBuf::from(format!("/proc/{pid}")).exists()
    })
    .await;
    eventually("the directory is removed", || stage.launches().is_empty()).await;
}

#[tokio::test]
async fn a_start_that_nobody_waits_for_any_more_is_undone() {
    let stage = Stage::new();
    let started = stage.home.path().join("started");
    let mut spec = shell("echo $$ >$STARTED.new; mv $STARTED.new $STARTED; exec sleep 600");
    spec.environment = environment(&[("STARTED", started.to_str().unwrap())]);
    // Polled once, so that the request is under way, and then dropped, most likely before the answer.
    let mut spawning = Box::pin(stage.spawner.spawn(spec, &stage.directory));
    let first_poll = |context: &mut Context<'_>| Poll::Ready(spawning.as_mut().poll(context).is_ready());
    let _was_answered = poll_fn(first_poll).await;
    drop(spawning);
    let next = stage.shell("exit 0").await.0.wait().await;
    assert_eq!(next.status, ExitStatus::Code(0), "the thread goes on");
    eventually("the directory is removed", || stage.launches().is_empty()).await;
    if let Ok(pid) = fs::read_to_string(&started) {
        eventually("the child is gone", || {
            !PathBuf::from(format!("/proc/{}", pid.trim())).exists()
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_child_lives_on_when_the_thread_that_asked_for_it_and_the_spawner_are_gone() {
    let stage = Stage::new();
    let (runtime, spawner, directory) = (tokio::runtime::Handle::current(), stage.spawner, stage.directory);
    let asking = std::thread::spawn(move || -> (Child, OutputReceiver) {
        runtime
            .block_on(spawner.spawn(shell("echo ready; read line; echo alive; exit 6"), &directory))
            .unwrap()
    });
    let (mut child, mut output) = asking.join().unwrap();
    assert_eq!(next_line(&mut output).await, "ready");
    assert!(
        timeout(SHORT, child.wait()).await.is_err(),
        "the child died with the thread"
    );
    child.close_lifeline();
    assert_eq!(next_line(&mut output).await, "alive");
    assert_eq!(child.wait().await.status, ExitStatus::Code(6));
}
