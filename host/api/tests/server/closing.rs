//! How a server goes: it finishes what it can, and is gone in time.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::BodyExt as _;
use k1s_api::server::{CLOSING_GRACE, Listener, Wish};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::harness::{Home, Running, get, text};

/// The host must be gone by then.
const GONE: Duration = Duration::from_secs(2);

#[tokio::test]
async fn responses_that_never_end_are_cut_off_in_time() {
    let home = Home::new();
    let running = Running::start(&home);
    let mut drivers = JoinSet::new();
    let mut one = running.http_1(&mut drivers).await;
    let mut two = running.http_2(&mut drivers).await;
    let responses = [
        one.send_request(running.get("/endless")).await.unwrap(),
        two.send_request(running.get("/endless")).await.unwrap(),
        two.send_request(running.get("/endless")).await.unwrap(),
    ];
    let mut bodies = responses.map(http::Response::into_body);
    for body in &mut bodies {
        assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "first\n");
    }
    let took = running.close().await;
    assert!(took >= CLOSING_GRACE && took < GONE, "{took:?}");
    for body in &mut bodies {
        let end = body.frame().await;
        assert!(!matches!(end, Some(Ok(_))), "{end:?}");
    }
    assert!(Listener::bind(&home.identity(), Wish::Kept).unwrap().changed.is_none());
}

#[tokio::test]
async fn who_only_waits_does_not_hold_it_up() {
    let home = Home::new();
    let running = Running::start(&home);
    let mut drivers = JoinSet::new();
    let mut idle_1 = running.http_1(&mut drivers).await;
    let mut idle_2 = running.http_2(&mut drivers).await;
    assert_eq!(idle_1.send_request(running.get("/")).await.unwrap().status(), 200);
    assert_eq!(idle_2.send_request(running.get("/")).await.unwrap().status(), 200);
    let mut half = running.tcp().await;
    half.write_all(&[0x16, 3, 1]).await.unwrap();
    let mut silent = running.tls(&[b"h2"]).await;
    let took = running.close().await;
    assert!(took < CLOSING_GRACE, "{took:?}");
    drop(half.read(&mut [0; 1]).await);
    drop(silent.read(&mut [0; 1]).await);
}

#[tokio::test]
async fn a_request_that_can_finish_does() {
    let home = Home::new();
    let running = Running::start(&home);
    let mut drivers = JoinSet::new();
    let mut one = running.http_1(&mut drivers).await;
    let mut two = running.http_2(&mut drivers).await;
    let answers = futures_util::future::join(
        one.send_request(running.get("/held")),
        two.send_request(running.get("/held")),
    );
    let stage = Arc::clone(&running.stage);
    let closing = async {
        stage.held.notified().await;
        stage.held.notified().await;
        // Both wait inside the service when the server is told to close.
        let release = async {
            stage.release.notify_one();
            stage.release.notify_one();
            drop(stage);
        };
        futures_util::future::join(running.close(), release).await.0
    };
    let ((first, second), took) = futures_util::future::join(answers, closing).await;
    assert_eq!(text(first.unwrap()).await, "hello\n");
    assert_eq!(text(second.unwrap()).await, "hello\n");
    assert!(took < GONE, "{took:?}");
}

#[tokio::test]
async fn nobody_is_let_in_while_it_closes() {
    let home = Home::new();
    let running = Running::start(&home);
    let socket = running.endpoint.address.socket();
    let mut open = running.connect().await;
    let endless = open.send(get("/endless")).await.unwrap();
    let mut closing = pin!(running.close());
    let refused = async { while TcpStream::connect(socket).await.is_ok() {} };
    tokio::select! {
        biased;
        () = refused => (),
        took = &mut closing => panic!("closed after {took:?} with the door open"),
    }
    // What is open goes on meanwhile.
    let took = closing.await;
    assert!(took >= CLOSING_GRACE, "{took:?}");
    drop(endless);
}
