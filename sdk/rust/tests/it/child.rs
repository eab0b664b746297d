//! The example as a process of its own: start, lifeline, end, and what it says without a host.

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::{Duration, Instant};

use k1s_source_proto::v1::snapshot_end::Outcome;
use k1s_source_proto::v1::source_message::Message;
use k1s_source_proto::v1::*;
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::host::{Launch, NONCE, Session, begin, soon};
use crate::transcript::{said, verify};

/// Returns the path of the example, which cargo builds beside the tests.
fn example() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let path = test.parent().and_then(Path::parent).unwrap().join("examples/csv");
    assert!(
        path.exists(),
        "{} is built by `cargo test` and `cargo build --examples`",
        path.display()
    );
    path
}

fn command() -> Command {
    let mut command = Command::new(example());
    command
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

fn nonce() -> String {
    NONCE.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Starts the example and connects to it.
async fn launch(directory: &Path) -> (Child, Launch) {
    let path = directory.join("s");
    let mut command = command();
    command
        .env("K1S_SOURCE_ADDR", format!("unix:{}", path.display()))
        .env("K1S_SOURCE_NONCE", nonce());
    let child = command.spawn().unwrap();
    soon("the socket", async {
        while tokio::net::UnixStream::connect(&path).await.is_err() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    (child, Launch::at(&path).await)
}

async fn open(directory: &Path, rows: &str) -> (Child, Launch, Session) {
    let csv = directory.join("rows.csv");
    std::fs::write(&csv, rows).unwrap();
    let (child, mut launch) = launch(directory).await;
    launch.handshake(Limits::default()).await;
    assert_eq!(
        launch.initialize(&serde_json::json!({ "path": csv }).to_string()).await,
        []
    );
    let session = launch.start().await.unwrap();
    session.say(begin(begin::Mode::Full)).await;
    session.say(host_message::Message::Ready(Ready {})).await;
    (child, launch, session)
}

#[tokio::test]
async fn the_readme_source_lists_and_stops() {
    let directory = TempDir::new().unwrap();
    let (child, mut launch, mut session) = open(directory.path(), "ann,1\nbob,2\nann,3\n").await;
    let messages = session.until_end().await;
    assert_eq!(verify(&messages), Outcome::Complete);
    let path = directory.path().join("rows.csv");
    let path = path.display();
    let expected = [
        format!("upsert ann {path}:1"),
        format!("upsert bob {path}:2"),
        format!("DuplicateKey ann {path}:3"),
    ];
    assert_eq!(said(&messages), expected);

    std::fs::remove_file(directory.path().join("rows.csv")).unwrap();
    launch.sync("", sync_request::Reason::Requested).await.unwrap();
    let messages = session.until_end().await;
    assert_eq!(verify(&messages), Outcome::Incomplete);
    assert!(
        messages
            .iter()
            .any(|message| matches!(message, Message::Problem(problem)
        if problem.code() == ProblemCode::RootNotFound && problem.message.contains("rows.csv")))
    );

    launch.stop().await;
    session.rest().await;
    drop((session, launch));
    let output = soon("the end of the process", child.wait_with_output()).await.unwrap();
    assert!(output.status.success(), "{output:?}");
}

#[tokio::test]
async fn the_process_ends_with_its_standard_input() {
    let directory = TempDir::new().unwrap();
    let (mut child, _launch, mut session) = open(directory.path(), "ann,1\n").await;
    session.until_end().await;
    let asked = Instant::now();
    drop(child.stdin.take());
    let status = soon("the end of the process", child.wait()).await.unwrap();
    assert!(status.success());
    assert!(asked.elapsed() < Duration::from_secs(2), "{:?}", asked.elapsed());
}

async fn run(arguments: &[&str], variables: &[(&str, String)]) -> Output {
    let mut command = command();
    command
        .args(arguments)
        .envs(variables.iter().map(|(name, value)| (name, value)));
    let mut child = command.spawn().unwrap();
    // The lifeline: it would end the process before it has said what is wrong.
    let _stdin = child.stdin.take();
    soon("the process", child.wait_with_output()).await.unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[tokio::test]
async fn without_a_host_it_says_what_it_is() {
    let nothing = run(&[], &[]).await;
    assert_eq!(nothing.status.code(), Some(2));
    assert!(text(&nothing.stderr).contains("The host starts it"));
    assert!(nothing.stdout.is_empty());

    let described = run(&["--describe"], &[]).await;
    let described: Value = serde_json::from_slice(&described.stdout).unwrap();
    assert_eq!(
        (&described["type"], &described["capabilities"][0]),
        (&"csv".into(), &"SNAPSHOT".into())
    );
    assert_eq!(described["configSchema"]["properties"]["path"]["x-k1s-path"], "read");

    let version = run(&["--version"], &[]).await;
    assert_eq!(text(&version.stdout), "csv 0.0.0 (k1s.source.v1)\n");

    let unknown = run(&["--watch"], &[]).await;
    assert_eq!(unknown.status.code(), Some(2));
    assert!(text(&unknown.stderr).starts_with("unknown argument --watch\n"));
}

#[tokio::test]
async fn a_wrong_environment_is_one_json_line_and_exit_code_1() {
    let directory = TempDir::new().unwrap();
    let path = |name: &str| format!("unix:{}", directory.path().join(name).display());
    std::fs::write(directory.path().join("taken"), "").unwrap();
    let cases = [
        (path("s"), String::new(), "K1S_SOURCE_NONCE"),
        ("tcp:127.0.0.1:1".to_owned(), nonce(), "K1S_SOURCE_ADDR"),
        (path(&"x".repeat(100)), nonce(), "more than 90"),
        (path("taken"), nonce(), "cannot listen on"),
    ];
    for (address, nonce, said) in cases {
        let variables = [("K1S_SOURCE_ADDR", address), ("K1S_SOURCE_NONCE", nonce)];
        let output = run(&[], &variables).await;
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let line: Value = serde_json::from_str(text(&output.stderr).trim_end()).unwrap();
        assert_eq!(line["level"], "ERROR");
        assert!(line["message"].as_str().unwrap().contains(said), "{line}");
    }
}
