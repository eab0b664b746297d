//! Connecting to a child, and who may answer.

use std::io;
use std::time::Duration;

use k1s_process::{Child, ConnectOutcome, ExitStatus, PEER_MISMATCH, PeerError, connect, verify_peer};
use tokio::net::UnixStream;
use tokio::time::Instant;

use crate::stage::{PATIENCE, Stage, shell};

async fn connected(child: &mut Child) -> UnixStream {
    match connect(child, Instant::now() + PATIENCE).await {
        ConnectOutcome::Connected(stream) => stream,
        other @ (ConnectOutcome::Exited(_) | ConnectOutcome::DeadlinePassed { .. }) => {
            panic!("not connected: {other:?}")
        }
    }
}

#[tokio::test]
async fn the_child_and_a_member_of_its_group_are_accepted() {
    let stage = Stage::new();
    let probe = env!("CARGO_BIN_EXE_k1s-process-probe");
    let in_the_group = shell(&format!("exec 3<&0; {probe} listen <&3 & wait"));
    for spec in [crate::stage::probe("listen"), in_the_group] {
        let (mut child, _output) = stage.spawn(spec).await;
        let stream = connected(&mut child).await;
        verify_peer(&stream, &child).unwrap();
        assert!(child.socket_path().to_str().unwrap().len() <= k1s_process::SOCKET_PATH_LIMIT);
    }
}

#[tokio::test]
async fn a_listener_outside_the_group_is_refused_with_the_reason() {
    let stage = Stage::new();
    let (mut child, _output) = stage.probe("listen-outside-the-group").await;
    let stream = connected(&mut child).await;
    let error = verify_peer(&stream, &child).unwrap_err();
    assert!(
        matches!(error, PeerError::OtherGroup { group, .. } if group == child.pid()),
        "{error}"
    );
    let message = error.to_string();
    assert!(
        message.starts_with(PEER_MISMATCH) && message.contains("setsid, and containers, are not supported"),
        "{message}"
    );
}

#[tokio::test]
async fn nobody_answers_for_a_child_that_has_ended() {
    let stage = Stage::new();
    let (mut child, _output) = stage.probe("listen").await;
    let stream = connected(&mut child).await;
    child.terminate(PATIENCE).await.unwrap();
    assert!(matches!(verify_peer(&stream, &child), Err(PeerError::ChildEnded)));
}

#[tokio::test]
async fn a_child_that_ends_before_it_listens_is_reported_at_once() {
    let stage = Stage::new();
    let (mut child, _output) = stage.shell("echo no configuration >&2; exit 3").await;
    match connect(&mut child, Instant::now() + PATIENCE).await {
        ConnectOutcome::Exited(report) => {
            assert_eq!(
                (report.status, report.last_output.as_slice()),
                (ExitStatus::Code(3), b"no configuration\n".as_slice())
            );
        }
        other @ (ConnectOutcome::Connected(_) | ConnectOutcome::DeadlinePassed { .. }) => {
            panic!("not noticed: {other:?}")
        }
    }
}

#[tokio::test]
async fn a_child_that_never_listens_is_given_up_at_the_deadline() {
    let stage = Stage::new();
    let (mut child, _output) = stage.shell("read line").await;
    let deadline = Instant::now() + Duration::from_millis(100);
    match connect(&mut child, deadline).await {
        ConnectOutcome::DeadlinePassed { last_error } => assert_eq!(last_error.kind(), io::ErrorKind::NotFound),
        other @ (ConnectOutcome::Connected(_) | ConnectOutcome::Exited(_)) => panic!("not given up: {other:?}"),
    }
    assert!(Instant::now() >= deadline);
}
