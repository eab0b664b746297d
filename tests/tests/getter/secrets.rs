//! S01, S02: what is secret shows nowhere, whatever goes wrong.

use std::fs;
use std::path::Path;

use anyhow::ensure;
use k1s_tests::scene::{DEADLINE, Scene, config_map};
use k1s_tests::web::{Page, Web};
use serde_json::json;

use crate::stage::Stage;

/// Words that must be found nowhere but at the server.
const CANARIES: [&str; 3] = ["canary-password", "canary-token", "canary-parameter"];

fn clean(text: &[u8], place: &str) -> anyhow::Result<()> {
    let text = String::from_utf8_lossy(text);
    let found = CANARIES.iter().find(|canary| text.contains(**canary));
    ensure!(found.is_none(), "{found:?} is in {place}: {text}");
    Ok(())
}

/// Looks into every file below a directory.
fn clean_below(directory: &Path) -> anyhow::Result<()> {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            clean_below(&path)?;
        } else {
            clean(&fs::read(&path)?, &path.display().to_string())?;
        }
    }
    Ok(())
}

#[test]
fn s01_s02_secrets_reach_the_server_and_nothing_else() -> anyhow::Result<()> {
    let (web, scene) = (Web::start()?, Scene::new()?);
    web.put("/a.yaml", Page::of(config_map("a", "1")));
    fs::write(scene.outside("token"), "canary-token\n")?;
    for (source, credentials) in [
        (
            format!(
                "http://user:canary-password@{}/a.yaml?sig=canary-parameter",
                web.authority()
            ),
            json!({}),
        ),
        (
            format!("{}?sig=canary-parameter", web.url("/a.yaml")),
            json!({"token": "@token"}),
        ),
    ] {
        let data = scene.outside(if credentials == json!({}) { "one" } else { "two" });
        let config = json!({
            "source": source, "allow": ["http"], "interval": "1s", "credentials": credentials,
        });
        let stage = Stage::over(Scene::new()?, config)?;
        fs::copy(scene.outside("token"), stage.scene.outside("token"))?;
        let mut command = stage.command(&data, &[])?;
        let mut host = k1s_tests::program::start(&mut command)?;
        host.until_printed("1 created", DEADLINE)?;
        // Each failure has words of its own.
        for (page, said) in [
            (
                Page::status(401).with("WWW-Authenticate", "Basic realm=canary-token"),
                "AUTH",
            ),
            (Page::status(500), "it answers 500"),
            (
                Page::status(302).with("Location", "ftp://x.invalid/?t=canary-token"),
                "redirect",
            ),
            (Page::of("canary-token: [\n"), "DATA_INVALID"),
        ] {
            web.put("/a.yaml", page);
            host.until_printed(said, DEADLINE)?;
        }
        let processes = [vec![host.id()], k1s_tests::processes::children(host.id())].concat();
        for process in processes {
            for file in ["cmdline", "environ"] {
                clean(&fs::read(format!("/proc/{process}/{file}"))?, file)?;
            }
        }
        host.signal(rustix::process::Signal::INT)?;
        let finished = host.wait(DEADLINE)?;
        clean(finished.stdout.as_bytes(), "standard output")?;
        clean(finished.stderr.as_bytes(), "standard error")?;
        clean_below(&data)?;
        web.put("/a.yaml", Page::of(config_map("a", "1")));
    }
    let sent: Vec<_> = web
        .asked()
        .into_iter()
        .filter_map(|asked| asked.headers.get("authorization").cloned())
        .collect();
    ensure!(sent.iter().any(|value| value == "Bearer canary-token"), "{sent:?}");
    ensure!(sent.iter().any(|value| value.starts_with("Basic ")), "{sent:?}");
    Ok(())
}
