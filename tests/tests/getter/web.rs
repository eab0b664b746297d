//! Origins that are servers of HTTP, and what they do wrong.

use std::fs;

use anyhow::{Context as _, ensure};
use k1s_tests::eventually;
use k1s_tests::program::run;
use k1s_tests::scene::{DEADLINE, Scene, config_map};
use k1s_tests::web::{Page, Web};
use serde_json::json;

use crate::stage::{Stage, archive, values};

/// A server with an archive of two, and a source of it that asks each second.
fn served() -> anyhow::Result<(Web, Stage)> {
    let (web, scene) = (Web::start()?, Scene::new()?);
    web.put("/b.tar.gz", Page::of(archive(&scene, &[("a", "1"), ("b", "1")])?));
    let config = json!({"source": format!("{}//top", web.url("/b.tar.gz")), "allow": ["http"], "interval": "1s"});
    Ok((web, Stage::over(scene, config)?))
}

#[test]
fn what_is_unchanged_is_asked_on_condition_and_writes_nothing() -> anyhow::Result<()> {
    let (web, stage) = served()?;
    ensure!(stage.once(0)?.stdout.contains("2 created"));
    let again = stage.once(0)?;
    ensure!(
        again.stdout.contains("2 unchanged") && again.stdout.contains("nothing written"),
        "{}",
        again.stdout
    );
    let conditions: Vec<bool> = web
        .asked()
        .iter()
        .map(|asked| asked.headers.contains_key("if-none-match"))
        .collect();
    assert_eq!(conditions, [false, true]);
    Ok(())
}

/// A secret that is renewed in its file counts from the next request on, without another launch.
#[test]
fn secrets_of_files_are_read_whenever_they_are_needed() -> anyhow::Result<()> {
    for credentials in [
        json!({"token": "@word"}),
        json!({"username": "ann", "password": "@./word"}),
    ] {
        let (web, stage) = served()?;
        let word = stage.scene.outside("word");
        fs::write(&word, "first\n")?;
        let daemon = stage.configured("credentials", credentials).live()?;
        let told = || {
            web.asked()
                .last()
                .and_then(|asked| asked.headers.get("authorization").cloned())
        };
        let first = told().context("who asks")?;
        fs::write(&word, "second\n")?;
        let renewed = || Ok(told().filter(|now| *now != first));
        let second = eventually(DEADLINE, "another secret is told", renewed)?;
        let is_expected = ["Bearer second", "Basic YW5uOnNlY29uZA=="].contains(&second.as_str());
        ensure!(is_expected, "{second}");
        daemon.stop()?;
    }
    Ok(())
}

#[test]
fn nothing_is_said_when_nothing_changed() -> anyhow::Result<()> {
    let (web, stage) = served()?;
    let mut daemon = stage.live()?;
    daemon.until_printed("Ctrl-C stops")?;
    let (said, asked) = (daemon.printed()?, web.asked().len());
    eventually(DEADLINE, "the origin is asked again and again", || {
        Ok((web.asked().len() >= asked + 3).then_some(()))
    })?;
    assert_eq!(daemon.printed()?, said);
    daemon.stop()?;
    Ok(())
}

#[test]
fn an_origin_that_is_down_or_half_broken_takes_nothing_away() -> anyhow::Result<()> {
    let (web, stage) = served()?;
    let mut daemon = stage.live()?;
    web.go_down();
    daemon.until_printed("UNAVAILABLE")?;
    eventually(DEADLINE, "the source is stale", || {
        let status = daemon.scene.host(&["status"])?.stdout;
        Ok((status.contains("False") && status.contains("Stale")).then_some(()))
    })?;
    let whole = archive(&daemon.scene, &[("a", "2"), ("b", "1")])?;
    web.put("/b.tar.gz", Page::of(whole.clone()).cut_at(whole.len() / 2));
    web.come_back();
    daemon.until_printed("the answer was cut")?;
    assert_eq!(values(&daemon.scene)?, ["a=1", "b=1"]);
    web.put("/b.tar.gz", Page::of(whole));
    daemon.until("updated", "ConfigMap shop/a", 1)?;
    eventually(DEADLINE, "the source is ready again", || {
        let status = daemon.scene.host(&["status"])?.stdout;
        Ok((status.contains("True") && !status.contains("Stale")).then_some(()))
    })?;
    ensure!(daemon.deleted()?.is_empty());
    daemon.stop()?;
    Ok(())
}

