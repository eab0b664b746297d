//! Origins that are repositories of git.

use std::fs;
use std::process::Command;

use anyhow::ensure;
use k1s_tests::eventually;
use k1s_tests::program::run;
use k1s_tests::scene::{DEADLINE, Scene, config_map};
use k1s_tests::sshd::Sshd;
use serde_json::json;

use crate::stage::{Stage, values};

/// Runs git in a repository outside of the manifests.
fn git(scene: &Scene, arguments: &[&str]) -> anyhow::Result<String> {
    let output = Command::new("git")
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", scene.outside(""))
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .envs(["GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME"].map(|name| (name, "Ann")))
        .envs(["GIT_AUTHOR_EMAIL", "GIT_COMMITTER_EMAIL"].map(|name| (name, "ann@example.com")))
        .args(arguments)
        .current_dir(scene.outside("repository"))
        .output()?;
    ensure!(
        output.status.success(),
        "{arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

/// Commits ConfigMaps, which are all there are in `apps`.
fn commit(scene: &Scene, maps: &[(&str, &str)]) -> anyhow::Result<()> {
    let apps = scene.outside("repository/apps");
    if apps.exists() {
        fs::remove_dir_all(&apps)?;
    }
    fs::create_dir_all(&apps)?;
    for (name, value) in maps {
        fs::write(apps.join(format!("{name}.yaml")), config_map(name, value))?;
    }
    git(scene, &["add", "--all"])?;
    git(scene, &["commit", "--quiet", "--allow-empty", "--message", "A change"]).map(drop)
}

/// A repository with two ConfigMaps, and a source of it that asks each second.
fn stage() -> anyhow::Result<Stage> {
    let scene = Scene::new()?;
    fs::create_dir(scene.outside("repository"))?;
    git(&scene, &["init", "--quiet", "--initial-branch=main"])?;
    commit(&scene, &[("a", "1"), ("b", "1")])?;
    git(&scene, &["branch", "live"])?;
    let source = format!("git::file://{}//apps?ref=live", scene.outside("repository").display());
    Stage::over(scene, json!({"source": source, "allow": ["file"], "interval": "1s"}))
}

#[test]
fn a_branch_is_followed_wherever_it_goes() -> anyhow::Result<()> {
    let stage = stage()?;
    ensure!(stage.once(0)?.stdout.contains("2 created"));
    let again = stage.once(0)?;
    ensure!(
        again.stdout.contains("2 unchanged") && again.stdout.contains("nothing written"),
        "{}",
        again.stdout
    );

    let mut daemon = stage.live()?;
    commit(&daemon.scene, &[("a", "2"), ("b", "1"), ("c", "1")])?;
    git(&daemon.scene, &["branch", "--force", "live", "main"])?;
    let is = |expected: &'static [&'static str]| {
        eventually(DEADLINE, "the branch is followed", || {
            Ok((values(&daemon.scene)? == expected).then_some(()))
        })
    };
    is(&["a=2", "b=1", "c=1"])?;
    // To a commit that has nothing to do with the one before.
    git(&daemon.scene, &["branch", "--force", "live", "main~1"])?;
    is(&["a=1", "b=1"])?;
    // What the branch named last holds when it goes.
    git(&daemon.scene, &["branch", "-D", "live"])?;
    daemon.until_printed("ROOT_NOT_FOUND")?;
    assert_eq!(values(&daemon.scene)?, ["a=1", "b=1"]);
    daemon.stop()?;
    Ok(())
}

/// A commit elsewhere has none of what is wanted read again: it is no longer there to be read.
#[test]
fn what_did_not_change_is_not_parsed_again_for_a_commit_that_touches_another_folder() -> anyhow::Result<()> {
    let stage = stage()?;
    ensure!(stage.once(0)?.stdout.contains("2 created"));
    let elsewhere = stage.scene.outside("repository/elsewhere");
    fs::create_dir(&elsewhere)?;
    fs::write(elsewhere.join("c.yaml"), config_map("c", "1"))?;
    git(&stage.scene, &["add", "--all"])?;
    git(&stage.scene, &["commit", "--quiet", "--message", "Another folder"])?;
    git(&stage.scene, &["branch", "--force", "live", "main"])?;
    let mut held = Vec::new();
    for name in ["a", "b"] {
        let id = git(&stage.scene, &["rev-parse", &format!("main:apps/{name}.yaml")])?;
        let (directory, file) = id.split_at(2);
        let object = stage
            .scene
            .outside("repository/.git/objects")
            .join(directory)
            .join(file);
        held.push((object.clone(), fs::read(&object)?));
        fs::remove_file(object)?;
    }
    let again = stage.once(0)?;
    ensure!(
        again.stdout.contains("2 unchanged") && again.stdout.contains("nothing written"),
        "{}",
        again.stdout
    );

    // Whoever holds nothing of it has to read it, and cannot.
    let lost = run(&mut stage.command(&stage.scene.outside("anew"), &["--once"])?, DEADLINE)?;
    ensure!(!lost.stdout.contains("2 created"), "{}", lost.stdout);
    for (object, content) in held {
        fs::write(object, content)?;
    }
    let read = run(&mut stage.command(&stage.scene.outside("anew"), &["--once"])?, DEADLINE)?.expect_code(0)?;
    ensure!(read.stdout.contains("2 created"), "{}", read.stdout);
    Ok(())
}

#[test]
fn a_repository_behind_ssh_is_a_source_once_its_server_is_known() -> anyhow::Result<()> {
    let server = Sshd::start(&["ed25519"], &["AcceptEnv GIT_PROTOCOL"])?;
    let key = server.user_key("key", "ed25519", "a canary")?;
    let known = server.path("known");
    fs::write(&known, "")?;
    let scene = Scene::new()?;
    fs::create_dir(scene.outside("repository"))?;
    git(&scene, &["init", "--quiet", "--initial-branch=main"])?;
    commit(&scene, &[("a", "1"), ("b", "1")])?;
    fs::copy(&key, scene.outside("key"))?;
    fs::write(scene.outside("passphrase"), "a canary")?;
    let config = json!({
        "source": format!("git::ssh://git@{}{}//apps", server.address(), scene.outside("repository").display()),
        "credentials": {"sshKey": "@key", "sshKeyPassphrase": "@passphrase", "knownHosts": known},
    });
    let stage = Stage::over(scene, config)?;
    let refused = run(&mut stage.command(&stage.scene.data_dir(), &["--once"])?, DEADLINE)?;
    let line = format!("{} {}", server.name(), server.host_key("ed25519")?);
    for said in [refused.stdout.as_str(), refused.stderr.as_str()] {
        ensure!(!said.contains("canary") && !said.contains("PRIVATE"), "{said}");
    }
    ensure!(
        format!("{}{}", refused.stdout, refused.stderr).contains(&line),
        "{refused:?}"
    );
    fs::write(&known, line)?;
    ensure!(stage.once(0)?.stdout.contains("2 created"));
    Ok(())
}
