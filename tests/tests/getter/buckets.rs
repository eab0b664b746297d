//! Origins that are buckets of S3, on a server that checks signatures and rights.

use std::fs;

use anyhow::ensure;
use k1s_tests::scene::{Scene, config_map};
use serde_json::json;

use crate::server::Moto;
use crate::stage::{Stage, values};

const BUCKET: &str = "pail";

/// A bucket with two manifests below `shop/`, and one beside it.
fn filled() -> anyhow::Result<Moto> {
    let mut moto = Moto::start(0)?;
    for (key, name) in [
        ("shop/a.yaml", "a"),
        ("shop/deep/b.yaml", "b"),
        ("shop-other/c.yaml", "c"),
    ] {
        moto.put(BUCKET, key, Some(&config_map(name, "1")))?;
    }
    Ok(moto)
}

/// A source of what is named in the bucket, which asks each second; its secret is in a file.
fn stage(moto: &Moto, rest: &str) -> anyhow::Result<Stage> {
    let scene = Scene::new()?;
    fs::write(scene.outside("secret"), &moto.secret)?;
    let config = json!({
        "source": format!("s3::http://127.0.0.1:{}/{BUCKET}/{rest}", moto.port),
        "allow": ["http"],
        "interval": "1s",
        "credentials": {"username": moto.id, "password": "@secret"},
    });
    Stage::over(scene, config)
}

#[test]
fn a_folder_of_a_bucket_is_followed() -> anyhow::Result<()> {
    let mut moto = filled()?;
    let mut daemon = stage(&moto, "shop")?.live()?;
    assert_eq!(values(&daemon.scene)?, ["a=1", "b=1"]);
    moto.put(BUCKET, "shop/a.yaml", Some(&config_map("a", "2")))?;
    daemon.until("updated", "ConfigMap shop/a", 1)?;
    moto.put(BUCKET, "shop/d.yaml", Some(&config_map("d", "1")))?;
    daemon.until("created", "ConfigMap shop/d", 1)?;
    moto.put(BUCKET, "shop/d.yaml", None)?;
    daemon.until("deleted", "ConfigMap shop/d", 1)?;
    assert_eq!(values(&daemon.scene)?, ["a=2", "b=1"]);
    daemon.stop()?;
    Ok(())
}

#[test]
fn a_bucket_is_asked_for_with_a_profile_and_with_what_it_is_renewed_to() -> anyhow::Result<()> {
    let moto = filled()?;
    let scene = Scene::new()?;
    let profiles = scene.outside("profiles");
    let write = |secret: &str| {
        let text = format!(
            "[team]\naws_access_key_id = {}\naws_secret_access_key = {secret}\n",
            moto.id
        );
        fs::write(&profiles, text)
    };
    write(&moto.secret)?;
    let config = json!({
        "source": format!("s3::http://127.0.0.1:{}/{BUCKET}/shop?aws_profile=team", moto.port),
        "allow": ["http"],
        "interval": "1s",
    });
    let stage = Stage::over(scene, config)?;
    let stage = stage.in_environment(json!({"AWS_SHARED_CREDENTIALS_FILE": profiles}));
    stage.once(0)?;
    assert_eq!(values(&stage.scene)?, ["a=1", "b=1"]);
    write("canary")?;
    let refused = stage.once(1)?;
    ensure!(refused.stdout.contains("PERMISSION"), "{}", refused.stdout);
    ensure!(!refused.stdout.contains("canary"), "the secret is told");
    fs::write(&profiles, "[other]\n")?;
    let missing = stage.once(1)?;
    ensure!(missing.stdout.contains("no profile"), "{}", missing.stdout);
    assert_eq!(values(&stage.scene)?, ["a=1", "b=1"]);
    Ok(())
}

