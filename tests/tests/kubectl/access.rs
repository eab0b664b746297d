//! Who is answered.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use anyhow::{Context as _, ensure};
use k1s_tests::kubectl::{Client, Kubectl};
use serde_json::{Value, json};

use crate::shop::Shop;

/// A client that says something else of itself than the kubeconfig of the host does.
fn stranger(shop: &Shop, credentials: &Value) -> anyhow::Result<Client> {
    let mut config = shop.client.json(["config", "view", "--raw", "-o", "json"])?;
    *config.pointer_mut("/users/0/user").context("a user")? = credentials.clone();
    let path = shop.client.file("stranger");
    fs::write(&path, config.to_string())?;
    Kubectl::ready()?.with(&path)
}

#[test]
fn only_who_has_the_token_is_answered() -> anyhow::Result<()> {
    let shop = Shop::open()?;
    let kubeconfig = shop.daemon.scene.data_dir().join("kubeconfig");
    assert_eq!(fs::metadata(&kubeconfig)?.permissions().mode() & 0o777, 0o600);
    for credentials in [
        json!({"token": "wrong"}),
        json!({"username": "admin", "password": "admin"}),
    ] {
        let stranger = stranger(&shop, &credentials)?;
        for path in ["/healthz", "/livez", "/readyz", "/version"] {
            stranger
                .answer(["get", "--raw", path])
                .with_context(|| credentials.to_string())?;
        }
        for path in [
            "/metrics",
            "/api",
            "/apis",
            "/api/v1/configmaps",
            "/api/v1/namespaces/many/configmaps/s-01",
            "/nothing",
        ] {
            let refused = stranger.run(["get", "--raw", path])?.expect_code(1)?;
            assert_eq!(refused.stdout, "");
            ensure!(
                refused.stderr.contains("You must be logged in to the server"),
                "{path}: {}",
                refused.stderr
            );
        }
        let post = [
            "create",
            "--raw",
            "/apis/sync.k1s.io/v1alpha1/sources/k1s-sync-fs/sync",
            "-f",
            "/dev/null",
        ];
        stranger.run(post)?.expect_code(1)?;
    }
    Ok(())
}

#[test]
fn another_server_is_not_mistaken_for_this_one() -> anyhow::Result<()> {
    let (one, other) = (Shop::open()?, Shop::open()?);
    let mut config = one.client.json(["config", "view", "--raw", "-o", "json"])?;
    let of_other = other.client.json(["config", "view", "--raw", "-o", "json"])?;
    let server = "/clusters/0/cluster/server";
    *config.pointer_mut(server).context("a server")? = of_other.pointer(server).context("a server")?.clone();
    let path = one.client.file("mixed");
    fs::write(&path, config.to_string())?;
    let refused = Kubectl::ready()?
        .with(&path)?
        .run(["get", "--raw", "/version"])?
        .expect_code(1)?;
    ensure!(refused.stderr.contains("certificate"), "{}", refused.stderr);
    Ok(())
}
