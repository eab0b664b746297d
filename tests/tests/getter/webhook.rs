//! A word of somebody who knows the secret shortens the wait.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use anyhow::Context as _;
use k1s_tests::scene::{Scene, config_map};
use serde_json::json;

use crate::stage::{Stage, values};

const SECRET: &str = "a secret of some length";
const HEARD: &str = "webhooks are heard at http://";

/// Says to a receiver that something changed, and returns the status line.
fn say(address: &str, secret: &str) -> anyhow::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    let request =
        format!("POST /changed HTTP/1.1\r\nHost: x\r\nX-Gitlab-Token: {secret}\r\nContent-Length: 2\r\n\r\n{{}}");
    stream.write_all(request.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer.lines().next().unwrap_or_default().to_owned())
}

#[test]
fn m03_an_origin_is_asked_at_once_and_only_at_a_signed_word() -> anyhow::Result<()> {
    let scene = Scene::new()?;
    scene.write("a.yaml", &config_map("a", "1"))?;
    fs::write(scene.outside("secret"), SECRET)?;
    let config = json!({
        "source": "./manifests",
        "interval": "24h",
        "webhook": {"listen": "127.0.0.1:0", "path": "/changed", "provider": "gitlab", "secretFile": "./secret"},
    });
    let mut daemon = Stage::over(scene, config)?.live()?;
    daemon.until_printed(HEARD)?;
    let printed = daemon.printed()?;
    let rest = printed.split_once(HEARD).context("where it is heard")?.1;
    let address = rest.split('/').next().context("an address")?.to_owned();
    assert_eq!(
        say(&address, "another secret of some length")?,
        "HTTP/1.1 401 Unauthorized"
    );
    daemon.scene.write("a.yaml", &config_map("a", "2"))?;
    assert_eq!(say(&address, SECRET)?, "HTTP/1.1 202 Accepted");
    daemon.until("updated", "ConfigMap shop/a", 1)?;
    let scene = daemon.stop()?;
    assert_eq!(values(&scene)?, ["a=2"]);
    Ok(())
}