#[test]
fn what_was_fetched_last_is_declared_while_the_origin_is_down() -> anyhow::Result<()> {
    let (web, stage) = served()?;
    stage.once(0)?;
    web.go_down();
    // A store that knows nothing: only what the source kept can fill it.
    let empty = stage.scene.outside("other");
    let run = run(&mut stage.command(&empty, &["--once"])?, DEADLINE)?.expect_code(1)?;
    ensure!(
        run.stdout.contains("2 created") && run.stdout.contains("UNAVAILABLE"),
        "{}",
        run.stdout
    );
    // And nothing is declared, rather than nothing being there, where nothing was kept.
    fs::remove_dir_all(stage.scene.outside("cache"))?;
    stage.once(1)?;
    assert_eq!(values(&stage.scene)?, ["a=1", "b=1"]);
    Ok(())
}

#[test]
fn what_an_archive_lost_is_pruned_and_another_address_only_lets_go() -> anyhow::Result<()> {
    let (web, stage) = served()?;
    stage.once(0)?;
    web.put("/b.tar.gz", Page::of(archive(&stage.scene, &[("other", "1")])?));
    stage.once(0)?;
    let manifest = config_map("lone", "1");
    let config = json!({"source": web.url("/lone"), "allow": ["http"]});
    web.put("/lone", Page::of(manifest));
    let stage = Stage::over(stage.scene, config)?;
    stage.once(0)?;
    // Another address is another scope: what the former one declared stays, and belongs to nobody.
    assert_eq!(values(&stage.scene)?, ["lone=1", "other=1"]);
    Ok(())
}

/// A page at an address that should be an archive is refused with these words, and the last state stays.
fn refused(page: Page, said: &str) -> anyhow::Result<()> {
    let (web, stage) = served()?;
    stage.once(0)?;
    web.put("/b.tar.gz", page);
    let refused = stage.once(1)?;
    ensure!(refused.stdout.contains(said), "{said}: {}", refused.stdout);
    assert_eq!(values(&stage.scene)?, ["a=1", "b=1"]);
    Ok(())
}

#[test]
fn h08_x_terraform_get_is_an_error_and_not_a_success() -> anyhow::Result<()> {
    refused(Page::of("").with("X-Terraform-Get", "./elsewhere"), "X-Terraform-Get")
}

/// P04: with a sub-directory that leads out, as go-getter follows it.
#[test]
fn p04_x_terraform_get_with_a_sub_directory_is_not_followed() -> anyhow::Result<()> {
    let other = Web::start()?;
    for place in [
        other.url("/a.zip//../../.."),
        "file:///etc//..".to_owned(),
        "./a.zip//../..".to_owned(),
    ] {
        refused(Page::of("").with("X-Terraform-Get", &place), "X-Terraform-Get")?;
    }
    ensure!(other.asked().is_empty());
    Ok(())
}

#[test]
fn h10_a_login_page_is_no_manifest() -> anyhow::Result<()> {
    refused(Page::of("<!DOCTYPE html><title>Log in</title>"), "a page for people")?;
    refused(
        Page::of("anything").with("Content-Type", "text/html"),
        "a page for people",
    )
}

