//! Keys and tokens that are lent for a while, to who signs for them.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, ensure};
use k1s_tests::eventually;
use k1s_tests::repository::Repository;
use k1s_tests::scene::{DEADLINE, Scene, config_map};
use k1s_tests::web::{Page, Web};
use serde_json::json;

use crate::gcs_server::Gcs;
use crate::stage::{Stage, values};

/// Where GitHub's own servers have their API, and what an installation is lent there.
const LENT: &str = "/api/v3/app/installations/4/access_tokens";

/// A private key in PEM, in a form of ssh-keygen's.
fn key(scene: &Scene, form: &str) -> anyhow::Result<PathBuf> {
    let path = scene.outside(form);
    let mut command = Command::new("ssh-keygen");
    command.args(["-q", "-t", "rsa", "-b", "2048", "-N", "", "-m", form, "-f"]);
    ensure!(command.arg(&path).status()?.success(), "no key is made");
    Ok(path)
}

/// What an App is lent.
fn lent(token: &str) -> Page {
    let told = json!({"token": token, "expires_at": "2099-01-01T00:00:00Z"});
    Page::of(told.to_string()).answering(201)
}

#[test]
fn a_bucket_of_google_is_asked_for_by_the_account_of_a_service() -> anyhow::Result<()> {
    let mut gcs = Gcs::start(0)?;
    gcs.put("pail", "shop/a.yaml", Some(&config_map("a", "1")))?;
    let web = Web::start()?;
    web.put(
        "/token",
        Page::of(json!({"access_token": gcs.token, "expires_in": 3600}).to_string()),
    );
    let scene = Scene::new()?;
    let account = scene.outside("account.json");
    let told = json!({
        "type": "service_account",
        "client_email": "shop@example.iam.gserviceaccount.com",
        "private_key": fs::read_to_string(key(&scene, "PKCS8")?)?,
        "token_uri": web.url("/token"),
    });
    fs::write(&account, told.to_string())?;
    let config = json!({
        "source": "gcs::https://www.googleapis.com/storage/v1/pail/shop",
        "interval": "1s",
        "credentials": {"cloud": "google"},
    });
    let env = json!({
        "STORAGE_EMULATOR_HOST": format!("127.0.0.1:{}", gcs.port),
        "GOOGLE_APPLICATION_CREDENTIALS": account,
    });
    let stage = Stage::over(scene, config)?.in_environment(env);
    stage.once(0)?;
    assert_eq!(values(&stage.scene)?, ["a=1"]);
    let asked = web.asked();
    let form = String::from_utf8(asked.first().context("nobody asked")?.body.clone())?;
    ensure!(asked.len() == 1 && form.contains("assertion=ey"), "{form}");
    web.put("/token", Page::of("a canary").answering(400));
    let refused = stage.once(1)?;
    ensure!(refused.stdout.contains("AUTH"), "{}", refused.stdout);
    ensure!(!refused.stdout.contains("canary"), "{}", refused.stdout);
    assert_eq!(values(&stage.scene)?, ["a=1"]);
    Ok(())
}

