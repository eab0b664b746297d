//! The receiver over real connections.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use k1s_getter_address::Secret;
use k1s_getter_webhook::limits::{BODY_BYTES, CONNECTIONS, HEAD_BYTES};
use k1s_getter_webhook::{Bell, Hook, Receiver, Sender};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;

const TOKEN: &str = "X-Gitlab-Token: a token of some length";
/// Longer than anything here may take.
const LONG: Duration = Duration::from_secs(60);

/// Where a receiver hears, its bell, and the task that it is.
async fn heard() -> (SocketAddr, Bell, JoinSet<Infallible>) {
    let mut receiver = Receiver::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let secrets = Arc::new(|| vec![Secret::new("a token of some length")]);
    let bell = receiver.hang("/hooks/one", Hook::new(Sender::GitLab, secrets));
    let address = receiver.address();
    let mut tasks = JoinSet::new();
    tasks.spawn(receiver.run());
    (address, bell, tasks)
}

/// Sends what is given and returns the status line; empty when the connection was closed without one.
async fn status(address: SocketAddr, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // Whoever refuses a long request does not read it to its end.
    drop(stream.write_all(request).await);
    let mut answer = Vec::new();
    drop(stream.read_to_end(&mut answer).await);
    let answer = String::from_utf8(answer).unwrap();
    answer.lines().next().unwrap_or_default().to_owned()
}

fn request(method: &str, path: &str, header: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("{method} {path} HTTP/1.1\r\nHost: x\r\n{header}\r\nContent-Length: {length}\r\n\r\n{body}").into_bytes()
}

#[tokio::test]
async fn a_signed_request_rings() {
    let (address, mut bell, _tasks) = heard().await;
    let answer = status(address, &request("POST", "/hooks/one?x=y", TOKEN, "{}")).await;
    assert_eq!(answer, "HTTP/1.1 202 Accepted");
    timeout(LONG, bell.rung()).await.unwrap();
}

/// A secret on a disk that does not answer keeps one thread, and nobody who asks for something else.
#[tokio::test]
async fn a_secret_that_cannot_be_read_yet_keeps_nobody_else() {
    let (asked, mut is_asked) = tokio::sync::mpsc::channel(2);
    let (open, gate) = std::sync::mpsc::sync_channel::<()>(2);
    let gate = std::sync::Mutex::new(gate);
    let secrets = Arc::new(move || {
        asked.try_send(()).unwrap();
        gate.lock().unwrap().recv_timeout(LONG).unwrap();
        vec![Secret::new("a token of some length")]
    });
    let mut receiver = Receiver::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let mut bell = receiver.hang("/", Hook::new(Sender::GitLab, secrets));
    let address = receiver.address();
    let mut tasks = JoinSet::new();
    tasks.spawn(receiver.run());
    let mut requests = JoinSet::new();
    for _ in 0..2 {
        requests.spawn(async move { status(address, &request("POST", "/", TOKEN, "{}")).await });
    }
    timeout(LONG, is_asked.recv()).await.unwrap().unwrap();
    let other = status(address, &request("POST", "/other", TOKEN, "{}")).await;
    assert_eq!(other, "HTTP/1.1 404 Not Found");
    assert!(is_asked.try_recv().is_err(), "it is read twice at a time");
    for _ in 0..2 {
        open.send(()).unwrap();
    }
    while let Some(answer) = timeout(LONG, requests.join_next()).await.unwrap() {
        assert_eq!(answer.unwrap(), "HTTP/1.1 202 Accepted");
    }
    timeout(LONG, bell.rung()).await.unwrap();
}

#[tokio::test]
async fn nothing_else_rings() {
    let (address, mut bell, _tasks) = heard().await;
    let long = "x".repeat(BODY_BYTES + 1);
    let chunked = format!(
        "POST /hooks/one HTTP/1.1\r\nHost: x\r\n{TOKEN}\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{long}\r\n0\r\n\r\n",
        long.len()
    );
    let wide = format!("X-Long: {}", "x".repeat(HEAD_BYTES));
    for (request, expected) in [
        (
            request("POST", "/hooks/one", "X-Other: y", "{}"),
            "HTTP/1.1 401 Unauthorized",
        ),
        (
            request("POST", "/hooks/one", "X-Gitlab-Token: another token", "{}"),
            "HTTP/1.1 401 Unauthorized",
        ),
        (
            request("GET", "/hooks/one", TOKEN, ""),
            "HTTP/1.1 405 Method Not Allowed",
        ),
        (request("POST", "/hooks/two", TOKEN, "{}"), "HTTP/1.1 404 Not Found"),
        (request("POST", "/hooks/one/", TOKEN, "{}"), "HTTP/1.1 404 Not Found"),
        (
            request("POST", "/hooks/one", TOKEN, &long),
            "HTTP/1.1 413 Payload Too Large",
        ),
        (chunked.into_bytes(), "HTTP/1.1 413 Payload Too Large"),
        (
            request("POST", "/hooks/one", &wide, "{}"),
            "HTTP/1.1 431 Request Header Fields Too Large",
        ),
        (b"\x16\x03\x01 no HTTP\r\n\r\n".to_vec(), "HTTP/1.1 400 Bad Request"),
    ] {
        let answer = status(address, &request).await;
        assert_eq!(
            answer,
            expected,
            "{}",
            String::from_utf8_lossy(&request).get(..60).unwrap_or_default()
        );
    }
    let ring = std::pin::pin!(bell.rung());
    assert!(futures_are_pending(ring).await, "something rang");
}

/// Whether a future has nothing yet, when all that could wake it has been done.
async fn futures_are_pending(future: std::pin::Pin<&mut impl Future<Output = ()>>) -> bool {
    tokio::select! {
        biased;
        () = future => false,
        () = std::future::ready(()) => true,
    }
}

#[tokio::test]
async fn a_body_that_is_cut_rings_nothing() {
    let (address, mut bell, _tasks) = heard().await;
    let mut whole = request("POST", "/hooks/one", TOKEN, "a body that ends before it is over");
    whole.truncate(whole.len() - 5);
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(&whole).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    assert!(
        !answer.starts_with(b"HTTP/1.1 2"),
        "{}",
        String::from_utf8_lossy(&answer)
    );
    let ring = std::pin::pin!(bell.rung());
    assert!(futures_are_pending(ring).await, "something rang");
}

#[tokio::test(start_paused = true)]
async fn those_who_say_nothing_do_not_keep_others_out_for_ever() {
    let (address, mut bell, _tasks) = heard().await;
    let mut silent = Vec::new();
    for _ in 0..CONNECTIONS {
        silent.push(TcpStream::connect(address).await.unwrap());
    }
    // All places are taken until those who say nothing are let go of.
    let answer = timeout(LONG, status(address, &request("POST", "/hooks/one", TOKEN, "{}")))
        .await
        .unwrap();
    assert_eq!(answer, "HTTP/1.1 202 Accepted");
    timeout(LONG, bell.rung()).await.unwrap();
}

#[tokio::test]
async fn an_address_that_is_taken_is_named() {
    let (address, _bell, _tasks) = heard().await;
    let error = Receiver::bind(address).await.unwrap_err().to_string();
    assert!(
        error.starts_with(&format!("webhooks cannot be heard at {address}: ")),
        "{error}"
    );
}
