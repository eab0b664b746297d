//! What the server puts up with, and what happens then.

use std::time::Duration;

use http_body_util::BodyExt as _;
use k1s_api::server::{
    HANDSHAKE_TIMEOUT, HEADER_READ_TIMEOUT, MAX_CONCURRENT_STREAMS, MAX_CONNECTIONS, MAX_HEADER_BYTES,
};
use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use crate::harness::{Home, Running, shake, text};

/// How long something that must not happen is waited for.
const NOT_SOON: Duration = Duration::from_millis(200);

/// Both ends of each connection are files of this process.
fn allow_files(wanted: u64) {
    let mut limit = getrlimit(Resource::Nofile);
    let most = limit.maximum.map_or(wanted, |most| most.min(wanted));
    limit.current = limit.current.map(|current| current.max(most));
    setrlimit(Resource::Nofile, limit).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_comes_after_the_last_connection_waits_until_one_ends() {
    const CLIENTS: usize = 600;
    allow_files(2048);
    let home = Home::new();
    let running = Running::start(&home);
    let (leave, left) = watch::channel(0);
    let (served, mut serve_order) = mpsc::channel(CLIENTS);
    let mut clients = JoinSet::new();
    for client in 0..CLIENTS {
        let greeting = shake(&running.endpoint, &[b"http/1.1"], &[&rustls::version::TLS13]);
        let token = running.endpoint.token.clone();
        let (mut left, served) = (left.clone(), served.clone());
        clients.spawn(async move {
            let mut stream = greeting.await.unwrap();
            let request = format!(
                "GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\r\n",
                token.reveal()
            );
            stream.write_all(request.as_bytes()).await.unwrap();
            let mut answer = [0; 15];
            stream.read_exact(&mut answer).await.unwrap();
            assert_eq!(&answer, b"HTTP/1.1 200 OK");
            served.send(client).await.unwrap();
            left.wait_for(|leaving| *leaving > 0).await.unwrap();
        });
    }
    for _ in 0..MAX_CONNECTIONS {
        serve_order.recv().await.unwrap();
    }
    let another = timeout(NOT_SOON, serve_order.recv()).await;
    assert!(another.is_err(), "{another:?} was served beyond the limit");
    leave.send_replace(1);
    for _ in MAX_CONNECTIONS..CLIENTS {
        serve_order.recv().await.unwrap();
    }
    while let Some(ended) = clients.join_next().await {
        ended.unwrap();
    }
    running.close().await;
}

#[tokio::test]
async fn a_handshake_that_does_not_come_is_waited_for_ten_seconds() {
    let home = Home::new();
    let running = Running::start(&home);
    let begin = Instant::now();
    let mut silent = running.tcp().await;
    tokio::time::pause();
    assert_eq!(silent.read(&mut [0; 1]).await.unwrap(), 0);
    let waited = begin.elapsed();
    assert!(
        waited >= HANDSHAKE_TIMEOUT && waited < 2 * HANDSHAKE_TIMEOUT,
        "{waited:?}"
    );
    tokio::time::resume();
    running.close().await;
}

#[tokio::test]
async fn a_first_request_that_does_not_come_is_waited_for_thirty_seconds() {
    for protocol in [b"h2".as_slice(), b"http/1.1"] {
        let home = Home::new();
        let running = Running::start(&home);
        let begin = Instant::now();
        // With TLS 1.2 the server has the last word of the handshake.
        let mut silent = shake(&running.endpoint, &[protocol], &[&rustls::version::TLS12])
            .await
            .unwrap();
        tokio::time::pause();
        drop(silent.read(&mut [0; 1]).await);
        let waited = begin.elapsed();
        assert!(
            waited >= HEADER_READ_TIMEOUT && waited < 2 * HEADER_READ_TIMEOUT,
            "{waited:?}"
        );
        tokio::time::resume();
        running.close().await;
    }
}

#[tokio::test]
async fn a_next_request_that_does_not_come_is_waited_for_thirty_seconds() {
    let home = Home::new();
    let running = Running::start(&home);
    let mut drivers = JoinSet::new();
    let mut idle = running.http_1(&mut drivers).await;
    let begin = Instant::now();
    let response = idle.send_request(running.get("/")).await.unwrap();
    assert_eq!(text(response).await, "hello\n");
    tokio::time::pause();
    drivers.join_next().await.unwrap().unwrap();
    let waited = begin.elapsed();
    assert!(
        waited >= HEADER_READ_TIMEOUT && waited < 2 * HEADER_READ_TIMEOUT,
        "{waited:?}"
    );
    tokio::time::resume();
    drop(idle);
    running.close().await;
}

#[tokio::test]
async fn a_head_that_is_too_long_is_answered_431() {
    let home = Home::new();
    let running = Running::start(&home);
    let longest = usize::try_from(MAX_HEADER_BYTES).unwrap();
    let mut head = b"GET / HTTP/1.1\r\nx-long: ".to_vec();
    head.resize(longest, b'x');
    let mut one = running.tls(&[b"http/1.1"]).await;
    one.write_all(&head).await.unwrap();
    let mut answer = [0; 12];
    one.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 431");

    let mut drivers = JoinSet::new();
    let two = running.http_2(&mut drivers).await;
    let mut request = running.get("/");
    request
        .headers_mut()
        .insert("x-long", "x".repeat(longest).parse().unwrap());
    let response = two.clone().send_request(request).await.unwrap();
    assert_eq!(response.status(), 431);
    let response = two.clone().send_request(running.get("/")).await.unwrap();
    assert_eq!(text(response).await, "hello\n");
    drop((one, two));
    running.close().await;
}

#[tokio::test]
async fn a_stream_beyond_the_limit_waits_for_another_to_end() {
    let home = Home::new();
    let running = Running::start(&home);
    let mut drivers = JoinSet::new();
    let two = running.http_2(&mut drivers).await;
    let mut watching = Vec::new();
    for _ in 0..MAX_CONCURRENT_STREAMS {
        let response = two.clone().send_request(running.get("/endless")).await.unwrap();
        let mut body = response.into_body();
        body.frame().await.unwrap().unwrap();
        watching.push(body);
    }
    let mut sender = two.clone();
    let mut next = std::pin::pin!(sender.send_request(running.get("/")));
    assert!(timeout(NOT_SOON, &mut next).await.is_err());
    drop(watching.pop());
    assert_eq!(text(next.await.unwrap()).await, "hello\n");
    drop((two, watching));
    running.close().await;
}