#[test]
fn a_repository_is_asked_for_by_an_app_and_by_what_it_is_lent_next() -> anyhow::Result<()> {
    let scene = Scene::new()?;
    let repository = Repository::make(scene.outside("served/repository"))?;
    repository.commit("apps", &[("a.yaml".to_owned(), config_map("a", "1"))])?;
    let web = Web::start()?;
    web.serve_repositories(&scene.outside("served"));
    web.put(LENT, lent("ghs_first"));
    web.demand("x-access-token", "ghs_first");
    let config = json!({
        "source": format!("git::{}//apps?ref=main", web.url("/repository")),
        "allow": ["http"],
        "interval": "1s",
        "credentials": {"githubApp": {
            "appId": 17,
            "installationId": 4,
            "privateKeyFile": key(&scene, "PEM")?,
            "apiUrl": web.url("/api/v3"),
        }},
    });
    let daemon = Stage::over(scene, config)?.live()?;
    assert_eq!(values(&daemon.scene)?, ["a=1"]);
    let lendings = || web.asked().iter().filter(|asked| asked.target == LENT).count();
    assert_eq!(lendings(), 1);
    // The token is taken back before it expires.
    web.put(LENT, lent("ghs_second"));
    web.demand("x-access-token", "ghs_second");
    repository.commit("apps", &[("a.yaml".to_owned(), config_map("a", "2"))])?;
    eventually(DEADLINE, "another token is asked for", || {
        Ok((values(&daemon.scene)? == ["a=2"]).then_some(()))
    })?;
    assert_eq!(lendings(), 2);
    daemon.stop()?;
    let asked = web.asked();
    let mut shown = asked
        .iter()
        .filter(|asked| asked.target != LENT)
        .map(|asked| asked.headers.get("authorization"));
    ensure!(
        shown.all(|shown| shown.is_some_and(|shown| shown.starts_with("Basic "))),
        "somebody asked without it"
    );
    Ok(())
}

#[test]
fn an_archive_is_asked_for_by_an_app_and_what_it_leads_to_is_told_nothing() -> anyhow::Result<()> {
    let (web, elsewhere) = (Web::start()?, Web::start()?);
    let scene = Scene::new()?;
    elsewhere.put("/signed.yaml", Page::of(config_map("a", "1")));
    web.put(
        "/a.yaml",
        Page::status(302).with("Location", &elsewhere.url("/signed.yaml")),
    );
    web.put(LENT, lent("ghs_x"));
    let config = json!({
        "source": web.url("/a.yaml"),
        "allow": ["http"],
        "credentials": {"githubApp": {
            "appId": 17,
            "installationId": 4,
            "privateKeyFile": key(&scene, "PEM")?,
            "apiUrl": web.url("/api/v3"),
        }},
    });
    let stage = Stage::over(scene, config)?;
    stage.once(0)?;
    assert_eq!(values(&stage.scene)?, ["a=1"]);
    let shown = |web: &Web, target: &str| {
        let asked = web.asked();
        asked
            .iter()
            .any(|asked| asked.target == target && asked.headers.contains_key("authorization"))
    };
    ensure!(shown(&web, "/a.yaml") && !shown(&elsewhere, "/signed.yaml"));
    Ok(())
}

#[test]
fn what_is_lent_is_for_ones_own_addresses_and_their_servers() -> anyhow::Result<()> {
    let s3 = "s3::https://s3.eu-west-1.amazonaws.com/b/k";
    let app = json!({"appId": 1, "installationId": 2, "privateKeyFile": "/nowhere"});
    for (config, words) in [
        (
            json!({"source": s3, "untrusted": true, "credentials": {"cloud": "aws"}}),
            "in an `untrusted` source",
        ),
        (
            json!({"source": s3, "credentials": {"cloud": "google"}}),
            "buckets of Google Cloud Storage",
        ),
        (
            json!({"source": s3, "credentials": {"cloud": "aws", "username": "u"}}),
            "more than one of",
        ),
        (
            json!({"source": "git::https://git.example/r.git", "credentials": {"githubApp": app}}),
            "another server",
        ),
        (
            json!({"source": "git::ssh://git@github.com/o/r.git", "credentials": {"githubApp": app}}),
            "behind `https://`",
        ),
        (
            json!({"source": s3, "credentials": {"headersFile": "/nowhere"}}),
            "no place for it",
        ),
    ] {
        let stage = Stage::with(config.clone())?;
        let refused = k1s_tests::program::run(&mut stage.command(&stage.scene.data_dir(), &["--once"])?, DEADLINE)?;
        let said = format!("{}{}", refused.stdout, refused.stderr);
        ensure!(!refused.status.success() && said.contains(words), "{config}: {said}");
    }
    Ok(())
}