#[test]
fn a_bucket_is_asked_for_by_a_role_that_a_token_lets_one_take_over() -> anyhow::Result<()> {
    let moto = filled()?;
    let scene = Scene::new()?;
    let token = scene.outside("identity");
    fs::write(&token, &moto.identity)?;
    let config = json!({
        "source": format!("s3::http://127.0.0.1:{}/{BUCKET}/shop", moto.port),
        "allow": ["http"],
        "interval": "1s",
        "credentials": {"cloud": "aws"},
    });
    let nothing = scene.outside("nothing");
    let env = json!({
        "AWS_CONFIG_FILE": nothing,
        "AWS_SHARED_CREDENTIALS_FILE": nothing,
        "AWS_ENDPOINT_URL_STS": format!("http://127.0.0.1:{}", moto.port),
        "AWS_ROLE_ARN": moto.role,
        "AWS_WEB_IDENTITY_TOKEN_FILE": token,
    });
    let stage = Stage::over(scene, config)?.in_environment(env);
    stage.once(0)?;
    assert_eq!(values(&stage.scene)?, ["a=1", "b=1"]);
    fs::write(&token, "a canary")?;
    let refused = stage.once(1)?;
    let is_told = refused.stdout.contains("AUTH") && refused.stdout.contains("the role has to trust whoever signed");
    ensure!(is_told, "{}", refused.stdout);
    let said = format!("{}{}", refused.stdout, refused.stderr);
    ensure!(!said.contains("canary"), "the token is told");
    assert_eq!(values(&stage.scene)?, ["a=1", "b=1"]);
    Ok(())
}

#[test]
fn an_unchanged_bucket_writes_nothing() -> anyhow::Result<()> {
    let mut moto = filled()?;
    moto.put(BUCKET, "lone", Some(&config_map("lone", "1")))?;
    for (rest, count) in [("shop/", 2), ("shop//deep", 1), ("lone", 1)] {
        let stage = stage(&moto, rest)?;
        let first = stage.once(0)?;
        ensure!(
            first.stdout.contains(&format!("{count} created")),
            "{rest}: {}",
            first.stdout
        );
        let again = stage.once(0)?;
        let is_unchanged =
            again.stdout.contains(&format!("{count} unchanged")) && again.stdout.contains("nothing written");
        ensure!(is_unchanged, "{rest}: {}", again.stdout);
    }
    Ok(())
}

#[test]
fn p07_a_key_that_is_no_path_fails_by_itself() -> anyhow::Result<()> {
    let mut moto = filled()?;
    moto.put(BUCKET, "shop/x//y.yaml", Some(&config_map("evil", "1")))?;
    let stage = stage(&moto, "shop")?;
    let run = stage.once(1)?;
    ensure!(run.stdout.contains("has a part that is empty"), "{}", run.stdout);
    assert_eq!(values(&stage.scene)?, ["a=1", "b=1"]);
    Ok(())
}

#[test]
fn what_a_key_may_not_read_takes_nothing_away_and_is_told() -> anyhow::Result<()> {
    let mut moto = filled()?;
    let stage = stage(&moto, "shop")?;
    stage.once(0)?;
    moto.put(BUCKET, "shop/a.yaml", Some(&config_map("a", "2")))?;
    fs::write(stage.scene.outside("secret"), "canary-secret")?;
    let refused = stage.once(1)?;
    ensure!(refused.stdout.contains("PERMISSION"), "{}", refused.stdout);
    ensure!(
        !refused.stdout.contains("canary") && !refused.stderr.contains("canary"),
        "the secret is told"
    );
    assert_eq!(values(&stage.scene)?, ["a=1", "b=1"]);

    fs::write(stage.scene.outside("secret"), &moto.secret)?;
    stage.once(0)?;
    assert_eq!(values(&stage.scene)?, ["a=2", "b=1"]);
    for key in ["shop/a.yaml", "shop/deep/b.yaml"] {
        moto.put(BUCKET, key, None)?;
    }
    let gone = stage.once(1)?;
    ensure!(gone.stdout.contains("ROOT_NOT_FOUND"), "{}", gone.stdout);
    assert_eq!(values(&stage.scene)?, ["a=2", "b=1"]);
    Ok(())
}
