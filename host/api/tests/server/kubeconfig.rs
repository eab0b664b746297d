//! The kubeconfig and the token in it.

use std::fs;
use std::thread;

use k1s_api::server::{
    Endpoint, EndpointError, Ensured, Kubeconfig, KubeconfigError, Listener, Loopback, TokenError, Wish,
};

use crate::harness::{Home, chmod, mode, put};

fn free_address() -> Loopback {
    let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    Loopback::try_from(socket.local_addr().unwrap()).unwrap()
}

#[tokio::test]
async fn one_that_fits_stays_as_a_person_left_it() {
    let home = Home::served();
    let edited = fs::read_to_string(home.kubeconfig_path()).unwrap();
    let edited = edited.replace("namespace: default", "namespace: shop");
    put(&home.kubeconfig_path(), &edited);
    assert_eq!(home.kubeconfig().ensure().unwrap(), Ensured::Unchanged);
    assert_eq!(fs::read_to_string(home.kubeconfig_path()).unwrap(), edited);
}

#[tokio::test]
async fn another_address_or_authority_keeps_the_token() {
    let home = Home::served();
    let before = home.endpoint();
    let elsewhere = free_address();
    drop(Listener::bind(&home.identity(), Wish::Exactly(elsewhere)).unwrap());
    assert_eq!(home.kubeconfig().ensure().unwrap(), Ensured::Readdressed);
    let moved = home.endpoint();
    assert_eq!(
        (moved.address, &moved.token, &moved.authority),
        (elsewhere, &before.token, &before.authority)
    );

    let other = Home::served();
    for name in ["ca.crt", "ca.key"] {
        put(&home.api().join(name), fs::read(other.api().join(name)).unwrap());
    }
    assert_eq!(home.kubeconfig().ensure().unwrap(), Ensured::Readdressed);
    assert_eq!(home.endpoint().authority, other.endpoint().authority);
    assert_eq!(home.endpoint().token, before.token);
    assert!(home.identity().gate().admits(before.token.reveal()));
}

/// What makes a kubeconfig useless, and its name.
type Spoiling = (&'static str, fn(&Home));

#[tokio::test]
async fn one_of_no_use_is_written_anew_with_a_new_token() {
    let spoil: [Spoiling; 6] = [
        ("gone", |home| fs::remove_file(home.kubeconfig_path()).unwrap()),
        ("garbage", |home| put(&home.kubeconfig_path(), "apiVersion: v1\n")),
        ("not text", |home| put(&home.kubeconfig_path(), [0xff])),
        ("read by others", |home| chmod(&home.kubeconfig_path(), 0o644)),
        ("hash gone", |home| {
            fs::remove_file(home.api().join("token.sha256")).unwrap()
        }),
        ("killed between hash and kubeconfig", |home| {
            let other = Home::served();
            let hash = fs::read(other.api().join("token.sha256")).unwrap();
            put(&home.api().join("token.sha256"), hash);
        }),
    ];
    for (what, spoil) in spoil {
        let home = Home::served();
        let gate = home.identity().gate();
        let before = home.endpoint().token;
        assert!(gate.admits(before.reveal()), "{what}");
        spoil(&home);
        assert_eq!(home.kubeconfig().ensure().unwrap(), Ensured::NewToken, "{what}");
        let after = home.endpoint().token;
        assert!(gate.admits(after.reveal()), "{what}");
        assert!(!gate.admits(before.reveal()), "{what}");
        assert_eq!(mode(&home.kubeconfig_path()), 0o600, "{what}");
        assert_eq!(home.kubeconfig().ensure().unwrap(), Ensured::Unchanged, "{what}");
    }
}

#[tokio::test]
async fn a_rotation_is_seen_by_a_gate_that_is_open() {
    let home = Home::served();
    let gate = home.identity().gate();
    let before = home.endpoint().token;
    home.kubeconfig().rotate().unwrap();
    let after = home.endpoint().token;
    assert_ne!(before, after);
    assert!(gate.admits(after.reveal()) && !gate.admits(before.reveal()));
    for wrong in [
        "",
        " ",
        &after.reveal()[1..],
        &format!("{} ", after.reveal()),
        &"x".repeat(5000),
    ] {
        assert!(!gate.admits(wrong), "{wrong:?}");
    }
}

#[tokio::test]
async fn a_damaged_hash_admits_nobody_until_it_is_rotated() {
    let home = Home::served();
    let token = home.endpoint().token;
    put(&home.api().join("token.sha256"), "00\n");
    assert!(!home.identity().gate().admits(token.reveal()));
    let refused = home.kubeconfig().ensure().unwrap_err();
    assert!(matches!(refused, KubeconfigError::Token(TokenError::Damaged { .. })));
    assert!(refused.to_string().contains("kubeconfig --rotate"), "{refused}");
    home.kubeconfig().rotate().unwrap();
    assert!(home.identity().gate().admits(home.endpoint().token.reveal()));
}

#[tokio::test]
async fn nothing_is_written_before_there_is_an_address() {
    let home = Home::new();
    assert!(matches!(home.kubeconfig().ensure(), Err(KubeconfigError::NeverServed)));
    assert!(matches!(home.kubeconfig().rotate(), Err(KubeconfigError::NeverServed)));
    let missing = Endpoint::read(&home.kubeconfig_path());
    assert!(matches!(missing, Err(EndpointError::Missing { .. })));
    assert!(!home.identity().gate().admits(""));
}

#[tokio::test]
async fn rotations_at_the_same_time_leave_one_that_fits() {
    let home = Home::served();
    let kubeconfig: Kubeconfig = home.kubeconfig();
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| kubeconfig.rotate().unwrap());
        }
    });
    assert_eq!(kubeconfig.ensure().unwrap(), Ensured::Unchanged);
}
