//! The port that is kept.

use std::fs;
use std::net::TcpListener;

use k1s_api::server::{Ensured, ListenError, Listener, Loopback, PortChanged, Wish};

use crate::harness::{Home, Running, get, put, text};

#[tokio::test]
async fn a_restart_gets_its_port_again_at_once() {
    let home = Home::new();
    let first = Running::start(&home);
    let address = first.endpoint.address;
    let mut connection = first.connect().await;
    assert_eq!(text(connection.send(get("/")).await.unwrap()).await, "hello\n");
    // The server closes first, so that it is its side that lingers.
    first.close().await;
    let bound = Listener::bind(&home.identity(), Wish::Kept).unwrap();
    assert_eq!((bound.listener.address(), bound.changed), (address, None));
}

#[tokio::test]
async fn a_port_that_somebody_took_is_replaced_and_told() {
    let home = Home::served();
    let before = home.endpoint();
    let thief = TcpListener::bind(before.address.socket()).unwrap();
    let bound = Listener::bind(&home.identity(), Wish::Kept).unwrap();
    let to = bound.listener.address();
    let from = before.address;
    assert_eq!(bound.changed, Some(PortChanged { from, to }));
    assert_eq!(home.kubeconfig().ensure().unwrap(), Ensured::Readdressed);
    assert_eq!((home.endpoint().address, home.endpoint().token), (to, before.token));

    // It is the new port that is kept, although the old one is free again.
    drop((thief, bound));
    let again = Listener::bind(&home.identity(), Wish::Kept).unwrap();
    assert_eq!((again.listener.address(), again.changed), (to, None));
}

#[tokio::test]
async fn a_port_that_was_asked_for_is_that_or_an_error() {
    let home = Home::served();
    let kept = home.endpoint().address;
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = Loopback::try_from(taken.local_addr().unwrap()).unwrap();
    let refused = Listener::bind(&home.identity(), Wish::Exactly(address)).unwrap_err();
    assert!(matches!(refused, ListenError::Taken { address: named } if named == address));
    assert_eq!(home.identity().address().unwrap(), Some(kept));

    drop(taken);
    let bound = Listener::bind(&home.identity(), Wish::Exactly(address)).unwrap();
    assert_eq!(
        bound.changed,
        Some(PortChanged {
            from: kept,
            to: address
        })
    );
    assert_eq!(home.identity().address().unwrap(), Some(address));
}

#[tokio::test]
async fn a_damaged_address_is_named_and_left_alone() {
    let home = Home::served();
    let path = home.api().join("address");
    for damaged in ["", "65536", "127.0.0.1:x\n", "0.0.0.0:80\n"] {
        put(&path, damaged);
        let message = Listener::bind(&home.identity(), Wish::Kept).unwrap_err().to_string();
        assert!(
            message.contains("api/address") && message.contains("delete"),
            "{message}"
        );
        assert_eq!(fs::read_to_string(&path).unwrap(), damaged);
    }
    fs::remove_file(&path).unwrap();
    assert!(Listener::bind(&home.identity(), Wish::Kept).is_ok());
}
