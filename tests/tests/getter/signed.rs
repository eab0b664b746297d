//! What has to be signed, and what is locked.

use std::fs;
use std::process::Command;

use anyhow::ensure;
use k1s_tests::program::{GETTER_SOURCE, built};
use k1s_tests::repository::Repository;
use k1s_tests::scene::{Scene, config_map};
use serde_json::json;

use crate::stage::{Stage, values};

/// Makes a key of SSH, and returns its public half as it stands in files.
fn key(scene: &Scene, name: &str) -> anyhow::Result<String> {
    let path = scene.outside(name);
    let status = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-C", name, "-f"])
        .arg(&path)
        .status()?;
    ensure!(status.success(), "ssh-keygen failed");
    Ok(fs::read_to_string(path.with_extension("pub"))?)
}

/// Commits one ConfigMap with a value, signed with a key of the scene or with none.
fn commit(scene: &Scene, repository: &Repository, value: &str, key: Option<&str>) -> anyhow::Result<String> {
    fs::create_dir_all(repository.path().join("apps"))?;
    fs::write(repository.path().join("apps/a.yaml"), config_map("a", value))?;
    repository.git(&["add", "--all"])?;
    let Some(key) = key else {
        repository.git(&["commit", "--quiet", "--message", value])?;
        return repository.git(&["rev-parse", "HEAD"]);
    };
    let signing = format!("user.signingKey={}", scene.outside(key).display());
    repository.git(&[
        "-c",
        "gpg.format=ssh",
        "-c",
        &signing,
        "commit",
        "--quiet",
        "-S",
        "--message",
        value,
    ])?;
    repository.git(&["rev-parse", "HEAD"])
}

#[test]
fn only_what_somebody_trusted_signed_is_taken() -> anyhow::Result<()> {
    let scene = Scene::new()?;
    let repository = Repository::make(scene.outside("repository"))?;
    let trusted = key(&scene, "trusted")?;
    key(&scene, "stranger")?;
    fs::write(scene.outside("signers"), format!("ann@example.com {trusted}"))?;
    let unsigned = commit(&scene, &repository, "0", None)?;
    let config = json!({
        "source": format!("git::file://{}", repository.path().display()),
        "allow": ["file"],
        "verify": {"allowedSigners": "./signers"},
    });
    let stage = Stage::over(scene, config)?;
    let refused = stage.once(1)?.stdout;
    ensure!(
        refused.contains(&format!("the commit {unsigned} is not signed")),
        "{refused}"
    );
    ensure!(values(&stage.scene)?.is_empty());

    commit(&stage.scene, &repository, "1", Some("trusted"))?;
    ensure!(stage.once(0)?.stdout.contains("1 created"));
    let strange = commit(&stage.scene, &repository, "2", Some("stranger"))?;
    let refused = stage.once(1)?.stdout;
    ensure!(
        refused.contains(&strange) && refused.contains("not trusted: SHA256:"),
        "{refused}"
    );
    assert_eq!(values(&stage.scene)?, ["a=1"]);
    Ok(())
}

#[test]
fn what_is_locked_stays_until_it_is_locked_anew() -> anyhow::Result<()> {
    let scene = Scene::new()?;
    let repository = Repository::make(scene.outside("repository"))?;
    commit(&scene, &repository, "1", None)?;
    let source = format!("git::file://{}", repository.path().display());
    let getter = built(GETTER_SOURCE)?;
    let lock = |scene: &Scene| -> anyhow::Result<()> {
        let status = Command::new(&getter)
            .args(["lock", "--allow=file", "getter.lock", &source])
            .current_dir(scene.outside(""))
            .status()?;
        ensure!(status.success(), "it was not locked");
        Ok(())
    };
    let config = json!({"source": source, "allow": ["file"], "lockFile": "./getter.lock"});
    let stage = Stage::over(scene, config)?;
    let refused = stage.once(1)?.stdout;
    ensure!(refused.contains("the lock file"), "{refused}");
    lock(&stage.scene)?;
    ensure!(stage.once(0)?.stdout.contains("1 created"));
    commit(&stage.scene, &repository, "2", None)?;
    ensure!(stage.once(0)?.stdout.contains("1 unchanged"));
    assert_eq!(values(&stage.scene)?, ["a=1"]);
    lock(&stage.scene)?;
    ensure!(stage.once(0)?.stdout.contains("1 updated"));
    assert_eq!(values(&stage.scene)?, ["a=2"]);
    Ok(())
}