#[test]
fn h01_nothing_of_ours_goes_along_with_a_redirect_to_another_origin() -> anyhow::Result<()> {
    let (web, other, scene) = (Web::start()?, Web::start()?, Scene::new()?);
    other.put("/a.yaml", Page::of(config_map("a", "1")));
    web.put("/a.yaml", Page::status(302).with("Location", &other.url("/a.yaml")));
    fs::write(scene.outside("token"), "secret")?;
    fs::write(scene.outside("headers"), "PRIVATE-TOKEN: secret\n")?;
    let credentials = json!({"token": "@token", "headersFile": "./headers"});
    let config = json!({"source": web.url("/a.yaml"), "allow": ["http"], "credentials": credentials});
    let stage = Stage::over(scene, config)?;
    stage.once(0)?;
    let told = |web: &Web| {
        let asked = web.asked();
        let headers = asked.iter().flat_map(|asked| asked.headers.keys());
        headers
            .filter(|name| ["authorization", "private-token"].contains(&name.as_str()))
            .count()
    };
    assert_eq!((told(&web), told(&other), other.asked().len()), (2, 0, 1));
    assert_eq!(values(&stage.scene)?, ["a=1"]);
    Ok(())
}

#[test]
fn h03_a_redirect_never_leaves_http() -> anyhow::Result<()> {
    refused(Page::status(302).with("Location", "file:///etc/passwd"), "redirect")
}

#[test]
fn an_archive_that_is_said_to_be_coded_is_taken_as_it_is() -> anyhow::Result<()> {
    let (web, stage) = served()?;
    let whole = archive(&stage.scene, &[("a", "1")])?;
    web.put("/b.tar.gz", Page::of(whole).with("Content-Encoding", "gzip"));
    stage.once(0)?;
    assert_eq!(values(&stage.scene)?, ["a=1"]);
    Ok(())
}

#[test]
fn h02_an_untrusted_source_asks_nothing_of_this_machine() -> anyhow::Result<()> {
    let (web, stage) = served()?;
    let config = json!({"source": web.url("/b.tar.gz"), "allow": ["http"], "untrusted": true});
    let stage = Stage::over(stage.scene, config)?;
    let refused = stage.once(1)?;
    ensure!(refused.stdout.contains("127.0.0.1"), "{}", refused.stdout);
    ensure!(web.asked().is_empty());
    Ok(())
}

#[test]
fn an_origin_that_asks_to_be_left_alone_is() -> anyhow::Result<()> {
    let (web, stage) = served()?;
    web.put("/b.tar.gz", Page::status(429).with("Retry-After", "3000"));
    let mut command = stage.command(&stage.scene.data_dir(), &[])?;
    let mut host = k1s_tests::program::start(&mut command)?;
    host.until_printed("RATE_LIMITED", DEADLINE)?;
    let asked = web.asked().len();
    // Whoever wants to know is told what is known, without asking.
    let answer = stage.scene.host(&["sync", "getter", "--wait"])?;
    assert_eq!((web.asked().len(), asked), (1, 1), "{}", answer.stdout);
    Ok(())
}

#[test]
fn a_checksum_is_asked_for_and_holds_for_each_download() -> anyhow::Result<()> {
    let (web, scene) = (Web::start()?, Scene::new()?);
    web.put("/a.yaml", Page::of(config_map("a", "1")));
    web.put("/sums", Page::of(format!("{}  a.yaml\n", "0".repeat(64))));
    let source = format!("{}?checksum=file:{}", web.url("/a.yaml"), web.url("/sums"));
    let stage = Stage::over(scene, json!({"source": source, "allow": ["http"]}))?;
    let refused = stage.once(1)?;
    ensure!(refused.stdout.contains("the checksum is sha256:"), "{}", refused.stdout);
    ensure!(values(&stage.scene)?.is_empty());
    let sum = refused
        .stdout
        .split("the checksum is sha256:")
        .nth(1)
        .unwrap_or_default();
    let sum: String = sum.chars().take(64).collect();
    web.put("/sums", Page::of(format!("{sum}  a.yaml\n")));
    stage.once(0)?;
    assert_eq!(values(&stage.scene)?, ["a=1"]);
    Ok(())
}
