//! Requests: both protocols, the token, and what one client can do to another.

use http::StatusCode;
use http_body_util::BodyExt as _;
use k1s_api::server::client::RequestError;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::task::JoinSet;

use crate::harness::{Home, Running, get, text};

#[tokio::test]
async fn both_protocols_answer_also_many_requests_at_once() {
    let home = Home::new();
    let running = Running::start(&home);
    let mut drivers = JoinSet::new();
    let mut one = running.http_1(&mut drivers).await;
    for _ in 0..3 {
        let response = one.send_request(running.get("/")).await.unwrap();
        assert_eq!(response.version(), http::Version::HTTP_11);
        assert_eq!(text(response).await, "hello\n");
        one.ready().await.unwrap();
    }
    let two = running.http_2(&mut drivers).await;
    let mut watching = Vec::new();
    for _ in 0..20 {
        let response = two.clone().send_request(running.get("/endless")).await.unwrap();
        assert_eq!(response.version(), http::Version::HTTP_2);
        let mut body = response.into_body();
        let first = body.frame().await.unwrap().unwrap();
        assert_eq!(first.into_data().unwrap(), "first\n");
        watching.push(body);
    }
    let response = two.clone().send_request(running.get("/")).await.unwrap();
    assert_eq!(text(response).await, "hello\n");
    drop((one, two, watching));
    running.close().await;
}

#[tokio::test]
async fn a_rotation_closes_a_connection_that_is_open_to_the_old_token() {
    let home = Home::new();
    let running = Running::start(&home);
    let mut open = running.connect().await;
    assert_eq!(open.send(get("/")).await.unwrap().status(), StatusCode::OK);
    home.kubeconfig().rotate().unwrap();
    let refused = open.send(get("/")).await.unwrap_err();
    assert!(matches!(refused, RequestError::Unauthorized), "{refused}");

    let endpoint = home.endpoint();
    let mut renewed = k1s_api::server::client::connect(&endpoint).await.unwrap();
    assert_eq!(text(renewed.send(get("/")).await.unwrap()).await, "hello\n");
    drop((open, renewed));
    running.close().await;
}

#[tokio::test]
async fn what_is_not_tls_is_let_go_and_hurts_nobody() {
    let home = Home::new();
    let running = Running::start(&home);
    let mut hello = vec![0x16, 3, 1, 0xff, 0xff, 1];
    hello.resize(5000, 0xaa);
    let strangers: [&[u8]; 4] = [
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.9\r\n",
        &hello,
        &[0; 64],
    ];
    for stranger in strangers {
        let mut stream = running.tcp().await;
        stream.write_all(stranger).await.unwrap();
        // Whether an alert comes first or not: the connection ends, and it is the server that ends it.
        let mut answer = Vec::new();
        drop(stream.read_to_end(&mut answer).await);
        assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
    }
    let mut connection = running.connect().await;
    assert_eq!(text(connection.send(get("/")).await.unwrap()).await, "hello\n");
    drop(connection);
    running.close().await;
}

#[tokio::test]
async fn who_never_finishes_a_handshake_keeps_nobody_waiting() {
    let home = Home::new();
    let running = Running::start(&home);
    let mut silent = Vec::new();
    for _ in 0..20 {
        let mut stream = running.tcp().await;
        stream.write_all(&[0x16, 3, 1]).await.unwrap();
        silent.push(stream);
    }
    let mut connection = running.connect().await;
    assert_eq!(text(connection.send(get("/")).await.unwrap()).await, "hello\n");
    drop(connection);
    running.close().await;
    drop(silent);
}

#[tokio::test]
async fn a_request_that_panics_takes_no_other_with_it() {
    let home = Home::new();
    let running = Running::start(&home);
    let mut drivers = JoinSet::new();
    let mut one = running.http_1(&mut drivers).await;
    one.send_request(running.get("/panic")).await.unwrap_err();
    let two = running.http_2(&mut drivers).await;
    two.clone().send_request(running.get("/panic")).await.unwrap_err();
    let response = two.clone().send_request(running.get("/")).await.unwrap();
    assert_eq!(text(response).await, "hello\n");
    drop((one, two));
    running.close().await;
}
